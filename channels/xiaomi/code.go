package xiaomi

import (
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// meaning is what a code of an answer means for the targets of the call.
type meaning struct {
	code         int
	verdict      channels.Verdict
	reason       string
	says, source string
}

// Where the meanings are from, checked 2026-11-20.
const (
	vendor = "https://dev.mi.com/xiaomihyperos/documentation/detail?pId=1560"
	// public is two adapters in public source that agree: not a statement of Xiaomi.
	public = "public source, unverified"
)

// codes is the table of codes that mean something else than a bad request. None of
// them names a dead target: that is said by the list beside a success only.
func codes() []meaning {
	return []meaning{
		{-1, channels.Unknown, channels.ReasonNoAnswer, "unknown error", vendor},
		{1, channels.Unknown, channels.ReasonNoAnswer, "internal error", vendor},
		{10001, channels.Unknown, channels.ReasonNoAnswer, "system error", vendor},
		{10002, channels.Throttled, channels.ReasonBusy, "the system is busy", vendor},
		{10003, channels.Unknown, channels.ReasonNoAnswer, "remote service error", vendor},
		{10027, channels.Throttled, channels.ReasonThrottled, "the app calls too often", vendor},
		{10031, channels.Throttled, channels.ReasonCredentials, "the app is on a blacklist", vendor},
		{10034, channels.Throttled, channels.ReasonThrottled, "the app's messages of the day are used up", vendor},
		{10036, channels.Throttled, channels.ReasonCredentials, "the app may not do this", vendor},
		{10037, channels.Throttled, channels.ReasonBusy, "the request expired", vendor},
		{20301, channels.Refused, channels.ReasonAllTokensBad, "the message could not be sent: no target of the call is valid", public},
		{20607, channels.Unknown, channels.ReasonNoAnswer, "database error", vendor},
		{21301, channels.Throttled, channels.ReasonCredentials, "authentication failed", vendor},
		{21302, channels.Throttled, channels.ReasonCredentials, "token authentication failed", vendor},
		{21303, channels.Throttled, channels.ReasonThrottled, "the request is limited", vendor},
		{22000, channels.Throttled, channels.ReasonCredentials, "illegal app", vendor},
		{22006, channels.Throttled, channels.ReasonCredentials, "illegal app id", vendor},
		{22007, channels.Throttled, channels.ReasonCredentials, "illegal app key", vendor},
		{22022, channels.Throttled, channels.ReasonCredentials, "illegal package name", vendor},
		{22102, channels.Throttled, channels.ReasonBusy, "the app's notification could not be sent", vendor},
		{26003, channels.Unknown, channels.ReasonNoAnswer, "an internal call failed", vendor},
		{26006, channels.Unknown, channels.ReasonNoAnswer, "the send waits for a review, and may be shown after it", vendor},
		{65003, channels.Throttled, channels.ReasonBusy, "the device was not found, usually because it is offline", vendor},
		{65009, channels.Refused, channels.ReasonTooLarge, "the text is too long", vendor},
		{65028, channels.Accepted, channels.ReasonNotFound, "the message was not found", vendor},
		{65029, channels.Unknown, channels.ReasonNoAnswer, "remote service error", vendor},
		{200001, channels.Throttled, channels.ReasonThrottled, "the day's quota is used up", public},
	}
}

// result is a meaning as a result.
func (m meaning) result() call.Result {
	return call.Result{Verdict: m.verdict, Reason: m.reason}.Coded(strconv.Itoa(m.code))
}
