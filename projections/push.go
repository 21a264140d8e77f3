package projections

import (
	"container/list"
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// push is one push in memory: its decision state, counters and pages.
type push struct {
	app    *app
	period *period
	// no begins with the period, see pushNumber.
	no uint64
	id string
	// first and last are the sequences of its first and last event.
	first, last events.Seq
	state       ledger.Push
	// created is the description as it is stored, so that writing the push
	// back does not encode it again.
	created  []byte
	channels []*pushChannel
	recalls  []*recall

	// changed is the epoch of a change that no checkpoint has taken, 0 when there
	// is none.
	changed uint64
	// used is the fold's tick of the last change, place where that puts the push
	// among those in memory, and cost the size as of the last checkpoint, for
	// eviction.
	used  uint64
	place *list.Element
	cost  int
}

// pushChannel is a push on one channel.
type pushChannel struct {
	ch uint8
	// population counts the notifications, whatever their state.
	population uint32
	// sends is true once the vendor's id of a send is known.
	sends bool
	// command is the sequence of the newest command.issued of the push on the
	// channel: the fence of the next one.
	command   events.Seq
	facts     [ledger.FactBits]uint32
	standings [ledger.Standings]uint32
	layer     layer
}

// recall is one recall of a push: counters and marks by channel. Its decision
// state is the push's ledger.Push.Recalls at the same index.
type recall struct {
	channels []*recallChannel
}

// recallChannel is a recall on one channel.
type recallChannel struct {
	ch        uint8
	planned   uint32
	late      uint32
	commanded uint32
	// outcomes counts marks by outcome; Pending counts those commanded only.
	outcomes [ledger.Outcomes]uint32
	// times is a histogram of the time from acceptance to the first outcome.
	times histogram
	layer layer
}

// histogramBuckets cover one millisecond to 2^40 ms, four to a doubling.
const histogramBuckets = 160

// histogram counts durations in buckets of a quarter power of two.
type histogram map[uint8]uint32

func (h *histogram) add(d time.Duration) {
	if *h == nil {
		*h = histogram{}
	}
	(*h)[bucketOf(d)]++
}

func bucketOf(d time.Duration) uint8 {
	ms := uint64(max(d.Milliseconds(), 1))
	e := bits.Len64(ms) - 1
	// The two bits below the leading one choose the quarter.
	var q uint64
	if e >= 2 {
		q = ms >> (e - 2) & 3
	} else {
		q = ms << (2 - e) & 3
	}
	return uint8(min(uint64(e)*4+q, histogramBuckets-1))
}

// upper is the upper bound of a bucket.
func upper(b uint8) time.Duration {
	e, q := uint(b/4), uint64(b%4)
	return time.Duration((uint64(1)<<e)*(5+q)/4) * time.Millisecond
}

// quantile returns an upper bound of a percentile (nearest rank), 0 when nothing
// is counted.
func (h histogram) quantile(percent uint64) time.Duration {
	var total uint64
	for _, n := range h {
		total += uint64(n)
	}
	if total == 0 {
		return 0
	}
	rank := (percent*total + 99) / 100
	var sum uint64
	for b := range uint8(histogramBuckets) {
		if sum += uint64(h[b]); sum >= rank {
			return upper(b)
		}
	}
	return upper(histogramBuckets - 1)
}

func (p *push) channel(ch uint8) *pushChannel {
	for _, c := range p.channels {
		if c.ch == ch {
			return c
		}
	}
	return nil
}

func (p *push) createChannel(ch uint8) *pushChannel {
	if c := p.channel(ch); c != nil {
		return c
	}
	c := &pushChannel{ch: ch}
	p.channels = append(p.channels, c)
	return c
}

func (r *recall) channel(ch uint8) *recallChannel {
	for _, c := range r.channels {
		if c.ch == ch {
			return c
		}
	}
	return nil
}

func (r *recall) createChannel(ch uint8) *recallChannel {
	if c := r.channel(ch); c != nil {
		return c
	}
	c := &recallChannel{ch: ch}
	r.channels = append(r.channels, c)
	return c
}

// due returns how many notifications still need a command.
func (c *recallChannel) due() uint32 { return c.planned + c.late - c.commanded }

// outcome counts for the marks of a channel; see ledger.Outcome.
func (c *recallChannel) pending() uint32 {
	n := c.commanded
	for _, o := range c.outcomes[1:] {
		n -= o
	}
	return n
}

// maxRecallIndex bounds recalls by the layer number's width.
const maxRecallIndex = ledger.MaxRecalls

// storedRecall is a ledger.Recall as it is stored.
type storedRecall struct {
	Requested events.Requested   `json:"requested"`
	State     ledger.RecallState `json:"state"`
	Seq       events.Seq         `json:"seq"`
	At        time.Time          `json:"at"`
	ClosedAt  time.Time          `json:"closed_at,omitzero"`
	Trace     string             `json:"trace,omitempty"`
}

// storedCreated is the description of a push as it is stored.
type storedCreated struct {
	*events.Created
	Trace string `json:"trace,omitempty"`
}

// encode writes the push record: everything but pages.
func (p *push) encode(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint64(b, p.no)
	b = binary.AppendUvarint(b, uint64(p.first))
	b = binary.AppendUvarint(b, uint64(p.last))
	b = binary.AppendUvarint(b, uint64(p.state.Decision))
	b = binary.AppendVarint(b, unixNano(p.state.First))
	b = append(b, flag(p.state.Started))
	b = appendBytes(b, p.created)
	b = binary.AppendUvarint(b, uint64(len(p.channels)))
	for _, c := range p.channels {
		b = append(b, c.ch, flag(c.sends))
		b = binary.AppendUvarint(b, uint64(c.population))
		b = binary.AppendUvarint(b, uint64(c.command))
		for _, n := range c.facts {
			b = binary.AppendUvarint(b, uint64(n))
		}
		for _, n := range c.standings {
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	b = binary.AppendUvarint(b, uint64(len(p.recalls)))
	for i, r := range p.recalls {
		e := &p.state.Recalls[i]
		j, err := json.Marshal(storedRecall{e.Requested, e.State, e.Seq, e.At, e.ClosedAt, e.Trace})
		if err != nil {
			return nil, err
		}
		b = appendBytes(b, j)
		b = binary.AppendUvarint(b, uint64(len(r.channels)))
		for _, c := range r.channels {
			b = c.encode(b)
		}
	}
	return b, nil
}

func (c *recallChannel) encode(b []byte) []byte {
	b = append(b, c.ch)
	for _, n := range []uint32{c.planned, c.late, c.commanded} {
		b = binary.AppendUvarint(b, uint64(n))
	}
	for _, n := range c.outcomes {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(c.times)))
	for bucket := range uint8(histogramBuckets) {
		if n := c.times[bucket]; n != 0 {
			b = append(b, bucket)
			b = binary.AppendUvarint(b, uint64(n))
		}
	}
	return b
}

// decodePush reads what encode wrote.
func decodePush(a *app, id string, b []byte) (*push, error) {
	r := reader{b: b}
	p := &push{app: a, id: id, no: r.u64()}
	p.first, p.last = events.Seq(r.uvarint()), events.Seq(r.uvarint())
	p.state.Decision = events.Seq(r.uvarint())
	p.state.First = fromUnixNano(r.varint())
	p.state.Started = r.u8() == 1
	p.created = r.bytes()
	if len(p.created) > 0 {
		s := storedCreated{Created: new(events.Created)}
		if err := json.Unmarshal(p.created, &s); err != nil {
			return nil, errDamaged
		}
		p.state.Created, p.state.Trace = s.Created, s.Trace
	}
	for range r.count() {
		c := &pushChannel{ch: r.u8(), sends: r.u8() == 1, population: r.u32(), command: events.Seq(r.uvarint())}
		for i := range c.facts {
			c.facts[i] = r.u32()
		}
		for i := range c.standings {
			c.standings[i] = r.u32()
		}
		p.channels = append(p.channels, c)
	}
	for range r.count() {
		var s storedRecall
		if err := json.Unmarshal(r.bytes(), &s); err != nil {
			return nil, errDamaged
		}
		p.state.Recalls = append(p.state.Recalls, ledger.Recall{
			Requested: s.Requested, Trace: s.Trace, State: s.State, Seq: s.Seq, At: s.At, ClosedAt: s.ClosedAt,
		})
		rc := &recall{}
		for range r.count() {
			rc.channels = append(rc.channels, decodeRecallChannel(&r))
		}
		p.recalls = append(p.recalls, rc)
	}
	if r.bad || len(r.b) != 0 || !p.sound() {
		return nil, errDamaged
	}
	return p, nil
}

// sound reports whether what was decoded can be worked with: channels that the
// app and the push have, and sums that add up.
func (p *push) sound() bool {
	for i, c := range p.channels {
		sum := uint32(0)
		for _, n := range c.standings {
			sum += n
		}
		if int(c.ch) >= len(p.app.dicts) || p.channel(c.ch) != p.channels[i] || sum != c.population {
			return false
		}
	}
	for _, r := range p.recalls {
		for _, c := range r.channels {
			ended := uint64(0)
			for _, n := range c.outcomes[1:] {
				ended += uint64(n)
			}
			if p.channel(c.ch) == nil || r.channel(c.ch) != c ||
				uint64(c.commanded) > uint64(c.planned)+uint64(c.late) || ended > uint64(c.commanded) {
				return false
			}
			for b := range c.times {
				if b >= histogramBuckets {
					return false
				}
			}
		}
	}
	return true
}

func decodeRecallChannel(r *reader) *recallChannel {
	c := &recallChannel{ch: r.u8(), planned: r.u32(), late: r.u32(), commanded: r.u32()}
	for i := range c.outcomes {
		c.outcomes[i] = r.u32()
	}
	for range r.count() {
		if c.times == nil {
			c.times = histogram{}
		}
		b := r.u8()
		c.times[b] = r.u32()
	}
	return c
}

// action returns the action of the push's i-th recall.
func (p *push) action(i int) channels.Action { return channels.Action(p.state.Recalls[i].Action) }

// size estimates the memory the push takes, in bytes.
func (p *push) size() int {
	n := 600 + 2*len(p.created)
	for _, c := range p.channels {
		n += 200
		for _, pg := range c.layer.pages {
			n += pg.size()
		}
	}
	for _, r := range p.recalls {
		n += 600
		for _, c := range r.channels {
			n += 300
			for _, pg := range c.layer.pages {
				n += pg.size()
			}
		}
	}
	return n
}
