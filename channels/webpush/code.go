package webpush

import (
	"net/http"
	"strconv"
	"sync"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// code is an HTTP status with a meaning of its own in Web Push.
type code struct {
	verdict channels.Verdict
	reason  string
	// stale is true where another VAPID token may help.
	stale bool
	// meaning is the standard's, in a few words.
	meaning string
}

// codes is what push services answer: RFC 8030, sections 5 and 7.3, RFC 8292,
// section 4.2, and errors.md of autopush (checked 2026-11-20). Another status means
// what it means everywhere.
var codes = sync.OnceValue(func() map[int]code {
	return map[int]code{
		http.StatusCreated:      {channels.Accepted, "", false, "taken"},
		http.StatusUnauthorized: {channels.Throttled, channels.ReasonCredentials, true, "the VAPID token is missing, wrong or expired"},
		http.StatusForbidden:    {channels.Throttled, channels.ReasonCredentials, true, "the subscription was made with another VAPID key, or the token is wrong"},
		http.StatusNotFound:     {channels.Refused, channels.ReasonDeadToken, false, "the subscription does not exist (autopush 102)"},
		http.StatusGone:         {channels.Refused, channels.ReasonDeadToken, false, "the subscription has ended (autopush 103, 105, 106)"},
	}
})

// maxErrno bounds what is believed to be one of autopush's error numbers.
const maxErrno = 999

// judge says what an answer means, and whether the VAPID token was rejected.
func (e *Emitter) judge(a call.Answer) (call.Result, bool) {
	c, known := codes()[a.Status]
	switch {
	case a.Status == http.StatusNotFound && e.base != nil:
		// A gateway's path that is wrong answers so for every good subscription.
		return call.Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest + ":404"}, false
	case known:
		return call.Result{Verdict: c.verdict, Reason: c.reason, RetryAfter: a.RetryAfter}, c.stale
	case a.Status < 300:
		// Something else than a push service answers 200 as well.
		return call.NoAnswer(), false
	}
	r := a.Refusal()
	var said struct {
		Errno int `json:"errno"`
	}
	// Only autopush says a number; without one the status alone speaks.
	if r.Reason == channels.ReasonBadRequest && a.JSON(&said) && said.Errno > 0 && said.Errno <= maxErrno {
		r = r.Coded(strconv.Itoa(said.Errno))
	}
	return r, false
}
