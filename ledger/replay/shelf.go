package replay

import (
	"context"
	"log/slog"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// acquire takes folds for positions; those that are missing are begun, which
// takes one slot for all of them.
func (r *Replays) acquire(ctx context.Context, at events.Positions) ([]*fold, error) {
	r.drop(r.sweep())
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	var list, missing []*fold
	for _, p := range at {
		f := r.folds[p]
		if f == nil {
			f = &fold{at: p, log: &log{r.c.Ledger.Parts()[p.Partition].Log, p.Seq}, done: make(chan struct{})}
			missing = append(missing, f)
		}
		list = append(list, f)
	}
	if len(missing) > 0 {
		if r.busy >= r.c.Slots {
			r.stats.Busy++
			return nil, ErrBusy
		}
		r.begin(ctx, missing)
	}
	r.stats.Folds += uint64(len(missing))
	r.stats.Hits += uint64(len(list) - len(missing))
	for _, f := range list {
		f.users++
		if f.err == nil {
			f.used = r.c.Clock()
		}
	}
	return list, nil
}

// begin folds in the background, one after the other. What is folded is for
// whoever asks for it, so it does not end with the request.
func (r *Replays) begin(ctx context.Context, list []*fold) {
	outer, cancelAll := context.WithTimeout(context.WithoutCancel(ctx), r.c.Timeout)
	work := make([]func(), len(list))
	for i, f := range list {
		work[i] = r.prepare(outer, f, i == 0)
		r.folds[f.at] = f
	}
	r.busy++
	r.work.Go(func() {
		defer cancelAll()
		for _, fold := range work {
			fold()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.busy--
	})
}

// await waits for folds.
func (r *Replays) await(ctx context.Context, folds []*fold) error {
	late := time.NewTimer(r.c.Wait)
	defer late.Stop()
	for _, f := range folds {
		select {
		case <-f.done:
			if f.err != nil {
				return f.err
			}
		case <-late.C:
			e := &FoldingError{}
			for _, f := range folds {
				done, total := f.progress()
				e.Done, e.Total = e.Done+done, e.Total+total
			}
			return e
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// release gives folds back.
func (r *Replays) release(folds []*fold) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range folds {
		f.users--
		if f.err == nil {
			f.used = r.c.Clock()
		}
	}
}

// sweep takes out what is to be dropped: what nobody asked for in a while, and
// the oldest of what is more than may be kept. Folds nobody waits for are given up.
func (r *Replays) sweep() []*fold {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.c.Clock()
	var out []*fold
	kept := 0
	for at, f := range r.folds {
		idle := now.Sub(f.used)
		switch {
		case f.users > 0:
		case !f.finished() && idle > r.c.Linger:
			f.cancel()
			delete(r.folds, at)
		case f.finished() && idle > r.c.KeepFor:
			out = append(out, f)
			delete(r.folds, at)
		}
		if f.finished() {
			kept++
		}
	}
	for kept -= len(out); kept > r.c.Kept*len(r.c.Ledger.Parts()); kept-- {
		f := r.evict()
		if f == nil {
			break
		}
		out = append(out, f)
	}
	return out
}

// evict takes out the finished fold that was not used for the longest time, nil
// when all are in use. mu is held.
func (r *Replays) evict() *fold {
	var oldest *fold
	for _, f := range r.folds {
		if f.users == 0 && f.finished() && (oldest == nil || f.used.Before(oldest.used)) {
			oldest = f
		}
	}
	if oldest != nil {
		delete(r.folds, oldest.at)
	}
	return oldest
}

// fit notes what a fold takes on disk, and makes room for it.
func (r *Replays) fit(f *fold, bytes int64) error {
	out, err := r.room(f, bytes)
	r.drop(out)
	return err
}

func (r *Replays) room(f *fold, bytes int64) (out []*fold, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.bytes = bytes
	sum := bytes
	for _, other := range r.folds {
		if other != f {
			sum += other.bytes
		}
	}
	for sum > r.c.Bytes {
		old := r.evict()
		if old == nil {
			return out, &LimitError{Bytes: r.c.Bytes}
		}
		out, sum = append(out, old), sum-old.bytes
	}
	return out, nil
}

// drop deletes folds that were taken out.
func (r *Replays) drop(list []*fold) {
	for _, f := range list {
		if err := f.remove(); err != nil {
			r.c.Logger.Warn("a folder of the past was not deleted; the next start does", slog.String("error", err.Error()))
		}
	}
}
