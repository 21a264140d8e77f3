package projections

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// overlay holds small rows that are not in the store yet: those changed since
// the last checkpoint, and those of the checkpoint being written. A nil value
// deletes. Reads see through it to the store.
type overlay struct {
	fresh   map[string][]byte
	writing map[string][]byte
}

func (o *overlay) put(k key, v []byte) {
	if v == nil {
		v = []byte{}
	}
	o.fresh[string(k)] = v
}

func (o *overlay) delete(k key) { o.fresh[string(k)] = nil }

// cut hands the fresh rows over to a checkpoint.
func (o *overlay) cut() map[string][]byte {
	o.writing, o.fresh = o.fresh, map[string][]byte{}
	return o.writing
}

// get returns a row, or nil when there is none.
func (s *store) get(k key) ([]byte, error) {
	if v, ok := s.rows.fresh[string(k)]; ok {
		return v, nil
	}
	if v, ok := s.rows.writing[string(k)]; ok {
		return v, nil
	}
	return s.stored(k)
}

// stored reads a row from the store, past the overlay.
func (s *store) stored(k key) ([]byte, error) {
	if s.closed {
		return nil, errClosed
	}
	v, closer, err := s.db.Get(k)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, storeError("read", err)
	}
	v = bytes.Clone(v)
	if v == nil {
		v = []byte{}
	}
	return v, closer.Close()
}

// row is one row of a scan.
type row struct{ key, value []byte }

// scanOptions select rows of a scan.
type scanOptions struct {
	// from and to bound the keys: from <= key < to.
	from, to []byte
	// reverse gives the greatest keys first.
	reverse bool
	// limit bounds the rows; 0 means none.
	limit int
}

// scan returns rows of the store and the overlay, merged, in key order.
func (s *store) scan(o scanOptions) ([]row, error) {
	pending := map[string][]byte{}
	for _, layer := range []map[string][]byte{s.rows.writing, s.rows.fresh} {
		for k, v := range layer {
			if k >= string(o.from) && k < string(o.to) {
				pending[k] = v
			}
		}
	}
	extra := slices.Sorted(maps.Keys(pending))
	if o.reverse {
		slices.Reverse(extra)
	}
	it, err := s.iterator(o.from, o.to)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	var rows []row
	add := func(k, v []byte) bool {
		if v != nil {
			rows = append(rows, row{bytes.Clone(k), bytes.Clone(v)})
		}
		return o.limit == 0 || len(rows) < o.limit
	}
	before := func(a string, b []byte) bool {
		if o.reverse {
			return a > string(b)
		}
		return a < string(b)
	}
	valid := it.First
	next := it.Next
	if o.reverse {
		valid, next = it.Last, it.Prev
	}
	for ok := valid(); ok; ok = next() {
		for len(extra) > 0 && before(extra[0], it.Key()) {
			if !add([]byte(extra[0]), pending[extra[0]]) {
				return rows, nil
			}
			extra = extra[1:]
		}
		v := it.Value()
		if len(extra) > 0 && extra[0] == string(it.Key()) {
			v, extra = pending[extra[0]], extra[1:]
		} else if v == nil {
			v = []byte{}
		}
		if !add(it.Key(), v) {
			return rows, nil
		}
	}
	if err := it.Error(); err != nil {
		return nil, storeError("scan", err)
	}
	for _, k := range extra {
		if !add([]byte(k), pending[k]) {
			break
		}
	}
	return rows, nil
}

// iterate returns an iterator over the store's rows with a prefix, past the
// overlay.
func (s *store) iterate(prefix key) (*pebble.Iterator, error) {
	return s.iterator(prefix, prefix.end())
}

func (s *store) iterator(from, to []byte) (*pebble.Iterator, error) {
	if s.closed {
		return nil, errClosed
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return nil, storeError("scan", err)
	}
	return it, nil
}
