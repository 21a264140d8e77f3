package dispatch_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// emitFunc is an adapter made of a function.
type emitFunc func(context.Context, channels.Command) (channels.Reply, error)

func (f emitFunc) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	return f(ctx, c)
}

// forced asks for an override that channels which cannot replace show beside the
// old push: such a call must never be repeated.
func (w *world) forced(push string) string {
	w.t.Helper()
	return w.recall(push, channels.Override, func(r *ledger.Request) {
		r.Replacement = &events.Replacement{Title: "New", Force: true}
	})
}

// TestThrottled: the throttled are tried again, not before the vendor wants, and
// the others of the same call are not.
func TestThrottled(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var at []time.Time
	emitter := scripted.New(scripted.Config{
		Behave: func(d string) scripted.Behaviour {
			if d == "d-0001" {
				return scripted.Behaviour{Throttle: 2, RetryAfter: 60 * time.Millisecond}
			}
			return scripted.Behaviour{}
		},
		Clock: func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Now())
			return time.Now()
		},
	})
	var retried atomic.Int64
	w.work("harmony", emitter, func(c *dispatch.WorkerConfig) {
		c.Observer.Retried = func(string) { retried.Add(1) }
	})
	w.plan()
	w.create("p1")
	devices := names("d", 3)
	w.fact(events.PushSent, "p1", "harmony", devices...)
	id := w.recall("p1", channels.Recall)
	w.balanced(w.settled(id))
	w.ended(id, "harmony", devices, "accepted")
	for d, want := range map[string]int{"d-0000": 1, "d-0001": 3, "d-0002": 1} {
		if n := emitter.CallsFor("p1", d); n != want {
			t.Errorf("%s was called %d times, want %d", d, n, want)
		}
	}
	if retried.Load() != 2 {
		t.Errorf("Retried was told %d times, want 2", retried.Load())
	}
	mu.Lock()
	defer mu.Unlock()
	for i := 1; i < len(at); i++ {
		if d := at[i].Sub(at[i-1]); d < 60*time.Millisecond {
			t.Errorf("call %d came %s after the one before, the vendor asked for 60 ms", i+1, d)
		}
	}
}

// TestUnknownRepeated: where a call may be repeated, an unknown result is.
func TestUnknownRepeated(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{
		Row:    channels.Row{Repeatable: true},
		Behave: func(string) scripted.Behaviour { return scripted.Behaviour{Unknown: 1, UnknownAfterEffect: true} },
	})
	w.work("apns", emitter)
	w.plan()
	w.create("p1")
	devices := names("d", 15) // fewer than the failures a gate lets pass
	w.fact(events.PushSent, "p1", "apns", devices...)
	id := w.recall("p1", channels.Recall)
	w.balanced(w.settled(id))
	w.ended(id, "apns", devices, "accepted")
	if len(emitter.Calls()) != 30 || emitter.EffectsMax() != 1 {
		t.Errorf("%d calls with up to %d effects, want 30 with 1", len(emitter.Calls()), emitter.EffectsMax())
	}
}

// TestUnknownNotRepeated: where a repeated call does harm an unknown result is a
// dead letter, until somebody re-drives it.
func TestUnknownNotRepeated(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{Behave: func(d string) scripted.Behaviour {
		switch d {
		case "d-0000":
			return scripted.Behaviour{Unknown: 1}
		case "d-0001":
			return scripted.Behaviour{Throttle: 1} // nothing happened: this may be repeated
		}
		return scripted.Behaviour{}
	}})
	w.work("vivo", emitter)
	w.plan()
	w.create("p1")
	devices := names("d", 3)
	w.fact(events.PushSent, "p1", "vivo", devices...)
	id := w.forced("p1")
	w.balanced(w.settled(id))
	w.ended(id, "vivo", devices[:1], "refused unknown-result")
	w.ended(id, "vivo", devices[1:], "accepted")
	w.counts(id, projections.RecallCounts{Planned: 3, Refused: 1, Accepted: 2})

	n, err := dispatch.Redrive(w.ctx, w.log, w.projection, app, id, w.now())
	if err != nil || n != 1 {
		t.Fatalf("Redrive = %d, %v, want 1 device", n, err)
	}
	w.await("accepted", func() bool { return w.view(id).Total.Accepted == 3 })
	w.counts(id, projections.RecallCounts{Planned: 3, Accepted: 3})
	for d, want := range map[string]int{"d-0000": 2, "d-0001": 2, "d-0002": 1} {
		if got := emitter.CallsFor("p1", d); got != want {
			t.Errorf("%s was called %d times, want %d", d, got, want)
		}
	}
	if n, err := dispatch.Redrive(w.ctx, w.log, w.projection, app, id, w.now()); err != nil || n != 0 {
		t.Errorf("Redrive with nothing refused = %d, %v", n, err)
	}
}

