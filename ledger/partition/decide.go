package partition

import (
	"context"
	"errors"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

// Decide is Decider.Recall in the push's partition. The new push of an
// override that belongs elsewhere is put there; should that fail, the planner of
// the recall does it before it issues a command.
func (s *Set) Decide(ctx context.Context, r ledger.Request, key string, render decision.Render) (decision.Answer, error) {
	p, err := s.Of(ctx, r.App, r.Push)
	if err != nil {
		return decision.Answer{}, err
	}
	a, err := p.Decider.Recall(ctx, r, key, render)
	if err == nil && a.Requested != nil && a.Requested.Replacement != nil && len(s.parts) > 1 {
		_ = s.Succeed(ctx, r.App, a.Requested.Recall) // the decision stands whatever comes of it
	}
	return a, err
}

// Preview is as Decider.Preview.
func (s *Set) Preview(ctx context.Context, r ledger.Request) (*decision.Preview, error) {
	p, err := s.Of(ctx, r.App, r.Push)
	if err != nil {
		return nil, err
	}
	return p.Decider.Preview(ctx, r)
}

// Abort is as Decider.Abort.
func (s *Set) Abort(ctx context.Context, app, recall, by, reason string) (events.Position, error) {
	p, err := s.recall(ctx, app, recall)
	if err != nil {
		return events.Position{}, err
	}
	return p.Decider.Abort(ctx, app, recall, by, reason)
}

// errReadOnly is a ledger that is only read.
var errReadOnly = errors.New("the ledger is only read: nothing is carried out in it")

// Redrive issues the refused commands of a recall once more and returns how many
// devices they name. Errors: decision.ErrNotFound, dispatch.ErrNotRunning.
func (s *Set) Redrive(ctx context.Context, app, recall string, now time.Time) (int, error) {
	p, err := s.recall(ctx, app, recall)
	if err != nil {
		return 0, err
	}
	if p.Redrive == nil {
		return 0, errReadOnly
	}
	return p.Redrive(ctx, app, recall, now)
}

// recall finds a recall's partition as of the end of the logs: it may have been
// accepted at another node a moment ago.
func (s *Set) recall(ctx context.Context, app, recall string) (*Part, error) {
	if err := s.CatchUp(ctx); err != nil {
		return nil, err
	}
	p, err := s.OfRecall(app, recall)
	if err == nil && p == nil {
		err = decision.ErrNotFound
	}
	return p, err
}

// Succeed puts the new push of an override into its partition, where that is not
// the one of the recall. It is repeatable: a push that is known stays as it is.
func (s *Set) Succeed(ctx context.Context, app, recall string) error {
	from, err := s.OfRecall(app, recall)
	if err != nil || from == nil {
		return err
	}
	push, r, err := from.Views.RecallState(app, recall)
	if err != nil || push == nil || r.Replacement == nil {
		return err
	}
	to, err := s.Of(ctx, app, r.Replacement.Push)
	if err != nil || to == from {
		return err // where it is the same, it is part of the decision
	}
	s.succeeding.Lock()
	defer s.succeeding.Unlock()
	known, err := to.Views.State(app, r.Replacement.Push, events.Scope{})
	if err != nil || known.Push.Known() {
		return err
	}
	v, err := from.Views.Recall(app, recall)
	if err != nil || v == nil {
		return err
	}
	b := s.NewBatch()
	e := &events.Event{
		Header: events.Header{Kind: events.PushCreated, App: app, Push: r.Replacement.Push, Time: r.At, Trace: r.Trace},
		Data:   push.Successor(v.Push, r.Replacement),
	}
	if err := events.Check(e); err != nil {
		return err
	}
	if err := b.Add(e); err != nil {
		return err
	}
	pos, err := b.Commit(ctx)
	if err != nil {
		return err
	}
	return s.Wait(ctx, pos)
}
