package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

var (
	// ErrAged is a log whose begin is past its age: what a projection holds of it
	// cannot be had again.
	ErrAged = errors.New("the log no longer begins at its first event, so the projection cannot be folded anew")
	// ErrRebuilding is a rebuild or a drop while a rebuild runs.
	ErrRebuilding = errors.New("the projection is being rebuilt already")
	// ErrKept is a rebuild while an old generation is still kept.
	ErrKept = errors.New("an old generation is still kept beside the live one; drop it first")
	// errSchema is a store of another version of this program.
	errSchema = errors.New("the projection is of another version")
)

// Comparison says whether two projections of one position are the same.
type Comparison struct {
	// Applied is where both were compared.
	Applied events.Position `json:"applied"`
	Live    string          `json:"live_sha256"`
	Fresh   string          `json:"fresh_sha256"`
	Same    bool            `json:"same"`
}

// Compare compares two projections that stand at one position and do not move.
func Compare(live, fresh *Projection) (*Comparison, error) {
	c := &Comparison{Applied: live.Applied()}
	if at := fresh.Applied(); at != c.Applied {
		return nil, fmt.Errorf("projections at %s and %s cannot be compared", c.Applied, at)
	}
	var err error
	if c.Live, err = live.Digest(); err != nil {
		return nil, err
	}
	if c.Fresh, err = fresh.Digest(); err != nil {
		return nil, err
	}
	c.Same = c.Live == c.Fresh
	return c, nil
}

// RebuildOptions change a rebuild.
type RebuildOptions struct {
	// Force takes the new generation even if it differs from the live one, or if
	// the log has aged, with which it must. Cursors of lists given out before may
	// then skip or repeat entries.
	Force bool
	// Progress is told how far it is, by one goroutine at a time; it may be nil. It
	// must not wait for the fold, which may be standing still.
	Progress func(RebuildProgress)
}

// The phases of a rebuild.
const (
	PhaseFolding   = "folding"
	PhaseComparing = "comparing"
	PhaseSwapping  = "swapping"
)

// RebuildProgress says how far a rebuild is.
type RebuildProgress struct {
	// Phase is folding, comparing or swapping.
	Phase      string `json:"phase"`
	Generation uint64 `json:"generation"`
	// Events of Total are folded; the total grows while the log does.
	Events uint64 `json:"events"`
	Total  uint64 `json:"total"`
	// Facts are the notification facts among them.
	Facts uint64 `json:"facts"`
}

// Rebuilt is what came of a rebuild.
type Rebuilt struct {
	// Generation is the new one, Previous the one that was live.
	Generation uint64 `json:"generation"`
	Previous   uint64 `json:"previous"`
	// Swapped is true when the new one is live now. The other is kept.
	Swapped bool `json:"swapped"`
	// Applied is where the new one stood at its swap, or at the end.
	Applied events.Position `json:"applied"`
	// Comparison is nil where the live one could not be read; Unreadable says why.
	Comparison *Comparison `json:"comparison,omitempty"`
	Unreadable string      `json:"unreadable,omitempty"`
	// Aged is true when the log no longer begins at its first event.
	Aged   bool   `json:"aged,omitempty"`
	Events uint64 `json:"events"`
	Facts  uint64 `json:"facts"`
	// Bytes are what the two generations take on disk.
	Bytes         uint64 `json:"bytes"`
	PreviousBytes uint64 `json:"previous_bytes"`
}

const (
	// progressEvery is after how many events progress is told.
	progressEvery = 256
	// near is how many events the fold is held still for at most, unless the
	// rebuild does not come that near: then twice as many every few rounds.
	near       = 1000
	nearRounds = 8
	// holdTimeout bounds how long the fold is held still, and holds how often that
	// is tried: a log that does not answer must not stop what is live.
	holdTimeout = 10 * time.Second
	holds       = 10
)

