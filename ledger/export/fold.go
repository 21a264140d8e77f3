package export

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// fold makes notifications and recalls of events. Facts are joined as the ledger
// joins them, so that the words and figures are the same (L4).
type fold struct {
	// limit bounds the notifications.
	limit         int
	notifications map[notificationKey]*notification
	recalls       map[string]*recall
	order         []*recall
	// names holds each push and channel once.
	names map[string]string
}

type notificationKey struct{ push, channel, device string }

// notification is one push on one channel to one device.
type notification struct {
	facts ledger.Facts
	user  string
	first int64
	// at is when each fact was first stored, in Unix microseconds.
	at [ledger.FactBits]int64
	// marks are the recalls that commanded it.
	marks []mark
}

// mark is where a notification stands in a recall.
type mark struct {
	recall    *recall
	late      bool
	commanded int64
	outcome   ledger.Outcome
	outcomeAt int64
	reason    string
}

type recall struct {
	events.Requested
	app, push string
	at        time.Time
	state     ledger.RecallState
	closed    time.Time
}

// LimitError is an export of more notifications than its limit (L11).
type LimitError struct{ Limit int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("the range holds more than %d notifications, the limit", e.Limit)
}

func newFold(limit int) *fold {
	return &fold{limit: limit, notifications: map[notificationKey]*notification{}, recalls: map[string]*recall{}, names: map[string]string{}}
}

func (f *fold) take(e Entry) error {
	v := e.Event
	switch d := v.Data.(type) {
	case *events.Fact:
		return f.fact(e, d)
	case *events.Requested:
		if f.recalls[d.Recall] != nil {
			return nil // the ledger passes a second one over, too
		}
		r := &recall{Requested: *d, app: v.App, push: v.Push, at: e.Stored.UTC(), state: ledger.Running}
		f.recalls[d.Recall], f.order = r, append(f.order, r)
	case *events.Closed:
		r := f.recalls[d.Recall]
		if r == nil || r.state != ledger.Running {
			return nil
		}
		r.closed, r.state = e.Stored.UTC(), ledger.Completed
		if v.Kind == events.RecallAborted {
			r.state = ledger.Aborted
		}
	case *events.Command:
		return f.command(e, d)
	case *events.Outcome:
		return f.outcome(e, d)
	}
	return nil
}

// find returns a notification, made if there is none.
func (f *fold) find(e Entry, channel, device string) (*notification, error) {
	k := notificationKey{e.Event.Push, channel, device}
	if n := f.notifications[k]; n != nil {
		return n, nil
	}
	if len(f.notifications) == f.limit {
		return nil, &LimitError{f.limit}
	}
	// The strings of an event hold all of it in memory.
	k = notificationKey{f.name(k.push), f.name(k.channel), strings.Clone(k.device)}
	n := &notification{first: e.Stored.UnixMicro()}
	f.notifications[k] = n
	return n, nil
}

func (f *fold) name(s string) string {
	if f.names[s] == "" {
		s = strings.Clone(s)
		f.names[s] = s
	}
	return f.names[s]
}

func (f *fold) fact(e Entry, d *events.Fact) error {
	fact, ok := ledger.FactOf(e.Event.Kind)
	if !ok {
		return nil
	}
	for i, device := range d.Devices {
		n, err := f.find(e, d.Channel, device)
		if err != nil {
			return err
		}
		n.join(fact, e.Stored)
		if len(d.Users) > 0 && d.Users[i] != "" {
			n.user = strings.Clone(d.Users[i])
		}
	}
	return nil
}

// join adds a fact; it counts once, and the first time stays.
func (n *notification) join(fact ledger.Facts, stored time.Time) {
	if n.facts&fact != 0 {
		return
	}
	n.facts |= fact
	for i, name := range ledger.FactNames() {
		if name.Fact == fact {
			n.at[i] = stored.UnixMicro()
		}
	}
}

func (f *fold) command(e Entry, d *events.Command) error {
	r := f.recalls[d.Recall]
	if r == nil {
		return nil // the range began behind the recall
	}
	for _, device := range d.Devices {
		n, err := f.find(e, d.Channel, device)
		if err != nil {
			return err
		}
		if n.mark(r) == nil {
			n.marks = append(n.marks, mark{recall: r, late: d.Late, commanded: e.Stored.UnixMicro()})
		}
	}
	return nil
}

func (n *notification) mark(r *recall) *mark {
	for i := range n.marks {
		if n.marks[i].recall == r {
			return &n.marks[i]
		}
	}
	return nil
}

