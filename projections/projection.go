package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures a Projection.
type Config struct {
	// Dir is where the store lives. The caller has locked it.
	Dir string
	Log events.Log
	// FS is the file system; nil means the disk.
	FS     vfs.FS
	Logger *slog.Logger
	// Cache is the size of the block cache. Default 128 MiB.
	Cache int64
	// Memory is how much pushes may take in memory before the ones not used
	// lately are dropped and read again when needed. Default 256 MiB.
	Memory int
	// Dictionaries is how much the devices' ordinals may take in memory, about 32
	// bytes for each device. Those named lately are there, and the others are
	// looked up in the store. That takes 2 to 20 microseconds instead of a fraction
	// of one, by how busy the machine is and how much of the store is cached: a fold
	// that names mostly such devices does 50 to 500 thousand facts per second.
	// Devices the store does not have yet come on top, up to as much again while a
	// checkpoint is written, and some megabytes with a small budget.
	// Default 256 MiB.
	Dictionaries int
	// Keep is how long a push is kept after the log first saw it, by the log's
	// time; 0 keeps it for ever. Pushes go by whole weeks, as the first event of
	// a new one is folded, so the last of them at most two weeks later. It must be
	// longer than every recall window. A change counts from the next week on,
	// for pushes that are still there; a rebuild has what Keep says now. With 0
	// looking up what is not known costs in proportion to the weeks with pushes.
	Keep time.Duration
	// CheckpointFacts and CheckpointPushes are how many changes make a
	// checkpoint due. Defaults 1,000,000 and 20,000.
	CheckpointFacts  int
	CheckpointPushes int
	// CheckpointEvery is how long a change waits for a checkpoint at most.
	// Default 2 seconds.
	CheckpointEvery time.Duration
}

func (c *Config) setDefaults() {
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Cache == 0 {
		c.Cache = 128 << 20
	}
	if c.Memory == 0 {
		c.Memory = 256 << 20
	}
	if c.Dictionaries == 0 {
		c.Dictionaries = 256 << 20
	}
	if c.CheckpointFacts == 0 {
		c.CheckpointFacts = 1_000_000
	}
	if c.CheckpointPushes == 0 {
		c.CheckpointPushes = 20_000
	}
	if c.CheckpointEvery == 0 {
		c.CheckpointEvery = 2 * time.Second
	}
}

// Projection is the fold of one partition's log. Its queries may be called
// concurrently with each other and with Run.
type Projection struct {
	c Config
	// generations are the stores on disk, of which live is the one in use. Both are
	// changed by one rebuild at a time, under mu.
	generations generations
	live        uint64

	// applying is held while a message is folded. It guards the decoder, and what
	// devices work in.
	applying sync.Mutex
	decoder  events.Decoder

	// mu guards everything below; the fold holds it for one message at a time.
	mu sync.RWMutex
	inside
	moved   chan struct{}
	watched atomic.Bool
	failed  error

	// checkpointing is held while a checkpoint is written, between applying and mu.
	checkpointing sync.Mutex
	due           chan struct{}
	// settled is closed when the next checkpoint is durable.
	settled chan struct{}
	// swaps counts the generations that took the place of another, under mu: what
	// readers hold of a push is of the one they found it in.
	swaps int
	// rebuilding is held while another generation is built; stuck, under it, is why
	// no more may be.
	rebuilding sync.Mutex
	stuck      error
}

// inside is what one generation consists of: a swap puts another in its place.
type inside struct {
	store *store
	meta  meta
	apps  map[string]*app
	// devices are the dictionaries of all apps.
	devices devices
	count   deviceCount
	// periods are those that have pushes, oldest first, and dropped those that
	// are forgotten but not yet dropped from the store.
	periods []*period
	dropped span
	// filtered is how many pushes filters are kept for.
	filtered uint64
	// changed are the pushes changed in this epoch, which begins with a
	// checkpoint, and changedApps the apps. cutting is the checkpoint that may
	// still have to take pushes of the last epoch.
	epoch       uint64
	changed     []*push
	changedApps []*app
	cutting     *cut
	evicting    bool
	// cost is what pushes take in memory as of the last checkpoint, in bytes.
	cost int
	// facts are those since the last checkpoint, folded those before it.
	facts  int
	folded uint64
	tick   uint64
	// broken is why memory and store may no longer be of one position: nothing
	// is written any more.
	broken error
}

