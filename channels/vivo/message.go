package vivo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// The limits of texts, where a character outside ASCII counts as two (API 2.9.2;
// an emoji is said to count as one, which is not made use of).
const (
	maxTitle   = 40
	maxContent = 100
)

// maxList is how many devices a push to a list takes; it takes two at least.
const maxList = 1000

// How long vivo keeps a message for an offline device.
const (
	minKept = 900 * time.Second
	maxKept = 7 * 24 * time.Hour
)

// recall is the body that takes the notifications of devices away.
func (e *Emitter) recall(c channels.Command, devices []string) map[string]any {
	return map[string]any{
		"appId":                 json.Number(e.c.AppID),
		e.c.Unverified.RegIDs:   devices,
		e.c.Unverified.RecallID: json.Number(c.Slot),
		"requestId":             e.requestID(c),
	}
}

// notification is what every device of a command gets, without the devices.
func (e *Emitter) notification(c channels.Command) map[string]any {
	title, content := call.Texts(c)
	n := map[string]any{
		"appId":          json.Number(e.c.AppID),
		"notifyType":     e.c.NotifyType,
		"title":          title,
		"content":        content,
		"skipType":       1, // a tap opens the app
		"classification": e.c.Classification,
		"requestId":      e.requestID(c),
	}
	if e.c.Category != "" {
		n["category"] = e.c.Category
	}
	if !c.Forced {
		n[e.c.Unverified.NotifyID] = json.Number(c.Slot)
	}
	if left := call.Left(c, e.c.Clock(), minKept, maxKept); left > 0 {
		n["timeToLive"] = int64(left / time.Second)
	}
	return n
}

// list is the body that sends a saved text to devices.
func (e *Emitter) list(c channels.Command, devices []string, task json.RawMessage) map[string]any {
	return map[string]any{
		"appId": json.Number(e.c.AppID), "regIds": devices, "taskId": task,
		"requestId": e.requestID(c),
	}
}

// requestID makes an id of at most 64 characters that no other request has, nor one
// of another run of the program.
func (e *Emitter) requestID(c channels.Command) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d %d", c.App, c.Push, c.Recall, e.c.Clock().UnixNano(), e.requests.Add(1)))
	return hex.EncodeToString(sum[:16])
}

// fits reports whether the texts are within vivo's limits.
func fits(c channels.Command) bool {
	title, content := call.Texts(c)
	return width(title) <= maxTitle && width(content) <= maxContent
}

func width(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0x7f {
			n++
		}
	}
	return n
}
