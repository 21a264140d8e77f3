package projections

import "math/bits"

// table finds the ordinals of a dictionary's devices by the hash of their
// tokens, as far as they are in memory. It is cut by the first bits of the
// hashes into segments of some thousand devices that are read, grow and leave
// memory one by one (extendible hashing), so that nothing ever takes longer than
// a segment does.
type table struct {
	// parts has 2^depth entries; a segment of a smaller depth has several of them.
	parts []*segment
	depth uint8
	// entries are those in memory, and partial counts the segments that lack some.
	entries uint32
	partial int
	// size is what the table takes in memory, in bytes.
	size int
}

// segment is the part of a table whose hashes begin with the same bits.
type segment struct {
	slots []slot
	n     uint32
	depth uint8
	// complete is true when every device of the segment is here. In a segment
	// that is not, what is missing may be in the store.
	complete bool
}

// slot is one entry: 20 bytes side by side, since a look-up is one cache miss
// and hardly anything else. end is the ordinal plus one, 0 where the slot is free.
type slot struct {
	hash tokenHash
	end  uint32
}

const (
	slotBytes    = 20
	segmentBytes = 56
	// segmentRoom is how many devices a segment has before it is split: reading one
	// from the store takes 0.2 to 1.4 milliseconds, by how busy the machine is, and
	// moving its entries less.
	segmentRoom = 4096
	// deviceBytes is what a device takes in a full table, slots that are free
	// included.
	deviceBytes = 32
)

// depthFor is the depth at which segments of n devices are about half full.
func depthFor(n uint32) uint8 { return uint8(bits.Len32(n / (segmentRoom / 2))) }

// reset empties the table, to be one of n devices.
func (t *table) reset(n uint32) {
	depth := depthFor(n)
	*t = table{parts: make([]*segment, 1<<depth), depth: depth}
	all := make([]segment, len(t.parts))
	for i := range all {
		all[i] = segment{depth: depth, complete: n == 0}
		t.parts[i] = &all[i]
	}
	if n > 0 {
		t.partial = len(all)
	}
	t.size = len(all) * (segmentBytes + 8)
}

// segment returns where a hash belongs.
func (t *table) segment(h tokenHash) *segment { return t.parts[h[0]>>(32-t.depth)] }

// place is where the search for a hash begins in n slots.
func (h tokenHash) place(n int) int { return int(uint64(h[1]) * uint64(n) >> 32) }

// slot returns where the hash is, or the free slot where it belongs. There is one:
// a segment that has slots is never full.
func (s *segment) slot(h tokenHash) *slot {
	for i := h.place(len(s.slots)); ; {
		if e := &s.slots[i]; e.end == 0 || e.hash == h {
			return e
		}
		if i++; i == len(s.slots) {
			i = 0
		}
	}
}

// find returns the ordinal plus one, 0 when the hash is not in memory.
func (s *segment) find(h tokenHash) uint32 {
	if len(s.slots) == 0 {
		return 0
	}
	return s.slot(h).end
}

// set adds a hash, unless it is there, and returns its ordinal plus one.
func (t *table) set(h tokenHash, end uint32) uint32 {
	s := t.segment(h)
	if int(s.n)*4 >= len(s.slots)*3 {
		// A depth far beyond what the devices need is hashes made to collide.
		if s.n >= segmentRoom && s.depth < depthFor(t.entries)+4 {
			t.split(s, h)
			s = t.segment(h)
		} else {
			t.resize(s, max(16, len(s.slots)*3/2))
		}
	}
	e := s.slot(h)
	if e.end == 0 {
		*e = slot{h, end}
		s.n++
		t.entries++
	}
	return e.end
}

// resize gives a segment so many slots.
func (t *table) resize(s *segment, size int) {
	old := s.slots
	s.slots = make([]slot, size)
	for _, e := range old {
		if e.end != 0 {
			*s.slot(e.hash) = e
		}
	}
	t.size += (size - len(old)) * slotBytes
}

// grow gives a segment room for so many devices, as far as it may have them.
func (t *table) grow(s *segment, n int) {
	if size := max(16, min(n, segmentRoom)*3/2); size > len(s.slots) {
		t.resize(s, size)
	}
}

// split makes two segments of the one of a hash.
func (t *table) split(s *segment, h tokenHash) {
	if s.depth == t.depth {
		parts := make([]*segment, 2*len(t.parts))
		for i := range parts {
			parts[i] = t.parts[i/2]
		}
		t.size += 8 * len(t.parts)
		t.parts, t.depth = parts, t.depth+1
	}
	halves := [2]*segment{}
	for i := range halves {
		// Room for what a half will have when it is split in turn: its slots
		// are made once.
		halves[i] = &segment{depth: s.depth + 1, complete: s.complete, slots: make([]slot, len(s.slots)*3/4)}
		t.size += segmentBytes + len(halves[i].slots)*slotBytes
	}
	for _, e := range s.slots {
		if e.end != 0 {
			half := halves[e.hash[0]>>(31-s.depth)&1]
			if int(half.n)*4 >= len(half.slots)*3 {
				t.resize(half, len(half.slots)*3/2)
			}
			*half.slot(e.hash) = e
			half.n++
		}
	}
	for i := range t.parts[t.first(s, h):][:t.span(s)] {
		t.parts[t.first(s, h)+i] = halves[2*i/t.span(s)]
	}
	t.size -= segmentBytes + len(s.slots)*slotBytes
	if !s.complete {
		t.partial++
	}
}

// first and span are which entries of parts are the segment of a hash.
func (t *table) first(s *segment, h tokenHash) int {
	return int(h[0]>>(32-s.depth)) << (t.depth - s.depth)
}

func (t *table) span(s *segment) int { return 1 << (t.depth - s.depth) }

// trim takes from a segment what the store has: ordinals below stored.
func (t *table) trim(s *segment, stored uint32) {
	old := s.slots
	left := uint32(0)
	for i := range old {
		if old[i].end > stored {
			left++
		}
	}
	if left == s.n {
		return
	}
	if s.complete {
		s.complete = false
		t.partial++
	}
	t.entries -= s.n - left
	t.size -= len(old) * slotBytes
	s.slots, s.n = nil, left
	if left == 0 {
		return
	}
	s.slots = make([]slot, max(16, int(left)*2))
	t.size += len(s.slots) * slotBytes
	for _, e := range old {
		if e.end > stored {
			*s.slot(e.hash) = e
		}
	}
}
