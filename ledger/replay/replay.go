package replay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// folderPrefix is how the folders of folds are called in Config.Dir.
const folderPrefix = "replay-"

// sweepEvery is how often what nobody asks for any more is looked for.
const sweepEvery = time.Second

// Config configures Replays.
type Config struct {
	// Ledger is the present one, whose logs are folded.
	Ledger *partition.Set
	// Dir is where folds have their folders, which begin with replay-. The caller
	// has locked it: whatever has such a name there is deleted.
	Dir    string
	Clock  func() time.Time
	Logger *slog.Logger
	// Decision is what deciders, for previews, have in common with the present
	// ones; its clock is not asked.
	Decision decision.Config
	// Keep is how long projections keep pushes, as in the present ones.
	Keep time.Duration

	// Slots is how many questions may have partitions folded at once; folds for
	// one question come one after the other. Default 2.
	Slots int
	// Wait is how long a question waits for its folds before the asker is told to
	// come again. Default 10 seconds.
	Wait time.Duration
	// Timeout bounds the folds for one question. Default 5 minutes.
	Timeout time.Duration
	// Linger is how long a fold goes on while nobody waits for it. Default 30
	// seconds.
	Linger time.Duration
	// KeepFor is how long a finished fold is kept that nobody asks. Default 10
	// minutes.
	KeepFor time.Duration
	// Kept is how many moments of the whole ledger are kept folded; what is in use
	// is never dropped. Default 4.
	Kept int
	// Bytes is what all folds may take on disk together. Default 4 GiB.
	Bytes int64
	// Memory and Cache are what all folds may take in memory together, for pushes
	// and for what is read. Defaults 256 MiB and 32 MiB.
	Memory int
	Cache  int64
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Slots == 0 {
		c.Slots = 2
	}
	if c.Wait == 0 {
		c.Wait = 10 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Minute
	}
	if c.Linger == 0 {
		c.Linger = 30 * time.Second
	}
	if c.KeepFor == 0 {
		c.KeepFor = 10 * time.Minute
	}
	if c.Kept == 0 {
		c.Kept = 4
	}
	if c.Bytes == 0 {
		c.Bytes = 4 << 30
	}
	if c.Memory == 0 {
		c.Memory = 256 << 20
	}
	if c.Cache == 0 {
		c.Cache = 32 << 20
	}
}

// Replays makes past ledgers and keeps the last few. Its methods may be called
// concurrently.
type Replays struct {
	c Config
	// work is all folding that is under way.
	work sync.WaitGroup

	mu     sync.Mutex
	folds  map[events.Position]*fold
	busy   int
	closed bool
	stats  Stats
}

// Stats are figures of Replays since their start.
type Stats struct {
	// Folds are partitions folded or begun, Hits those that were there already,
	// Busy the questions refused for want of a slot, Failed the folds that ended
	// in an error, those given up included.
	Folds, Hits, Busy, Failed uint64
	// Running are the slots in use; Kept are the finished folds, and Bytes what
	// all of them take on disk.
	Running, Kept int
	Bytes         int64
}

// New returns Replays and deletes what a crash left of earlier ones.
func New(c Config) (*Replays, error) {
	if c.Ledger == nil || c.Clock == nil || c.Dir == "" {
		return nil, errors.New("replays: a ledger, a clock and a folder are needed")
	}
	c.setDefaults()
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("replays: %w", err)
	}
	for _, e := range entries {
		if left, _ := filepath.Match(folderPrefix+"*", e.Name()); !left || !e.IsDir() {
			continue
		}
		if err := os.RemoveAll(filepath.Join(c.Dir, e.Name())); err != nil {
			return nil, fmt.Errorf("replays: delete what an earlier one left: %w", err)
		}
	}
	return &Replays{c: c, folds: map[events.Position]*fold{}}, nil
}

// share is how many folds there may be at once: each gets as much of the memory.
func (r *Replays) share() int { return (r.c.Kept + r.c.Slots) * len(r.c.Ledger.Parts()) }

// Run gives up folds that nobody waits for and drops those that nobody asked for
// in a while, until ctx ends. Without it that happens only when somebody asks.
func (r *Replays) Run(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			r.drop(r.sweep())
		}
	}
}

