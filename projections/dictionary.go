package projections

import (
	"cmp"
	"container/list"
	"encoding/binary"
	"slices"
	"unsafe"

	"github.com/cockroachdb/pebble/v2"
	"github.com/minio/highwayhash"
)

// tokensPerPage is how many device tokens one row of the dictionary holds.
const tokensPerPage = 256

// dictionary gives the devices of one app and channel their ordinals, in the
// order in which the log first names them. All of it is in the store: the tokens
// by ordinal, and the ordinals by the hash of the token. In memory is what was
// named lately, as far as Config.Dictionaries allows, and what is not in the
// store yet.
type dictionary struct {
	app uint32
	ch  uint8
	// n is the number of devices; the next gets ordinal n. Of them cut were
	// handed to a checkpoint, and stored are in the store for good.
	n, cut, stored uint32
	table          table
	// hashes are those of the devices from cut on.
	hashes []tokenHash
	// pages are token pages that the store may lack, the first of them is number
	// base; the last is the one being filled.
	pages [][]byte
	base  uint32
	// used is when the fold last looked into it, and place where it stands among
	// those that are in memory; nil when nothing of it is.
	used  uint64
	place *list.Element
	// next is the segment that leaves memory next.
	next int
	// listed is true while a checkpoint is to look at it.
	listed bool
}

// tokenHash is 128 bits in words that need no padding.
type tokenHash [4]uint32

// hashKey is fixed: ordinals are found by these hashes on every replay. 128
// bits of a keyed hash make a collision of two tokens a matter of theory.
const hashKey = "recall ledger device dictionary "

func hashToken(token string) tokenHash {
	h := highwayhash.Sum128(unsafe.Slice(unsafe.StringData(token), len(token)), unsafe.Slice(unsafe.StringData(hashKey), len(hashKey)))
	var t tokenHash
	for i := range t {
		t[i] = binary.LittleEndian.Uint32(h[4*i:])
	}
	return t
}

// compare orders hashes as keys are.
func (t *tokenHash) compare(o *tokenHash) int {
	if t[0] != o[0] {
		return cmp.Compare(t[0], o[0])
	}
	return slices.Compare(t[1:], o[1:])
}

// append writes the hash as keys hold it, sorted as segments are.
func (t tokenHash) append(b []byte) []byte {
	for _, v := range t {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// full returns how many devices a page has.
func (d *dictionary) full(page uint32) int { return int(min(d.n-page*tokensPerPage, tokensPerPage)) }

// page returns a token page that is in memory, nil when it is not.
func (d *dictionary) page(no uint32) []byte {
	if no < d.base || no-d.base >= uint32(len(d.pages)) {
		return nil
	}
	return d.pages[no-d.base]
}

// add gives a device that is new the next ordinal. The page being filled is in
// memory.
func (d *dictionary) add(h tokenHash, token string) uint32 {
	no := d.n / tokensPerPage
	if len(d.pages) == 0 {
		d.base = no
	}
	if no-d.base == uint32(len(d.pages)) {
		room := 0
		if no > d.base {
			room = len(d.pages[no-d.base-1]) + 64 // most pages are about as long as the last
		}
		d.pages = append(d.pages, make([]byte, 0, room))
	}
	page := &d.pages[no-d.base]
	*page = append(binary.AppendUvarint(*page, uint64(len(token))), token...)
	d.hashes = append(d.hashes, h)
	d.n++
	d.table.set(h, d.n)
	return d.n - 1
}

// dictionaryCut is what a checkpoint writes of a dictionary. All of it stays as
// it is while the fold goes on: pages are only appended to.
type dictionaryCut struct {
	d      *dictionary
	from   uint32
	to     uint32
	hashes []tokenHash
	base   uint32
	pages  [][]byte
}

// handOver gives a checkpoint what the store lacks.
func (d *dictionary) handOver() dictionaryCut {
	c := dictionaryCut{d: d, from: d.cut, to: d.n, hashes: d.hashes, base: d.base, pages: slices.Clone(d.pages)}
	d.hashes, d.cut = nil, d.n
	return c
}

// write puts it into a checkpoint.
func (c *dictionaryCut) write(b *pebble.Batch) error {
	for i, page := range c.pages {
		if err := b.Set(tokensKey(c.d.app, c.d.ch, c.base+uint32(i)), page, nil); err != nil {
			return err
		}
	}
	rows := c.sorted()
	k := newKey(rowDevice).u32(c.d.app).u8(c.d.ch)
	prefix := len(k)
	for i := range rows {
		k = rows[i].hash.append(k[:prefix])
		if err := b.Set(k, binary.BigEndian.AppendUint32(k[len(k):], rows[i].end-1), nil); err != nil {
			return err
		}
	}
	return nil
}

// settle forgets the full pages of a checkpoint that is durable.
func (c *dictionaryCut) settle() {
	c.d.stored = c.to
	done := c.to/tokensPerPage - c.base
	c.d.pages = append([][]byte(nil), c.d.pages[done:]...)
	c.d.base += done
}

// sorted returns the devices by hash. The store sorts them too, but takes several
// times as long for it.
func (c *dictionaryCut) sorted() []slot {
	const bits = 10
	var ends [1<<bits + 1]int
	for _, h := range c.hashes {
		ends[h[0]>>(32-bits)+1]++
	}
	for i := range 1 << bits {
		ends[i+1] += ends[i]
	}
	starts := ends
	rows := make([]slot, len(c.hashes))
	for i, h := range c.hashes {
		at := &starts[h[0]>>(32-bits)]
		rows[*at] = slot{h, c.from + uint32(i) + 1}
		*at++
	}
	for i := range 1 << bits {
		slices.SortFunc(rows[ends[i]:ends[i+1]], func(x, y slot) int { return x.hash.compare(&y.hash) })
	}
	return rows
}
