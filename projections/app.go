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
	// changed is true while no checkpoint has taken the app's row.
	changed bool
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
	a := &app{no: p.meta.NextApp, name: name}
	p.changeApp(a)
	a.record.No = a.no
	p.meta.NextApp++
	p.apps[name] = a
	return a
}

// changeApp marks an app for the next checkpoint.
func (p *Projection) changeApp(a *app) {
	if !a.changed {
		a.changed = true
		p.changedApps = append(p.changedApps, a)
	}
}

func (a *app) findChannel(name string) (uint8, bool) {
	i := slices.Index(a.record.Channels, name)
	return uint8(i), i >= 0
}

// createChannel returns the channel's number in the app.
func (p *Projection) createChannel(a *app, name string) (uint8, error) {
	if ch, ok := a.findChannel(name); ok {
		return ch, nil
	}
	if len(a.record.Channels) >= maxChannels {
		return 0, fmt.Errorf("app %s uses %d channels, the limit", a.name, maxChannels)
	}
	a.record.Channels = append(a.record.Channels, strings.Clone(name))
	a.record.Devices = append(a.record.Devices, 0)
	a.dicts = append(a.dicts, newDictionary(a.no, uint8(len(a.dicts)), 0))
	p.changeApp(a)
	return uint8(len(a.record.Channels) - 1), nil
}

// loadApps reads all apps. Their dictionaries stay where they are.
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
			d := newDictionary(a.no, uint8(ch), a.record.Devices[ch])
			if err := p.checkDictionary(d); err != nil {
				return err
			}
			a.dicts = append(a.dicts, d)
		}
		p.apps[a.name] = a
	}
	return nil
}

// checkDictionary reports a dictionary that does not end where the app's record
// says. Reading all of it would make every start wait for what may not be asked
// for in weeks.
func (p *Projection) checkDictionary(d *dictionary) error {
	prefix := newKey(rowTokens).u32(d.app).u8(d.ch)
	it, err := p.store.iterate(prefix)
	if err != nil {
		return err
	}
	defer it.Close()
	if !it.Last() {
		if err := it.Error(); err != nil {
			return storeError("load devices", err)
		}
		if d.n > 0 {
			return errDamaged
		}
		return nil
	}
	r := reader{b: it.Key()[len(prefix):]}
	no := r.fixed32()
	if r.bad || len(r.b) != 0 || d.n == 0 || no != (d.n-1)/tokensPerPage {
		return errDamaged
	}
	return splitTokens(it.Value(), make([]string, d.full(no)))
}
