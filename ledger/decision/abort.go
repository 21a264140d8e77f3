package decision

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// ErrNotFound is a push or recall that does not exist for the app.
var ErrNotFound = errors.New("not found")

// ErrNotRunning is a recall that was completed or aborted before.
var ErrNotRunning = errors.New("the recall does not run any more")

// Abort stops a running recall: no further command is issued, and commands not
// yet carried out are skipped. What was carried out stays so.
func (d *Decider) Abort(ctx context.Context, app, recall, by, reason string) (events.Position, error) {
	var (
		floor, before events.Seq
		lost          bool
		unsure        []byte
	)
	for range maxTries {
		if err := d.catchUp(ctx); err != nil {
			return events.Position{}, err
		}
		push, r, err := d.c.Views.RecallState(app, recall)
		if err != nil {
			return events.Position{}, err
		}
		if push == nil {
			return events.Position{}, ErrNotFound
		}
		record, err := d.closing(app, recall, by, reason)
		if err != nil {
			return events.Position{}, err
		}
		if r.State != ledger.Running {
			return d.closedBy(ctx, record.Subject, unsure)
		}
		if lost && push.Decision == before {
			// As in a decision: something quarantined is in the way.
			lost = false
			if floor, err = d.last(ctx, record.Subject); err != nil {
				return events.Position{}, err
			}
			continue
		}
		lost, before = false, push.Decision
		record.Fenced, record.Expect = true, max(push.Decision, floor)
		pos, err := d.c.Log.Append(ctx, []events.Record{record})
		switch {
		case errors.Is(err, events.ErrConflict):
			lost = true
		case errors.Is(err, events.ErrUnknown):
			unsure = record.Data
		default:
			if err == nil {
				d.show(ctx, pos)
			}
			return pos, err
		}
	}
	return events.Position{}, fmt.Errorf("%w: the decision subject moved on %d times", events.ErrOverloaded, maxTries)
}

// closing makes the record of an abort.
func (d *Decider) closing(app, recall, by, reason string) (events.Record, error) {
	v, err := d.c.Views.Recall(app, recall)
	if err != nil {
		return events.Record{}, err
	}
	e := &events.Event{
		Header: events.Header{Kind: events.RecallAborted, App: app, Push: v.Push, Time: d.c.Clock()},
		Data:   &events.Closed{Recall: recall, By: by, Reason: reason},
	}
	if err := events.Check(e); err != nil {
		return events.Record{}, err
	}
	b, err := events.Encode(e)
	return events.Record{
		Subject: events.Subject(d.c.Log.Partition(), app, events.RecallAborted, v.Push, ""), Data: b,
	}, err
}

// closedBy answers an abort of a recall that no longer runs: it may be this very
// abort that ended it, with an append whose result was unknown.
func (d *Decider) closedBy(ctx context.Context, subject string, unsure []byte) (events.Position, error) {
	var pos events.Position
	if unsure == nil {
		return pos, ErrNotRunning
	}
	if err := d.c.Log.ReadSubject(ctx, subject, func(m events.Message) error {
		if bytes.Equal(m.Data, unsure) {
			pos = m.Position
		}
		return nil
	}); err != nil {
		return pos, err
	}
	if pos.Seq == 0 {
		return pos, ErrNotRunning
	}
	return pos, nil
}
