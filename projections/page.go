package projections

import (
	"bytes"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

const (
	// pageBits gives the ordinals of one page: 4096, one byte each.
	pageBits = 12
	pageSize = 1 << pageBits
	// sparseMax is how many entries a page lists before it becomes dense. A
	// page never goes back, so its form depends on its content alone (L3).
	sparseMax = 512
)

// page is one byte for each of 4096 ordinals, as a sorted list while few are
// set and as an array later.
type page struct {
	offsets []uint16
	values  []byte
	dense   []byte
	// due counts the marks that still need a command; only in recall layers.
	due   int
	dirty bool
	// shared is true while a checkpoint may have the values: they are copied
	// before they change.
	shared bool
}

// share hands the values to a checkpoint.
func (p *page) share() page {
	p.dirty, p.shared = false, true
	return page{offsets: p.offsets, values: p.values, dense: p.dense}
}

func (p *page) get(off uint16) byte {
	if p.dense != nil {
		return p.dense[off]
	}
	if i, ok := slices.BinarySearch(p.offsets, off); ok {
		return p.values[i]
	}
	return 0
}

func (p *page) set(off uint16, v byte) {
	p.dirty = true
	if p.shared {
		p.offsets, p.values, p.dense = slices.Clone(p.offsets), slices.Clone(p.values), slices.Clone(p.dense)
		p.shared = false
	}
	if p.dense != nil {
		p.dense[off] = v
		return
	}
	i, ok := slices.BinarySearch(p.offsets, off)
	if ok {
		p.values[i] = v
		return
	}
	if len(p.offsets) < sparseMax {
		p.offsets = slices.Insert(p.offsets, i, off)
		p.values = slices.Insert(p.values, i, v)
		return
	}
	p.dense = make([]byte, pageSize)
	for i, o := range p.offsets {
		p.dense[o] = p.values[i]
	}
	p.offsets, p.values = nil, nil
	p.dense[off] = v
}

// each calls f for every value that is not 0, by offset.
func (p *page) each(f func(off uint16, v byte)) {
	if p.dense != nil {
		for off, v := range p.dense {
			if v != 0 {
				f(uint16(off), v)
			}
		}
		return
	}
	for i, off := range p.offsets {
		f(off, p.values[i])
	}
}

// count returns how many values are not 0.
func (p *page) count() uint32 {
	if p.dense != nil {
		return uint32(pageSize - bytes.Count(p.dense, []byte{0}))
	}
	return uint32(len(p.offsets))
}

// size estimates the memory a page takes, in bytes.
func (p *page) size() int { return 120 + 3*cap(p.offsets) + len(p.dense) }

const (
	formSparse = 0
	formDense  = 1
)

func (p *page) append(b []byte) []byte {
	if p.dense != nil {
		return append(append(b, formDense), p.dense...)
	}
	b = append(b, formSparse)
	for i, off := range p.offsets {
		b = binary.LittleEndian.AppendUint16(b, off)
		b = append(b, p.values[i])
	}
	return b
}

var errDamaged = errors.New("a row of the projection is damaged; stop the node, delete the projection folder and start again: it is rebuilt from the log")

func decodePage(b []byte) (*page, error) {
	if len(b) == 0 {
		return nil, errDamaged
	}
	form, b := b[0], b[1:]
	switch {
	case form == formDense && len(b) == pageSize:
		return &page{dense: slices.Clone(b)}, nil
	case form == formSparse && len(b) > 0 && len(b)%3 == 0 && len(b)/3 <= sparseMax:
		n := len(b) / 3
		p := &page{offsets: make([]uint16, n), values: make([]byte, n)}
		for i := range n {
			p.offsets[i] = binary.LittleEndian.Uint16(b[3*i:])
			p.values[i] = b[3*i+2]
			if p.values[i] == 0 || p.offsets[i] >= pageSize || i > 0 && p.offsets[i] <= p.offsets[i-1] {
				return nil, errDamaged
			}
		}
		return p, nil
	}
	return nil, errDamaged
}

// layer is the pages of one push on one channel: its facts, or the marks of
// one of its recalls.
type layer struct {
	pages map[uint32]*page
	// The page used last: facts of one event touch neighbours.
	lastNo uint32
	last   *page
}

// page returns a page, nil when there is none. It is safe for concurrent readers.
func (l *layer) page(no uint32) *page { return l.pages[no] }

// create returns the page, and whether it was made just now. For the fold only.
func (l *layer) create(no uint32) (*page, bool) {
	if l.last != nil && l.lastNo == no {
		return l.last, false
	}
	p, fresh := l.pages[no], false
	if p == nil {
		if l.pages == nil {
			l.pages = map[uint32]*page{}
		}
		p, fresh = &page{dirty: true}, true
		l.pages[no] = p
	}
	l.lastNo, l.last = no, p
	return p, fresh
}

func (l *layer) get(ord uint32) byte {
	if p := l.page(ord >> pageBits); p != nil {
		return p.get(uint16(ord & (pageSize - 1)))
	}
	return 0
}

// count returns how many values of the layer are not 0.
func (l *layer) count() uint32 {
	n := uint32(0)
	for _, p := range l.pages {
		n += p.count()
	}
	return n
}

// numbers returns the page numbers in order.
func (l *layer) numbers() []uint32 { return slices.Sorted(maps.Keys(l.pages)) }
