package projections

// maxFiltered is how many pushes filters are kept for: about 1.3 to 5 bytes of
// memory each, and they are read at every start.
// Beyond, the store is asked, as if there were no filters.
const maxFiltered = 4 << 20

// filter says which pushes of a period are surely not in the store: a Bloom filter
// that has each entry's bits in one cache line, and grows by larger and larger parts. Nearly every
// push that is looked for and not in memory is new, and asking the store for it
// once per period would make the fold of small pushes a third slower.
type filter struct{ parts []filterPart }

type filterPart struct {
	lines []filterLine
	// room is for how many more entries there is room.
	room int
}

// filterLine is 512 bits.
type filterLine [8]uint64

const (
	// filterFirst is how many entries the first part has room for; each next one
	// has room for four times as many.
	filterFirst = 1 << 14
	// filterBits for an entry give about 1 % wrong answers of each part, with as
	// many probes as a hash of 64 bits has parts of 9.
	filterBits   = 10
	filterProbes = 7
)

// pushHash is what filters know a push by.
func pushHash(app uint32, id string) tokenHash {
	h := hashToken(id)
	h[0] ^= app * 0x9e3779b1 // the same id in many apps does not crowd one line
	h[1] ^= app
	return h
}

// line returns where the bits of a hash are.
func (f *filterPart) line(h tokenHash) *filterLine {
	return &f.lines[uint64(h[0])*uint64(len(f.lines))>>32]
}

// mask returns the bits of a hash in its line.
func mask(h tokenHash) filterLine {
	var m filterLine
	bits := uint64(h[1])<<32 | uint64(h[2])
	for range filterProbes {
		m[bits>>6&7] |= 1 << (bits & 63)
		bits >>= 9
	}
	return m
}

func (f *filter) add(h tokenHash) {
	n := len(f.parts)
	if n == 0 || f.parts[n-1].room == 0 {
		room := filterFirst << (2 * n)
		f.parts = append(f.parts, filterPart{make([]filterLine, room*filterBits/512), room})
		n++
	}
	part := &f.parts[n-1]
	part.room--
	line, m := part.line(h), mask(h)
	for i := range line {
		line[i] |= m[i]
	}
}

// has reports whether a push may be there; false is certain. A nil filter knows
// nothing.
func (f *filter) has(h tokenHash) bool {
	if f == nil {
		return true
	}
	m := mask(h)
	for i := range f.parts {
		line, missing := f.parts[i].line(h), uint64(0)
		for w := range line {
			missing |= m[w] &^ line[w]
		}
		if missing == 0 {
			return true
		}
	}
	return false
}

// loadFilters reads which pushes there are, unless they are too many. It takes the
// very rows that will be looked for, so a filter never hides one that is there.
func (p *Projection) loadFilters() error {
	for _, t := range p.periods {
		t.filter = new(filter)
	}
	p.boundFilters()
	for _, t := range p.periods {
		if t.filter == nil {
			continue
		}
		n, err := p.loadFilter(t)
		if err != nil {
			return err
		}
		if n != t.count {
			return errDamaged
		}
	}
	return nil
}

func (p *Projection) loadFilter(t *period) (uint64, error) {
	prefix := newKey(rowPush).u16(t.no)
	it, err := p.store.iterate(prefix)
	if err != nil {
		return 0, err
	}
	defer it.Close()
	n := uint64(0)
	for ok := it.First(); ok; ok = it.Next() {
		r := reader{b: it.Key()[len(prefix):]}
		app := r.fixed32()
		if r.bad {
			return 0, errDamaged
		}
		t.filter.add(pushHash(app, string(r.b)))
		n++
	}
	if err := it.Error(); err != nil {
		return 0, storeError("read pushes", err)
	}
	return n, nil
}

// boundFilters counts the pushes in filters, and gives all filters up when they
// are too many.
func (p *Projection) boundFilters() {
	p.filtered = 0
	for _, t := range p.periods {
		if t.filter != nil {
			p.filtered += t.count
		}
	}
	if p.filtered <= maxFiltered {
		return
	}
	p.filtered = 0
	for _, t := range p.periods {
		t.filter = nil
	}
}
