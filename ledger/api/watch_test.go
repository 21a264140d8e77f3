package api

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
	"github.com/recall-ledger/recall-ledger/projections"
)

// recalled makes a node with a recall of one device that waits for its command.
func recalled(t *testing.T, o options) (*node, *Client, RecallAnswer) {
	t.Helper()
	n := start(t, o)
	c := n.client("", "")
	n.publish("", "", created("p", `"slot":"s"`), fact("push.sent", "p", "fcm", "d1", "d2"))
	a, err := c.Recall(t.Context(), RecallRequest{Push: "p", Action: "recall"}, "")
	if err != nil {
		t.Fatal(err)
	}
	return n, c, a
}

func (n *node) command(a RecallAnswer, devices ...string) events.Position {
	return n.Append("default", a.Push, events.CommandIssued, &events.Command{
		Recall: a.Recall, Channel: "fcm", Action: "recall", Method: "overwrite", Devices: devices, Deadline: a.Deadline,
	})
}

func (n *node) accept(a RecallAnswer, command events.Position, devices ...string) {
	n.Append("default", a.Push, events.OutcomeAccepted, &events.Outcome{Recall: a.Recall, Channel: "fcm", Devices: devices, Command: command.Seq})
}

func TestWatch(t *testing.T) {
	n, c, a := recalled(t, options{})
	var seen []projections.Recall
	// Each step is taken when the one before was seen, so that none is missed.
	err := c.Watch(t.Context(), a.Recall, "settled", func(v projections.Recall) error {
		seen = append(seen, v)
		switch {
		case v.Total.Waiting > 0:
			n.accept(a, n.command(a, "d1", "d2"), "d1")
		case v.Total.Pending > 0:
			n.accept(a, events.Position{Seq: 4}, "d2")
		}
		return nil
	})
	last := seen[len(seen)-1]
	if err != nil || len(seen) < 3 || seen[0].Percent != 0 || last.Percent != 100 || !last.Settled || last.State != ledger.Running {
		t.Fatalf("%+v, %v", seen, err)
	}
	// Watched again it is settled at once; until closed the watch goes on, over
	// a device that comes back, to the end.
	steps := 0
	err = c.Watch(t.Context(), a.Recall, "", func(v projections.Recall) error {
		switch steps++; {
		case steps == 1:
			n.publish("", "", fact("delivery.delivered", "p", "fcm", "d3"))
		case v.Total.Waiting > 0:
			n.accept(a, n.command(a, "d3"), "d3")
		case v.State == ledger.Running:
			return c.Abort(t.Context(), a.Recall, "")
		}
		last = v
		return nil
	})
	if err != nil || last.State != ledger.Aborted || last.Total.Late != 1 {
		t.Fatalf("%+v, %v", last, err)
	}
	stop := errors.New("stop")
	if err := c.Watch(t.Context(), a.Recall, "closed", func(projections.Recall) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// TestWatchWire checks the events as they stand on the wire.
func TestWatchWire(t *testing.T) {
	n, _, a := recalled(t, options{change: func(c *Config) { c.KeepAlive = 10 * time.Millisecond }})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.HTTP.URL+a.Links.Watch, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := n.HTTP.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != typeEvents || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	expect := func(want string) {
		t.Helper()
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("no line %q: %v", want, lines.Err())
	}
	expect("event: progress")
	expect(`data: {"app":"default"`)
	expect(": still here")
	n.accept(a, n.command(a, "d1", "d2"), "d1", "d2")
	expect("event: progress")
	expect("event: settled")
	expect(`data: {"app":"default"`)
	cancel()
	until(t, "the watch ends", func() bool { return len(n.server.slots.watch.free) == 0 })
}

// TestWatchPace checks that a watch of a busy recall writes at most five a
// second, and outlives the time the server gives requests to be read.
func TestWatchPace(t *testing.T) {
	n, c, a := recalled(t, options{node: facadetest.Config{ReadTimeout: 100 * time.Millisecond}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var at []time.Time
	err := c.Watch(ctx, a.Recall, "", func(projections.Recall) error {
		at = append(at, time.Now())
		for range 3 {
			n.publish("", "", fact("delivery.delivered", "p", "fcm", facadetest.NewID()))
		}
		if len(at) == 4 {
			cancel()
		}
		return nil
	})
	// Reading may be late, but the pauses in between were taken by the server.
	if took := at[len(at)-1].Sub(at[0]); len(at) != 4 || !errors.Is(err, context.Canceled) || took < 2*watchInterval {
		t.Errorf("%d messages in %s, %v", len(at), took, err)
	}
}

func TestWatchLimits(t *testing.T) {
	n, c, a := recalled(t, options{change: func(c *Config) { c.Watchers = 1 }})
	first := make(chan struct{}, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Watch(context.Background(), a.Recall, "", func(projections.Recall) error { first <- struct{}{}; return nil })
	}()
	select {
	case <-first:
	case err := <-ended:
		t.Fatalf("the watch ended at once: %v", err)
	}
	err := c.Watch(t.Context(), a.Recall, "", func(projections.Recall) error { return nil })
	var p *Problem
	if !errors.As(err, &p) || p.Status != 503 || p.Code != codeBusy || p.Limit != 1 || p.RetryAfter == 0 {
		t.Errorf("%#v", err)
	}
	// A server that stops does not leave the watcher in the belief that the
	// recall came to its end.
	n.server.Close()
	if err := <-ended; !errors.Is(err, ErrWatchEnded) {
		t.Errorf("%v", err)
	}
}
