package decision_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

const crowd = 64

// together asks the nodes in turn, all at once.
func (w *world) together(n int, request func(i int) (ledger.Request, string)) ([]decision.Answer, []error) {
	answers, errs := make([]decision.Answer, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			r, key := request(i)
			answers[i], errs[i] = w.nodes[i%len(w.nodes)].Recall(w.ctx, r, key, render)
		})
	}
	wg.Wait()
	return answers, errs
}

// TestOneRecall: of many requests for one push one is accepted; the others are
// told which (L5), on one node and on several.
func TestOneRecall(t *testing.T) {
	for _, nodes := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d nodes", nodes), func(t *testing.T) {
			w := newWorld(t, nodes)
			w.create("p1")
			answers, errs := w.together(crowd, func(int) (ledger.Request, string) { return recallOf("p1"), "" })
			var accepted []string
			for i, a := range answers {
				if errs[i] != nil {
					t.Fatal(errs[i])
				}
				if a.Requested != nil {
					accepted = append(accepted, a.Requested.Recall)
				}
			}
			if len(accepted) != 1 {
				t.Fatalf("%v were accepted, want one", accepted)
			}
			for _, a := range answers {
				if r := a.Refusal; r != nil && (r.Code != ledger.AlreadyRecalled || r.First == nil || r.First.Recall != accepted[0]) {
					t.Errorf("refused with %s naming %+v, want %s", r.Code, r.First, accepted[0])
				}
			}
			if n := len(w.entries(events.RecallRequested)); n != 1 {
				t.Errorf("%d recalls on the log, want 1", n)
			}
		})
	}
}