// rebuild is a rebuild under way.
type rebuild struct {
	live, fresh *Projection
	o           RebuildOptions
	r           *Rebuilt
	begin       events.Seq
	phase       string
	target      events.Seq
	// stop ends the writing of checkpoints beside the fold.
	stop func() error
}

// Rebuild folds the log into a new generation beside the live one, compares both at
// one position and puts the new one in the place of the live one, which is kept on
// disk. Callers go on meanwhile; the fold stands still for a moment twice. It takes
// as much memory again as the projection. A new one that differs is kept and not
// taken, unless forced; one that differs because the live one cannot be read is
// taken. A rebuild that fails, or whose ctx ends, leaves nothing.
// Errors: ErrRebuilding, ErrKept, ErrAged, ctx's.
func (p *Projection) Rebuild(ctx context.Context, o RebuildOptions) (*Rebuilt, error) {
	if !p.rebuilding.TryLock() {
		return nil, ErrRebuilding
	}
	defer p.rebuilding.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := p.begin(ctx, o, cancel)
	if err != nil {
		return nil, err
	}
	taken, err := b.run(ctx)
	return b.end(taken, err)
}

// Rebuildable reports why a rebuild would be refused now, nil when it would begin.
// Errors: ErrRebuilding, ErrKept, ErrAged.
func (p *Projection) Rebuildable(ctx context.Context, force bool) error {
	if !p.rebuilding.TryLock() {
		return ErrRebuilding
	}
	defer p.rebuilding.Unlock()
	_, _, err := p.admit(ctx, force)
	return err
}

// admit decides whether a rebuild begins. rebuilding is held.
func (p *Projection) admit(ctx context.Context, force bool) (s state, aged bool, err error) {
	s, err = p.generations.read()
	switch {
	case p.stuck != nil:
		return s, false, p.stuck
	case err != nil:
		return s, false, err
	case s.Kept != nil && s.Kept.Generation < s.Live:
		return s, false, ErrKept
	}
	info, err := p.c.Log.Info(ctx)
	if err != nil {
		return s, false, err
	}
	if aged = info.First > 1; aged && !force {
		err = ErrAged
	}
	return s, aged, err
}

// begin opens the new generation. failed is called when it cannot be written.
func (p *Projection) begin(ctx context.Context, o RebuildOptions, failed func()) (*rebuild, error) {
	s, aged, err := p.admit(ctx, o.Force)
	if err != nil {
		return nil, err
	}
	no := s.Live + 1
	if s.Kept != nil { // one that differed, which the new one replaces
		no = s.Kept.Generation + 1
		if _, err := p.dropKept(); err != nil {
			return nil, err
		}
	}
	b := &rebuild{live: p, o: o, phase: PhaseFolding, r: &Rebuilt{Generation: no, Previous: s.Live, Aged: aged}}
	if b.fresh, err = openFresh(ctx, p.c, p.generations, no); err != nil {
		return nil, err
	}
	b.begin, b.stop = b.fresh.Applied().Seq, b.fresh.writeBeside(failed)
	return b, nil
}

// openFresh opens a generation that must be new.
func openFresh(ctx context.Context, c Config, g generations, no uint64) (*Projection, error) {
	// What is there is of a rebuild that failed and could not be deleted.
	if err := g.fs.RemoveAll(g.path(no)); err != nil {
		return nil, storeError("delete an unfinished generation", err)
	}
	p, err := openGeneration(ctx, c, g, no)
	if err != nil {
		return nil, errors.Join(err, g.fs.RemoveAll(g.path(no)))
	}
	return p, nil
}

// writeBeside writes checkpoints whenever they are due, until what it returns is
// called, which may be repeated. It calls failed when one cannot be written.
func (p *Projection) writeBeside(failed func()) func() error {
	ctx, cancel := context.WithCancel(context.Background())
	var writer sync.WaitGroup
	var err error
	writer.Go(func() {
		if err = p.checkpoints(ctx); err != nil {
			failed()
		}
	})
	return func() error {
		cancel()
		writer.Wait()
		return err
	}
}

