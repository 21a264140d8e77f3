package showcase

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// send plays a push up to the moment when somebody notices: it is created, handed
// over, shown, clicked by some, and all of that is reported.
func (s *stage) send(ctx context.Context, p plot) (*scene, error) {
	s.rounds++
	c := &scene{plot: p, round: s.rounds, cast: map[string][]*actor{}}
	at, err := s.report(ctx, p.push, &events.Event{Header: events.Header{Kind: events.PushCreated}, Data: &events.Created{
		Title: oldTitle, Body: oldBody, Audience: events.Audience{Kind: events.AudienceAll}, SlotAuto: true, Profile: p.profile,
	}})
	if err != nil {
		return nil, err
	}
	push, err := s.client.Push(ctx, p.push, api.ReadOptions{AtLeast: at})
	if err != nil {
		return nil, fmt.Errorf("ask for the slot: %w", err)
	}
	c.slot = push.Created.Slot
	var list []*events.Event
	for _, l := range s.lanes {
		if len(p.on) > 0 && !slices.Contains(p.on, l.channel) {
			continue
		}
		for i, r := range l.roles() {
			a := &actor{role: r, device: l.device(c.round*perRound + i)}
			c.cast[l.channel] = append(c.cast[l.channel], a)
			c.handOver(l, a)
		}
		list = append(list, c.facts(l)...)
	}
	if _, err := s.report(ctx, p.push, list...); err != nil {
		return nil, err
	}
	return c, s.unlock(ctx, c)
}

// handOver brings the push to a simulated screen, and lets happen what happens
// there. Real devices ask for it.
func (c *scene) handOver(l *lane, a *actor) {
	if l.tray == nil {
		return
	}
	id := c.id(l)
	if send := c.send(l); send != "" {
		l.tray.Sent(send, a.device, id)
	}
	if a.away {
		l.tray.Wait(a.device, id, oldBody)
	} else {
		l.tray.Show(a.device, id, oldBody)
	}
	if a.clicks() && !l.chat {
		l.tray.Click(a.device, id)
	}
	if a.gone {
		l.server.Kill(a.device)
		l.tray.Remove(a.device, id)
	}
}

// facts are what is reported of a lane: of simulated devices everything, of real
// ones that the push was sent, since they report the rest themselves.
func (c *scene) facts(l *lane) []*events.Event {
	devices := map[events.Kind][]string{}
	for _, a := range c.cast[l.channel] {
		devices[events.PushSent] = append(devices[events.PushSent], a.device)
		for _, k := range a.facts {
			devices[k] = append(devices[k], a.device)
		}
	}
	kinds := []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown, events.ClickClicked}
	if l.tray == nil {
		kinds = kinds[:1]
	}
	var list []*events.Event
	for _, k := range kinds {
		f := &events.Fact{Channel: l.channel, Devices: devices[k]}
		if k == events.PushSent {
			f.Send = c.send(l)
		}
		list = append(list, &events.Event{Header: events.Header{Kind: k}, Data: f})
	}
	return list
}

// unlock switches the real devices on, waits until they show the push, and clicks.
func (s *stage) unlock(ctx context.Context, c *scene) error {
	var on []string
	for _, a := range c.cast[selfbuilt.Channel] {
		if a.away {
			continue
		}
		if err := s.phones.connect(ctx, s.client, a.device); err != nil {
			return err
		}
		on = append(on, a.device)
	}
	err := s.phones.await(ctx, "show the push", on, func(d *selfbuilt.Device) bool { return shows(d, c.push) })
	if err != nil {
		return err
	}
	for _, a := range c.cast[selfbuilt.Channel] {
		if a.clicks() {
			if err := s.phones.on[a.device].Click(ctx, c.push); err != nil {
				return fmt.Errorf("%s: %w", a.device, err)
			}
		}
	}
	return nil
}

// report publishes events of a push and returns the position of the last.
func (s *stage) report(ctx context.Context, push string, list ...*events.Event) (events.Positions, error) {
	var lines []byte
	for _, e := range list {
		e.App, e.Push, e.Time = appName, push, s.c.Clock()
		var err error
		if lines, err = events.Append(lines, e); err != nil {
			return nil, err
		}
		lines = append(lines, '\n')
	}
	a, err := s.client.Publish(ctx, api.TypeNDJSON, bytes.NewReader(lines))
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	if len(a.Refused) > 0 {
		return nil, fmt.Errorf("publish: event %d: %s: %s", a.Refused[0].Index, a.Refused[0].Field, a.Refused[0].Reason)
	}
	return a.Position, nil
}
