package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// packed publishes a campaign a round, 500 devices to an event.
type packed struct {
	b      *run
	dir    string
	ledger *filled
}

func openPacked(ctx context.Context, b *run, dir string) (subject, error) {
	f, err := b.ledger(ctx)
	return &packed{b, dir, f}, err
}

func (p *packed) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	calls, at := p.b.campaign(n), p.b.c.Clock()
	records, err := encodeAll(calls, at, p.b.c.partitions())
	if err != nil {
		return nil, nil, err
	}
	count := float64(facts(calls))
	alone, err := p.b.publishRaw(ctx, filepath.Join(p.dir, "raw"), records...)
	if err != nil {
		return nil, nil, err
	}
	took, err := p.b.fill(ctx, p.ledger, calls, at)
	return []float64{count / alone}, []float64{count / took}, err
}

func (p *packed) close() error { return nil }

// single publishes events of one device each.
type single struct {
	b   *run
	dir string
	rig *rig
}

func openSingle(ctx context.Context, b *run, dir string) (subject, error) {
	r, err := openRig(ctx, dir, b.c.Clock, b.c.partitions())
	return &single{b, dir, r}, err
}

// The sizes of the load of single-device events.
const (
	// singlePushes is how many pushes a round sends, at most; each is sent,
	// delivered and shown.
	singlePushes = 20_000
	// singleCall is how many events a service hands over at once, and
	// singleWriters how many services there are.
	singleCall    = 250
	singleWriters = 8
)

// singles are pushes to one device each, in the order in which services report.
func (p *population) singles(round int, at time.Time) []*events.Event {
	chance := rand.New(rand.NewPCG(uint64(round), 1))
	n := min(singlePushes, len(p.devices))
	list := make([]*events.Event, 0, 3*n)
	for i := range n {
		d := chance.IntN(len(p.devices))
		push := "message-" + strconv.Itoa(round) + "-" + strconv.Itoa(i)
		for _, k := range []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown} {
			list = append(list, &events.Event{
				Header: events.Header{Kind: k, App: app, Push: push, Time: at},
				Data:   &events.Fact{Channel: p.channel(d), Devices: p.devices[d : d+1]},
			})
		}
	}
	return list
}

func (s *single) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	list := s.b.population.singles(n, s.b.c.Clock())
	partitions := len(s.rig.parts)
	lists, records := make([][]*events.Event, partitions), make([][]events.Record, partitions)
	for _, e := range list {
		p := events.PartitionOf(app, e.Push, partitions)
		r, err := record(e, p)
		if err != nil {
			return nil, nil, err
		}
		lists[p], records[p] = append(lists[p], e), append(records[p], r)
	}
	count := float64(len(list))
	alone, err := s.b.publishRaw(ctx, filepath.Join(s.dir, "raw"), records...)
	if err != nil {
		return nil, nil, err
	}
	before := s.rig.pushes()
	took, err := s.b.timed(func() error {
		return s.rig.each(ctx, func(ctx context.Context, i int, p *part) error { return p.publishSingles(ctx, lists[i]) })
	})
	if err != nil {
		return nil, nil, err
	}
	if got := s.rig.pushes() - before; 3*got != uint64(len(list)) {
		return nil, nil, fmt.Errorf("%d pushes were published and %d are known", len(list)/3, got)
	}
	return []float64{count / alone}, []float64{count / took}, nil
}

func (p *part) publishSingles(ctx context.Context, list []*events.Event) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(singleWriters)
	var last atomic.Uint64
	for i := 0; i < len(list); i += singleCall {
		g.Go(func() error {
			pos, err := p.publisher.Publish(inner, list[i:min(i+singleCall, len(list))]...)
			raise(&last, pos.Seq)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return p.projection.Wait(ctx, events.Seq(last.Load()))
}

func (s *single) close() error { return s.rig.close() }

// lone publishes one event after the other, with nothing else to do.
type lone struct {
	b   *run
	rig *rig
	raw *raw
}

func openLone(ctx context.Context, b *run, dir string) (subject, error) {
	r, err := openRig(ctx, dir, b.c.Clock, 1)
	if err != nil {
		return nil, err
	}
	plain, err := openRaw(ctx, filepath.Join(dir, "raw"), 1)
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return &lone{b, r, plain}, nil
}

// Low load: an event every two milliseconds, so many a round.
const (
	loneEvery = 2 * time.Millisecond
	loneCount = 400
)

func (l *lone) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	list := l.b.population.singles(n, l.b.c.Clock())
	list = list[:min(l.b.sampled(loneCount), len(list))]
	ready := make([]jetstream.Batch, len(list))
	for i, e := range list {
		r, err := record(e, 0)
		if err != nil {
			return nil, nil, err
		}
		ready[i] = jetstream.NewBatch([]events.Record{r})
	}
	alone, err := l.b.paced(ctx, loneEvery, len(list), func(i int) error { return l.raw.ceilings[0].Publish(ctx, ready[i]) })
	if err != nil {
		return nil, nil, err
	}
	took, err := l.b.paced(ctx, loneEvery, len(list), func(i int) error {
		_, err := l.rig.publisher.Publish(ctx, list[i])
		return err
	})
	return tails(alone), tails(took), err
}

func (l *lone) close() error { return errors.Join(l.rig.close(), l.raw.close()) }

// paced calls f n times, at most once in a while, and returns what each call
// took, in seconds.
func (b *run) paced(ctx context.Context, every time.Duration, n int, f func(i int) error) ([]float64, error) {
	t := time.NewTicker(every)
	defer t.Stop()
	took := make([]float64, 0, n)
	for i := range n {
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		start := b.c.Clock()
		if err := f(i); err != nil {
			return nil, err
		}
		took = append(took, b.c.Clock().Sub(start).Seconds())
	}
	return took, nil
}
