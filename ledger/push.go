package ledger

import (
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// Push is what decisions need to know of one push: everything but its
// notifications. Evolve makes it from the events of the push.
type Push struct {
	// Created is the push's own description, nil while only facts are known.
	Created *events.Created
	// Trace is the trace context of Created, "" without one.
	Trace string
	// First is the earliest time known of the push: by the sender's clock,
	// never later than when the log stored it.
	First time.Time
	// Started is true once a notification was sent, delivered, shown or clicked.
	Started bool
	// Decision is the sequence of the last event on the push's decision
	// subject: the fence of the next decision (L5).
	Decision events.Seq
	Recalls  []Recall
}

// RecallState says where a recall stands as a decision.
type RecallState string

// The recall states.
const (
	Running   RecallState = "running"
	Completed RecallState = "completed"
	Aborted   RecallState = "aborted"
)

// Recall is one accepted recall of a push.
type Recall struct {
	events.Requested
	// Trace is the trace context in which it was accepted, "" without one.
	Trace string
	State RecallState
	// Seq is where it was accepted; the plan are the holders as of this sequence.
	Seq events.Seq
	// At is when the log stored it.
	At time.Time
	// ClosedAt is when it was completed or aborted.
	ClosedAt time.Time
}

// Known reports whether anything is known of the push.
func (p *Push) Known() bool { return !p.First.IsZero() }

// Start is when sending starts or started: the window counts from it.
func (p *Push) Start() time.Time {
	if p.Created != nil && p.Created.ScheduleAt != nil {
		return *p.Created.ScheduleAt
	}
	return p.First
}

// Slot returns the slot the push was sent with, "" without one.
func (p *Push) Slot() string {
	if p.Created == nil {
		return ""
	}
	return p.Created.Slot
}

// Profile returns the rule set the push falls under.
func (p *Push) Profile() string {
	if p.Created == nil || p.Created.Profile == "" {
		return channels.Native
	}
	return p.Created.Profile
}

// Find returns the recall with the id, nil when the push has none.
func (p *Push) Find(recall string) *Recall {
	for i := range p.Recalls {
		if p.Recalls[i].Recall == recall {
			return &p.Recalls[i]
		}
	}
	return nil
}

// Status is the one word for where the push stands.
func (p *Push) Status(now time.Time) string {
	status, strength := "", 0
	for _, r := range p.Recalls {
		if r.State == Aborted || !r.Scope.Whole() || channels.Action(r.Action).Strength() < strength {
			continue
		}
		strength = channels.Action(r.Action).Strength()
		switch channels.Action(r.Action) {
		case channels.Cancel:
			status = "cancelled"
		case channels.Terminate:
			status = "terminated"
		case channels.Recall:
			status = "recalled"
		case channels.Override:
			status = "overridden"
		}
	}
	switch {
	case status != "":
		return status
	case p.Started:
		return "sent"
	case p.Created != nil && p.Created.ScheduleAt != nil && now.Before(*p.Created.ScheduleAt):
		return "scheduled"
	}
	return "sending"
}

// ConflictError is a push.created that contradicts an earlier one.
type ConflictError struct{ Push string }

func (e *ConflictError) Error() string {
	return "push " + e.Push + " was created before with other content; a push id is used once"
}

// Evolve applies an event of the push, stored at a sequence and time. It
// returns an error, and changes nothing, when the event contradicts the state.
func (p *Push) Evolve(e *events.Event, seq events.Seq, stored time.Time) error {
	if e.Kind == events.PushCreated {
		c := e.Data.(*events.Created)
		if p.Created != nil && !sameCreated(p.Created, c) {
			return &ConflictError{Push: e.Push}
		}
		if p.Created == nil {
			p.Created = withSlot(c, seq)
			p.Trace = strings.Clone(e.Trace) // which may be a view of the message
		}
	}
	switch d := e.Data.(type) {
	case *events.Created, *events.Fact:
		at := e.Time
		if stored.Before(at) {
			at = stored
		}
		if p.First.IsZero() || at.Before(p.First) {
			p.First = at
		}
		if _, fact := d.(*events.Fact); fact && e.Kind != events.PushFailed {
			p.Started = true
		}
	case *events.Requested:
		p.Decision = seq
		p.Recalls = append(p.Recalls, Recall{Requested: *d, Trace: strings.Clone(e.Trace), State: Running, Seq: seq, At: stored})
	case *events.Closed:
		p.Decision = seq
		if r := p.Find(d.Recall); r != nil && r.State == Running {
			r.State, r.ClosedAt = Completed, stored
			if e.Kind == events.RecallAborted {
				r.State = Aborted
			}
		}
	}
	return nil
}

// Successor describes the new push of an override of this one.
func (p *Push) Successor(push string, n *events.Replacement) *events.Created {
	c := &events.Created{
		Title: n.Title, Body: n.Body, Slot: p.Slot(), Replaces: push, Audience: events.Audience{Kind: events.AudienceList},
	}
	if p.Created != nil {
		c.Audience, c.Profile = p.Created.Audience, p.Created.Profile
	}
	return c
}

// slots is how many slots the ledger gives before it begins again: numbers of at
// most 8 digits fit every channel.
const slots = 100_000_000

// withSlot gives a push the slot it asks for: the sequence of its first
// description, modulo slots. So it needs nothing but the log (L3), and two pushes
// share a slot only when exactly a hundred million messages, or a multiple, lie
// between them.
func withSlot(c *events.Created, seq events.Seq) *events.Created {
	if !c.SlotAuto {
		return c
	}
	with := *c
	with.Slot = strconv.FormatUint(uint64(seq)%slots, 10)
	return &with
}

// sameCreated compares the description known with another one by their canonical
// form, so that a repeated publish is not a conflict.
func sameCreated(known, b *events.Created) bool {
	a := *known
	if a.SlotAuto {
		a.Slot = "" // what the ledger gave is not part of the description
	}
	x, errX := events.Encode(&events.Event{Data: &a})
	y, errY := events.Encode(&events.Event{Data: b})
	return errX == nil && errY == nil && string(x) == string(y)
}
