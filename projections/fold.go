package projections

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// Apply folds one message. It is a function of the message and of what was
// folded before (L3). Messages must come in order without a gap. A bad event is
// quarantined; an error means that the fold cannot go on.
func (p *Projection) Apply(m events.Message) error {
	p.applying.Lock()
	defer p.applying.Unlock()
	// Nothing that readers see, so they need not wait for it.
	e, bad := p.read(m)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.store.closed {
		return errClosed
	}
	if uint64(m.Seq) != p.meta.Applied+1 {
		return fmt.Errorf("the fold is at %d and cannot go on with %d", p.meta.Applied, m.Seq)
	}
	// The zone of the machine that reads the log must not get into rows (L3).
	m.Time = m.Time.UTC()
	p.turn(m.Time)
	err := bad
	if err == nil {
		err = p.fold(e, m)
	}
	if err != nil {
		var bad *quarantineError
		if !errors.As(err, &bad) {
			// The event may be half folded, which must not be written.
			p.broken = err
			return err
		}
		p.quarantine(m, bad.cause)
	}
	p.meta.Applied = uint64(m.Seq)
	p.meta.AppliedTime = m.Time
	p.wakeLocked()
	if p.unwritten() > 0 {
		select {
		case p.due <- struct{}{}:
		default:
		}
	}
	return nil
}

// quarantineError is an event the fold passes over, keeping why.
type quarantineError struct{ cause error }

func (e *quarantineError) Error() string { return e.cause.Error() }

func quarantined(err error) error {
	if err == nil {
		return nil
	}
	return &quarantineError{err}
}

// read decodes a message, hashes the devices it names, and asks the store for those
// that are not in memory.
func (p *Projection) read(m events.Message) (*events.Event, error) {
	e, err := p.decoder.Decode(m.Data)
	if err != nil {
		return nil, quarantined(err)
	}
	if err := events.CheckSubject(m.Subject, m.Partition, &e.Header); err != nil {
		return nil, quarantined(err)
	}
	switch d := e.Data.(type) {
	case *events.Fact:
		p.devices.hash(d.Devices)
		p.devices.fresh = e.Kind == events.PushSent
		p.lookAhead(e.App, d.Channel)
	case *events.Command:
		p.devices.hash(d.Devices)
		p.lookAhead(e.App, d.Channel)
	case *events.Outcome:
		p.devices.hash(d.Devices)
		p.lookAhead(e.App, d.Channel)
	}
	return e, nil
}

func (p *Projection) fold(e *events.Event, m events.Message) error {
	a := p.createApp(e.App)
	if k, ok := e.Data.(*events.Key); ok {
		return p.foldKey(a, k, m)
	}
	if f, ok := e.Data.(*events.Fact); ok {
		// Before the push is made: a fact that is passed over makes none.
		if _, err := p.createChannel(a, f.Channel); err != nil {
			return quarantined(err)
		}
	}
	u, err := p.loadPush(a, e.Push)
	if err != nil {
		return err
	}
	if u == nil {
		switch e.Kind.Shape() {
		case events.ShapeCreated, events.ShapeFact:
			u = p.createPush(a, e.Push)
		case events.ShapeRefused:
			// Asking for an unknown push does not make it known.
			return nil
		default:
			return quarantined(errUnknownPush)
		}
	}
	p.preserve(u)
	if e.Kind.Decision() {
		u.fence(e, m)
		p.change(u)
	}
	return p.foldPush(u, e, m)
}

// fence notes the newest message on a decision subject of the push, whether or
// not the fold can use it: the next append there must expect it.
func (u *push) fence(e *events.Event, m events.Message) {
	if e.Kind != events.CommandIssued {
		u.state.Decision = m.Seq
		return
	}
	channel := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	if ch, ok := u.app.findChannel(channel); ok {
		if c := u.channel(ch); c != nil {
			c.command = m.Seq
		}
	}
}