// Close ends all folding and deletes all folds. A past ledger that is still asked
// answers with errors from then on.
func (r *Replays) Close() error {
	r.mu.Lock()
	r.closed = true
	all := make([]*fold, 0, len(r.folds))
	for _, f := range r.folds {
		f.cancel()
		all = append(all, f)
	}
	clear(r.folds)
	r.mu.Unlock()
	r.work.Wait()
	var errs []error
	for _, f := range all {
		errs = append(errs, f.remove())
	}
	return errors.Join(errs...)
}

// Stats returns the figures as they are now.
func (r *Replays) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Running = r.busy
	for _, f := range r.folds {
		s.Bytes += f.bytes
		if f.finished() {
			s.Kept++
		}
	}
	return s
}

// About says what a question is about, so that no more is folded than it needs.
// The zero About is the whole ledger.
type About struct {
	App string
	// Push or Recall is the one push or recall of App the question names.
	Push, Recall string
}

// Past is the ledger at a moment.
type Past struct {
	Moment
	// Ledger answers for the partitions the question is about, and must be asked
	// nothing else. It takes no writes.
	Ledger *partition.Set

	r     *Replays
	folds []*fold
}

// Close gives the past back; its folds are kept for a while.
func (p *Past) Close() { p.r.release(p.folds) }

// Open returns the ledger at a moment, folded as far as the question needs.
// Errors: *events.FieldError, ErrBusy, *FoldingError, *LimitError, ctx's.
func (r *Replays) Open(ctx context.Context, m Moment, a About) (*Past, error) {
	concerned, err := r.concerned(ctx, m, a)
	if err != nil {
		return nil, err
	}
	folds, err := r.acquire(ctx, concerned)
	if err != nil {
		return nil, err
	}
	if err := r.await(ctx, folds); err != nil {
		r.release(folds)
		return nil, err
	}
	set, err := r.assemble(m, a, folds)
	if err != nil {
		r.release(folds)
		return nil, err
	}
	return &Past{Moment: m, Ledger: set, r: r, folds: folds}, nil
}

// concerned returns the positions up to which a question needs partitions folded.
func (r *Replays) concerned(ctx context.Context, m Moment, a About) (events.Positions, error) {
	live := r.c.Ledger
	if a.Recall != "" {
		// A recall that the present does not know may be in any partition.
		v, err := live.Recall(a.App, a.Recall)
		if err != nil {
			return nil, err
		}
		if v != nil {
			a.Push = v.Push
		}
	}
	if a.Push == "" {
		return m.Positions, nil
	}
	p, err := live.Of(ctx, a.App, a.Push)
	if err != nil {
		return nil, err
	}
	if kept := m.First.Of(p.Number()); kept > 0 {
		first, _, err := live.PushBounds(a.App, a.Push)
		if err != nil {
			return nil, err
		}
		if first > 0 && first < kept {
			return nil, wrong("the answer would be incomplete: the push began at %s, and the log keeps nothing before %s",
				events.Position{Partition: p.Number(), Seq: first}, events.Position{Partition: p.Number(), Seq: kept})
		}
	}
	return m.Positions[p.Number() : p.Number()+1], nil
}

// unfolded is a partition that a question is not about. It has no views: asking
// it is a fault of the program, and must fail rather than be answered from nothing.
type unfolded struct {
	partition.Views
	about About
}

// Recall implements partition.Views for the recall the question is about, of which
// the present ledger says that it stands in another partition.
func (u unfolded) Recall(app, recall string) (*projections.Recall, error) {
	if app != u.about.App || recall != u.about.Recall {
		return nil, fmt.Errorf("the past of a partition was asked for recall %s, and folded for another question", recall)
	}
	return nil, nil
}

// assemble makes one ledger of folds.
func (r *Replays) assemble(m Moment, a About, folds []*fold) (*partition.Set, error) {
	parts := make([]*partition.Part, len(m.Positions))
	for i, p := range r.c.Ledger.Parts() {
		parts[i] = &partition.Part{Log: &log{p.Log, m.Positions[i].Seq}, Views: unfolded{about: a}}
	}
	for _, f := range folds {
		p := parts[f.at.Partition]
		p.Views, p.Local = nil, f.projection // the views are the projection's
	}
	d := r.c.Decision
	d.Clock = func() time.Time { return m.At }
	return partition.New(partition.Config{
		Parts: parts, Decision: d,
		// A push lives where it began, then as now.
		Home: func(ctx context.Context, app, push string) (int, error) {
			p, err := r.c.Ledger.Of(ctx, app, push)
			if err != nil {
				return 0, err
			}
			return p.Number(), nil
		},
	})
}
