package decision_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

// TestWindow: a push can be recalled until its window closes, to the instant.
func TestWindow(t *testing.T) {
	w := memWorld(t, nil, func(c *decision.Config) { c.Window = time.Hour })
	w.create("p1")
	w.create("p2")
	w.advance(time.Hour - time.Minute)
	a := w.ask(recallOf("p1"), "")
	if a.Requested == nil {
		t.Fatalf("within the window: %s", a.Body)
	}
	if left := a.Requested.Deadline.Sub(w.now()); left <= 0 || left > time.Minute {
		t.Errorf("the deadline is in %s, want within a minute", left)
	}
	w.advance(time.Minute)
	w.refused(recallOf("p2"), ledger.WindowClosed)
	// Facts do not reopen it.
	w.fact(events.PushSent, "p2", "apns", "d")
	w.refused(recallOf("p2"), ledger.WindowClosed)
}

// TestRate: where the profile says one a second, the second within it is refused.
func TestRate(t *testing.T) {
	w := memWorld(t, nil)
	for i := range 3 {
		w.create(fmt.Sprint("p", i), func(c *events.Created) { c.Profile = "timpush" })
	}
	if a := w.ask(recallOf("p0"), ""); a.Requested == nil {
		t.Fatalf("first: %s", a.Body)
	}
	w.refused(recallOf("p1"), ledger.RateLimited)
	w.advance(time.Second)
	if a := w.ask(recallOf("p1"), ""); a.Requested == nil {
		t.Errorf("a second later: %s", a.Body)
	}
	w.advance(time.Second)
	w.refused(recallOf("p1"), ledger.AlreadyRecalled)
}

// TestRateUnderKey: "too early" is no answer to keep under a key, since the retry
// that it asks for comes under the same one.
func TestRateUnderKey(t *testing.T) {
	w := memWorld(t, nil)
	for _, push := range []string{"p0", "p1"} {
		w.create(push, func(c *events.Created) { c.Profile = "timpush" })
	}
	w.ask(recallOf("p0"), "")
	if a := w.ask(recallOf("p1"), "k"); a.Refusal == nil || a.Refusal.Code != ledger.RateLimited || a.Replayed {
		t.Fatalf("at once: %s", a.Body)
	}
	w.advance(time.Second)
	a := w.ask(recallOf("p1"), "k")
	if a.Requested == nil || a.Replayed {
		t.Errorf("a second later under the same key: %s", a.Body)
	}
	if b := w.ask(recallOf("p1"), "k"); !b.Replayed || string(b.Body) != string(a.Body) {
		t.Errorf("once more: %s, want %s replayed", b.Body, a.Body)
	}
}

// TestCancel: what is scheduled can be cancelled until it starts.
func TestCancel(t *testing.T) {
	w := memWorld(t, nil)
	at := w.now().Add(time.Hour)
	scheduled := func(c *events.Created) { c.ScheduleAt = &at }
	cancel := func(push string) ledger.Request {
		return ledger.Request{App: app, Push: push, Action: channels.Cancel}
	}
	w.create("now")
	w.refused(cancel("now"), ledger.NotScheduled)
	w.create("soon", scheduled)
	if a := w.ask(cancel("soon"), ""); a.Requested == nil {
		t.Errorf("cancel before the start: %s", a.Body)
	}
	w.refused(cancel("soon"), ledger.AlreadyRecalled)
	w.create("early", scheduled)
	w.fact(events.PushSent, "early", "apns", "d")
	w.refused(cancel("early"), ledger.AlreadyStarted)
	w.create("late", scheduled)
	w.advance(time.Hour)
	w.refused(cancel("late"), ledger.AlreadyStarted)
	// After the weaker one the stronger may follow.
	if a := w.ask(recallOf("soon"), ""); a.Requested == nil {
		t.Errorf("recall after a cancel: %s", a.Body)
	}
}

// TestUnknownPush: to be asked for does not make a push known, nor does it
// become another app's (L10).
func TestUnknownPush(t *testing.T) {
	w := memWorld(t, nil)
	for range 3 {
		w.refused(recallOf("p1"), ledger.UnknownPush)
	}
	if v, err := w.nodes[0].projection.Push(app, "p1", w.now()); v != nil || err != nil {
		t.Errorf("Push = %+v, %v, want nothing", v, err)
	}
	if _, err := w.nodes[0].Preview(w.ctx, recallOf("p1")); !errors.Is(err, decision.ErrNotFound) {
		t.Errorf("Preview = %v, want ErrNotFound", err)
	}
	w.create("p1")
	r := recallOf("p1")
	r.App = "other"
	w.refused(r, ledger.UnknownPush)
	if a := w.ask(recallOf("p1"), ""); a.Requested == nil {
		t.Errorf("once it is created: %s", a.Body)
	}
}

