package honor

import (
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// openApp is the click action that opens the app.
const openApp = 3

// request is the body of sendMessage.
type request struct {
	Android android  `json:"android"`
	Token   []string `json:"token"`
}

type android struct {
	TTL          string       `json:"ttl,omitempty"`
	Notification notification `json:"notification"`
}

type notification struct {
	Title       string      `json:"title"`
	Body        string      `json:"body"`
	ClickAction clickAction `json:"clickAction"`
	Importance  string      `json:"importance,omitempty"`
	// NotifyID is a pointer since 0 is an id, and no id means that Honor makes one
	// up.
	NotifyID *int64 `json:"notifyId,omitempty"`
	Tag      string `json:"tag,omitempty"`
}

type clickAction struct {
	Type int `json:"type"`
}

func (e *Emitter) request(c channels.Command) request {
	title, body := call.Texts(c)
	n := notification{Title: title, Body: body, ClickAction: clickAction{Type: openApp}, Importance: e.c.Importance}
	switch {
	case c.Forced:
	case channels.SlotInteger.Fits(c.Slot):
		id, _ := strconv.ParseInt(c.Slot, 10, 32) // fits
		n.NotifyID = &id
	default:
		n.Tag = c.Slot
	}
	a := android{Notification: n}
	if left := call.Left(c, e.c.Clock(), time.Second, maxTTL); left > 0 {
		a.TTL = strconv.FormatInt(int64(left/time.Second), 10) + "s"
	}
	return request{Android: a, Token: c.Devices}
}
