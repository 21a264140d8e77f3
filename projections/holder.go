package projections

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// Device is one notification of a list: a device with its facts and, in lists
// of a recall, what came of the recall there.
type Device struct {
	Channel   string `json:"channel"`
	Device    string `json:"device"`
	Certainty string `json:"certainty,omitempty"`
	// Facts are those of the notification, Mark its place in the recall.
	Facts ledger.Facts `json:"-"`
	Mark  ledger.Mark  `json:"-"`
	// Cursor resumes a list after this entry.
	Cursor string `json:"cursor"`
}

// Holders selects holders of a push.
type Holders struct {
	// Channel and Certainty ("certain" or "possible") restrict the list; "" is all.
	Channel   string
	Certainty string
	// Cursor resumes after an entry.
	Cursor string
}

// EachHolder calls f for every device that holds the push, by channel, until f
// fails or ctx ends. Each page of 4096 devices is read at one moment; the list
// as a whole is not a snapshot. It returns false when the push is not known.
func (p *Projection) EachHolder(ctx context.Context, app, id string, h Holders, f func(Device) error) (bool, error) {
	return p.each(ctx, app, id, 0, h.Channel, h.Cursor, func(v byte) bool {
		c := ledger.Facts(v).Standing().Certainty()
		return c != "" && (h.Certainty == "" || c == h.Certainty)
	}, f)
}

// EachNotification calls f for every notification of a push, whatever its state.
func (p *Projection) EachNotification(ctx context.Context, app, id, channel, cursor string, f func(Device) error) (bool, error) {
	return p.each(ctx, app, id, 0, channel, cursor, func(v byte) bool { return v != 0 }, f)
}

// EachRecalled calls f for every notification that a recall concerns: its
// proof, device by device. outcome restricts the list ("" is all). It returns
// false when the recall is not known.
func (p *Projection) EachRecalled(ctx context.Context, app, recall, outcome, cursor string, f func(Device) error) (bool, error) {
	p.mu.RLock()
	u, i, err := p.lookupRecall(app, recall, p.readRecord)
	p.mu.RUnlock()
	if err != nil || u == nil {
		return false, err
	}
	return p.each(ctx, app, u.id, uint16(i+1), "", cursor, func(v byte) bool {
		return v != 0 && (outcome == "" || ledger.Mark(v).Outcome().String() == outcome)
	}, f)
}

// each walks a layer of a push: layer 0 the facts, layer n the n-th recall.
func (p *Projection) each(ctx context.Context, app, id string, layerNo uint16, channel, cursor string, want func(byte) bool, f func(Device) error) (bool, error) {
	from, err := parseCursor(cursor)
	if err != nil {
		return false, err
	}
	p.mu.RLock()
	u, err := p.lookup(app, id)
	swaps := p.swaps
	if u != nil && int(layerNo) > len(u.recalls) {
		u = nil // since the recall was looked up its push was forgotten, and came again
	}
	var order []uint8
	if u != nil {
		order = u.layerChannels(layerNo)
	}
	p.mu.RUnlock()
	if err != nil || u == nil {
		return false, err
	}
	page := newPageReader(want)
	page.swaps = swaps
	for _, ch := range order {
		if ch < from.ch {
			continue
		}
		p.mu.RLock()
		var numbers []uint32
		var name string
		if l := u.layer(layerNo, ch); l != nil { // it is there, but in a generation that differs
			numbers, name = l.numbers(), u.app.record.Channels[ch]
		}
		p.mu.RUnlock()
		if channel != "" && channel != name {
			continue
		}
		for _, no := range numbers {
			if ch == from.ch && no < from.ord>>pageBits {
				continue
			}
			if err := ctx.Err(); err != nil {
				return true, err
			}
			if u, err = page.read(p, u, layerNo, ch, no, name, from); err != nil {
				return true, err
			}
			for _, d := range page.list {
				if err := f(d); err != nil {
					return true, err
				}
			}
		}
	}
	return true, nil
}

// layerChannels lists the channels of a layer by number.
func (u *push) layerChannels(no uint16) []uint8 {
	var list []uint8
	if no == 0 {
		for _, c := range u.channels {
			list = append(list, c.ch)
		}
	} else {
		for _, c := range u.recalls[no-1].channels {
			list = append(list, c.ch)
		}
	}
	slices.Sort(list)
	return list
}

