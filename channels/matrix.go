package channels

import (
	"slices"
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
	// Window is how long after the send the vendor allows it; 0 means that it
	// states none.
	Window time.Duration `json:"window"`
	// NeedsSlot is true when nothing can be recalled unless a slot was set at
	// push time.
	NeedsSlot bool `json:"needs_slot"`
	// SlotToWithhold is true when even withholding needs the slot.
	SlotToWithhold bool `json:"slot_to_withhold,omitempty"`
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
	// Why says in plain words why the method is None, or what to know about it.
	Why string `json:"why,omitempty"`
}

// Resolve says how an action is carried out on a channel for a push sent under
// a profile, with or without a slot, with or without force.
func Resolve(profile, channel string, a Action, slot, force bool) Plan {
	r, ok := Lookup(profile, channel)
	if !ok {
		return Plan{Method: None, Why: "the channel is not in the matrix"}
	}
	m := r.Method(a)
	switch {
	case m != None && (slot || !r.needsSlot(m)):
		return Plan{Method: m, Why: r.Note}
	case a == Override && force && !r.Outside:
		return Plan{Method: Overwrite, Forced: true, Why: "the channel cannot replace; the new notification is shown beside the old one"}
	case m != None:
		return Plan{Method: None, Why: "the push was sent without a slot, and this channel takes nothing back without one"}
	case r.Note != "":
		return Plan{Method: None, Why: r.Note}
	}
	return Plan{Method: None, Why: "the channel offers no way to do this"}
}
