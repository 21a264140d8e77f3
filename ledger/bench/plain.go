package bench

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/recall-ledger/recall-ledger/projections"
)

// maxRows is how many rows a plain store gets, at most: enough that it does not
// fit its memory table.
const maxRows = 1_000_000

// plain is a Pebble store with a row per notification and nothing else.
type plain struct {
	store *projections.Ceiling
	rows  int
}

func openPlain(dir string) (*plain, error) {
	s, err := projections.OpenCeiling(dir)
	if err != nil {
		return nil, err
	}
	return &plain{store: s}, nil
}

func (p *plain) put(ctx context.Context, n int) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		piece := min(n, putPiece)
		if err := p.store.Put(p.rows, piece); err != nil {
			return err
		}
		p.rows += piece
		n -= piece
	}
	return nil
}

// putPiece is how many rows are put before an interrupted run ends: ten batches.
const putPiece = 100_000

func (p *plain) get(i int) error {
	found, err := p.store.Get(i % p.rows)
	if err == nil && !found {
		err = fmt.Errorf("row %d of a plain store is missing", i%p.rows)
	}
	return err
}

func (p *plain) close() error { return p.store.Close() }

// plainRows is how many rows stand for the population.
func (b *run) plainRows() int { return min(b.c.Devices, maxRows) }

// plain returns the shared store of rows.
func (b *run) plain(ctx context.Context) (*plain, error) {
	if b.rows != nil {
		return b.rows, nil
	}
	p, err := openPlain(filepath.Join(b.dir, "rows"))
	if err != nil {
		return nil, err
	}
	b.rows = p
	return p, p.put(ctx, b.plainRows())
}
