package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// brokenLog is the fixture's log with a Follow of the test's own.
type brokenLog struct {
	events.Log
	follow func(ctx context.Context, from events.Seq, handle func(events.Message) error) error
}

func (l brokenLog) Follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	return l.follow(ctx, from, handle)
}

// running starts Run and returns what it will return.
func running(ctx context.Context, p *Projection) <-chan error {
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return done
}

// soon waits for a value that must come without delay.
func soon[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func TestRunFollowsUntilContextEnds(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	done := running(ctx, p)
	if err := p.Wait(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	moved := p.Moved()
	waited := make(chan error, 1)
	go func() { waited <- p.Wait(context.Background(), 2) }()
	f.fact(events.PushSent, "a", "fcm", "d2")
	if err := soon(t, waited); err != nil {
		t.Error(err)
	}
	soon(t, moved)
	cancel()
	if err := soon(t, done); err != nil {
		t.Errorf("Run returned %v when its context ended", err)
	}
}

// A deadline ends Run as a cancellation does.
func TestRunEndsAtDeadline(t *testing.T) {
	f := newFixture(t)
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run returned %v at its deadline", err)
	}
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errStop)
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run returned %v when its context ended with a cause", err)
	}
}

// A log that stops by itself is a failure, whatever its error looks like.
func TestRunLogStops(t *testing.T) {
	for _, cause := range []error{errStop, fmt.Errorf("the connection: %w", context.Canceled), nil} {
		f := newFixture(t)
		c := f.config(vfs.NewMem())
		c.Log = brokenLog{f.log, func(context.Context, events.Seq, func(events.Message) error) error { return cause }}
		p := f.open(c)
		closeAfter(t, p)
		if err := p.Run(t.Context()); err == nil || cause != nil && !errors.Is(err, cause) {
			t.Errorf("the log stopped with %v, Run returned %v", cause, err)
		}
		if err := p.Wait(context.Background(), 1); err == nil || !strings.Contains(err.Error(), "stopped") {
			t.Errorf("Wait after the fold stopped: %v", err)
		}
	}
}

func TestRunGap(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	c := f.config(vfs.NewMem())
	c.Log = brokenLog{f.log, func(_ context.Context, _ events.Seq, handle func(events.Message) error) error {
		m := f.log.Messages()[0]
		if err := handle(m); err != nil {
			return err
		}
		m.Seq = 3
		return handle(m)
	}}
	p := f.open(c)
	closeAfter(t, p)
	waited := make(chan error, 1)
	go func() { waited <- p.Wait(context.Background(), 2) }()
	err := soon(t, running(t.Context(), p))
	if err == nil || !strings.Contains(err.Error(), "cannot go on with 3") {
		t.Errorf("Run returned %v on a gap", err)
	}
	if err := soon(t, waited); err == nil || !strings.Contains(err.Error(), "stopped") {
		t.Errorf("Wait returned %v after the fold stopped", err)
	}
	if err := p.Wait(context.Background(), 1); err != nil {
		t.Errorf("Wait for what was applied: %v", err)
	}
}

func TestWaitTimeout(t *testing.T) {
	f := newFixture(t)
	p := f.folded()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := p.Wait(ctx, 1)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "wait for position 1, applied is 0") {
		t.Errorf("got %v", err)
	}
}

// Run makes a checkpoint when enough has changed, long before the time is up.
func TestRunCheckpoints(t *testing.T) {
	f := newFixture(t)
	c := f.config(vfs.NewMem())
	c.CheckpointFacts, c.CheckpointEvery = 10, time.Hour
	p := f.open(c)
	closeAfter(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	done := running(ctx, p)
	for i := range 10 {
		f.fact(events.PushSent, "a", "fcm", fmt.Sprintf("d%d", i))
	}
	for {
		m, found, err := p.store.readMeta()
		if err != nil {
			t.Fatal(err)
		}
		if found && m.Applied == 10 {
			break
		}
	}
	cancel()
	if err := soon(t, done); err != nil {
		t.Error(err)
	}
}

// A query that comes while or after the projection closes gets an error at
// worst: Pebble itself would panic.
func TestQueriesAfterClose(t *testing.T) {
	f := newFixture(t)
	f.put(events.PushSent, "a", &events.Fact{Channel: "fcm", Devices: block(0, 300), Users: append([]string{"u1"}, make([]string, 299)...)})
	f.recall("a", "r", "recall", events.Scope{})
	for _, memory := range []int{1, 1 << 30} {
		c := f.config(vfs.NewMem())
		c.Memory = memory
		p := f.open(c)
		f.catchUp(p)
		rounds := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go query(ctx, p, rounds)
		if err := soon(t, rounds); err != nil {
			t.Error(err)
		}
		closeNow(t, p)
		soon(t, rounds) // may have begun before
		if err := soon(t, rounds); !errors.Is(err, errClosed) {
			t.Errorf("queries after Close: %v", err)
		}
		cancel()
		if _, err := p.Digest(); !errors.Is(err, errClosed) {
			t.Errorf("Digest after Close: %v", err)
		}
		f.fact(events.ClickClicked, "b", "fcm", "d")
		messages := f.log.Messages()
		if err := p.Apply(messages[len(messages)-1]); err == nil {
			t.Error("the fold goes on after Close")
		}
		closeNow(t, p) // once more is no error
	}
}
