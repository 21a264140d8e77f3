package call

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// Result is what came of a call for one device, or for all devices of the call.
type Result struct {
	Verdict    channels.Verdict
	Reason     string
	RetryAfter time.Duration
	// Send is the vendor's id of the new send that the call made.
	Send string
}

// All returns a reply with the result for every device of the command.
func (r Result) All(c channels.Command) channels.Reply {
	reply := channels.All(c, r.Verdict, r.Reason)
	reply.RetryAfter = r.RetryAfter
	for i := range reply.Results {
		reply.Results[i].Send = r.Send
	}
	return reply
}

// NoAnswer is the result of an answer that is not in the vendor's form: something
// else than the vendor may have given it.
func NoAnswer() Result { return Result{Verdict: channels.Unknown, Reason: channels.ReasonNoAnswer} }

// Failure says what an error of Send or Do means for the devices of the call.
func Failure(err error) Result {
	switch {
	case errors.Is(err, ErrUnmade):
		return Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}
	case errors.Is(err, ErrNotSent):
		return Result{Verdict: channels.Throttled, Reason: channels.ReasonUnreachable}
	}
	return NoAnswer()
}

// Refusal says what an HTTP status other than success means where the vendor
// says nothing more precise: ask the body first. The verdict is "" for 2xx.
//
// A wrong credential is tried again, for an operator can mend it before the
// window closes; 429 and 503 say that nothing was done, the other 5xx do not.
func (a Answer) Refusal() Result {
	r := Result{RetryAfter: a.RetryAfter}
	switch s := a.Status; {
	case s >= 200 && s < 300:
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		r.Verdict, r.Reason = channels.Throttled, channels.ReasonCredentials
	case s == http.StatusTooManyRequests:
		r.Verdict, r.Reason = channels.Throttled, channels.ReasonThrottled
	case s == http.StatusServiceUnavailable:
		r.Verdict, r.Reason = channels.Throttled, channels.ReasonBusy
	case s == http.StatusRequestEntityTooLarge:
		r.Verdict, r.Reason = channels.Refused, channels.ReasonTooLarge
	case s >= 500:
		r.Verdict, r.Reason = channels.Unknown, channels.ReasonNoAnswer
	default:
		r.Verdict, r.Reason = channels.Refused, channels.ReasonBadRequest
	}
	return r
}

// maxCode is the longest code that is repeated in a reason, in bytes.
const maxCode = 64

// Coded puts a vendor's code behind a reason, unless it is something else than a
// code: some vendors give a text in its place, and reasons are logged.
func Coded(reason, code string) string {
	other := func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-_.", r)
	}
	if code == "" || len(code) > maxCode || strings.ContainsFunc(code, other) {
		return reason
	}
	return reason + ":" + code
}

// Coded puts the vendor's code behind the result's reason, for whoever must mend
// it. What other parts compare stays as it is.
func (r Result) Coded(code string) Result {
	if r.Verdict != channels.Accepted && r.Reason != channels.ReasonCredentials && r.Reason != channels.ReasonDeadToken {
		r.Reason = Coded(r.Reason, code)
	}
	return r
}

// Named gives every device of a call the result that names it, and the others rest.
// failed is how many devices the vendor says it failed for, 0 where it does not say:
// where they are more than it named, nothing is known of the others.
func Named(c channels.Command, rest Result, named map[string]Result, failed int) channels.Reply {
	reply, found := rest.All(c), 0
	for i := range reply.Results {
		if r, ok := named[reply.Results[i].Device]; ok {
			reply.Results[i].Verdict, reply.Results[i].Reason = r.Verdict, r.Reason
			found++
		}
	}
	Doubt(reply.Results)
	if found >= failed {
		return reply
	}
	for i := range reply.Results {
		if x := &reply.Results[i]; x.Verdict == channels.Accepted {
			x.Verdict, x.Reason = channels.Unknown, channels.ReasonNoAnswer
		}
	}
	return reply
}

// Doubt believes no token of a call to be dead where the call reached no device at
// all: a wrong app or key makes every token look dead. The results are those of
// one call.
func Doubt(results []channels.Result) {
	for _, r := range results {
		if r.Verdict == channels.Accepted {
			return
		}
	}
	for i := range results {
		if results[i].Reason == channels.ReasonDeadToken {
			results[i].Reason = channels.ReasonAllTokensBad
		}
	}
}
