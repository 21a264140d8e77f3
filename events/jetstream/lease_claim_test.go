package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

// TestDeadline: a lease counts from before it was stored, when it is taken and when
// it is renewed: who waits for its end cannot have seen it earlier.
func TestDeadline(t *testing.T) {
	s, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	conn, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := OpenLeases(ctx, LeaseConfig{Conn: conn, Node: "a", TTL: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	running, stop := context.WithCancel(ctx)
	var run sync.WaitGroup
	run.Go(func() {
		if err := l.Run(running); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	deadline := func() time.Time {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.claims["planner-0"].deadline
	}
	check := func(what string, deadline time.Time) {
		m, err := l.bucket.stream.GetLastMsgForSubject(ctx, leaseSpace+leasePrefix+"planner-0")
		if err != nil {
			t.Error(err)
			return
		}
		if limit := l.until(m.Time); deadline.Round(0).After(limit) {
			t.Errorf("%s is held until %s after its end", what, deadline.Round(0).Sub(limit))
		}
	}
	if err := l.Hold(ctx, "planner-0", func(context.Context) error {
		taken := deadline()
		check("a lease that was taken", taken)
		poll := time.NewTicker(5 * time.Millisecond)
		defer poll.Stop()
		for renewed := deadline(); ctx.Err() == nil; renewed = deadline() {
			if !renewed.Equal(taken) {
				check("a lease that was renewed", renewed)
				return nil
			}
			<-poll.C
		}
		t.Error("the lease was never renewed")
		return nil
	}); err != nil {
		t.Errorf("Hold = %v", err)
	}
	stop()
	run.Wait()
}

// TestExpiry: work ends when its lease does, also while a renewal hangs or none is
// due.
func TestExpiry(t *testing.T) {
	bounded, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx, end := context.WithCancelCause(bounded)
	defer end(nil)
	l := &Leases{c: LeaseConfig{TTL: time.Hour}, log: slog.New(slog.DiscardHandler)}
	c := &claim{held: true, deadline: time.Now().Add(20 * time.Millisecond), end: end}
	l.tenure(bounded, c, func() outcome {
		<-ctx.Done()
		return outcome{}
	})
	if cause := context.Cause(ctx); !errors.Is(cause, errLeaseLost) {
		t.Errorf("the work ended by %v, want %v", cause, errLeaseLost)
	}
}
