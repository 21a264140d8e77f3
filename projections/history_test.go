package projections

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// scale says how many devices the pushes of a history go to.
type scale int

const (
	tens      scale = iota
	hundreds        // crosses from sparse to dense pages, and from small to large pushes
	thousands       // crosses pages
)

// history draws the events of a log.
type history struct {
	*fixture
	r     *rapid.T
	scale scale
	// calm leaves out everything but facts and recalls.
	calm bool
	// pauses are those between two events.
	pauses []time.Duration
	// known are the pushes with a fact, recalls those asked for so far.
	known   set
	recalls []drawnRecall
	ids     set
}

// set is a set of names.
type set map[string]bool

// add reports whether the name is new.
func (s set) add(name string) bool {
	fresh := !s[name]
	s[name] = true
	return fresh
}

type drawnRecall struct{ app, push, id string }

func drawHistory(r *rapid.T, s scale, calm bool) *history {
	h := &history{
		fixture: newFixture(r), r: r, scale: s, calm: calm, known: set{}, ids: set{},
		pauses: []time.Duration{time.Millisecond, 0, 700 * time.Millisecond, 10 * time.Second, 3 * time.Hour},
	}
	h.draw()
	return h
}

// drawLong draws a history of weeks to years, of which old pushes are forgotten.
// Its clock is set back now and then.
func drawLong(r *rapid.T, s scale) *history {
	const day = 24 * time.Hour
	h := &history{
		fixture: newFixture(r), r: r, scale: s, known: set{}, ids: set{},
		pauses: []time.Duration{time.Second, -2 * time.Hour, 3 * time.Hour, 30 * time.Hour, 3 * day, 9 * day},
	}
	h.keep = pick(r, "keep", 8*day, 14*day, 30*day, time.Nanosecond, 0)
	h.draw()
	return h
}

func (h *history) draw() {
	if h.scale == thousands {
		for i := range 5 {
			h.fact(events.PushSent, "p0", "fcm", block(i*1000, 1000)...)
		}
	}
	for range rapid.IntRange(10, 70).Draw(h.r, "events") {
		h.now = h.now.Add(pick(h.r, "pause", h.pauses...))
		h.step()
	}
}

func pick[T any](r *rapid.T, label string, list ...T) T {
	return rapid.SampledFrom(list).Draw(r, label)
}

// block names devices with neighbouring ordinals.
func block(from, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("b%d", from+i)
	}
	return list
}

func (h *history) step() {
	// Bits are drawn evenly; of a range the small numbers come up more often.
	n := 0
	for range 7 {
		n *= 2
		if rapid.Bool().Draw(h.r, "kind") {
			n++
		}
	}
	switch {
	case n < 56:
		h.drawFact()
	case n < 72:
		h.drawRequested()
	case h.calm:
		h.drawFact()
	case n < 90:
		h.drawCommand()
	case n < 108:
		h.drawOutcome()
	case n < 112:
		h.drawClosed()
	case n < 116:
		h.drawCreated()
	case n < 120:
		h.drawKey()
	case n < 122:
		h.write(events.RecallRefused, h.app(), h.push(), &events.Refused{Action: "recall", Code: "window-closed"})
	default:
		h.drawBad()
	}
}

func (h *history) app() string {
	return pick(h.r, "app", testApp, testApp, testApp, testApp, testApp, "other")
}
func (h *history) push() string { return pick(h.r, "push", "p0", "p0", "p0", "p1", "p2", "p3") }
func (h *history) channel() string {
	return pick(h.r, "channel", "fcm", "fcm", "fcm", "apns", "huawei")
}

// write appends an event that the sender dates a little off.
func (h *history) write(k events.Kind, app, push string, d events.Data) {
	e := &events.Event{Header: events.Header{Kind: k, App: app, Push: push}, Data: d}
	e.Time = h.now.Add(pick(h.r, "lag", 0, -time.Second, 5*time.Second, -48*time.Hour))
	h.append(subjectOf(e), e)
}

