package projections

import (
	"bytes"
	"errors"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/tidwall/btree"
)

// overlay holds small rows that are not in the store yet: those changed since
// the last checkpoint, and those of the checkpoint being written. A nil value
// deletes. Reads see through it to the store. It is sorted, since the rows of one
// device or user must be found among all that are not written yet.
type overlay struct {
	fresh   *rowMap
	writing *rowMap
}

// rowMap is rows sorted by key.
type rowMap = btree.Map[string, []byte]

func newOverlay() overlay { return overlay{fresh: new(rowMap), writing: new(rowMap)} }

func (o *overlay) put(k key, v []byte) {
	if v == nil {
		v = []byte{}
	}
	o.fresh.Set(string(k), v)
}

func (o *overlay) delete(k key) { o.fresh.Set(string(k), nil) }

// cut hands the fresh rows over to a checkpoint.
func (o *overlay) cut() *rowMap {
	o.writing, o.fresh = o.fresh, new(rowMap)
	return o.writing
}

// settle forgets the rows of a checkpoint that is durable.
func (o *overlay) settle() { o.writing = new(rowMap) }

// within returns the rows with from <= key < to, sorted, the freshest of each key.
func (o *overlay) within(from, to []byte) []row {
	var list []row
	older, newer := o.writing.Iter(), o.fresh.Iter()
	a, b := older.Seek(string(from)), newer.Seek(string(from))
	end := string(to)
	for {
		a, b = a && older.Key() < end, b && newer.Key() < end
		switch {
		case !a && !b:
			return list
		case !b || a && older.Key() < newer.Key():
			list = append(list, row{[]byte(older.Key()), older.Value()})
			a = older.Next()
		default:
			if a && older.Key() == newer.Key() {
				a = older.Next()
			}
			list = append(list, row{[]byte(newer.Key()), newer.Value()})
			b = newer.Next()
		}
	}
}

// get returns a row, or nil when there is none.
func (s *store) get(k key) ([]byte, error) {
	if v, ok := s.rows.fresh.Get(string(k)); ok {
		return v, nil
	}
	if v, ok := s.rows.writing.Get(string(k)); ok {
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
	extra := s.rows.within(o.from, o.to)
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
	before := func(a, b []byte) bool {
		if o.reverse {
			a, b = b, a
		}
		return bytes.Compare(a, b) < 0
	}
	valid := it.First
	next := it.Next
	if o.reverse {
		valid, next = it.Last, it.Prev
	}
	for ok := valid(); ok; ok = next() {
		for len(extra) > 0 && before(extra[0].key, it.Key()) {
			if !add(extra[0].key, extra[0].value) {
				return rows, nil
			}
			extra = extra[1:]
		}
		v := it.Value()
		if len(extra) > 0 && bytes.Equal(extra[0].key, it.Key()) {
			v, extra = extra[0].value, extra[1:]
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
	for _, r := range extra {
		if !add(r.key, r.value) {
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
