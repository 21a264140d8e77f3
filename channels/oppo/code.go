package oppo

import (
	"slices"
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// meaning is what a code of an answer means, for the whole call or for the one
// device beside which it stands.
type meaning struct {
	code         int
	verdict      channels.Verdict
	reason       string
	says, source string
}

// Where the meanings are from, checked 2026-11-20.
const (
	common = "OPPO's table of return codes, mirrored in public source"
	single = "OPPO's page on single sends, mirrored in public source"
)

// The codes the adapter acts on.
const (
	success      = 0
	badAuthToken = 11
	noAuthToken  = 29
	duplicate    = 32
	badDevice    = 10000
)

// codes is the table of codes that mean something else than a bad request.
func codes() []meaning {
	return []meaning{
		{-2, channels.Throttled, channels.ReasonThrottled, "the service is in flow control", common},
		{-1, channels.Throttled, channels.ReasonBusy, "the service is unavailable, try later", common},
		{badAuthToken, channels.Throttled, channels.ReasonCredentials, "invalid auth token", common},
		{13, channels.Throttled, channels.ReasonThrottled, "the app called too often", common},
		{14, channels.Throttled, channels.ReasonCredentials, "invalid app key", common},
		{15, channels.Throttled, channels.ReasonCredentials, "missing app key", common},
		{16, channels.Throttled, channels.ReasonCredentials, "invalid signature", common},
		{17, channels.Throttled, channels.ReasonCredentials, "missing signature", common},
		{18, channels.Throttled, channels.ReasonCredentials, "missing timestamp", common},
		{19, channels.Throttled, channels.ReasonCredentials, "invalid timestamp: the clock is off", common},
		{26, channels.Throttled, channels.ReasonCredentials, "the address is on a blacklist", common},
		{27, channels.Throttled, channels.ReasonCredentials, "access denied", common},
		{28, channels.Throttled, channels.ReasonCredentials, "the app is disabled", common},
		{noAuthToken, channels.Throttled, channels.ReasonCredentials, "missing auth token", common},
		{30, channels.Throttled, channels.ReasonCredentials, "the app may not push", common},
		{duplicate, channels.Accepted, channels.ReasonAlready, "duplicate: this message was sent to this device", common},
		{33, channels.Throttled, channels.ReasonThrottled, "the day's quota of messages is used up", common},
		{55, channels.Throttled, channels.ReasonThrottled, "the app calls too often", common},
		{badDevice, channels.Refused, channels.ReasonDeadToken, "invalid registration id", single},
	}
}

// result is what a code means.
func result(table []meaning, code int) call.Result {
	if code == success {
		return call.Result{Verdict: channels.Accepted}
	}
	r := call.Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}
	if i := slices.IndexFunc(table, func(m meaning) bool { return m.code == code }); i >= 0 {
		r.Verdict, r.Reason = table[i].verdict, table[i].reason
	}
	return r.Coded(strconv.Itoa(code))
}
