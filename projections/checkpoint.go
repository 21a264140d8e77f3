package projections

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
)

// Checkpoint writes everything changed since the last one, with the applied
// position, as one synced batch. A crash before the batch is durable loses only
// what the log gives back; a crash after it resumes from the new position.
func (p *Projection) Checkpoint() error {
	p.checkpointing.Lock()
	defer p.checkpointing.Unlock()
	c, err := p.cut()
	if err != nil || c == nil {
		return err
	}
	for p.gather(c) {
		continue
	}
	b := p.store.db.NewBatch()
	defer b.Close()
	if err = c.write(b); err == nil {
		err = b.Commit(pebble.Sync)
	}
	if err := p.settle(c, err); err != nil {
		return err
	}
	for p.evict() {
		continue
	}
	if err := p.countDevices(); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.broken = err
		return err
	}
	return nil
}

// settle takes a checkpoint for written, unless it failed.
func (p *Projection) settle(c *cut, err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutting = nil
	if err != nil {
		// What was taken counts as written; nothing may be written after.
		p.broken = storeError("write a checkpoint", err)
		return p.broken
	}
	p.store.rows.settle()
	close(p.settled)
	p.settled = make(chan struct{})
	for i := range c.dictionaries {
		c.dictionaries[i].settle()
	}
	return nil
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
	s, err := p.snapshot()
	if err != nil {
		return err
	}
	defer s.close()
	return s.dump(context.Background(), w)
}

// snapshot is the rows of the last checkpoint: it stays while the fold goes on, and
// the store is not closed before it is.
type snapshot struct {
	*pebble.Snapshot
	store *store
}

// snapshot returns the rows of the last checkpoint. The caller closes it.
func (p *Projection) snapshot() (*snapshot, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.store.snapshot()
}

// snapshot is that of the projection. mu is held, at least for reading.
func (s *store) snapshot() (*snapshot, error) {
	if s.closed {
		return nil, errClosed
	}
	s.snapshots.Add(1)
	return &snapshot{s.db.NewSnapshot(), s}, nil
}

func (s *snapshot) close() {
	s.Close() //nolint:errcheck // it never fails
	s.store.snapshots.Done()
}

// digest is the hex SHA-256 over all rows.
func (s *snapshot) digest(ctx context.Context) (string, error) {
	h := sha256.New()
	err := s.dump(ctx, h)
	return hex.EncodeToString(h.Sum(nil)), err
}

// dumpRows is after how many rows a dump asks whether it is still wanted.
const dumpRows = 1024

func (s *snapshot) dump(ctx context.Context, w io.Writer) error {
	it, err := s.NewIter(nil)
	if err != nil {
		return storeError("dump", err)
	}
	defer it.Close()
	var head [8]byte
	row := 0
	for ok := it.First(); ok; ok = it.Next() {
		if row++; row%dumpRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return storeError("dump", err)
		}
		binary.BigEndian.PutUint32(head[:4], uint32(len(it.Key())))
		binary.BigEndian.PutUint32(head[4:], uint32(len(value)))
		for _, part := range [][]byte{head[:], it.Key(), value} {
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
