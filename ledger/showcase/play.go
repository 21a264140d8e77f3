package showcase

import (
	"context"
	"errors"
	"fmt"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// play plays one round, and returns with it what differs from the promises.
func (s *stage) play(ctx context.Context, p plot) (Round, []string, error) {
	c, err := s.send(ctx, p)
	if err != nil {
		return Round{}, nil, err
	}
	for _, l := range s.lanes {
		if l.server != nil {
			l.server.Script(l.script(c.plan(l))...)
		}
	}
	r, err := s.takeBack(ctx, c)
	if err != nil {
		return r, nil, err
	}
	return r, s.compare(c, &r), nil
}

// plan is what the matrix promises for a lane.
func (c *scene) plan(l *lane) channels.Plan {
	q := c.request
	return channels.Resolve(channels.Ask{
		Profile: c.profileName(), Channel: l.channel, Action: q.Action, Slot: c.slot, Sends: c.send(l) != "",
		Force: q.Replacement != nil && q.Replacement.Force, WholeSends: q.WholeSends != nil && *q.WholeSends,
	})
}

func (c *scene) profileName() string {
	if c.profile == "" {
		return channels.Native
	}
	return c.profile
}

// script is what goes wrong with the first calls for a plan.
func (v vendor) script(p channels.Plan) []double.Fault {
	switch {
	case p.Method == channels.None:
		return nil
	case p.Forced:
		return v.forced
	}
	return v.trouble
}

// takeBack asks for the recall, waits until it is settled, lets those return who
// were away, and looks at everything.
func (s *stage) takeBack(ctx context.Context, c *scene) (Round, error) {
	calls := map[string]int{}
	for channel, cast := range c.cast {
		l := s.lane(channel)
		calls[channel] = l.calls()
		for _, a := range cast {
			if l.tray != nil {
				a.changes = l.tray.Changes(a.device)
			}
		}
	}
	began := s.c.Clock()
	a, err := s.client.Recall(ctx, c.request, "showcase-"+c.push)
	if err != nil {
		return Round{}, fmt.Errorf("recall: %w", err)
	}
	r := Round{Push: c.push, Slot: c.slot, Recall: a.Recall, Action: string(a.Action), Replacement: a.Replacement}
	if err := s.watch(ctx, a.Recall, "settled", func(projections.Recall) bool { return false }); err != nil {
		return r, fmt.Errorf("wait until the recall is settled: %w", err)
	}
	r.TookMS = s.c.Clock().Sub(began).Milliseconds()
	if err := s.welcome(ctx, c, a.Recall); err != nil {
		return r, err
	}
	for _, l := range s.lanes {
		if len(c.cast[l.channel]) == 0 {
			continue
		}
		ch, err := s.look(ctx, c, l)
		if err != nil {
			return r, err
		}
		ch.Calls = l.calls() - calls[l.channel]
		r.Channels = append(r.Channels, ch)
	}
	return r, s.count(ctx, c, &r)
}

// errSeen ends a watch.
var errSeen = errors.New("seen")

// watch follows a recall until it is at its end, or as asked.
func (s *stage) watch(ctx context.Context, recall, until string, is func(projections.Recall) bool) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	for {
		err := s.client.Watch(ctx, recall, until, func(r projections.Recall) error {
			if is(r) {
				return errSeen
			}
			return nil
		})
		switch {
		case errors.Is(err, errSeen):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.Is(err, api.ErrWatchEnded):
			return err
		}
	}
}

// welcome lets those return who were away: simulated devices get what waited for
// them, real ones ask for themselves and say what they did.
func (s *stage) welcome(ctx context.Context, c *scene, recall string) error {
	for channel, cast := range c.cast {
		l := s.lane(channel)
		for _, a := range cast {
			if !a.away {
				continue
			}
			if l.tray != nil {
				l.tray.Deliver(a.device)
			} else if err := s.phones.connect(ctx, s.client, a.device); err != nil {
				return err
			}
		}
	}
	var holders []string
	for _, a := range c.cast[selfbuilt.Channel] {
		if !a.clicks() {
			holders = append(holders, a.device)
		}
	}
	if len(holders) == 0 {
		return nil
	}
	if err := s.phones.await(ctx, "say everything", holders, func(*selfbuilt.Device) bool { return true }); err != nil {
		return err
	}
	err := s.watch(ctx, recall, "", func(r projections.Recall) bool {
		for _, x := range r.Channels {
			if x.Channel == selfbuilt.Channel {
				return x.Open() == 0 && x.Accepted == 0
			}
		}
		return false
	})
	if err != nil {
		return fmt.Errorf("wait for the phones' confirmations: %w", err)
	}
	return nil
}
