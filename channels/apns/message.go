package apns

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
)

// maxSlot is Apple's limit for apns-collapse-id, in bytes.
const maxSlot = 64

// fits reports whether a slot can be a collapse id: a header's value, which has no
// control characters and loses spaces at its ends.
func fits(slot string) bool {
	control := func(r rune) bool { return r < ' ' || r == 0x7f }
	return channels.SlotText.Fits(slot) && len(slot) <= maxSlot && !strings.ContainsFunc(slot, control) &&
		strings.Trim(slot, " ") == slot
}

// bySlot addresses the notification of a slot that can be a collapse id.
func bySlot(c channels.Command) string {
	if !fits(c.Slot) {
		return channels.ReasonNoSlot
	}
	return ""
}

// payload is the JSON body of a push. What is beside aps is for the app.
type payload struct {
	APS         aps    `json:"aps"`
	Recall      string `json:"recall,omitempty"`
	Push        string `json:"push"`
	Replacement string `json:"replacement,omitempty"`
}

type aps struct {
	Alert             *alert `json:"alert,omitempty"`
	ContentAvailable  int    `json:"content-available,omitempty"`
	InterruptionLevel string `json:"interruption-level,omitempty"`
}

type alert struct {
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

// push is what all calls of a command have in common.
type push struct {
	header map[string]string
	body   []byte
}

func pushOf(c channels.Command) push {
	b := payload{Push: c.Push, Replacement: c.Replacement}
	h := map[string]string{}
	if !c.Deadline.IsZero() {
		// An offline device gets it for as long as the recall's window is open.
		h["apns-expiration"] = strconv.FormatInt(c.Deadline.Unix(), 10)
	}
	if c.Method == channels.Remove {
		h["apns-push-type"], h["apns-priority"] = "background", "5"
		b.APS.ContentAvailable, b.Recall = 1, c.Slot
	} else {
		h["apns-push-type"], h["apns-priority"] = "alert", "10"
		b.APS.Alert = &alert{Title: c.Title, Body: c.Body}
		if c.Action == channels.Recall {
			// That a message was taken back is no reason to light up the screen.
			b.APS.InterruptionLevel = "passive"
		}
		if !c.Forced {
			h["apns-collapse-id"] = c.Slot
		}
	}
	body, _ := json.Marshal(b) // plain strings always marshal
	return push{header: h, body: body}
}
