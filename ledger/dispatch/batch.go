package dispatch

import (
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// batch gathers the records of one append.
type batch struct {
	partition int
	app, push string
	now       time.Time
	// trace is what the commands carry for those who carry them out.
	trace   string
	records []events.Record
	// tail are the outcomes that follow the commands in the same append.
	tail []events.Record
	// size is the bytes of both.
	size int
}

// full reports whether a command for the devices, and the outcome it may bring
// with it, would be too much for one append.
func (b *batch) full(devices []string) bool {
	const rest, perDevice = 8 << 10, 4 // texts and ids; quotes and comma
	size := rest
	for _, d := range devices {
		size += len(d) + perDevice
	}
	return len(b.records)+len(b.tail)+2 > events.MaxBatch || b.size+2*size > events.MaxBatchBytes
}

// mode is how commands come to be.
type mode struct{ late, redrive bool }

// add commands devices of a recall on a channel, in as many chunks as it takes,
// and returns how many it took: all of them, unless the append is full.
func (b *batch) add(p *projections.Projection, push *ledger.Push, r *ledger.Recall, channel string, devices []string, m mode) (int, error) {
	groups, err := bySends(p, b.app, b.push, push.Profile(), channel, devices)
	if err != nil {
		return 0, err
	}
	taken := 0
	for _, g := range groups {
		c := command(push, r, channel, g.sends)
		c.Late, c.Redrive = m.late, m.redrive
		for part := range slices.Chunk(g.devices, events.MaxCommandDevices) {
			if b.full(part) {
				return taken, nil
			}
			c.Devices = part
			if err := b.command(c); err != nil {
				return taken, err
			}
			taken += len(part)
		}
	}
	return taken, nil
}

// command adds one command. Where the channel offers no way, the outcome goes
// into the same batch: there is nothing to wait for.
func (b *batch) command(c events.Command) error {
	r, err := encode(b.partition, &events.Event{
		Header: events.Header{Kind: events.CommandIssued, App: b.app, Push: b.push, Time: b.now, Trace: b.trace}, Data: &c,
	})
	if err != nil {
		return err
	}
	b.records, b.size = append(b.records, r), b.size+len(r.Data)
	if channels.Method(c.Method) != channels.None {
		return nil
	}
	o := &events.Outcome{Recall: c.Recall, Channel: c.Channel, Devices: c.Devices, Reason: "no-way-back"}
	if r, err = record(b.partition, b.app, b.push, b.now, events.OutcomeUnsupported, o); err != nil {
		return err
	}
	b.tail, b.size = append(b.tail, r), b.size+len(r.Data)
	return nil
}

// sent are devices that the same sends of the vendor reached.
type sent struct {
	sends   []string
	devices []string
}

// bySends groups devices by the vendor's sends that reached them, where the
// channel takes back whole sends; elsewhere all are one group.
func bySends(p *projections.Projection, app, push, profile, channel string, devices []string) ([]sent, error) {
	if row, ok := channels.Lookup(profile, channel); !ok || !row.NeedsSend {
		return []sent{{devices: devices}}, nil
	}
	list, err := p.SendsOf(app, push, channel, devices)
	if err != nil {
		return nil, err
	}
	var groups []sent
	known := map[string]int{}
	for i, d := range devices {
		// An id holds no control character.
		name := strings.Join(list[i], "\x00")
		at, ok := known[name]
		if !ok {
			at, known[name] = len(groups), len(groups)
			groups = append(groups, sent{sends: list[i]})
		}
		groups[at].devices = append(groups[at].devices, d)
	}
	return groups, nil
}

// command is the command.issued of a recall on a channel for devices that the
// same sends reached, without the devices.
func command(push *ledger.Push, r *ledger.Recall, channel string, sends []string) events.Command {
	action := channels.Action(r.Action)
	plan := channels.Resolve(channels.Ask{
		Profile: push.Profile(), Channel: channel, Action: action, Slot: push.Slot(), Sends: len(sends) > 0,
		Force: r.Replacement != nil && r.Replacement.Force, WholeSends: r.WholeSends, Part: !r.Scope.Whole(),
	})
	c := events.Command{
		Recall: r.Recall, Channel: channel, Action: r.Action, Method: string(plan.Method),
		Slot: push.Slot(), Sends: sends, Forced: plan.Forced, Deadline: r.Deadline,
	}
	switch {
	case action == channels.Override && r.Replacement != nil:
		c.Replacement, c.Title, c.Body = r.Replacement.Push, r.Replacement.Title, r.Replacement.Body
	case plan.Method == channels.Overwrite:
		c.Title = r.Notice
	}
	return c
}
