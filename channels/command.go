package channels

import (
	"context"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Command is one instruction to one channel for a set of notifications of one push.
type Command struct {
	App     string
	Push    string
	Recall  string
	Channel string
	Action  Action
	Method  Method
	// Devices are the tokens to touch, at most events.MaxCommandDevices, none
	// of which has clicked or cleared as far as the log knew (L7).
	Devices []string
	// Slot is the id under which the channel shows the notification.
	Slot string
	// Sends are the vendor's ids of the sends that reached the devices (msgid,
	// task_id, message_id), at most events.MaxSends; empty where none is known.
	// A method that the matrix says names whole sends needs them.
	Sends []string
	// Title and Body are shown in place of the notification, for Overwrite.
	Title, Body string
	// Replacement is the id of the new push of an override.
	Replacement string
	// Forced marks an overwrite on a channel that cannot replace.
	Forced bool
	// Attempt counts the calls for this command, from 1.
	Attempt int
	// Deadline is when the recall's window closes.
	Deadline time.Time
	// AsOf is the log's end when it was looked who had clicked: nobody is among
	// Devices whose click stands at or before it (L7).
	AsOf events.Seq
}

// Verdict is what an adapter says came of a command for one device.
type Verdict string

// The verdicts. Accepted, Confirmed, Refused and Unsupported are terminal and
// become outcomes; Throttled and Unknown are not.
const (
	// Accepted: the vendor took the instruction; already recalled and not
	// found count as this, since nothing is left to do.
	Accepted Verdict = "accepted"
	// Confirmed: the device itself reported the effect.
	Confirmed Verdict = "confirmed"
	// Refused: the vendor will not do it, and repeating would not help.
	Refused Verdict = "refused"
	// Unsupported: this channel cannot do it for this device.
	Unsupported Verdict = "unsupported"
	// Throttled: the vendor asked to come back later, or is failing; nothing
	// happened.
	Throttled Verdict = "throttled"
	// Unknown: it is not known whether the vendor acted. It is repeated only
	// where the matrix says that a repeated call is harmless.
	Unknown Verdict = "unknown"
)

// Terminal reports whether the verdict ends the command for the device.
func (v Verdict) Terminal() bool {
	switch v {
	case Accepted, Confirmed, Refused, Unsupported:
		return true
	}
	return false
}

// Result is the verdict for one device.
type Result struct {
	Device  string
	Verdict Verdict
	// Reason is a short stable code, one of the constants of this package where
	// one fits; it is logged and shown, so it holds no token and no payload.
	Reason string
	// Send is the vendor's id of the new send that brought an overwrite to the
	// device, on channels that take back whole sends; it is what a later recall of
	// the replacement needs.
	Send string
}

// Reply is what came of a whole command.
type Reply struct {
	// Results holds exactly one entry per device of the command, in its order (L8).
	Results []Result
	// RetryAfter is how long the vendor asked to wait; 0 when it said nothing.
	RetryAfter time.Duration
}

// Emitter carries out commands on one channel. Emit may be called concurrently.
// An error means that nothing is known about any device, as if every result
// were Unknown.
type Emitter interface {
	Emit(ctx context.Context, c Command) (Reply, error)
}

// All returns a reply with the same verdict for every device of the command.
func All(c Command, v Verdict, reason string) Reply {
	r := Reply{Results: make([]Result, len(c.Devices))}
	for i, d := range c.Devices {
		r.Results[i] = Result{Device: d, Verdict: v, Reason: reason}
	}
	return r
}
