package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// checkpointEvery is after how many events a fold is written to its folder and
// measured, so that memory holds the changes of some.
const checkpointEvery = 5_000

// ErrBusy is a question for which no slot is free.
var ErrBusy = errors.New("as many questions about the past are being folded as there may be at once")

// ErrClosed is a question to Replays that are closed.
var ErrClosed = errors.New("the past is not asked any more")

// FoldingError is a question whose folds are not finished: ask again soon.
type FoldingError struct {
	// Done of Total events are folded.
	Done, Total uint64
}

func (e *FoldingError) Error() string {
	return fmt.Sprintf("%d of %d events are folded", e.Done, e.Total)
}

// LimitError is a moment that takes more than a limit allows.
type LimitError struct {
	// Timeout or Bytes is the limit that was passed; the other is 0.
	Timeout time.Duration
	Bytes   int64
}

func (e *LimitError) Error() string {
	if e.Timeout > 0 {
		return fmt.Sprintf("folding the log up to there takes longer than %s, the limit", e.Timeout)
	}
	return fmt.Sprintf("the ledger of that moment takes more than %d bytes on disk, the limit", e.Bytes)
}

// fold is a partition folded up to a position, or on its way there. What follows
// done may be read once that is closed; users, used and bytes are under the lock
// of Replays.
type fold struct {
	at      events.Position
	log     *log
	applied atomic.Uint64
	// from is the first event folded.
	from atomic.Uint64
	// cancel gives it up.
	cancel func()
	done   chan struct{}

	dir        string
	projection *projections.Projection
	err        error

	// users wait for it or use it; used is when the last of them came or went.
	users int
	used  time.Time
	bytes int64

	removing sync.Once
}

func (f *fold) finished() bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}

// progress is how many events are folded, of how many.
func (f *fold) progress() (done, total uint64) {
	from := max(f.from.Load(), 1)
	total = uint64(f.at.Seq) + 1 - min(from, uint64(f.at.Seq)+1)
	return min(f.applied.Load(), total), total
}

// prepare returns what makes a fold, which the fold's cancel ends.
func (r *Replays) prepare(outer context.Context, f *fold, first bool) func() {
	ctx, cancel := context.WithCancel(outer)
	f.cancel = cancel
	return func() { r.make(ctx, f, first) }
}

// make makes a fold and says that it is done. One that failed keeps nothing.
// first is true when no other fold had a part of its time.
func (r *Replays) make(ctx context.Context, f *fold, first bool) {
	err := r.build(ctx, f)
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = &LimitError{Timeout: r.c.Timeout}
	case ctx.Err() != nil:
		err = ErrClosed // nobody waits for it any more, or nobody may
	}
	if err != nil {
		r.drop([]*fold{f})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.err = err
	if err != nil {
		f.bytes, f.used = 0, r.c.Clock()
		r.stats.Failed++
		// What takes too long by itself is not tried again for a while.
		var limit *LimitError
		hopeless := first && errors.As(err, &limit) && limit.Timeout > 0
		if r.folds[f.at] == f && !hopeless {
			delete(r.folds, f.at)
		}
	}
	close(f.done)
}

// build folds the log into a folder of its own.
func (r *Replays) build(ctx context.Context, f *fold) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	if f.dir, err = os.MkdirTemp(r.c.Dir, folderPrefix); err != nil {
		return fmt.Errorf("make a folder for the past: %w", err)
	}
	p, err := projections.Open(ctx, projections.Config{
		Dir: f.dir, Log: f.log, Logger: r.c.Logger, Keep: r.c.Keep,
		Memory: r.c.Memory / r.share(), Cache: r.c.Cache / int64(r.share()),
	})
	if err != nil {
		return err
	}
	f.projection = p
	from := p.Applied().Seq + 1
	f.from.Store(uint64(from))
	since := 0
	if err := f.log.Read(ctx, events.Range{From: from}, func(m events.Message) error {
		if err := ctx.Err(); err != nil { // the log may have many more at hand
			return err
		}
		if err := p.Apply(m); err != nil {
			return err
		}
		f.applied.Store(uint64(m.Seq - from + 1))
		if since++; since < checkpointEvery {
			return nil
		}
		since = 0
		return r.save(f)
	}); err != nil {
		return r.cut(ctx, f, err)
	}
	if at := p.Applied(); at != f.at {
		return fmt.Errorf("the log of partition %d gave events up to %s, expected %s", f.at.Partition, at, f.at)
	}
	return r.save(f)
}

// cut is the error of a fold that failed, which may be that the log aged beneath
// it.
func (r *Replays) cut(ctx context.Context, f *fold, err error) error {
	info, failed := f.log.Log.Info(ctx)
	if failed != nil || info.First <= f.projection.Applied().Seq+1 {
		return err
	}
	return wrong("the answer would be incomplete: the log of partition %d keeps nothing before %d any more", f.at.Partition, info.First)
}

// save writes what is folded, and makes room for it.
func (r *Replays) save(f *fold) error {
	if err := f.projection.Checkpoint(); err != nil {
		return err
	}
	return r.fit(f, int64(f.projection.Stats().DiskBytes))
}

// remove closes a fold and deletes its folder.
func (f *fold) remove() error {
	var err error
	f.removing.Do(func() {
		if f.projection != nil {
			err = f.projection.Close()
		}
		if f.dir != "" {
			err = errors.Join(err, os.RemoveAll(f.dir))
		}
	})
	return err
}
