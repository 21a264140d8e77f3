package meizu

import (
	"sync"

	"github.com/recall-ledger/recall-ledger/channels"
)

// ok is the code of a call that was taken.
const ok = "200"

// failed is Meizu's "other failure". Cancelling a task that is over has no code
// of its own: it is this one, with overText in the message.
const (
	failed   = "500"
	overText = "无法取消"
)

// meaning is what a code means for a device.
type meaning struct {
	verdict channels.Verdict
	reason  string
}

// callCodes are the codes of a whole call, from the document's table of API return
// codes (2025-04-09, checked 2026-11-20).
var callCodes = sync.OnceValue(func() map[string]meaning {
	credentials := meaning{channels.Throttled, channels.ReasonCredentials}
	throttled := meaning{channels.Throttled, channels.ReasonThrottled}
	return map[string]meaning{
		ok:       {verdict: channels.Accepted},
		failed:   {channels.Unknown, channels.ReasonNoAnswer},               // other failure
		"1001":   {channels.Unknown, channels.ReasonNoAnswer},               // system error; not said that nothing was done
		"1003":   {channels.Throttled, channels.ReasonBusy},                 // server busy
		"1005":   {channels.Refused, channels.ReasonBadRequest + ":1005"},   // wrong parameter
		"1006":   credentials,                                               // wrong signature
		"110000": credentials,                                               // illegal appId
		"110001": credentials,                                               // illegal appKey
		"110002": {channels.Refused, channels.ReasonAllTokensBad},           // every pushId not registered
		"110003": {channels.Refused, channels.ReasonAllTokensBad},           // every pushId illegal
		"110004": {channels.Refused, channels.ReasonBadRequest + ":110004"}, // empty parameter
		"110009": credentials,                                               // app on the black list: an operator's matter
		"110010": throttled,                                                 // too fast
		"110019": throttled,                                                 // pushes of a day used up
		"110031": credentials,                                               // illegal packageName
		"110032": {channels.Accepted, channels.ReasonNotFound},              // unknown taskId
		"110033": credentials,                                               // illegal appSecret
		"110051": throttled,                                                 // more than the app is allowed
		"110053": {channels.Refused, channels.ReasonBadRequest + ":110053"}, // limit of pass-through messages
	}
})

// deviceCodes are the codes for single push ids in a call that was taken, from the
// document's table of map codes (2025-04-09, checked 2026-11-20); 518 is in the
// vendor's Java SDK only. None of these push ids got the message.
var deviceCodes = sync.OnceValue(func() map[string]meaning {
	throttled := meaning{channels.Throttled, channels.ReasonThrottled}
	busy := meaning{channels.Throttled, channels.ReasonBusy}
	return map[string]meaning{
		"201":    {channels.Refused, channels.ReasonBadRequest + ":201"}, // no permission
		"501":    busy,                                                   // failed: database
		"513":    busy,                                                   // failed
		"518":    throttled,                                              // faster than configured
		"519":    busy,                                                   // overloaded
		"520":    throttled,                                              // folded: too many for this app on this device within a minute
		"110002": {channels.Refused, channels.ReasonDeadToken},           // not subscribed any more
		"110003": {channels.Refused, channels.ReasonDeadToken},           // illegal
		"110010": {channels.Refused, "switched-off:110010"},              // the user switched the app's messages off: the token lives
		"110011": throttled,                                              // the device's public messages of the day used up
	}
})

// means reads a table. What is not in it is left open: a code that is new may
// stand for anything.
func means(table map[string]meaning, code string) meaning {
	if m, known := table[code]; known {
		return m
	}
	if code == "" {
		return meaning{channels.Unknown, channels.ReasonNoAnswer}
	}
	return meaning{channels.Unknown, channels.ReasonNoAnswer + ":" + code}
}
