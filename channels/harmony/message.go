package harmony

import (
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

const (
	// pushType is the header's value for notifications.
	pushType = "0"
	// openApp is the click action that opens the app's first page.
	openApp = 0
	// maxTTL is the longest that Huawei keeps a message for an offline device;
	// without a ttl it keeps it for a day.
	maxTTL = 15 * 24 * time.Hour
)

// revocation is the body of messages:revoke. Like a send it may have 4096 bytes
// besides the tokens, of which one call takes 1,000: more than a command has
// devices.
type revocation struct {
	NotifyID int64    `json:"notifyId"`
	Token    []string `json:"token"`
}

// request is the body of messages:send.
type request struct {
	Payload payload  `json:"payload"`
	Target  target   `json:"target"`
	Options *options `json:"pushOptions,omitempty"`
}

type payload struct {
	Notification notification `json:"notification"`
}

type notification struct {
	Category    string      `json:"category"`
	Title       string      `json:"title"`
	Body        string      `json:"body"`
	ClickAction clickAction `json:"clickAction"`
	// NotifyID is a pointer since 0 is an id, and no id means that Huawei makes
	// one up.
	NotifyID *int64 `json:"notifyId,omitempty"`
}

type clickAction struct {
	Type int `json:"actionType"`
}

type target struct {
	Token []string `json:"token"`
}

type options struct {
	// TTL is in seconds.
	TTL int64 `json:"ttl"`
}

// notifyID is the slot as a number; it must fit channels.SlotInteger.
func notifyID(c channels.Command) int64 {
	id, _ := strconv.ParseInt(c.Slot, 10, 32)
	return id
}

func (e *Emitter) request(c channels.Command) request {
	title, body := call.Texts(c)
	n := notification{Category: e.c.Category, Title: title, Body: body, ClickAction: clickAction{Type: openApp}}
	if !c.Forced {
		id := notifyID(c)
		n.NotifyID = &id
	}
	p := request{Payload: payload{n}, Target: target{c.Devices}}
	if left := call.Left(c, e.c.Clock(), time.Second, maxTTL); left > 0 {
		p.Options = &options{int64(left / time.Second)}
	}
	return p
}
