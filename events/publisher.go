package events

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// factsPerEvent is how many devices Publisher.Facts puts into one event: large
// enough that the cost per device is its bytes, small enough to read by eye.
const factsPerEvent = 500

// PublisherConfig configures a Publisher.
type PublisherConfig struct {
	// Log is what the gate reads.
	Log Log
	// Committer writes to the same partition as Log.
	Committer *Committer
	// App is the tenant; every event gets it.
	App string
	// Partitions is how many partitions the ledger has. Default 1.
	Partitions int
	// Home says in which partition a push lives, where the log has grown and
	// PartitionOf does not say it. Default PartitionOf.
	Home func(push string) int
}

// Publisher is what a Go service uses to tell the ledger what it does with a
// push, and to ask before each hand-over whether the push was recalled. Its
// methods may be called concurrently.
type Publisher struct{ c PublisherConfig }

// NewPublisher returns a publisher. The committer must be running.
func NewPublisher(c PublisherConfig) (*Publisher, error) {
	if c.Log == nil || c.Committer == nil {
		return nil, errors.New("publisher: a log and a committer are needed")
	}
	if c.Partitions == 0 {
		c.Partitions = 1
	}
	if c.Home == nil {
		c.Home = func(push string) int { return PartitionOf(c.App, push, c.Partitions) }
	}
	if err := CheckApp("app", c.App); err != nil {
		return nil, fmt.Errorf("publisher: %w", err)
	}
	return &Publisher{c: c}, nil
}

// EventError is what is wrong with one event of several.
type EventError struct {
	// Index is the event's place in the call, from 0.
	Index int
	Err   *FieldError
}

func (e *EventError) Error() string { return "event " + strconv.Itoa(e.Index) + ": " + e.Err.Error() }

// Unwrap returns the *FieldError.
func (e *EventError) Unwrap() error { return e.Err }

// BatchError lists the events of a call that were refused. The others are stored.
type BatchError struct{ Refused []*EventError }

func (e *BatchError) Error() string {
	texts := make([]string, len(e.Refused))
	for i, r := range e.Refused {
		texts[i] = r.Error()
	}
	return fmt.Sprintf("%d events refused: %s", len(texts), strings.Join(texts, "; "))
}

// Unwrap returns the *EventErrors.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.Refused))
	for i, r := range e.Refused {
		errs[i] = r
	}
	return errs
}

// Publish stores events of public kinds and returns the position of the last
// once it is durable. An event without app gets the publisher's. Bad events are
// named by a *BatchError; the good ones are stored all the same. After another
// error, as those of Committer.Commit, it is safe to publish all again: facts
// are idempotent (L4).
func (p *Publisher) Publish(ctx context.Context, events ...*Event) (Position, error) {
	var refused []*EventError
	records := make([]Record, 0, len(events))
	for i, e := range events {
		r, err := p.record(e)
		if err != nil {
			refused = append(refused, &EventError{Index: i, Err: err})
			continue
		}
		records = append(records, r)
	}
	pos, err := p.c.Committer.Commit(ctx, records)
	if len(refused) > 0 {
		err = errors.Join(err, &BatchError{Refused: refused})
	}
	return pos, err
}

func (p *Publisher) record(given *Event) (Record, *FieldError) {
	if given == nil {
		return Record{}, asFieldError(bad("event", "is missing"))
	}
	e := *given // the caller's event stays as it is
	if e.App == "" {
		e.App = p.c.App
	}
	if e.App != p.c.App {
		return Record{}, asFieldError(bad("app", "%q is not the app of this publisher, %q", e.App, p.c.App))
	}
	if err := Check(&e); err != nil {
		return Record{}, asFieldError(err)
	}
	if !e.Kind.Public() {
		return Record{}, asFieldError(bad("kind", "%s is written by the ledger only", e.Kind))
	}
	partition, err := p.partition(e.Push)
	if err != nil {
		return Record{}, asFieldError(err)
	}
	data, err := Encode(&e)
	if err != nil {
		return Record{}, asFieldError(err)
	}
	return Record{Subject: Subject(partition, e.App, e.Kind, e.Push, ""), Data: data}, nil
}

// partition returns the partition of a push, which must be that of the log.
func (p *Publisher) partition(push string) (int, error) {
	n := p.c.Home(push)
	if n != p.c.Log.Partition() {
		return 0, bad("push", "%q belongs to partition %d, this publisher writes partition %d", push, n, p.c.Log.Partition())
	}
	return n, nil
}

func asFieldError(err error) *FieldError {
	var f *FieldError
	if errors.As(err, &f) {
		return f
	}
	return &FieldError{Field: "event", Reason: err.Error()}
}

// Facts stores one fact about any number of devices, split into events of at
// most 500. A bad device is named by its index and nothing is stored then.
func (p *Publisher) Facts(ctx context.Context, kind Kind, push, channel string, at time.Time, devices []string) (Position, error) {
	var records []Record
	for from, first := 0, true; first || from < len(devices); first = false {
		n := min(len(devices)-from, factsPerEvent)
		r, err := p.record(&Event{
			Header: Header{Kind: kind, App: p.c.App, Push: push, Time: at},
			Data:   &Fact{Channel: channel, Devices: devices[from : from+n]},
		})
		if err != nil {
			return Position{}, shifted(err, from)
		}
		records = append(records, r)
		from += n
	}
	return p.c.Committer.Commit(ctx, records)
}

// shifted names a device by its index in the call instead of in its event.
func shifted(err *FieldError, from int) *FieldError {
	if text, ok := strings.CutPrefix(err.Field, "data.devices["); ok {
		if i, bad := strconv.Atoi(strings.TrimSuffix(text, "]")); bad == nil {
			return &FieldError{Field: fmt.Sprintf("devices[%d]", from+i), Reason: err.Reason}
		}
	}
	return err
}

// Gate answers whether a push may still be handed over to a device, from the
// log itself: a recall is visible as soon as it is accepted. A closed gate names
// the recall. Without channel or user, a recall of one device closes on any
// channel and a recall of one user is not seen. On an error the gate is closed.
func (p *Publisher) Gate(ctx context.Context, push, device, channel, user string) (open bool, recall string, err error) {
	if err := CheckID("push", push, MaxPush); err != nil {
		return false, "", err
	}
	partition, err := p.partition(push)
	if err != nil {
		return false, "", err
	}
	subject := DecisionFilter(partition, p.c.App, push)
	var closed []string
	err = p.c.Log.ReadSubject(ctx, subject, func(m Message) error {
		e, err := Decode(m.Data)
		if err == nil {
			err = CheckSubject(m.Subject, partition, &e.Header)
		}
		if err != nil {
			return fmt.Errorf("position %s: %w", m.Position, err)
		}
		switch d := e.Data.(type) {
		case *Requested:
			if d.Scope.holds(device, channel, user) {
				closed = append(closed, d.Recall)
			}
		case *Closed:
			// A completed recall stays in force, an aborted one does not.
			if e.Kind == RecallAborted {
				closed = slices.DeleteFunc(closed, func(r string) bool { return r == d.Recall })
			}
		}
		return nil
	})
	if err != nil {
		return false, "", fmt.Errorf("read the recalls of push %q: %w", push, err)
	}
	if len(closed) > 0 {
		return false, closed[0], nil
	}
	return true, "", nil
}

// holds reports whether a hand-over falls under the scope.
func (s Scope) holds(device, channel, user string) bool {
	switch {
	case s.Channel != "" && channel != "" && s.Channel != channel:
		return false
	case s.Device != "":
		return s.Device == device
	case s.User != "":
		return s.User == user
	}
	return true
}