// outcome joins an outcome: the greater one stays, as in the ledger.
func (f *fold) outcome(e Entry, d *events.Outcome) error {
	o, ok := ledger.OutcomeOf(e.Event.Kind)
	r := f.recalls[d.Recall]
	if !ok || r == nil {
		return nil
	}
	for _, device := range d.Devices {
		n := f.notifications[notificationKey{e.Event.Push, d.Channel, device}]
		if n == nil {
			continue
		}
		m := n.mark(r)
		if m == nil || o <= m.outcome {
			continue // it was not commanded, or more is known
		}
		m.outcome, m.outcomeAt, m.reason = o, e.Stored.UnixMicro(), strings.Clone(d.Reason)
		if o == ledger.OutcomeConfirmed {
			n.join(ledger.Removed, e.Stored)
		}
	}
	return nil
}

// each calls do for every notification, by push, channel and device.
func (f *fold) each(do func(notificationKey, *notification) error) error {
	keys := make([]notificationKey, 0, len(f.notifications))
	for k := range f.notifications {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b notificationKey) int {
		return cmp.Or(strings.Compare(a.push, b.push), strings.Compare(a.channel, b.channel), strings.Compare(a.device, b.device))
	})
	for _, k := range keys {
		if err := do(k, f.notifications[k]); err != nil {
			return err
		}
	}
	return nil
}

func micros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// row is the notification as a row.
func (n *notification) row(app string, k notificationKey) Notification {
	r := Notification{App: app, Push: k.push, Channel: k.channel, Device: k.device, User: n.user, FirstAt: micros(n.first), Holder: "no"}
	// In funnel order, as ledger.FactNames has them.
	for i, at := range []*time.Time{&r.SentAt, &r.DeliveredAt, &r.ShownAt, &r.ClickedAt, &r.ClearedAt, &r.FailedAt, &r.ExpiredAt, &r.RemovedAt} {
		*at = micros(n.at[i])
	}
	if c := n.facts.Standing().Certainty(); c != "" {
		r.Holder = c
	}
	r.Recalls = int32(len(n.marks))
	if len(n.marks) > 0 {
		m := n.marks[len(n.marks)-1]
		r.Recall, r.Action, r.CommandedAt, r.Late = m.recall.Recall, m.recall.Action, micros(m.commanded), m.late
		r.Outcome, r.OutcomeAt, r.Reason = m.outcome.String(), micros(m.outcomeAt), m.reason
	}
	return r
}

// table returns the rows of the recalls, in the order of their acceptance.
func (f *fold) table() []Recall {
	type key struct {
		r       *recall
		channel string
	}
	counts := map[key]*Recall{}
	for k, n := range f.notifications {
		for i := range n.marks {
			m := &n.marks[i]
			c := counts[key{m.recall, k.channel}]
			if c == nil {
				c = m.recall.row(k.channel)
				counts[key{m.recall, k.channel}] = c
			}
			c.count(n, m)
		}
	}
	var list []Recall
	for _, r := range f.order {
		before := len(list)
		for k, c := range counts {
			if k.r == r {
				list = append(list, *c)
			}
		}
		if len(list) == before {
			list = append(list, *r.row(noChannel))
		}
		slices.SortFunc(list[before:], func(a, b Recall) int { return strings.Compare(a.Channel, b.Channel) })
	}
	return list
}

func (r *recall) row(channel string) *Recall {
	return &Recall{
		App: r.app, Push: r.push, Recall: r.Recall, Channel: channel, Action: r.Action, Device: r.Scope.Device, User: r.Scope.User,
		By: r.By, Reason: r.Reason, At: r.at, Deadline: r.Deadline.UTC(), State: string(r.state), ClosedAt: r.closed,
	}
}

// count adds one notification to the figures of its recall.
func (r *Recall) count(n *notification, m *mark) {
	r.Commanded++
	if m.late {
		r.Late++
	}
	*[ledger.Outcomes]*int64{
		ledger.Pending: &r.Pending, ledger.OutcomeAccepted: &r.Accepted, ledger.OutcomeConfirmed: &r.Confirmed, ledger.OutcomeRefused: &r.Refused,
		ledger.OutcomeSkipped: &r.Skipped, ledger.OutcomeUnsupported: &r.Unsupported, ledger.OutcomeExpired: &r.Expired,
	}[m.outcome]++
	if at := micros(m.outcomeAt); at.After(r.LastOutcome) {
		r.LastOutcome = at
	}
	for i, name := range ledger.FactNames() {
		if name.Fact == ledger.Clicked && n.at[i] > m.recall.at.UnixMicro() {
			r.ClickedAfter++
		}
	}
}
