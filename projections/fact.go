package projections

import (
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// smallPush is up to how many notifications a push channel has one index row
// per device; beyond, one per page.
const smallPush = 64

func (p *Projection) foldFact(u *push, k events.Kind, f *events.Fact, m events.Message) error {
	bit, ok := ledger.FactOf(k)
	if !ok {
		return quarantined(errNotAFact)
	}
	ch, err := p.createChannel(u.app, f.Channel)
	if err != nil {
		return quarantined(err)
	}
	d := u.app.dicts[ch]
	c := u.createChannel(ch)
	watch := u.lateRecalls(m)
	known := d.n
	ords, err := p.devices.ordinals(d, f.Devices)
	if err != nil {
		return err
	}
	if d.n != known {
		p.changeApp(u.app)
	}
	if f.Send != "" {
		if err := p.foldSend(u, c, ords, f.Send); err != nil {
			return err
		}
	}
	for i, ord := range ords {
		before := p.join(u, c, ord, bit)
		if len(f.Users) > 0 && f.Users[i] != "" {
			p.store.rows.put(userKey(u.app.no, f.Users[i]).u8(ch).u32(ord), nil)
		}
		// A fact that is not new may still be the first to name the user.
		if len(watch) > 0 && (before|bit != before || len(f.Users) > 0 && f.Users[i] != "") {
			if err := p.late(u, watch, c, ord, before|bit); err != nil {
				return err
			}
		}
	}
	p.facts += len(f.Devices)
	return nil
}

// join adds facts to a notification, keeps the counters and the device index,
// and returns what it was before.
func (p *Projection) join(u *push, c *pushChannel, ord uint32, bits ledger.Facts) ledger.Facts {
	pageNo, off := ord>>pageBits, uint16(ord&(pageSize-1))
	pg, fresh := c.layer.create(pageNo)
	before := ledger.Facts(pg.get(off))
	after := before | bits
	if after == before {
		return before
	}
	pg.set(off, byte(after))
	for added, i := after&^before, 0; added != 0; added, i = added>>1, i+1 {
		c.facts[i] += uint32(added & 1)
	}
	if before == 0 {
		c.population++
		u.period.notifications++
		p.index(u, c, ord, fresh)
	} else {
		c.standings[before.Standing()]--
	}
	c.standings[after.Standing()]++
	return before
}

// index makes the push findable from the device.
func (p *Projection) index(u *push, c *pushChannel, ord uint32, freshPage bool) {
	switch {
	case c.population <= smallPush:
		p.store.rows.put(smallKey(u.period.no, u.app.no, c.ch, ord).u64(u.no), nil)
	case c.population == smallPush+1:
		// The push has outgrown the small rows; they stay, and its pages so
		// far are indexed with the one just touched.
		for no := range c.layer.pages {
			p.store.rows.put(largeKey(u.period.no, u.app.no, c.ch, no).u64(u.no), nil)
		}
	case freshPage:
		p.store.rows.put(largeKey(u.period.no, u.app.no, c.ch, ord>>pageBits).u64(u.no), nil)
	}
}
