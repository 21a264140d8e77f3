package projections

import (
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// model is the plainest fold of a log: maps of words, no counters, no pages.
// What it is asked it works out anew each time.
type model struct {
	apps        map[string]*modelApp
	quarantined []events.Seq
	applied     events.Seq
	// keep is how long pushes are kept, 0 for ever; week is the newest week of
	// the log.
	keep time.Duration
	week int64
}

type modelApp struct {
	channels []string
	// devices are those of a channel in the order in which the log named them.
	devices map[string][]string
	named   map[spot]bool
	users   map[string]map[spot]bool
	pushes  map[string]*modelPush
	order   []string
	recalls map[string]*modelPush
	keys    map[string]events.Key
	last    time.Time
}

// spot is a device on a channel.
type spot struct{ channel, device string }

type modelPush struct {
	id          string
	week        int64
	first, last events.Seq
	decision    events.Seq
	earliest    time.Time
	started     bool
	created     *events.Created
	// canonical is created as it is encoded.
	canonical     string
	channels      []string
	notifications map[spot]map[string]bool
	commands      map[string]events.Seq
	// sends are the channels with a known send of the vendor, of those that
	// need to know.
	sends   map[string]bool
	recalls []*modelRecall
}

type modelRecall struct {
	events.Requested
	state    string
	seq      events.Seq
	at       time.Time
	closedAt time.Time
	channels []string
	marks    map[spot]*modelMark
}

type modelMark struct {
	late, commanded bool
	outcomes        map[string]bool
	// ended is when the first outcome came, after the recall was accepted.
	ended time.Duration
}

func newModel() *model { return &model{apps: map[string]*modelApp{}} }

const week = 7 * 24 * time.Hour

// forget drops the pushes of whole weeks older than keep when a new week begins.
func (m *model) forget(stored time.Time) {
	unix := time.Unix(0, 0)
	now := int64(stored.Sub(unix) / week)
	if now <= m.week {
		return
	}
	m.week = now
	oldest := int64(stored.Add(-m.keep).Sub(unix) / week)
	for _, a := range m.apps {
		for id, u := range a.pushes {
			if m.keep == 0 || u.week >= oldest {
				continue
			}
			delete(a.pushes, id)
			a.order = slices.DeleteFunc(a.order, func(o string) bool { return o == id })
			for _, r := range u.recalls {
				delete(a.recalls, r.Recall)
			}
		}
	}
}

var factWords = map[events.Kind]string{
	events.PushSent: "sent", events.PushFailed: "failed", events.DeliveryDelivered: "delivered",
	events.DeliveryExpired: "expired", events.DisplayShown: "shown", events.DisplayCleared: "cleared",
	events.ClickClicked: "clicked",
}

var outcomeWords = map[events.Kind]string{
	events.OutcomeAccepted: "accepted", events.OutcomeConfirmed: "confirmed", events.OutcomeRefused: "refused",
	events.OutcomeSkipped: "skipped", events.OutcomeUnsupported: "unsupported", events.OutcomeExpired: "expired",
}

// ranks order the outcomes of one command: the first that is there counts.
var ranks = []string{"confirmed", "accepted", "refused", "skipped", "unsupported", "expired"}

func (m *modelMark) outcome() string {
	for _, o := range ranks {
		if m.outcomes[o] {
			return o
		}
	}
	return "pending"
}

// certainty says how a notification is held: "certain", "delivered", "sent", or
// "" when it is not.
func certainty(facts map[string]bool) string {
	if facts["clicked"] || facts["cleared"] || facts["removed"] {
		return ""
	}
	if facts["shown"] {
		return "certain"
	}
	if facts["delivered"] {
		return "delivered"
	}
	if facts["sent"] && !facts["failed"] && !facts["expired"] {
		return "sent"
	}
	return ""
}

var strengths = map[string]int{"cancel": 1, "terminate": 2, "recall": 3, "override": 3}

// concerns reports whether an action is for notifications that are held so.
func concerns(action, held string) bool {
	switch action {
	case "terminate":
		return held == "sent"
	case "recall", "override":
		return held != ""
	}
	return false
}

// has reports whether an equal or stronger recall has the notification.
func (u *modelPush) has(n spot, action string) bool {
	for _, r := range u.recalls {
		mark := r.marks[n]
		if mark == nil || strengths[r.Action] < strengths[action] {
			continue
		}
		if r.state != "aborted" || mark.outcomes["accepted"] || mark.outcomes["confirmed"] {
			return true
		}
	}
	return false
}

func (a *modelApp) scoped(s events.Scope, n spot) bool {
	if s.Channel != "" && s.Channel != n.channel {
		return false
	}
	if s.Device != "" {
		return s.Device == n.device
	}
	if s.User != "" {
		return a.users[s.User][n]
	}
	return s.Channel == ""
}

// fold applies a message.
func (m *model) fold(msg events.Message) {
	m.applied = msg.Seq
	m.forget(msg.Time)
	if !m.use(msg) {
		m.quarantined = append(m.quarantined, msg.Seq)
	}
}

// use reports false when the message is to be quarantined.
func (m *model) use(msg events.Message) bool {
	e, err := events.Decode(msg.Data)
	if err != nil || events.CheckSubject(msg.Subject, msg.Partition, &e.Header) != nil {
		return false
	}
	a := m.apps[e.App]
	if a == nil {
		a = &modelApp{
			devices: map[string][]string{}, named: map[spot]bool{}, users: map[string]map[spot]bool{},
			pushes: map[string]*modelPush{}, recalls: map[string]*modelPush{}, keys: map[string]events.Key{},
		}
		m.apps[e.App] = a
	}
	if k, ok := e.Data.(*events.Key); ok {
		if msg.Subject != events.KeySubject(msg.Partition, e.App, k.Key) {
			return false
		}
		if _, claimed := a.keys[k.Key]; !claimed {
			a.keys[k.Key] = *k
		}
		return true
	}
	u := a.pushes[e.Push]
	if u == nil {
		switch e.Data.(type) {
		case *events.Created, *events.Fact:
		case *events.Refused:
			return true
		default:
			return false
		}
		u = &modelPush{id: e.Push, week: m.week, first: msg.Seq, notifications: map[spot]map[string]bool{}, commands: map[string]events.Seq{}, sends: map[string]bool{}}
		a.pushes[e.Push] = u
		a.order = append(a.order, e.Push)
	}
	if !a.usePush(u, e, msg) {
		return false
	}
	u.last = msg.Seq
	return true
}

func (a *modelApp) usePush(u *modelPush, e *events.Event, msg events.Message) bool {
	switch d := e.Data.(type) {
	case *events.Created:
		b, err := events.Encode(&events.Event{Data: d})
		if err != nil || u.created != nil && u.canonical != string(b) {
			return false
		}
		u.created, u.canonical = d, string(b)
		u.saw(e, msg)
	case *events.Fact:
		u.saw(e, msg)
		u.started = u.started || e.Kind != events.PushFailed
		if d.Send != "" && slices.Contains([]string{"wecom", "dingtalk"}, d.Channel) {
			u.sends[d.Channel] = true
		}
		for i, device := range d.Devices {
			user := ""
			if len(d.Users) > 0 {
				user = d.Users[i]
			}
			a.fact(u, spot{d.Channel, device}, factWords[e.Kind], user, msg.Time)
		}
	case *events.Requested:
		u.decision = msg.Seq
		return a.request(u, d, msg)
	case *events.Closed:
		u.decision = msg.Seq
		return a.close(u, u.find(d.Recall), e.Kind, msg.Time)
	case *events.Command:
		tokens := strings.Split(msg.Subject, ".")
		channel := tokens[len(tokens)-1]
		if slices.Contains(u.channels, channel) {
			u.commands[channel] = msg.Seq
		}
		return channel == d.Channel && u.command(d)
	case *events.Outcome:
		return u.outcome(d, outcomeWords[e.Kind], msg.Time)
	}
	return true
}

func (u *modelPush) saw(e *events.Event, msg events.Message) {
	for _, t := range []time.Time{e.Time, msg.Time} {
		if u.earliest.IsZero() || t.Before(u.earliest) {
			u.earliest = t
		}
	}
}

func (u *modelPush) find(id string) *modelRecall {
	for _, r := range u.recalls {
		if r.Recall == id {
			return r
		}
	}
	return nil
}

func (a *modelApp) fact(u *modelPush, n spot, word, user string, stored time.Time) {
	if !slices.Contains(a.channels, n.channel) {
		a.channels = append(a.channels, n.channel)
	}
	if !slices.Contains(u.channels, n.channel) {
		u.channels = append(u.channels, n.channel)
	}
	if !a.named[n] {
		a.named[n] = true
		a.devices[n.channel] = append(a.devices[n.channel], n.device)
	}
	if user != "" {
		if a.users[user] == nil {
			a.users[user] = map[spot]bool{}
		}
		a.users[user][n] = true
	}
	facts := u.notifications[n]
	if facts == nil {
		facts = map[string]bool{}
		u.notifications[n] = facts
	}
	news := !facts[word] || user != ""
	facts[word] = true
	if news {
		a.late(u, n, stored)
	}
}

// late lets the strongest recall that watches take a notification.
func (a *modelApp) late(u *modelPush, n spot, stored time.Time) {
	for strength := 3; strength > 0; strength-- {
		for _, r := range u.recalls {
			if strengths[r.Action] != strength || r.state != "running" || !stored.Before(r.Deadline) {
				continue
			}
			if concerns(r.Action, certainty(u.notifications[n])) && a.scoped(r.Scope, n) && !u.has(n, r.Action) {
				r.mark(n, true)
				return
			}
		}
	}
}

func (r *modelRecall) mark(n spot, late bool) {
	if !slices.Contains(r.channels, n.channel) {
		r.channels = append(r.channels, n.channel)
	}
	r.marks[n] = &modelMark{late: late, outcomes: map[string]bool{}}
}

func (a *modelApp) request(u *modelPush, q *events.Requested, msg events.Message) bool {
	if a.recalls[q.Recall] != nil || strengths[q.Action] == 0 {
		return false
	}
	r := &modelRecall{Requested: *q, state: "running", seq: msg.Seq, at: msg.Time, marks: map[spot]*modelMark{}}
	for n, facts := range u.notifications {
		if concerns(q.Action, certainty(facts)) && a.scoped(q.Scope, n) && !u.has(n, q.Action) {
			r.mark(n, false)
		}
	}
	a.recalls[q.Recall] = u
	u.recalls = append(u.recalls, r)
	a.last = msg.Time
	return true
}

// close ends a recall; what an aborted one has not touched is up for the others.
func (a *modelApp) close(u *modelPush, r *modelRecall, k events.Kind, stored time.Time) bool {
	if r == nil || r.state != "running" {
		return r != nil
	}
	r.closedAt, r.state = stored, "completed"
	if k == events.RecallAborted {
		r.state = "aborted"
		for n := range r.marks {
			if !r.marks[n].outcomes["accepted"] && !r.marks[n].outcomes["confirmed"] {
				a.late(u, n, stored)
			}
		}
	}
	return true
}

func (u *modelPush) command(d *events.Command) bool {
	r := u.find(d.Recall)
	if r == nil {
		return false
	}
	for _, device := range d.Devices {
		if mark := r.marks[spot{d.Channel, device}]; mark != nil {
			mark.commanded = true
		}
	}
	return true
}

func (u *modelPush) outcome(d *events.Outcome, word string, stored time.Time) bool {
	r := u.find(d.Recall)
	if r == nil {
		return false
	}
	for _, device := range d.Devices {
		n := spot{d.Channel, device}
		mark := r.marks[n]
		if mark == nil || !mark.commanded {
			continue
		}
		if len(mark.outcomes) == 0 {
			mark.ended = stored.Sub(r.at)
		}
		mark.outcomes[word] = true
		if word == "confirmed" {
			u.notifications[n]["removed"] = true
		}
	}
	return true
}
