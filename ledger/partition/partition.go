package partition

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Views are what is known of a partition: its projection, here or at another
// node. Where that node does not answer in time a method fails, with ErrUnserved
// when there is no such node: nothing is answered from memory.
type Views interface {
	decision.Views
	Push(app, push string, now time.Time) (*projections.Push, error)
	Pushes(app string, g projections.Page, now time.Time) ([]projections.Push, string, error)
	PushBounds(app, push string) (first, last events.Seq, err error)
	Notifications(app, push, channel, device string) ([]projections.Notification, error)
	DeviceNotifications(app, channel, device string, heldOnly bool) ([]projections.Notification, error)
	UserNotifications(app, user string, heldOnly bool) ([]projections.Notification, error)
	Recalls(app string, g projections.Page) ([]projections.Recall, string, error)
	EachHolder(ctx context.Context, app, push string, h projections.Holders, f func(projections.Device) error) (bool, error)
	EachRecalled(ctx context.Context, app, recall, outcome, cursor string, f func(projections.Device) error) (bool, error)
	Quarantined(g projections.Page) (list []projections.Quarantined, next string, total uint64, err error)
	Open() ([]projections.Work, error)
	// LastRecall returns when the app's newest recall was accepted; zero if never.
	LastRecall(app string) (time.Time, error)
	Apps() ([]string, error)
	Stats() (projections.Stats, error)
	// Moved returns a channel that is closed after the next event was folded. It
	// may be closed without one once in a while.
	Moved() <-chan struct{}
}

// ErrUnserved is a partition that no node serves at present.
var ErrUnserved = errors.New("no node serves the partition")

// Part is one partition as a node uses it.
type Part struct {
	Log events.Log
	// Queue gives out its messages to workers; nil where nothing is carried out.
	Queue events.Queue
	// Views are those of Local where it is set.
	Views Views
	// Local is the projection when it is this node's own.
	Local *projections.Projection
	// Redrive is as dispatch.Redrive, of Local where it is set; nil where nothing
	// is carried out.
	Redrive   func(ctx context.Context, app, recall string, now time.Time) (int, error)
	Committer *events.Committer
	Decider   *decision.Decider
}

// Number returns the partition's number.
func (p *Part) Number() int { return p.Log.Partition() }

// CatchUp waits until what is known has what the log has now.
func (p *Part) CatchUp(ctx context.Context) error {
	end, err := p.Log.End(ctx)
	if err != nil {
		return err
	}
	return p.Views.Wait(ctx, end.Seq)
}

// Config configures a Set.
type Config struct {
	// Parts are all partitions of the ledger, in order. New gives each its Decider.
	Parts []*Part
	// Grown are the growths of the log, the oldest first.
	Grown []events.Growth
	// Home says in which partition a push lives, where another set knows it: that of
	// the present knows it of the past. Nil looks for it here.
	Home func(ctx context.Context, app, push string) (int, error)
	// Shared is true when other nodes decide beside this one.
	Shared bool
	// Decision is what the deciders have in common; Log, Views, Committer and
	// Others are set for each.
	Decision decision.Config
}

// Set is all partitions of a ledger. Its methods may be called concurrently.
type Set struct {
	parts []*Part
	grown []events.Growth
	home  func(ctx context.Context, app, push string) (int, error)
	clock func() time.Time

	// succeeding is held while a new push is put in its place, which who asked and
	// the planner do at the same time.
	succeeding sync.Mutex

	mu sync.Mutex
	// moved is what Moved gave out and nothing has closed yet.
	moved chan struct{}
}

// New returns the set of all partitions of a ledger.
func New(c Config) (*Set, error) {
	if len(c.Parts) == 0 {
		return nil, errors.New("partitions: there must be at least one")
	}
	if err := events.CheckGrowths(c.Grown, len(c.Parts)); err != nil {
		return nil, fmt.Errorf("partitions: %w", err)
	}
	s := &Set{parts: c.Parts, grown: c.Grown, home: c.Home, clock: c.Decision.Clock}
	for i, p := range s.parts {
		if p.Number() != i {
			return nil, fmt.Errorf("partitions: partition %d stands at place %d", p.Number(), i)
		}
		if p.complete(); p.Views == nil {
			return nil, fmt.Errorf("partitions: of partition %d nothing is known", i)
		}
		d := c.Decision
		d.Log, d.Views, d.Committer = p.Log, p.Views, p.Committer
		if c.Shared || len(s.parts) > 1 {
			d.Others = &others{s, p}
		}
		p.Decider = decision.New(d)
	}
	return s, nil
}

// Parts lists the partitions in order.
func (s *Set) Parts() []*Part { return s.parts }

// OfRecall returns the partition that has a recall, nil when none has.
func (s *Set) OfRecall(app, recall string) (*Part, error) {
	if len(s.parts) == 1 {
		return s.parts[0], nil
	}
	for _, p := range s.parts {
		if v, err := p.Views.Recall(app, recall); err != nil || v != nil {
			return p, err
		}
	}
	return nil, nil
}

// CatchUp waits until what is known of every partition has what its log has now.
func (s *Set) CatchUp(ctx context.Context) error {
	return s.each(func(p *Part) error { return p.CatchUp(ctx) })
}

// End returns where every log ends.
func (s *Set) End(ctx context.Context) (events.Positions, error) {
	list := make(events.Positions, len(s.parts))
	err := s.each(func(p *Part) (err error) {
		list[p.Number()], err = p.Log.End(ctx)
		return err
	})
	return list, err
}

// Applied returns how far every partition is folded.
func (s *Set) Applied() events.Positions {
	list := make(events.Positions, len(s.parts))
	for i, p := range s.parts {
		list[i] = p.Views.Applied()
	}
	return list
}

// Wait returns once the positions are folded.
func (s *Set) Wait(ctx context.Context, at events.Positions) error {
	for _, pos := range at {
		if pos.Partition >= len(s.parts) {
			return fmt.Errorf("position %s: the ledger has %d partitions", pos, len(s.parts))
		}
		if err := s.parts[pos.Partition].Views.Wait(ctx, pos.Seq); err != nil {
			return err
		}
	}
	return nil
}

// each calls f for all partitions at once.
func (s *Set) each(f func(*Part) error) error {
	if len(s.parts) == 1 {
		return f(s.parts[0])
	}
	errs := make([]error, len(s.parts))
	var wg sync.WaitGroup
	for i, p := range s.parts {
		wg.Go(func() { errs[i] = f(p) })
	}
	wg.Wait()
	return errors.Join(errs...)
}