// run builds the new generation and reports whether it was taken.
func (b *rebuild) run(ctx context.Context) (taken bool, err error) {
	if err := b.compare(ctx); err != nil {
		return false, err
	}
	if c := b.r.Comparison; c != nil && !c.Same {
		b.live.c.Logger.Error("the projection folded anew differs from the live one: this is a bug, damage, or another setting of how long pushes are kept",
			"applied", c.Applied.String(), "live", c.Live, "fresh", c.Fresh)
		if !b.o.Force {
			return false, b.keep()
		}
	}
	b.phase = PhaseSwapping
	err = b.held(ctx, func() error {
		if err := b.stop(); err != nil {
			return err
		}
		if err := b.fresh.Checkpoint(); err != nil {
			return err
		}
		taken, err = b.swap()
		return err
	})
	return taken, err
}

// foldTo folds the log up to a position.
func (p *Projection) foldTo(ctx context.Context, to events.Seq, note func()) error {
	since := 0
	for from := p.Applied().Seq + 1; from <= to; {
		if err := p.c.Log.Read(ctx, events.Range{From: from, To: to}, func(m events.Message) error {
			if err := ctx.Err(); err != nil { // the log may have many more at hand
				return err
			}
			if err := p.Apply(m); err != nil {
				return err
			}
			if since++; since%progressEvery == 0 {
				note()
			}
			return p.breathe(ctx)
		}); err != nil {
			return fmt.Errorf("fold the log anew: %w", err)
		}
		at := p.Applied().Seq
		if at < from {
			return fmt.Errorf("fold the log anew: it gave nothing at %d", from)
		}
		from = at + 1
	}
	note()
	return nil
}

// fold brings the new generation to a position.
func (b *rebuild) fold(ctx context.Context, to events.Seq) error {
	b.target = to
	return b.fresh.foldTo(ctx, to, b.note)
}

func (b *rebuild) note() {
	if b.o.Progress == nil {
		return
	}
	at := b.fresh.Applied().Seq
	b.o.Progress(RebuildProgress{
		Phase: b.phase, Generation: b.r.Generation, Events: uint64(at - b.begin), Total: uint64(max(b.target, at) - b.begin), Facts: b.fresh.folds(),
	})
}

// folds is how many notification facts were folded since the projection was opened.
func (p *Projection) folds() uint64 {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.folded + uint64(p.facts)
}

// held calls f while the live fold stands still and the new one is where it is. The
// log may go on: what it has more is folded afterwards.
func (b *rebuild) held(ctx context.Context, f func() error) error {
	for n := 1; ; n++ {
		limit := events.Seq(near)
		for round := 1; ; round++ {
			to := b.live.Applied().Seq
			if at := b.fresh.Applied().Seq; to <= at+limit {
				break
			}
			if err := b.fold(ctx, to); err != nil {
				return err
			}
			if round%nearRounds == 0 {
				limit *= 2
			}
		}
		done, err := b.hold(ctx, f)
		if done || ctx.Err() != nil || n == holds || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
	}
}

// hold reports whether it came to f.
func (b *rebuild) hold(ctx context.Context, f func() error) (done bool, err error) {
	b.live.applying.Lock()
	defer b.live.applying.Unlock()
	brief, cancel := context.WithTimeout(ctx, holdTimeout)
	defer cancel()
	if err := b.fold(brief, b.live.Applied().Seq); err != nil {
		return false, err
	}
	if live, fresh := b.live.Applied(), b.fresh.Applied(); live != fresh {
		return false, fmt.Errorf("the projection is at %s, and the log folded anew at %s already", live, fresh)
	}
	return true, f()
}

