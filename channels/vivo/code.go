package vivo

import (
	"slices"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// meaning is what a code means: for a whole call, or for one device of it.
type meaning struct {
	code         int
	verdict      channels.Verdict
	reason       string
	says, source string
	// day is true where vivo must not be called again on the same day.
	day bool
}

// Where the meanings are from, checked 2026-11-20.
const (
	api    = "https://www.yimenapp.com/kb-yimen/12123/, API 2.9.2"
	page   = "https://dev.vivo.com.cn/documentCenter/doc/896, as quoted in public source"
	public = "public source, unverified"
)

// reasonInactive is for a device that vivo knows and does not reach.
const reasonInactive = "inactive"

// codes is the table of results of a call that mean something else than a bad
// request, beside the one of a bad token (Unverified.BadTokenCode).
func codes() []meaning {
	return []meaning{
		{10070, channels.Throttled, channels.ReasonThrottled, "the day's quota of messages is used up", api, true},
		{10071, channels.Throttled, channels.ReasonThrottled, "outside the hours in which this kind of message is allowed", api, false},
		{10073, channels.Throttled, channels.ReasonThrottled, "the day's quota of system messages is used up", api, true},
		{10093, channels.Throttled, channels.ReasonThrottled, "called too often", page, false},
		{10094, channels.Throttled, channels.ReasonCredentials, "the appId is not the one that authenticated", api, false},
		{10252, channels.Throttled, channels.ReasonThrottled, "the day's quota of texts for lists is used up", api, true},
		{10254, channels.Throttled, channels.ReasonThrottled, "the day's quota of sends to all is used up", api, true},
		{10302, channels.Refused, channels.ReasonAllTokensBad, "the registration id is invalid: no other is in the call", api, false},
	}
}

// statuses is the table of what is said of one device beside a success.
func statuses() []meaning {
	return []meaning{
		{1, channels.Refused, channels.ReasonDeadToken, "the registration id does not exist", public, false},
		{2, channels.Refused, reasonInactive, "the app is uninstalled or its notifications are off", public, false},
		{3, channels.Refused, reasonInactive, "the device was not online for a long time", public, false},
		{4, channels.Refused, channels.ReasonBadRequest, "not a test user, in test mode", public, false},
	}
}

// china is the time by which vivo's quotas begin a new day.
var china = time.FixedZone("UTC+8", 8*60*60)

// result is what a code means at a time.
func result(table []meaning, code int, now time.Time) call.Result {
	m := meaning{verdict: channels.Refused, reason: channels.ReasonBadRequest}
	if i := slices.IndexFunc(table, func(m meaning) bool { return m.code == code }); i >= 0 {
		m = table[i]
	}
	r := call.Result{Verdict: m.verdict, Reason: m.reason}
	if m.day {
		year, month, day := now.In(china).Date()
		r.RetryAfter = time.Date(year, month, day+1, 0, 0, 0, 0, china).Sub(now)
	}
	return r.Coded(strconv.Itoa(code))
}
