package channels

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Granularity says how finely a channel can be told what to take back.
type Granularity string

// The granularities.
const (
	// PerDevice: a device, or a list of devices, is named.
	PerDevice Granularity = "device"
	// PerTask: only a whole send is named, so "only those who have not
	// clicked" cannot be expressed.
	PerTask Granularity = "task"
)

// SlotForm says which slots a channel can use.
type SlotForm string

// The forms of slots.
const (
	// SlotText is any slot, at most events.MaxSlot bytes.
	SlotText SlotForm = "text"
	// SlotWord is 1 to 32 of A-Z, a-z, 0-9, - and _.
	SlotWord SlotForm = "word"
	// SlotShort is as SlotWord, of at most 8 characters.
	SlotShort SlotForm = "short"
	// SlotInteger is a decimal number from 0 to 2147483647.
	SlotInteger SlotForm = "integer"
)

// Fits reports whether the channel can use the slot. No slot fits no form.
func (f SlotForm) Fits(slot string) bool {
	switch f {
	case SlotWord:
		return len(slot) > 0 && len(slot) <= 32 && strings.IndexFunc(slot, notWord) < 0
	case SlotShort:
		return len(slot) <= 8 && SlotWord.Fits(slot)
	case SlotInteger:
		n, err := strconv.ParseInt(slot, 10, 32)
		return err == nil && n >= 0 && strconv.FormatInt(n, 10) == slot
	}
	return slot != ""
}