// foldPush folds an event of a known push.
func (p *Projection) foldPush(u *push, e *events.Event, m events.Message) (err error) {
	// A recall is noted in the push only once the rest of it succeeded.
	aborted := false
	switch d := e.Data.(type) {
	case *events.Fact:
		err = p.foldFact(u, e.Kind, d, m)
	case *events.Requested:
		err = p.foldRequested(u, d, m)
	case *events.Command:
		err = p.foldCommand(u, d, m)
	case *events.Outcome:
		err = p.foldOutcome(u, e.Kind, d, m)
	case *events.Closed:
		aborted, err = p.foldClosed(u, e.Kind, d)
	}
	if err != nil {
		return err
	}
	if err := u.state.Evolve(e, m.Seq, m.Time); err != nil {
		return quarantined(err)
	}
	switch d := e.Data.(type) {
	case *events.Created:
		// With the slot the ledger gave, which the event does not hold.
		u.created, err = json.Marshal(storedCreated{u.state.Created, u.state.Trace})
	case *events.Requested:
		p.owe(u, len(u.recalls)-1)
	case *events.Closed:
		if aborted {
			err = p.release(u, d.Recall, m)
		}
	}
	if err != nil {
		return err
	}
	if u.first == 0 {
		u.first = m.Seq
	}
	u.last = m.Seq
	p.change(u)
	return nil
}

// change marks a push for the next checkpoint.
func (p *Projection) change(u *push) {
	p.tick++
	u.used = p.tick
	u.period.recent.MoveToFront(u.place)
	if u.changed == 0 {
		u.changed = p.epoch
		p.changed = append(p.changed, u)
	}
}

// createPush makes a push that the log names for the first time, or again after it
// was forgotten.
func (p *Projection) createPush(a *app, id string) *push {
	t := p.current()
	u := &push{app: a, period: t, id: strings.Clone(id), no: pushNumber(t.no, p.meta.NextPush)}
	p.meta.NextPush++
	t.count++
	if t.filter != nil {
		t.filter.add(pushHash(a.no, u.id))
		if p.filtered++; p.filtered > maxFiltered {
			p.boundFilters()
		}
	}
	p.keep(u)
	p.store.rows.put(pushNumberKey(a.no, u.no), []byte(u.id))
	return u
}

// loadPush returns a push, from memory or from the store, nil when it is not known.
func (p *Projection) loadPush(a *app, id string) (*push, error) {
	u, err := p.find(a, id, p.readPush)
	if err != nil || u == nil || u.inMemory() {
		return u, err
	}
	p.keep(u)
	p.weigh(u)
	return u, nil
}

// find returns a push from memory, or as read gives it from the store, nil when it
// is not known. The newest period is asked first: most events are about new pushes.
func (p *Projection) find(a *app, id string, read func(*period, *app, string) (*push, error)) (*push, error) {
	for i := len(p.periods) - 1; i >= 0; i-- {
		if u := p.periods[i].pushes[pushID{a.no, id}]; u != nil {
			return u, nil
		}
	}
	h := pushHash(a.no, id)
	for i := len(p.periods) - 1; i >= 0; i-- {
		if !p.periods[i].filter.has(h) {
			continue
		}
		if u, err := read(p.periods[i], a, id); err != nil || u != nil {
			return u, err
		}
	}
	return nil, nil
}

func (u *push) key() pushID { return pushID{u.app.no, u.id} }

// inMemory reports whether the push is the one the fold works on, not a reader's
// own copy.
func (u *push) inMemory() bool { return u.period.pushes[u.key()] == u }

// readPush reads a push and its pages from the store into a copy of its own.
func (p *Projection) readPush(t *period, a *app, id string) (*push, error) {
	u, err := p.readRecord(t, a, id)
	if err != nil || u == nil {
		return nil, err
	}
	it, err := p.store.iterate(newKey(rowPage).u64(u.no))
	if err != nil {
		return nil, err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if err := u.addPage(it.Key()[9:], it.Value()); err != nil {
			return nil, err
		}
	}
	if err := it.Error(); err != nil {
		return nil, storeError("read pages", err)
	}
	return u, u.checkPages()
}

