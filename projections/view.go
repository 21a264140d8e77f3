package projections

import (
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// Push is what is known of one push.
type Push struct {
	App     string          `json:"app"`
	Push    string          `json:"push"`
	Created *events.Created `json:"created,omitempty"`
	// Status is one word: scheduled, sending, sent, cancelled, terminated,
	// recalled or overridden.
	Status string    `json:"status"`
	Start  time.Time `json:"start"`
	// First and Last are the positions of its first and last event.
	First    events.Position `json:"first"`
	Last     events.Position `json:"last"`
	Channels []PushChannel   `json:"channels"`
	Recalls  []Recall        `json:"recalls,omitempty"`
}

// PushChannel is the funnel of a push on one channel. Each figure counts
// devices; a device counts once for each thing that happened to it.
type PushChannel struct {
	Channel       string            `json:"channel"`
	Notifications uint32            `json:"notifications"`
	Funnel        map[string]uint32 `json:"funnel"`
	// Certain and Possible are the holders: shown and unclicked, and sent or
	// delivered with nothing heard since. Undelivered are the possible ones of
	// which not even a delivery was heard.
	Certain     uint32 `json:"certain"`
	Possible    uint32 `json:"possible"`
	Undelivered uint32 `json:"undelivered"`
	// Method is how a recall would take the push back here, and Unreachable
	// are the holders it could do nothing for.
	Method      channels.Method `json:"method"`
	Unreachable uint32          `json:"unreachable"`
}

// Holders is the number of devices that hold the push on the channel.
func (c PushChannel) Holders() uint32 { return c.Certain + c.Possible }

// Recall is a recall and how far it is.
type Recall struct {
	App      string              `json:"app"`
	Push     string              `json:"push"`
	Recall   string              `json:"recall"`
	Action   string              `json:"action"`
	Scope    events.Scope        `json:"scope,omitzero"`
	By       string              `json:"by,omitempty"`
	Reason   string              `json:"reason,omitempty"`
	Replaces *events.Replacement `json:"replacement,omitempty"`
	State    ledger.RecallState  `json:"state"`
	Position events.Position     `json:"position"`
	At       time.Time           `json:"at"`
	Deadline time.Time           `json:"deadline"`
	ClosedAt time.Time           `json:"closed_at,omitzero"`
	// Trace is the W3C traceparent in which it was accepted.
	Trace string `json:"trace,omitempty"`
	// Percent is how much of planned and late has a terminal outcome, 100
	// when there is nothing to do.
	Percent float64 `json:"percent"`
	// Settled is true when every command has its outcome and none is owed. An
	// aborted recall owes none; a late device can
	// unsettle a running recall until its deadline.
	Settled  bool            `json:"settled"`
	Total    RecallCounts    `json:"total"`
	Channels []RecallChannel `json:"channels"`
}

// RecallChannel is a recall's account on one channel.
type RecallChannel struct {
	Channel string `json:"channel"`
	RecallCounts
	// Time from acceptance to outcome: an upper bound of the 50th, 95th and
	// 99th percentile, in milliseconds, at a resolution of a quarter doubling.
	T50 int64 `json:"t50_ms"`
	T95 int64 `json:"t95_ms"`
	T99 int64 `json:"t99_ms"`
}

// RecallCounts is an account whose sums add up: Planned + Late = Waiting +
// Pending + Accepted + Confirmed + Refused + Skipped + Unsupported + Expired.
type RecallCounts struct {
	// Planned were holders when the recall was accepted, Late came after.
	Planned uint32 `json:"planned"`
	Late    uint32 `json:"late"`
	// Waiting have no command yet, Pending have one without an outcome.
	Waiting     uint32 `json:"waiting"`
	Pending     uint32 `json:"pending"`
	Accepted    uint32 `json:"accepted"`
	Confirmed   uint32 `json:"confirmed"`
	Refused     uint32 `json:"refused"`
	Skipped     uint32 `json:"skipped"`
	Unsupported uint32 `json:"unsupported"`
	Expired     uint32 `json:"expired"`
}

// Open is how many notifications have no terminal outcome yet.
func (c RecallCounts) Open() uint32 { return c.Waiting + c.Pending }

// Done is how many notifications have a terminal outcome.
func (c RecallCounts) Done() uint32 {
	return c.Accepted + c.Confirmed + c.Refused + c.Skipped + c.Unsupported + c.Expired
}

// Add sums two accounts.
func (c RecallCounts) Add(o RecallCounts) RecallCounts {
	return RecallCounts{
		Planned: c.Planned + o.Planned, Late: c.Late + o.Late, Waiting: c.Waiting + o.Waiting,
		Pending: c.Pending + o.Pending, Accepted: c.Accepted + o.Accepted, Confirmed: c.Confirmed + o.Confirmed,
		Refused: c.Refused + o.Refused, Skipped: c.Skipped + o.Skipped,
		Unsupported: c.Unsupported + o.Unsupported, Expired: c.Expired + o.Expired,
	}
}

func (p *Projection) viewPush(u *push, now time.Time) *Push {
	v := &Push{
		App: u.app.name, Push: u.id, Created: u.state.Created, Status: u.state.Status(now),
		Start: u.state.Start().UTC(), First: p.at(u.first), Last: p.at(u.last), Channels: []PushChannel{},
	}
	for _, c := range u.channels {
		v.Channels = append(v.Channels, viewChannel(u, c))
	}
	for i := range u.recalls {
		v.Recalls = append(v.Recalls, p.viewRecall(u, i))
	}
	return v
}

func (p *Projection) at(seq events.Seq) events.Position {
	return events.Position{Partition: p.c.Log.Partition(), Seq: seq}
}

func viewChannel(u *push, c *pushChannel) PushChannel {
	v := PushChannel{
		Channel: u.app.record.Channels[c.ch], Notifications: c.population, Funnel: map[string]uint32{},
		Certain:     c.standings[ledger.Displayed],
		Possible:    c.standings[ledger.Undelivered] + c.standings[ledger.Arrived],
		Undelivered: c.standings[ledger.Undelivered],
	}
	for i, n := range ledger.FactNames() {
		v.Funnel[n.Name] = c.facts[i]
	}
	v.Method = channels.Resolve(channels.Ask{
		Profile: u.state.Profile(), Channel: v.Channel, Action: channels.Recall, Slot: u.state.Slot(), Sends: c.sends, WholeSends: true,
	}).Method
	switch v.Method {
	case channels.None:
		v.Unreachable = v.Holders()
	case channels.Withhold:
		v.Unreachable = v.Holders() - v.Undelivered
	}
	return v
}

func (p *Projection) viewRecall(u *push, i int) Recall {
	e := &u.state.Recalls[i]
	v := Recall{
		App: u.app.name, Push: u.id, Recall: e.Recall, Action: e.Action, Scope: e.Scope, By: e.By, Reason: e.Reason,
		Replaces: e.Replacement, State: e.State, Position: p.at(e.Seq), At: e.At.UTC(), Deadline: e.Deadline.UTC(),
		ClosedAt: e.ClosedAt, Trace: e.Trace, Channels: []RecallChannel{},
	}
	for _, c := range u.recalls[i].channels {
		counts := RecallCounts{
			Planned: c.planned, Late: c.late, Waiting: c.due(), Pending: c.pending(),
			Accepted: c.outcomes[ledger.OutcomeAccepted], Confirmed: c.outcomes[ledger.OutcomeConfirmed],
			Refused: c.outcomes[ledger.OutcomeRefused], Skipped: c.outcomes[ledger.OutcomeSkipped],
			Unsupported: c.outcomes[ledger.OutcomeUnsupported], Expired: c.outcomes[ledger.OutcomeExpired],
		}
		v.Total = v.Total.Add(counts)
		v.Channels = append(v.Channels, RecallChannel{
			Channel: u.app.record.Channels[c.ch], RecallCounts: counts,
			T50: c.times.quantile(50).Milliseconds(), T95: c.times.quantile(95).Milliseconds(), T99: c.times.quantile(99).Milliseconds(),
		})
	}
	v.Settled = v.Total.Pending == 0 && (v.Total.Waiting == 0 || v.State != ledger.Running)
	v.Percent = 100
	if all := v.Total.Planned + v.Total.Late; all > 0 {
		v.Percent = 100 * float64(v.Total.Done()) / float64(all)
	}
	return v
}
