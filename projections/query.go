package projections

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
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
	if u := p.pushes[pushID{a.no, id}]; u != nil {
		return u, nil
	}
	return p.readPush(a, id)
}

// peek is lookup without pages, for what the counters answer: a push of millions
// has a thousand pages.
func (p *Projection) peek(app, id string) (*push, error) {
	a := p.findApp(app)
	if a == nil {
		return nil, nil
	}
	if u := p.pushes[pushID{a.no, id}]; u != nil {
		return u, nil
	}
	return p.readRecord(a, id)
}

// lookupAt is lookup with only the pages that some devices are on.
func (p *Projection) lookupAt(app, id string, members []member) (*push, error) {
	u, err := p.peek(app, id)
	if err != nil || u == nil || p.pushes[pushID{u.app.no, id}] == u {
		return u, err
	}
	for _, m := range members {
		for no := range len(u.recalls) + 1 {
			k := pageKey(u.no, uint16(no), m.ch, m.ord>>pageBits)
			b, err := p.store.stored(k)
			if err != nil {
				return nil, err
			}
			if b == nil {
				continue
			}
			if err := u.addPage(k[9:], b); err != nil {
				return nil, err
			}
		}
	}
	return u, nil
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

// Page selects a part of a list, newest first.
type Page struct {
	// Cursor is what the list before returned as next; "" begins.
	Cursor string
	// Limit bounds the entries; 0 means DefaultPage, more than MaxPage is cut.
	Limit int
}

// The sizes of a page of a list (L11).
const (
	DefaultPage = 50
	MaxPage     = 1000
)

func (g Page) limit() int {
	if g.Limit <= 0 {
		return DefaultPage
	}
	return min(g.Limit, MaxPage)
}

// ErrCursor is a cursor that no list gave out.
var ErrCursor = errors.New("the cursor is not one of this list")

// Pushes lists an app's pushes, newest first.
func (p *Projection) Pushes(app string, g Page, now time.Time) (list []Push, next string, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	list = []Push{}
	a := p.findApp(app)
	if a == nil {
		return list, "", nil
	}
	prefix := newKey(rowPushNumber).u32(a.no)
	o := scanOptions{from: prefix, to: prefix.end(), reverse: true, limit: g.limit() + 1}
	if g.Cursor != "" {
		n, err := strconv.ParseUint(g.Cursor, 36, 64)
		if err != nil {
			return nil, "", ErrCursor
		}
		o.to = pushNumberKey(a.no, n)
	}
	rows, err := p.store.scan(o)
	if err != nil {
		return nil, "", err
	}
	for i, r := range rows {
		if i == g.limit() {
			last := reader{b: rows[i-1].key[5:]}
			next = strconv.FormatUint(last.u64(), 36)
			break
		}
		u, err := p.peek(app, string(r.value))
		if err != nil {
			return nil, "", err
		}
		if u == nil {
			return nil, "", errDamaged
		}
		list = append(list, *p.viewPush(u, now))
	}
	return list, next, nil
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
	u, i, err := p.lookupRecall(app, id, p.peek)
	if err != nil || u == nil {
		return nil, err
	}
	v := p.viewRecall(u, i)
	return &v, nil
}

// lookupRecall returns a recall's push, found by lookup or peek, and its index.
func (p *Projection) lookupRecall(app, id string, lookup func(app, id string) (*push, error)) (*push, int, error) {
	a := p.findApp(app)
	if a == nil {
		return nil, 0, nil
	}
	name, err := p.store.get(recallKey(a.no, id))
	if err != nil || name == nil {
		return nil, 0, err
	}
	u, err := lookup(app, string(name))
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

// Recalls lists an app's recalls, newest first (recall ids sort by time).
func (p *Projection) Recalls(app string, g Page) (list []Recall, next string, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	list = []Recall{}
	a := p.findApp(app)
	if a == nil {
		return list, "", nil
	}
	prefix := newKey(rowRecall).u32(a.no)
	o := scanOptions{from: prefix, to: prefix.end(), reverse: true, limit: g.limit() + 1}
	if g.Cursor != "" {
		o.to = recallKey(a.no, g.Cursor)
	}
	rows, err := p.store.scan(o)
	if err != nil {
		return nil, "", err
	}
	for i, r := range rows {
		if i == g.limit() {
			return list, list[len(list)-1].Recall, nil
		}
		u, n, err := p.lookupRecall(app, string(r.key[5:]), p.peek)
		if err != nil {
			return nil, "", err
		}
		if u != nil {
			list = append(list, p.viewRecall(u, n))
		}
	}
	return list, "", nil
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

// Quarantined lists the messages the fold passed over, newest first, and how
// many there are in all.
func (p *Projection) Quarantined(g Page) (list []Quarantined, next string, total uint64, err error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	o := scanOptions{from: newKey(rowQuarantine), to: newKey(rowQuarantine).end(), reverse: true, limit: g.limit() + 1}
	if g.Cursor != "" {
		n, err := strconv.ParseUint(g.Cursor, 10, 64)
		if err != nil {
			return nil, "", 0, ErrCursor
		}
		o.to = quarantineKey(n)
	}
	rows, err := p.store.scan(o)
	if err != nil {
		return nil, "", 0, err
	}
	list = []Quarantined{}
	for i, r := range rows {
		if i == g.limit() {
			next = strconv.FormatUint(uint64(list[len(list)-1].Position.Seq), 10)
			break
		}
		var q Quarantined
		if err := json.Unmarshal(r.value, &q); err != nil {
			return nil, "", 0, errDamaged
		}
		list = append(list, q)
	}
	return list, next, p.meta.Quarantined, nil
}

// Stats are the projection's own figures.
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
		Applied: p.appliedLocked(), AppliedTime: p.meta.AppliedTime, Apps: len(p.apps), Pushes: p.meta.NextPush - 1,
		Notifications: p.meta.Notifications, Quarantined: p.meta.Quarantined, DiskBytes: disk,
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