// pageReader collects the wanted devices of one page after another, in memory
// it keeps.
type pageReader struct {
	// swaps is which generation the push is of that is read.
	swaps  int
	list   []Device
	tokens tokenReader
	// wanted is which values are wanted, and certainties what they are as facts.
	wanted      [256]bool
	certainties [256]string
	// cursors are those of list, one after the other, and ends where each ends.
	cursors []byte
	ends    []int
}

func newPageReader(want func(byte) bool) *pageReader {
	g := &pageReader{}
	for v := range 256 {
		g.wanted[v] = want(byte(v))
		g.certainties[v] = ledger.Facts(v).Standing().Certainty()
	}
	return g
}

// read collects a page, and returns the push to go on with: another generation may
// have taken the place of the one it was found in.
func (g *pageReader) read(p *Projection, u *push, layerNo uint16, ch uint8, no uint32, name string, from place) (*push, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	g.list, g.cursors, g.ends = g.list[:0], g.cursors[:0], g.ends[:0]
	if g.swaps != p.swaps {
		again, err := p.lookup(u.app.name, u.id)
		if err != nil || again == nil { // it was forgotten meanwhile
			return u, err
		}
		u, g.swaps = again, p.swaps
	}
	l, facts := u.layer(layerNo, ch), u.layer(0, ch)
	if l == nil || facts == nil {
		return u, nil
	}
	pg := l.page(no)
	if pg == nil {
		return u, nil
	}
	if err := g.tokens.reset(p, u.app.dicts[ch], pg.dense != nil); err != nil {
		return u, err
	}
	defer g.tokens.close()
	var failed error
	pg.each(func(off uint16, v byte) {
		ord := no<<pageBits | uint32(off)
		if !g.wanted[v] || failed != nil || ch == from.ch && from.after && ord <= from.ord {
			return
		}
		var token string
		if token, failed = g.tokens.at(ord); failed != nil {
			return
		}
		mark := ledger.Mark(0)
		if layerNo > 0 {
			mark, v = ledger.Mark(v), facts.get(ord)
		}
		g.list = append(g.list, Device{
			Channel: name, Device: token, Certainty: g.certainties[v], Facts: ledger.Facts(v), Mark: mark,
		})
		g.cursors = place{ch: ch, ord: ord}.append(g.cursors)
		g.ends = append(g.ends, len(g.cursors))
	})
	start, all := 0, string(g.cursors)
	for i, end := range g.ends {
		g.list[i].Cursor = all[start:end]
		start = end
	}
	return u, failed
}

// place is where a list stands.
type place struct {
	ch    uint8
	ord   uint32
	after bool
}

// append writes the place as a cursor.
func (p place) append(b []byte) []byte {
	b = append(strconv.AppendUint(b, uint64(p.ch), 10), '.')
	return strconv.AppendUint(b, uint64(p.ord), 32)
}

func parseCursor(s string) (place, error) {
	if s == "" {
		return place{}, nil
	}
	a, b, _ := strings.Cut(s, ".")
	ch, err := strconv.ParseUint(a, 10, 8)
	if err != nil {
		return place{}, ErrCursor
	}
	ord, err := strconv.ParseUint(b, 32, 32)
	if err != nil {
		return place{}, ErrCursor
	}
	return place{uint8(ch), uint32(ord), true}, nil
}

// Notification is the state of one push on one channel to one device.
type Notification struct {
	App       string   `json:"app"`
	Push      string   `json:"push"`
	Channel   string   `json:"channel"`
	Device    string   `json:"device"`
	Facts     []string `json:"facts"`
	Certainty string   `json:"certainty,omitempty"`
	// Recalls says what became of it in each recall that concerns it.
	Recalls []NotificationRecall `json:"recalls,omitempty"`
}

// NotificationRecall is a notification's place in one recall.
type NotificationRecall struct {
	Recall    string `json:"recall"`
	Action    string `json:"action"`
	Late      bool   `json:"late,omitempty"`
	Commanded bool   `json:"commanded"`
	Outcome   string `json:"outcome"`
}

