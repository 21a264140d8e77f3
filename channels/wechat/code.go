package wechat

import (
	"strconv"
	"sync"

	"github.com/recall-ledger/recall-ledger/channels"
)

// meaning is what a code means for a send.
type meaning struct {
	verdict channels.Verdict
	reason  string
	// stale is true where the access token is at fault, so that another one may
	// help.
	stale bool
}

// codes are WeChat's return codes, errcode of both calls. 0, -1, 40001, 40008 and
// 40059 are on the call's page or on getAccessToken's, the others in the table of
// global codes as quoted in public articles (both checked 2026-11-20).
var codes = sync.OnceValue(func() map[int]meaning {
	stale := meaning{channels.Throttled, channels.ReasonCredentials, true}
	credentials := meaning{channels.Throttled, channels.ReasonCredentials, false}
	throttled := meaning{channels.Throttled, channels.ReasonThrottled, false}
	bad := func(code int) meaning {
		return meaning{channels.Refused, channels.ReasonBadRequest + ":" + strconv.Itoa(code), false}
	}
	return map[int]meaning{
		0:     {verdict: channels.Accepted},
		-1:    {channels.Throttled, channels.ReasonBusy, false}, // busy, try again
		40001: stale,                                            // access token invalid or not the latest; while minting: wrong secret
		40014: stale,                                            // access token illegal
		42001: stale,                                            // access token expired
		41001: stale,                                            // access token missing
		// The send is no article or video: WeChat deletes no others.
		40008: {channels.Unsupported, channels.ReasonNoMethod + ":40008", false},
		40059: {channels.Accepted, channels.ReasonNotFound, false}, // unknown msg_id
		40060: bad(40060),                                          // illegal article_idx
		40002: credentials,                                         // illegal grant type
		40013: credentials,                                         // illegal appid
		40125: credentials,                                         // illegal secret
		40164: credentials,                                         // the node's address is not on the account's list
		41002: credentials,                                         // appid missing
		41004: credentials,                                         // secret missing
		48001: credentials,                                         // the account lacks the right to call this
		48004: credentials,                                         // the call is forbidden to the account
		50002: credentials,                                         // the account is restricted
		61007: credentials,                                         // the account has not granted this
		89503: credentials,                                         // the node's address awaits the administrator's consent
		45009: throttled,                                           // calls of the day used up
		45011: throttled,                                           // calls of the minute used up
		43002: bad(43002),                                          // not POST
		44002: bad(44002),                                          // empty body
		47001: bad(47001),                                          // not JSON
	}
})

// means reads the table. What is not in it is left open: a code that is new may
// stand for anything.
func means(code int) meaning {
	if m, known := codes()[code]; known {
		return m
	}
	return meaning{channels.Unknown, channels.ReasonNoAnswer + ":" + strconv.Itoa(code), false}
}
