package demo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
)

// answers is what a vendor last said about a device.
type answers uint8

const (
	never answers = iota
	// open: throttled, unknown, or the answer did not get through.
	open
	accepted
	refused
)

// The shares of devices whose vendor does not simply obey.
const (
	throttles = 0.008
	silences  = 0.004
	dead      = 0.006
)

// pauses are how long the vendors take for one call. Those that take one device
// a call are quick.
var pauses = map[string]time.Duration{
	"apns": 18 * time.Millisecond, "fcm": 20 * time.Millisecond,
	"huawei": 140 * time.Millisecond, "xiaomi": 120 * time.Millisecond, "vivo": 100 * time.Millisecond,
}

// vendors are the simulated vendors and the phones behind them. They remember
// what they did in a journal, as a vendor's memory outlives its callers.
type vendors struct {
	c       *campaign
	journal *journal
	now     func() int64
	wait    func(context.Context, time.Duration) error
	list    []*vendor // by lane; nil where nobody can be called
	// calls and answers are kept per device; each vendor writes its own lane.
	calls   []uint8
	answers []answers
	// asOf and at are the newest look a call was based on, and when it came.
	asOf []events.Seq
	at   []int64
}

// vendor stands for one channel.
type vendor struct {
	all     *vendors
	lane    int
	emitter *scripted.Emitter

	mu     sync.Mutex
	recall string
}

// newVendors makes the vendors, without memory.
func newVendors(c *campaign, now func() int64, wait func(context.Context, time.Duration) error) *vendors {
	v := &vendors{
		c: c, now: now, wait: wait, calls: make([]uint8, c.devices), answers: make([]answers, c.devices),
		asOf: make([]events.Seq, c.devices), at: make([]int64, c.devices), list: make([]*vendor, len(c.lanes)),
	}
	for i := range c.lanes {
		channel := c.lanes[i].channel
		row, ok := channels.Lookup(channels.Native, channel)
		if !ok || row.Recall == channels.None {
			continue
		}
		v.list[i] = &vendor{all: v, lane: i, emitter: scripted.New(scripted.Config{
			Row:  row,
			Wait: func(ctx context.Context, d time.Duration) error { return v.wait(ctx, d) },
			Behave: func(device string) scripted.Behaviour {
				n, _ := c.number(i, device)
				return c.behaviour(n, pauses[channel])
			},
		})}
	}
	return v
}

// behaviour is what the vendor does about a device: a function of the seed.
func (c *campaign) behaviour(device int, pause time.Duration) scripted.Behaviour {
	chance := rand.New(rand.NewPCG(^c.seed, scatter(uint64(device))))
	b := scripted.Behaviour{Delay: pause/2 + time.Duration(chance.Int64N(int64(pause)))}
	switch x := chance.Float64(); {
	case x < throttles:
		b.Throttle, b.RetryAfter = 1, 300*time.Millisecond
	case x < throttles+silences:
		b.Unknown, b.UnknownAfterEffect = 1, chance.Float64() < 0.5
	case x < throttles+silences+dead:
		b.Refuse = "unregistered"
	}
	return b
}

// emitters returns what the node calls.
func (v *vendors) emitters() map[string]channels.Emitter {
	m := map[string]channels.Emitter{}
	for i, w := range v.list {
		if w != nil {
			m[v.c.lanes[i].channel] = w
		}
	}
	return m
}

// Emit implements channels.Emitter. A call is in the journal before it has any
// effect.
func (w *vendor) Emit(ctx context.Context, cmd channels.Command) (channels.Reply, error) {
	numbers := make([]uint32, len(cmd.Devices))
	for i, d := range cmd.Devices {
		n, ok := w.all.c.number(w.lane, d)
		if !ok {
			return channels.Reply{}, fmt.Errorf("%s was called for a device it does not have", w.all.c.lanes[w.lane].channel)
		}
		numbers[i] = uint32(n)
	}
	at := w.all.now()
	if err := w.write(cmd, numbers, at); err != nil {
		return channels.Reply{}, err
	}
	return w.carryOut(ctx, cmd, numbers, at)
}

