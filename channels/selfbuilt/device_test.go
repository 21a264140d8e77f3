package selfbuilt_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
)

func want(t *testing.T, what string, got, expected []string) {
	t.Helper()
	if !slices.Equal(got, expected) {
		t.Errorf("%s: got %q, want %q", what, got, expected)
	}
}

func command(m channels.Method, push, recall string, devices ...string) channels.Command {
	return channels.Command{
		App: "shop", Push: push, Recall: recall, Channel: selfbuilt.Channel, Action: channels.Recall, Method: m,
		Slot: "slot-" + push, Devices: devices, Attempt: 1,
	}
}

func (r *rig) emit(t *testing.T, c channels.Command) {
	t.Helper()
	reply, err := selfbuilt.Emitter{Conn: r.conn}.Emit(deadline(t), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range reply.Results {
		if x.Verdict != channels.Accepted {
			t.Fatalf("verdict %q (%s), want accepted", x.Verdict, x.Reason)
		}
	}
}

func TestShowRemoveAndClick(t *testing.T) {
	r := start(t)
	r.serve(t)
	p := r.dial(t, "d/1 €")
	r.show(t, p, "d/1 €", "p1")
	r.show(t, p, "d/1 €", "p2")
	p.settled(t)

	r.emit(t, command(channels.Remove, "p1", "r1", "d/1 €", "away"))
	await(t, p.changed, func() bool { return len(p.Screen()) == 1 })
	p.settled(t)
	if err := p.Click(deadline(t), "p2"); err != nil {
		t.Fatal(err)
	}
	want(t, "said", r.backend.said("d/1 €"), []string{
		"delivery.delivered p1", "display.shown p1", "delivery.delivered p2", "display.shown p2",
		"confirmed p1 r1", "click.clicked p2",
	})
	want(t, "seen", p.Seen(), []string{"p1", "p2"})
	for _, push := range []string{"p1", "p2", "p3"} {
		if err := p.Clear(deadline(t), push); !errors.Is(err, selfbuilt.ErrNotShown) {
			t.Errorf("clear %s: %v, want ErrNotShown", push, err)
		}
	}
	if len(p.Screen()) != 0 {
		t.Errorf("screen %v, want nothing", p.Screen())
	}
}

func TestOverwrite(t *testing.T) {
	r := start(t)
	r.serve(t)
	p := r.dial(t, "d1")
	r.show(t, p, "d1", "p1")
	r.show(t, p, "d1", "p2")

	notice := command(channels.Overwrite, "p1", "r1", "d1")
	notice.Title, notice.Body = "Message revoked", "The sender took this message back."
	override := command(channels.Overwrite, "p2", "r2", "d1")
	override.Action, override.Replacement = channels.Override, "p3"
	override.Title, override.Body = "Sale", "All for 1 euro"
	for range 2 { // repeating is harmless
		r.emit(t, notice)
		r.emit(t, override)
	}
	expected := []selfbuilt.Notification{
		{Push: "p1", Slot: "slot-p1", Title: notice.Title, Body: notice.Body},
		{Push: "p3", Slot: "slot-p2", Title: override.Title, Body: override.Body},
	}
	await(t, p.changed, func() bool { return slices.Equal(p.Screen(), expected) })
	p.settled(t)
	// The notice is not the push: tapping it is no click.
	if err := p.Click(deadline(t), "p1"); err != nil {
		t.Fatal(err)
	}
	if err := p.Click(deadline(t), "p3"); err != nil {
		t.Fatal(err)
	}
	said := r.backend.said("d1")
	for _, line := range []string{"confirmed p1 r1", "confirmed p2 r2", "delivery.delivered p3", "display.shown p3", "click.clicked p3"} {
		if !slices.Contains(said, line) {
			t.Errorf("%q was not said: %q", line, said)
		}
	}
	if slices.Contains(said, "click.clicked p1") {
		t.Error("a tap on the notice was reported as a click of the push")
	}
}

func TestOfflineDeviceNeverShowsARecalledPush(t *testing.T) {
	r := start(t)
	r.serve(t)
	p := r.dial(t, "d1")
	p.settled(t)
	p.Close()
	// While it is away: two pushes, one of them taken back.
	if err := (selfbuilt.Sender{Conn: r.conn}).Show(deadline(t), "shop", []string{"d1"}, notification("bad")); err != nil {
		t.Fatal(err)
	}
	r.emit(t, command(channels.Remove, "bad", "r1", "d1"))
	r.backend.set("d1", selfbuilt.State{
		Instructions: []selfbuilt.Instruction{{Recall: "r1", Push: "bad", Slot: "slot-bad", Method: channels.Remove}},
		// A ledger would leave the recalled one out; the device does not rely on it.
		Notifications: []selfbuilt.Notification{notification("bad"), notification("good")},
	})
	back := r.dial(t, "d1")
	await(t, back.changed, func() bool { return slices.Contains(back.Seen(), "good") })
	back.settled(t)
	// And a copy that was on its way arrives late.
	r.late(t, back, "bad")
	want(t, "seen", back.Seen(), []string{"good", "marker"})
	if said := r.backend.said("d1"); !slices.Contains(said, "confirmed bad r1") {
		t.Errorf("the recall was not confirmed: %q", said)
	}
}

// late sends a push that must not appear, and waits until the device has handled it.
func (r *rig) late(t *testing.T, p *phone, push string) {
	t.Helper()
	if err := (selfbuilt.Sender{Conn: r.conn}).Show(deadline(t), "shop", []string{"d1"}, notification(push)); err != nil {
		t.Fatal(err)
	}
	r.show(t, p, "d1", "marker")
	p.settled(t)
}

func TestLiveShowWaitsForTheSync(t *testing.T) {
	r := start(t)
	r.backend.block = make(chan struct{})
	r.serve(t)
	p := r.dial(t, "d1")
	for _, push := range []string{"bad", "good"} {
		if err := (selfbuilt.Sender{Conn: r.conn}).Show(deadline(t), "shop", []string{"d1"}, notification(push)); err != nil {
			t.Fatal(err)
		}
	}
	r.backend.set("d1", selfbuilt.State{Instructions: []selfbuilt.Instruction{{Recall: "r1", Push: "bad", Method: channels.Remove}}})
	<-p.changed // a show has arrived, the sync's answer cannot have
	if seen := p.Seen(); len(seen) != 0 {
		t.Errorf("seen %q before it was known what stands", seen)
	}
	close(r.backend.block)
	await(t, p.changed, func() bool { return len(p.Screen()) == 1 })
	p.settled(t)
	want(t, "seen", p.Seen(), []string{"good"})
}

func TestInstructionBeforeShow(t *testing.T) {
	for _, m := range []channels.Method{channels.Withhold, channels.Remove, channels.Overwrite} {
		t.Run(string(m), func(t *testing.T) {
			r := start(t)
			r.serve(t)
			p := r.dial(t, "d1")
			p.settled(t)
			c := command(m, "p1", "r1", "d1")
			c.Body = "Message revoked"
			r.emit(t, c)
			await(t, r.backend.changed, func() bool { return slices.Contains(r.backend.said("d1"), "confirmed p1 r1") })
			r.late(t, p, "p1")
			want(t, "seen", p.Seen(), []string{"marker"})
		})
	}
}

func TestDuplicatesCountOnce(t *testing.T) {
	r := start(t)
	r.serve(t)
	p := r.dial(t, "d1")
	r.show(t, p, "d1", "p1")
	r.show(t, p, "d1", "p1")
	if err := p.Clear(deadline(t), "p1"); err != nil {
		t.Fatal(err)
	}
	r.late(t, p, "p1")
	// The user was first: nothing is confirmed, and the ledger is told again.
	r.emit(t, command(channels.Remove, "p1", "r1", "d1"))
	await(t, r.backend.changed, func() bool { return len(r.backend.said("d1")) >= 6 })
	want(t, "said", r.backend.said("d1"), []string{
		"delivery.delivered p1", "display.shown p1", "display.cleared p1",
		"delivery.delivered marker", "display.shown marker", "display.cleared p1",
	})
	want(t, "seen", p.Seen(), []string{"p1", "marker"})
}

func TestFailingBackendLosesNothing(t *testing.T) {
	r := start(t)
	r.backend.failing = 3
	r.serve(t)
	p := r.dial(t, "d1")
	r.show(t, p, "d1", "p1")
	if err := p.Click(deadline(t), "p1"); err != nil {
		t.Fatal(err)
	}
	want(t, "said", r.backend.said("d1"), []string{"delivery.delivered p1", "display.shown p1", "click.clicked p1"})
	n, _ := p.Pending()
	if calls, _ := r.backend.counted(); n != 0 || calls < 4 {
		t.Errorf("%d pending after %d calls", n, calls)
	}
}

func TestRefusedReportIsGivenUpAlone(t *testing.T) {
	r := start(t)
	p := r.dial(t, "d1")
	r.backend.set("d1", selfbuilt.State{Notifications: []selfbuilt.Notification{
		notification("p1"), notification("unwanted"), notification("p2"),
	}})
	r.serve(t)
	await(t, p.changed, func() bool { return len(p.Screen()) == 3 })
	p.settled(t)
	want(t, "said", r.backend.said("d1"), []string{
		"delivery.delivered p1", "display.shown p1", "delivery.delivered p2", "display.shown p2",
	})
	if err := p.Click(deadline(t), "unwanted"); err == nil {
		t.Error("a refused click was acknowledged")
	}
}

func TestDroppedMessagesAreAskedFor(t *testing.T) {
	r := start(t)
	r.serve(t)
	p := r.dial(t, "d1")
	r.show(t, p, "d1", "p1")
	p.settled(t)
	r.backend.set("d1", selfbuilt.State{Instructions: []selfbuilt.Instruction{{Recall: "r1", Push: "p1", Method: channels.Remove}}})
	selfbuilt.Lose(p.Device)
	await(t, p.changed, func() bool { return len(p.Screen()) == 0 })
	p.settled(t)
}

func TestLiveShowWaitsAgainAfterAGap(t *testing.T) {
	for name, gap := range map[string]func(*selfbuilt.Device) error{
		"reconnect": selfbuilt.Reconnect,
		"loss":      func(d *selfbuilt.Device) error { selfbuilt.Lose(d); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t)
			r.serve(t)
			p := r.dial(t, "d1")
			p.settled(t)
			block, blocked := make(chan struct{}), make(signal, 1)
			r.backend.mu.Lock()
			r.backend.block, r.backend.blocked = block, blocked
			r.backend.mu.Unlock()
			if err := gap(p.Device); err != nil {
				t.Fatal(err)
			}
			<-blocked // the device has asked again, and is not answered
			if err := (selfbuilt.Sender{Conn: r.conn}).Show(deadline(t), "shop", []string{"d1"}, notification("bad")); err != nil {
				t.Fatal(err)
			}
			await(t, p.changed, func() bool { return selfbuilt.Held(p.Device) == 1 || len(p.Seen()) > 0 })
			r.backend.set("d1", selfbuilt.State{Instructions: []selfbuilt.Instruction{{Recall: "r1", Push: "bad", Method: channels.Remove}}})
			close(block)
			p.settled(t)
			want(t, "seen", p.Seen(), nil)
			if said := r.backend.said("d1"); !slices.Contains(said, "confirmed bad r1") {
				t.Errorf("said %q", said)
			}
		})
	}
}

