package dingtalk

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// maxUsers is how many userids one send takes; maxMessage how long its message
// is at most, in bytes of JSON.
const (
	maxUsers   = 100
	maxMessage = 2048
)

// barredFor is for how long DingTalk serves no call of an address that called too
// often (10,000 in 20 seconds), as the page of rate limits states it.
const barredFor = 5 * time.Minute

// bar is the result of a call of such an address.
func bar() call.Result {
	return call.Result{Verdict: channels.Throttled, Reason: channels.ReasonThrottled, RetryAfter: barredFor}
}

// recall is the body of a recall.
type recall struct {
	AgentID int64 `json:"agent_id"`
	TaskID  int64 `json:"msg_task_id"`
}

// send is the body of a work notification. Who gets the same content twice on a
// day does not see the second, which makes a repeated send harmless, and swallows
// another override of the same text on that day as well.
type send struct {
	AgentID int64 `json:"agent_id"`
	// Users are userids, separated by commas.
	Users   string  `json:"userid_list"`
	Message message `json:"msg"`
}

// message is a text; it has no title of its own.
type message struct {
	Type string `json:"msgtype"`
	Text text   `json:"text"`
}

type text struct {
	Content string `json:"content"`
}

// answer is what every call answers, with HTTP status 200.
type answer struct {
	// Code is nil where something else than the API answered.
	Code    *int   `json:"errcode"`
	SubCode string `json:"sub_code"`
	// Token and Expires, in seconds, are gettoken's.
	Token   string `json:"access_token"`
	Expires int64  `json:"expires_in"`
	// TaskID is asyncsend_v2's id of the send.
	TaskID json.Number `json:"task_id"`
	// Punish is the gateway's.
	Punish string `json:"punish"`
}

// barred reports whether the gateway bars the caller's address.
func (a answer) barred() bool { return a.Punish == "deny" }

// name is the code that says why.
func (a answer) name() string {
	if a.SubCode != "" && *a.Code != 0 {
		return a.SubCode
	}
	return strconv.Itoa(*a.Code)
}

// messageOf is the message of an override.
func messageOf(c channels.Command) message { return message{"text", text{call.Text(c)}} }

// fits reports whether the message is within DingTalk's limit.
func fits(c channels.Command) bool {
	b, err := call.Encode(messageOf(c))
	return err == nil && len(b) <= maxMessage
}
