package dispatch_test

import (
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestOverride: the new push is part of the decision, takes the old one's place
// on the devices that accepted it, and can itself be recalled.
func TestOverride(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{Behave: func(d string) scripted.Behaviour {
		if d == "d-0003" {
			return scripted.Behaviour{Refuse: "unregistered"}
		}
		return scripted.Behaviour{}
	}})
	w.work("harmony", emitter)
	w.work("vivo", emitter)
	w.plan()
	w.create("p1")
	devices := names("d", 6)
	w.fact(events.DisplayShown, "p1", "harmony", devices...)
	w.fact(events.DisplayShown, "p1", "vivo", "v")
	w.fact(events.ClickClicked, "p1", "harmony", devices[5])
	for _, d := range append(devices, "v") {
		emitter.Shown("p1", d, "Sale")
	}
	emitter.Clicked("p1", devices[5])
	a := w.ask(ledger.Request{Push: "p1", Action: channels.Override, Replacement: &events.Replacement{Push: "p2", Title: "Corrected", Body: "9 % off"}})
	if a.Refusal != nil {
		t.Fatal(a.Refusal.Message)
	}
	id := a.Requested.Recall
	v := w.settled(id)
	w.balanced(v)
	w.counts(id, projections.RecallCounts{Planned: 6, Accepted: 4, Refused: 1, Unsupported: 1})

	created := w.entries(events.PushCreated)
	if n := created[len(created)-1]; n.Push != "p2" || n.seq != v.Position.Seq+1 || n.Data.(*events.Created).Replaces != "p1" || n.Data.(*events.Created).Slot != slot {
		t.Errorf("after the decision at %v stands %+v at %d", v.Position, n.Data, n.seq)
	}
	for _, c := range w.commands(id) {
		if c.Channel == "harmony" && (c.Replacement != "p2" || c.Title != "Corrected" || c.Body != "9 % off" || c.Forced) {
			t.Errorf("command %+v", c)
		}
	}
	for _, d := range devices[:3] {
		if s := emitter.Screen(d); len(s) != 1 || s[0].Push != "p2" {
			t.Errorf("%s shows %+v, want only the new push", d, s)
		}
	}
	if s := emitter.Screen("v"); len(s) != 1 || s[0].Push != "p1" {
		t.Errorf("a device whose channel cannot replace shows %+v, want only the old push", s)
	}

	next := w.recall("p2", channels.Recall)
	w.balanced(w.settled(next))
	w.once(next, map[string][]string{"harmony": {devices[0], devices[1], devices[2], devices[4]}})
}

// TestOverrideForced: where asked to, a channel that cannot replace shows the
// new push beside the old one, once.
func TestOverrideForced(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{})
	w.work("vivo", emitter)
	w.plan()
	w.create("p1")
	w.fact(events.DisplayShown, "p1", "vivo", "v")
	emitter.Shown("p1", "v", "Sale")
	id := w.forced("p1")
	w.balanced(w.settled(id))
	if c := w.commands(id)[0]; !c.Forced || c.Method != string(channels.Overwrite) || c.Replacement != "override-"+id {
		t.Errorf("command %+v", c)
	}
	if s := emitter.Screen("v"); len(s) != 2 {
		t.Errorf("the device shows %+v, want both pushes", s)
	}
	next := w.recall("override-"+id, channels.Recall)
	w.balanced(w.settled(next))
	w.once(next, map[string][]string{"vivo": {"v"}})
}
