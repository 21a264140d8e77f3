package projections

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// app is one tenant in memory.
type app struct {
	no     uint32
	name   string
	record appRecord
	dicts  []*dictionary
	dirty  bool
}

// appRecord is the app's row.
type appRecord struct {
	No uint32 `json:"no"`
	// Channels gives the channels their numbers: the index in the list.
	Channels []string `json:"channels"`
	// Devices counts the devices of each channel, so that a dictionary with
	// missing rows is noticed.
	Devices []uint32 `json:"devices"`
	// LastRecall is when the app's newest recall was accepted.
	LastRecall time.Time `json:"last_recall,omitzero"`
}

// maxChannels bounds the channels of one app: their number is one byte.
const maxChannels = 255

// findApp returns the app, nil when the log never named it.
func (p *Projection) findApp(name string) *app { return p.apps[name] }

// createApp returns the app, making it when it is new.
func (p *Projection) createApp(name string) *app {
	if a := p.apps[name]; a != nil {
		return a
	}
	name = strings.Clone(name)
	a := &app{no: p.meta.NextApp, name: name, dirty: true}
	a.record.No = a.no
	p.meta.NextApp++
	p.apps[name] = a
	return a
}

func (a *app) findChannel(name string) (uint8, bool) {
	i := slices.Index(a.record.Channels, name)
	return uint8(i), i >= 0
}

// createChannel returns the channel's number in the app.
func (a *app) createChannel(name string) (uint8, error) {
	if ch, ok := a.findChannel(name); ok {
		return ch, nil
	}
	if len(a.record.Channels) >= maxChannels {
		return 0, fmt.Errorf("app %s uses %d channels, the limit", a.name, maxChannels)
	}
	a.record.Channels = append(a.record.Channels, strings.Clone(name))
	a.record.Devices = append(a.record.Devices, 0)
	a.dicts = append(a.dicts, newDictionary(a.no, uint8(len(a.dicts))))
	a.dirty = true
	return uint8(len(a.record.Channels) - 1), nil
}

func newDictionary(app uint32, ch uint8) *dictionary {
	return &dictionary{app: app, ch: ch, fresh: map[uint32][]byte{}}
}

// loadApps reads all apps and their dictionaries.
func (p *Projection) loadApps() error {
	rows, err := p.store.scan(scanOptions{from: newKey(rowApp), to: newKey(rowApp).end()})
	if err != nil {
		return err
	}
	for _, r := range rows {
		a := &app{name: string(r.key[1:])}
		if err := json.Unmarshal(r.value, &a.record); err != nil || len(a.record.Devices) != len(a.record.Channels) {
			return errDamaged
		}
		a.no = a.record.No
		for ch := range a.record.Channels {
			d := newDictionary(a.no, uint8(ch))
			if err := p.loadDictionary(d); err != nil {
				return err
			}
			if d.n != a.record.Devices[ch] {
				return errDamaged
			}
			a.dicts = append(a.dicts, d)
		}
		p.apps[a.name] = a
	}
	return nil
}

func (p *Projection) loadDictionary(d *dictionary) error {
	prefix := newKey(rowTokens).u32(d.app).u8(d.ch)
	it, err := p.store.iterate(prefix)
	if err != nil {
		return err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		r := reader{b: it.Key()[len(prefix):]}
		no := r.fixed32()
		if r.bad || len(r.b) != 0 {
			return errDamaged
		}
		if err := d.load(no, it.Value()); err != nil {
			return err
		}
	}
	if err := it.Error(); err != nil {
		return storeError("load devices", err)
	}
	return nil
}

// tokens returns the device tokens of one dictionary page.
func (p *Projection) tokens(d *dictionary, page uint32) ([]string, error) {
	b := d.fresh[page]
	if b == nil {
		var err error
		if b, err = p.store.stored(tokensKey(d.app, d.ch, page)); err != nil {
			return nil, err
		}
	}
	return splitTokens(b)
}

// tokenReader looks up device tokens of one dictionary; neighbours cost little.
type tokenReader struct {
	p    *Projection
	d    *dictionary
	no   uint32
	page []string
}

// at returns the device token of an ordinal.
func (t *tokenReader) at(ord uint32) (string, error) {
	if no := ord / tokensPerPage; t.page == nil || t.no != no {
		page, err := t.p.tokens(t.d, no)
		if err != nil {
			return "", err
		}
		t.no, t.page = no, page
	}
	if i := int(ord % tokensPerPage); i < len(t.page) {
		return t.page[i], nil
	}
	return "", errDamaged
}