func notWord(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Row says what one channel allows, natively or under a profile.
type Row struct {
	// Channel is the stored name; Title is what people read.
	Channel string `json:"channel"`
	Title   string `json:"title"`
	// Profile is "native", or the profile that restricts the channel.
	Profile string `json:"profile"`
	// Terminate, Recall and Override are the methods for the actions. Cancel
	// needs no channel: a push that never starts is withheld by the sender.
	Terminate Method `json:"terminate"`
	Recall    Method `json:"recall"`
	Override  Method `json:"override"`
	// Granularity is what a command can name.
	Granularity Granularity `json:"granularity"`
	// OverwritePerDevice is true where the other methods name a whole send but
	// an overwrite is a new send, which names devices.
	OverwritePerDevice bool `json:"overwrite_per_device,omitempty"`
	// Outside is true when the profile does not reach the channel at all, so
	// that not even a forced override sends there (L9).
	Outside bool `json:"outside,omitempty"`
	// Silent is true where no adapter can send a new message, so that a forced
	// override shows nothing either.
	Silent bool `json:"silent,omitempty"`
	// Window is how long after the send the vendor allows it; 0 means that it
	// states none.
	Window time.Duration `json:"window"`
	// NeedsSlot is true when nothing can be recalled unless a slot was set at
	// push time.
	NeedsSlot bool `json:"needs_slot"`
	// SlotToWithhold is true when even withholding needs the slot.
	SlotToWithhold bool `json:"slot_to_withhold,omitempty"`
	// SlotForm is which slots the channel can use; "" where it uses none.
	SlotForm SlotForm `json:"slot_form,omitempty"`
	// NeedsSend is true when a call that names a whole send needs the vendor's
	// id of it; SendToOverwrite when overwriting needs it as well.
	NeedsSend       bool `json:"needs_send,omitempty"`
	SendToOverwrite bool `json:"send_to_overwrite,omitempty"`
	// ReportsDisplay and ReportsRemoval say what the channel tells back.
	ReportsDisplay bool `json:"reports_display"`
	ReportsRemoval bool `json:"reports_removal"`
	// Repeatable is true when repeating a call whose result is unknown is harmless.
	Repeatable bool `json:"repeatable"`
	// PerCall is how many devices one call takes; PerSecond how many calls a
	// second; 0 means that no figure is known.
	PerCall   int `json:"per_call"`
	PerSecond int `json:"per_second"`
	// Note is what an operator should know, in one sentence.
	Note string `json:"note,omitempty"`
	// Source is the vendor's page and Checked the day it was read (YYYY-MM-DD).
	Source  string `json:"source"`
	Checked string `json:"checked"`
	// Verified is false where the vendor's own page was not readable and the
	// row follows the nearest documented form.
	Verified bool `json:"verified"`
}

// Method returns what the row allows for an action. Cancel is always None: no
// notification exists yet.
func (r Row) Method(a Action) Method {
	switch a {
	case Terminate:
		return r.Terminate
	case Recall:
		return r.Recall
	case Override:
		return r.Override
	}
	return None
}

// Names returns what a command with the method can name (L9).
func (r Row) Names(m Method) Granularity {
	if m == Overwrite && r.OverwritePerDevice {
		return PerDevice
	}
	return r.Granularity
}

// needsSlot reports whether the method does nothing for a push without a slot.
func (r Row) needsSlot(m Method) bool {
	switch m {
	case Remove, Overwrite:
		return r.NeedsSlot
	case Withhold:
		return r.SlotToWithhold
	}
	return false
}

// needsSend reports whether the method does nothing where the vendor's id of the
// send is not known.
func (r Row) needsSend(m Method) bool {
	if m == Overwrite {
		return r.SendToOverwrite
	}
	return r.NeedsSend && m != None && r.Names(m) == PerTask
}

// Native is the profile without restrictions of its own.
const Native = "native"

// Known reports whether the name is a channel of the matrix.
func Known(channel string) bool {
	return slices.ContainsFunc(rows(), func(r Row) bool { return r.Channel == channel })
}

// Lookup returns the row of a channel under a profile: the profile's own row,
// or else the native one. Every profile of the table has a row for every
// channel, so only an unknown profile falls under the native rules.
func Lookup(profile, channel string) (Row, bool) {
	all, native := rows(), -1
	for i := range all {
		if all[i].Channel != channel {
			continue
		}
		if all[i].Profile == profile {
			return all[i], true
		}
		if all[i].Profile == Native {
			native = i
		}
	}
	if native < 0 {
		return Row{}, false
	}
	return all[native], true
}

// Rows returns the whole matrix, native rows first, in the order of the table.
func Rows() []Row { return slices.Clone(rows()) }

// Plan is how an action is carried out on a channel for one push.
type Plan struct {
	Method Method `json:"method"`
	// Forced is true for an overwrite on a channel that cannot replace: the
	// new notification is shown beside the old one.
	Forced bool `json:"forced,omitempty"`
	// WholeSends is true where the message is taken from every recipient of a
	// send, those who clicked included.
	WholeSends bool `json:"whole_sends,omitempty"`
	// Unaccepted is true where the method is None only because whole sends were
	// not accepted.
	Unaccepted bool `json:"unaccepted,omitempty"`
	// Why says in plain words why the method is None, or what to know about it.
	Why string `json:"why,omitempty"`
}

// Ask is what a recall asks of a channel for one push.
type Ask struct {
	// Profile is the one the push was sent under.
	Profile, Channel string
	Action           Action
	// Slot is what the push was sent with, "" for none.
	Slot string
	// Sends is true when the vendor's id of at least one send is known.
	Sends bool
	// Force asks that an override shows the new notification beside the old one
	// where the channel cannot replace.
	Force bool
	// WholeSends accepts that a channel which cannot tell recipients apart takes
	// the message from all of them, those who clicked included.
	WholeSends bool
	// Part is true when only some devices of the push are meant, so that a whole
	// send would be more than was asked for (L9).
	Part bool
}

// The reasons, in plain words, why a plan does nothing.
const (
	whyUnknown  = "the channel is not in the matrix"
	whyNoWay    = "the channel offers no way to do this"
	whyNoSlot   = "the push was sent without a slot, and this channel takes nothing back without one"
	whySlotForm = "the push was sent with a slot that this channel cannot use: it needs "
	whyNoSend   = "the channel takes back whole sends only, and the vendor's id of the send is not known; report it with push.sent"
	whyPart     = "the channel takes back whole sends only, which is more than the device or user asked for"
	whyAccept   = "the channel takes a message back from everybody it was sent to, those who clicked included; accept whole sends to do it"
	whyForced   = "the channel cannot replace; the new notification is shown beside the old one"
)

// words says which slots the form takes, for whySlotForm.
func (f SlotForm) words() string {
	switch f {
	case SlotInteger:
		return "a number from 0 to 2147483647"
	case SlotShort:
		return "1 to 8 letters, digits, - or _"
	}
	return "1 to 32 letters, digits, - or _"
}

// Resolve says how an action is carried out on a channel for one push.
func Resolve(a Ask) Plan {
	r, ok := Lookup(a.Profile, a.Channel)
	if !ok {
		return Plan{Method: None, Why: whyUnknown}
	}
	m := r.Method(a.Action)
	why := a.hindrance(r, m)
	switch {
	case m != None && why == "":
		return Plan{Method: m, WholeSends: m != Overwrite && r.Names(m) == PerTask, Why: r.Note}
	case a.Action == Override && a.Force && !r.Outside && !r.Silent:
		return Plan{Method: Overwrite, Forced: true, Why: whyForced}
	case m != None:
		return Plan{Method: None, Unaccepted: why == whyAccept, Why: why}
	case r.Note != "":
		return Plan{Method: None, Why: r.Note}
	}
	return Plan{Method: None, Why: whyNoWay}
}

// hindrance says why a method the row allows cannot be used, "" when it can.
func (a Ask) hindrance(r Row, m Method) string {
	whole := r.NeedsSend && r.Names(m) == PerTask
	switch {
	case m == None:
		return ""
	case r.needsSlot(m) && a.Slot == "":
		return whyNoSlot
	case r.needsSlot(m) && !r.SlotForm.Fits(a.Slot):
		return whySlotForm + r.SlotForm.words()
	case whole && a.Part:
		return whyPart
	case r.needsSend(m) && !a.Sends:
		return whyNoSend
	case whole && !a.WholeSends:
		return whyAccept
	}
	return ""
}
