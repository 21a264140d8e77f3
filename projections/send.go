package projections

import (
	"slices"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// foldSend notes which of the vendor's sends reached devices. Only channels that
// take back whole sends need that: elsewhere a sender may report an id per
// device, which would be a row per device for nothing. The sends of a
// notification are a set, so order and repetition do not matter (L4).
func (p *Projection) foldSend(u *push, c *pushChannel, ords []uint32, send string) error {
	if row, ok := channels.Lookup(channels.Native, u.app.record.Channels[c.ch]); !ok || !row.NeedsSend {
		return nil
	}
	c.sends = true
	touched := map[uint32]*page{}
	for _, ord := range ords {
		no := ord >> pageBits
		pg := touched[no]
		if pg == nil {
			b, err := p.store.get(sendKey(u.no, c.ch, no, send))
			if err != nil {
				return err
			}
			pg = &page{}
			if b != nil {
				if pg, err = decodePage(b); err != nil {
					return err
				}
			}
			touched[no] = pg
		}
		if off := uint16(ord & (pageSize - 1)); pg.get(off) == 0 {
			pg.set(off, 1)
		}
	}
	for no, pg := range touched {
		if pg.dirty {
			p.store.rows.put(sendKey(u.no, c.ch, no, send), pg.append(nil))
		}
	}
	return nil
}

// SendsOf returns for each device the vendor's ids of the sends of a push that
// reached it, sorted, at most events.MaxSends; none where none was reported.
func (p *Projection) SendsOf(app, id, channel string, devices []string) ([][]string, error) {
	ords, err := p.locate(app, channel, devices)
	if err != nil {
		return nil, err
	}
	p.mu.RLock()
	defer p.mu.RUnlock()
	list := make([][]string, len(devices))
	u, err := p.peek(app, id)
	if err != nil || u == nil {
		return list, err
	}
	ch, ok := u.app.findChannel(channel)
	c := u.channel(ch)
	if !ok || c == nil || !c.sends {
		return list, nil
	}
	pages := map[uint32][]sendPage{}
	for i, token := range devices {
		ord, ok, err := p.ordinal(ords, i, u.app.dicts[ch], token)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		no := ord >> pageBits
		sends, read := pages[no]
		if !read {
			if sends, err = p.sendPages(u.no, ch, no); err != nil {
				return nil, err
			}
			pages[no] = sends
		}
		for _, s := range sends {
			if s.page.get(uint16(ord&(pageSize-1))) != 0 && len(list[i]) < events.MaxSends {
				list[i] = append(list[i], s.send)
			}
		}
	}
	return list, nil
}

// sendPage is which of 4096 devices a send reached.
type sendPage struct {
	send string
	page *page
}

// sendPages reads the sends that reached any device of a page, in their order.
func (p *Projection) sendPages(push uint64, ch uint8, no uint32) ([]sendPage, error) {
	prefix := sendKey(push, ch, no, "")
	rows, err := p.store.scan(scanOptions{from: prefix, to: prefix.end()})
	if err != nil {
		return nil, err
	}
	list := make([]sendPage, 0, len(rows))
	for _, r := range rows {
		pg, err := decodePage(r.value)
		if err != nil {
			return nil, err
		}
		list = append(list, sendPage{string(r.key[len(prefix):]), pg})
	}
	return slices.Clip(list), nil
}
