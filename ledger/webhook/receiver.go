package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

const (
	// again is how long a message rests that could not be read.
	again = 5 * time.Second
	// ackTimeout bounds how long a message may take to be ended.
	ackTimeout = 5 * time.Second
	// rest is how long the end of a recall rests once when this process does not
	// know its beginning: what a crash left unfinished comes back in 4 seconds.
	rest = 6 * time.Second
	// maxRecent is how many beginnings that were told are remembered, so that
	// the end of a young recall need not rest.
	maxRecent = 1024
	// lookMin and lookMax bound the time between two looks at a recall that is
	// not settled, a quarter of its age.
	lookMin = time.Second
	lookMax = time.Minute
)

// receiver is one URL with its own consumer on the log.
type receiver struct {
	Receiver
	c   *Config
	log *slog.Logger

	mu sync.Mutex
	// open are the messages that are not ended. The consumer bounds them.
	open map[events.Seq]*progress
	// waiting counts those whose recall is waited for until it settles.
	waiting int
	recent  []events.Seq
}

// progress is how far a message is. Only its own handler writes to it, and told
// under the receiver's lock, for it is the one that others read.
type progress struct {
	// told is true when recall.requested was delivered, dropped or not wanted.
	told bool
	// waits is true while the recall counts as waiting.
	waits bool
	// settled is what the recall was when it was first seen settled: a late device
	// that unsettles it changes nothing of what is told.
	settled *notice
	rested  bool
	looks   int
	tries   int
}

func newReceiver(c *Config, r Receiver, index int) *receiver {
	return &receiver{
		Receiver: r, c: c, open: map[events.Seq]*progress{},
		log: c.Logger.With(slog.String("app", r.App), slog.Int("webhook", index)),
	}
}

// name identifies the receiver's consumer across restarts. A URL holds what a
// consumer's name may not.
func (r *receiver) name() string {
	sum := sha256.Sum256([]byte(r.App + "\x00" + r.URL))
	return fmt.Sprintf("webhook-%d-%s", r.c.Partition, hex.EncodeToString(sum[:16]))
}

// filter matches the decisions and refusals of an app. They stand on subjects of
// two forms that differ in the second token and the last. The grammar of subjects
// is events' own, so the filter is widened from that of one push.
func filter(partition int, app string) string {
	tokens := strings.Split(events.DecisionFilter(partition, app, "any"), ".")
	tokens[1], tokens[len(tokens)-1] = "*", "*"
	return strings.Join(tokens, ".")
}

// handle tells what a message says, and ends it when all of that is delivered,
// dropped or passed over. Until then the message is put back.
func (r *receiver) handle(ctx context.Context, d events.Delivery) {
	m := d.Message()
	wait, err := r.tell(ctx, d)
	if err != nil {
		if ctx.Err() != nil {
			return // the queue puts it back
		}
		r.log.WarnContext(ctx, "a webhook is delayed", slog.Uint64("seq", uint64(m.Seq)), slog.String("error", err.Error()))
		wait = again
	}
	// Also when ctx has ended meanwhile: what was delivered need not come again.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	if wait > 0 {
		// If this fails the queue gives the message out again by itself.
		_ = d.Retry(ending, wait)
		return
	}
	r.forget(m.Seq)
	if err := d.Ack(ending); err != nil {
		r.log.WarnContext(ctx, "a message could not be ended; its webhooks come again",
			slog.Uint64("seq", uint64(m.Seq)), slog.String("error", err.Error()))
	}
}

// tell tells what a message says, and returns how long to wait before the rest of
// it; 0 when nothing is left.
func (r *receiver) tell(ctx context.Context, d events.Delivery) (time.Duration, error) {
	m := d.Message()
	e, err := read(m)
	if e == nil {
		return 0, err
	}
	switch x := e.Data.(type) {
	case *events.Refused:
		return r.deliver(ctx, d, r.of(m.Seq), m.Time, refusedNotice(m, e, x)), nil
	case *events.Requested:
		v, err := r.view(ctx, m, x.Recall)
		if v == nil || v.Position.Seq != m.Seq {
			return 0, err
		}
		return r.begin(ctx, d, e, v), nil
	case *events.Closed:
		v, err := r.view(ctx, m, x.Recall)
		// Of two ends the first one counts, as in the projection.
		if v == nil || v.Push != e.Push || string(e.Kind) != "recall."+string(v.State) {
			return 0, err
		}
		p := r.of(m.Seq)
		if wait := r.turn(p, e.Kind, v.Position.Seq); wait > 0 {
			return wait, nil
		}
		return r.deliver(ctx, d, p, m.Time, closedNotice(m, e, x, v)), nil
	}
	return 0, nil
}

