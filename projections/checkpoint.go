package projections

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint writes everything changed since the last one, with the applied
// position, as one synced batch. A crash before the batch is durable loses only
// what the log gives back; a crash after it resumes from the new position.
func (p *Projection) Checkpoint() error {
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	b := p.store.db.NewBatch()
	defer b.Close()
	settled, err := p.cut(b)
	if err != nil || b.Empty() {
		return err
	}
	err = b.Commit(pebble.Sync)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.broken = storeError("write a checkpoint", err)
		return p.broken
	}
	p.store.rows.settle()
	close(p.settled)
	p.settled = make(chan struct{})
	for d, pages := range settled {
		d.settle(pages)
	}
	p.evict()
	return nil
}

// cut copies all changes into the batch while the fold stands still. It returns
// the full token pages in the batch, which need not stay in memory once the
// batch is durable.
func (p *Projection) cut(b *pebble.Batch) (map[*dictionary][]uint32, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.broken != nil {
		return nil, p.broken
	}
	m, found, err := p.store.readMeta()
	if err != nil {
		return nil, err
	}
	if found && m.Applied == p.meta.Applied {
		return nil, nil
	}
	settled, err := p.collect(b)
	if err != nil {
		// What was collected counts as written; nothing may be written after.
		p.broken = err
	}
	return settled, err
}

// collect puts all changes into the batch and takes them for written.
func (p *Projection) collect(b *pebble.Batch) (map[*dictionary][]uint32, error) {
	settled := map[*dictionary][]uint32{}
	for _, a := range p.apps {
		if err := a.checkpoint(b, settled); err != nil {
			return nil, err
		}
	}
	var buf []byte
	var err error
	for _, u := range p.changed {
		if u.period.expired {
			continue
		}
		if buf, err = u.checkpoint(b, buf); err != nil {
			return nil, err
		}
		p.weigh(u)
	}
	clear(p.changed) // or what was evicted or forgotten would stay reachable
	p.changed = p.changed[:0]
	p.facts = 0
	p.store.rows.cut().Scan(func(k string, v []byte) bool {
		if v == nil {
			err = b.Delete([]byte(k), nil)
		} else {
			err = b.Set([]byte(k), v, nil)
		}
		return err == nil
	})
	if err != nil {
		return nil, storeError("write a checkpoint", err)
	}
	if err := p.drop(b); err != nil {
		return nil, err
	}
	p.meta.Periods = p.storedPeriods()
	if err := b.Set(metaKey(), p.meta.encode(), nil); err != nil {
		return nil, storeError("write a checkpoint", err)
	}
	return settled, nil
}

func (a *app) checkpoint(b *pebble.Batch, settled map[*dictionary][]uint32) error {
	for _, d := range a.dicts {
		if !d.dirty {
			continue
		}
		d.dirty, a.dirty = false, true
		a.record.Devices[d.ch] = d.n
		for no, tokens := range d.fresh {
			if err := b.Set(tokensKey(d.app, d.ch, no), tokens, nil); err != nil {
				return storeError("write a checkpoint", err)
			}
			if (no+1)*tokensPerPage <= d.n {
				settled[d] = append(settled[d], no)
			}
		}
	}
	if !a.dirty {
		return nil
	}
	a.dirty = false
	v, err := json.Marshal(a.record)
	if err != nil {
		return err
	}
	if err := b.Set(appKey(a.name), v, nil); err != nil {
		return storeError("write a checkpoint", err)
	}
	return nil
}

func (u *push) checkpoint(b *pebble.Batch, buf []byte) ([]byte, error) {
	u.dirty = false
	buf, err := u.encode(buf[:0])
	if err != nil {
		return buf, err
	}
	if err := b.Set(pushKey(u.period.no, u.app.no, u.id), buf, nil); err != nil {
		return buf, storeError("write a checkpoint", err)
	}
	for _, c := range u.channels {
		if buf, err = c.layer.checkpoint(b, buf, u.no, 0, c.ch); err != nil {
			return buf, err
		}
	}
	for i, r := range u.recalls {
		for _, c := range r.channels {
			if buf, err = c.layer.checkpoint(b, buf, u.no, uint16(i+1), c.ch); err != nil {
				return buf, err
			}
		}
	}
	return buf, nil
}

func (l *layer) checkpoint(b *pebble.Batch, buf []byte, push uint64, no uint16, ch uint8) ([]byte, error) {
	for n, pg := range l.pages {
		if !pg.dirty {
			continue
		}
		pg.dirty = false
		buf = pg.append(buf[:0])
		if err := b.Set(pageKey(push, no, ch, n), buf, nil); err != nil {
			return buf, storeError("write a checkpoint", err)
		}
	}
	return buf, nil
}

// evict drops the pushes not used lately when pushes take more memory than
// allowed. Only what is in the store may go.
func (p *Projection) evict() {
	if p.cost <= p.c.Memory {
		return
	}
	var clean []*push
	for _, t := range p.periods {
		for _, u := range t.pushes {
			if !u.dirty {
				clean = append(clean, u)
			}
		}
	}
	slices.SortFunc(clean, func(a, b *push) int { return cmp.Compare(a.used, b.used) })
	for _, u := range clean {
		if p.cost <= p.c.Memory/4*3 {
			return
		}
		p.charge(u, 0)
		delete(u.period.pushes, u.key())
	}
}

// weigh brings the push's share of the memory up to date.
func (p *Projection) weigh(u *push) { p.charge(u, u.size()) }

func (p *Projection) charge(u *push, cost int) {
	p.cost += cost - u.cost
	u.period.cost += cost - u.cost
	u.cost = cost
}

// Digest checkpoints and returns the hex SHA-256 over all rows in key order:
// two projections of the same events have the same digest (L3).
func (p *Projection) Digest() (string, error) {
	h := sha256.New()
	err := p.Dump(h)
	return hex.EncodeToString(h.Sum(nil)), err
}

// Dump checkpoints and writes all rows in key order, each part with its length.
func (p *Projection) Dump(w io.Writer) error {
	if err := p.Checkpoint(); err != nil {
		return err
	}
	it, err := p.store.db.NewIter(nil)
	if err != nil {
		return storeError("dump", err)
	}
	defer it.Close()
	var head [8]byte
	for ok := it.First(); ok; ok = it.Next() {
		binary.BigEndian.PutUint32(head[:4], uint32(len(it.Key())))
		binary.BigEndian.PutUint32(head[4:], uint32(len(it.Value())))
		for _, part := range [][]byte{head[:], it.Key(), it.Value()} {
			if _, err := w.Write(part); err != nil {
				return fmt.Errorf("dump: %w", err)
			}
		}
	}
	if err := it.Error(); err != nil {
		return storeError("dump", err)
	}
	return nil
}
