package dispatch

import (
	"context"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// lookout makes sure that the projection knows what the log holds. Asking for
// the log's end can take as long as an fsync, so callers share the answers.
type lookout struct {
	log        events.Log
	projection *projections.Projection
	clock      func() time.Time

	mu sync.Mutex
	// at is when the newest look that is done began.
	at   time.Time
	next *look
	// turn is held by the look under way.
	turn sync.Mutex
}

// look is one question to the log, for all who asked before it began.
type look struct {
	done chan struct{}
	at   time.Time
	end  events.Seq
	err  error
}

// lookLasts is for how long an answer of the log is good enough between the
// calls of one command. Clicks the projection knows are seen before every call;
// this bounds what it may lag behind.
const lookLasts = 100 * time.Millisecond

// now returns once the projection has applied what the log held at the call.
func (o *lookout) now(ctx context.Context) error {
	o.mu.Lock()
	l := o.next
	if l == nil {
		l = &look{done: make(chan struct{})}
		o.next = l
		go o.take(context.WithoutCancel(ctx), l)
	}
	o.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.err != nil {
		return l.err
	}
	if err := o.projection.Wait(ctx, l.end); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if l.at.After(o.at) {
		o.at = l.at
	}
	return nil
}

// lately is now, unless somebody looked a moment ago.
func (o *lookout) lately(ctx context.Context) error {
	o.mu.Lock()
	fresh := o.clock().Sub(o.at) < lookLasts
	o.mu.Unlock()
	if fresh {
		return nil
	}
	return o.now(ctx)
}

// take asks the log. The log's own time-out bounds that, not the first caller's.
func (o *lookout) take(ctx context.Context, l *look) {
	o.turn.Lock()
	defer o.turn.Unlock()
	o.mu.Lock()
	o.next = nil // who asks from here on may mean a newer end
	o.mu.Unlock()
	l.at = o.clock()
	end, err := o.log.End(ctx)
	l.end, l.err = end.Seq, err
	close(l.done)
}

// sift records what needs no vendor call and returns the devices that do, and
// as of where in the log: nobody whose click stands there or before is among
// them (L7).
func (w *Worker) sift(r *results, devices []string) ([]string, events.Seq, error) {
	asOf := w.c.Projection.Applied().Seq
	c := r.command
	touches, state, err := w.c.Projection.Touches(r.event.App, c.Recall, c.Channel, devices)
	if err != nil || touches == nil {
		return nil, 0, err // no touches: the recall is not one, the fold quarantined it
	}
	return w.sort(r, devices, touches, state), asOf, nil
}

// sort records the outcome of every device that must not be called.
func (w *Worker) sort(r *results, devices []string, touches []projections.Touch, state ledger.RecallState) []string {
	c := r.command
	action, method := channels.Action(c.Action), channels.Method(c.Method)
	over := state == ledger.Completed || !w.c.Clock().Before(c.Deadline)
	var rest []string
	for i, device := range devices {
		t := touches[i]
		standing := t.Facts.Standing()
		switch {
		case t.Mark&ledger.Commanded == 0 || ended(t.Mark.Outcome(), c.Redrive):
		case method == channels.None:
			// The planner recorded the outcome with the command.
		case t.Facts&ledger.Clicked != 0:
			r.add(events.OutcomeSkipped, "clicked", device)
		case t.Facts&ledger.Cleared != 0:
			r.add(events.OutcomeSkipped, "cleared", device)
		case t.Facts&ledger.Removed != 0:
			r.add(events.OutcomeSkipped, "removed", device)
		case standing == ledger.Ended:
			r.add(events.OutcomeSkipped, "not-held", device)
		case state == ledger.Aborted:
			r.add(events.OutcomeSkipped, "aborted", device)
		case over:
			r.add(events.OutcomeExpired, "window-closed", device)
		case action == channels.Terminate && standing != ledger.Undelivered:
			r.add(events.OutcomeSkipped, "delivered", device)
		case method == channels.Withhold && standing != ledger.Undelivered:
			r.add(events.OutcomeUnsupported, "already-delivered", device)
		case w.c.Emitter == nil:
			r.add(events.OutcomeUnsupported, "no-adapter", device)
		default:
			rest = append(rest, device)
		}
	}
	return rest
}

// ended reports whether a command has its terminal outcome. A re-driven one
// gets another chance after a refusal.
func ended(o ledger.Outcome, redrive bool) bool {
	if redrive {
		return o == ledger.OutcomeAccepted || o == ledger.OutcomeConfirmed || o == ledger.OutcomeSkipped
	}
	return o != ledger.Pending
}
