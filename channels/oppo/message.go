package oppo

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// The limits of texts, in characters, of the standard style.
const (
	maxTitle   = 50
	maxContent = 200
)

// maxOffline is how long OPPO keeps a message for an offline device.
const maxOffline = 10 * 24 * time.Hour

// byRegistrationID is the target type of a registration id.
const byRegistrationID = 2

type message struct {
	TargetType   int          `json:"target_type"`
	TargetValue  string       `json:"target_value"`
	Notification notification `json:"notification"`
}

type notification struct {
	// AppMessageID: one device gets a message with the same id only once.
	AppMessageID string `json:"app_message_id,omitempty"`
	Style        int    `json:"style"`
	Title        string `json:"title"`
	Content      string `json:"content"`
	// OffLineTTL is in seconds.
	OffLineTTL int64  `json:"off_line_ttl,omitempty"`
	ChannelID  string `json:"channel_id,omitempty"`
	// NotifyID is a pointer because 0 is one.
	NotifyID *int64 `json:"notify_id,omitempty"`
}

// notification makes what every device of a command gets.
func (e *Emitter) notification(c channels.Command) notification {
	title, content := call.Texts(c)
	n := notification{Style: 1, Title: title, Content: content, ChannelID: e.c.ChannelID}
	n.OffLineTTL = int64(call.Left(c, e.c.Clock(), time.Second, maxOffline) / time.Second)
	if c.Forced {
		n.AppMessageID = c.Recall
	} else if id, err := strconv.ParseInt(c.Slot, 10, 32); err == nil { // checked by Emit
		n.NotifyID = &id
	}
	return n
}

// messages is the parameter of that name of one call.
func messages(n notification, devices []string) []byte {
	list := make([]message, len(devices))
	for i, d := range devices {
		list[i] = message{TargetType: byRegistrationID, TargetValue: d, Notification: n}
	}
	b, _ := json.Marshal(list) // plain values always marshal
	return b
}

// overseas reports whether a registration id belongs to a device outside China: it
// has two or three parts, and the last but one is not CN.
func overseas(device string) bool {
	parts := strings.Split(device, "_")
	return (len(parts) == 2 || len(parts) == 3) && parts[len(parts)-2] != "CN"
}

// fits reports whether the texts are within OPPO's limits.
func fits(c channels.Command) bool {
	title, content := call.Texts(c)
	return utf8.RuneCountInString(title) <= maxTitle && utf8.RuneCountInString(content) <= maxContent
}
