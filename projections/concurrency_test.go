package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// Queries of every kind may run while the fold goes on, with checkpoints and
// evictions all the time, and never see half of an event.
func TestQueriesWhileFolding(t *testing.T) {
	draw := rapid.Custom(func(r *rapid.T) *history { return drawHistory(r, hundreds, false) })
	for _, memory := range []int{1, 1 << 30} {
		f := newFixture(t)
		f.keep = 10 * 24 * time.Hour
		for i := range 20 {
			f.fact(events.PushSent, "p0", "fcm", block(i*100, 100)...)
		}
		c := f.config(vfs.NewMem())
		c.Memory, c.CheckpointFacts, c.CheckpointPushes, c.CheckpointEvery = memory, 50, 2, time.Millisecond
		p := f.open(c)
		ctx, cancel := context.WithCancel(t.Context())
		done := running(ctx, p)
		rounds := make(chan error)
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() { query(ctx, p, rounds) })
		}
		for seed := range max(3, 8/slower) {
			f.now = f.now.Add(f.keep / 2) // pushes are forgotten all the time, too
			for i, m := range draw.Example(seed + 6).log.Messages() {
				e, err := events.Decode(m.Data)
				if err != nil {
					continue
				}
				f.raw(subjectOf(e), m.Data)
				if i%10 == 0 {
					if err := soon(t, rounds); err != nil {
						t.Error(err)
					}
				}
			}
		}
		if err := p.Wait(t.Context(), events.Seq(len(f.log.Messages()))); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := soon(t, done); err != nil {
			t.Fatal(err)
		}
		readers.Wait()
		if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
			t.Error("the content differs from an undisturbed fold")
		}
		closeNow(t, p)
	}
}

// query asks everything over and over and reports each round.
func query(ctx context.Context, p *Projection, rounds chan<- error) {
	for {
		err := errors.Join(exercise(ctx, p), sums(p), p.Wait(ctx, p.Applied().Seq))
		select {
		case rounds <- err:
		case <-ctx.Done():
			return
		}
	}
}

// sums checks that the accounts of all pushes and recalls add up.
func sums(p *Projection) error {
	var errs []error
	for _, app := range p.Apps() {
		list, _, err := p.Pushes(app, Page{}, epoch)
		errs = append(errs, err)
		for _, u := range list {
			for _, c := range u.Channels {
				if c.Certain+c.Possible > c.Notifications || c.Undelivered > c.Possible {
					errs = append(errs, fmt.Errorf("push %s on %s does not add up: %+v", u.Push, c.Channel, c))
				}
			}
			for _, r := range u.Recalls {
				if t := r.Total; t.Planned+t.Late != t.Waiting+t.Pending+t.Done() || t.Open() != t.Waiting+t.Pending {
					errs = append(errs, fmt.Errorf("recall %s does not add up: %+v", r.Recall, t))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// Checkpoints by hand may come at any time from anywhere.
func TestConcurrentCheckpoints(t *testing.T) {
	f := newFixture(t)
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	done := running(ctx, p)
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			for range 20 {
				if _, err := p.Digest(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 200 {
		f.fact(events.PushSent, fmt.Sprintf("p%d", i%7), "fcm", fmt.Sprintf("d%d", i))
	}
	writers.Wait()
	if err := p.Wait(t.Context(), 200); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := soon(t, done); err != nil {
		t.Fatal(err)
	}
	if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
		t.Error("the content differs from an undisturbed fold")
	}
}