type pushID struct {
	app uint32
	id  string
}

// Open opens or creates the projection and checks that it belongs to the log. What
// a rebuild left that did not end is deleted.
func Open(ctx context.Context, c Config) (*Projection, error) {
	if c.Keep < 0 {
		return nil, fmt.Errorf("keep is %s, at least 0 is needed, which keeps pushes for ever", c.Keep)
	}
	if c.Dictionaries < 0 {
		return nil, fmt.Errorf("dictionaries is %d bytes, at least 1 is needed; 0 is the default", c.Dictionaries)
	}
	c.setDefaults()
	g := generations{c.FS, c.Dir}
	state, err := g.clean()
	if err != nil {
		return nil, err
	}
	return openGeneration(ctx, c, g, state.Live)
}

// openGeneration opens or creates one generation.
func openGeneration(ctx context.Context, c Config, g generations, no uint64) (*Projection, error) {
	s, err := openStore(g.path(no), c.FS, c.Cache, c.Logger)
	if err != nil {
		return nil, err
	}
	p := &Projection{
		c: c, generations: g, live: no,
		inside: inside{store: s, epoch: 1, apps: map[string]*app{}, devices: newDevices(s, c.Dictionaries)},
		moved:  make(chan struct{}), due: make(chan struct{}, 1), settled: make(chan struct{}),
	}
	if err := p.load(ctx); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return p, nil
}

func (p *Projection) load(ctx context.Context) error {
	info, err := p.c.Log.Info(ctx)
	if err != nil {
		return err
	}
	m, found, err := p.store.readMeta()
	if err != nil {
		return err
	}
	if !found {
		if rows, err := p.store.scan(scanOptions{to: []byte{0xff}, limit: 1}); err != nil || len(rows) > 0 {
			return cmp.Or(err, errDamaged)
		}
		if info.First > 1 {
			p.c.Logger.Warn("the log no longer begins at its first event; older pushes are not known", "first", uint64(info.First))
		}
		p.meta = meta{Schema: schema, Created: info.Created, NextApp: 1, NextPush: 1}
		if info.First > 1 {
			p.meta.Applied = uint64(info.First) - 1
		}
		return nil
	}
	const remedy = "; if this is intended, delete the projection folder %s: it is rebuilt from the log"
	switch {
	case m.Schema != schema:
		return fmt.Errorf("%w: the projection has schema %d, this program needs %d"+remedy, errSchema, m.Schema, schema, p.c.Dir)
	case !m.Created.Equal(info.Created):
		return fmt.Errorf("the projection was folded from a log made at %s, but this log was made at %s"+remedy,
			m.Created.Format(time.RFC3339Nano), info.Created.Format(time.RFC3339Nano), p.c.Dir)
	case m.Applied > uint64(info.Last):
		return fmt.Errorf("the projection has applied sequence %d, but the log ends at %d: the log lost events, restore it from a backup"+remedy,
			m.Applied, info.Last, p.c.Dir)
	case uint64(info.First) > m.Applied+1:
		return fmt.Errorf("the projection has applied sequence %d, but the log begins at %d: events in between are gone"+remedy,
			m.Applied, info.First, p.c.Dir)
	}
	p.meta = m
	for _, load := range []func() error{p.loadPeriods, p.loadFilters, p.loadApps, p.loadOwed} {
		if err := load(); err != nil {
			return err
		}
	}
	return nil
}

// Close writes a last checkpoint and closes the store. Run and Rebuild must have
// returned; queries that still come get an error.
func (p *Projection) Close() error {
	err := p.Checkpoint()
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store.closed {
		return nil
	}
	return errors.Join(err, p.store.close())
}

