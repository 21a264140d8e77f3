package projections

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

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
	if a == nil || len(p.periods) == 0 {
		return list, "", nil
	}
	oldest := pushNumber(p.periods[0].no, 0)
	o := scanOptions{from: pushNumberKey(a.no, oldest), to: newKey(rowPushNumber).u32(a.no).end(), reverse: true, limit: g.limit() + 1}
	if g.Cursor != "" {
		n, err := strconv.ParseUint(g.Cursor, 36, 64)
		if err != nil {
			return nil, "", ErrCursor
		}
		o.to = pushNumberKey(a.no, max(n, oldest))
	}
	rows, err := p.store.scan(o)
	if err != nil {
		return nil, "", err
	}
	for i, r := range rows {
		if i == g.limit() {
			next = strconv.FormatUint(rowNumber(rows[i-1]), 36)
			break
		}
		u, err := p.numbered(a, rowNumber(r), string(r.value))
		if err != nil {
			return nil, "", err
		}
		list = append(list, *p.viewPush(u, now))
	}
	return list, next, nil
}

// rowNumber returns the push number of a row of the list of pushes,
// 0 when the key is not one of that list.
func rowNumber(r row) uint64 {
	k := reader{b: r.key[1:]}
	k.fixed32()
	return k.u64()
}

// numbered returns the push with a number and id, without pages, from where its
// number says it is; that it is not there is damage.
func (p *Projection) numbered(a *app, no uint64, id string) (*push, error) {
	t := p.periodNo(numberPeriod(no))
	if t == nil {
		return nil, errDamaged
	}
	u, err := t.within(a, id, p.readRecord)
	if err == nil && (u == nil || u.no != no) {
		err = errDamaged
	}
	return u, err
}

// recallAt is a row of the list of recalls.
type recallAt struct {
	period   *period
	id, push string
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
	rows, err := p.recallRows(a, g)
	if err != nil {
		return nil, "", err
	}
	for i, r := range rows {
		if i == g.limit() {
			return list, list[len(list)-1].Recall, nil
		}
		u, n, err := r.period.recall(a, r.push, r.id, p.readRecord)
		if err != nil {
			return nil, "", err
		}
		list = append(list, p.viewRecall(u, n))
	}
	return list, "", nil
}

// recallRows returns the rows of a page of the list and the next one. Recalls of
// old pushes may be new, so the lists of all periods are merged.
func (p *Projection) recallRows(a *app, g Page) ([]recallAt, error) {
	var list []recallAt
	for _, t := range p.periods {
		prefix := recallKey(t.no, a.no, "")
		o := scanOptions{from: prefix, to: prefix.end(), reverse: true, limit: g.limit() + 1}
		if g.Cursor != "" {
			o.to = recallKey(t.no, a.no, g.Cursor)
		}
		rows, err := p.store.scan(o)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			list = append(list, recallAt{t, string(r.key[len(prefix):]), string(r.value)})
		}
	}
	slices.SortFunc(list, func(x, y recallAt) int { return strings.Compare(y.id, x.id) })
	return list[:min(len(list), g.limit()+1)], nil
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
