package dispatch_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// TestPutBackElsewhere: a command whose calls must not be repeated, and that was put
// back in order because the vendor wanted to wait, is carried out by the next
// process: nobody is a dead letter, and nobody is called twice.
func TestPutBackElsewhere(t *testing.T) {
	w := newWorld(t)
	busy := scripted.New(scripted.Config{Behave: func(string) scripted.Behaviour {
		return scripted.Behaviour{Throttle: 1 << 20, RetryAfter: time.Millisecond}
	}})
	retried := make(chan struct{}, 1<<10)
	first := w.work("vivo", busy, func(c *dispatch.WorkerConfig) {
		c.Observer.Retried = func(string) { retried <- struct{}{} }
	})
	w.plan()
	w.create("p1")
	devices := names("d", 20)
	w.fact(events.PushSent, "p1", "vivo", devices...)
	id := w.forced("p1")
	for range 3 {
		select {
		case <-retried:
		case <-w.ctx.Done():
			t.Fatalf("the command is not put back: %v", w.view(id))
		}
	}
	first.halt(t)
	quick := scripted.New(scripted.Config{})
	w.work("vivo", quick)
	w.balanced(w.settled(id))
	w.ended(id, "vivo", devices, "accepted")
	for _, d := range devices {
		if n := quick.CallsFor("p1", d); n != 1 {
			t.Errorf("%s was called %d times, want 1", d, n)
		}
	}
}

// twice is a queue that gives every command to two handlers at once, as when an
// owner was paused and does not know that another has its work.
type twice struct{ events.Queue }

func (q twice) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	return q.Queue.Consume(ctx, name, filter, workers, func(ctx context.Context, d events.Delivery) {
		var both sync.WaitGroup
		shared := &sharedDelivery{Delivery: d}
		for range 2 {
			both.Go(func() { handle(ctx, shared) })
		}
		both.Wait()
	})
}

// sharedDelivery is one delivery in two hands, each of which thinks that it is its own.
type sharedDelivery struct {
	events.Delivery
	mu sync.Mutex
}

func (d *sharedDelivery) Ack(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Delivery.Ack(ctx)
}

func (d *sharedDelivery) Retry(ctx context.Context, after time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.Delivery.Retry(ctx, after)
}

// TestTwoOwners: of two that carry out the same command at the same time one calls
// the vendor where a second call does harm, however often that happens.
func TestTwoOwners(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{})
	w.work("vivo", emitter, func(c *dispatch.WorkerConfig) { c.Queue = twice{w.queue} })
	w.plan()
	w.create("p1")
	devices := names("d", 2000)
	w.fact(events.PushSent, "p1", "vivo", devices[:1000]...)
	w.fact(events.PushSent, "p1", "vivo", devices[1000:]...)
	w.settled(w.forced("p1"))
	for _, d := range devices {
		if n := emitter.CallsFor("p1", d); n > 1 {
			t.Fatalf("%s was called %d times", d, n)
		}
	}
	if n := len(emitter.Calls()); n == 0 {
		t.Error("no call was made")
	}
}

// unsure is a log whose first appends of claims are stored, or not, without an
// answer that says so.
type unsure struct {
	events.Log
	stored bool
	left   atomic.Int64
	asked  atomic.Int64
}

func (l *unsure) Append(ctx context.Context, records []events.Record) (events.Position, error) {
	e, err := events.Decode(records[0].Data)
	if err != nil || e.Kind != events.KeyClaimed {
		return l.Log.Append(ctx, records)
	}
	l.asked.Add(1)
	if l.left.Add(-1) < 0 {
		return l.Log.Append(ctx, records)
	}
	if l.stored {
		if _, err := l.Log.Append(ctx, records); err != nil {
			return events.Position{}, errors.Join(events.ErrUnknown, err)
		}
	}
	return events.Position{}, events.ErrUnknown
}

// TestClaimUnknown: a claim of which nobody knows whether it is stored is looked for
// on the log; the call is made once either way.
func TestClaimUnknown(t *testing.T) {
	for name, stored := range map[string]bool{"stored": true, "lost": false} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			log := &unsure{Log: w.log, stored: stored}
			log.left.Store(1)
			emitter := scripted.New(scripted.Config{})
			w.work("vivo", emitter, func(c *dispatch.WorkerConfig) { c.Log = log })
			w.plan()
			w.create("p1")
			devices := names("d", 20)
			w.fact(events.PushSent, "p1", "vivo", devices...)
			id := w.forced("p1")
			w.balanced(w.settled(id))
			w.ended(id, "vivo", devices, "accepted")
			want := int64(2)
			if stored {
				want = 1
			}
			if n := len(emitter.Calls()); n != 1 || log.asked.Load() != want {
				t.Errorf("%d calls after %d claims, want 1 after %d", n, log.asked.Load(), want)
			}
		})
	}
}

// TestNoClaim: a command whose calls may be repeated claims nothing.
func TestNoClaim(t *testing.T) {
	w := newWorld(t)
	log := &unsure{Log: w.log}
	w.work("apns", scripted.New(scripted.Config{}), func(c *dispatch.WorkerConfig) { c.Log = log })
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", names("d", 20)...)
	w.settled(w.recall("p1", channels.Recall))
	if n := log.asked.Load(); n != 0 {
		t.Errorf("%d claims", n)
	}
}
