package demo

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// The campaign's time is cut into ticks. The recall comes at recallTick; what is
// reported from then on reaches the ledger while the recall is carried out.
const (
	ticks      = 60
	recallTick = 40
	// sendTicks is how long is sent: a little beyond the recall, as services do
	// that have not heard of it.
	sendTicks = 41
	tickSpan  = time.Second
	// packed is how many devices one event names at most.
	packed = 500
)

// fact is what is reported about a device, in funnel order.
type fact uint8

const (
	sent fact = iota
	delivered
	shown
	clicked
	cleared
	failed
	facts
)

// kind returns the event kind that states the fact.
func (f fact) kind() events.Kind {
	return [facts]events.Kind{
		events.PushSent, events.DeliveryDelivered, events.DisplayShown,
		events.ClickClicked, events.DisplayCleared, events.PushFailed,
	}[f]
}

func (f fact) String() string {
	return [facts]string{"sent", "delivered", "shown", "clicked", "cleared", "failed"}[f]
}

// lane is the simulated devices of one channel, which are numbered in a row,
// and what is likely to happen to them.
type lane struct {
	channel      string
	first, count int
	habits       habits
}

// habits are shares of the lane's devices. shows is 0 on channels whose app
// reports no display: their holders stay possible.
type habits struct {
	fails, delivers, shows, clicks, clears float64
}

// mix is the share of each channel, in percent, and its habits.
var mix = [...]struct {
	channel string
	share   int
	habits  habits
}{
	{"apns", 34, habits{fails: 0.020, delivers: 0.93, shows: 0.90, clicks: 0.095, clears: 0.07}},
	{"fcm", 22, habits{fails: 0.030, delivers: 0.94, shows: 0.88, clicks: 0.090, clears: 0.08}},
	{"huawei", 15, habits{fails: 0.015, delivers: 0.96, clicks: 0.085}},
	{"xiaomi", 13, habits{fails: 0.020, delivers: 0.95, clicks: 0.080}},
	{"vivo", 7, habits{fails: 0.025, delivers: 0.94, clicks: 0.075}},
	{"sms", 9, habits{fails: 0.030, delivers: 0.97, clicks: 0.030}},
}

// repeats is the share of reports that arrive twice.
const repeats = 0.015

// packet is one event: a fact about devices of one lane. Its devices are
// order[from:to] of the campaign.
type packet struct {
	from, to uint32
	tick     uint8
	fact     fact
	lane     uint8
}

// campaign is everything that will be reported, in the order in which it
// reaches the ledger: a function of seed and devices.
type campaign struct {
	seed    uint64
	devices int
	lanes   []lane
	order   []uint32
	packets []packet
	// cut is the index of the first packet at or after the recall.
	cut int
}

// newCampaign makes the campaign.
func newCampaign(seed uint64, devices int) *campaign {
	c := &campaign{seed: seed, devices: devices}
	first := 0
	for i, m := range mix {
		count := devices * m.share / 100
		if i == len(mix)-1 {
			count = devices - first
		}
		c.lanes = append(c.lanes, lane{channel: m.channel, first: first, count: count, habits: m.habits})
		first += count
	}
	c.arrange()
	return c
}

// arrange sorts all reports by tick, and packs those of a tick that are alike.
// It counts first and fills then, so that nothing is held twice.
func (c *campaign) arrange() {
	groups := ticks * int(facts) * len(c.lanes)
	ends := make([]uint32, groups+1)
	key := func(lane, tick int, f fact) int { return (tick*int(facts)+int(f))*len(c.lanes) + lane }
	c.each(func(_, lane int, f fact, tick int) { ends[key(lane, tick, f)+1]++ })
	for i := range groups {
		ends[i+1] += ends[i]
	}
	c.order = make([]uint32, ends[groups])
	next := append([]uint32(nil), ends[:groups]...)
	c.each(func(device, lane int, f fact, tick int) {
		k := key(lane, tick, f)
		c.order[next[k]] = uint32(device)
		next[k]++
	})
	chance := rand.New(rand.NewPCG(c.seed, ^uint64(0)))
	perTick := int(facts) * len(c.lanes)
	for tick := range ticks {
		if tick == recallTick {
			c.cut = len(c.packets)
		}
		start := len(c.packets)
		for k := tick * perTick; k < (tick+1)*perTick; k++ {
			for from := ends[k]; from < ends[k+1]; from += packed {
				c.packets = append(c.packets, packet{
					from: from, to: min(from+packed, ends[k+1]), tick: uint8(tick),
					fact: fact(k / len(c.lanes) % int(facts)), lane: uint8(k % len(c.lanes)),
				})
			}
		}
		// Reports of different channels and kinds overtake each other.
		some := c.packets[start:]
		chance.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	}
}

