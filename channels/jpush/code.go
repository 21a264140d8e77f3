package jpush

import (
	"strconv"
	"sync"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// meaning is what a code means for the devices of a call.
type meaning struct {
	verdict channels.Verdict
	reason  string
}

// invalid is the code of an illegal parameter and of a msg_id that is not known.
const invalid = 1003

// purpose is what a call is for.
type purpose string

const (
	toWithdraw purpose = "withdraw"
	toReplace  purpose = "replace"
	toPush     purpose = "push"
)

// absences say what code 1003 means for each purpose. For a replacement it stands
// for a msg_id that JPush does not know or that is older than a day, after which
// the old notification may still be shown, and nothing new was sent (page
// message_override_revoke, checked 2026-11-20). A registration id of illegal form
// gives it as well, and nothing but the text tells the two apart.
var absences = sync.OnceValue(func() map[purpose]meaning {
	return map[purpose]meaning{
		toWithdraw: {channels.Accepted, channels.ReasonNotFound},
		toReplace:  {channels.Refused, channels.ReasonExpired + ":1003"},
		toPush:     {channels.Refused, channels.ReasonBadRequest + ":1003"},
	}
})

// codes are the other codes of the push API, from its table of returns (English
// mirror of the page rest_api_v3_push in public source, checked 2026-11-20).
var codes = sync.OnceValue(func() map[int]meaning {
	credentials := meaning{channels.Throttled, channels.ReasonCredentials}
	throttled := meaning{channels.Throttled, channels.ReasonThrottled}
	open := meaning{channels.Unknown, channels.ReasonNoAnswer}
	bad := func(code int) meaning {
		return meaning{channels.Refused, channels.ReasonBadRequest + ":" + strconv.Itoa(code)}
	}
	return map[int]meaning{
		1000: open,                                                      // internal error; not said that nothing was done
		1001: bad(1001),                                                 // not POST
		1002: bad(1002),                                                 // a parameter is missing
		1004: credentials,                                               // verification failed
		1005: {channels.Refused, channels.ReasonTooLarge},               // message too large
		1008: credentials,                                               // illegal app key
		1009: bad(1009),                                                 // unknown key in the push object
		1011: {channels.Refused, channels.ReasonAllTokensBad + ":1011"}, // no device meets the audience; no registration id is named
		1020: bad(1020),                                                 // not HTTPS
		1030: open,                                                      // internal timeout
		2002: throttled,                                                 // calls of the minute used up
		2003: credentials,                                               // the app may not call the API
		2004: credentials,                                               // the node's address is not on the app's list
		2005: throttled,                                                 // more messages than is reasonable
	}
})

// means reads the table; what is not in it means what its HTTP status does.
func means(code int, status call.Result, why purpose) meaning {
	if code == invalid {
		return absences()[why]
	}
	if m, known := codes()[code]; known {
		return m
	}
	switch status.Verdict {
	case "": // a success, says the status
		return meaning{channels.Unknown, call.Coded(channels.ReasonNoAnswer, strconv.Itoa(code))}
	case channels.Refused:
		return meaning{channels.Refused, call.Coded(status.Reason, strconv.Itoa(code))}
	}
	return meaning{status.Verdict, status.Reason}
}
