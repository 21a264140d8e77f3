package dispatch_test

import (
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestRecall follows a recall over channels of every kind: a list per call, one
// device per call, one without a way back, one without an adapter, one that the
// matrix does not know.
func TestRecall(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{})
	w.work("harmony", emitter)
	w.work("apns", emitter)
	w.work("fcm", emitter)
	w.work("vivo", nil)
	w.plan()

	w.create("p1")
	want := map[string][]string{}
	clicked := map[string][]string{}
	for channel, n := range map[string]int{"harmony": 1234, "apns": 600, "fcm": 300, "vivo": 40, "sms": 700, "pager": 30} {
		devices := names(channel, n)
		w.fact(events.PushSent, "p1", channel, devices...)
		w.fact(events.DisplayShown, "p1", channel, devices[:n/2]...)
		w.fact(events.ClickClicked, "p1", channel, devices[:n/10]...)
		w.fact(events.DisplayCleared, "p1", channel, devices[n/10:n/5]...)
		clicked[channel], want[channel] = devices[:n/5], devices[n/5:]
	}
	id := w.recall("p1", channels.Recall)
	v := w.settled(id)
	w.once(id, want)
	w.balanced(v)
	for channel, outcome := range map[string]string{
		"harmony": "accepted", "apns": "accepted", "fcm": "accepted",
		"vivo": "unsupported no-adapter", "sms": "unsupported no-way-back", "pager": "unsupported no-way-back",
	} {
		w.ended(id, channel, want[channel], outcome)
		for _, d := range clicked[channel] {
			if n := emitter.CallsFor("p1", d); n != 0 {
				t.Errorf("%s was called %d times, but had ended before the recall", d, n)
			}
		}
	}
	accepted := uint32(len(want["harmony"]) + len(want["apns"]) + len(want["fcm"]))
	planned := accepted + uint32(len(want["vivo"])+len(want["sms"])+len(want["pager"]))
	w.counts(id, projections.RecallCounts{Planned: planned, Accepted: accepted, Unsupported: planned - accepted})
	if emitter.EffectsMax() != 1 || emitter.Touched("p1") != int(accepted) {
		t.Errorf("%d notifications were touched, at most %d times; want %d once", emitter.Touched("p1"), emitter.EffectsMax(), accepted)
	}
	if v.Percent != 100 || !v.Settled || v.State != ledger.Running {
		t.Errorf("the recall is %v %% done, settled %v, %s", v.Percent, v.Settled, v.State)
	}
}

// TestCommandText: what a command shows is the channel's part of the recall.
func TestCommandText(t *testing.T) {
	w := memWorld(t, nil)
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "harmony", "h")
	w.fact(events.PushSent, "p1", "oppo", "o")
	w.fact(events.PushSent, "p1", "sms", "s")
	id := w.recall("p1", channels.Recall, func(r *ledger.Request) { r.Notice = "Sorry" })
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	for _, c := range w.commands(id) {
		want := map[string]struct{ method, title string }{
			"harmony": {"remove", ""}, "oppo": {"overwrite", "Sorry"}, "sms": {"none", ""},
		}[c.Channel]
		if c.Method != want.method || c.Title != want.title || c.Slot != slot || c.Action != "recall" || c.Late || c.Redrive || c.Forced {
			t.Errorf("command on %s: %+v", c.Channel, c)
		}
	}
	if n := len(w.commands(id)); n != 3 {
		t.Errorf("%d commands, want 3", n)
	}
}

// TestNobodyHoldsIt: a recall of a push nobody holds is done at once.
func TestNobodyHoldsIt(t *testing.T) {
	w := memWorld(t, nil)
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", "a")
	w.fact(events.ClickClicked, "p1", "apns", "a")
	id := w.recall("p1", channels.Recall)
	if v := w.view(id); !v.Settled || v.Percent != 100 || v.Total.Planned != 0 {
		t.Errorf("recall = %+v, want settled with nothing planned", v)
	}
	w.once(id, nil)
}
