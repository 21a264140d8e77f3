package wecom

import (
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// maxContent is the longest text of a message, in bytes; WeCom cuts off the rest.
const maxContent = 2048

// duplicateSeconds is for how long WeCom drops a message that it sent before, at
// most 4 hours. It makes a repeated send harmless, and for that long it swallows
// another override of the same text to the same user as well.
const duplicateSeconds = 1800

// recall is the body of message/recall.
type recall struct {
	MsgID string `json:"msgid"`
}

// message is the body of message/send for a text.
type message struct {
	// ToUser is at most 1,000 userids, separated by "|"; a command has at most 500.
	ToUser  string `json:"touser"`
	MsgType string `json:"msgtype"`
	AgentID int64  `json:"agentid"`
	Text    text   `json:"text"`
	Check   int    `json:"enable_duplicate_check"`
	Seconds int    `json:"duplicate_check_interval"`
}

type text struct {
	Content string `json:"content"`
}

// answer is what every call answers, with HTTP status 200.
type answer struct {
	// Code is nil where something else than WeCom answered.
	Code *int `json:"errcode"`
	// Token and Expires, in seconds, are gettoken's.
	Token   string `json:"access_token"`
	Expires int64  `json:"expires_in"`
	// Invalid are message/send's userids that do not exist or may not be sent to,
	// separated by "|", in lower case.
	Invalid string `json:"invaliduser"`
	// MsgID is message/send's id of the send.
	MsgID string `json:"msgid"`
}

// content is the text of a message. The line breaks that JSON can only escape
// become plain ones, for WeCom rejects a body with an escaped character in it (code
// 40033).
func content(c channels.Command) string {
	return strings.NewReplacer("\u2028", "\n", "\u2029", "\n").Replace(call.Text(c))
}

// fits reports whether the texts are within WeCom's limit.
func fits(c channels.Command) bool { return len(content(c)) <= maxContent }
