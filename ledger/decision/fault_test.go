package decision_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// faultOn returns a fault for the first n appends that begin with a kind.
func faultOn(n int64, fault memlog.Fault, kinds ...events.Kind) func([]events.Record) memlog.Fault {
	var left atomic.Int64
	left.Store(n)
	return func(records []events.Record) memlog.Fault {
		e, err := events.Decode(records[0].Data)
		if err != nil {
			return memlog.Fault{}
		}
		for _, k := range kinds {
			if e.Kind == k && left.Add(-1) >= 0 {
				return fault
			}
		}
		return memlog.Fault{}
	}
}

// TestUnknownAppend: an append of unknown result, stored or not, once or often,
// ends in one recall and the answer that tells of it.
func TestUnknownAppend(t *testing.T) {
	for _, stored := range []bool{true, false} {
		for _, key := range []string{"", "k"} {
			for _, faults := range []int64{1, 5} {
				t.Run(fmt.Sprintf("stored %v, key %q, %d times", stored, key, faults), func(t *testing.T) {
					w := memWorld(t, faultOn(faults, memlog.Fault{Err: events.ErrUnknown, Stored: stored}, events.RecallRequested))
					w.create("p1")
					a := w.ask(recallOf("p1"), key)
					log := w.entries(events.RecallRequested)
					if len(log) != 1 {
						t.Fatalf("%d recalls on the log, want 1", len(log))
					}
					id := log[0].Data.(*events.Requested).Recall
					last := events.Seq(2) // the push stands before it
					if key != "" {
						last++
					}
					if a.Requested == nil || a.Requested.Recall != id || a.Replayed || a.Position.Seq != last || string(a.Body) != fmt.Sprintf(`{"recall":%q}`, id) {
						t.Errorf("answer = %+v %s, want the recall on the log", a, a.Body)
					}
					again := recallOf("p1")
					if b := w.ask(again, ""); b.Refusal == nil || b.Refusal.First.Recall != id {
						t.Errorf("a second recall = %s, want refused naming %s", b.Body, id)
					}
					if key != "" {
						if b := w.ask(again, key); !b.Replayed || string(b.Body) != string(a.Body) {
							t.Errorf("the same again = %s, want %s replayed", b.Body, a.Body)
						}
					}
				})
			}
		}
	}
}

// TestUnknownRefusal: so it is with a refusal under a key.
func TestUnknownRefusal(t *testing.T) {
	for _, stored := range []bool{true, false} {
		w := memWorld(t, faultOn(1, memlog.Fault{Err: events.ErrUnknown, Stored: stored}, events.RecallRefused))
		a := w.ask(recallOf("p1"), "k")
		if a.Refusal == nil || a.Replayed {
			t.Errorf("stored %v: answer = %+v, want a first refusal", stored, a)
		}
		if n := len(w.entries(events.KeyClaimed)); n != 1 {
			t.Errorf("stored %v: the key was claimed %d times", stored, n)
		}
	}
}

// TestUnknownAbort: an abort whose append was stored although that was unknown
// has succeeded.
func TestUnknownAbort(t *testing.T) {
	for _, stored := range []bool{true, false} {
		w := memWorld(t, faultOn(1, memlog.Fault{Err: events.ErrUnknown, Stored: stored}, events.RecallAborted))
		w.create("p1")
		id := w.ask(recallOf("p1"), "").Requested.Recall
		pos, err := w.nodes[0].Abort(w.ctx, app, id, "ann", "")
		if err != nil || pos.Seq != 3 || len(w.entries(events.RecallAborted)) != 1 {
			t.Errorf("stored %v: Abort = %v, %v with %d aborts on the log", stored, pos, err, len(w.entries(events.RecallAborted)))
		}
	}
}

// TestOverloaded: a log that takes nothing is said to be so, and nothing is
// answered that is not on it.
func TestOverloaded(t *testing.T) {
	w := memWorld(t, faultOn(1000, memlog.Fault{Err: events.ErrOverloaded}, events.RecallRequested, events.RecallRefused))
	w.create("p1")
	for _, r := range []ledger.Request{recallOf("p1"), recallOf("unknown")} {
		if a, err := w.nodes[0].Recall(w.ctx, r, "k", render); !errors.Is(err, events.ErrOverloaded) {
			t.Errorf("Recall of %s = %s, %v, want ErrOverloaded", r.Push, a.Body, err)
		}
	}
}

// TestJunk: what an outsider wrote on the subjects of a decision holds up none.
func TestJunk(t *testing.T) {
	w := newWorld(t, 1)
	junk := func(subject string) {
		for _, data := range []string{"rubbish", string(w.record(events.RecallAborted, "elsewhere", &events.Closed{Recall: "x"}).Data)} {
			w.append(events.Record{Subject: subject, Data: []byte(data)})
		}
	}
	decisions := events.DecisionFilter(0, app, "p1")
	w.create("p1")
	junk(decisions)
	junk(events.KeySubject(0, app, "k"))
	r := recallOf("p1")
	r.Action = channels.Terminate
	a := w.ask(r, "k")
	if a.Requested == nil {
		t.Fatalf("over junk: %s", a.Body)
	}
	if b := w.ask(r, "k"); !b.Replayed || string(b.Body) != string(a.Body) {
		t.Errorf("the same again = %s, want %s replayed", b.Body, a.Body)
	}
	junk(decisions)
	b := w.ask(recallOf("p1"), "")
	if b.Requested == nil {
		t.Fatalf("over more junk: %s", b.Body)
	}
	junk(decisions)
	if _, err := w.nodes[0].Abort(w.ctx, app, b.Requested.Recall, "ann", ""); err != nil {
		t.Errorf("Abort over junk = %v", err)
	}
	if n := len(w.entries(events.RecallRequested)); n != 2 {
		t.Errorf("%d recalls on the log, want 2", n)
	}
}
