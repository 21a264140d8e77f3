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
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// rig is the parts of a node that write, fold and decide, wired as a node wires
// them, so that they can be measured one by one.
type rig struct {
	dir    string
	server *embedded.Server
	conn   *jetstream.Conn
	// part is the first partition, parts are all.
	*part
	parts []*part
	// ledger is all of them as one.
	ledger *partition.Set
	ids    atomic.Int64

	stopWriting, stopFolding context.CancelFunc
	writing, folding         sync.WaitGroup
}

// part is one partition of a rig.
type part struct {
	log        *jetstream.Log
	projection *projections.Projection
	committer  *events.Committer
	publisher  *events.Publisher
	failed     error
}

func openRig(ctx context.Context, dir string, clock func() time.Time, partitions int) (*rig, error) {
	r := &rig{dir: dir}
	if err := r.open(ctx, clock, partitions); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rig) open(ctx context.Context, clock func() time.Time, partitions int) error {
	var err error
	if r.server, err = embedded.Start(embedded.Config{Dir: filepath.Join(r.dir, "log")}); err != nil {
		return err
	}
	if r.conn, err = r.server.Connect("recall-bench"); err != nil {
		return err
	}
	logs, err := jetstream.OpenAll(ctx, jetstream.Config{Conn: r.conn}, partitions)
	if err != nil {
		return err
	}
	var parts []*partition.Part
	for i, log := range logs {
		p, err := openPart(ctx, filepath.Join(r.dir, "projection-"+strconv.Itoa(i)), log, len(logs))
		if err != nil {
			return err
		}
		r.parts = append(r.parts, p)
		parts = append(parts, &partition.Part{Log: p.log, Queue: p.log, Local: p.projection, Committer: p.committer})
	}
	r.part = r.parts[0]
	r.ledger, err = partition.New(partition.Config{
		Parts: parts,
		Decision: decision.Config{
			Clock: clock, NewID: func() string { return "r" + strconv.FormatInt(r.ids.Add(1), 10) },
		},
	})
	if err != nil {
		return err
	}
	// What runs behind ends in the order of a node, not with the caller.
	var writing, folding context.Context
	writing, r.stopWriting = context.WithCancel(context.WithoutCancel(ctx))
	folding, r.stopFolding = context.WithCancel(context.WithoutCancel(ctx))
	for _, p := range r.parts {
		r.folding.Go(func() { p.failed = p.projection.Run(folding) })
		// The committer tells its writers of every error.
		r.writing.Go(func() { _ = p.committer.Run(writing) })
	}
	return nil
}

func openPart(ctx context.Context, dir string, log *jetstream.Log, partitions int) (*part, error) {
	p := &part{log: log}
	var err error
	if p.projection, err = projections.Open(ctx, projections.Config{Dir: dir, Log: log}); err != nil {
		return nil, err
	}
	p.committer = events.NewCommitter(events.CommitterConfig{Log: log, Folded: func() events.Seq { return p.projection.Applied().Seq }})
	p.publisher, err = events.NewPublisher(events.PublisherConfig{Log: log, Committer: p.committer, App: app, Partitions: partitions})
	if err != nil {
		return nil, errors.Join(err, p.projection.Close())
	}
	return p, nil
}

