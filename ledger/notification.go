package ledger

import (
	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// Facts is the set of what happened to one notification. Its join is bitwise
// or, so order and repetition change nothing (L4). The bits are stored.
type Facts uint8

// The facts.
const (
	Sent Facts = 1 << iota
	Delivered
	Shown
	Clicked
	Cleared
	Failed
	Expired
	// Removed: the device confirmed that a recall took the notification away.
	Removed
)

// FactBits is the number of facts.
const FactBits = 8

// FactOf returns the fact an event kind states.
func FactOf(k events.Kind) (Facts, bool) {
	switch k {
	case events.PushSent:
		return Sent, true
	case events.PushFailed:
		return Failed, true
	case events.DeliveryDelivered:
		return Delivered, true
	case events.DeliveryExpired:
		return Expired, true
	case events.DisplayShown:
		return Shown, true
	case events.DisplayCleared:
		return Cleared, true
	case events.ClickClicked:
		return Clicked, true
	}
	return 0, false
}

// Names returns the words for the facts in the set, in funnel order.
func (f Facts) Names() []string {
	names := []string{}
	for _, n := range FactNames() {
		if f&n.Fact != 0 {
			names = append(names, n.Name)
		}
	}
	return names
}

// FactName is a fact with its word in API and console.
type FactName struct {
	Fact Facts
	Name string
}

// FactNames lists the facts in funnel order.
func FactNames() []FactName {
	return []FactName{
		{Sent, "sent"}, {Delivered, "delivered"}, {Shown, "shown"}, {Clicked, "clicked"},
		{Cleared, "cleared"}, {Failed, "failed"}, {Expired, "expired"}, {Removed, "removed"},
	}
}

// Standing is where a notification stands, as far as its facts tell.
type Standing uint8

// The standings.
const (
	// Ended: nobody holds it: never sent, clicked, cleared, failed, expired or
	// removed.
	Ended Standing = iota
	// Undelivered: sent, nothing heard since. A possible holder.
	Undelivered
	// Arrived: delivered, display not reported. A possible holder.
	Arrived
	// Displayed: shown and unclicked. A certain holder.
	Displayed
)

// Standings is the number of standings.
const Standings = 4

// Standing derives where the notification stands. A click or a clear wins over
// everything; a sign from the device wins over a failure the sender assumed.
func (f Facts) Standing() Standing {
	switch {
	case f&(Clicked|Cleared|Removed) != 0:
		return Ended
	case f&Shown != 0:
		return Displayed
	case f&Delivered != 0:
		return Arrived
	case f&(Failed|Expired) != 0:
		return Ended
	case f&Sent != 0:
		return Undelivered
	}
	return Ended
}

// Held reports whether a device holds the notification unclicked, for certain
// or possibly.
func (f Facts) Held() bool { return f.Standing() != Ended }

// Certainty is the word for a holder's standing.
func (s Standing) Certainty() string {
	switch s {
	case Displayed:
		return "certain"
	case Undelivered, Arrived:
		return "possible"
	}
	return ""
}

// Untouchable reports whether no vendor may be called for the notification any
// more: the user clicked or cleared it (L7), or it is gone.
func (f Facts) Untouchable() bool { return f&(Clicked|Cleared|Removed) != 0 }

// Targets reports whether an action concerns a notification that stands so.
func Targets(a channels.Action, s Standing) bool {
	switch a {
	case channels.Terminate:
		return s == Undelivered
	case channels.Recall, channels.Override:
		return s != Ended
	}
	return false
}

// Outcome is what came of a recall's command for one notification. Greater
// ones win, so that order and repetition change nothing. The values are stored.
type Outcome uint8

// The outcomes.
const (
	Pending Outcome = iota
	OutcomeExpired
	OutcomeUnsupported
	OutcomeSkipped
	OutcomeRefused
	OutcomeAccepted
	OutcomeConfirmed
)

// Outcomes is the number of outcomes, Pending included.
const Outcomes = 7

// OutcomeOf returns the outcome an event kind states.
func OutcomeOf(k events.Kind) (Outcome, bool) {
	switch k {
	case events.OutcomeExpired:
		return OutcomeExpired, true
	case events.OutcomeUnsupported:
		return OutcomeUnsupported, true
	case events.OutcomeSkipped:
		return OutcomeSkipped, true
	case events.OutcomeRefused:
		return OutcomeRefused, true
	case events.OutcomeAccepted:
		return OutcomeAccepted, true
	case events.OutcomeConfirmed:
		return OutcomeConfirmed, true
	}
	return Pending, false
}

// String returns the outcome's word.
func (o Outcome) String() string {
	switch o {
	case OutcomeExpired:
		return "expired"
	case OutcomeUnsupported:
		return "unsupported"
	case OutcomeSkipped:
		return "skipped"
	case OutcomeRefused:
		return "refused"
	case OutcomeAccepted:
		return "accepted"
	case OutcomeConfirmed:
		return "confirmed"
	}
	return "pending"
}

// Mark is where one notification stands in one recall. The zero Mark means that
// the recall does not concern it. The bits are stored.
type Mark uint8

// The bits of a mark; the outcome is in the upper four.
const (
	// Planned: a holder when the recall was accepted.
	Planned Mark = 1
	// Late: became a holder afterwards (L8).
	Late Mark = 2
	// Commanded: a command was issued for it.
	Commanded Mark = 4

	outcomeShift = 4
)

// Outcome returns what came of the command, Pending before.
func (m Mark) Outcome() Outcome { return Outcome(m >> outcomeShift) }

// With joins an outcome into the mark.
func (m Mark) With(o Outcome) Mark {
	if o <= m.Outcome() {
		return m
	}
	return m&(1<<outcomeShift-1) | Mark(o)<<outcomeShift
}

// Due reports whether the recall owes the notification a command.
func (m Mark) Due() bool { return m&(Planned|Late) != 0 && m&Commanded == 0 }
