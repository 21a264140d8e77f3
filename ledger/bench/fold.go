package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// fold projects the first campaign from the log's first event. What the fold gets
// done of the next one meanwhile is not counted.
type fold struct {
	b      *run
	dir    string
	ledger *filled
}

func openFold(ctx context.Context, b *run, dir string) (subject, error) {
	f, err := b.filledLedger(ctx)
	return &fold{b, dir, f}, err
}

func (f *fold) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	dir := filepath.Join(f.dir, strconv.Itoa(n))
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	n = f.b.c.partitions()
	alone, err := f.plainPuts(ctx, filepath.Join(dir, "rows"), n)
	if err != nil {
		return nil, nil, err
	}
	took, err := f.fromScratch(ctx, filepath.Join(dir, "projection"))
	return []float64{float64(n*f.b.plainRows()) / alone}, []float64{float64(f.ledger.first.facts) / took}, err
}

// plainPuts returns how long it takes to put the rows into so many stores side by
// side.
func (f *fold) plainPuts(ctx context.Context, dir string, stores int) (took float64, err error) {
	var list []*plain
	defer func() {
		for _, p := range list {
			err = errors.Join(err, p.close())
		}
	}()
	for i := range stores {
		p, err := openPlain(filepath.Join(dir, strconv.Itoa(i)))
		if err != nil {
			return 0, err
		}
		list = append(list, p)
	}
	return f.b.timed(func() error {
		return sideBySide(ctx, stores, func(ctx context.Context, i int) error { return list[i].put(ctx, f.b.plainRows()) })
	})
}

// fromScratch returns how long new projections of all partitions take, side by
// side, to have folded the logs up to the end of the first campaign and to have
// all of it on disk.
func (f *fold) fromScratch(ctx context.Context, dir string) (took float64, err error) {
	folding, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var list []*projections.Projection
	failed := make([]error, len(f.ledger.parts))
	defer func() {
		stop()
		wg.Wait()
		err = errors.Join(append(failed, err)...)
		for _, p := range list {
			err = errors.Join(err, p.Close())
		}
	}()
	for i, part := range f.ledger.parts {
		p, err := projections.Open(ctx, projections.Config{Dir: filepath.Join(dir, strconv.Itoa(i)), Log: part.log})
		if err != nil {
			return 0, err
		}
		list = append(list, p)
	}
	took, err = f.b.timed(func() error {
		for i, p := range list {
			wg.Go(func() { failed[i] = p.Run(folding) })
		}
		return sideBySide(ctx, len(list), func(ctx context.Context, i int) error {
			if err := list[i].Wait(ctx, f.ledger.first.ends[i]); err != nil {
				return err
			}
			return list[i].Checkpoint()
		})
	})
	if err != nil {
		return 0, err
	}
	var got uint64
	for _, p := range list {
		got += p.Stats().Notifications
	}
	if want := uint64(f.ledger.first.notifications); got < want {
		return 0, fmt.Errorf("the new projections know %d notifications of %d", got, want)
	}
	return took, nil
}

func (f *fold) close() error { return nil }

// disk counts bytes on disk.
type disk struct {
	b   *run
	dir string
}

func openDisk(_ context.Context, b *run, dir string) (subject, error) { return &disk{b, dir}, nil }

// diskPushes is how many pushes to everybody are counted.
const diskPushes = 2

func (d *disk) round(ctx context.Context, _ int) (ceiling, product []float64, err error) {
	alone, err := d.plain(ctx)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(d.dir, "ledger")
	n := d.b.c.Devices
	// The first push makes the devices known. It comes in two parts: tables that are the
	// first of their keys are moved as they are, and would be compressed less.
	var before float64
	for _, part := range [][2]int{{0, n / 2}, {n / 2, n}} {
		if before, _, err = d.grow(ctx, dir, d.b.population.calls("first", part[0], part[1], events.PushSent)); err != nil {
			return nil, nil, err
		}
	}
	var calls []call
	for i := range diskPushes {
		calls = append(calls, d.b.population.partly(largePush(i), i)...)
	}
	after, log, err := d.grow(ctx, dir, calls)
	if err != nil {
		return nil, nil, err
	}
	count := float64(notifications(calls))
	return []float64{alone, math.NaN()}, []float64{(after - before) / count, log / count}, nil
}

// partly sends a push to everybody; some deliveries are reported, and some displays
// of those, by chance: states that are all the same would be stored in next to no
// room.
func (p *population) partly(push string, seed int) []call {
	list := p.calls(push, 0, len(p.devices), events.PushSent)
	chance := rand.New(rand.NewPCG(uint64(seed), 4))
	for _, c := range slices.Clone(list) {
		var delivered, shown []string
		for _, d := range c.devices {
			// Four of five are delivered, five of eight of them shown.
			roll := chance.IntN(10)
			if roll < 8 {
				delivered = append(delivered, d)
			}
			if roll < 5 {
				shown = append(shown, d)
			}
		}
		list = append(list, call{events.DeliveryDelivered, push, c.channel, delivered}, call{events.DisplayShown, push, c.channel, shown})
	}
	return list
}

// grow publishes to the ledger in dir and returns what the tables of its store have
// then, with every row in them once, and by how much its log grew.
func (d *disk) grow(ctx context.Context, dir string, calls []call) (store, log float64, err error) {
	r, err := openRig(ctx, dir, d.b.c.Clock, 1)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	before, err := r.log.Info(ctx)
	if err != nil {
		return 0, 0, err
	}
	if err := r.publish(ctx, calls, d.b.c.Clock()); err != nil {
		return 0, 0, err
	}
	after, err := r.log.Info(ctx)
	if err != nil {
		return 0, 0, err
	}
	size, err := r.projection.Compact(ctx)
	return float64(size), float64(after.Bytes - before.Bytes), err
}

// plain returns what a row of a plain store takes after a restart.
func (d *disk) plain(ctx context.Context) (float64, error) {
	dir := filepath.Join(d.dir, "rows")
	p, err := openPlain(dir)
	if err != nil {
		return 0, err
	}
	if err := errors.Join(p.put(ctx, d.b.plainRows()), p.close()); err != nil {
		return 0, err
	}
	if p, err = openPlain(dir); err != nil {
		return 0, err
	}
	size := p.store.DiskBytes()
	return float64(size) / float64(d.b.plainRows()), p.close()
}

func (d *disk) close() error { return nil }
