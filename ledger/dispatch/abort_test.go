package dispatch_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// TestAbort: what is not yet handed over is not any more, and nothing new is
// planned.
func TestAbort(t *testing.T) {
	w := newWorld(t)
	emitter, gate := gated(channels.Row{})
	w.work("apns", emitter, func(c *dispatch.WorkerConfig) { c.Workers, c.Calls = 1, 1 })
	w.plan()
	w.create("p1")
	devices := names("d", 700)
	w.fact(events.PushSent, "p1", "apns", devices...)
	id := w.recall("p1", channels.Recall)
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	<-gate.reached
	pos, err := w.decider.Abort(w.ctx, app, id, "ann", "wrong push")
	if err != nil || pos.Seq == 0 {
		t.Fatalf("Abort = %v, %v", pos, err)
	}
	close(gate.open)
	v := w.settled(id)
	w.balanced(v)
	if v.State != ledger.Aborted || v.Total.Accepted != 1 || v.Total.Skipped != 699 {
		t.Errorf("recall = %s, %+v, want aborted with 1 accepted and 699 skipped", v.State, v.Total)
	}
	w.ended(id, "apns", devices[1:], "skipped aborted")

	w.fact(events.PushSent, "p1", "apns", "late")
	if n := w.view(id).Total.Late; n != 0 {
		t.Errorf("an aborted recall plans %d late devices", n)
	}
	for i := range 2 {
		if _, err := w.decider.Abort(w.ctx, app, id, "ann", ""); !errors.Is(err, decision.ErrNotRunning) {
			t.Errorf("Abort no. %d = %v, want ErrNotRunning", i+2, err)
		}
	}
	if n, err := dispatch.Redrive(w.ctx, w.log, w.projection, app, id, w.now()); n != 0 || !errors.Is(err, dispatch.ErrNotRunning) {
		t.Errorf("Redrive of an aborted recall = %d, %v, want ErrNotRunning", n, err)
	}
	if n := len(w.entries(events.RecallAborted)); n != 1 {
		t.Errorf("%d aborts on the log, want 1", n)
	}
}

// TestAbortWhilePlanning: a planner that is in the middle of many commands stops
// when the recall is aborted.
func TestAbortWhilePlanning(t *testing.T) {
	const devices, perAppend = 52_000, 50_000
	var w *world
	var done atomic.Bool
	w = memWorld(t, func(records []events.Record) memlog.Fault {
		e, err := events.Decode(records[0].Data)
		if err != nil || e.Kind != events.CommandIssued || !done.CompareAndSwap(false, true) {
			return memlog.Fault{}
		}
		if _, err := w.decider.Abort(w.ctx, app, "recall-0001", "ann", ""); err != nil {
			t.Error(err)
		}
		return memlog.Fault{}
	})
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", names("d", devices)...)
	p := w.plan()
	id := w.recall("p1", channels.Recall)
	w.await("aborted and commanded", func() bool {
		v := w.view(id)
		return v.State == ledger.Aborted && v.Total.Pending > 0
	})
	// The planner has come round once more when it has planned another push.
	w.create("p2")
	w.fact(events.PushSent, "p2", "apns", "x")
	other := w.recall("p2", channels.Recall)
	w.await("the other", func() bool { return w.view(other).Total.Pending == 1 })
	p.halt(t)
	if n := len(w.commanded(id)); n != perAppend {
		t.Errorf("%d devices were commanded, want the %d of the append that was under way", n, perAppend)
	}
}
