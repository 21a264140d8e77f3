package callback

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
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums"
)

// receiver is one URL with its own consumer on the log.
type receiver struct {
	c   *Config
	key facade.Credential
	url string
	// index is the place in the account's list; 0 is the default.
	index int
	// hashes are those of the account's URLs.
	hashes []string
	log    *slog.Logger

	// in takes items to the batch that is being gathered, full takes batches to
	// who sends them. Neither holds anything: who cannot go on waits.
	in   chan entry
	full chan []entry
}

func newReceiver(c *Config, key facade.Credential, url string, index int, hashes []string) *receiver {
	return &receiver{
		c: c, key: key, url: url, index: index, hashes: hashes, in: make(chan entry), full: make(chan []entry),
		log: c.Logger.With(slog.String("app", key.App), slog.String("channelkey", key.ID), slog.Int("url", index)),
	}
}

// entry is an item on its way, with the message it is from.
type entry struct {
	item item
	from *load
}

// load counts the items of a message that are on their way.
type load struct {
	sync.WaitGroup
	// left is true when one was neither delivered nor dropped.
	left atomic.Bool
}

func (l *load) end(done bool) {
	if !done {
		l.left.Store(true)
	}
	l.Done()
}

// run tests the URL and then sends to it, until ctx ends or the queue fails.
func (r *receiver) run(ctx context.Context) error {
	if !r.prove(ctx) {
		return nil
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { r.gather(ctx); return nil })
	for range Calls {
		g.Go(func() error { r.send(ctx); return nil })
	}
	g.Go(func() error {
		return r.c.Queue.Consume(ctx, r.name(), filter(r.c.Partition, r.key.App), Held, r.handle)
	})
	return g.Wait()
}

// name identifies the receiver's consumer across restarts. A ChannelKey may hold
// what a consumer's name may not.
func (r *receiver) name() string {
	sum := sha256.Sum256([]byte(r.key.ID))
	return fmt.Sprintf("callback-%d-%s-%d", r.c.Partition, hex.EncodeToString(sum[:16]), r.index)
}

// filter matches the stored facts and outcomes of an app. The grammar of subjects
// is events' own, so the filter is widened from that of one push.
func filter(partition int, app string) string {
	f := events.PushFactFilter(partition, app, "any")
	return f[:strings.LastIndexByte(f, '.')+1] + "*"
}

const (
	// again is how long a message rests that could not be read.
	again = 5 * time.Second
	// ackTimeout bounds how long a message may take to be ended.
	ackTimeout = 5 * time.Second
)

// handle sends what a message says and ends it when all of that is delivered or
// dropped. When ctx ends first the message is left to the queue, which puts it
// back.
func (r *receiver) handle(ctx context.Context, d events.Delivery) {
	n, err := r.notice(ctx, d.Message())
	if err != nil {
		if ctx.Err() == nil {
			r.log.WarnContext(ctx, "a status is delayed", slog.Uint64("seq", uint64(d.Message().Seq)), slog.String("error", err.Error()))
			// If this fails the queue gives the message out again by itself.
			_ = d.Retry(ctx, again)
		}
		return
	}
	if n != nil && !r.pass(ctx, n) {
		return
	}
	// Also when ctx has ended meanwhile: what was delivered need not come again.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	if err := d.Ack(ending); err != nil {
		r.log.WarnContext(ctx, "a message could not be ended; its statuses come again",
			slog.Uint64("seq", uint64(d.Message().Seq)), slog.String("error", err.Error()))
	}
}

// pass hands on the items of a message, and reports whether all were delivered
// or dropped.
func (r *receiver) pass(ctx context.Context, n *notice) bool {
	var l load
	for i := range n.devices {
		l.Add(1)
		select {
		case r.in <- entry{n.at(i), &l}:
			continue
		case <-ctx.Done():
			l.end(false)
		}
		break
	}
	l.Wait()
	return !l.left.Load()
}

// notice returns what a message says to this receiver, nil when nothing.
func (r *receiver) notice(ctx context.Context, m events.Message) (*notice, error) {
	e, err := events.Decode(m.Data)
	if err == nil {
		err = events.CheckSubject(m.Subject, m.Partition, &e.Header)
	}
	var newer *events.VersionError
	if errors.As(err, &newer) {
		return nil, err // a newer program knows what happened: it is not passed over
	}
	if err != nil || e.Kind.Shape() != events.ShapeFact && e.Kind.Shape() != events.ShapeOutcome {
		return nil, nil //nolint:nilerr // the projection quarantined what cannot be read: nothing happened
	}
	// The push and the recall stand in the log before the message.
	if err := r.c.Projection.Wait(ctx, m.Seq); err != nil {
		return nil, err
	}
	s, err := r.c.Projection.State(e.App, e.Push, events.Scope{})
	if err != nil || !r.concerns(&s.Push) {
		return nil, err
	}
	return read(e, &s.Push), nil
}

// concerns reports whether this receiver hears of a push: the one that the
// message asked for, or else the default.
func (r *receiver) concerns(p *ledger.Push) bool {
	if p.Created == nil || p.Created.Profile != facade.UMS || p.Created.Labels[ums.LabelKey] != r.key.ID {
		return false
	}
	wanted := p.Created.Labels[ums.LabelURL]
	if slices.Contains(r.hashes, wanted) {
		return wanted == r.hashes[r.index]
	}
	return r.index == 0
}
