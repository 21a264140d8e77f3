package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// queries ask the shared ledger, with the store of plain rows beside it.
type queries struct {
	b      *run
	ledger *filled
	rows   *plain
}

func openQueries(ctx context.Context, b *run) (*queries, error) {
	f, err := b.filledLedger(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := b.plain(ctx)
	return &queries{b, f, rows}, err
}

// close has nothing to give back: what was asked is shared.
func (q *queries) close() error { return nil }

// queryCount is how many questions a round asks.
const queryCount = 2000

// beside returns the tails of reading plain rows at random and of asking at
// random.
func (q *queries) beside(ctx context.Context, round int, ask func(chance *rand.Rand) error) (ceiling, product []float64, err error) {
	chance := rand.New(rand.NewPCG(uint64(round), 2))
	alone, err := q.b.times(ctx, q.b.sampled(queryCount), func(int) error { return q.rows.get(chance.IntN(q.rows.rows)) })
	if err != nil {
		return nil, nil, err
	}
	took, err := q.b.times(ctx, q.b.sampled(queryCount), func(int) error { return ask(chance) })
	if err != nil {
		return nil, nil, err
	}
	return tails(alone), tails(took), nil
}

type preview struct{ *queries }

func openPreview(ctx context.Context, b *run, _ string) (subject, error) {
	q, err := openQueries(ctx, b)
	return &preview{q}, err
}

func (p *preview) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	request := ledger.Request{App: app, Push: largePush(0), Action: channels.Recall}
	want := p.b.holders()
	return p.beside(ctx, n, func(*rand.Rand) error {
		v, err := p.ledger.ledger.Preview(ctx, request)
		if err != nil {
			return err
		}
		if got := int(v.Total.Certain + v.Total.Possible); got != want {
			return fmt.Errorf("the preview counts %d holders instead of %d", got, want)
		}
		return nil
	})
}

// holders is how many devices hold the first large push: all but those that
// clicked.
func (b *run) holders() int { return b.c.Devices - b.c.Devices/10 }

type holders struct{ *queries }

func openHolders(ctx context.Context, b *run, _ string) (subject, error) {
	q, err := openQueries(ctx, b)
	return &holders{q}, err
}

func (h *holders) round(ctx context.Context, _ int) (ceiling, product []float64, err error) {
	rows := 0
	alone, err := h.b.timed(func() error {
		var err error
		rows, err = h.rows.store.Scan()
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	devices := 0
	took, err := h.b.timed(func() error {
		_, err := h.ledger.projection.EachHolder(ctx, app, largePush(0), projections.Holders{}, func(projections.Device) error {
			devices++
			return nil
		})
		return err
	})
	if err == nil && devices != h.b.holders() {
		err = fmt.Errorf("%d holders were listed instead of %d", devices, h.b.holders())
	}
	return []float64{float64(rows) / alone}, []float64{float64(devices) / took}, err
}

type device struct{ *queries }

func openDevice(ctx context.Context, b *run, _ string) (subject, error) {
	q, err := openQueries(ctx, b)
	return &device{q}, err
}

func (d *device) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	p := d.b.population
	return d.beside(ctx, n, func(chance *rand.Rand) error {
		i := chance.IntN(len(p.devices))
		list, err := d.ledger.projection.DeviceNotifications(app, p.channel(i), p.devices[i], true)
		if err == nil && len(list) == 0 && !p.clicked(0, i) {
			err = fmt.Errorf("device %d holds nothing", i)
		}
		return err
	})
}
