package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// page is a page of a list.
type page[T any] struct {
	List  []T    `json:"list"`
	Next  string `json:"next,omitempty"`
	Total uint64 `json:"total,omitempty"`
}

// bounds are where a push's events lie.
type bounds struct {
	First events.Seq `json:"first"`
	Last  events.Seq `json:"last"`
}

// devices are a part of a list of devices.
type devices struct {
	// Known is false when there is no such push or recall.
	Known bool `json:"known"`
	// List are the devices, each of type device.
	List json.RawMessage `json:"list"`
	// More is true when the list may go on behind its last device.
	More bool `json:"more,omitempty"`
}

// device is projections.Device with all of its fields.
type device struct {
	projections.Device
	Facts ledger.Facts `json:"facts,omitempty"`
	Mark  ledger.Mark  `json:"mark,omitempty"`
}

// queries are all questions that a node answers.
func (s *Server) queries() []method {
	return []method{
		{"wait", func(context.Context, *partition.Part, *question) (any, error) { return nil, nil }},
		{"moved", moved},
		{"state", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.State(q.App, q.Push, q.Scope)
		}},
		{"targets", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.Targets(q.App, q.Push, q.Action, q.Scope)
		}},
		{"key", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.Key(q.App, q.Key)
		}},
		{"recall", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.Recall(q.App, q.Recall)
		}},
		{"recall-state", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			push, _, err := p.Views.RecallState(q.App, q.Recall)
			return push, err
		}},
		{"last-recall", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.LastRecall(q.App)
		}},
		{"push", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.Push(q.App, q.Push, q.Now)
		}},
		{"pushes", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			list, next, err := p.Views.Pushes(q.App, q.page(), q.Now)
			return page[projections.Push]{list, next, 0}, err
		}},
		{"push-bounds", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			first, last, err := p.Views.PushBounds(q.App, q.Push)
			return bounds{first, last}, err
		}},
		{"notifications", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.Notifications(q.App, q.Push, q.Channel, q.Device)
		}},
		{"device-notifications", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.DeviceNotifications(q.App, q.Channel, q.Device, q.HeldOnly)
		}},
		{"user-notifications", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			return p.Views.UserNotifications(q.App, q.User, q.HeldOnly)
		}},
		{"recalls", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			list, next, err := p.Views.Recalls(q.App, q.page())
			return page[projections.Recall]{list, next, 0}, err
		}},
		{"quarantined", func(_ context.Context, p *partition.Part, q *question) (any, error) {
			list, next, total, err := p.Views.Quarantined(q.page())
			return page[projections.Quarantined]{list, next, total}, err
		}},
		{"open", func(_ context.Context, p *partition.Part, _ *question) (any, error) { return p.Views.Open() }},
		{"apps", func(_ context.Context, p *partition.Part, _ *question) (any, error) { return p.Views.Apps() }},
		{"stats", func(_ context.Context, p *partition.Part, _ *question) (any, error) { return p.Views.Stats() }},
		{"holders", s.holders},
		{"recalled", s.recalled},
	}
}

func (q *question) page() projections.Page {
	return projections.Page{Cursor: q.Cursor, Limit: q.Limit}
}

// moved waits until the fold moves, for a while, and answers how far it is.
func moved(ctx context.Context, p *partition.Part, q *question) (any, error) {
	bounded, cancel := context.WithTimeout(ctx, within(q.Wait, maxPoll))
	defer cancel()
	if err := p.Views.Wait(bounded, q.After+1); err != nil && bounded.Err() == nil || ctx.Err() != nil {
		return nil, &jetstream.CallError{Code: jetstream.CallStopping, Text: "the node stops"}
	}
	return p.Views.Applied().Seq, nil
}

func (s *Server) holders(ctx context.Context, p *partition.Part, q *question) (any, error) {
	h := projections.Holders{Channel: q.Channel, Certainty: q.Certainty, Cursor: q.Cursor}
	return s.gather(ctx, p, q, func(f func(projections.Device) error) (bool, error) {
		return p.Views.EachHolder(ctx, q.App, q.Push, h, f)
	})
}

func (s *Server) recalled(ctx context.Context, p *partition.Part, q *question) (any, error) {
	return s.gather(ctx, p, q, func(f func(projections.Device) error) (bool, error) {
		return p.Views.EachRecalled(ctx, q.App, q.Recall, q.Outcome, q.Cursor, f)
	})
}

// errFull ends a part of a list.
var errFull = errors.New("the part is full")

// gather makes one part of a list of devices.
func (s *Server) gather(ctx context.Context, p *partition.Part, q *question, each func(func(projections.Device) error) (bool, error)) (any, error) {
	if err := s.goesOn(ctx, p, q); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	b.WriteByte('[')
	found, err := each(func(d projections.Device) error {
		if b.Len() > 1 {
			if b.Len() >= s.c.Chunk {
				return errFull
			}
			b.WriteByte(',')
		}
		return e.Encode(device{d, d.Facts, d.Mark})
	})
	if err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	b.WriteByte(']')
	return devices{Known: found, List: b.Bytes(), More: err != nil}, nil
}

// goesOn refuses to go on with a list of another node where the cursor may mean
// another device here. It counts the devices in the order in which the log named
// them, which is the same for all nodes as long as the log has its first event: a
// node whose fold began later does not count those it never saw.
func (s *Server) goesOn(ctx context.Context, p *partition.Part, q *question) error {
	if q.Node == "" || q.Node == s.c.Node {
		return nil
	}
	info, err := p.Log.Info(ctx)
	if err != nil {
		return err
	}
	if info.First > 1 {
		return &jetstream.CallError{Code: codeElsewhere, Text: "the node that gave the list so far does not answer, and no other can go on with it; begin again"}
	}
	return nil
}
