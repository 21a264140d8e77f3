package projections

import (
	"encoding/binary"
	"fmt"
)

const (
	// countedRows bounds the rows of devices that are counted after one checkpoint,
	// beside the fold: 1 to 3 milliseconds.
	countedRows = 1 << 14
	// countedBegin is how many rows the begin of a dictionary stands for.
	countedBegin = 64
)

// deviceCount counts the rows that find the devices, some after every checkpoint,
// one dictionary after the other and then from the beginning. A device of which the
// row is missing looks like one that is new, and gets a second ordinal: nothing else
// leads from a token to its ordinal, so the fold cannot see it. But the row stays
// missing, and the count comes to it. It is guarded by checkpointing.
type deviceCount struct {
	queue []*dictionary
	// d is the dictionary being counted, nil before the first, and n how many of its
	// devices were in the store as that began: their rows never change.
	d *dictionary
	n uint32
	// rows and sum are how many of them were seen, and the sum of their ordinals.
	rows uint32
	sum  uint64
	// next is where to go on.
	next []byte
}

// countDevices goes on with the count. checkpointing is held: the store is neither
// closed nor replaced meanwhile, and what it is said to have is in it.
func (p *Projection) countDevices() error {
	c := &p.count
	if c.d == nil && len(c.queue) == 0 {
		p.mu.RLock()
		for _, a := range p.apps {
			c.queue = append(c.queue, a.dicts...)
		}
		p.mu.RUnlock()
	}
	for left := countedRows; left > 0; {
		if c.d == nil {
			if len(c.queue) == 0 {
				return nil
			}
			c.begin(c.queue[0])
			c.queue = c.queue[1:]
			left -= countedBegin
		}
		seen, err := c.walk(p.store, left)
		if err != nil {
			return err
		}
		left -= seen
	}
	return nil
}

func (c *deviceCount) begin(d *dictionary) {
	c.d, c.n, c.rows, c.sum = d, d.stored, 0, 0
	c.next = newKey(rowDevice).u32(d.app).u8(d.ch)
}

// walk counts up to so many rows, and returns how many it saw. Behind the last one it
// compares.
func (c *deviceCount) walk(s *store, limit int) (int, error) {
	it, err := s.iterator(c.next, newKey(rowDevice).u32(c.d.app).u8(c.d.ch).end())
	if err != nil {
		return 0, err
	}
	defer it.Close()
	seen := 0
	for ok := it.First(); ok; ok = it.Next() {
		if seen == limit {
			c.next = append(c.next[:0], it.Key()...)
			return seen, nil
		}
		seen++
		v, err := it.ValueAndErr()
		if err != nil {
			return seen, storeError("count devices", err)
		}
		if len(v) != 4 {
			return seen, errDamaged
		}
		if ord := binary.BigEndian.Uint32(v); ord < c.n {
			c.rows++
			c.sum += uint64(ord)
		}
	}
	if err := it.Error(); err != nil {
		return seen, storeError("count devices", err)
	}
	if n := uint64(c.n); c.rows != c.n || n > 0 && c.sum != n*(n-1)/2 {
		return seen, fmt.Errorf("%w (of %d devices of a channel the store finds %d)", errDamaged, c.n, c.rows)
	}
	c.d = nil
	return seen, nil
}
