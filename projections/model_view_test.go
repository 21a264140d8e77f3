package projections

import (
	"cmp"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// spots lists where a push is, in the order of lists: by channel as the app
// came to use them, then by device as the log named them.
func (a *modelApp) spots(has func(spot) bool) []spot {
	var list []spot
	for _, channel := range a.channels {
		for _, device := range a.devices[channel] {
			if n := (spot{channel, device}); has(n) {
				list = append(list, n)
			}
		}
	}
	return list
}

func factSet(words map[string]bool) ledger.Facts {
	var f ledger.Facts
	for _, n := range ledger.FactNames() {
		if words[n.Name] {
			f |= n.Fact
		}
	}
	return f
}

// shownCertainty is certainty in the words of the lists.
func shownCertainty(facts map[string]bool) string {
	switch c := certainty(facts); c {
	case "delivered", "sent":
		return "possible"
	default:
		return c
	}
}

func (u *modelPush) device(n spot) Device {
	facts := u.notifications[n]
	return Device{Channel: n.channel, Device: n.device, Certainty: shownCertainty(facts), Facts: factSet(facts)}
}

func (a *modelApp) eachNotification(u *modelPush) []Device {
	var list []Device
	for _, n := range a.spots(func(n spot) bool { return u.notifications[n] != nil }) {
		list = append(list, u.device(n))
	}
	return list
}

func (a *modelApp) eachRecalled(u *modelPush, r *modelRecall, outcome string) []Device {
	var list []Device
	for _, n := range a.spots(func(n spot) bool {
		return r.marks[n] != nil && (outcome == "" || r.marks[n].outcome() == outcome)
	}) {
		d := u.device(n)
		d.Mark = r.marks[n].stored()
		list = append(list, d)
	}
	return list
}

func (m *modelMark) stored() ledger.Mark {
	mark := ledger.Planned
	if m.late {
		mark = ledger.Late
	}
	if m.commanded {
		mark |= ledger.Commanded
	}
	for k, word := range outcomeWords {
		if m.outcomes[word] && word == m.outcome() {
			o, _ := ledger.OutcomeOf(k)
			mark |= ledger.Mark(o) << 4
		}
	}
	return mark
}

func (a *modelApp) notification(name string, u *modelPush, n spot) Notification {
	facts := u.notifications[n]
	v := Notification{App: name, Push: u.id, Channel: n.channel, Device: n.device, Facts: factSet(facts).Names(), Certainty: shownCertainty(facts)}
	for _, r := range u.recalls {
		if mark := r.marks[n]; mark != nil {
			v.Recalls = append(v.Recalls, NotificationRecall{r.Recall, r.Action, mark.late, mark.commanded, mark.outcome()})
		}
	}
	return v
}

// memberNotifications lists what some devices have, newest push first.
func (a *modelApp) memberNotifications(name string, s events.Scope, heldOnly bool) []Notification {
	list := []Notification{}
	for _, n := range a.spots(func(n spot) bool { return a.scoped(s, n) }) {
		for _, id := range slices.Backward(a.order) {
			u := a.pushes[id]
			if u.notifications[n] != nil && (!heldOnly || certainty(u.notifications[n]) != "") {
				list = append(list, a.notification(name, u, n))
			}
		}
	}
	return list
}

func (a *modelApp) push(name string, u *modelPush, now time.Time) Push {
	v := Push{
		App: name, Push: u.id, Created: u.created, Status: u.status(now), Start: u.start(),
		First: events.Position{Seq: u.first}, Last: events.Position{Seq: u.last}, Channels: []PushChannel{},
	}
	for _, channel := range u.channels {
		c := PushChannel{Channel: channel, Funnel: map[string]uint32{}}
		for _, n := range ledger.FactNames() {
			c.Funnel[n.Name] = 0
		}
		for n, facts := range u.notifications {
			if n.channel != channel {
				continue
			}
			c.Notifications++
			for word := range facts {
				c.Funnel[word]++
			}
			switch certainty(facts) {
			case "certain":
				c.Certain++
			case "delivered":
				c.Possible++
			case "sent":
				c.Possible++
				c.Undelivered++
			}
		}
		profile, slot := channels.Native, ""
		if u.created != nil {
			slot = u.created.Slot
			profile = cmp.Or(u.created.Profile, channels.Native)
		}
		switch c.Method = channels.Resolve(channels.Ask{Profile: profile, Channel: channel, Action: channels.Recall, Slot: slot, Sends: u.sends[channel], WholeSends: true}).Method; c.Method {
		case channels.None:
			c.Unreachable = c.Certain + c.Possible
		case channels.Withhold:
			c.Unreachable = c.Certain + c.Possible - c.Undelivered
		}
		v.Channels = append(v.Channels, c)
	}
	for _, r := range u.recalls {
		v.Recalls = append(v.Recalls, u.recall(name, r))
	}
	return v
}

func (u *modelPush) start() time.Time {
	if u.created != nil && u.created.ScheduleAt != nil {
		return *u.created.ScheduleAt
	}
	return u.earliest
}

func (u *modelPush) status(now time.Time) string {
	words := map[string]string{"cancel": "cancelled", "terminate": "terminated", "recall": "recalled", "override": "overridden"}
	best := 0
	status := ""
	for _, r := range u.recalls {
		if r.state != "aborted" && r.Scope == (events.Scope{}) && strengths[r.Action] >= best {
			best, status = strengths[r.Action], words[r.Action]
		}
	}
	switch {
	case status != "":
		return status
	case u.started:
		return "sent"
	case u.created != nil && u.created.ScheduleAt != nil && now.Before(*u.created.ScheduleAt):
		return "scheduled"
	}
	return "sending"
}

func (u *modelPush) recall(name string, r *modelRecall) Recall {
	v := Recall{
		App: name, Push: u.id, Recall: r.Recall, Action: r.Action, Scope: r.Scope, By: r.By, Reason: r.Reason,
		Replaces: r.Replacement, State: ledger.RecallState(r.state), Position: events.Position{Seq: r.seq},
		At: r.at, Deadline: r.Deadline, ClosedAt: r.closedAt, Channels: []RecallChannel{}, Percent: 100,
	}
	for _, channel := range slices.Sorted(slices.Values(r.channels)) {
		c := RecallChannel{Channel: channel}
		var times []time.Duration
		for n, mark := range r.marks {
			if n.channel == channel {
				c.RecallCounts = c.Add(mark.counts())
				if len(mark.outcomes) > 0 {
					times = append(times, mark.ended)
				}
			}
		}
		c.T50, c.T95, c.T99 = exact(times, 50), exact(times, 95), exact(times, 99)
		v.Total = v.Total.Add(c.RecallCounts)
		v.Channels = append(v.Channels, c)
	}
	if n := len(r.marks); n > 0 {
		v.Percent = 100 * float64(v.Total.Done()) / float64(n)
	}
	v.Settled = v.Total.Pending == 0 && (v.State != ledger.Running || v.Total.Waiting == 0)
	return v
}

func (m *modelMark) counts() RecallCounts {
	var c RecallCounts
	if m.late {
		c.Late = 1
	} else {
		c.Planned = 1
	}
	if !m.commanded {
		c.Waiting = 1
		return c
	}
	switch m.outcome() {
	case "pending":
		c.Pending = 1
	case "accepted":
		c.Accepted = 1
	case "confirmed":
		c.Confirmed = 1
	case "refused":
		c.Refused = 1
	case "skipped":
		c.Skipped = 1
	case "unsupported":
		c.Unsupported = 1
	case "expired":
		c.Expired = 1
	}
	return c
}

// exact is the nearest-rank percentile in milliseconds, at least one.
func exact(times []time.Duration, percent int) int64 {
	if len(times) == 0 {
		return 0
	}
	slices.Sort(times)
	rank := (percent*len(times) + 99) / 100
	return max(times[rank-1].Milliseconds(), 1)
}

func (u *modelPush) work(app string, r *modelRecall) Work {
	w := Work{App: app, Push: u.id, Recall: r.Recall, Deadline: r.Deadline}
	if r.state != "running" {
		return w
	}
	due := map[string]uint32{}
	for n, mark := range r.marks {
		if !mark.commanded {
			due[n.channel]++
		}
		if len(mark.outcomes) == 0 {
			w.Open++
		}
	}
	for channel, n := range due {
		w.Due = append(w.Due, DueChannel{channel, n, u.commands[channel]})
	}
	slices.SortFunc(w.Due, func(a, b DueChannel) int { return cmp.Compare(a.Channel, b.Channel) })
	return w
}

// targets counts what a recall would concern, by channel in the push's order.
func (a *modelApp) targets(u *modelPush, action string, s events.Scope) []Target {
	list := []Target{}
	for _, channel := range a.channels {
		if !slices.Contains(u.channels, channel) {
			continue
		}
		t, any := Target{Channel: channel, Sends: u.sends[channel]}, s.Whole()
		for _, device := range a.devices[channel] {
			n := spot{channel, device}
			if !a.scoped(s, n) {
				continue
			}
			any = true
			facts := u.notifications[n]
			held := certainty(facts)
			switch {
			case facts == nil:
			case held == "":
				t.Ended++
				if facts["clicked"] {
					t.Clicked++
				}
			case !concerns(action, held) || u.has(n, action):
			case held == "certain":
				t.Certain++
			default:
				t.Possible++
				if held == "sent" {
					t.Undelivered++
				}
			}
		}
		if any {
			list = append(list, t)
		}
	}
	return list
}

func (a *modelApp) state(u *modelPush, s events.Scope) State {
	v := State{LastRecall: a.last, Push: ledger.Push{Created: u.created, First: u.earliest, Started: u.started, Decision: u.decision}}
	for _, r := range u.recalls {
		v.Push.Recalls = append(v.Push.Recalls, ledger.Recall{
			Requested: r.Requested, State: ledger.RecallState(r.state), Seq: r.seq, At: r.at, ClosedAt: r.closedAt,
		})
	}
	for n := range u.notifications {
		v.ScopeKnown = v.ScopeKnown || s != events.Scope{} && a.scoped(s, n)
	}
	return v
}
