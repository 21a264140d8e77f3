package main

import (
	"context"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// pageEvents is how many events are held to play them at their own pace: who
// reads slowly from the ledger itself loses the connection. It is for all
// partitions together, but pageMin for each.
const (
	pageEvents = 500
	pageMin    = 10
)

// pager gives the events of a partition one by one.
type pager struct {
	part *part
	// size is how many are asked for at once.
	size  int
	page  []api.LogEntry
	ended bool
}

// head returns the next event, nil behind the last.
func (g *pager) head(ctx context.Context) (*api.LogEntry, error) {
	for len(g.page) == 0 && !g.ended {
		g.part.options.Limit = g.size
		if err := g.part.each(ctx, func(e api.LogEntry) error {
			if e.Event != nil || e.Unreadable != "" {
				g.page = append(g.page, e)
			}
			if e.End != "" {
				g.ended = e.End != api.EndLimit
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	if len(g.page) == 0 {
		return nil, nil
	}
	return &g.page[0], nil
}

// rewind makes the part go on with what was not told.
func (g *pager) rewind() {
	if len(g.page) > 0 {
		p := g.page[0].Position
		g.part.at, g.part.done = events.Position{Partition: p.Partition, Seq: p.Seq - 1}, false
		g.part.goOn(g.part.at)
	}
}

// play calls f for every event at the pace at which they were stored, times speed:
// those of all partitions in the order of these times.
func (r *reading) play(ctx context.Context, speed float64, f func(api.LogEntry) error) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	size := max(pageEvents/len(r.parts), pageMin)
	if r.options.Limit > 0 {
		size = min(size, r.options.Limit)
	}
	pagers := make([]pager, len(r.parts))
	for i, p := range r.parts {
		pagers[i] = pager{part: p, size: size}
		defer pagers[i].rewind()
	}
	var first, began time.Time
	for told := 0; r.options.Limit == 0 || told < r.options.Limit; told++ {
		next, err := r.earliest(ctx, pagers)
		if err != nil || next == nil {
			return err
		}
		e := next.page[0]
		if first.IsZero() {
			first, began = e.Stored, time.Now()
		}
		due := time.Duration(float64(e.Stored.Sub(first)) / speed)
		if err := pause(ctx, due-time.Since(began)); err != nil {
			return err
		}
		if err := f(e); err != nil {
			return err
		}
		next.page = next.page[1:]
	}
	return nil
}

// earliest returns the pager whose next event was stored first, nil behind the
// last of all.
func (r *reading) earliest(ctx context.Context, pagers []pager) (*pager, error) {
	var next *pager
	for i := range pagers {
		g := &pagers[i]
		e, err := g.head(ctx)
		if err != nil {
			r.failed = g.part
			return nil, err
		}
		if e != nil && (next == nil || e.Stored.Before(next.page[0].Stored)) {
			next = g
		}
	}
	return next, nil
}
