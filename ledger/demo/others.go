package demo

import (
	"context"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// othersDevices is how many devices each of the other pushes goes to.
const othersDevices = 100

// others are the pushes of the partitions that the campaign's push is not in, one
// for each: ordinary ones, which the recall must leave alone (L9).
func (p *play) others() []string {
	var list []string
	for partition := range max(p.state.Partitions, 1) {
		if partition == p.home {
			continue
		}
		for n := 1; ; n++ {
			id := fmt.Sprintf("newsletter-%d", n)
			if events.PartitionOf(appName, id, p.state.Partitions) == partition {
				list = append(list, id)
				break
			}
		}
	}
	return list
}

// othersChannel is where they go: to devices of the campaign, which their calls
// would be noticed for.
func (p *play) othersChannel() (channel string, devices []string) {
	l := &p.campaign.lanes[0]
	for n := range min(othersDevices, l.count) {
		devices = append(devices, p.campaign.name(0, l.first+n))
	}
	return l.channel, devices
}

// tellOthers publishes the other pushes.
func (p *play) tellOthers(ctx context.Context) error {
	channel, devices := p.othersChannel()
	var lines []byte
	for _, push := range p.others() {
		for _, e := range []*events.Event{
			{Header: events.Header{Kind: events.PushCreated}, Data: &events.Created{
				Title: "Newsletter", Slot: slotName, Audience: events.Audience{Kind: events.AudienceAll},
			}},
			{Header: events.Header{Kind: events.PushSent}, Data: &events.Fact{Channel: channel, Devices: devices}},
		} {
			e.App, e.Push, e.Time = appName, push, p.state.Began
			var err error
			if lines, err = events.Append(lines, e); err != nil {
				return err
			}
			lines = append(lines, '\n')
		}
	}
	if lines == nil {
		return nil
	}
	_, err := p.post(ctx, lines)
	return err
}

// checkOthers sees that the other pushes are as they were sent.
func (p *play) checkOthers(ctx context.Context) error {
	channel, devices := p.othersChannel()
	for _, id := range p.others() {
		v, err := p.client.Push(ctx, id, api.ReadOptions{})
		if err != nil {
			return err
		}
		if len(v.Recalls) > 0 {
			p.found.differ("%s was recalled", id)
		}
		var holders uint32
		for _, c := range v.Channels {
			if c.Channel == channel {
				holders += c.Certain + c.Possible
			}
		}
		p.found.equal(id+": holders", holders, uint32(len(devices)))
	}
	return nil
}
