package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// TestSlowStore: while the store does not keep up the fold stands still instead of
// filling the memory, and goes on when the store does (L11).
func TestSlowStore(t *testing.T) {
	f := newFixture(t)
	const step = 10
	for i := range 10 * maxUnwritten * step {
		f.fact(events.PushSent, fmt.Sprintf("p%d", i), "fcm", "d")
	}
	end := events.Seq(len(f.log.Messages()))
	c := f.config(vfs.NewMem())
	c.CheckpointPushes, c.CheckpointEvery = step, time.Hour
	p := f.open(c)
	closeAfter(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p.checkpointing.Lock() // the store takes its time
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	if err := p.Wait(ctx, maxUnwritten*step); err != nil {
		t.Fatal(err)
	}
	// A fold that does not wait is through with 400 events long before.
	brief, done := context.WithTimeout(ctx, 200*time.Millisecond)
	if err := p.Wait(brief, end); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with the store standing still the fold came to %d of %d: %v", p.Applied().Seq, end, err)
	}
	done()
	p.checkpointing.Unlock()
	if err := p.Wait(ctx, end); err != nil {
		t.Fatal(err)
	}
	cancel()
	running.Wait()
}
