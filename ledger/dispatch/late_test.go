package dispatch_test

import (
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestLateFacts: whoever turns up after the recall gets one command, marked
// late, however often and in whatever order facts tell of it (L8).
func TestLateFacts(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{})
	w.work("harmony", emitter)
	w.plan()
	w.create("p1")
	planned, late, never := names("planned", 30), names("late", 40), names("never", 10)
	w.fact(events.PushSent, "p1", "harmony", planned...)
	id := w.recall("p1", channels.Recall)
	w.settled(id)

	w.fact(events.PushSent, "p1", "harmony", late[:20]...)
	w.fact(events.DisplayShown, "p1", "harmony", late[10:]...) // some were never said to be sent
	w.fact(events.PushSent, "p1", "harmony", late[30:]...)
	w.fact(events.DeliveryDelivered, "p1", "harmony", append(late, planned...)...)
	w.fact(events.ClickClicked, "p1", "harmony", never[:5]...)
	w.fact(events.PushFailed, "p1", "harmony", never[5:]...)
	w.fact(events.PushSent, "p1", "harmony", never...)
	v := w.settled(id)
	w.balanced(v)
	w.once(id, map[string][]string{"harmony": append(planned, late...)})
	w.counts(id, projections.RecallCounts{Planned: 30, Late: 40, Accepted: 70})
	for _, c := range w.commands(id) {
		if c.Late != (c.Devices[0][:4] == "late") {
			t.Errorf("late is %v in the command for %s and %d more", c.Late, c.Devices[0], len(c.Devices)-1)
		}
	}
	if emitter.EffectsMax() != 1 {
		t.Errorf("a notification was touched %d times", emitter.EffectsMax())
	}
}

// TestLateChannel: a late fact may be the first of its channel.
func TestLateChannel(t *testing.T) {
	w := memWorld(t, nil)
	w.plan()
	w.create("p1")
	id := w.recall("p1", channels.Recall)
	w.fact(events.PushSent, "p1", "sms", "s")
	w.fact(events.DisplayShown, "p1", "oppo", "o")
	w.await("commands", func() bool { return len(w.commanded(id)) == 2 })
	w.once(id, map[string][]string{"sms": {"s"}, "oppo": {"o"}})
	w.ended(id, "sms", []string{"s"}, "unsupported no-way-back")
}

// TestTerminateThenRecall: a stronger recall concerns again whom the weaker one
// concerned; each commands a device once.
func TestTerminateThenRecall(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{})
	w.work("harmony", emitter)
	w.plan()
	w.create("p1")
	sent, shown, later := names("sent", 5), names("shown", 5), names("later", 5)
	w.fact(events.PushSent, "p1", "harmony", sent...)
	w.fact(events.DisplayShown, "p1", "harmony", shown...)
	terminate := w.recall("p1", channels.Terminate)
	w.settled(terminate)
	w.fact(events.PushSent, "p1", "harmony", later[0])
	w.settled(terminate)
	w.once(terminate, map[string][]string{"harmony": append(sent, later[0])})

	recall := w.recall("p1", channels.Recall)
	w.settled(recall)
	// Both run now; who comes late is the stronger one's.
	w.fact(events.PushSent, "p1", "harmony", later[1:]...)
	w.settled(recall)
	w.once(terminate, map[string][]string{"harmony": append(sent, later[0])})
	w.once(recall, map[string][]string{"harmony": append(append(sent, shown...), later...)})
	w.balanced(w.view(terminate))
	w.balanced(w.view(recall))
	for _, a := range []channels.Action{channels.Terminate, channels.Recall} {
		if got := w.ask(ledger.Request{Push: "p1", Action: a}); got.Refusal == nil || got.Refusal.Code != ledger.AlreadyRecalled {
			t.Errorf("a second %s: %+v, want refused as already recalled", a, got)
		}
	}
}

// TestTerminateDelivered: what was delivered before a terminate could reach it
// is left alone.
func TestTerminateDelivered(t *testing.T) {
	w := newWorld(t)
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "harmony", "a", "b")
	w.fact(events.PushSent, "p1", "oppo", "c")
	id := w.recall("p1", channels.Terminate)
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	w.fact(events.DeliveryDelivered, "p1", "harmony", "b")
	w.work("harmony", scripted.New(scripted.Config{}))
	w.settled(id)
	w.ended(id, "harmony", []string{"a"}, "accepted")
	w.ended(id, "harmony", []string{"b"}, "skipped delivered")
	w.ended(id, "oppo", []string{"c"}, "unsupported no-way-back")
}

// TestScopes: what a narrow recall took back a wide one leaves alone, and a
// narrow one never widens (L9).
func TestScopes(t *testing.T) {
	w := newWorld(t)
	harmony, oppo := scripted.New(scripted.Config{}), scripted.New(scripted.Config{})
	w.work("harmony", harmony)
	w.work("oppo", oppo)
	w.plan()
	w.create("p1")
	w.put(events.PushSent, "p1", &events.Fact{
		Channel: "harmony", Devices: []string{"a", "b", "c", "d"}, Users: []string{"ann", "bob", "", "ann"},
	})
	w.put(events.PushSent, "p1", &events.Fact{Channel: "oppo", Devices: []string{"a", "e"}, Users: []string{"", "ann"}})

	device := w.recall("p1", channels.Recall, func(r *ledger.Request) { r.Scope = events.Scope{Device: "a", Channel: "harmony"} })
	w.settled(device)
	w.once(device, map[string][]string{"harmony": {"a"}})
	user := w.recall("p1", channels.Recall, func(r *ledger.Request) { r.Scope = events.Scope{User: "ann"} })
	w.settled(user)
	w.once(user, map[string][]string{"harmony": {"d"}, "oppo": {"e"}})
	// A device of the user that turns up late is the user recall's; another is
	// nobody's.
	w.put(events.PushSent, "p1", &events.Fact{Channel: "oppo", Devices: []string{"f", "g"}, Users: []string{"ann", "bob"}})
	w.await("the late one", func() bool { return w.view(user).Total.Late == 1 && w.view(user).Settled })
	w.once(user, map[string][]string{"harmony": {"d"}, "oppo": {"e", "f"}})

	whole := w.recall("p1", channels.Recall)
	w.settled(whole)
	w.once(whole, map[string][]string{"harmony": {"b", "c"}, "oppo": {"a", "g"}})
	if max(harmony.EffectsMax(), oppo.EffectsMax()) != 1 || harmony.Touched("p1") != 4 || oppo.Touched("p1") != 4 {
		t.Errorf("%d and %d devices were touched, want 4 and 4, each once", harmony.Touched("p1"), oppo.Touched("p1"))
	}
	got := w.ask(ledger.Request{Push: "p1", Action: channels.Recall, Scope: events.Scope{Device: "nobody"}})
	if got.Refusal == nil || got.Refusal.Code != ledger.UnknownDevice {
		t.Errorf("a recall from an unknown device: %+v, want refused", got)
	}
}
