package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// app is the tenant of everything that is measured.
const app = "bench"

// The sizes of what services publish.
const (
	// perEvent is how many devices Publisher.Facts puts into one event.
	perEvent = 500
	// perCall is how many devices a service names in one call.
	perCall = 25_000
	// smallShare of the devices get each of the small pushes.
	smallShare = 500
)

// The channels of the population, half of the devices each: one that is called
// device by device and one that takes lists, both without a vendor's rate, which
// would be all that a recall is measured by.
const (
	channelA = "apns"
	channelB = "harmony"
)

// population is the devices everything is sent to.
type population struct {
	// devices are in the order in which services send, reported in the one in
	// which reports of a push to everybody come in: by chance, channel by channel.
	devices, reported []string
	// half is where the second channel's devices begin.
	half int
}

// newPopulation makes devices with tokens of 32 bytes, spread like real ones.
func newPopulation(n int) *population {
	p := &population{devices: make([]string, n), half: n / 2}
	for i := range p.devices {
		p.devices[i] = fmt.Sprintf("%016x%016x", uint64(i)*0x9e3779b97f4a7c15, i)
	}
	p.reported = slices.Clone(p.devices)
	chance := rand.New(rand.NewPCG(uint64(n), 0))
	for _, part := range [][]string{p.reported[:p.half], p.reported[p.half:]} {
		chance.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	return p
}

func (p *population) channel(i int) string {
	if i < p.half {
		return channelA
	}
	return channelB
}

// call is one call of a service: facts of one kind.
type call struct {
	kind    events.Kind
	push    string
	channel string
	devices []string
}

// calls are facts of a push about devices from..to-1, kind after kind.
func (p *population) calls(push string, from, to int, kinds ...events.Kind) []call {
	var list []call
	everybody := to-from == len(p.devices)
	for _, k := range kinds {
		devices := p.devices
		if everybody && k != events.PushSent {
			devices = p.reported
		}
		for i := from; i < to; {
			end := min(i+perCall, to)
			if i < p.half {
				end = min(end, p.half)
			}
			list = append(list, call{k, push, p.channel(i), devices[i:end]})
			i = end
		}
	}
	return list
}

// largePush is the name of the push of a round that goes to everybody.
func largePush(round int) string { return fmt.Sprintf("large-%d", round) }

// largePushes are the names of the pushes of a round that go to everybody: one in
// each partition, as a push lives in one.
func (b *run) largePushes(round int) []string {
	list := []string{largePush(round)}
	n := b.c.partitions()
	if n == 1 {
		return list
	}
	list = make([]string, n)
	for i, found := 0, 0; found < n; i++ {
		name := fmt.Sprintf("%s-%d", largePush(round), i)
		if p := events.PartitionOf(app, name, n); list[p] == "" {
			list[p] = name
			found++
		}
	}
	return list
}

// campaign is that of the population for all partitions.
func (b *run) campaign(round int) []call {
	return b.population.campaign(round, b.c.Pushes, b.largePushes(round)...)
}

// apart divides calls by the partitions of their pushes.
func apart(calls []call, partitions int) [][]call {
	lists := make([][]call, partitions)
	for _, c := range calls {
		p := events.PartitionOf(app, c.push, partitions)
		lists[p] = append(lists[p], c)
	}
	return lists
}

// campaign is what one round publishes: the large pushes to everybody, sent,
// delivered and shown, a tenth clicked; and small pushes besides.
func (p *population) campaign(round, pushes int, large ...string) []call {
	n := len(p.devices)
	shown := []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown}
	tenth := n / 10
	from := round % 10 * tenth
	var list []call
	for _, push := range large {
		list = append(list, p.calls(push, 0, n, shown...)...)
		list = append(list, p.calls(push, from, from+tenth, events.ClickClicked)...)
	}
	size := max(n/smallShare, 1)
	for i := range pushes {
		from := i % (n / size) * size
		list = append(list, p.calls(fmt.Sprintf("small-%d-%d", round, i), from, from+size, shown...)...)
	}
	return list
}

// clicked reports whether device i clicked on the large push of a round.
func (p *population) clicked(round, i int) bool { return i/(len(p.devices)/10) == round%10 }

// facts counts what calls report.
func facts(calls []call) int {
	n := 0
	for i := range calls {
		n += len(calls[i].devices)
	}
	return n
}

// notifications counts what calls send.
func notifications(calls []call) int {
	n := 0
	for i := range calls {
		if calls[i].kind == events.PushSent {
			n += len(calls[i].devices)
		}
	}
	return n
}

// encodeAll is encode for all partitions.
func encodeAll(calls []call, at time.Time, partitions int) ([][]events.Record, error) {
	records := make([][]events.Record, partitions)
	for i, list := range apart(calls, partitions) {
		var err error
		if records[i], err = encode(list, at, i); err != nil {
			return nil, err
		}
	}
	return records, nil
}

// encode writes the events of calls as the publisher of a partition writes them.
func encode(calls []call, at time.Time, partition int) ([]events.Record, error) {
	var records []events.Record
	for _, c := range calls {
		for i := 0; i < len(c.devices); i += perEvent {
			r, err := record(&events.Event{
				Header: events.Header{Kind: c.kind, App: app, Push: c.push, Time: at},
				Data:   &events.Fact{Channel: c.channel, Devices: c.devices[i:min(i+perEvent, len(c.devices))]},
			}, partition)
			if err != nil {
				return nil, err
			}
			records = append(records, r)
		}
	}
	return records, nil
}

func record(e *events.Event, partition int) (events.Record, error) {
	data, err := events.Encode(e)
	if err != nil {
		return events.Record{}, err
	}
	channel := ""
	if c, ok := e.Data.(*events.Command); ok {
		channel = c.Channel
	}
	return events.Record{Subject: events.Subject(partition, e.App, e.Kind, e.Push, channel), Data: data}, nil
}

// batches cuts records where the committer would: at its limits of messages and
// bytes.
func batches(records []events.Record) []jetstream.Batch {
	var list []jetstream.Batch
	for len(records) > 0 {
		n, size := 0, 0
		for n < len(records) && n < events.MaxBatch {
			s := len(records[n].Data) + len(records[n].Subject)
			if n > 0 && size+s > events.MaxBatchBytes {
				break
			}
			size += s
			n++
		}
		list = append(list, jetstream.NewBatch(records[:n]))
		records = records[n:]
	}
	return list
}
