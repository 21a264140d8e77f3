package showcase

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// look reads the screens of a lane and the method from the log.
func (s *stage) look(ctx context.Context, c *scene, l *lane) (Channel, error) {
	cast := c.cast[l.channel]
	ch := Channel{Channel: l.channel, Devices: len(cast), Screens: map[Screen]int{}, Outcomes: map[string]int{}}
	for _, a := range cast {
		now := s.screen(l, a.device)
		switch {
		case !a.clicks():
			ch.Holders++
			ch.Screens[now]++
		case l.chat && now == Nothing:
			ch.Accepted++
		case l.chat && now == Old, now == Nothing:
			ch.Untouched++
		}
	}
	n, err := s.client.Notification(ctx, c.push, cast[0].device, l.channel, api.ReadOptions{})
	if err != nil {
		return ch, fmt.Errorf("read the history of a device on %s: %w", l.channel, err)
	}
	for _, h := range n.History {
		if h.Kind == events.CommandIssued {
			ch.Method, ch.Forced = h.Reason, c.plan(l).Forced && h.Reason == string(channels.Overwrite)
		}
	}
	return ch, nil
}

// screen says in words what a device shows. The devices are new in every round, so
// that it can be nothing but the round's push.
func (s *stage) screen(l *lane, device string) Screen {
	var texts []string
	if l.tray != nil {
		for _, i := range l.tray.Screen(device) {
			texts = append(texts, i.Text)
		}
	} else {
		for _, n := range s.phones.on[device].Screen() {
			texts = append(texts, cmp.Or(n.Body, n.Title))
		}
	}
	return inWords(texts)
}

// inWords says what the texts on a screen are, oldest first.
func inWords(texts []string) Screen {
	switch known := func(list ...string) bool { return slices.Equal(texts, list) }; {
	case len(texts) == 0:
		return Nothing
	case known(oldBody):
		return Old
	case known(ledger.Notice("")):
		return Revoked
	case known(newBody):
		return Replacement
	case known(oldBody, newBody), known(newBody, oldBody):
		return Both
	}
	return Other
}

// count reads the outcome of every device from the ledger. A device that the
// recall should not know is noted as a stranger.
func (s *stage) count(ctx context.Context, c *scene, r *Round) error {
	err := s.client.RecallDevices(ctx, r.Recall, api.RecallDevicesOptions{}, func(d api.RecallDevice) error {
		cast := c.cast[d.Channel]
		i := slices.IndexFunc(cast, func(a *actor) bool { return a.device == d.Device })
		if i < 0 || cast[i].outcome != "" {
			c.strangers++
			return nil
		}
		cast[i].outcome = d.Outcome
		at := slices.IndexFunc(r.Channels, func(x Channel) bool { return x.Channel == d.Channel })
		r.Channels[at].Outcomes[d.Outcome]++
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the recall's devices: %w", err)
	}
	return nil
}
