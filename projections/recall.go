package projections

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

var (
	errUnknownPush   = errors.New("push: no such push")
	errNotAFact      = errors.New("kind: is not a fact")
	errUnknownRecall = errors.New("data.recall: the push has no such recall")
	errChannel       = errors.New("data.channel: is not that of the subject")
	errKeySubject    = errors.New("data.key: is not that of the subject")
	errTooMany       = fmt.Errorf("the push has more than %d recalls", maxRecallIndex)
)

// foldRequested notes an accepted recall and plans it: every holder as of this
// event is marked. The plan is thus part of the fold, the same on every replay,
// and its size is fixed here for good (L8).
func (p *Projection) foldRequested(u *push, q *events.Requested, m events.Message) error {
	if t, _, err := p.recallRow(u.app, q.Recall); err != nil {
		return err
	} else if t != nil {
		return quarantined(fmt.Errorf("data.recall: %s exists", q.Recall))
	}
	if len(u.recalls) >= maxRecallIndex {
		return quarantined(errTooMany)
	}
	if !channels.Action(q.Action).Valid() {
		return quarantined(fmt.Errorf("data.action: %q is unknown", q.Action))
	}
	r := &recall{}
	if err := p.plan(u, r, q); err != nil {
		return err
	}
	u.recalls = append(u.recalls, r)
	p.store.rows.put(recallKey(u.period.no, u.app.no, q.Recall), []byte(u.id))
	p.store.rows.put(openKey(u.period.no, u.app.no, q.Recall), []byte(u.id))
	u.app.record.LastRecall = m.Time.UTC()
	p.changeApp(u.app)
	return nil
}

// plan marks the notifications the recall concerns.
func (p *Projection) plan(u *push, r *recall, q *events.Requested) error {
	action := channels.Action(q.Action)
	if !q.Scope.Whole() {
		members, err := p.scopeMembers(u.app, q.Scope)
		if err != nil {
			return err
		}
		for _, n := range members {
			if c := u.channel(n.ch); c != nil {
				u.mark(r, c, n.ord, action)
			}
		}
		return nil
	}
	for _, c := range u.channels {
		for _, no := range c.layer.numbers() {
			c.layer.page(no).each(func(off uint16, _ byte) {
				u.mark(r, c, no<<pageBits|uint32(off), action)
			})
		}
	}
	return nil
}

// mark plans one notification if the action concerns it and no recall of the
// same or a greater strength has it already: nobody is touched twice.
func (u *push) mark(r *recall, c *pushChannel, ord uint32, action channels.Action) {
	facts := ledger.Facts(c.layer.get(ord))
	if !ledger.Targets(action, facts.Standing()) || u.taken(c.ch, ord, action, len(u.recalls)) {
		return
	}
	rc := r.createChannel(c.ch)
	rc.setMark(ord, ledger.Planned)
	rc.planned++
}

// taken reports whether one of the push's first n recalls that is at least as
// strong has the notification.
func (u *push) taken(ch uint8, ord uint32, action channels.Action, n int) bool {
	for i, r := range u.recalls[:n] {
		if u.action(i).Strength() < action.Strength() {
			continue
		}
		if rc := r.channel(ch); rc != nil && u.keeps(i, ledger.Mark(rc.layer.get(ord))) {
			return true
		}
	}
	return false
}

// keeps reports whether a mark of the push's i-th recall keeps an equal or
// weaker recall away. What an aborted recall did not carry out is free again,
// or it would be forgotten (L8).
func (u *push) keeps(i int, m ledger.Mark) bool {
	if u.state.Recalls[i].State == ledger.Aborted {
		return m.Outcome() >= ledger.OutcomeAccepted
	}
	return m != 0
}

// setMark writes a mark and keeps the page's count of what is due.
func (c *recallChannel) setMark(ord uint32, m ledger.Mark) {
	pg, _ := c.layer.create(ord >> pageBits)
	off := uint16(ord & (pageSize - 1))
	if ledger.Mark(pg.get(off)).Due() {
		pg.due--
	}
	if m.Due() {
		pg.due++
	}
	pg.set(off, byte(m))
}

