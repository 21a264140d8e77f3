package projections

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// lookup returns a push for reading, nil when it is not known. mu is held. A
// push that is only in the store is read into a copy of the caller's own, so
// that reading old pushes does not fill the memory.
func (p *Projection) lookup(app, id string) (*push, error) {
	a := p.findApp(app)
	if a == nil {
		return nil, nil
	}
	return p.find(a, id, p.readPush)
}

// peek is lookup without pages, for what the counters answer: a push of millions
// has a thousand pages.
func (p *Projection) peek(app, id string) (*push, error) {
	a := p.findApp(app)
	if a == nil {
		return nil, nil
	}
	return p.find(a, id, p.readRecord)
}

// within is find for a push of which the period is known.
func (t *period) within(a *app, id string, read func(*period, *app, string) (*push, error)) (*push, error) {
	if u := t.pushes[pushID{a.no, id}]; u != nil {
		return u, nil
	}
	return read(t, a, id)
}

// lookupAt is lookup with only the pages that some devices are on.
func (p *Projection) lookupAt(app, id string, members []member) (*push, error) {
	u, err := p.peek(app, id)
	if err != nil || u == nil {
		return nil, err
	}
	return u, p.readPages(u, members)
}

// readPages adds the pages that some devices are on to a push that was found
// without pages.
func (p *Projection) readPages(u *push, members []member) error {
	if u.inMemory() {
		return nil
	}
	for _, m := range members {
		for no := range len(u.recalls) + 1 {
			k := pageKey(u.no, uint16(no), m.ch, m.ord>>pageBits)
			b, err := p.store.stored(k)
			if err != nil {
				return err
			}
			if b == nil {
				continue
			}
			if err := u.addPage(k[9:], b); err != nil {
				return err
			}
		}
	}
	return nil
}

// Push returns what is known of a push, nil when nothing is. now decides
// between scheduled and sending only.
func (p *Projection) Push(app, id string, now time.Time) (*Push, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, err := p.peek(app, id)
	if err != nil || u == nil {
		return nil, err
	}
	return p.viewPush(u, now), nil
}

// State is what a decision needs of a push and its app.
type State struct {
	Push       ledger.Push
	LastRecall time.Time
	// ScopeKnown is true when the device or user of the scope holds or held
	// the push.
	ScopeKnown bool
}

// State returns the decision state of a push; the zero State when it is not known.
func (p *Projection) State(app, id string, scope events.Scope) (State, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	a := p.findApp(app)
	if a == nil {
		return State{}, nil
	}
	var members []member
	if !scope.Whole() {
		var err error
		if members, err = p.scopeMembers(a, scope); err != nil {
			return State{}, err
		}
	}
	u, err := p.lookupAt(app, id, members)
	if err != nil || u == nil {
		return State{}, err
	}
	s := State{Push: u.state, LastRecall: u.app.record.LastRecall}
	s.Push.Recalls = slices.Clone(u.state.Recalls)
	for _, n := range members {
		if c := u.channel(n.ch); c != nil && c.layer.get(n.ord) != 0 {
			s.ScopeKnown = true
		}
	}
	return s, nil
}

// Recall returns a recall of an app, nil when there is none such.
func (p *Projection) Recall(app, id string) (*Recall, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	u, i, err := p.lookupRecall(app, id, p.readRecord)
	if err != nil || u == nil {
		return nil, err
	}
	v := p.viewRecall(u, i)
	return &v, nil
}

// lookupRecall returns a recall's push, as read gives it when it is not in memory,
// and the recall's index. It is nil when there is none such, or no longer.
func (p *Projection) lookupRecall(app, id string, read func(*period, *app, string) (*push, error)) (*push, int, error) {
	a := p.findApp(app)
	if a == nil {
		return nil, 0, nil
	}
	t, name, err := p.recallRow(a, id)
	if err != nil || t == nil {
		return nil, 0, err
	}
	return t.recall(a, name, id, read)
}

// recallRow returns the period and the push of a recall, nil when there is none
// such.
func (p *Projection) recallRow(a *app, id string) (*period, string, error) {
	for i := len(p.periods) - 1; i >= 0; i-- {
		t := p.periods[i]
		if name, err := p.store.get(recallKey(t.no, a.no, id)); err != nil || name != nil {
			return t, string(name), err
		}
	}
	return nil, "", nil
}

// recall returns the push and the index of a recall that has a row in the period.
func (t *period) recall(a *app, name, id string, read func(*period, *app, string) (*push, error)) (*push, int, error) {
	u, err := t.within(a, name, read)
	if err != nil {
		return nil, 0, err
	}
	i := -1
	if u != nil {
		i = slices.IndexFunc(u.state.Recalls, func(r ledger.Recall) bool { return r.Recall == id })
	}
	if i < 0 {
		return nil, 0, errDamaged
	}
	return u, i, nil
}

// Key returns the claim of an idempotency key, nil when it is free.
func (p *Projection) Key(app, k string) (*events.Key, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	a := p.findApp(app)
	if a == nil {
		return nil, nil
	}
	b, err := p.store.get(claimKey(a.no, k))
	if err != nil || b == nil {
		return nil, err
	}
	var s storedKey
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, errDamaged
	}
	return &s.Key, nil
}

// Stats are the projection's own figures. Pushes and notifications are those that
// are kept, see Config.Keep; apps, devices and quarantined messages are never
// forgotten.
type Stats struct {
	Applied       events.Position `json:"applied"`
	AppliedTime   time.Time       `json:"applied_time,omitzero"`
	Apps          int             `json:"apps"`
	Pushes        uint64          `json:"pushes"`
	Devices       uint64          `json:"devices"`
	Notifications uint64          `json:"notifications"`
	Quarantined   uint64          `json:"quarantined"`
	// DiskBytes is what the store takes on disk.
	DiskBytes uint64 `json:"disk_bytes"`
}

// Stats returns the projection's own figures.
func (p *Projection) Stats() Stats {
	p.mu.RLock()
	defer p.mu.RUnlock()
	var disk uint64
	if !p.store.closed {
		disk = p.store.db.Metrics().DiskSpaceUsage()
	}
	s := Stats{
		Applied: p.appliedLocked(), AppliedTime: p.meta.AppliedTime, Apps: len(p.apps),
		Quarantined: p.meta.Quarantined, DiskBytes: disk,
	}
	for _, t := range p.periods {
		s.Pushes += t.count
		s.Notifications += t.notifications
	}
	for _, a := range p.apps {
		for _, d := range a.dicts {
			s.Devices += uint64(d.n)
		}
	}
	return s
}

// Apps lists the apps the log has named.
func (p *Projection) Apps() []string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	list := make([]string, 0, len(p.apps))
	for name := range p.apps {
		list = append(list, strings.Clone(name))
	}
	slices.Sort(list)
	return list
}
