package dispatch_test

import (
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestDeadline: when the window closes and the grace is over, what has no
// outcome ends as expired and the recall is completed. Late facts then change
// nothing.
func TestDeadline(t *testing.T) {
	w := memWorld(t, nil)
	w.plan()
	w.create("p1")
	devices := names("d", 1200)
	w.fact(events.PushSent, "p1", "apns", devices...)
	w.fact(events.PushSent, "p1", "fcm", "f")
	w.fact(events.PushSent, "p1", "sms", "s")
	id := w.recall("p1", channels.Recall)
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	w.put(events.OutcomeAccepted, "p1", &events.Outcome{Recall: id, Channel: "apns", Devices: devices[:100]})
	w.create("empty")
	empty := w.recall("empty", channels.Recall)

	w.advance(7*ledger.Day + 30*time.Second) // past the deadline, within the grace
	w.create("p2")
	w.fact(events.PushSent, "p2", "apns", "x")
	other := w.recall("p2", channels.Recall)
	// Recalls are closed in their order, and the empty one needs no grace.
	w.await("the planner swept", func() bool { return w.view(empty).State == ledger.Completed })
	if v := w.view(id); v.State != ledger.Running || v.Total.Expired != 0 {
		t.Errorf("within the grace the recall is %s with %d expired", v.State, v.Total.Expired)
	}
	w.advance(time.Minute)
	w.await("completed", func() bool { return w.view(id).State == ledger.Completed })
	w.counts(id, projections.RecallCounts{Planned: 1202, Accepted: 100, Unsupported: 1, Expired: 1101})
	w.balanced(w.view(id))
	w.ended(id, "apns", devices[100:], "expired window-closed")
	if v := w.view(other); v.State != ledger.Running {
		t.Errorf("the other recall is %s, want running", v.State)
	}

	w.fact(events.PushSent, "p1", "apns", "late")
	w.fact(events.PushSent, "p2", "apns", "y")
	w.await("the planner came round", func() bool { return len(w.commanded(other)) == 2 })
	if n := len(w.commanded(id)); n != 1202 {
		t.Errorf("%d devices were commanded, want 1202: late facts after the deadline get no command", n)
	}
	if n := len(w.entries(events.RecallCompleted)); n != 2 {
		t.Errorf("%d ends on the log, want 2", n)
	}
	// An outcome that was on its way still counts for what it is.
	w.put(events.OutcomeAccepted, "p1", &events.Outcome{Recall: id, Channel: "apns", Devices: devices[100:101]})
	w.counts(id, projections.RecallCounts{Planned: 1202, Accepted: 101, Unsupported: 1, Expired: 1100})
}

// TestDeadlineOfSettled: a recall with nothing open needs no grace.
func TestDeadlineOfSettled(t *testing.T) {
	w := memWorld(t, nil)
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "sms", "s")
	id := w.recall("p1", channels.Recall)
	w.settled(id)
	w.advance(7 * ledger.Day)
	w.await("completed", func() bool { return w.view(id).State == ledger.Completed })
}

// TestLateAtTheDeadline: what the log took before the deadline is owed a
// command although the planner's projection learns of it only afterwards.
func TestLateAtTheDeadline(t *testing.T) {
	w := memWorld(t, nil)
	lag := newLagging(w.log)
	behind := w.projectOn(lag)
	w.create("p1")
	w.fact(events.PushSent, "p1", "sms", "s")
	first := w.plan()
	id := w.recall("p1", channels.Recall)
	w.settled(id)
	first.halt(t)
	end, err := w.log.End(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := behind.Wait(w.ctx, end.Seq); err != nil {
		t.Fatal(err)
	}
	lag.hold(end.Seq)
	w.fact(events.PushSent, "p1", "sms", "late")
	w.advance(7 * ledger.Day)
	w.plan(func(c *dispatch.PlannerConfig) { c.Log, c.Projection = lag, behind })
	w.await("completed", func() bool { return w.view(id).State == ledger.Completed })
	w.once(id, map[string][]string{"sms": {"s", "late"}})
	w.balanced(w.view(id))
}

// TestWorkerAfterDeadline: a worker that comes too late makes no call.
func TestWorkerAfterDeadline(t *testing.T) {
	w := newWorld(t)
	w.plan()
	w.create("p1")
	devices := names("d", 30)
	w.fact(events.PushSent, "p1", "apns", devices...)
	id := w.recall("p1", channels.Recall)
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	w.advance(7 * ledger.Day)
	emitter := scripted.New(scripted.Config{})
	w.work("apns", emitter)
	w.settled(id)
	w.ended(id, "apns", devices, "expired window-closed")
	if n := len(emitter.Calls()); n != 0 {
		t.Errorf("%d calls after the deadline", n)
	}
}

// TestRetryEndsAtDeadline: a vendor that asks to wait for longer than the window
// does not keep the command open.
func TestRetryEndsAtDeadline(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{Behave: func(string) scripted.Behaviour {
		return scripted.Behaviour{Throttle: 1000, RetryAfter: 365 * ledger.Day}
	}})
	w.advance(7*ledger.Day - 3*time.Second)
	w.plan(func(c *dispatch.PlannerConfig) { c.Sweep = time.Hour })
	w.work("apns", emitter)
	w.advance(-7*ledger.Day + 3*time.Second)
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", "d")
	w.advance(7*ledger.Day - time.Second)
	id := w.recall("p1", channels.Recall)
	w.settled(id)
	w.ended(id, "apns", []string{"d"}, "expired window-closed")
}

// TestWorkerAfterCompletion: what a recall left open when it was completed is
// not carried out, also by a worker whose clock is behind.
func TestWorkerAfterCompletion(t *testing.T) {
	w := newWorld(t)
	p := w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", "d")
	id := w.recall("p1", channels.Recall)
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	p.halt(t)
	w.put(events.RecallCompleted, "p1", &events.Closed{Recall: id})
	emitter := scripted.New(scripted.Config{})
	w.work("apns", emitter)
	w.settled(id)
	w.ended(id, "apns", []string{"d"}, "expired window-closed")
	if n := len(emitter.Calls()); n != 0 {
		t.Errorf("%d calls after the end", n)
	}
}
