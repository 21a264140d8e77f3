package projections

import (
	"container/list"
	"encoding/binary"
	"errors"
	"slices"
)

// devices is what all dictionaries have in common: the memory they share.
type devices struct {
	store *store
	// budget bounds what tables take in memory, in bytes, and size is what they take.
	budget, size int
	// unwritten estimates what was named since the last checkpoint, in bytes: it
	// must stay in memory until the store has it.
	unwritten int
	// recent are the dictionaries with something in memory, the one used last in
	// front.
	recent *list.List
	// tick counts uses.
	tick uint64
	// grown are the dictionaries with devices that the store lacks.
	grown []*dictionary
	// idle is after how many uses of others a dictionary is idle.
	idle uint64

	// What locate works in; seen only keeps its reads from being left out.
	hashes []tokenHash
	ends   []uint32
	misses []int
	ahead  ahead
	// fresh is true when many of the devices hashed may be new.
	fresh bool
	seen  uint32
}

const (
	// segmentLoads bounds the segments that one message brings into memory: a
	// reader waits for them.
	segmentLoads = 4
	// segmentTrims bounds the segments that one message sends out of it.
	segmentTrims = 32
	// idleUses is after how many uses of others a dictionary is idle: it leaves
	// first, and makes room for segments of others.
	idleUses = 4096
	// minUnwritten is how much may wait for a checkpoint whatever the budget, in bytes.
	minUnwritten = 1 << 20
	// unwrittenDevice estimates what a new device takes until it is written: its
	// hash, its token and its slot.
	unwrittenDevice = 100
)

func newDevices(s *store, budget int) devices {
	return devices{store: s, budget: budget, recent: list.New(), idle: idleUses}
}

// newDictionary returns the dictionary of a channel, of which n devices are in
// the store.
func newDictionary(app uint32, ch uint8, n uint32) *dictionary {
	return &dictionary{app: app, ch: ch, n: n, cut: n, stored: n}
}

// ordinal returns the ordinal of a device the log has named, for readers and for
// single questions of the fold: it changes nothing in memory.
func (s *devices) ordinal(d *dictionary, token string) (uint32, bool, error) {
	if d.n == 0 {
		return 0, false, nil
	}
	h := hashToken(token)
	if end, known := d.known(h); known {
		return end - 1, end != 0, nil
	}
	b, err := s.store.stored(deviceKey(d.app, d.ch, h))
	if err != nil || b == nil {
		return 0, false, err
	}
	end, err := decodeEnd(b, d.n)
	return end - 1, err == nil, err
}

// known returns the ordinal plus one of a device, 0 when it is new, and false when
// only the store can tell.
func (d *dictionary) known(h tokenHash) (uint32, bool) {
	if d.n == 0 {
		return 0, true
	}
	if len(d.table.parts) == 0 {
		return 0, false
	}
	g := d.table.segment(h)
	end := g.find(h)
	return end, end != 0 || g.complete
}

// decodeEnd reads the value of a row of a device, one of n: its ordinal; the result is
// one more.
func decodeEnd(b []byte, n uint32) (uint32, error) {
	if len(b) != 4 {
		return 0, errDamaged
	}
	ord := binary.BigEndian.Uint32(b)
	if ord >= n {
		return 0, errDamaged
	}
	return ord + 1, nil
}

// hash hashes the devices that are to be looked for next.
func (s *devices) hash(tokens []string) {
	s.hashes, s.ahead.d, s.fresh = s.hashes[:0], nil, false
	for _, t := range tokens {
		s.hashes = append(s.hashes, hashToken(t))
	}
}

// locate looks for the devices that were hashed and returns of each the ordinal plus one, 0 where the
// log has not named it. The result is valid until the next call. For the fold only.
func (s *devices) locate(d *dictionary) ([]uint32, error) {
	s.use(d)
	s.ends, s.misses = s.ends[:0], s.misses[:0]
	// Nearly every look-up misses the processor's caches. Looking at all slots
	// first, with nothing in between, lets it wait for many at a time.
	for _, h := range s.hashes {
		if g := d.table.segment(h); len(g.slots) > 0 {
			s.seen += g.slots[h.place(len(g.slots))].end
		}
	}
	for i, h := range s.hashes {
		g := d.table.segment(h)
		end := g.find(h)
		if end == 0 && !g.complete {
			s.misses = append(s.misses, i)
		}
		s.ends = append(s.ends, end)
	}
	if len(s.misses) == 0 {
		return s.ends, nil
	}
	return s.ends, s.fetch(d)
}

// ordinals returns the ordinals of the devices that were hashed, giving one to each that is new. The
// result is valid until the next call of it or of locate.
func (s *devices) ordinals(d *dictionary, tokens []string) ([]uint32, error) {
	ords, err := s.locate(d)
	if err != nil {
		return nil, err
	}
	before := d.n
	for i, end := range ords {
		if end == 0 {
			if end, err = s.add(d, s.hashes[i], tokens[i]); err != nil {
				return nil, err
			}
		}
		ords[i] = end - 1
	}
	if d.n != before {
		s.unwritten += int(d.n-before) * unwrittenDevice
		if !d.listed {
			d.listed = true
			s.grown = append(s.grown, d)
		}
	}
	return ords, nil
}