// carryOut notes the call, and what came of it.
func (w *vendor) carryOut(ctx context.Context, cmd channels.Command, numbers []uint32, at int64) (channels.Reply, error) {
	v := w.all
	w.mu.Lock()
	for _, n := range numbers {
		v.calls[n] += min(1, ^v.calls[n])
		v.asOf[n], v.at[n] = max(v.asOf[n], cmd.AsOf), at
		if v.answers[n] == never {
			v.answers[n] = open
		}
	}
	w.mu.Unlock()
	reply, err := w.emitter.Emit(ctx, cmd)
	if err != nil {
		return reply, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, r := range reply.Results {
		switch r.Verdict {
		case channels.Accepted, channels.Confirmed:
			v.answers[numbers[i]] = accepted
		case channels.Refused, channels.Unsupported:
			v.answers[numbers[i]] = refused
		case channels.Throttled, channels.Unknown:
		}
	}
	return reply, nil
}

// The entries of the vendors' journal.
const (
	entryRecall byte = 1
	entryCall   byte = 2
)

// write puts a call into the journal.
func (w *vendor) write(cmd channels.Command, numbers []uint32, at int64) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.recall != cmd.Recall {
		err := w.all.journal.add(func(b []byte) []byte {
			return append(append(b, entryRecall, byte(w.lane)), cmd.Recall...)
		})
		if err != nil {
			return err
		}
		w.recall = cmd.Recall
	}
	return w.all.journal.add(func(b []byte) []byte {
		b = append(b, entryCall, byte(w.lane))
		b = binary.LittleEndian.AppendUint64(b, uint64(cmd.AsOf))
		b = binary.LittleEndian.AppendUint64(b, uint64(at))
		for _, n := range numbers {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return b
	})
}

var errDamaged = errors.New("is damaged")

// remember makes the vendors what they were: their state is the sum of the calls
// they got. It is told the entries of their journal, before the node starts.
func (v *vendors) remember(entry []byte) error {
	if len(entry) < 2 || int(entry[1]) >= len(v.list) || v.list[entry[1]] == nil {
		return errDamaged
	}
	w, b := v.list[entry[1]], entry[2:]
	if entry[0] == entryRecall {
		w.recall = string(b)
		return nil
	}
	if entry[0] != entryCall || len(b) < 16 || len(b)%4 != 0 {
		return errDamaged
	}
	l := &v.c.lanes[w.lane]
	plan := channels.Resolve(channels.Ask{Profile: channels.Native, Channel: l.channel, Action: channels.Recall, Slot: "42", Sends: true, WholeSends: true})
	cmd := channels.Command{
		App: appName, Push: pushName, Recall: w.recall, Channel: l.channel, Action: channels.Recall,
		Method: plan.Method, Slot: slotName, AsOf: events.Seq(binary.LittleEndian.Uint64(b)),
	}
	at := int64(binary.LittleEndian.Uint64(b[8:]))
	var numbers []uint32
	for b = b[16:]; len(b) > 0; b = b[4:] {
		n := binary.LittleEndian.Uint32(b)
		if int(n) < l.first || int(n) >= l.first+l.count {
			return errDamaged
		}
		numbers = append(numbers, n)
		cmd.Devices = append(cmd.Devices, v.c.name(w.lane, int(n)))
	}
	wait := v.wait
	v.wait = func(context.Context, time.Duration) error { return nil }
	_, err := w.carryOut(context.Background(), cmd, numbers, at)
	v.wait = wait
	return err
}

// tally adds up a lane: devices called, how often in all, phones that changed,
// and the most often that one changed.
func (v *vendors) tally(lane int) (devices, calls, touched, effectsMax int) {
	w := v.list[lane]
	if w == nil {
		return 0, 0, 0, 0
	}
	l := &v.c.lanes[lane]
	for d := l.first; d < l.first+l.count; d++ {
		if v.calls[d] > 0 {
			devices++
			calls += int(v.calls[d])
		}
	}
	return devices, calls, w.emitter.Touched(pushName), w.emitter.EffectsMax()
}
