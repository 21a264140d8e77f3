package projections

import (
	"encoding/binary"
	"unsafe"

	"github.com/minio/highwayhash"
)

// tokensPerPage is how many device tokens one row of the dictionary holds.
const tokensPerPage = 256

// dictionary gives the devices of one app and channel their ordinals, in the
// order in which the log first names them. In memory it keeps 20 bytes per slot
// (a 128-bit hash and the ordinal); the tokens themselves are in the store.
type dictionary struct {
	app uint32
	ch  uint8
	// n is the number of devices; the next gets ordinal n.
	n uint32
	// slots is the open-addressing table.
	slots []slot
	// fresh holds token pages that changed since the last checkpoint, and the
	// page being filled.
	fresh map[uint32][]byte
	dirty bool

	// What ordinals works in; seen only keeps its reads from being left out.
	hashes []tokenHash
	ords   []uint32
	seen   uint32
}

// slot is one entry of the table: 20 bytes side by side, since a look-up is one
// cache miss and hardly anything else. end is the ordinal plus one, 0 where the
// slot is free.
type slot struct {
	hash tokenHash
	end  uint32
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

// bytes returns the hash as keys hold it.
func (t tokenHash) bytes() []byte {
	b := make([]byte, 0, 16)
	for _, v := range t {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

// slot returns where the hash is, or the free slot where it belongs.
func (d *dictionary) slot(h tokenHash) *slot {
	mask := uint32(len(d.slots) - 1)
	for i := h[0] & mask; ; i = (i + 1) & mask {
		if s := &d.slots[i]; s.end == 0 || s.hash == h {
			return s
		}
	}
}

// find returns the ordinal of a device the log has named.
func (d *dictionary) find(token string) (uint32, bool) {
	if d.n == 0 {
		return 0, false
	}
	s := d.slot(hashToken(token))
	return s.end - 1, s.end != 0
}

// ordinals returns the devices' ordinals, giving one to each that is new. The
// result is valid until the next call.
func (d *dictionary) ordinals(tokens []string) []uint32 {
	d.hashes, d.ords = d.hashes[:0], d.ords[:0]
	for _, t := range tokens {
		d.hashes = append(d.hashes, hashToken(t))
	}
	// Nearly every look-up misses the processor's caches. Looking at all slots
	// first, with nothing in between, lets it wait for many at a time.
	if mask := uint32(len(d.slots) - 1); len(d.slots) > 0 {
		for i := range d.hashes {
			d.seen += d.slots[d.hashes[i][0]&mask].end
		}
	}
	for i, h := range d.hashes {
		ord, fresh := d.add(h)
		if fresh {
			d.dirty = true
			no := ord / tokensPerPage
			d.fresh[no] = append(binary.AppendUvarint(d.fresh[no], uint64(len(tokens[i]))), tokens[i]...)
		}
		d.ords = append(d.ords, ord)
	}
	return d.ords
}

// add returns the device's ordinal and whether it was given just now.
func (d *dictionary) add(h tokenHash) (uint32, bool) {
	if int(d.n)*4 >= len(d.slots)*3 {
		d.grow(max(64, 2*len(d.slots)))
	}
	s := d.slot(h)
	if s.end != 0 {
		return s.end - 1, false
	}
	d.n++
	s.hash, s.end = h, d.n
	return d.n - 1, true
}

func (d *dictionary) grow(size int) {
	slots := d.slots
	d.slots = make([]slot, size)
	for _, s := range slots {
		if s.end != 0 {
			*d.slot(s.hash) = s
		}
	}
}

// load adds the tokens of a stored page; pages come in order.
func (d *dictionary) load(no uint32, b []byte) error {
	tokens, err := splitTokens(b)
	if err != nil {
		return err
	}
	if uint32(len(tokens)) > tokensPerPage || d.n != no*tokensPerPage {
		return errDamaged
	}
	if len(tokens) < tokensPerPage {
		d.fresh[no] = append([]byte(nil), b...)
	}
	for _, t := range tokens {
		if _, fresh := d.add(hashToken(t)); !fresh {
			return errDamaged
		}
	}
	return nil
}

// settle forgets the full pages a checkpoint has written.
func (d *dictionary) settle(written []uint32) {
	for _, no := range written {
		if (no+1)*tokensPerPage <= d.n {
			delete(d.fresh, no)
		}
	}
}

func splitTokens(b []byte) ([]string, error) {
	tokens := make([]string, 0, tokensPerPage)
	all := string(b) // one allocation for all tokens
	for at := 0; at < len(b); {
		n, k := binary.Uvarint(b[at:])
		if k <= 0 || uint64(len(b)-at-k) < n {
			return nil, errDamaged
		}
		at += k
		tokens = append(tokens, all[at:at+int(n)])
		at += int(n)
	}
	return tokens, nil
}