// member is one device of a scope.
type member struct {
	ch  uint8
	ord uint32
}

// scopeMembers resolves a device or user scope to devices the log has named.
func (p *Projection) scopeMembers(a *app, s events.Scope) ([]member, error) {
	if s.User != "" {
		list, err := p.userDevices(a, s.User)
		return slices.DeleteFunc(list, func(m member) bool {
			return s.Channel != "" && s.Channel != a.record.Channels[m.ch]
		}), err
	}
	var list []member
	for ch, name := range a.record.Channels {
		if s.Channel != "" && s.Channel != name {
			continue
		}
		ord, ok, err := p.devices.ordinal(a.dicts[ch], s.Device)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, member{uint8(ch), ord})
		}
	}
	return list, nil
}

func (p *Projection) userDevices(a *app, user string) ([]member, error) {
	prefix := userKey(a.no, user)
	rows, err := p.store.scan(scanOptions{from: prefix, to: prefix.end()})
	if err != nil {
		return nil, err
	}
	var list []member
	for _, row := range rows {
		r := reader{b: row.key[len(prefix):]}
		ch, ord := r.u8(), r.fixed32()
		if r.bad || len(r.b) != 0 || int(ch) >= len(a.dicts) {
			return nil, errDamaged
		}
		list = append(list, member{ch, ord})
	}
	return list, nil
}

// lateRecalls returns the indexes of the recalls that still watch for late
// facts as of a message, the strongest first.
func (u *push) lateRecalls(m events.Message) []int {
	var list []int
	for i := range u.state.Recalls {
		r := &u.state.Recalls[i]
		if r.State == ledger.Running && m.Time.Before(r.Deadline) && u.action(i) != channels.Cancel {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b int) int { return u.action(b).Strength() - u.action(a).Strength() })
	return list
}

// late marks a notification that became a holder after a recall (L8).
func (p *Projection) late(u *push, watch []int, c *pushChannel, ord uint32, facts ledger.Facts) error {
	for _, i := range watch {
		action := u.action(i)
		if !ledger.Targets(action, facts.Standing()) || u.taken(c.ch, ord, action, len(u.recalls)) {
			continue
		}
		in, err := p.inScope(u.app, u.state.Recalls[i].Scope, member{c.ch, ord})
		if err != nil {
			return err
		}
		if !in {
			continue
		}
		rc := u.recalls[i].createChannel(c.ch)
		rc.setMark(ord, ledger.Late)
		rc.late++
		p.owe(u, i)
		return nil
	}
	return nil
}

// inScope reports whether a device belongs to a scope, by the same rows as
// scopeMembers: few facts name the user of their devices.
func (p *Projection) inScope(a *app, s events.Scope, m member) (bool, error) {
	switch {
	case s.Channel != "" && s.Channel != a.record.Channels[m.ch]:
		return false, nil
	case s.Device != "":
		ord, ok, err := p.devices.ordinal(a.dicts[m.ch], s.Device)
		return ok && ord == m.ord, err
	case s.User != "":
		v, err := p.store.get(userKey(a.no, s.User).u8(m.ch).u32(m.ord))
		return v != nil, err
	}
	return s.Whole(), nil
}

// find returns the recall's index and the number of the channel.
func (u *push) find(recall, channel string) (int, *recallChannel, error) {
	i := slices.IndexFunc(u.state.Recalls, func(r ledger.Recall) bool { return r.Recall == recall })
	if i < 0 {
		return 0, nil, quarantined(errUnknownRecall)
	}
	ch, ok := u.app.findChannel(channel)
	if !ok {
		return i, nil, nil
	}
	return i, u.recalls[i].channel(ch), nil
}

