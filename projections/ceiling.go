package projections

import (
	"encoding/binary"
	"errors"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Ceiling is a plain Pebble store with the projection's own options and one row
// of 33 bytes per notification: the yardstick beside which the fold and the
// queries are measured. Nothing of the product is kept in it.
type Ceiling struct{ store *store }

// OpenCeiling opens or creates the store in dir.
func OpenCeiling(dir string) (*Ceiling, error) {
	c := Config{Dir: dir}
	c.setDefaults()
	s, err := openStore(c.Dir, vfs.Default, c.Cache, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return &Ceiling{store: s}, nil
}

// The shape of a row: a kind, a push, a hash of the device and a number, as a
// store with a row for every notification would have it; and as many rows to a
// batch as make its fsync cheap.
const (
	ceilingKey   = 29
	ceilingValue = 4
	ceilingBatch = 10_000
)

// key writes the key of row i. Rows come in the order of pushes, and within one
// in no order, as devices report.
func (c *Ceiling) key(b []byte, i int) []byte {
	b = b[:ceilingKey]
	clear(b)
	binary.BigEndian.PutUint32(b[1:], uint32(i/1_000_000))
	// Two rounds of a multiplicative hash: spread, and found again from i alone.
	h := (uint64(i) + 1) * 0x9e3779b97f4a7c15
	binary.BigEndian.PutUint64(b[5:], (h^h>>31)*0xbf58476d1ce4e5b9)
	binary.BigEndian.PutUint64(b[13:], uint64(i))
	return b
}

// Put writes rows from..from+n-1 in batches of 10,000, each of them synced.
func (c *Ceiling) Put(from, n int) error {
	key, value := make([]byte, ceilingKey), make([]byte, ceilingValue)
	for i := from; i < from+n; {
		batch := c.store.db.NewBatch()
		for range min(ceilingBatch, from+n-i) {
			if err := batch.Set(c.key(key, i), value, nil); err != nil {
				return storeError("put a row", errors.Join(err, batch.Close()))
			}
			i++
		}
		if err := errors.Join(batch.Commit(pebble.Sync), batch.Close()); err != nil {
			return storeError("commit rows", err)
		}
	}
	return nil
}

// Get reads row i and reports whether it is there.
func (c *Ceiling) Get(i int) (bool, error) {
	_, done, err := c.store.db.Get(c.key(make([]byte, ceilingKey), i))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, storeError("read a row", err)
	}
	return true, done.Close()
}

// Scan reads all rows in the order of keys and returns how many there are.
func (c *Ceiling) Scan() (int, error) {
	it, err := c.store.db.NewIter(nil)
	if err != nil {
		return 0, storeError("scan", err)
	}
	rows := 0
	for ok := it.First(); ok; ok = it.Next() {
		rows++
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return rows, storeError("scan", err)
	}
	return rows, nil
}

// DiskBytes is what the store takes on disk.
func (c *Ceiling) DiskBytes() uint64 { return c.store.db.Metrics().DiskSpaceUsage() }

// Close closes the store.
func (c *Ceiling) Close() error {
	if err := c.store.db.Close(); err != nil {
		return storeError("close", err)
	}
	return nil
}
