package selfbuilt_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
)

var (
	secret      = []byte(strings.Repeat("k", selfbuilt.MinSecret))
	credentials = selfbuilt.Credentials{Secret: secret}
)

// at is when everything happens in these tests.
func at() time.Time { return time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC) }

// signal wakes a test that waits for a condition.
type signal chan struct{}

func (s signal) raise() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// backend stands for the ledger, which is no part of this package.
type backend struct {
	changed signal

	mu      sync.Mutex
	failing int                           // requests that fail before one is stored
	calls   int                           // of Report
	reports map[string][]selfbuilt.Report // by app/device
	states  map[string]selfbuilt.State
	syncs   int
	block   chan struct{} // Sync waits for it
	blocked signal        // and says that it does
}

func (b *backend) Report(_ context.Context, app, device string, reports []selfbuilt.Report) error {
	defer b.changed.raise()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.failing > 0 {
		b.failing--
		return errors.New("the disk is full")
	}
	if slices.ContainsFunc(reports, func(r selfbuilt.Report) bool { return r.Push == "unwanted" }) {
		return fmt.Errorf("store: %w", &events.FieldError{Field: "push", Reason: "is unwanted"})
	}
	key := selfbuilt.User(app, device)
	b.reports[key] = append(b.reports[key], reports...)
	return nil
}

func (b *backend) Sync(ctx context.Context, app, device string) (selfbuilt.State, error) {
	b.mu.Lock()
	block, blocked := b.block, b.blocked
	b.mu.Unlock()
	if block != nil {
		blocked.raise()
		select {
		case <-block:
		case <-ctx.Done():
			return selfbuilt.State{}, ctx.Err()
		}
	}
	defer b.changed.raise()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.syncs++
	s := b.states[selfbuilt.User(app, device)]
	// What the device confirmed is not outstanding any more.
	s.Instructions = slices.DeleteFunc(slices.Clone(s.Instructions), func(i selfbuilt.Instruction) bool {
		return slices.ContainsFunc(b.reports[selfbuilt.User(app, device)], func(r selfbuilt.Report) bool {
			return r.Push == i.Push && r.Confirmed == i.Recall
		})
	})
	s.Notifications = slices.DeleteFunc(slices.Clone(s.Notifications), func(n selfbuilt.Notification) bool {
		return slices.ContainsFunc(b.reports[selfbuilt.User(app, device)], func(r selfbuilt.Report) bool {
			return r.Push == n.Push
		})
	})
	return s, nil
}

// counted returns how often Report and Sync were called.
func (b *backend) counted() (reports, syncs int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls, b.syncs
}

func (b *backend) set(device string, s selfbuilt.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.states[selfbuilt.User("shop", device)] = s
}

// said lists what a device reported, each as "fact push" or "confirmed push recall".
func (b *backend) said(device string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var lines []string
	for _, r := range b.reports[selfbuilt.User("shop", device)] {
		if r.Confirmed != "" {
			lines = append(lines, "confirmed "+r.Push+" "+r.Confirmed)
		} else {
			lines = append(lines, string(r.Fact)+" "+r.Push)
		}
	}
	return lines
}

// rig is a server with devices let in by credentials, and a connection of the process.
type rig struct {
	server  *embedded.Server
	conn    *nats.Conn
	backend *backend
}

func start(t *testing.T) *rig {
	t.Helper()
	s, err := embedded.Start(embedded.Config{
		Dir: t.TempDir(),
		Devices: &embedded.DeviceListener{
			Address: "127.0.0.1:0",
			Authenticate: func(user, password string) (embedded.Grant, bool) {
				g, ok := credentials.Verify(user, password)
				return embedded.Grant{Publish: g.Publish, Subscribe: g.Subscribe}, ok
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	nc, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return &rig{server: s, conn: nc, backend: &backend{
		changed: make(signal, 1),
		reports: make(map[string][]selfbuilt.Report), states: make(map[string]selfbuilt.State),
	}}
}

// serve runs the service until the test ends, and checks how it ended.
func (r *rig) serve(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := selfbuilt.Service{Conn: r.conn, Backend: r.backend}
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("service: %v", err)
		}
	})
}

func (r *rig) url() string { return "ws://" + r.server.DeviceAddress() }

// phone is a device and its signal.
type phone struct {
	*selfbuilt.Device
	changed signal
}

// dial connects a device.
func (r *rig) dial(t *testing.T, device string) *phone {
	t.Helper()
	p := &phone{changed: make(signal, 1)}
	var err error
	p.Device, err = selfbuilt.Dial(deadline(t), selfbuilt.DeviceConfig{
		URL: r.url(), App: "shop", Device: device, Password: credentials.Password("shop", device),
		Clock: at, OnChange: p.changed.raise,
		// A pause that does not pass time, but lets the service work.
		Wait: func(ctx context.Context, _ time.Duration) error { return wait(ctx, time.Millisecond) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func wait(ctx context.Context, d time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
	return nil
}

// settled waits until the device has asked what stands and everything it
// reported is acknowledged.
func (p *phone) settled(t *testing.T) {
	t.Helper()
	await(t, p.changed, func() bool { n, synced := p.Pending(); return n == 0 && synced })
}

// raw opens a connection with a device's credentials and no client on it;
// errors of the connection go to the channel.
func (r *rig) raw(t *testing.T, device string) (*nats.Conn, <-chan error) {
	t.Helper()
	failed := make(chan error, 16)
	nc, err := nats.Connect(r.url(),
		nats.UserInfo(selfbuilt.User("shop", device), credentials.Password("shop", device)),
		nats.CustomInboxPrefix(selfbuilt.InboxPrefix("shop", device)),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { failed <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, failed
}

// failSafe ends a test that hangs; no test waits for it.
const failSafe = time.Minute

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), failSafe)
	t.Cleanup(cancel)
	return ctx
}

// await waits until the condition holds; the signal says when to look again.
func await(t *testing.T, s signal, holds func() bool) {
	t.Helper()
	ctx := deadline(t)
	for !holds() {
		select {
		case <-s:
		case <-ctx.Done():
			t.Fatal("the awaited state did not come")
		}
	}
}

func notification(push string) selfbuilt.Notification {
	return selfbuilt.Notification{Push: push, Slot: "slot-" + push, Title: "Sale", Body: "All for 1 cent"}
}

// show hands a push to a device that is connected, and waits until it is there.
func (r *rig) show(t *testing.T, p *phone, device, push string) {
	t.Helper()
	n := notification(push)
	if err := (selfbuilt.Sender{Conn: r.conn}).Show(deadline(t), "shop", []string{device}, n); err != nil {
		t.Fatal(err)
	}
	await(t, p.changed, func() bool { return slices.Contains(p.Screen(), n) })
}