// TestRefusalsRecorded: refusals are recorded as often as the budget allows;
// beyond it the answer is the same.
func TestRefusalsRecorded(t *testing.T) {
	var stand time.Time
	w := memWorld(t, nil, func(c *decision.Config) {
		c.RefusalsPerSecond = 5
		c.Clock = func() time.Time { return stand }
	})
	stand = w.now()
	ask := func(n int) (recorded int) {
		for range n {
			if w.refused(recallOf("p1"), ledger.UnknownPush).Position.Seq != 0 {
				recorded++
			}
		}
		return recorded
	}
	if n := ask(20); n != 5 {
		t.Errorf("%d of 20 at once were recorded, want 5", n)
	}
	stand = stand.Add(400 * time.Millisecond)
	if n := ask(20); n != 2 {
		t.Errorf("%d of 20 after 400 ms were recorded, want 2", n)
	}
	stand = stand.Add(-time.Hour) // a clock that is set back gives nothing
	if n := ask(20); n != 0 {
		t.Errorf("%d of 20 were recorded after the clock was set back", n)
	}
	stand = stand.Add(time.Second)
	if n := ask(20); n != 5 {
		t.Errorf("%d of 20 after a second more were recorded, want 5", n)
	}
	list := w.entries(events.RecallRefused)
	if len(list) != 12 {
		t.Errorf("%d refusals on the log, want 12", len(list))
	}
	if r := list[0].Data.(*events.Refused); r.Code != string(ledger.UnknownPush) || r.Action != "recall" {
		t.Errorf("refusal = %+v", r)
	}
}

// TestOverride: the replacement is created with the decision or not at all.
func TestOverride(t *testing.T) {
	w := memWorld(t, nil)
	w.create("p1")
	override := recallOf("p1")
	override.Action = channels.Override
	w.refused(override, ledger.ReplacementMissing)
	override.Replacement = &events.Replacement{Push: "p0", Title: "New"}
	w.create("p0")
	w.refused(override, ledger.ReplacementPushTaken)
	if n := len(w.entries(events.PushCreated)); n != 2 {
		t.Errorf("%d pushes after refusals, want 2", n)
	}
	override.Replacement = &events.Replacement{Title: "New"}
	a := w.ask(override, "")
	created := w.entries(events.PushCreated)
	if a.Requested == nil || len(created) != 3 || created[2].Push != "override-"+a.Requested.Recall || created[2].Push != a.Requested.Replacement.Push {
		t.Errorf("override = %s, pushes %d", a.Body, len(created))
	}
	w.refused(recallOf("p1"), ledger.AlreadyRecalled)
}

// TestBadRequest: what no request can say is a field error and leaves no trace.
func TestBadRequest(t *testing.T) {
	w := memWorld(t, nil)
	w.create("p1")
	before := w.end()
	long := strings.Repeat("x", events.MaxKey+1)
	for name, ask := range map[string]func() error{
		"action": func() error {
			r := recallOf("p1")
			r.Action = "undo"
			_, err := w.nodes[0].Recall(w.ctx, r, "", render)
			return err
		},
		"key": func() error {
			_, err := w.nodes[0].Recall(w.ctx, recallOf("p1"), long, render)
			return err
		},
		"preview": func() error {
			_, err := w.nodes[0].Preview(w.ctx, ledger.Request{App: app, Action: channels.Recall})
			return err
		},
		"by": func() error {
			r := recallOf("p1")
			r.By = strings.Repeat(long, 10)
			_, err := w.nodes[0].Recall(w.ctx, r, "", render)
			return err
		},
	} {
		var field *events.FieldError
		if err := ask(); !errors.As(err, &field) {
			t.Errorf("%s: %v, want a *events.FieldError", name, err)
		}
	}
	if after := w.end(); after != before {
		t.Errorf("the log went from %d to %d", before, after)
	}
	id := w.ask(recallOf("p1"), "").Requested.Recall
	var field *events.FieldError
	for _, text := range [][2]string{{strings.Repeat(long, 10), ""}, {"ann", strings.Repeat(long, 10)}} {
		if _, err := w.nodes[0].Abort(w.ctx, app, id, text[0], text[1]); !errors.As(err, &field) {
			t.Errorf("Abort with an over-long text = %v, want a *events.FieldError", err)
		}
	}
}
