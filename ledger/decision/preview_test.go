package decision_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

// TestPreviewIsThePlan: whatever happened to a push and whatever was recalled of
// it before, a preview says what the recall then does: refused alike, or on every
// channel as many devices as are planned. Asking changes nothing.
func TestPreviewIsThePlan(t *testing.T) {
	w := memWorld(t, nil)
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		push := fmt.Sprint("push-", round)
		slot := rapid.SampledFrom([]string{"", "slot", "42"}).Draw(t, "slot")
		profile := rapid.SampledFrom([]string{"", "mpaas", "tpns", "ums"}).Draw(t, "profile")
		w.create(push, func(c *events.Created) { c.Slot, c.Profile = slot, profile })
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			if rapid.IntRange(0, 5).Draw(t, "step") > 0 {
				w.anyFact(t, push)
				continue
			}
			w.previewThenRecall(t, push)
		}
	})
}

func anyChannel(t *rapid.T) string {
	return rapid.SampledFrom([]string{"harmony", "apns", "oppo", "vivo", "sms", "pager"}).Draw(t, "channel")
}

func anyUser(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "user")
}

func (w *world) anyFact(t *rapid.T, push string) {
	kind := rapid.SampledFrom([]events.Kind{
		events.PushSent, events.PushSent, events.PushSent, events.DisplayShown, events.DeliveryDelivered,
		events.PushFailed, events.ClickClicked, events.DisplayCleared, events.DeliveryExpired,
	}).Draw(t, "kind")
	f := &events.Fact{Channel: anyChannel(t), Devices: rapid.SliceOfNDistinct(rapid.StringMatching("[a-f]"), 1, 4, rapid.ID).Draw(t, "devices")}
	if kind == events.PushSent {
		for range f.Devices {
			f.Users = append(f.Users, anyUser(t))
		}
	}
	w.put(kind, push, f)
}

func (w *world) previewThenRecall(t *rapid.T, push string) {
	r := recallOf(push)
	r.Action = rapid.SampledFrom(channels.Actions()).Draw(t, "action")
	switch rapid.IntRange(0, 3).Draw(t, "scope") {
	case 0:
		r.Scope = events.Scope{User: "ann"}
	case 1:
		r.Scope = events.Scope{Device: "a"}
	case 2:
		r.Scope = events.Scope{Device: "b", Channel: anyChannel(t)}
	}
	if r.Action == channels.Cancel {
		r.Scope = events.Scope{}
	}
	if r.Action == channels.Override {
		r.Replacement = &events.Replacement{Title: "New", Force: rapid.Bool().Draw(t, "force")}
	}
	before := w.end()
	v, err := w.nodes[0].Preview(w.ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if after := w.end(); after != before || v.Position.Seq != before {
		t.Fatalf("the preview as of %v moved the log from %d to %d", v.Position, before, after)
	}
	a := w.ask(r, "")
	if v.Refusal != nil || a.Refusal != nil {
		if v.Refusal == nil || a.Refusal == nil || v.Refusal.Code != a.Refusal.Code || v.Refusal.Message != a.Refusal.Message {
			t.Fatalf("preview %+v, recall %s", v.Refusal, a.Body)
		}
		return
	}
	w.comparePlan(t, v, a.Requested.Recall)
}

func (w *world) comparePlan(t tb, v *decision.Preview, recall string) {
	t.Helper()
	got, err := w.nodes[0].projection.Recall(app, recall)
	if err != nil || got == nil {
		t.Fatalf("recall %s: %v, %v", recall, got, err)
	}
	planned := map[string]uint32{}
	for _, c := range got.Channels {
		planned[c.Channel] = c.Planned
	}
	var sum decision.PreviewCounts
	for _, c := range v.Channels {
		if n := c.Certain + c.Possible; n != planned[c.Channel] || n != c.Vanish+c.Notice+c.Withheld+c.Unreachable {
			t.Fatalf("preview of %s: %+v, planned %d", c.Channel, c.PreviewCounts, planned[c.Channel])
		}
		delete(planned, c.Channel)
		sum.Certain, sum.Possible, sum.Ended = sum.Certain+c.Certain, sum.Possible+c.Possible, sum.Ended+c.Ended
	}
	for channel, n := range planned {
		if n > 0 {
			t.Fatalf("%d devices on %s were planned and not previewed", n, channel)
		}
	}
	if sum.Certain != v.Total.Certain || sum.Possible != v.Total.Possible || sum.Ended != v.Total.Ended || got.Total.Planned != sum.Certain+sum.Possible {
		t.Fatalf("channels sum up to %+v, total is %+v, planned %d", sum, v.Total, got.Total.Planned)
	}
}

// TestPreviewNumbers shows the figures of a preview on a push in the middle of
// its life.
func TestPreviewNumbers(t *testing.T) {
	w := memWorld(t, nil)
	w.create("p1")
	w.fact(events.PushSent, "p1", "harmony", "a", "b", "c", "d", "e")
	w.fact(events.DisplayShown, "p1", "harmony", "a", "b")
	w.fact(events.DeliveryDelivered, "p1", "harmony", "c")
	w.fact(events.ClickClicked, "p1", "harmony", "b")
	w.fact(events.PushSent, "p1", "sms", "s")
	w.fact(events.PushSent, "p1", "oppo", "o")
	for action, want := range map[channels.Action]decision.PreviewCounts{
		channels.Recall:    {Certain: 1, Possible: 5, Vanish: 4, Notice: 1, Unreachable: 1, Ended: 1, Clicked: 1},
		channels.Terminate: {Possible: 4, Withheld: 2, Unreachable: 2, Ended: 1, Clicked: 1},
	} {
		v, err := w.nodes[0].Preview(w.ctx, ledger.Request{App: app, Push: "p1", Action: action})
		if err != nil {
			t.Fatal(err)
		}
		if v.Total != want || v.Refusal != nil || v.WindowLeft <= 0 {
			t.Errorf("%s: %+v %+v, want %+v", action, v.Total, v.Refusal, want)
		}
	}
}
