package projections

import (
	"encoding/json"

	"github.com/cockroachdb/pebble/v2"
)

// cut is the projection as of one event, as far as the store lacks it: what a
// checkpoint writes. The fold goes on meanwhile. It shares with the cut what is only
// ever added to, copies a page that the cut has before it changes it, and hands a
// push over before it changes that.
type cut struct {
	// epoch is in which the pushes changed.
	epoch        uint64
	changed      []*push
	apps         []encodedRow
	pushes       []savedPush
	dictionaries []dictionaryCut
	rows         *rowMap
	// dropped are the periods that go, in the lists of these apps too.
	dropped  span
	appsLeft []uint32
	meta     meta
	failed   error
}

// encodedRow is a row as it is written.
type encodedRow struct{ key, value []byte }

// savedPush is a push in a cut.
type savedPush struct {
	record encodedRow
	pages  []savedPage
}

// savedPage is a page in a cut; it does not change any more.
type savedPage struct {
	key  key
	page page
}

// gathered bounds the pushes and the pages that a checkpoint looks at while the
// fold and the readers stand still: some ten microseconds' worth.
const (
	gatheredPushes = 32
	gatheredPages  = 1024
)

// cut begins a checkpoint: nothing here takes time in proportion to what changed.
// It returns nil when nothing did.
func (p *Projection) cut() (*cut, error) {
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
	c := &cut{epoch: p.epoch, changed: p.changed}
	p.epoch++
	p.folded += uint64(p.facts)
	p.changed, p.facts, p.cutting = nil, 0, c
	for _, d := range p.devices.grown {
		d.listed = false
		c.dictionaries = append(c.dictionaries, d.handOver())
	}
	p.devices.grown, p.devices.unwritten = nil, 0
	for _, a := range p.changedApps {
		r, err := a.save()
		if err != nil {
			p.broken = err
			return nil, err
		}
		c.apps = append(c.apps, r)
	}
	p.changedApps = nil
	c.rows = p.store.rows.cut()
	if c.dropped, p.dropped = p.dropped, (span{}); c.dropped.to != 0 {
		for _, a := range p.apps {
			c.appsLeft = append(c.appsLeft, a.no)
		}
	}
	p.meta.Periods = p.storedPeriods()
	c.meta = p.meta
	return c, nil
}

// gather takes some of the changed pushes that the fold has not handed over, and
// reports whether there are more.
func (p *Projection) gather(c *cut) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for pushes, pages := 0, 0; len(c.changed) > 0 && pushes < gatheredPushes && pages < gatheredPages; pushes++ {
		u := c.changed[0]
		c.changed[0], c.changed = nil, c.changed[1:]
		if u.changed == c.epoch {
			pages += p.save(c, u)
		}
	}
	return len(c.changed) > 0
}

// preserve hands a push over to the checkpoint that is being written, if that has
// still to take it: it is about to change.
func (p *Projection) preserve(u *push) {
	if p.cutting != nil && u.changed == p.cutting.epoch {
		p.save(p.cutting, u)
	}
}

// save puts a push into a cut, and returns how many pages it looked at.
func (p *Projection) save(c *cut, u *push) int {
	u.changed = 0
	if no := u.period.no; no >= c.dropped.from && no < c.dropped.to {
		return 0
	}
	record, err := u.encode(nil)
	if err != nil {
		c.failed = err
		return 0
	}
	s := savedPush{record: encodedRow{pushKey(u.period.no, u.app.no, u.id), record}}
	pages := 0
	u.eachLayer(func(l *layer, no uint16, ch uint8) {
		pages += len(l.pages)
		for n, pg := range l.pages {
			if pg.dirty {
				s.pages = append(s.pages, savedPage{pageKey(u.no, no, ch, n), pg.share()})
			}
		}
	})
	c.pushes = append(c.pushes, s)
	p.weigh(u)
	return pages
}

// eachLayer calls f for the facts of each channel and the marks of each recall.
func (u *push) eachLayer(f func(l *layer, no uint16, ch uint8)) {
	for _, c := range u.channels {
		f(&c.layer, 0, c.ch)
	}
	for i, r := range u.recalls {
		for _, c := range r.channels {
			f(&c.layer, uint16(i+1), c.ch)
		}
	}
}

// save returns the app's row.
func (a *app) save() (encodedRow, error) {
	a.changed = false
	for i, d := range a.dicts {
		a.record.Devices[i] = d.n
	}
	v, err := json.Marshal(a.record)
	return encodedRow{appKey(a.name), v}, err
}

// write puts the checkpoint into a batch, mostly in the order of the keys: the store
// sorts it faster.
func (c *cut) write(b *pebble.Batch) error {
	if c.failed != nil {
		return c.failed
	}
	for _, r := range c.apps {
		if err := b.Set(r.key, r.value, nil); err != nil {
			return err
		}
	}
	for i := range c.dictionaries {
		if err := c.dictionaries[i].write(b); err != nil {
			return err
		}
	}
	var err error
	c.rows.Scan(func(k string, v []byte) bool {
		if v == nil {
			err = b.Delete([]byte(k), nil)
		} else {
			err = b.Set([]byte(k), v, nil)
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	var buf []byte
	for _, u := range c.pushes {
		if err := b.Set(u.record.key, u.record.value, nil); err != nil {
			return err
		}
		for i := range u.pages {
			buf = u.pages[i].page.append(buf[:0])
			if err := b.Set(u.pages[i].key, buf, nil); err != nil {
				return err
			}
		}
	}
	if err := c.drop(b); err != nil {
		return err
	}
	return b.Set(metaKey(), c.meta.encode(), nil)
}
