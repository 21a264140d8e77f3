package huawei

import (
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// maxTTL is the longest that Huawei keeps a message for an offline device; without
// a ttl it keeps it for a day.
const maxTTL = 15 * 24 * time.Hour

// openApp is the click action that opens the app.
const openApp = 3

// request is the body of messages:send, at most 4096 bytes besides the tokens,
// of which one call takes 1,000: more than a command has devices.
type request struct {
	Message message `json:"message"`
}

type message struct {
	Android android  `json:"android"`
	Token   []string `json:"token"`
}

type android struct {
	Category     string       `json:"category,omitempty"`
	TTL          string       `json:"ttl,omitempty"`
	Notification notification `json:"notification"`
}

type notification struct {
	Title       string      `json:"title"`
	Body        string      `json:"body"`
	ClickAction clickAction `json:"click_action"`
	// NotifyID is a pointer since 0 is an id, and no id means that Huawei makes
	// one up.
	NotifyID *int64 `json:"notify_id,omitempty"`
	Tag      string `json:"tag,omitempty"`
}

type clickAction struct {
	Type int `json:"type"`
}

func (e *Emitter) request(c channels.Command) request {
	title, body := call.Texts(c)
	n := notification{Title: title, Body: body, ClickAction: clickAction{Type: openApp}}
	switch {
	case c.Forced:
	case channels.SlotInteger.Fits(c.Slot):
		id, _ := strconv.ParseInt(c.Slot, 10, 32) // fits
		n.NotifyID = &id
	default:
		n.Tag = c.Slot
	}
	a := android{Category: e.c.Category, Notification: n}
	if left := call.Left(c, e.c.Clock(), time.Second, maxTTL); left > 0 {
		a.TTL = strconv.FormatInt(int64(left/time.Second), 10) + "s"
	}
	return request{Message: message{Android: a, Token: c.Devices}}
}
