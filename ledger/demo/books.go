package demo

import "github.com/recall-ledger/recall-ledger/events"

// mark is a device's place in the recall, by the demo's own books.
type mark uint8

const (
	unmarked mark = iota
	// planned held the notification when the recall was accepted.
	planned
	// late became a holder afterwards.
	late
)

// books are what the demo itself knows of its simulated devices: what it
// reported about each, and where in the log that stands. They are kept without
// a look at the ledger's own rules, so that a mistake there shows.
type books struct {
	c *campaign
	// had is a bit per fact, marks the place in the recall, per device.
	had   []uint8
	marks []mark
	// ended is, per device, one more than the packet that first said clicked or
	// cleared; 0 when none did.
	ended []uint32
	// receipts are the acknowledgements, per packet.
	receipts []receipt
	// recall is where the recall was accepted; 0 before.
	recall events.Seq
}

// receipt is what the ledger answered to a packet; the zero receipt is none.
type receipt struct {
	// seq is where the packet stands, or the last of those sent with it.
	seq events.Seq
	// at is when the answer came, in milliseconds since the campaign began.
	at int64
}

func newBooks(c *campaign) *books {
	return &books{
		c: c, had: make([]uint8, c.devices), marks: make([]mark, c.devices),
		ended: make([]uint32, c.devices), receipts: make([]receipt, len(c.packets)),
	}
}

// holds reports whether a device of which so much was reported holds the
// notification unclicked, as far as anybody can know.
func holds(had uint8) bool {
	is := func(f fact) bool { return had&(1<<f) != 0 }
	switch {
	case is(clicked), is(cleared):
		return false
	case is(shown), is(delivered):
		return true
	}
	return is(sent) && !is(failed)
}

// certain reports whether the display itself was reported.
func certain(had uint8) bool { return holds(had) && had&(1<<shown) != 0 }

// enter notes that a packet is on the log. After the recall the packets must be
// entered in the order of the log; before it the order is of no account.
func (b *books) enter(packet int) {
	p := b.c.packets[packet]
	for _, d := range b.c.members(p) {
		if b.had[d]&(1<<p.fact) != 0 {
			continue
		}
		b.had[d] |= 1 << p.fact
		if (p.fact == clicked || p.fact == cleared) && b.ended[d] == 0 {
			b.ended[d] = uint32(packet) + 1
		}
		if b.recall != 0 && b.marks[d] == unmarked && holds(b.had[d]) {
			b.marks[d] = late
		}
	}
}

// accept notes where the recall stands: whoever holds the notification by what
// was entered so far is planned.
func (b *books) accept(recall events.Seq) {
	b.recall = recall
	for d, had := range b.had {
		if holds(had) {
			b.marks[d] = planned
		}
	}
}

// replay enters everything there is a receipt for, around the recall if it was
// accepted: what a demo does that was broken off.
func (b *books) replay(recall events.Seq) {
	for i, r := range b.receipts {
		if r.seq != 0 && (recall == 0 || r.seq < recall) {
			b.enter(i)
		}
	}
	if recall == 0 {
		return
	}
	b.accept(recall)
	for i, r := range b.receipts {
		if r.seq > recall {
			b.enter(i)
		}
	}
}

// left returns where a click or clear of the device stands in the log at the
// latest; the zero receipt when there is none.
func (b *books) left(device int) receipt {
	if n := b.ended[device]; n != 0 {
		return b.receipts[n-1]
	}
	return receipt{}
}

// count is what the books say of one lane.
type count struct {
	facts                              [facts]uint32
	certain, possible, planned, marked uint32
	late                               uint32
}

// counts adds up a lane.
func (b *books) counts(lane int) count {
	var n count
	l := &b.c.lanes[lane]
	for d := l.first; d < l.first+l.count; d++ {
		had := b.had[d]
		for f := range facts {
			n.facts[f] += uint32(had>>f) & 1
		}
		switch {
		case certain(had):
			n.certain++
		case holds(had):
			n.possible++
		}
		switch b.marks[d] {
		case planned:
			n.planned++
		case late:
			n.late++
		case unmarked:
		}
	}
	n.marked = n.planned + n.late
	return n
}