// readRecord reads a push without its pages: decision state and counters.
func (p *Projection) readRecord(t *period, a *app, id string) (*push, error) {
	b, err := p.store.stored(pushKey(t.no, a.no, id))
	if err != nil || b == nil {
		return nil, err
	}
	u, err := decodePush(a, strings.Clone(id), b)
	if err != nil {
		return nil, err
	}
	if numberPeriod(u.no) != t.no {
		return nil, errDamaged
	}
	u.period = t
	return u, nil
}

// addPage adds a stored page; key is what follows the push in its key.
func (u *push) addPage(key, value []byte) error {
	r := reader{b: key}
	layerNo, ch, pageNo := uint16(r.u8())<<8|uint16(r.u8()), r.u8(), r.fixed32()
	pg, err := decodePage(value)
	if err != nil {
		return err
	}
	l := u.layer(layerNo, ch)
	if l == nil || r.bad || len(r.b) != 0 {
		return errDamaged
	}
	if l.pages == nil {
		l.pages = map[uint32]*page{}
	}
	l.pages[pageNo] = pg
	if layerNo > 0 {
		pg.each(func(_ uint16, v byte) {
			if ledger.Mark(v).Outcome() >= ledger.Outcomes {
				err = errDamaged
			}
			if ledger.Mark(v).Due() {
				pg.due++
			}
		})
	}
	return err
}

// checkPages reports pages that do not add up to the counters of the record.
func (u *push) checkPages() error {
	for _, c := range u.channels {
		if c.layer.count() != c.population {
			return errDamaged
		}
	}
	for _, r := range u.recalls {
		for _, c := range r.channels {
			if c.layer.count() != c.planned+c.late {
				return errDamaged
			}
		}
	}
	return nil
}

// layer returns a layer of the push, nil when it has none such.
func (u *push) layer(no uint16, ch uint8) *layer {
	if no == 0 {
		if c := u.channel(ch); c != nil {
			return &c.layer
		}
		return nil
	}
	if int(no) > len(u.recalls) {
		return nil
	}
	if c := u.recalls[no-1].channel(ch); c != nil {
		return &c.layer
	}
	return nil
}

func (p *Projection) foldKey(a *app, k *events.Key, m events.Message) error {
	if m.Subject != events.KeySubject(m.Partition, a.name, k.Key) {
		return quarantined(errKeySubject)
	}
	row := claimKey(a.no, k.Key)
	if v, err := p.store.get(row); err != nil || v != nil {
		return err // the first claim stands; later ones are of who carries out a command
	}
	b, err := json.Marshal(storedKey{Key: *k, Seq: m.Seq})
	if err != nil { // plain fields always marshal
		panic(err)
	}
	p.store.rows.put(row, b)
	return nil
}

// storedKey is an idempotency key as it is stored.
type storedKey struct {
	events.Key
	Seq events.Seq `json:"seq"`
}

// quarantine keeps a message the fold passed over (L12).
func (p *Projection) quarantine(m events.Message, cause error) {
	head := m.Data
	if len(head) > maxQuarantineHead {
		head = head[:maxQuarantineHead]
	}
	q := Quarantined{
		Position: m.Position, Subject: m.Subject, Time: m.Time.UTC(), Reason: cause.Error(),
		Bytes: len(m.Data), Head: strings.ToValidUTF8(string(head), string(utf8.RuneError)),
	}
	var field *events.FieldError
	if errors.As(cause, &field) {
		q.Field = field.Field
	}
	b, err := json.Marshal(q)
	if err != nil { // plain fields always marshal
		panic(err)
	}
	p.store.rows.put(quarantineKey(uint64(m.Seq)), b)
	p.meta.Quarantined++
}

// maxQuarantineHead is how much of a quarantined message is kept for looking at.
const maxQuarantineHead = 512

// Quarantined is a message the fold passed over.
type Quarantined struct {
	Position events.Position `json:"position"`
	Subject  string          `json:"subject"`
	Time     time.Time       `json:"time"`
	Reason   string          `json:"reason"`
	Field    string          `json:"field,omitempty"`
	// Bytes is the message's length and Head its beginning.
	Bytes int    `json:"bytes"`
	Head  string `json:"head"`
}
