package dispatch_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// sent records that a send of the vendor reached devices.
func (w *world) sent(push, channel, send string, devices ...string) {
	w.t.Helper()
	w.put(events.PushSent, push, &events.Fact{Channel: channel, Devices: devices, Send: send})
}

// TestWholeSends: a channel that takes back whole sends is called once for each of
// them, every device ends with what came of its own, and one of which no send is
// known ends as unsupported.
func TestWholeSends(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var calls []string
	w.work("wecom", emitFunc(func(_ context.Context, c channels.Command) (channels.Reply, error) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c.Sends...)
		if slices.Contains(c.Sends, "m2") {
			return channels.All(c, channels.Refused, channels.ReasonExpired), nil
		}
		return channels.All(c, channels.Accepted, ""), nil
	}))
	w.create("p1")
	first, second := names("a", events.MaxDevices), names("b", 10)
	w.sent("p1", "wecom", "m1", first...)
	w.sent("p1", "wecom", "m2", second...)
	w.fact(events.PushSent, "p1", "wecom", "lone")
	w.plan()
	id := w.recall("p1", channels.Recall, func(r *ledger.Request) { r.WholeSends = new(true) })
	w.balanced(w.settled(id))
	w.ended(id, "wecom", first, "accepted")
	w.ended(id, "wecom", second, "refused expired")
	w.ended(id, "wecom", []string{"lone"}, "unsupported no-way-back")
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(calls)
	if want := []string{"m1", "m2"}; !slices.Equal(calls, want) {
		t.Errorf("the vendor was called for %q, want %q", calls, want)
	}
}

// TestWholeSendsLeftThere: who does not accept whole sends calls nobody.
func TestWholeSendsLeftThere(t *testing.T) {
	w := newWorld(t)
	w.work("wecom", emitFunc(func(context.Context, channels.Command) (channels.Reply, error) {
		t.Error("the vendor was called")
		return channels.Reply{}, nil
	}))
	w.create("p1")
	w.sent("p1", "wecom", "m1", "a", "b")
	w.plan()
	id := w.recall("p1", channels.Recall, func(r *ledger.Request) { r.WholeSends = new(false) })
	w.balanced(w.settled(id))
	w.ended(id, "wecom", []string{"a", "b"}, "unsupported no-way-back")
}

// TestReplacementCanBeTakenBack: where the vendor names the new send that brought a
// replacement, a later recall of the replacement knows it.
func TestReplacementCanBeTakenBack(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var withdrawn []string
	w.work("jpush", emitFunc(func(_ context.Context, c channels.Command) (channels.Reply, error) {
		reply := channels.All(c, channels.Accepted, "")
		if c.Method != channels.Overwrite {
			mu.Lock()
			defer mu.Unlock()
			withdrawn = append(withdrawn, c.Sends...)
			return reply, nil
		}
		for i := range reply.Results {
			reply.Results[i].Send = "new-send"
		}
		reply.Results[1].Send = "an id\nthat no event can hold"
		return reply, nil
	}))
	w.create("p1")
	w.sent("p1", "jpush", "m1", "a", "b")
	w.plan()
	w.balanced(w.settled(w.recall("p1", channels.Override, func(r *ledger.Request) {
		r.Replacement = &events.Replacement{Push: "p2", Title: "New"}
	})))
	id := w.recall("p2", channels.Recall, func(r *ledger.Request) { r.WholeSends = new(true) })
	w.balanced(w.settled(id))
	w.ended(id, "jpush", []string{"a"}, "accepted")
	w.ended(id, "jpush", []string{"b"}, "unsupported no-way-back")
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(withdrawn, []string{"new-send"}) {
		t.Errorf("withdrawn %q", withdrawn)
	}
}

// TestRefusedSendIsDrivenAgain: what the vendor refused of a whole send is asked of
// it again when somebody re-drives the recall.
func TestRefusedSendIsDrivenAgain(t *testing.T) {
	w := newWorld(t)
	var calls atomic.Int64
	w.work("wecom", emitFunc(func(_ context.Context, c channels.Command) (channels.Reply, error) {
		if calls.Add(1) == 1 {
			return channels.All(c, channels.Refused, channels.ReasonBadRequest), nil
		}
		return channels.All(c, channels.Accepted, ""), nil
	}))
	w.create("p1")
	w.sent("p1", "wecom", "m1", "a", "b")
	w.plan()
	id := w.recall("p1", channels.Recall, func(r *ledger.Request) { r.WholeSends = new(true) })
	w.settled(id)
	if n, err := dispatch.Redrive(w.ctx, w.log, w.projection, app, id, w.now()); n != 2 || err != nil {
		t.Fatalf("re-driven %d, %v", n, err)
	}
	w.await("the outcome of the re-driven send", func() bool { return w.view(id).Total.Accepted == 2 })
	if n := calls.Load(); n != 2 {
		t.Errorf("the vendor was called %d times, want 2", n)
	}
}
