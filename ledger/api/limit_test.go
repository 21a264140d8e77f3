package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

func codeOf(t *testing.T, err error) (string, int) {
	t.Helper()
	var p *Problem
	if !errors.As(err, &p) {
		t.Fatalf("%v is no problem", err)
	}
	if (p.Status == 429 || p.Status == 503) != (p.RetryAfter > 0) {
		t.Errorf("%d %s has retry after %d", p.Status, p.Code, p.RetryAfter)
	}
	return p.Code, p.Status
}

// TestOverload fills every slot and the queue of the committer: all is refused
// by name, and recalls still go through (L11).
func TestOverload(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{node: facadetest.Config{Stuck: true, Committer: events.CommitterConfig{Queue: 1}}, change: func(c *Config) { c.InFlight, c.RecallReserve = 2, 1 }})
	c := n.client("", "")
	n.Fact("default", "p", events.PushSent, "fcm", "d")
	publish := func(ctx context.Context) error {
		_, err := c.Publish(ctx, TypeNDJSON, strings.NewReader(fact("push.sent", "q", "fcm", "d")))
		return err
	}
	held, cancel := context.WithCancel(ctx)
	defer cancel()
	waiting := make(chan error, 2)
	go func() { waiting <- publish(held) }()
	until(t, "the first event waits", func() bool { return n.Part.Committer.Waiting() == 1 })
	if code, status := codeOf(t, publish(ctx)); code != codeOverloaded || status != http.StatusTooManyRequests {
		t.Errorf("a full queue: %d %s", status, code)
	}

	// One request hangs in the queue; another slot is taken by hand.
	if !n.server.slots.ordinary.take() {
		t.Fatal("no slot is left")
	}
	_, err := c.Pushes(ctx, ListOptions{})
	if code, status := codeOf(t, err); code != codeBusy || status != http.StatusServiceUnavailable {
		t.Errorf("no slot: %d %s", status, code)
	}
	a, err := c.Recall(ctx, RecallRequest{Push: "p", Action: "recall"}, "")
	if err != nil {
		t.Fatalf("a recall among the crowd: %v", err)
	}
	if _, err := c.Preview(ctx, RecallRequest{Push: "p", Action: "recall"}); err != nil {
		t.Errorf("a preview among the crowd: %v", err)
	}
	if err := c.Abort(ctx, a.Recall, ""); err != nil {
		t.Errorf("an abort among the crowd: %v", err)
	}
	if !n.server.slots.recall.take() {
		t.Fatal("the reserve is not free")
	}
	_, err = c.Recall(ctx, RecallRequest{Push: "p", Action: "recall"}, "")
	if code, _ := codeOf(t, err); code != codeBusy {
		t.Errorf("no reserve is left: %s", code)
	}
	n.server.slots.recall.release()
	n.server.slots.ordinary.release()
	if a := n.do("GET", "/livez", ""); a.Status != 200 {
		t.Errorf("/livez among the crowd: %d", a.Status)
	}
	cancel()
	<-waiting
	until(t, "the slot is free", func() bool { return len(n.server.slots.ordinary.free) == 0 })
}

func TestStopped(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{node: facadetest.Config{
		Log: jetstream.Config{Timeout: 200 * time.Millisecond}, Committer: events.CommitterConfig{Retries: 1},
	}, change: func(c *Config) {
		c.Ready = func(ctx context.Context) error { _, err := c.Ledger.End(ctx); return err }
	}})
	c := n.client("", "")
	publish := func() error {
		_, err := c.Publish(ctx, TypeNDJSON, strings.NewReader(fact("push.sent", "p", "fcm", "d")))
		return err
	}
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	if a := n.do("GET", "/readyz", ""); a.Status != 200 || !strings.Contains(a.Body, `"ready"`) {
		t.Errorf("ready: %d %s", a.Status, a.Body)
	}
	n.StopServer()
	if code, status := codeOf(t, publish()); code != codeUnknownResult || status != 503 {
		t.Errorf("without the log: %d %s", status, code)
	}
	if a := n.do("GET", "/readyz", ""); a.Status != 503 || a.problem(t).Code != codeNotReady {
		t.Errorf("not ready: %d %s", a.Status, a.Body)
	}
	if a := n.do("GET", "/livez", ""); a.Status != 200 {
		t.Errorf("live: %d %s", a.Status, a.Body)
	}
	if a := n.do("GET", "/metrics", ""); a.Status != 200 || strings.Contains(a.Body, "recall_ledger_log_end_seq{") {
		t.Errorf("metrics make up the log's end: %d", a.Status)
	}
	// What needs no log is still answered.
	if a := n.do("GET", "/v1/pushes/p", ""); a.Status != 200 {
		t.Errorf("a read: %d %s", a.Status, a.Body)
	}
	n.StopCommitter()
	if code, status := codeOf(t, publish()); code != codeStopping || status != 503 {
		t.Errorf("while stopping: %d %s", status, code)
	}
}

func TestFull(t *testing.T) {
	n := start(t, options{node: facadetest.Config{Log: jetstream.Config{Settings: jetstream.Settings{MaxBytes: 64 << 10}}}})
	devices := make([]string, 900)
	for i := range devices {
		devices[i] = fmt.Sprintf("%d-%s", i, facadetest.NewID())
	}
	for range 10 {
		_, err := n.client("", "").Publish(context.Background(), TypeNDJSON, strings.NewReader(fact("push.sent", "p", "fcm", devices...)))
		if err == nil {
			continue
		}
		if code, status := codeOf(t, err); code != codeLogFull || status != http.StatusInsufficientStorage {
			t.Errorf("a full log: %d %s", status, code)
		}
		return
	}
	t.Error("the log never filled")
}

// TestPanic checks that a handler that panics is answered, logged and no more.
func TestPanic(t *testing.T) {
	n := start(t, options{change: func(c *Config) {
		c.DevicePassword = func(string, string) string { panic("the secret is gone") }
	}})
	a := n.do("POST", "/v1/devices/my-device/credential", "")
	p := a.problem(t)
	if a.Status != 500 || p.Code != codeInternal || strings.Contains(a.Body, "secret") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	id := p.Detail[strings.LastIndex(p.Detail, " ")+1:]
	if log := n.Logged(); !strings.Contains(log, id) || !strings.Contains(log, "the secret is gone") || strings.Contains(log, "my-device") {
		t.Errorf("log:\n%s", log)
	}
	until(t, "the slot is free", func() bool { return len(n.server.slots.ordinary.free) == 0 })
	if a := n.do("GET", "/v1/pushes", ""); a.Status != 200 {
		t.Errorf("after it: %d", a.Status)
	}
}

func TestNoDeviceChannel(t *testing.T) {
	n := start(t, options{change: func(c *Config) { c.DevicePassword = nil }})
	_, err := n.client("", "").DeviceCredential(context.Background(), "d")
	if code, status := codeOf(t, err); code != codeNoDeviceChannel || status != 404 {
		t.Errorf("%d %s", status, code)
	}
}

func TestNewRefuses(t *testing.T) {
	n := start(t, options{})
	good := n.server.c
	for name, change := range map[string]func(*Config){
		"no log":         func(c *Config) { c.Ledger = nil },
		"no clock":       func(c *Config) { c.Clock = nil },
		"bad key":        func(c *Config) { c.Keys = []Key{{ID: "x"}} },
		"metrics in use": func(*Config) {},
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