// compare compares what both wrote at one position, while both go on.
func (b *rebuild) compare(ctx context.Context) error {
	var live, fresh *snapshot
	var unreadable error
	err := b.held(ctx, func() (err error) {
		if unreadable = b.live.Checkpoint(); unreadable == nil {
			live, unreadable = b.live.snapshot()
		}
		b.r.Applied = b.fresh.Applied()
		if err = b.fresh.Checkpoint(); err == nil {
			fresh, err = b.fresh.snapshot()
		}
		return err
	})
	if live != nil {
		defer live.close()
	}
	if err != nil {
		return err
	}
	defer fresh.close()
	b.phase = PhaseComparing
	b.note()
	c := &Comparison{Applied: b.r.Applied}
	if c.Fresh, err = fresh.digest(ctx); err != nil {
		return err
	}
	if unreadable == nil {
		c.Live, unreadable = live.digest(ctx)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(unreadable, errClosed):
		return unreadable
	case unreadable != nil:
		b.r.Unreadable = unreadable.Error()
		b.live.c.Logger.Error("the live projection cannot be read and is replaced", "error", b.r.Unreadable)
		return nil
	}
	c.Same = c.Live == c.Fresh
	b.r.Comparison = c
	return nil
}

// keep keeps a new generation that differs.
func (b *rebuild) keep() error {
	if err := b.stop(); err != nil {
		return err
	}
	b.count(b.fresh)
	return b.write(state{Live: b.r.Previous, Kept: &Kept{Generation: b.r.Generation, Applied: b.r.Applied, Digest: b.r.Comparison.Fresh}})
}

func (b *rebuild) write(s state) error {
	uncertain, err := b.live.generations.write(s)
	if uncertain {
		// Which of them the next start takes is not known; both are complete.
		b.live.stuck = fmt.Errorf("it is not known which generation the disk names; start the node anew first: %w", err)
		return b.live.stuck
	}
	return err
}

// swap makes the new generation the live one, first on disk: after a crash in
// between the next start goes on with it, from where both are. The fold stands
// still.
func (b *rebuild) swap() (bool, error) {
	p, fresh := b.live, b.fresh
	k := &Kept{Generation: b.r.Previous, Applied: p.Applied()}
	if c := b.r.Comparison; c != nil && c.Applied == k.Applied {
		k.Digest = c.Live
	}
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	if err := b.write(state{Live: b.r.Generation, Kept: k}); err != nil {
		return false, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b.r.Applied = p.appliedLocked()
	b.count(fresh)
	p.inside, fresh.inside = fresh.inside, p.inside
	p.live, fresh.live = fresh.live, p.live
	p.swaps++
	// Who waits for a checkpoint of the one before looks again.
	close(p.settled)
	p.settled = make(chan struct{})
	return true, nil
}

// count notes what was folded into the new generation.
func (b *rebuild) count(fresh *Projection) {
	b.r.Events, b.r.Facts = uint64(fresh.Applied().Seq-b.begin), fresh.folds()
}

// end closes the generation that is not live and tells what came of it.
func (b *rebuild) end(taken bool, err error) (*Rebuilt, error) {
	// That it could not be written is why it could not go on.
	err = cmp.Or(b.stop(), err)
	b.r.Swapped = taken
	// Of the one that was live only what could not be written may fail, which the
	// new one has.
	if closing := b.fresh.Close(); closing != nil {
		b.live.c.Logger.Warn("a generation of the projection was closed with an error", "error", closing.Error())
	}
	g := b.live.generations
	if err != nil {
		if b.live.stuck == nil && !taken {
			err = errors.Join(err, g.fs.RemoveAll(g.path(b.r.Generation)))
		}
		return nil, err
	}
	return b.r, b.measure()
}

// measure notes what the two generations take on disk.
func (b *rebuild) measure() (err error) {
	g := b.live.generations
	if b.r.Bytes, err = g.bytes(b.r.Generation); err == nil {
		b.r.PreviousBytes, err = g.bytes(b.r.Previous)
	}
	return err
}
