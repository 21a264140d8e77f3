package partition

import (
	"context"
	"sync"

	"github.com/recall-ledger/recall-ledger/events"
)

// Batch gathers events for the partitions their pushes belong to.
type Batch struct {
	set     *Set
	records [][]events.Record
	// later are events whose partition is looked for when they are stored: in a log
	// that has grown that may take a while.
	later []addressed
	n     int
}

// addressed is an event without its partition.
type addressed struct {
	app, push string
	kind      events.Kind
	data      []byte
}

// NewBatch returns an empty batch.
func (s *Set) NewBatch() *Batch {
	return &Batch{set: s, records: make([][]events.Record, len(s.parts))}
}

// Add encodes an event that was checked.
func (b *Batch) Add(e *events.Event) error {
	data, err := events.Encode(e)
	if err != nil {
		return err
	}
	b.n++
	a := addressed{e.App, e.Push, e.Kind, data}
	if len(b.set.grown) > 0 || b.set.home != nil {
		b.later = append(b.later, a)
		return nil
	}
	b.put(events.PartitionOf(e.App, e.Push, len(b.set.parts)), a)
	return nil
}

func (b *Batch) put(p int, a addressed) {
	b.records[p] = append(b.records[p], events.Record{Subject: events.Subject(p, a.app, a.kind, a.push, ""), Data: a.data})
}

// address finds the partitions of the events that have none yet.
func (b *Batch) address(ctx context.Context) error {
	type id struct{ app, push string }
	found := map[id]int{}
	for i, a := range b.later {
		p, known := found[id{a.app, a.push}]
		if !known {
			at, err := b.set.Of(ctx, a.app, a.push)
			if err != nil {
				b.later = b.later[i:]
				return err
			}
			p = at.Number()
			found[id{a.app, a.push}] = p
		}
		b.put(p, a)
	}
	b.later = nil
	return nil
}

// Len returns how many events were added.
func (b *Batch) Len() int { return b.n }

// Offer stores the events as Committer.Offer does: for those who can come again
// later. The positions are those of the last event in each partition. After an
// error some may be stored, so the caller repeats the whole batch (L4).
func (b *Batch) Offer(ctx context.Context) (events.Positions, error) {
	return b.store(ctx, (*events.Committer).Offer)
}

// Commit stores the events as Committer.Commit does.
func (b *Batch) Commit(ctx context.Context) (events.Positions, error) {
	return b.store(ctx, (*events.Committer).Commit)
}

func (b *Batch) store(ctx context.Context, write func(*events.Committer, context.Context, []events.Record) (events.Position, error)) (events.Positions, error) {
	if err := b.address(ctx); err != nil {
		return nil, err
	}
	var list events.Positions
	var mu sync.Mutex
	err := b.set.each(func(p *Part) error {
		records := b.records[p.Number()]
		if len(records) == 0 {
			return nil
		}
		pos, err := write(p.Committer, ctx, records)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		list = list.Merge(events.Positions{pos})
		return nil
	})
	return list, err
}

// Behind is why Offer would refuse now wherever a push belongs, nil when it would
// take some: ask it before the work of reading what is offered.
func (s *Set) Behind() error {
	var err error
	for _, p := range s.parts {
		if err = p.Committer.Behind(); err == nil {
			return nil
		}
	}
	return err
}
