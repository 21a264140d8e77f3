package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
)

// lookup asks for the state of one notification while events come in as fast as
// they are taken.
type lookup struct{ *queries }

func openLookup(ctx context.Context, b *run, _ string) (subject, error) {
	q, err := openQueries(ctx, b)
	return &lookup{q}, err
}

// A lookup every millisecond, so many a round.
const (
	lookupEvery = time.Millisecond
	lookupCount = 1500
)

func (l *lookup) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	if ceiling, err = l.plainRound(ctx, n); err != nil {
		return nil, nil, err
	}
	product, err = l.productRound(ctx, n)
	return ceiling, product, err
}

// plainRound reads plain rows while others are put beside them.
func (l *lookup) plainRound(ctx context.Context, n int) ([]float64, error) {
	p := l.rows
	known, chance := l.b.plainRows(), rand.New(rand.NewPCG(uint64(n), 3))
	return l.under(ctx, func(ctx context.Context, count func(int)) error {
		const piece = 10_000 // one batch
		for ctx.Err() == nil {
			if err := p.store.Put(p.rows, piece); err != nil {
				return err
			}
			p.rows += piece
			count(piece)
		}
		return nil
	}, func() error {
		found, err := p.store.Get(chance.IntN(known))
		if err == nil && !found {
			err = errors.New("a plain row is missing")
		}
		return err
	})
}

// productRound asks the projection while services publish.
func (l *lookup) productRound(ctx context.Context, n int) ([]float64, error) {
	p, at := l.b.population, l.b.c.Clock()
	chance := rand.New(rand.NewPCG(uint64(n), 3))
	figures, err := l.under(ctx, func(ctx context.Context, count func(int)) error {
		for k := 0; ctx.Err() == nil; k++ {
			push := fmt.Sprintf("load-%d-%d", n, k)
			calls := p.calls(push, 0, len(p.devices), events.PushSent, events.DeliveryDelivered, events.DisplayShown)
			if err := l.feed(ctx, calls, at, count); err != nil {
				return err
			}
		}
		return nil
	}, func() error {
		i := chance.IntN(len(p.devices))
		list, err := l.ledger.projection.Notifications(app, largePush(0), p.channel(i), p.devices[i])
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("device %d has %d notifications of a push instead of one", i, len(list))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	// What was acknowledged is folded before anything else is measured.
	end, err := l.ledger.log.End(ctx)
	if err != nil {
		return nil, err
	}
	return figures, l.ledger.projection.Wait(ctx, end.Seq)
}

// feed publishes calls until they are all acknowledged or ctx ends.
func (l *lookup) feed(ctx context.Context, calls []call, at time.Time, count func(int)) error {
	g := &errgroup.Group{}
	g.SetLimit(writers)
	for _, c := range calls {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			// What was begun is finished: its outcome must not be unknown.
			_, err := l.ledger.publisher.Facts(context.WithoutCancel(ctx), c.kind, c.push, c.channel, at, c.devices)
			if err == nil {
				count(len(c.devices))
			}
			return err
		})
	}
	return g.Wait()
}

// under asks in even steps once a load runs, and returns the tails of the answers
// and how much the load did a second.
func (l *lookup) under(ctx context.Context, load func(context.Context, func(int)) error, ask func() error) ([]float64, error) {
	loading, stop := context.WithCancel(ctx)
	defer stop()
	var done atomic.Int64
	running := make(chan struct{})
	runs := sync.OnceFunc(func() { close(running) })
	failed := make(chan error, 1)
	start := l.b.c.Clock()
	go func() {
		failed <- load(loading, func(n int) {
			done.Add(int64(n))
			runs()
		})
		runs()
	}()
	<-running
	took, err := l.b.paced(ctx, lookupEvery, l.b.sampled(lookupCount), func(int) error { return ask() })
	rate := float64(done.Load()) / l.b.c.Clock().Sub(start).Seconds()
	stop()
	if err = errors.Join(err, <-failed); err != nil {
		return nil, err
	}
	return append(tails(took), rate), nil
}