// read returns the event of a message, nil when it is none.
func read(m events.Message) (*events.Event, error) {
	e, err := events.Decode(m.Data)
	if err == nil {
		err = events.CheckSubject(m.Subject, m.Partition, &e.Header)
	}
	var newer *events.VersionError
	if errors.As(err, &newer) {
		return nil, err // a newer program knows what happened: it is not passed over
	}
	if err != nil {
		return nil, nil //nolint:nilerr // the projection quarantined what cannot be read: nothing happened
	}
	return e, nil
}

// view returns the recall as the projection has it, with the message applied; nil
// when the projection does not know it, or no longer.
func (r *receiver) view(ctx context.Context, m events.Message, recall string) (*projections.Recall, error) {
	if err := r.c.Projection.Wait(ctx, m.Seq); err != nil {
		return nil, err
	}
	return r.c.Projection.Recall(r.App, recall)
}

// begin tells that a recall was accepted, and once it is settled that as well.
func (r *receiver) begin(ctx context.Context, d events.Delivery, e *events.Event, v *projections.Recall) time.Duration {
	m := d.Message()
	p := r.of(m.Seq)
	if !p.told {
		if wait := r.deliver(ctx, d, p, m.Time, requestedNotice(m, e, v)); wait > 0 {
			return wait
		}
		r.mu.Lock()
		p.told, p.tries = true, 0
		r.mu.Unlock()
	}
	now := r.c.Clock()
	switch {
	case !r.wants(Settled):
		return 0
	case !v.Settled && p.settled == nil:
		if !r.await(p) {
			r.log.WarnContext(ctx, "too many recalls are waited for; recall.settled is dropped", slog.String("recall", v.Recall))
			r.ended(Settled, Dropped)
			return 0
		}
		return min(max(now.Sub(v.At)/4, lookMin), lookMax)
	case d.Attempt() == 1 && now.Sub(m.Time) > Patience:
		r.ended(Settled, Old)
		return 0
	case p.settled == nil:
		p.settled = settledNotice(v, now)
	}
	return r.deliver(ctx, d, p, p.settled.Time, p.settled)
}

// turn returns how long the end of a recall must wait for what comes before it.
func (r *receiver) turn(p *progress, k events.Kind, begin events.Seq) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	before := r.open[begin]
	switch {
	// What is aborted may take long to settle, and who stopped it wants to know.
	case before != nil && (!before.told || k == events.RecallCompleted):
		p.looks++
		return min(backoff(p.looks), lookMax)
	case before == nil && !p.rested && !slices.Contains(r.recent, begin):
		p.rested = true
		return rest
	}
	return 0
}

// deliver makes a call if the notice is wanted, and returns how long to wait
// before it is made again; 0 when it is delivered, dropped or passed over.
func (r *receiver) deliver(ctx context.Context, d events.Delivery, p *progress, since time.Time, n *notice) time.Duration {
	if !r.wants(n.Type) {
		return 0
	}
	if d.Attempt() == 1 && r.c.Clock().Sub(since) > Patience {
		r.ended(n.Type, Old)
		return 0
	}
	// A call that has begun is finished: its answer says whether it must be made
	// again.
	f := r.call(context.WithoutCancel(ctx), n)
	if f == nil {
		r.ended(n.Type, Delivered)
		return 0
	}
	p.tries++
	if r.c.Observer.Failed != nil {
		r.c.Observer.Failed(r.App)
	}
	say := []any{slog.String("id", n.ID), slog.String("type", n.Type), slog.String("push", n.Subject), slog.Int("try", p.tries), slog.String("error", f.text)}
	if f.gone || r.c.Clock().Sub(since) > Patience {
		r.log.WarnContext(ctx, "a webhook was dropped", say...)
		r.ended(n.Type, Dropped)
		return 0
	}
	r.log.InfoContext(ctx, "a webhook was not taken", say...)
	return max(backoff(p.tries), f.after)
}

func (r *receiver) wants(kind string) bool {
	return len(r.Events) == 0 || slices.Contains(r.Events, kind)
}

func (r *receiver) ended(kind, result string) {
	if r.c.Observer.Ended != nil {
		r.c.Observer.Ended(kind, result)
	}
}

// of returns the progress of a message, a new one if this process has not seen it.
func (r *receiver) of(seq events.Seq) *progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open[seq] == nil {
		r.open[seq] = &progress{}
	}
	return r.open[seq]
}

// await counts a recall among those waited for, unless there are too many.
func (r *receiver) await(p *progress) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !p.waits && r.waiting < Waiting {
		p.waits = true
		r.waiting++
	}
	return p.waits
}

// forget ends the progress of a message, and remembers that it was there.
func (r *receiver) forget(seq events.Seq) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.open[seq]
	if p == nil {
		return
	}
	if p.waits {
		r.waiting--
	}
	delete(r.open, seq)
	if r.recent = append(r.recent, seq); len(r.recent) > maxRecent {
		r.recent = slices.Delete(r.recent, 0, maxRecent/2)
	}
}
