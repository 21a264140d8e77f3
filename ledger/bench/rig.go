package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// rig is the parts of a node that write, fold and decide, wired as a node wires
// them, so that they can be measured one by one.
type rig struct {
	dir        string
	server     *embedded.Server
	conn       *jetstream.Conn
	log        *jetstream.Log
	projection *projections.Projection
	committer  *events.Committer
	publisher  *events.Publisher
	decider    *decision.Decider
	ids        atomic.Int64

	stopWriting, stopFolding context.CancelFunc
	writing, folding         sync.WaitGroup
	failed                   error
}

func openRig(ctx context.Context, dir string, clock func() time.Time) (*rig, error) {
	r := &rig{dir: dir}
	if err := r.open(ctx, clock); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) open(ctx context.Context, clock func() time.Time) error {
	var err error
	if r.server, err = embedded.Start(embedded.Config{Dir: filepath.Join(r.dir, "log")}); err != nil {
		return err
	}
	if r.conn, err = r.server.Connect("recall-bench"); err != nil {
		return err
	}
	if r.log, err = jetstream.Open(ctx, jetstream.Config{Conn: r.conn}); err != nil {
		return err
	}
	if r.projection, err = projections.Open(ctx, projections.Config{Dir: filepath.Join(r.dir, "projection"), Log: r.log}); err != nil {
		return err
	}
	r.committer = events.NewCommitter(events.CommitterConfig{Log: r.log, Folded: func() events.Seq { return r.projection.Applied().Seq }})
	if r.publisher, err = events.NewPublisher(events.PublisherConfig{Log: r.log, Committer: r.committer, App: app}); err != nil {
		return err
	}
	r.decider = decision.New(decision.Config{
		Log: r.log, Projection: r.projection, Committer: r.committer, Clock: clock,
		NewID: func() string { return "r" + strconv.FormatInt(r.ids.Add(1), 10) },
	})
	// What runs behind ends in the order of a node, not with the caller.
	var writing, folding context.Context
	writing, r.stopWriting = context.WithCancel(context.WithoutCancel(ctx))
	folding, r.stopFolding = context.WithCancel(context.WithoutCancel(ctx))
	r.folding.Go(func() { r.failed = r.projection.Run(folding) })
	// The committer tells its writers of every error.
	r.writing.Go(func() { _ = r.committer.Run(writing) })
	return nil
}

// close gives everything back that is there.
func (r *rig) close() error {
	if r.stopWriting != nil {
		r.stopWriting()
		r.writing.Wait()
		r.stopFolding()
		r.folding.Wait()
	}
	err := r.failed
	if r.projection != nil {
		err = errors.Join(err, r.projection.Close())
	}
	if r.conn != nil {
		r.conn.Close()
	}
	if r.server != nil {
		r.server.Stop()
	}
	return err
}

// writers is how many services publish at once: enough to fill the committer's
// batches, as the ceiling's are filled.
const writers = 16

// publish makes calls as services do and returns when they are queryable.
func (r *rig) publish(ctx context.Context, calls []call, at time.Time) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	var last atomic.Uint64
	for _, c := range calls {
		g.Go(func() error {
			pos, err := r.publisher.Facts(inner, c.kind, c.push, c.channel, at, c.devices)
			raise(&last, pos.Seq)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return r.projection.Wait(ctx, events.Seq(last.Load()))
}

func raise(last *atomic.Uint64, seq events.Seq) {
	for {
		was := last.Load()
		if uint64(seq) <= was || last.CompareAndSwap(was, uint64(seq)) {
			return
		}
	}
}

// create makes a push known, with a slot, so that channels can take it back.
func (r *rig) create(ctx context.Context, push string, at time.Time) error {
	_, err := r.publisher.Publish(ctx, &events.Event{
		Header: events.Header{Kind: events.PushCreated, App: app, Push: push, Time: at},
		Data:   &events.Created{Slot: "4711", Audience: events.Audience{Kind: events.AudienceAll}},
	})
	return err
}

// lanes is how many raw batches are under way at once, as many as the
// committer's.
const lanes = 2

// publishRaw publishes records to a server of its own, as durable as the log, and
// returns what that took, in seconds.
func (b *run) publishRaw(ctx context.Context, dir string, records []events.Record) (took float64, err error) {
	raw, err := openRaw(ctx, dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	list := batches(records)
	return b.timed(func() error {
		g, inner := errgroup.WithContext(ctx)
		g.SetLimit(lanes)
		for _, batch := range list {
			g.Go(func() error { return raw.ceiling.Publish(inner, batch) })
		}
		return g.Wait()
	})
}

// raw is a server with nothing of the product on it.
type raw struct {
	dir     string
	server  *embedded.Server
	conn    *jetstream.Conn
	ceiling *jetstream.Ceiling
}

func openRaw(ctx context.Context, dir string) (*raw, error) {
	r := &raw{dir: dir}
	var err error
	if r.server, err = embedded.Start(embedded.Config{Dir: dir}); err != nil {
		return nil, err
	}
	if r.conn, err = r.server.Connect("recall-bench"); err == nil {
		r.ceiling, err = jetstream.OpenCeiling(ctx, jetstream.Config{Conn: r.conn})
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// close stops the server and removes its folder: a round leaves no room taken.
func (r *raw) close() error {
	if r.conn != nil {
		r.conn.Close()
	}
	r.server.Stop()
	return os.RemoveAll(r.dir)
}

// filled is the rig that holds the population's pushes.
type filled struct {
	*rig
	// rounds is how many campaigns it holds.
	rounds int
	// first is the first of them: where it ends in the log, and what it reports.
	first struct {
		end                  events.Seq
		facts, notifications int
	}
}

// ledger returns the shared rig, empty at first.
func (b *run) ledger(ctx context.Context) (*filled, error) {
	if b.shared == nil {
		r, err := openRig(ctx, filepath.Join(b.dir, "ledger"), b.c.Clock)
		if err != nil {
			return nil, err
		}
		b.shared = &filled{rig: r}
	}
	return b.shared, nil
}

// filledLedger returns the shared rig with at least one campaign in it.
func (b *run) filledLedger(ctx context.Context) (*filled, error) {
	f, err := b.ledger(ctx)
	if err != nil || f.rounds > 0 {
		return f, err
	}
	_, err = b.fill(ctx, f, b.population.campaign(0, b.c.Pushes), b.c.Clock())
	return f, err
}

// fill publishes the next campaign and returns what that took, in seconds, once
// it is sure that everything is there.
func (b *run) fill(ctx context.Context, f *filled, calls []call, at time.Time) (float64, error) {
	if err := f.create(ctx, largePush(f.rounds), at); err != nil {
		return 0, err
	}
	before := f.projection.Stats().Notifications
	took, err := b.timed(func() error { return f.publish(ctx, calls, at) })
	if err != nil {
		return 0, err
	}
	if got, want := f.projection.Stats().Notifications-before, uint64(notifications(calls)); got != want {
		return 0, fmt.Errorf("%d notifications were published and %d are known", want, got)
	}
	if f.rounds == 0 {
		f.first.end, f.first.facts, f.first.notifications = f.projection.Applied().Seq, facts(calls), notifications(calls)
	}
	f.rounds++
	return took, nil
}