// close gives everything back that is there.
func (r *rig) close() error {
	if r.stopWriting != nil {
		r.stopWriting()
		r.writing.Wait()
		r.stopFolding()
		r.folding.Wait()
	}
	var err error
	for _, p := range r.parts {
		err = errors.Join(err, p.failed, p.projection.Close())
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

// publish makes calls as services do, in all partitions side by side, and returns
// when they are queryable.
func (r *rig) publish(ctx context.Context, calls []call, at time.Time) error {
	lists := apart(calls, len(r.parts))
	return r.each(ctx, func(ctx context.Context, i int, p *part) error { return p.publish(ctx, lists[i], at) })
}

// each calls f for all partitions at once.
func (r *rig) each(ctx context.Context, f func(ctx context.Context, i int, p *part) error) error {
	return sideBySide(ctx, len(r.parts), func(ctx context.Context, i int) error { return f(ctx, i, r.parts[i]) })
}

// sideBySide calls f for 0 to n-1 at once.
func sideBySide(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	g, inner := errgroup.WithContext(ctx)
	for i := range n {
		g.Go(func() error { return f(inner, i) })
	}
	return g.Wait()
}

func (p *part) publish(ctx context.Context, calls []call, at time.Time) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(writers)
	var last atomic.Uint64
	for _, c := range calls {
		g.Go(func() error {
			pos, err := p.publisher.Facts(inner, c.kind, c.push, c.channel, at, c.devices)
			raise(&last, pos.Seq)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return p.projection.Wait(ctx, events.Seq(last.Load()))
}

// notifications counts what the partitions know.
func (r *rig) notifications() uint64 {
	var n uint64
	for _, p := range r.parts {
		n += p.projection.Stats().Notifications
	}
	return n
}

// pushes counts what the partitions know.
func (r *rig) pushes() uint64 {
	var n uint64
	for _, p := range r.parts {
		n += p.projection.Stats().Pushes
	}
	return n
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
	p := r.parts[events.PartitionOf(app, push, len(r.parts))]
	_, err := p.publisher.Publish(ctx, &events.Event{
		Header: events.Header{Kind: events.PushCreated, App: app, Push: push, Time: at},
		Data:   &events.Created{Slot: "4711", Audience: events.Audience{Kind: events.AudienceAll}},
	})
	return err
}

// lanes is how many raw batches are under way at once in a stream, as many as the
// committer's.
const lanes = 2

// publishRaw publishes records to a server of its own, those of each partition to
// a stream of its own, as durable as the log, and returns what that took, in
// seconds.
func (b *run) publishRaw(ctx context.Context, dir string, records ...[]events.Record) (took float64, err error) {
	raw, err := openRaw(ctx, dir, len(records))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, raw.close()) }()
	lists := make([][]jetstream.Batch, len(records))
	for i := range records {
		lists[i] = batches(records[i])
	}
	return b.timed(func() error {
		return sideBySide(ctx, len(lists), func(ctx context.Context, i int) error {
			g, inner := errgroup.WithContext(ctx)
			g.SetLimit(lanes)
			for _, batch := range lists[i] {
				g.Go(func() error { return raw.ceilings[i].Publish(inner, batch) })
			}
			return g.Wait()
		})
	})
}

// raw is a server with nothing of the product on it.
type raw struct {
	dir    string
	server *embedded.Server
	conn   *jetstream.Conn
	// ceilings are by partition.
	ceilings []*jetstream.Ceiling
}

func openRaw(ctx context.Context, dir string, partitions int) (*raw, error) {
	r := &raw{dir: dir}
	var err error
	if r.server, err = embedded.Start(embedded.Config{Dir: dir}); err != nil {
		return nil, err
	}
	r.conn, err = r.server.Connect("recall-bench")
	for i := 0; i < partitions && err == nil; i++ {
		var c *jetstream.Ceiling
		c, err = jetstream.OpenCeiling(ctx, jetstream.Config{Conn: r.conn, Partition: i, Settings: jetstream.Settings{Partitions: partitions}})
		r.ceilings = append(r.ceilings, c)
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
	// first is the first of them: where it ends in each log, and what it reports.
	first struct {
		ends                 []events.Seq
		facts, notifications int
	}
}

// ledger returns the shared rig, empty at first.
func (b *run) ledger(ctx context.Context) (*filled, error) {
	if b.shared == nil {
		r, err := openRig(ctx, filepath.Join(b.dir, "ledger"), b.c.Clock, b.c.partitions())
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
	_, err = b.fill(ctx, f, b.campaign(0), b.c.Clock())
	return f, err
}

// fill publishes the next campaign and returns what that took, in seconds, once
// it is sure that everything is there.
func (b *run) fill(ctx context.Context, f *filled, calls []call, at time.Time) (float64, error) {
	for _, push := range b.largePushes(f.rounds) {
		if err := f.create(ctx, push, at); err != nil {
			return 0, err
		}
	}
	before := f.notifications()
	took, err := b.timed(func() error { return f.publish(ctx, calls, at) })
	if err != nil {
		return 0, err
	}
	if got, want := f.notifications()-before, uint64(notifications(calls)); got != want {
		return 0, fmt.Errorf("%d notifications were published and %d are known", want, got)
	}
	if f.rounds == 0 {
		f.first.facts, f.first.notifications = facts(calls), notifications(calls)
		for _, p := range f.parts {
			f.first.ends = append(f.first.ends, p.projection.Applied().Seq)
		}
	}
	f.rounds++
	return took, nil
}