// TestStrength: at once, a cancel, a terminate, a recall and an override of one
// push: whatever the order, none is accepted after one at least as strong.
func TestStrength(t *testing.T) {
	w := newWorld(t, 2)
	w.create("p1")
	all := channels.Actions()
	_, errs := w.together(crowd, func(i int) (ledger.Request, string) {
		r := recallOf("p1")
		if r.Action = all[i%4]; r.Action == channels.Override {
			r.Replacement = &events.Replacement{Title: "New"}
		}
		return r, ""
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, e := range w.entries(events.RecallRequested) {
		s := channels.Action(e.Data.(*events.Requested).Action).Strength()
		if s <= last {
			t.Errorf("an action of strength %d was accepted after one of %d", s, last)
		}
		last = s
	}
	if last != channels.Recall.Strength() {
		t.Errorf("the strongest accepted has strength %d", last)
	}
}

// TestConflictStorm: many recalls of one push that do not stand in each other's
// way all pass, though each moves the fence of the others; on several nodes too.
func TestConflictStorm(t *testing.T) {
	const devices = 600
	w := newWorld(t, 2)
	w.create("p1")
	for i := range devices {
		w.fact(events.PushSent, "p1", "apns", fmt.Sprint("d", i))
	}
	answers, errs := w.together(devices, func(i int) (ledger.Request, string) {
		r := recallOf("p1")
		r.Scope = events.Scope{Device: fmt.Sprint("d", i)}
		return r, ""
	})
	for i, a := range answers {
		if errs[i] != nil || a.Requested == nil {
			t.Fatalf("recall from d%d: %s, %v", i, a.Body, errs[i])
		}
	}
	if n := len(w.entries(events.RecallRequested)); n != devices {
		t.Errorf("%d recalls on the log, want %d", n, devices)
	}
}

// TestSameKey: a request repeated under its key, at once and later, is one
// recall and has one answer, byte for byte (L6).
func TestSameKey(t *testing.T) {
	w := newWorld(t, 2)
	w.create("p1")
	answers, errs := w.together(crowd, func(int) (ledger.Request, string) { return recallOf("p1"), "k" })
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	first, replayed := "", 0
	for _, a := range answers {
		if first == "" {
			first = string(a.Body)
		}
		if string(a.Body) != first || a.Status != answers[0].Status {
			t.Errorf("answers differ: %d %s and %d %s", answers[0].Status, first, a.Status, a.Body)
		}
		if a.Replayed {
			replayed++
		}
	}
	if replayed != crowd-1 {
		t.Errorf("%d answers are marked as replayed, want %d", replayed, crowd-1)
	}
	if n := len(w.entries(events.RecallRequested)); n != 1 {
		t.Errorf("%d recalls, want 1", n)
	}
	if a := w.ask(recallOf("p1"), "k"); !a.Replayed || string(a.Body) != first || a.Position.Seq != 0 {
		t.Errorf("later: %+v, want the first answer replayed", a)
	}
	// By is not part of what was asked.
	r := recallOf("p1")
	r.By = "somebody else"
	if a := w.ask(r, "k"); !a.Replayed || string(a.Body) != first {
		t.Errorf("by another credential: %+v, want the first answer replayed", a)
	}
}

// TestKeyReused: two requests under one key cannot both win, also at once and
// for different pushes on different nodes.
func TestKeyReused(t *testing.T) {
	w := newWorld(t, 2)
	w.create("p1")
	w.create("p2")
	for round := range 8 {
		key := fmt.Sprint("k", round)
		won := map[string]int{}
		answers, errs := w.together(crowd/4, func(i int) (ledger.Request, string) {
			r := recallOf(fmt.Sprint("p", 1+i/2%2))
			r.Reason = key // other than in the rounds before
			return r, key
		})
		for i, a := range answers {
			switch {
			case errs[i] == nil:
				won[string(a.Body)]++
			case !errors.Is(errs[i], decision.ErrKeyReused):
				t.Fatal(errs[i])
			}
		}
		if len(won) != 1 {
			t.Errorf("key %s has %d different answers: %v", key, len(won), won)
		}
	}
	if n := len(w.entries(events.KeyClaimed)); n != 8 {
		t.Errorf("%d keys were claimed, want 8", n)
	}
}

// TestRefusalUnderKey: a refusal under a key is what the key answers, even when
// the reason has gone.
func TestRefusalUnderKey(t *testing.T) {
	w := newWorld(t, 1)
	a := w.ask(recallOf("p1"), "k")
	if a.Refusal == nil || a.Refusal.Code != ledger.UnknownPush || a.Replayed {
		t.Fatalf("recall of an unknown push = %+v", a)
	}
	w.create("p1")
	if b := w.ask(recallOf("p1"), "k"); !b.Replayed || string(b.Body) != string(a.Body) || b.Status != a.Status {
		t.Errorf("again = %d %s, want the refusal replayed", b.Status, b.Body)
	}
	if b := w.ask(recallOf("p1"), "other"); b.Requested == nil {
		t.Errorf("under another key = %s, want accepted", b.Body)
	}
}

// TestAbortRaces: of many aborts of one recall one succeeds; the others learn
// that it does not run any more. So does one that races with the end.
func TestAbortRaces(t *testing.T) {
	w := newWorld(t, 2)
	w.create("p1")
	id := w.ask(recallOf("p1"), "").Requested.Recall
	var mu sync.Mutex
	done := 0
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			pos, err := w.nodes[i%2].Abort(w.ctx, app, id, "ann", "")
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && pos.Seq > 0:
				done++
			case !errors.Is(err, decision.ErrNotRunning):
				t.Errorf("Abort = %v, %v", pos, err)
			}
		})
	}
	wg.Wait()
	if n := len(w.entries(events.RecallAborted)); n != 1 || done != 1 {
		t.Errorf("%d aborts on the log, %d succeeded, want 1 and 1", n, done)
	}

	w.create("p2")
	id = w.ask(recallOf("p2"), "").Requested.Recall
	w.put(events.RecallCompleted, "p2", &events.Closed{Recall: id})
	if _, err := w.nodes[0].Abort(w.ctx, app, id, "ann", ""); !errors.Is(err, decision.ErrNotRunning) {
		t.Errorf("Abort of a completed recall = %v, want ErrNotRunning", err)
	}
	for _, app := range []string{app, "other"} {
		if _, err := w.nodes[0].Abort(w.ctx, app, "recall-9999", "ann", ""); !errors.Is(err, decision.ErrNotFound) {
			t.Errorf("Abort of an unknown recall = %v, want ErrNotFound", err)
		}
	}
	if _, err := w.nodes[0].Abort(w.ctx, "other", id, "ann", ""); !errors.Is(err, decision.ErrNotFound) {
		t.Errorf("Abort of another app's recall = %v, want ErrNotFound", err)
	}
}