// Notifications returns the state of a push at a device, on the channel given
// or on every channel; none when the push never went there.
func (p *Projection) Notifications(app, id, channel, device string) ([]Notification, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	a := p.findApp(app)
	if a == nil {
		return nil, nil
	}
	members, err := p.scopeMembers(a, events.Scope{Device: device, Channel: channel})
	if err != nil {
		return nil, err
	}
	u, err := p.lookupAt(app, id, members)
	if err != nil || u == nil {
		return nil, err
	}
	var list []Notification
	for _, m := range members {
		if n, ok := u.notification(m); ok {
			n.Device = device
			list = append(list, n)
		}
	}
	return list, nil
}

func (u *push) notification(m member) (Notification, bool) {
	c := u.channel(m.ch)
	if c == nil {
		return Notification{}, false
	}
	facts := ledger.Facts(c.layer.get(m.ord))
	if facts == 0 {
		return Notification{}, false
	}
	n := Notification{
		App: u.app.name, Push: u.id, Channel: u.app.record.Channels[m.ch],
		Facts: facts.Names(), Certainty: facts.Standing().Certainty(),
	}
	for i, r := range u.recalls {
		rc := r.channel(m.ch)
		if rc == nil {
			continue
		}
		if mark := ledger.Mark(rc.layer.get(m.ord)); mark != 0 {
			e := &u.state.Recalls[i]
			n.Recalls = append(n.Recalls, NotificationRecall{
				Recall: e.Recall, Action: e.Action, Late: mark&ledger.Late != 0,
				Commanded: mark&ledger.Commanded != 0, Outcome: mark.Outcome().String(),
			})
		}
	}
	return n, true
}

// DeviceNotifications returns what a device has: with heldOnly only what it
// still holds unclicked.
func (p *Projection) DeviceNotifications(app, channel, device string, heldOnly bool) ([]Notification, error) {
	return p.memberNotifications(app, events.Scope{Device: device, Channel: channel}, heldOnly)
}

// UserNotifications returns what the devices of a user have.
func (p *Projection) UserNotifications(app, user string, heldOnly bool) ([]Notification, error) {
	return p.memberNotifications(app, events.Scope{User: user}, heldOnly)
}

func (p *Projection) memberNotifications(app string, s events.Scope, heldOnly bool) ([]Notification, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	list := []Notification{}
	a := p.findApp(app)
	if a == nil {
		return list, nil
	}
	members, err := p.scopeMembers(a, s)
	if err != nil {
		return nil, err
	}
	for _, m := range members {
		pushes, err := p.pushesOf(a, m)
		if err != nil {
			return nil, err
		}
		tokens := tokenReader{p: p, d: a.dicts[m.ch]}
		device, err := tokens.at(m.ord)
		if err != nil {
			return nil, err
		}
		for _, u := range pushes {
			if err := p.readPages(u, []member{m}); err != nil {
				return nil, err
			}
			n, ok := u.notification(m)
			if !ok || heldOnly && n.Certainty == "" {
				continue
			}
			n.Device = device
			list = append(list, n)
		}
	}
	return list, nil
}

// pushesOf returns the pushes that may have touched a device, newest first and
// without pages.
func (p *Projection) pushesOf(a *app, m member) ([]*push, error) {
	var list []*push
	for i := len(p.periods) - 1; i >= 0; i-- {
		numbers, err := p.touching(p.periods[i], a, m)
		if err != nil {
			return nil, err
		}
		for _, no := range numbers {
			id, err := p.store.get(pushNumberKey(a.no, no))
			if err != nil {
				return nil, err
			}
			if id == nil {
				return nil, fmt.Errorf("%w: the device index names push %d", errDamaged, no)
			}
			u, err := p.numbered(a, no, string(id))
			if err != nil {
				return nil, err
			}
			list = append(list, u)
		}
	}
	return list, nil
}

// touching returns the numbers of the pushes of a period that may have touched a
// device, newest first.
func (p *Projection) touching(t *period, a *app, m member) ([]uint64, error) {
	var list []uint64
	for _, prefix := range []key{smallKey(t.no, a.no, m.ch, m.ord), largeKey(t.no, a.no, m.ch, m.ord>>pageBits)} {
		rows, err := p.store.scan(scanOptions{from: prefix, to: prefix.end()})
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			r := reader{b: row.key[len(prefix):]}
			list = append(list, r.u64())
			if r.bad || len(r.b) != 0 {
				return nil, errDamaged
			}
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	slices.Reverse(list)
	return list, nil
}
