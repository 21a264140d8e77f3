package projections

import (
	"bytes"
	"encoding/binary"

	"github.com/cockroachdb/pebble/v2"
)

// tokenReader looks up device tokens of one dictionary; neighbours cost little.
type tokenReader struct {
	p *Projection
	d *dictionary
	// it reads pages that are asked for in their order, where there are many; nil
	// where each is read alone.
	it *pebble.Iterator
	// page has the n tokens of page no; none yet when n is 0.
	page [tokensPerPage]string
	n    int
	no   uint32
}

// reset turns the reader to a dictionary, with an iterator over the pages of many
// ordinals or without.
func (t *tokenReader) reset(p *Projection, d *dictionary, many bool) error {
	t.p, t.d, t.it, t.n = p, d, nil, 0
	if !many {
		return nil
	}
	var err error
	t.it, err = p.store.iterate(newKey(rowTokens).u32(d.app).u8(d.ch))
	return err
}

// close ends the iterator; the reader may be reset.
func (t *tokenReader) close() {
	if t.it != nil {
		t.it.Close()
		t.it = nil
	}
}

// at returns the device token of an ordinal.
func (t *tokenReader) at(ord uint32) (string, error) {
	if no := ord / tokensPerPage; t.n == 0 || t.no != no {
		if err := t.read(no); err != nil {
			return "", err
		}
	}
	if i := int(ord % tokensPerPage); i < t.n {
		return t.page[i], nil
	}
	return "", errDamaged
}

// read reads a page.
func (t *tokenReader) read(no uint32) error {
	t.n, t.no = 0, no
	if no*tokensPerPage >= t.d.n {
		return errDamaged
	}
	b := t.d.page(no)
	k := tokensKey(t.d.app, t.d.ch, no)
	switch {
	case b != nil:
	case t.it == nil:
		var err error
		if b, err = t.p.store.stored(k); err != nil {
			return err
		}
	case t.it.SeekGE(k) && bytes.Equal(t.it.Key(), k):
		b = t.it.Value()
	default:
		if err := t.it.Error(); err != nil {
			return storeError("read devices", err)
		}
	}
	n := t.d.full(no)
	if err := splitTokens(b, t.page[:n]); err != nil {
		return err
	}
	t.n = n
	return nil
}

// splitTokens takes a page apart, which must have exactly as many tokens as there is
// room for.
func splitTokens(b []byte, tokens []string) error {
	all := string(b) // one allocation for all tokens
	at := 0
	for i := range tokens {
		if at >= len(b) {
			return errDamaged
		}
		n, k := uint64(b[at]), 1
		if n >= 0x80 {
			n, k = binary.Uvarint(b[at:])
		}
		if k <= 0 || uint64(len(b)-at-k) < n {
			return errDamaged
		}
		at += k
		tokens[i] = all[at : at+int(n)]
		at += int(n)
	}
	if at != len(b) {
		return errDamaged
	}
	return nil
}
