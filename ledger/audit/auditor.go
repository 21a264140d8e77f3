package audit

import (
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// auditor follows the recalled pushes.
type auditor struct {
	report *Report
	places *places
	pushes map[pushID]*push
	// ids are the recalls that were accepted, by app and id.
	ids map[[2]string]bool
	// users are the devices of the users that recalls name.
	users map[[2]string]map[target]bool
}

type pushID struct{ app, push string }

// target is a device on a channel.
type target struct{ channel, device string }

// push is a push with recalls.
type push struct {
	id       pushID
	known    bool
	channels map[string]*channel
	recalls  []*recall
}

// channel holds the notifications of a push on one channel, by number.
type channel struct {
	numbers map[string]int
	facts   []ledger.Facts
	// ended is where the first click or clear stands.
	ended []events.Seq
}

// recall is an accepted recall.
type recall struct {
	events.Requested
	state ledger.RecallState
	// marks are by channel and number; they may be shorter than the channel.
	marks map[string][]mark
	// successor is the new push where that belongs to another partition, else nil.
	successor *successor
}

// due says why a recall concerns a notification.
type due uint8

const (
	unconcerned due = iota
	planned
	late
)

// mark is where a notification stands in a recall.
type mark struct {
	due     due
	outcome ledger.Outcome
	// attempt is the delivery of the command that the outcome is of, 0 when it does
	// not say.
	attempt uint16
	// redriven is true from a re-drive to its outcome.
	redriven bool
	// first and last are the commands; answered is the one that the outcome
	// says it is of.
	first, last, answered events.Seq
}

func newAuditor(r *Report, p *places) *auditor {
	return &auditor{report: r, places: p, pushes: map[pushID]*push{}, ids: map[[2]string]bool{}, users: map[[2]string]map[target]bool{}}
}

// expect notes that a push will have a recall.
func (a *auditor) expect(e *events.Event, q *events.Requested) {
	id := pushID{strings.Clone(e.App), strings.Clone(e.Push)}
	if a.pushes[id] == nil {
		a.pushes[id] = &push{id: id, channels: map[string]*channel{}}
	}
	if q.Scope.User != "" {
		a.users[[2]string{id.app, strings.Clone(q.Scope.User)}] = map[target]bool{}
	}
}

// take follows one event.
func (a *auditor) take(e *events.Event, m events.Message) {
	f, fact := e.Data.(*events.Fact)
	if fact {
		a.name(e.App, f)
	}
	u := a.pushes[pushID{e.App, e.Push}]
	if u == nil {
		switch d := e.Data.(type) {
		case *events.Command:
			a.report.violate(Trace, m.Position, "commands recall %q of push %q, which has no recall", d.Recall, e.Push)
		case *events.Outcome:
			a.report.violate(Trace, m.Position, "tells an outcome of recall %q of push %q, which has no recall", d.Recall, e.Push)
		}
		return
	}
	switch d := e.Data.(type) {
	case *events.Created:
		u.known = true
	case *events.Fact:
		u.known = true
		a.fact(u, e.Kind, d, m)
	case *events.Requested:
		a.requested(u, d, m)
	case *events.Closed:
		a.closed(u, e.Kind, d, m)
	case *events.Command:
		a.command(u, d, m)
	case *events.Outcome:
		a.outcome(u, e.Kind, d, m)
	}
}

// name notes the devices of users whom recalls name.
func (a *auditor) name(app string, f *events.Fact) {
	for i, user := range f.Users {
		if devices := a.users[[2]string{app, user}]; devices != nil {
			devices[target{strings.Clone(f.Channel), strings.Clone(f.Devices[i])}] = true
		}
	}
}

func (u *push) channel(name string) *channel {
	c := u.channels[name]
	if c == nil {
		c = &channel{numbers: map[string]int{}}
		u.channels[strings.Clone(name)] = c
	}
	return c
}

func (c *channel) number(device string) int {
	n, ok := c.numbers[device]
	if !ok {
		n = len(c.facts)
		c.numbers[strings.Clone(device)] = n
		c.facts, c.ended = append(c.facts, 0), append(c.ended, 0)
	}
	return n
}

// mark returns the mark of a notification, the zero one if it has none.
func (r *recall) mark(name string, n int) mark {
	if list := r.marks[name]; n < len(list) {
		return list[n]
	}
	return mark{}
}

func (r *recall) set(name string, n int, m mark) {
	list := r.marks[name]
	for len(list) <= n {
		list = append(list, mark{})
	}
	list[n] = m
	r.marks[name] = list
}

// fact joins a fact, and finds whom running recalls concern because of it.
func (a *auditor) fact(u *push, k events.Kind, d *events.Fact, m events.Message) {
	bit, ok := ledger.FactOf(k)
	if !ok {
		return
	}
	c := u.channel(d.Channel)
	for i, device := range d.Devices {
		n := c.number(device)
		before := c.facts[n]
		c.facts[n] |= bit
		if bit&(ledger.Clicked|ledger.Cleared) != 0 && c.ended[n] == 0 {
			c.ended[n] = m.Seq
		}
		if c.facts[n] != before || len(d.Users) > 0 && d.Users[i] != "" {
			a.arrive(u, target{d.Channel, device}, m)
		}
	}
}

// arrive gives a notification to the strongest running recall that concerns it
// and watches for it: somebody who turned up late (L8).
func (a *auditor) arrive(u *push, t target, m events.Message) {
	if len(u.recalls) == 0 {
		return
	}
	c := u.channels[t.channel]
	n := c.numbers[t.device]
	watch := slices.Clone(u.recalls)
	slices.SortStableFunc(watch, func(x, y *recall) int { return y.strength() - x.strength() })
	for _, r := range watch {
		if r.state != ledger.Running || !m.Time.Before(r.Deadline) || !a.concerns(u, r, t, c.facts[n]) {
			continue
		}
		r.set(t.channel, n, mark{due: late})
		a.report.Late++
		return
	}
}

func (r *recall) strength() int { return channels.Action(r.Action).Strength() }

// concerns reports whether a recall owes a notification a command: its action
// is for one that stands so, its scope holds it, and no recall of the push that
// is at least as strong has it.
func (a *auditor) concerns(u *push, r *recall, t target, facts ledger.Facts) bool {
	if !ledger.Targets(channels.Action(r.Action), facts.Standing()) || !a.inScope(u, r.Scope, t) {
		return false
	}
	n := u.channels[t.channel].numbers[t.device]
	for _, other := range u.recalls {
		if other.strength() >= r.strength() && other.keeps(other.mark(t.channel, n)) {
			return false
		}
	}
	return true
}

// keeps reports whether a mark keeps other recalls away: an aborted one lets go
// what it did not carry out.
func (r *recall) keeps(m mark) bool {
	if r.state == ledger.Aborted {
		return m.outcome >= ledger.OutcomeAccepted
	}
	return m.due != unconcerned
}

func (a *auditor) inScope(u *push, s events.Scope, t target) bool {
	switch {
	case s.Channel != "" && s.Channel != t.channel:
		return false
	case s.Device != "":
		return s.Device == t.device
	case s.User != "":
		return a.users[[2]string{u.id.app, s.User}][t]
	}
	return true
}

// requested accepts a recall and plans it: everybody who holds the push now.
func (a *auditor) requested(u *push, d *events.Requested, m events.Message) {
	id := [2]string{u.id.app, d.Recall}
	if !u.known || a.ids[id] || !channels.Action(d.Action).Valid() {
		return // the ledger quarantines it
	}
	a.ids[id] = true
	a.report.Recalls++
	r := &recall{Requested: *d, state: ledger.Running, marks: map[string][]mark{}, successor: a.places.accept(u.id.app, d, m)}
	for name, c := range u.channels {
		for device, n := range c.numbers {
			if a.concerns(u, r, target{name, device}, c.facts[n]) {
				r.set(name, n, mark{due: planned})
				a.report.Planned++
			}
		}
	}
	u.recalls = append(u.recalls, r)
}

func (u *push) find(id string) *recall {
	for _, r := range u.recalls {
		if r.Recall == id {
			return r
		}
	}
	return nil
}

// each calls do for every notification a recall concerns.
func (u *push) each(r *recall, do func(t target, n int, m mark)) {
	for name, c := range u.channels {
		for device, n := range c.numbers {
			if m := r.mark(name, n); m.due != unconcerned {
				do(target{name, device}, n, m)
			}
		}
	}
}
