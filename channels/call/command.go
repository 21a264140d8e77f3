package call

import (
	"bytes"
	"cmp"
	"encoding/json"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// Target says why a command names nothing that a call could address, "" where it
// does.
type Target func(c channels.Command) (reason string)

// BySlot addresses the notification of a slot that fits a form.
func BySlot(f channels.SlotForm) Target {
	return func(c channels.Command) string {
		if !f.Fits(c.Slot) {
			return channels.ReasonNoSlot
		}
		return ""
	}
}

// BySend addresses whole sends by the vendor's ids.
func BySend(c channels.Command) string {
	if len(c.Sends) == 0 {
		return channels.ReasonNoSend
	}
	return ""
}

// Terms are which commands an adapter has a call for.
type Terms struct {
	// Methods are those of commands that are not forced, and what their calls
	// address.
	Methods map[channels.Method]Target
	// Forced is true where a forced overwrite is sent. It addresses nothing old.
	Forced bool
	// Fits reports whether the text of an overwrite keeps the vendor's limits; nil
	// where the vendor alone judges.
	Fits func(c channels.Command) bool
}

// Check says why nothing is called for a command. The verdict is "" where
// something is.
func (t Terms) Check(c channels.Command) Result {
	forced := c.Method == channels.Overwrite && c.Forced
	target, has := t.Methods[c.Method]
	switch {
	case c.Method == channels.Withhold && !has:
		return Result{Verdict: channels.Unsupported, Reason: channels.ReasonHandedOver}
	case forced && !t.Forced, !forced && !has:
		return Result{Verdict: channels.Unsupported, Reason: channels.ReasonNoMethod}
	case !forced && target(c) != "":
		return Result{Verdict: channels.Refused, Reason: target(c)}
	case c.Method != channels.Overwrite:
	case c.Title == "" && c.Body == "":
		// Several vendors take it, and show nothing or the app's name.
		return Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}
	case t.Fits != nil && !t.Fits(c):
		return Result{Verdict: channels.Refused, Reason: channels.ReasonTooLarge}
	}
	return Result{}
}

// Texts returns the title and the body to show where the vendor demands both: the
// one that is there serves as the other.
func Texts(c channels.Command) (title, body string) {
	return cmp.Or(c.Title, c.Body), cmp.Or(c.Body, c.Title)
}

// Text is the title and the body in one, for messages that have no title.
func Text(c channels.Command) string {
	if c.Title == "" || c.Body == "" {
		return c.Title + c.Body
	}
	return c.Title + "\n" + c.Body
}

// Single reports whether a device's text names one device where devices are
// joined by a separator: with that in it, it would name others (L9).
func Single(device, separator string) bool {
	return device != "" && !strings.Contains(device, separator)
}

// Left is how long a message must wait for a device that is offline: until the
// recall's window closes, for the notification it replaces may wait there as
// well, within what the vendor allows. It is 0 for a command without a deadline.
func Left(c channels.Command, now time.Time, least, most time.Duration) time.Duration {
	if c.Deadline.IsZero() {
		return 0
	}
	return min(max(c.Deadline.Sub(now), least), most)
}

// Encode is JSON in which <, > and & stand as they are: some vendors count the
// bytes of an escape, or take none.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	err := to.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}