func (h *history) append(subject string, e *events.Event) {
	b, err := events.Encode(e)
	if err != nil {
		h.r.Fatal(err)
	}
	h.raw(subject, b)
}

func (h *history) devices() []string {
	switch {
	case h.scale == hundreds && rapid.Bool().Draw(h.r, "block"):
		return block(pick(h.r, "from", 0, 40, 300, 500), pick(h.r, "size", 64, 65, 300, 512, 513))
	case h.scale == thousands && rapid.Bool().Draw(h.r, "block"):
		return block(pick(h.r, "from", 0, 1000, 3500, 4000, 4090, 7900), pick(h.r, "size", 10, 500, 1000))
	}
	list := make([]string, rapid.IntRange(1, 4).Draw(h.r, "devices"))
	for i := range list {
		list[i] = fmt.Sprintf("d%d", rapid.IntRange(0, 7).Draw(h.r, "device"))
	}
	return list
}

// touched are the devices of commands and outcomes: often all that small pushes
// go to, so that many belong to a recall.
func (h *history) touched() []string {
	if h.scale == tens && rapid.IntRange(0, 9).Draw(h.r, "some") != 9 {
		return []string{"d0", "d1", "d2", "d3", "d4", "d5", "d6", "d7"}
	}
	return h.devices()
}

func (h *history) drawFact() {
	kinds := []events.Kind{
		events.PushSent, events.PushSent, events.PushSent, events.PushSent, events.PushSent, events.DeliveryDelivered,
		events.DeliveryDelivered, events.DeliveryDelivered, events.DisplayShown, events.DisplayShown, events.ClickClicked, events.DisplayCleared, events.PushFailed, events.DeliveryExpired,
	}
	f := &events.Fact{Channel: h.channel(), Devices: h.devices()}
	k := pick(h.r, "fact", kinds...)
	if k == events.PushSent && rapid.Bool().Draw(h.r, "users") {
		for range f.Devices {
			f.Users = append(f.Users, pick(h.r, "user", "u1", "", "u2", "u3"))
			if len(f.Devices) > 20 { // drawing each would be slow
				for len(f.Users) < len(f.Devices) {
					f.Users = append(f.Users, f.Users[0])
				}
				break
			}
		}
	}
	app, push := h.app(), h.push()
	h.known.add(app + "/" + push)
	h.write(k, app, push, f)
}

func (h *history) drawScope() events.Scope {
	device := fmt.Sprintf("d%d", rapid.IntRange(0, 7).Draw(h.r, "scope device"))
	return pick(h.r, "scope", events.Scope{}, events.Scope{}, events.Scope{}, events.Scope{}, events.Scope{Device: device},
		events.Scope{Device: device, Channel: "fcm"}, events.Scope{User: "u1"}, events.Scope{User: "u2", Channel: "apns"},
		events.Scope{Channel: "fcm"}, events.Scope{Device: "unknown"})
}

func (h *history) drawRequested() {
	r := drawnRecall{h.app(), h.push(), fmt.Sprintf("r%02d", rapid.IntRange(0, 40).Draw(h.r, "recall"))}
	q := &events.Requested{
		Recall: r.id, Action: pick(h.r, "action", "recall", "recall", "recall", "terminate", "override", "cancel", "bogus"),
		Scope: h.drawScope(), By: "ops", Reason: "<wrong> price", Deadline: h.now.Add(pick(h.r, "window", 168*time.Hour, 168*time.Hour, time.Hour, time.Second)),
	}
	// Commands and outcomes are drawn for the recalls that are likely to have some.
	if h.known[r.app+"/"+r.push] && h.ids.add(r.app+"/"+r.id) && q.Action != "cancel" && q.Action != "bogus" && (q.Scope.Whole() || q.Scope.Device == "d0") {
		h.recalls = append(h.recalls, r)
	}
	if q.Action == "override" {
		q.Replacement = &events.Replacement{Push: "new-" + r.id, Title: "new", Force: true}
	}
	h.write(events.RecallRequested, r.app, r.push, q)
}