// foldCommand notes that commands were issued.
func (p *Projection) foldCommand(u *push, d *events.Command, m events.Message) error {
	if !strings.HasSuffix(m.Subject, "."+d.Channel) {
		return quarantined(errChannel)
	}
	_, c, err := u.find(d.Recall, d.Channel)
	if err != nil || c == nil {
		return err
	}
	ends, err := p.devices.locate(u.app.dicts[c.ch])
	if err != nil {
		return err
	}
	for _, end := range ends {
		if end == 0 {
			continue
		}
		ord := end - 1
		if m := ledger.Mark(c.layer.get(ord)); m.Due() {
			c.setMark(ord, m|ledger.Commanded)
			c.commanded++
		}
	}
	p.facts += len(d.Devices)
	return nil
}

// foldOutcome notes what came of commands.
func (p *Projection) foldOutcome(u *push, k events.Kind, d *events.Outcome, m events.Message) error {
	o, ok := ledger.OutcomeOf(k)
	if !ok {
		return quarantined(errNotAFact)
	}
	i, c, err := u.find(d.Recall, d.Channel)
	if err != nil || c == nil {
		return err
	}
	ends, err := p.devices.locate(u.app.dicts[c.ch])
	if err != nil {
		return err
	}
	for _, end := range ends {
		if end == 0 {
			continue
		}
		ord := end - 1
		mark := ledger.Mark(c.layer.get(ord))
		next := mark.With(o)
		if mark == 0 || mark&ledger.Commanded == 0 || next == mark {
			continue
		}
		if before := mark.Outcome(); before == ledger.Pending {
			c.times.add(m.Time.Sub(u.state.Recalls[i].At))
		} else {
			c.outcomes[before]--
		}
		c.outcomes[o]++
		c.setMark(ord, next)
		if o == ledger.OutcomeConfirmed {
			p.join(u, u.createChannel(c.ch), ord, ledger.Removed)
		}
	}
	p.facts += len(d.Devices)
	return nil
}

// foldClosed notes the end of a recall and reports whether it ends by an abort.
func (p *Projection) foldClosed(u *push, k events.Kind, d *events.Closed) (bool, error) {
	r := u.state.Find(d.Recall)
	if r == nil {
		return false, quarantined(errUnknownRecall)
	}
	p.store.rows.delete(openKey(u.period.no, u.app.no, d.Recall))
	return k == events.RecallAborted && r.State == ledger.Running, nil
}

// release offers what an aborted recall has not carried out to the recalls that
// still run: they passed it over because it was taken, and nobody else would
// think of it (L8).
func (p *Projection) release(u *push, recall string, m events.Message) error {
	i := slices.IndexFunc(u.state.Recalls, func(r ledger.Recall) bool { return r.Recall == recall })
	watch := u.lateRecalls(m)
	if len(watch) == 0 {
		return nil
	}
	var failed error
	for _, rc := range u.recalls[i].channels {
		c := u.channel(rc.ch)
		for _, no := range rc.layer.numbers() {
			rc.layer.page(no).each(func(off uint16, v byte) {
				if failed == nil && !u.keeps(i, ledger.Mark(v)) {
					ord := no<<pageBits | uint32(off)
					failed = p.late(u, watch, c, ord, ledger.Facts(c.layer.get(ord)))
				}
			})
		}
	}
	return failed
}

// openRecalls reads the recalls of a period's pushes that still run.
func (p *Projection) openRecalls(t *period) ([]owedRecall, error) {
	prefix := newKey(rowOpen).u16(t.no)
	rows, err := p.store.scan(scanOptions{from: prefix, to: prefix.end()})
	if err != nil {
		return nil, err
	}
	names := map[uint32]string{}
	for _, a := range p.apps {
		names[a.no] = a.name
	}
	list := make([]owedRecall, 0, len(rows))
	for _, r := range rows {
		k := reader{b: r.key[len(prefix):]}
		name := names[k.fixed32()]
		if name == "" {
			return nil, errDamaged
		}
		list = append(list, owedRecall{name, string(r.value), string(k.b)})
	}
	return list, nil
}
