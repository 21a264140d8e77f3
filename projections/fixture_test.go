package projections

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

// epoch is when the logs of the tests begin.
var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const testApp = "shop"

// tester is what tests, benchmarks and properties have in common.
type tester interface {
	Helper()
	Error(args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
	Cleanup(f func())
}

// fixture is a log that tests write event by event, at times they choose.
type fixture struct {
	t   tester
	log *memlog.Log
	// now is when the log stores the next event.
	now time.Time
	// back is by how much the log's clock was behind the newest event, for those
	// events that were stored while it was set back: memlog's own never is.
	back map[events.Seq]time.Duration
	last time.Time
	// keep is how long projections of it keep pushes, 0 for ever.
	keep time.Duration
}

func newFixture(t tester) *fixture {
	f := &fixture{t: t, now: epoch, back: map[events.Seq]time.Duration{}}
	f.log = memlog.New(memlog.Config{Now: func() time.Time { return f.now }})
	return f
}

// put appends an event of testApp and returns its sequence.
func (f *fixture) put(k events.Kind, push string, d events.Data) events.Seq {
	f.t.Helper()
	return f.putApp(testApp, k, push, d)
}

func (f *fixture) putApp(app string, k events.Kind, push string, d events.Data) events.Seq {
	f.t.Helper()
	e := &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: f.now}, Data: d}
	if err := events.Check(e); err != nil {
		f.t.Fatal(err)
	}
	b, err := events.Encode(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.raw(subjectOf(e), b)
}

func subjectOf(e *events.Event) string {
	if k, ok := e.Data.(*events.Key); ok {
		return events.KeySubject(0, e.App, k.Key)
	}
	channel := ""
	if c, ok := e.Data.(*events.Command); ok {
		channel = c.Channel
	}
	return events.Subject(0, e.App, e.Kind, e.Push, channel)
}

// raw appends a message as it stands.
func (f *fixture) raw(subject string, data []byte) events.Seq {
	f.t.Helper()
	p, err := f.log.Append(context.Background(), []events.Record{{Subject: subject, Data: data}})
	if err != nil {
		f.t.Fatal(err)
	}
	if f.now.Before(f.last) {
		f.back[p.Seq] = f.last.Sub(f.now)
	} else {
		f.last = f.now
	}
	return p.Seq
}

// dated is a message with the time at which the log stored it.
func (f *fixture) dated(m events.Message) events.Message {
	m.Time = m.Time.Add(-f.back[m.Seq])
	return m
}

// messages are those of the log.
func (f *fixture) messages() []events.Message {
	list := slices.Clone(f.log.Messages())
	for i := range list {
		list[i] = f.dated(list[i])
	}
	return list
}

// fact appends a fact about devices of a push on a channel.
func (f *fixture) fact(k events.Kind, push, channel string, devices ...string) events.Seq {
	f.t.Helper()
	return f.put(k, push, &events.Fact{Channel: channel, Devices: devices})
}

// recall appends an accepted recall with a window of a week.
func (f *fixture) recall(push, id, action string, s events.Scope) events.Seq {
	f.t.Helper()
	return f.put(events.RecallRequested, push, &events.Requested{
		Recall: id, Action: action, Scope: s, Deadline: epoch.Add(7 * 24 * time.Hour),
	})
}

func (f *fixture) command(push, recall, channel string, devices ...string) events.Seq {
	f.t.Helper()
	return f.put(events.CommandIssued, push, &events.Command{
		Recall: recall, Channel: channel, Action: "recall", Method: "remove", Devices: devices, Deadline: epoch.Add(7 * 24 * time.Hour),
	})
}

func (f *fixture) outcome(k events.Kind, push, recall, channel string, devices ...string) events.Seq {
	f.t.Helper()
	return f.put(k, push, &events.Outcome{Recall: recall, Channel: channel, Devices: devices})
}

// config is the configuration of a projection in memory.
func (f *fixture) config(fs vfs.FS) Config {
	return Config{Dir: "projection", Log: f.log, FS: fs, Cache: 1 << 20, Keep: f.keep}
}

// open opens a projection of the log and closes it when the test ends.
func (f *fixture) open(c Config) *Projection {
	f.t.Helper()
	p, err := Open(context.Background(), c)
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

// model returns the model of the log's first n events, of all of them with 0.
func (f *fixture) model(n int) *model {
	m := newModel()
	m.keep = f.keep
	messages := f.messages()
	if n > 0 {
		messages = messages[:n]
	}
	for _, msg := range messages {
		m.fold(msg)
	}
	return m
}

// folded opens a new projection and folds the whole log.
func (f *fixture) folded() *Projection {
	f.t.Helper()
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(f.t, p)
	f.catchUp(p)
	return p
}

// closeAfter closes the projection at the end of the test.
func closeAfter(t tester, p *Projection) {
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
}

// catchUp folds what the log has beyond the projection.
func (f *fixture) catchUp(p *Projection) {
	f.t.Helper()
	f.foldTo(p, 0)
}

// foldTo folds up to a sequence; 0 means all.
func (f *fixture) foldTo(p *Projection, to events.Seq) {
	f.t.Helper()
	for _, m := range f.messages() {
		if m.Seq <= p.Applied().Seq {
			continue
		}
		if to != 0 && m.Seq > to {
			return
		}
		if err := p.Apply(m); err != nil {
			f.t.Fatal(err)
		}
	}
}

// inMemory returns a push of the first app that is in memory, nil when it is not.
func inMemory(p *Projection, id string) *push {
	for _, t := range p.periods {
		if u := t.pushes[pushID{1, id}]; u != nil {
			return u
		}
	}
	return nil
}

// dictionaryBudgets are budgets for dictionaries under which nothing that is in the
// store stays in memory, a little does, some does, and everything does.
var dictionaryBudgets = []int{1, 2 << 10, 40 << 10, 1 << 30}

// must returns v, or fails the test.
func must[T any](v T, err error) func(tester) T {
	return func(t tester) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// reasons lists why messages were quarantined, oldest first.
func reasons(t tester, p *Projection) []string {
	t.Helper()
	list, _, _, err := p.Quarantined(Page{Limit: MaxPage})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for i := len(list) - 1; i >= 0; i-- {
		texts = append(texts, list[i].Reason)
	}
	return texts
}

var errStop = errors.New("stop")

// ctx is the context of queries that nobody cancels.
func ctx() context.Context { return context.Background() }