func TestCloseEndsAClick(t *testing.T) {
	r := start(t)
	r.serve(t)
	p := r.dial(t, "d1")
	r.show(t, p, "d1", "p1")
	p.settled(t)
	r.backend.mu.Lock()
	r.backend.failing = math.MaxInt
	r.backend.mu.Unlock()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Click(ctx, "p1"); !errors.Is(err, context.Canceled) {
		t.Errorf("click: %v, want cancelled", err)
	}
	if n, _ := p.Pending(); n != 1 {
		t.Errorf("%d pending, want the click", n)
	}
	r.show(t, p, "d1", "p2")
	done := make(chan error, 1)
	go func() { done <- p.Clear(t.Context(), "p2") }()
	await(t, p.changed, func() bool { return len(p.Screen()) == 0 })
	p.Close()
	if err := <-done; !errors.Is(err, selfbuilt.ErrClosed) {
		t.Errorf("clear: %v, want closed", err)
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		// A server that takes a connection and says nothing.
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			cancel()
			<-t.Context().Done()
		}
	}()
	c := selfbuilt.DeviceConfig{URL: "ws://" + l.Addr().String(), App: "shop", Device: "d1", Clock: at}
	if _, err := selfbuilt.Dial(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want cancelled", err)
	}
	for _, change := range []func(*selfbuilt.DeviceConfig){
		func(c *selfbuilt.DeviceConfig) { c.URL = "" },
		func(c *selfbuilt.DeviceConfig) { c.Clock = nil },
		func(c *selfbuilt.DeviceConfig) { c.App = "a.b" },
		func(c *selfbuilt.DeviceConfig) { c.Device = "" },
	} {
		wrong := c
		change(&wrong)
		if _, err := selfbuilt.Dial(t.Context(), wrong); err == nil {
			t.Errorf("dialled with %+v", wrong)
		}
	}
}

