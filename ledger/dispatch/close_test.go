package dispatch_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// overtaken is a log on which something happens right before it is asked for its
// end, with no records then, or before an append.
type overtaken struct {
	events.Log
	before func(records []events.Record)
}

func (l *overtaken) End(ctx context.Context) (events.Position, error) {
	l.before(nil)
	return l.Log.End(ctx)
}

func (l *overtaken) Append(ctx context.Context, records []events.Record) (events.Position, error) {
	l.before(records)
	return l.Log.Append(ctx, records)
}

// closing starts a planner on a log that is overtaken, with a running recall of
// push p1 on one device. Its clock jumps over the deadline when over is called; that
// of the log does not.
func closing(t *testing.T, before func(w *world, id string, records []events.Record)) (w *world, id string, over func()) {
	t.Helper()
	w = memWorld(t, nil)
	w.create("p1")
	w.fact(events.DisplayShown, "p1", "apns", "d")
	id = w.recall("p1", channels.Recall)
	var late atomic.Bool
	w.plan(func(c *dispatch.PlannerConfig) {
		c.Log = &overtaken{w.log, func(records []events.Record) {
			if late.Load() {
				before(w, id, records)
			}
		}}
		c.Clock = func() time.Time {
			if late.Load() {
				return w.now().Add(8 * ledger.Day)
			}
			return w.now()
		}
	})
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	return w, id, func() { late.Store(true) }
}

// TestCloseCommandsFirst: a fact that the log took before the deadline, and the
// planner hears of when it is about to close the recall, gets its command and its
// end first (L8).
func TestCloseCommandsFirst(t *testing.T) {
	var once sync.Once
	w, id, over := closing(t, func(w *world, _ string, records []events.Record) {
		if records == nil {
			once.Do(func() { w.fact(events.DisplayShown, "p1", "apns", "late") })
		}
	})
	over()
	w.await("completed", func() bool { return w.view(id).State == ledger.Completed })
	w.counts(id, projections.RecallCounts{Planned: 1, Late: 1, Expired: 2})
	w.balanced(w.view(id))
}

// TestCloseLosesToAbort: a recall that is aborted while it is being closed has one
// end on the log.
func TestCloseLosesToAbort(t *testing.T) {
	var once sync.Once
	w, id, over := closing(t, func(w *world, id string, records []events.Record) {
		if len(records) == 1 && strings.Contains(string(records[0].Data), string(events.RecallCompleted)) {
			once.Do(func() { w.put(events.RecallAborted, "p1", &events.Closed{Recall: id, By: "ops"}) })
		}
	})
	over()
	w.await("ended", func() bool { return w.view(id).State != ledger.Running })
	// A later recall tells when the planner has passed this one.
	w.create("p2")
	w.fact(events.DisplayShown, "p2", "apns", "d")
	next := w.recall("p2", channels.Recall)
	w.await("the planner came round", func() bool { return w.view(next).Total.Waiting == 0 })
	if v := w.view(id); v.State != ledger.Aborted || len(w.entries(events.RecallCompleted)) != 0 {
		t.Errorf("the recall is %s, with %d completions on the log", v.State, len(w.entries(events.RecallCompleted)))
	}
}

// TestCloseManyOpen: what is still open is ended in as many appends as it takes,
// before the recall is.
func TestCloseManyOpen(t *testing.T) {
	w := memWorld(t, nil)
	w.plan(func(c *dispatch.PlannerConfig) { c.Grace = time.Nanosecond })
	w.create("p1")
	// Long names: so many fill more than one append.
	devices := names(strings.Repeat("d", events.MaxDevice-10), events.MaxBatchBytes/events.MaxDevice+events.MaxCommandDevices)
	w.fact(events.DisplayShown, "p1", "apns", devices...)
	id := w.recall("p1", channels.Recall)
	w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
	w.advance(8 * ledger.Day)
	w.await("completed", func() bool { return w.view(id).State == ledger.Completed })
	w.counts(id, projections.RecallCounts{Planned: uint32(len(devices)), Expired: uint32(len(devices))})
	w.balanced(w.view(id))
}