// Compact writes a checkpoint and then the whole store anew, so that every row stands
// in it once, and returns how many bytes its tables have then. No checkpoint is
// written meanwhile.
func (p *Projection) Compact(ctx context.Context) (uint64, error) {
	if err := p.Checkpoint(); err != nil {
		return 0, err
	}
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	p.mu.RLock()
	closed := p.store.closed
	p.mu.RUnlock()
	if closed {
		return 0, errClosed
	}
	// The keys of rows begin with a letter.
	if err := p.store.db.Compact(ctx, []byte{0}, []byte{0xff}, false); err != nil {
		return 0, storeError("compact", err)
	}
	total := p.store.db.Metrics().Total()
	return uint64(total.TablesSize), nil
}

// Run folds the log until ctx ends (nil) or something fails. What is folded is
// queryable at once and durable at the next checkpoint; the log covers the rest.
func (p *Projection) Run(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var writer sync.WaitGroup
	var failed error
	writer.Go(func() {
		if failed = p.checkpoints(inner); failed != nil {
			cancel()
		}
	})
	err := p.c.Log.Follow(inner, p.Applied().Seq+1, func(m events.Message) error {
		if err := p.Apply(m); err != nil {
			return err
		}
		return p.breathe(inner)
	})
	cancel()
	writer.Wait()
	switch {
	case failed != nil:
		err = failed
	case ctx.Err() != nil:
		return nil
	case err == nil:
		err = errLogEnded
	}
	p.mu.Lock()
	p.failed = err
	p.wakeLocked()
	p.mu.Unlock()
	return fmt.Errorf("fold the log: %w", err)
}

// breathe waits while a checkpoint is being written and the next is long due: a
// store that is slower than the log must not fill the memory (L11).
func (p *Projection) breathe(ctx context.Context) error {
	for {
		p.mu.RLock()
		settled := p.settled
		full := p.unwritten() >= maxUnwritten
		p.mu.RUnlock()
		if !full {
			return nil
		}
		select {
		case <-settled:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// maxUnwritten is how many checkpoints' worth of changes may gather beside the
// checkpoint that is being written.
const maxUnwritten = 4

// unwritten returns how many checkpoints' worth of changes are not written.
func (p *Projection) unwritten() int {
	return max(p.facts/p.c.CheckpointFacts, len(p.changed)/p.c.CheckpointPushes, p.devices.due(), p.store.rows.fresh.Len()/(4*p.c.CheckpointPushes))
}

// errLogEnded is a log that gave up following without saying why.
var errLogEnded = errors.New("the log stopped without an error")

// checkpoints writes a checkpoint whenever one is due.
func (p *Projection) checkpoints(ctx context.Context) error {
	t := time.NewTicker(p.c.CheckpointEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		case <-p.due:
		}
		if err := p.Checkpoint(); err != nil {
			return err
		}
	}
}

// Applied returns the position of the newest folded event.
func (p *Projection) Applied() events.Position {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.appliedLocked()
}

func (p *Projection) appliedLocked() events.Position {
	return events.Position{Partition: p.c.Log.Partition(), Seq: events.Seq(p.meta.Applied)}
}

// Moved returns a channel that is closed when the next event is folded.
func (p *Projection) Moved() <-chan struct{} {
	p.mu.RLock()
	defer p.mu.RUnlock()
	p.watched.Store(true)
	return p.moved
}

// wakeLocked closes the channel only when somebody took it: most events have
// no one waiting.
func (p *Projection) wakeLocked() {
	if !p.watched.Swap(false) {
		return
	}
	close(p.moved)
	p.moved = make(chan struct{})
}

// Wait returns once the projection has applied a position, with ctx's error if
// that takes too long, or with the error that stopped the fold.
func (p *Projection) Wait(ctx context.Context, seq events.Seq) error {
	for {
		p.mu.RLock()
		p.watched.Store(true)
		applied, moved, failed := events.Seq(p.meta.Applied), p.moved, p.failed
		p.mu.RUnlock()
		if applied >= seq {
			return nil
		}
		if failed != nil {
			return fmt.Errorf("the projection stopped: %w", failed)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for position %d, applied is %d: %w", seq, applied, ctx.Err())
		case <-moved:
		}
	}
}