// asked returns a recall asked for before, or now and then one that never was.
func (h *history) asked() drawnRecall {
	if len(h.recalls) == 0 || rapid.IntRange(0, 9).Draw(h.r, "stray") == 9 {
		return drawnRecall{h.app(), h.push(), "never"}
	}
	return pick(h.r, "asked", h.recalls...)
}

func (h *history) drawCommand() {
	r := h.asked()
	d := &events.Command{
		Recall: r.id, Channel: h.channel(), Action: "recall", Method: "remove", Deadline: h.now.Add(time.Hour), Devices: h.touched(),
	}
	d.Devices = d.Devices[:min(len(d.Devices), events.MaxCommandDevices)]
	h.write(events.CommandIssued, r.app, r.push, d)
}

func (h *history) drawOutcome() {
	r := h.asked()
	kinds := []events.Kind{
		events.OutcomeAccepted, events.OutcomeAccepted, events.OutcomeConfirmed, events.OutcomeConfirmed,
		events.OutcomeRefused, events.OutcomeSkipped, events.OutcomeUnsupported, events.OutcomeExpired,
	}
	h.write(pick(h.r, "outcome", kinds...), r.app, r.push, &events.Outcome{Recall: r.id, Channel: h.channel(), Devices: h.touched()})
}

func (h *history) drawClosed() {
	r := h.asked()
	h.write(pick(h.r, "closed", events.RecallAborted, events.RecallCompleted), r.app, r.push, &events.Closed{Recall: r.id})
}

func (h *history) drawCreated() {
	c := &events.Created{Title: "hello & <b>", Body: pick(h.r, "body", "same", "same", "other"), Audience: events.Audience{Kind: events.AudienceAll}}
	if rapid.Bool().Draw(h.r, "scheduled") {
		at := epoch.Add(time.Hour)
		c.ScheduleAt, c.Labels = &at, map[string]string{"b": "2", "a": "1"}
	}
	h.write(events.PushCreated, h.app(), h.push(), c)
}

func (h *history) drawKey() {
	k := &events.Key{
		Key: fmt.Sprintf("key-%d", rapid.IntRange(0, 2).Draw(h.r, "key")), Status: 202,
		Fingerprint: pick(h.r, "fingerprint", "one", "two"), Answer: `{"a":"<b>"}`,
	}
	h.write(events.KeyClaimed, h.app(), h.push(), k)
}

func (h *history) drawBad() {
	fact := &events.Event{
		Header: events.Header{Kind: events.PushSent, App: testApp, Push: "p0", Time: h.now},
		Data:   &events.Fact{Channel: "fcm", Devices: []string{"foreign"}},
	}
	subject := subjectOf(fact)
	switch rapid.IntRange(0, 5).Draw(h.r, "bad") {
	case 0:
		h.raw(subject, []byte(`{"v":1,"kind":"push.sent",`))
	case 1:
		h.append(events.Subject(0, "other", events.PushSent, "p0", ""), fact)
	case 2:
		h.append(events.Subject(0, testApp, events.RecallRequested, "p0", ""), fact)
	case 3:
		h.raw(subject, []byte(`{"v":99,"kind":"push.sent"}`))
	case 4:
		h.append(events.KeySubject(0, testApp, "another"), &events.Event{
			Header: events.Header{Kind: events.KeyClaimed, App: testApp, Push: "p0", Time: h.now},
			Data:   &events.Key{Key: "key-0", Status: 202},
		})
	case 5:
		h.append(events.Subject(0, testApp, events.CommandIssued, "p0", "apns"), &events.Event{
			Header: events.Header{Kind: events.CommandIssued, App: testApp, Push: "p0", Time: h.now},
			Data:   &events.Command{Recall: "r00", Channel: "fcm", Devices: []string{"d1"}},
		})
	}
}
