package projections

import (
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// Work is a recall that may need commands or an end.
type Work struct {
	App, Push, Recall string
	Deadline          time.Time
	// Due lists the channels with notifications that need a command.
	Due []DueChannel
	// Open is how many notifications have no terminal outcome yet.
	Open uint32
}

// DueChannel counts what is owed on a channel.
type DueChannel struct {
	Channel string
	Due     uint32
	// Fence is the sequence of the newest command on the channel.
	Fence events.Seq
}

// owedRecall names a recall by its place.
type owedRecall struct{ app, push, recall string }

// owe notes that a recall may need commands.
func (p *Projection) owe(u *push, i int) {
	for _, c := range u.recalls[i].channels {
		if c.due() > 0 {
			u.period.owed[owedRecall{u.app.name, u.id, u.state.Recalls[i].Recall}] = struct{}{}
			return
		}
	}
}

// loadOwed fills owed after a start.
func (p *Projection) loadOwed() error {
	for _, t := range p.periods {
		open, err := p.openRecalls(t)
		if err != nil {
			return err
		}
		for _, o := range open {
			t.owed[o] = struct{}{}
		}
	}
	return nil
}

// Owed lists the recalls with notifications that need a command. It costs in
// proportion to them, not to the recalls that run.
func (p *Projection) Owed() ([]Work, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []Work{}
	for _, t := range p.periods {
		for o := range t.owed {
			w, err := p.work(o)
			if err != nil {
				return nil, err
			}
			if len(w.Due) == 0 {
				delete(t.owed, o)
				continue
			}
			list = append(list, w)
		}
	}
	return list, nil
}

// Open lists all recalls that still run.
func (p *Projection) Open() ([]Work, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	list := []Work{}
	for _, t := range p.periods {
		open, err := p.openRecalls(t)
		if err != nil {
			return nil, err
		}
		for _, o := range open {
			w, err := p.work(o)
			if err != nil {
				return nil, err
			}
			list = append(list, w)
		}
	}
	return list, nil
}

func (p *Projection) work(o owedRecall) (Work, error) {
	w := Work{App: o.app, Push: o.push, Recall: o.recall}
	u, i, err := p.lookupRecall(o.app, o.recall, p.readRecord)
	if err != nil {
		return w, err
	}
	if u == nil {
		return w, errDamaged
	}
	w.Deadline = u.state.Recalls[i].Deadline
	if u.state.Recalls[i].State != ledger.Running {
		return w, nil
	}
	for _, c := range u.recalls[i].channels {
		w.Open += c.due() + c.pending()
		if c.due() > 0 {
			w.Due = append(w.Due, DueChannel{u.app.record.Channels[c.ch], c.due(), u.channel(c.ch).command})
		}
	}
	return w, nil
}

// DueDevices returns up to limit devices of a recall on a channel that need a
// command, those planned apart from those late.
func (p *Projection) DueDevices(app, recallID, channel string, limit int) (planned, late []string, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, i, err := p.lookupRecall(app, recallID, p.readPush)
	if err != nil || u == nil {
		return nil, nil, err
	}
	ch, ok := u.app.findChannel(channel)
	c := u.recalls[i].channel(ch)
	if !ok || c == nil {
		return nil, nil, nil
	}
	var tokens tokenReader
	if err := tokens.reset(p, u.app.dicts[ch], limit > tokensPerPage); err != nil {
		return nil, nil, err
	}
	defer tokens.close()
	for _, no := range c.layer.numbers() {
		pg := c.layer.page(no)
		if pg.due == 0 {
			continue
		}
		if len(planned)+len(late) >= limit {
			break
		}
		pg.each(func(off uint16, v byte) {
			if err != nil || !ledger.Mark(v).Due() || len(planned)+len(late) >= limit {
				return
			}
			var token string
			if token, err = tokens.at(no<<pageBits | uint32(off)); err != nil {
				return
			}
			if ledger.Mark(v)&ledger.Late != 0 {
				late = append(late, token)
			} else {
				planned = append(planned, token)
			}
		})
	}
	return planned, late, err
}

// Touch is where a device stands in a recall at this moment.
type Touch struct {
	Facts ledger.Facts
	Mark  ledger.Mark
}

// Touches returns where devices stand in a recall, in their order. It returns
// nil when the recall is not known.
func (p *Projection) Touches(app, recallID, channel string, devices []string) ([]Touch, ledger.RecallState, error) {
	ords, err := p.locate(app, channel, devices)
	if err != nil {
		return nil, "", err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, i, err := p.lookupRecall(app, recallID, p.readPush)
	if err != nil || u == nil {
		return nil, "", err
	}
	list := make([]Touch, len(devices))
	state := u.state.Recalls[i].State
	ch, ok := u.app.findChannel(channel)
	if !ok {
		return list, state, nil
	}
	c, rc := u.channel(ch), u.recalls[i].channel(ch)
	for n, token := range devices {
		ord, ok, err := p.ordinal(ords, n, u.app.dicts[ch], token)
		if err != nil {
			return nil, "", err
		}
		if !ok {
			continue
		}
		if c != nil {
			list[n].Facts = ledger.Facts(c.layer.get(ord))
		}
		if rc != nil {
			list[n].Mark = ledger.Mark(rc.layer.get(ord))
		}
	}
	return list, state, nil
}

// PushBounds returns the app's push and where its events lie in the log, for
// reading its history.
func (p *Projection) PushBounds(app, id string) (first, last events.Seq, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, err := p.peek(app, id)
	if err != nil || u == nil {
		return 0, 0, err
	}
	return u.first, u.last, nil
}

// Target counts, for one channel, the devices an action would be carried out
// for now.
type Target struct {
	Channel           string
	Certain, Possible uint32
	// Undelivered are those of Possible of which no delivery was heard.
	Undelivered uint32
	// Sends is true when the vendor's id of at least one send is known.
	Sends bool
	// Ended counts the notifications nobody holds any more; Clicked are those
	// of them that were clicked.
	Ended, Clicked uint32
}

// Targets counts what a recall would concern now, by the rules by which the
// fold plans it. It returns nil when the push is not known.
func (p *Projection) Targets(app, id string, action channels.Action, scope events.Scope) ([]Target, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, err := p.peek(app, id)
	if err == nil && u != nil && scope.Whole() && len(u.recalls) > 0 {
		u, err = p.lookup(app, id)
	}
	if err != nil || u == nil {
		return nil, err
	}
	byChannel := map[uint8]*Target{}
	var order []uint8
	of := func(ch uint8) *Target {
		if byChannel[ch] == nil {
			c := u.channel(ch)
			byChannel[ch] = &Target{Channel: u.app.record.Channels[ch], Sends: c != nil && c.sends}
			order = append(order, ch)
		}
		return byChannel[ch]
	}
	if scope.Whole() {
		for _, c := range u.channels {
			t := of(c.ch)
			t.Ended, t.Clicked = c.standings[ledger.Ended], c.facts[clickedBit]
			for s := range ledger.Standings {
				t.add(action, ledger.Standing(s), c.standings[s])
			}
		}
		u.eachTaken(action, func(ch uint8, s ledger.Standing) { of(ch).add(action, s, ^uint32(0)) })
	} else {
		members, err := p.scopeMembers(u.app, scope)
		if err == nil {
			err = p.readPages(u, members)
		}
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			c := u.channel(m.ch)
			if c == nil {
				continue
			}
			f := ledger.Facts(c.layer.get(m.ord))
			switch t := of(m.ch); {
			case f == 0:
			case f.Standing() == ledger.Ended:
				t.Ended++
				t.Clicked += uint32(f>>clickedBit) & 1
			case !u.taken(m.ch, m.ord, action, len(u.recalls)):
				t.add(action, f.Standing(), 1)
			}
		}
	}
	list := make([]Target, 0, len(order))
	for _, ch := range order {
		list = append(list, *byChannel[ch])
	}
	return list, nil
}

// clickedBit is the index of ledger.Clicked among the fact counters.
const clickedBit = 3

// add counts n notifications; n may be minus one, as two's complement.
func (t *Target) add(action channels.Action, s ledger.Standing, n uint32) {
	switch {
	case !ledger.Targets(action, s):
	case s == ledger.Displayed:
		t.Certain += n
	default:
		t.Possible += n
		if s == ledger.Undelivered {
			t.Undelivered += n
		}
	}
}

// eachTaken calls f once for every notification that a recall at least as
// strong as the action already concerns.
func (u *push) eachTaken(action channels.Action, f func(ch uint8, s ledger.Standing)) {
	for i, r := range u.recalls {
		if u.action(i).Strength() < action.Strength() {
			continue
		}
		for _, rc := range r.channels {
			c := u.channel(rc.ch)
			for no, pg := range rc.layer.pages {
				pg.each(func(off uint16, v byte) {
					ord := no<<pageBits | uint32(off)
					if u.keeps(i, ledger.Mark(v)) && !u.taken(rc.ch, ord, action, i) {
						f(rc.ch, ledger.Facts(c.layer.get(ord)).Standing())
					}
				})
			}
		}
	}
}

// RecallState returns the decision state of a recall and of its push, nil when
// there is none such.
func (p *Projection) RecallState(app, recallID string) (*ledger.Push, *ledger.Recall, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, i, err := p.lookupRecall(app, recallID, p.readRecord)
	if err != nil || u == nil {
		return nil, nil, err
	}
	state := u.state
	state.Recalls = slices.Clone(u.state.Recalls)
	return &state, &state.Recalls[i], nil
}

// LastCommand returns the sequence of the newest command of a push on a channel.
func (p *Projection) LastCommand(app, id, channel string) (events.Seq, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, err := p.peek(app, id)
	if err != nil || u == nil {
		return 0, err
	}
	ch, ok := u.app.findChannel(channel)
	if c := u.channel(ch); ok && c != nil {
		return c.command, nil
	}
	return 0, nil
}
