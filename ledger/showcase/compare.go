package showcase

import (
	"fmt"
	"slices"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// promise is what the matrix promises for a device of a lane.
type promise struct {
	screen  Screen
	outcome ledger.Outcome
	// changes is how often the screen changes.
	changes int
}

// promise is for a device that holds the push and is neither away nor gone.
func (c *scene) promise(l *lane) promise {
	p := c.plan(l)
	outcome := ledger.OutcomeAccepted
	if l.tray == nil {
		outcome = ledger.OutcomeConfirmed
	}
	switch {
	case p.Method == channels.None:
		return promise{Old, ledger.OutcomeUnsupported, 0}
	case p.Forced:
		return promise{Both, outcome, 1}
	case p.Method == channels.Overwrite && c.request.Action == channels.Override:
		return promise{Replacement, outcome, 1}
	case p.Method == channels.Overwrite:
		return promise{Revoked, outcome, 1}
	}
	return promise{Nothing, outcome, 1}
}

// promised is what a device should show, and what should have come of it; "" for a
// device that no command should name.
func (c *scene) promised(l *lane, a *actor) (promise, string) {
	p, plan := c.promise(l), c.plan(l)
	switch {
	case a.clicks() && !l.chat:
		return promise{screen: Nothing}, ""
	case a.clicks() && plan.WholeSends:
		// It goes with the whole send, which the request accepted.
		return promise{screen: p.screen, changes: p.changes}, ""
	case a.clicks():
		return promise{screen: Old}, ""
	case a.gone:
		return promise{screen: Nothing}, ledger.OutcomeRefused.String()
	}
	return p, p.outcome.String()
}

// compare returns what differs from what the matrix promises, device by device.
// Devices are named by their place, since tokens are nobody's business.
func (s *stage) compare(c *scene, r *Round) []string {
	var found []string
	differ := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("%s: ", r.Action)+fmt.Sprintf(format, args...))
	}
	if c.strangers > 0 {
		differ("the recall has %d entries for devices that are none of its own", c.strangers)
	}
	for _, ch := range r.Channels {
		l := s.lane(ch.Channel)
		if want := string(c.plan(l).Method); ch.Method != want {
			differ("%s: the method on the log is %q, want %q", ch.Channel, ch.Method, want)
		}
		for i, a := range c.cast[ch.Channel] {
			want, outcome := c.promised(l, a)
			if got := s.screen(l, a.device); got != want.screen {
				differ("%s, device %d shows %s, want %s", ch.Channel, i, got, want.screen)
			}
			if a.outcome != outcome {
				differ("%s, device %d: the outcome is %q, want %q", ch.Channel, i, a.outcome, outcome)
			}
			if l.tray == nil && a.away && slices.Contains(s.phones.on[a.device].Seen(), c.push) {
				differ("%s, device %d showed the push on its return", ch.Channel, i)
			}
			// What a device that was away shows was changed more often on the way.
			if l.tray == nil || a.away {
				continue
			}
			if got := l.tray.Changes(a.device) - a.changes; got != want.changes {
				differ("%s, device %d: its screen changed %d times, want %d", ch.Channel, i, got, want.changes)
			}
		}
	}
	return found
}
