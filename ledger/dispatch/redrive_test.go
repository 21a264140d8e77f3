package dispatch_test

import (
	"sync"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

func (w *world) redrive(id string) int {
	n, err := dispatch.Redrive(w.ctx, w.log, w.projection, app, id, w.now())
	if err != nil {
		w.t.Errorf("Redrive = %d, %v", n, err)
	}
	return n
}

// TestRedriveTogether: dead letters that several operators re-drive at once, and
// again before anything came of it, are commanded and called once more.
func TestRedriveTogether(t *testing.T) {
	w := newWorld(t)
	fails := scripted.New(scripted.Config{Behave: func(string) scripted.Behaviour { return scripted.Behaviour{Unknown: 1} }})
	first := w.work("vivo", fails)
	w.plan()
	w.create("p1")
	devices := names("d", 700)
	w.fact(events.PushSent, "p1", "vivo", devices...)
	id := w.forced("p1")
	w.settled(id)
	w.counts(id, projections.RecallCounts{Planned: 700, Refused: 700})
	first.halt(t)

	w.junk(events.CommandIssued, "p1", "vivo")
	var mu sync.Mutex
	var wg sync.WaitGroup
	total := 0
	for range 8 {
		wg.Go(func() {
			n := w.redrive(id)
			mu.Lock()
			defer mu.Unlock()
			total += n
		})
	}
	wg.Wait()
	if total += w.redrive(id); total != 700 {
		t.Errorf("%d devices were re-driven, want 700", total)
	}
	works := scripted.New(scripted.Config{})
	second := w.work("vivo", works)
	w.await("accepted", func() bool { return w.view(id).Total.Accepted == 700 })
	second.halt(t)
	for _, d := range devices {
		if n := works.CallsFor("p1", d); n != 1 {
			t.Errorf("%s was called %d times after the re-drives, want 1", d, n)
		}
	}
}

// TestRedriveRefusedAgain: what is refused again can be re-driven again.
func TestRedriveRefusedAgain(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{Behave: func(string) scripted.Behaviour { return scripted.Behaviour{Refuse: "unregistered"} }})
	w.work("harmony", emitter)
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "harmony", "d")
	id := w.recall("p1", channels.Recall)
	w.settled(id)
	for round := 1; round < 4; round++ {
		if n := w.redrive(id); n != 1 {
			t.Fatalf("re-drive %d concerns %d devices, want 1", round, n)
		}
		w.await("refused again", func() bool { return len(w.outcomes(id)["harmony d"]) == round+1 })
	}
	if n := emitter.CallsFor("p1", "d"); n != 4 {
		t.Errorf("%d calls, want 4", n)
	}
	if n, err := dispatch.Redrive(w.ctx, w.log, w.projection, app, "nothing", w.now()); n != 0 || err != nil {
		t.Errorf("Redrive of an unknown recall = %d, %v", n, err)
	}
}

// TestRedriveUnknown: an append of unknown result is looked up, not repeated
// blindly.
func TestRedriveUnknown(t *testing.T) {
	for _, stored := range []bool{true, false} {
		faulty := false
		w := memWorld(t, func(records []events.Record) memlog.Fault {
			if !faulty {
				return memlog.Fault{}
			}
			faulty = false
			return memlog.Fault{Err: events.ErrUnknown, Stored: stored}
		})
		w.plan()
		w.create("p1")
		w.fact(events.PushSent, "p1", "harmony", "a", "b")
		id := w.recall("p1", channels.Recall)
		w.await("commands", func() bool { return w.view(id).Total.Pending == 2 })
		w.put(events.OutcomeRefused, "p1", &events.Outcome{Recall: id, Channel: "harmony", Devices: []string{"a", "b"}})
		faulty = true
		w.redrive(id)
		n := 0
		for _, c := range w.commands(id) {
			if c.Redrive {
				n += len(c.Devices)
			}
		}
		if n != 2 {
			t.Errorf("stored %v: %d devices were re-driven on the log, want 2", stored, n)
		}
	}
}
