package whatif

import (
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// Report answers the question from what was taken so far.
// Errors: ErrUnknownPush, *TooEarlyError, *NoRecallError.
func (r *Replay) Report() (*Report, error) {
	if !r.Known() {
		return nil, ErrUnknownPush
	}
	v := &Report{App: r.c.App, Push: r.c.Push, Start: r.push.Start().UTC(), AsOf: r.newest.time(), Channels: []Channel{}}
	actual := r.actual()
	var recalled time.Time
	if actual != nil {
		recalled = actual.At
		v.Real = &Real{Recall: actual.Recall, Action: actual.Action, State: actual.State, At: actual.At.UTC()}
	}
	at, err := r.c.At.resolve(v.Start, recalled)
	if err != nil {
		return nil, err
	}
	if actual == nil && r.c.Clear == 0 {
		return nil, &NoRecallError{}
	}
	v.RecallAt = at.UTC()
	v.NotEarlier = actual != nil && !at.Before(actual.At)
	for name, c := range r.channels {
		ch := Channel{Channel: name}
		ch.Method, ch.Forced = r.method(name, c, actual)
		ch.Clear, ch.ClearFrom = r.typical(c, actual)
		r.count(&ch, c, actual, at)
		if v.NotEarlier {
			ch.ClicksSaved, ch.DisplaysSaved, ch.ExposureSaved = 0, 0, 0
		}
		v.Channels = append(v.Channels, ch)
		v.Total.add(ch.Figures)
	}
	slices.SortFunc(v.Channels, func(a, b Channel) int { return strings.Compare(a.Channel, b.Channel) })
	return v, nil
}

// actual finds the recall that the question is compared with: nil when the push
// was never recalled as a whole, or only aborted.
func (r *Replay) actual() *ledger.Recall {
	var best *ledger.Recall
	for i := range r.push.Recalls {
		q := &r.push.Recalls[i]
		if !q.Scope.Whole() || q.State == ledger.Aborted || channels.Action(q.Action) == channels.Cancel {
			continue
		}
		if best == nil || rank(q) > rank(best) || rank(q) == rank(best) && q.At.Before(best.At) {
			best = q
		}
	}
	return best
}

// rank puts what takes back displayed notifications before what only withholds.
func rank(q *ledger.Recall) int {
	if channels.Action(q.Action) == channels.Terminate {
		return 0
	}
	return 1
}

// method is how the real recall reached the channel or, where it commanded
// nobody there, how the matrix says that it would.
func (r *Replay) method(name string, c *channel, actual *ledger.Recall) (channels.Method, bool) {
	ask := channels.Ask{
		Profile: r.push.Profile(), Channel: name, Action: channels.Recall, Slot: r.push.Slot(), Sends: c.sends, WholeSends: true,
	}
	if actual != nil {
		if m, ok := c.methods[actual.Recall]; ok {
			return m.Method, m.forced
		}
		ask.Action, ask.WholeSends = channels.Action(actual.Action), actual.WholeSends
		ask.Force = actual.Replacement != nil && actual.Replacement.Force
	}
	plan := channels.Resolve(ask)
	return plan.Method, plan.Forced
}

// typical is the time by which the real recall had cleared half of those it
// cleared on the channel, or the one given.
func (r *Replay) typical(c *channel, actual *ledger.Recall) (time.Duration, Source) {
	var times []time.Duration
	if actual != nil {
		for _, n := range c.devices {
			m := n.find(actual.Recall)
			if m == nil || !m.commanded || m.late {
				continue
			}
			if done := m.done(); done != never {
				times = append(times, max(time.Duration(done-momentOf(actual.At)), 0))
			}
		}
	}
	switch {
	case len(times) > 0:
		slices.Sort(times)
		return times[(len(times)+1)/2-1], FromRecall
	case r.c.Clear > 0:
		return r.c.Clear, Given
	}
	return 0, Unknown
}

func (n *notification) find(recall string) *mark {
	for i := range n.marks {
		if n.marks[i].recall == recall {
			return &n.marks[i]
		}
	}
	return nil
}

// done is when the device confirmed or, where it did not, the vendor accepted.
func (m *mark) done() moment {
	if m.confirmed != never {
		return m.confirmed
	}
	return m.accepted
}

// failed reports a command that an earlier one would not have bettered.
func (m *mark) failed() bool {
	return m != nil && slices.Contains([]ledger.Outcome{ledger.OutcomeRefused, ledger.OutcomeUnsupported, ledger.OutcomeExpired}, m.outcome)
}

// ended is when the notification left the screen in fact, never when nothing
// says that it did.
func (n *notification) ended(c *channel) moment {
	end := n.clicked
	end.join(n.cleared)
	for i := range n.marks {
		m := &n.marks[i]
		if m.confirmed != never || c.methods[m.recall].takes() {
			end.join(m.done())
		}
	}
	return end
}

// count counts what happened on a channel, and what would not have.
func (r *Replay) count(v *Channel, c *channel, actual *ledger.Recall, at time.Time) {
	cleared := momentOf(at.Add(v.Clear))
	takes := method{v.Method, v.Forced}.takes()
	way := v.ClearFrom != Unknown && (takes || v.Method == channels.Withhold)
	for _, n := range c.devices {
		f := n.figures(c, r.newest)
		saves := way && (takes || n.reached > cleared)
		if actual != nil && n.find(actual.Recall).failed() {
			saves = false
		}
		if saves {
			n.save(&f, c, r.newest, cleared)
		}
		v.add(f)
	}
}

// figures is what happened to one notification.
func (n *notification) figures(c *channel, newest moment) Figures {
	f := Figures{Notifications: 1}
	if n.clicked != never {
		f.Clicks = 1
	}
	if n.shown == never {
		if s := n.facts.Standing(); s == ledger.Undelivered || s == ledger.Arrived {
			f.Silent = 1
		}
		return f
	}
	f.Displays = 1
	end := n.ended(c)
	if end == never {
		end, f.OnScreen = newest, 1
	}
	f.Exposure = exposure(n.shown, end)
	return f
}

// save adds what would not have happened, had it been cleared at a moment.
func (n *notification) save(f *Figures, c *channel, newest, cleared moment) {
	if n.clicked > cleared {
		f.ClicksSaved = 1
	}
	if n.shown == never {
		return
	}
	if n.shown > cleared {
		f.DisplaysSaved = 1
	}
	end := n.ended(c)
	if end == never {
		end = newest
	}
	f.ExposureSaved = exposure(max(n.shown, cleared), end)
}