func TestReconnectAsksAgain(t *testing.T) {
	r := start(t)
	r.serve(t)
	p := r.dial(t, "d1")
	r.show(t, p, "d1", "p1")
	p.settled(t)
	// Taken back without an instruction reaching the device, as while it is away.
	r.backend.set("d1", selfbuilt.State{Instructions: []selfbuilt.Instruction{{Recall: "r1", Push: "p1", Method: channels.Remove}}})
	if err := selfbuilt.Reconnect(p.Device); err != nil {
		t.Fatal(err)
	}
	await(t, p.changed, func() bool { return len(p.Screen()) == 0 })
	p.settled(t)
	if said := r.backend.said("d1"); !slices.Contains(said, "confirmed p1 r1") {
		t.Errorf("said %q", said)
	}
}

func TestLongStateComesInParts(t *testing.T) {
	const many = 2*selfbuilt.MaxInstructions + 50
	var s selfbuilt.State
	for i := range many {
		s.Instructions = append(s.Instructions, selfbuilt.Instruction{Recall: "r", Push: fmt.Sprintf("bad%d", i), Method: channels.Remove})
		s.Notifications = append(s.Notifications, selfbuilt.Notification{Push: fmt.Sprintf("good%d", i)})
	}
	r := start(t)
	r.backend.set("d1", s)
	r.serve(t)
	p := r.dial(t, "d1")
	await(t, p.changed, func() bool { return len(p.Seen()) == many })
	p.settled(t)
	if got := len(r.backend.said("d1")); got != 3*many {
		t.Errorf("%d reports, want %d", got, 3*many)
	}
}

func TestWrongPassword(t *testing.T) {
	r := start(t)
	for name, c := range map[string]selfbuilt.DeviceConfig{
		"another device's": {App: "shop", Device: "d1", Password: credentials.Password("shop", "d2")},
		"another app's":    {App: "shop", Device: "d1", Password: credentials.Password("bank", "d1")},
		"none":             {App: "shop", Device: "d1"},
	} {
		c.URL, c.Clock = r.url(), at
		for ctx := deadline(t); ; {
			d, err := selfbuilt.Dial(ctx, c)
			if err == nil {
				d.Close()
				t.Fatalf("%s: let in", name)
			}
			if errors.Is(err, nats.ErrAuthorization) {
				break
			}
			// The server may hang up so fast that its reason is lost.
			if ctx.Err() != nil {
				t.Fatalf("%s: %v, want an authorization error", name, err)
			}
		}
	}
}
