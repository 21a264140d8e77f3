package facade

import (
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// maxGathered bounds the names in one event, in bytes. Written as JSON they take
// up to twice as many, which leaves room in an event (L11).
const maxGathered = events.MaxEventBytes / 4

// Gather packs what a callback reports, one device at a time, into as few
// events as can hold it.
type Gather struct {
	app    string
	now    time.Time
	groups map[group]*events.Event
	// sizes are the bytes of the names in the groups' events.
	sizes   map[group]int
	list    []*events.Event
	ignored map[string]int
}

// group is what the devices of one event have in common.
type group struct {
	report Report
	at     time.Time
}

// Report is what a callback says of one device.
type Report struct {
	Kind    events.Kind
	Push    string
	Channel string
	Device  string
	// User is kept with push.sent, where it can be kept.
	User string
	// Reason is a short code, for push.failed.
	Reason string
	// Seconds is when it happened in Unix seconds; 0, or what is yet to come,
	// is taken for now.
	Seconds int64
}

// NewGather returns an empty Gather for the callback of an app.
func NewGather(app string, now time.Time) *Gather {
	return &Gather{app: app, now: now, groups: map[group]*events.Event{}, sizes: map[group]int{}, ignored: map[string]int{}}
}

// Ignore counts a report that states no fact, with the reason.
func (g *Gather) Ignore(why string) { g.ignored[why]++ }

// Ignored returns how many reports stated no fact, by reason.
func (g *Gather) Ignored() map[string]int { return g.ignored }

// Events returns the events gathered, for Desk.Facts.
func (g *Gather) Events() []*events.Event { return g.list }

// Add takes a report. One that no event can hold is ignored: it is checked
// alone, so that it does not spoil the others.
func (g *Gather) Add(r Report) {
	at := time.Unix(r.Seconds, 0)
	if r.Seconds <= 0 || at.After(g.now) {
		at = g.now
	}
	f := &events.Fact{Channel: r.Channel, Devices: []string{r.Device}, Reason: Clean(r.Reason, events.MaxReason)}
	if r.Kind == events.PushSent {
		if events.CheckID("user", r.User, events.MaxUser) != nil {
			r.User = ""
		}
		f.Users = []string{r.User}
	}
	e := &events.Event{Header: events.Header{Kind: r.Kind, App: g.app, Push: r.Push, Time: at}, Data: f}
	if events.Check(e) != nil {
		g.Ignore("no event can hold it")
		return
	}
	key := group{r, at}
	key.report.Device, key.report.User, key.report.Reason, key.report.Seconds = "", "", f.Reason, 0
	size := len(r.Device) + len(r.User)
	if first := g.groups[key]; first != nil {
		all := first.Data.(*events.Fact)
		if len(all.Devices) < events.MaxDevices && g.sizes[key]+size <= maxGathered {
			g.sizes[key] += size
			all.Devices = append(all.Devices, r.Device)
			all.Users = append(all.Users, f.Users...)
			return
		}
	}
	g.groups[key], g.sizes[key] = e, size
	g.list = append(g.list, e)
}

// Clean cuts a text that is only shown to what an event may hold.
func Clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, s)
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.ToValidUTF8(s, "")
}