// TestBadAdapter: what is no answer is an unknown result.
func TestBadAdapter(t *testing.T) {
	for name, bad := range map[string]emitFunc{
		"panics": func(context.Context, channels.Command) (channels.Reply, error) { panic("oops") },
		"fails": func(context.Context, channels.Command) (channels.Reply, error) {
			return channels.Reply{}, errors.New("no route")
		},
		"answers for fewer": func(_ context.Context, c channels.Command) (channels.Reply, error) {
			r := channels.All(c, channels.Accepted, "")
			r.Results = r.Results[1:]
			return r, nil
		},
		"answers in another order": func(_ context.Context, c channels.Command) (channels.Reply, error) {
			r := channels.All(c, channels.Accepted, "")
			r.Results[0], r.Results[1] = r.Results[1], r.Results[0]
			return r, nil
		},
		"answers with no verdict, then changes the command": func(_ context.Context, c channels.Command) (channels.Reply, error) {
			r := channels.All(c, channels.Unknown, "")
			for i := range c.Devices {
				c.Devices[i] = "other"
			}
			return r, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			var calls atomic.Int64
			once := emitFunc(func(ctx context.Context, c channels.Command) (channels.Reply, error) {
				if calls.Add(1) == 1 {
					return bad(ctx, c)
				}
				return channels.All(c, channels.Accepted, ""), nil
			})
			w.work("harmony", once)
			w.work("vivo", bad)
			w.plan()
			devices := names("d", 5)
			w.create("p1")
			w.fact(events.PushSent, "p1", "harmony", devices...)
			id := w.recall("p1", channels.Recall)
			w.balanced(w.settled(id))
			w.ended(id, "harmony", devices, "accepted")
			if calls.Load() != 2 {
				t.Errorf("%d calls, want 2", calls.Load())
			}
			w.create("p2")
			w.fact(events.PushSent, "p2", "vivo", devices...)
			id = w.forced("p2")
			w.balanced(w.settled(id))
			w.ended(id, "vivo", devices, "refused unknown-result")
		})
	}
}

// TestUnprintableReason: an outcome is not lost, and its call not repeated, for
// a reason that no event can hold.
func TestUnprintableReason(t *testing.T) {
	w := newWorld(t)
	var calls atomic.Int64
	w.work("harmony", emitFunc(func(_ context.Context, c channels.Command) (channels.Reply, error) {
		calls.Add(1)
		return channels.All(c, channels.Refused, "bad\x00token\xff"+strings.Repeat("撤", 200)), nil
	}))
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "harmony", "d")
	id := w.recall("p1", channels.Recall)
	w.settled(id)
	got := w.outcomes(id)["harmony d"]
	if len(got) != 1 || !strings.HasPrefix(got[0], "refused bad token?撤") || calls.Load() != 1 {
		t.Errorf("outcomes %q after %d calls, want one refusal with a readable reason after 1", got, calls.Load())
	}
}

// flaky is a log that fails the first appends of outcomes.
type flaky struct {
	events.Log
	err   error
	fails atomic.Int64
}

func (l *flaky) Append(ctx context.Context, records []events.Record) (events.Position, error) {
	if e, err := events.Decode(records[0].Data); err == nil && e.Kind.Family() == events.FamilyOutcome && l.fails.Add(-1) >= 0 {
		return events.Position{}, l.err
	}
	return l.Log.Append(ctx, records)
}

// TestOutcomesWait: results that the log does not take are kept, and the vendor
// is not asked again for them.
func TestOutcomesWait(t *testing.T) {
	for _, fault := range []error{events.ErrOverloaded, events.ErrUnknown, events.ErrFull} {
		t.Run(fault.Error(), func(t *testing.T) {
			w := newWorld(t)
			log := &flaky{Log: w.log, err: fault}
			log.fails.Store(9)
			committer := events.NewCommitter(events.CommitterConfig{Log: log})
			w.run(committer.Run)
			emitter := scripted.New(scripted.Config{Behave: func(d string) scripted.Behaviour {
				if d == "d-0001" {
					return scripted.Behaviour{Throttle: 1}
				}
				return scripted.Behaviour{}
			}})
			w.work("vivo", emitter, func(c *dispatch.WorkerConfig) { c.Committer = committer })
			w.plan()
			w.create("p1")
			devices := names("d", 2)
			w.fact(events.PushSent, "p1", "vivo", devices...)
			id := w.forced("p1")
			w.balanced(w.settled(id))
			w.ended(id, "vivo", devices, "accepted")
			if a, b := emitter.CallsFor("p1", devices[0]), emitter.CallsFor("p1", devices[1]); a != 1 || b != 2 || emitter.EffectsMax() != 1 {
				t.Errorf("the accepted was called %d times, the throttled %d times, with up to %d effects; want 1, 2, 1", a, b, emitter.EffectsMax())
			}
		})
	}
}
