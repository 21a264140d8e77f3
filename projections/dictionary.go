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
	// hashes and ords are the open-addressing table; an ord of 0 is a free
	// slot, otherwise it is the ordinal plus one.
	hashes [][2]uint64
	ords   []uint32
	// fresh holds token pages that changed since the last checkpoint, and the
	// page being filled.
	fresh map[uint32][]byte
	dirty bool
}

// hashKey is fixed: ordinals are found by these hashes on every replay. 128
// bits of a keyed hash make a collision of two tokens a matter of theory.
const hashKey = "recall ledger device dictionary "

func hashToken(token string) [2]uint64 {
	h := highwayhash.Sum128(unsafe.Slice(unsafe.StringData(token), len(token)), unsafe.Slice(unsafe.StringData(hashKey), len(hashKey)))
	return [2]uint64{binary.LittleEndian.Uint64(h[:8]), binary.LittleEndian.Uint64(h[8:])}
}

// slot returns where the hash is, or the free slot where it belongs.
func (d *dictionary) slot(h [2]uint64) int {
	mask := uint64(len(d.ords) - 1)
	i := h[0] & mask
	for d.ords[i] != 0 && d.hashes[i] != h {
		i = (i + 1) & mask
	}
	return int(i)
}

// find returns the ordinal of a device the log has named.
func (d *dictionary) find(token string) (uint32, bool) {
	if d.n == 0 {
		return 0, false
	}
	o := d.ords[d.slot(hashToken(token))]
	return o - 1, o != 0
}

// ordinal returns the device's ordinal, giving it one if it is new.
func (d *dictionary) ordinal(token string) uint32 {
	if int(d.n)*4 >= len(d.ords)*3 {
		d.grow(max(64, 2*len(d.ords)))
	}
	h := hashToken(token)
	i := d.slot(h)
	if o := d.ords[i]; o != 0 {
		return o - 1
	}
	ord := d.n
	d.hashes[i], d.ords[i] = h, ord+1
	d.n++
	d.dirty = true
	no := ord / tokensPerPage
	d.fresh[no] = append(binary.AppendUvarint(d.fresh[no], uint64(len(token))), token...)
	return ord
}

func (d *dictionary) grow(size int) {
	hashes, ords := d.hashes, d.ords
	d.hashes, d.ords = make([][2]uint64, size), make([]uint32, size)
	for i, o := range ords {
		if o != 0 {
			j := d.slot(hashes[i])
			d.hashes[j], d.ords[j] = hashes[i], o
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
		if int(d.n)*4 >= len(d.ords)*3 {
			d.grow(max(64, 2*len(d.ords)))
		}
		h := hashToken(t)
		i := d.slot(h)
		d.hashes[i], d.ords[i] = h, d.n+1
		d.n++
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