// add gives a device an ordinal, unless the same event has named it already.
func (s *devices) add(d *dictionary, h tokenHash, token string) (uint32, error) {
	if end := d.table.segment(h).find(h); end != 0 {
		return end, nil
	}
	if no := d.n / tokensPerPage; d.n%tokensPerPage != 0 && d.page(no) == nil {
		b, err := s.store.stored(tokensKey(d.app, d.ch, no))
		if err != nil {
			return 0, err
		}
		if err := splitTokens(b, make([]string, d.full(no))); err != nil {
			return 0, err
		}
		d.pages, d.base = [][]byte{b}, no
	}
	size := d.table.size
	ord := d.add(h, token)
	s.size += d.table.size - size
	return ord + 1, nil
}

// due returns how many checkpoints' worth of new devices are not written.
func (s *devices) due() int { return s.unwritten / max(s.budget/8, minUnwritten) }

// use brings a dictionary to the front, with an empty table if it had none, once
// what others or it left behind is within the budget.
func (s *devices) use(d *dictionary) {
	s.tick++
	d.used = s.tick
	for trims := 0; s.size > s.budget && trims < segmentTrims; trims++ {
		if o := s.oldest(); o == d || !s.isIdle(o) {
			s.trim(d)
		} else {
			s.leave(o)
		}
	}
	if d.place != nil {
		s.recent.MoveToFront(d.place)
		return
	}
	d.place = s.recent.PushFront(d)
	d.table.reset(d.n)
	s.size += d.table.size
}

// oldest returns the dictionary in memory that was used longest ago. There is one
// whenever there is anything in memory.
func (s *devices) oldest() *dictionary { return s.recent.Back().Value.(*dictionary) }

func (s *devices) isIdle(d *dictionary) bool { return s.tick-d.used > s.idle }

// trim sends a segment out of memory; it is the turn of each.
func (s *devices) trim(d *dictionary) {
	t := &d.table
	if len(t.parts) == 0 {
		return
	}
	size := t.size
	d.next++
	t.trim(t.parts[d.next%len(t.parts)], d.stored)
	s.size += t.size - size
}

// leave sends a whole dictionary out of memory, or lets it wait for its turn when
// the store lacks some of it.
func (s *devices) leave(d *dictionary) {
	if d.stored != d.n {
		d.used = s.tick
		s.recent.MoveToFront(d.place)
		return
	}
	s.size -= d.table.size
	s.recent.Remove(d.place)
	d.table, d.place, d.pages = table{}, nil, nil
}

// fits reports whether all of a dictionary has room beside what the others have in
// memory. Those that are idle make room.
func (s *devices) fits(d *dictionary) bool {
	for want := int(d.n) * deviceBytes; want <= s.budget; {
		if s.size-d.table.size+want <= s.budget {
			return true
		}
		o := s.oldest()
		if o == d || !s.isIdle(o) {
			return false
		}
		s.leave(o)
	}
	return false
}

// fetch brings in the devices that locate missed: by whole segments where the
// dictionary has room in memory, else one by one, as far as that was not done ahead.
func (s *devices) fetch(d *dictionary) error {
	loads := 0
	if s.fits(d) {
		loads = segmentLoads
	}
	size := d.table.size
	defer func() { s.size += d.table.size - size }()
	rest := s.misses[:0]
	for _, i := range s.misses {
		h := s.hashes[i]
		g := d.table.segment(h)
		if !g.complete && loads > 0 {
			loads--
			if err := s.load(d, g, h); err != nil {
				return err
			}
			g = d.table.segment(h)
		}
		s.ends[i] = g.find(h)
		switch {
		case s.ends[i] != 0 || g.complete:
		case s.ahead.d != d || !s.ahead.asked[i]:
			rest = append(rest, i)
		case s.ahead.ends[i] != 0:
			s.ends[i] = d.table.set(h, s.ahead.ends[i])
		}
	}
	if err := find(s.store.db, d, d.n, s.hashes, rest, s.ends, s.fresh); err != nil {
		return err
	}
	for _, i := range rest {
		if s.ends[i] != 0 {
			s.ends[i] = d.table.set(s.hashes[i], s.ends[i])
		}
	}
	return nil
}

// load reads a segment from the store.
func (s *devices) load(d *dictionary, g *segment, h tokenHash) error {
	t := &d.table
	prefix := newKey(rowDevice).u32(d.app).u8(d.ch)
	from := h[0] >> (32 - g.depth) << (32 - g.depth)
	last := from | uint32(1<<(32-uint64(g.depth))-1)
	it, err := s.store.iterator(slices.Concat(prefix, key{}.u32(from)), slices.Concat(prefix, key{}.u32(last)).end())
	if err != nil {
		return err
	}
	defer it.Close()
	t.grow(g, int(d.n>>g.depth))
	for ok := it.First(); ok; ok = it.Next() {
		r := reader{b: it.Key()[len(prefix):]}
		row := tokenHash{r.fixed32(), r.fixed32(), r.fixed32(), r.fixed32()}
		end, err := decodeEnd(it.Value(), d.n)
		if err != nil || r.bad || len(r.b) != 0 || t.set(row, end) != end {
			return errors.Join(errDamaged, err)
		}
	}
	if err := it.Error(); err != nil {
		return storeError("load devices", err)
	}
	// It may have become several of them.
	for i := from >> (32 - t.depth); i <= last>>(32-t.depth); i++ {
		if g := t.parts[i]; !g.complete {
			g.complete = true
			t.partial--
		}
	}
	if t.partial == 0 && t.entries != d.n {
		return errDamaged
	}
	return nil
}
