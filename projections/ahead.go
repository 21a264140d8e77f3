package projections

import (
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// ahead is what the store was asked about the devices that are hashed, before the
// fold takes the projection's lock.
type ahead struct {
	// d is where they were looked for, nil when nothing was asked.
	d *dictionary
	// asked says of which devices; ends are their ordinals plus one, 0 where the store
	// has none.
	asked []bool
	ends  []uint32
}

// lookAhead asks the store for those of the hashed devices that are not in memory, so
// that readers need not wait while the fold does. applying is held, under which alone
// devices get their ordinals, come into memory and leave it: who is neither there nor
// in the store is new. What cannot be read the fold asks for again.
func (p *Projection) lookAhead(app, channel string) {
	s := &p.devices
	d := p.dictionary(app, channel)
	if d == nil || d.n == 0 || len(d.table.parts) > 0 && d.table.partial == 0 {
		return
	}
	s.misses = s.misses[:0]
	for i, h := range s.hashes {
		if _, known := d.known(h); !known {
			s.misses = append(s.misses, i)
		}
	}
	if len(s.misses) == 0 {
		return
	}
	rows, err := p.snapshot()
	if err != nil {
		return
	}
	defer rows.close()
	a := &s.ahead
	n := len(s.hashes)
	a.asked, a.ends = slices.Grow(a.asked[:0], n)[:n], slices.Grow(a.ends[:0], n)[:n]
	clear(a.asked)
	if find(rows, d, d.n, s.hashes, s.misses, a.ends, s.fresh) != nil {
		return
	}
	for _, i := range s.misses {
		a.asked[i] = true
	}
	a.d = d
}

// dictionary returns the dictionary of a channel, nil when the log has not named it.
func (p *Projection) dictionary(app, channel string) *dictionary {
	a := p.findApp(app)
	if a == nil {
		return nil
	}
	if ch, ok := a.findChannel(channel); ok {
		return a.dicts[ch]
	}
	return nil
}

// find asks the store for some of the devices hashed, of a dictionary of n, and puts
// their ordinals plus one into ends, 0 where it has none. It sorts which.
//
// fresh says that many may be new: then the filters of the lowest level are asked as
// well, which know it without a block. For who is known they only cost, and more
// than the block where the cache cannot hold them: a filter is read whole.
func find(rows pebble.Reader, d *dictionary, n uint32, hashes []tokenHash, which []int, ends []uint32, fresh bool) error {
	if len(which) == 0 {
		return nil
	}
	// In the order of the keys, so that neighbours share their blocks.
	slices.SortFunc(which, func(a, b int) int { return hashes[a].compare(&hashes[b]) })
	prefix := newKey(rowDevice).u32(d.app).u8(d.ch)
	it, err := rows.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: prefix.end(), UseL6Filters: fresh})
	if err != nil {
		return storeError("look for devices", err)
	}
	defer it.Close()
	k := slices.Clone(prefix)
	for _, i := range which {
		k = hashes[i].append(k[:len(prefix)])
		ends[i] = 0
		if !it.SeekPrefixGE(k) {
			if err := it.Error(); err != nil {
				return storeError("look for a device", err)
			}
			continue
		}
		b, err := it.ValueAndErr()
		if err != nil {
			return storeError("look for a device", err)
		}
		if ends[i], err = decodeEnd(b, n); err != nil {
			return err
		}
	}
	return nil
}

// located are ordinals that a reader of many devices looked up, mostly without the
// lock.
type located struct {
	// swaps is in which generation.
	swaps int
	// ends are the ordinals plus one, 0 where none was found.
	ends []uint32
}

// locate looks devices up in memory, and without the lock in the store: readers of
// many would hold up the fold. An ordinal that was given stays as it is, so it is right
// whenever it is used.
func (p *Projection) locate(app, channel string, tokens []string) (located, error) {
	l := located{ends: make([]uint32, len(tokens))}
	hashes := make([]tokenHash, len(tokens))
	for i, t := range tokens {
		hashes[i] = hashToken(t)
	}
	p.mu.RLock()
	l.swaps = p.swaps
	d := p.dictionary(app, channel)
	if d == nil {
		p.mu.RUnlock()
		return l, nil
	}
	n := d.n
	var misses []int
	for i, h := range hashes {
		end, known := d.known(h)
		if l.ends[i] = end; !known {
			misses = append(misses, i)
		}
	}
	if len(misses) == 0 {
		p.mu.RUnlock()
		return l, nil
	}
	// As of the same moment: what is written after it may be beyond n.
	rows, err := p.store.snapshot()
	p.mu.RUnlock()
	if err != nil {
		return l, err
	}
	defer rows.close()
	return l, find(rows, d, n, hashes, misses, l.ends, false)
}

// ordinal returns the ordinal of the i-th device, for readers. mu is held: who was not
// found may have been named since.
func (p *Projection) ordinal(l located, i int, d *dictionary, token string) (uint32, bool, error) {
	if end := l.ends[i]; end != 0 && l.swaps == p.swaps {
		return end - 1, true, nil
	}
	return p.devices.ordinal(d, token)
}
