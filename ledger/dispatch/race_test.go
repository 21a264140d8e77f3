package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestTwoNodes: two nodes decide, plan and carry out on one log. Each push is
// recalled once, each holder commanded once, each device called once.
func TestTwoNodes(t *testing.T) {
	w := newWorld(t)
	other := w.projectOn(w.log)
	deciders := []*decision.Decider{w.decider, w.newDecider(other)}
	emitter := scripted.New(scripted.Config{})
	for _, p := range []*projections.Projection{w.projection, other} {
		w.plan(func(c *dispatch.PlannerConfig) { c.Projection = p })
		for _, channel := range []string{"harmony", "apns"} {
			w.work(channel, emitter, func(c *dispatch.WorkerConfig) { c.Projection = p })
		}
	}
	const pushes = 8
	devices := names("d", 600)
	for i := range pushes {
		push := fmt.Sprint("p", i)
		w.create(push)
		w.fact(events.PushSent, push, "harmony", devices...)
		w.fact(events.DisplayShown, push, "apns", devices[:100]...)
	}
	var mu sync.Mutex
	accepted := map[string][]string{}
	var asks sync.WaitGroup
	for i := range pushes {
		for _, d := range deciders {
			asks.Go(func() {
				push := fmt.Sprint("p", i)
				a, err := d.Recall(w.ctx, ledger.Request{App: app, Push: push, Action: channels.Recall}, "", render)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if a.Requested != nil {
					accepted[push] = append(accepted[push], a.Requested.Recall)
				}
			})
		}
	}
	// Late ones arrive while both plan.
	for i := range pushes {
		w.fact(events.DisplayShown, fmt.Sprint("p", i), "harmony", "late-1", "late-2")
	}
	asks.Wait()
	for push, ids := range accepted {
		if len(ids) != 1 {
			t.Errorf("%s: recalls %v were accepted, want one", push, ids)
		}
		w.await("known", func() bool { v, err := w.projection.Recall(app, ids[0]); return err == nil && v != nil })
		w.balanced(w.settled(ids[0]))
		w.once(ids[0], map[string][]string{"harmony": append(devices, "late-1", "late-2"), "apns": devices[:100]})
	}
	if len(accepted) != pushes {
		t.Errorf("%d of %d pushes were recalled", len(accepted), pushes)
	}
	if n := emitter.EffectsMax(); n > 2 { // one name on two channels
		t.Errorf("a device was touched %d times", n)
	}
	for i := range pushes {
		for _, d := range devices[100:] {
			if n := emitter.CallsFor(fmt.Sprint("p", i), d); n != 1 {
				t.Errorf("p%d %s was called %d times, want 1", i, d, n)
			}
		}
	}
}

// junk publishes what an outsider could: rubbish, another push's event, and a
// well-formed event about a recall that is not, each on the given subject.
func (w *world) junk(k events.Kind, push, channel string) {
	w.t.Helper()
	subject := events.Subject(0, app, k, push, channel)
	foreign := w.record(events.RecallCompleted, "elsewhere", &events.Closed{Recall: "none"})
	unknown := w.record(events.CommandIssued, push, &events.Command{
		Recall: "none", Channel: "harmony", Action: "recall", Method: "remove", Devices: []string{"x"}, Deadline: w.now(),
	})
	for _, data := range [][]byte{[]byte("rubbish"), foreign.Data, unknown.Data} {
		w.append(events.Record{Subject: subject, Data: data})
	}
}

// TestJunk: messages on decision and command subjects that are no decisions and
// no commands hold up nothing.
func TestJunk(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{})
	w.work("harmony", emitter)
	w.plan(func(c *dispatch.PlannerConfig) { c.Grace = 1 })
	w.create("p1")
	w.junk(events.RecallRequested, "p1", "")
	w.junk(events.CommandIssued, "p1", "harmony")
	w.fact(events.PushSent, "p1", "harmony", "a", "b")
	id := w.recall("p1", channels.Recall)
	w.settled(id)
	w.junk(events.CommandIssued, "p1", "harmony")
	w.fact(events.PushSent, "p1", "harmony", "c")
	w.settled(id)
	w.once(id, map[string][]string{"harmony": {"a", "b", "c"}})

	w.junk(events.RecallRequested, "p1", "")
	again := w.ask(ledger.Request{Push: "p1", Action: channels.Recall})
	if again.Refusal == nil || again.Refusal.First == nil || again.Refusal.First.Recall != id {
		t.Errorf("a second recall = %+v, want refused naming %s", again, id)
	}
	// The end of a recall stands on the same subject.
	w.advance(8 * ledger.Day)
	w.await("completed", func() bool { return w.view(id).State == ledger.Completed })
	w.balanced(w.view(id))

	w.create("p2")
	w.fact(events.PushSent, "p2", "harmony", "a")
	w.advance(-8 * ledger.Day)
	id = w.recall("p2", channels.Recall)
	w.junk(events.RecallRequested, "p2", "")
	if _, err := w.decider.Abort(w.ctx, app, id, "ann", ""); err != nil {
		t.Errorf("Abort over junk = %v", err)
	}
}

// meddler is a log that lets somebody else append just before a subject is read.
type meddler struct {
	events.Log
	before func()
}

func (l *meddler) ReadSubject(ctx context.Context, subject string, handle func(events.Message) error) error {
	l.before()
	return l.Log.ReadSubject(ctx, subject, handle)
}

// TestJunkAndRival: a planner that finds junk on its subject asks the log for
// the fence. What another planner writes at that very moment is not commanded
// again.
func TestJunkAndRival(t *testing.T) {
	w := memWorld(t, nil)
	w.create("p1")
	w.junk(events.CommandIssued, "p1", "harmony")
	w.fact(events.PushSent, "p1", "harmony", names("d", 700)...)
	id := w.recall("p1", channels.Recall)
	var once sync.Once
	var lag *lagging
	rival := &meddler{Log: w.log, before: func() {
		once.Do(func() {
			end, err := w.log.End(w.ctx)
			if err != nil {
				t.Error(err)
			}
			lag.hold(end.Seq)
			p := w.plan()
			w.await("the other's commands", func() bool { return len(w.commanded(id)) == 700 })
			p.halt(t)
			// A planner that does not wait has appended long before this.
			time.AfterFunc(50*time.Millisecond, lag.release)
		})
	}}
	// The planner's own projection falls behind the rival's.
	lag = newLagging(rival)
	p := w.projectOn(lag)
	end, err := w.log.End(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(w.ctx, end.Seq); err != nil {
		t.Fatal(err)
	}
	slow := w.plan(func(c *dispatch.PlannerConfig) { c.Log, c.Projection = lag, p })
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	w.create("p2")
	w.fact(events.PushSent, "p2", "harmony", "x")
	other := w.recall("p2", channels.Recall)
	w.await("the planner came round", func() bool { return len(w.commanded(other)) == 1 })
	slow.halt(t)
	w.once(id, map[string][]string{"harmony": names("d", 700)})
}