// each tells every report of every device, device by device.
func (c *campaign) each(tell func(device, lane int, f fact, tick int)) {
	source := rand.NewPCG(0, 0)
	chance := rand.New(source)
	for l := range c.lanes {
		lane := &c.lanes[l]
		for i := lane.first; i < lane.first+lane.count; i++ {
			source.Seed(c.seed, scatter(uint64(i)))
			lane.habits.story(chance, func(f fact, tick int) {
				if tick < ticks {
					tell(i, l, f, tick)
				}
			})
		}
	}
}

// story tells what is reported about one device. Every report has a delay of its
// own, so that a click may well arrive before the display it was made on.
func (h habits) story(chance *rand.Rand, tell func(f fact, tick int)) {
	report := func(f fact, tick, delay float64) {
		arrival := tick + delay*chance.ExpFloat64()
		tell(f, int(arrival))
		if chance.Float64() < repeats {
			tell(f, int(arrival+4*chance.ExpFloat64()))
		}
	}
	start := sendTicks * chance.Float64()
	report(sent, start, 0.3)
	if chance.Float64() < h.fails {
		report(failed, start, 1.5)
		return
	}
	if chance.Float64() >= h.delivers {
		return
	}
	arrived := start + 2*chance.ExpFloat64()
	report(delivered, arrived, 1)
	seen := arrived + chance.ExpFloat64()
	if chance.Float64() < h.shows {
		report(shown, seen, 1)
	}
	switch choice := chance.Float64(); {
	case choice < h.clicks:
		report(clicked, seen+9*chance.ExpFloat64(), 0.7)
	case choice < h.clicks+h.clears:
		report(cleared, seen+9*chance.ExpFloat64(), 0.7)
	}
}

// scatter spreads neighbouring numbers over the whole range (SplitMix64), so
// that neighbouring devices have nothing in common.
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// name returns a device's id: its channel and number.
func (c *campaign) name(lane, device int) string {
	b := make([]byte, 0, 16)
	b = append(b, c.lanes[lane].channel...)
	b = append(b, '-')
	n := strconv.Itoa(device)
	for range 7 - min(len(n), 7) {
		b = append(b, '0')
	}
	return string(append(b, n...))
}

// number reads what name wrote; false when it is no device of the lane.
func (c *campaign) number(lane int, name string) (int, bool) {
	l := &c.lanes[lane]
	if len(name) <= len(l.channel)+1 || name[:len(l.channel)] != l.channel {
		return 0, false
	}
	n, err := strconv.Atoi(name[len(l.channel)+1:])
	if err != nil || n < l.first || n >= l.first+l.count || c.name(lane, n) != name {
		return 0, false
	}
	return n, true
}

// lane returns the number of a channel's lane.
func (c *campaign) lane(channel string) (int, bool) {
	for i := range c.lanes {
		if c.lanes[i].channel == channel {
			return i, true
		}
	}
	return 0, false
}

// members returns the devices a packet names.
func (c *campaign) members(p packet) []uint32 { return c.order[p.from:p.to] }

// append writes a packet as an event of the push, one line of NDJSON.
func (c *campaign) append(b []byte, p packet, app, push string, began time.Time) ([]byte, error) {
	f := &events.Fact{Channel: c.lanes[p.lane].channel}
	for _, d := range c.members(p) {
		f.Devices = append(f.Devices, c.name(int(p.lane), int(d)))
	}
	if p.fact == failed {
		f.Reason = "unregistered"
	}
	b, err := events.Append(b, &events.Event{
		Header: events.Header{Kind: p.fact.kind(), App: app, Push: push, Time: began.Add(time.Duration(p.tick) * tickSpan)},
		Data:   f,
	})
	if err != nil {
		return nil, fmt.Errorf("write an event: %w", err)
	}
	return append(b, '\n'), nil
}

// reports is how many reports the packets from one to another hold.
func (c *campaign) reports(from, to int) int {
	n := 0
	for _, p := range c.packets[from:to] {
		n += int(p.to - p.from)
	}
	return n
}

// tickOf returns the tick of a packet, or the end for one past the last.
func (c *campaign) tickOf(packet int) int {
	if packet >= len(c.packets) {
		return ticks
	}
	return int(c.packets[packet].tick)
}
