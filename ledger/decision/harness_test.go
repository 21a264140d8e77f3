package decision_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app = "shop"
	// failSafe ends a test that hangs; no test waits for it.
	failSafe = 60 * time.Second
)

// tb is what tests, and the checks of rapid, have in common.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// node is a decider with a projection of its own; nodes share a log.
type node struct {
	*decision.Decider
	projection *projections.Projection
}

// world is a log with one or more nodes on it.
type world struct {
	t     *testing.T
	ctx   context.Context
	log   events.Log
	nodes []node
	ids   atomic.Int64
	// ahead is how far the clock is ahead of real time.
	ahead atomic.Int64
}

func (w *world) now() time.Time          { return time.Now().Add(time.Duration(w.ahead.Load())) }
func (w *world) advance(d time.Duration) { w.ahead.Add(int64(d)) }

// newWorld starts nodes on a real server.
func newWorld(t *testing.T, nodes int, change ...func(*decision.Config)) *world {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	conn, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	log, err := jetstream.Open(t.Context(), jetstream.Config{Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, log: log}
	w.start(nodes, change)
	return w
}

// memWorld starts a node on a log in memory, which has the world's clock and the
// faults a test wants.
func memWorld(t *testing.T, fault func([]events.Record) memlog.Fault, change ...func(*decision.Config)) *world {
	t.Helper()
	w := &world{t: t}
	w.log = memlog.New(memlog.Config{Now: w.now, Fault: fault})
	w.start(1, change)
	return w
}

func (w *world) start(nodes int, change []func(*decision.Config)) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), failSafe)
	w.ctx = ctx
	w.t.Cleanup(cancel)
	for range nodes {
		p, err := projections.Open(ctx, projections.Config{Dir: w.t.TempDir(), Log: w.log, Cache: 1 << 20})
		if err != nil {
			w.t.Fatal(err)
		}
		committer := events.NewCommitter(events.CommitterConfig{Log: w.log})
		run, stop := context.WithCancel(context.Background())
		done := make(chan error, 2)
		go func() { done <- p.Run(run) }()
		go func() { done <- committer.Run(run) }()
		w.t.Cleanup(func() {
			stop()
			for range 2 {
				if err := <-done; err != nil {
					w.t.Error(err)
				}
			}
			if err := p.Close(); err != nil {
				w.t.Error(err)
			}
		})
		c := decision.Config{
			Log: w.log, Views: p, Committer: committer, Clock: w.now,
			NewID: func() string { return fmt.Sprintf("recall-%04d", w.ids.Add(1)) },
		}
		for _, f := range change {
			f(&c)
		}
		w.nodes = append(w.nodes, node{decision.New(c), p})
	}
}

func (w *world) record(k events.Kind, push string, data events.Data) events.Record {
	w.t.Helper()
	e := &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: w.now()}, Data: data}
	if err := events.Check(e); err != nil {
		w.t.Fatal(err)
	}
	b, err := events.Encode(e)
	if err != nil {
		w.t.Fatal(err)
	}
	return events.Record{Subject: events.Subject(0, app, k, push, ""), Data: b}
}

// put appends an event, again if need be: the log may have faults.
func (w *world) put(k events.Kind, push string, data events.Data) {
	w.t.Helper()
	w.append(w.record(k, push, data))
}

func (w *world) append(r events.Record) {
	w.t.Helper()
	for {
		if _, err := w.log.Append(w.ctx, []events.Record{r}); err == nil {
			return
		} else if w.ctx.Err() != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) create(push string, change ...func(*events.Created)) {
	w.t.Helper()
	c := &events.Created{Title: "Sale", Slot: "42", Audience: events.Audience{Kind: events.AudienceAll}}
	for _, f := range change {
		f(c)
	}
	w.put(events.PushCreated, push, c)
}

func (w *world) fact(k events.Kind, push, channel string, devices ...string) {
	w.t.Helper()
	w.put(k, push, &events.Fact{Channel: channel, Devices: devices})
}

// body is the answer the tests render.
type body struct {
	Recall string      `json:"recall,omitempty"`
	Code   ledger.Code `json:"code,omitempty"`
	First  string      `json:"first,omitempty"`
}

func render(q *events.Requested, r *ledger.Refusal) (int, []byte) {
	status, b := http.StatusAccepted, body{}
	if q != nil {
		b.Recall = q.Recall
	} else {
		status, b.Code = http.StatusConflict, r.Code
		if r.First != nil {
			b.First = r.First.Recall
		}
	}
	data, err := json.Marshal(b)
	if err != nil { // plain fields always marshal
		panic(err)
	}
	return status, data
}

func recallOf(push string) ledger.Request {
	return ledger.Request{App: app, Push: push, Action: channels.Recall}
}

// ask asks the first node and expects no failure.
func (w *world) ask(r ledger.Request, key string) decision.Answer {
	w.t.Helper()
	a, err := w.nodes[0].Recall(w.ctx, r, key, render)
	if err != nil {
		w.t.Fatalf("Recall of %s: %v", r.Push, err)
	}
	return a
}

// refused expects a refusal with a code.
func (w *world) refused(r ledger.Request, want ledger.Code) decision.Answer {
	w.t.Helper()
	a := w.ask(r, "")
	if a.Refusal == nil || a.Refusal.Code != want {
		w.t.Errorf("%s of %s = %s, want refused as %s", r.Action, r.Push, a.Body, want)
	}
	return a
}

// entries returns the events of some kinds as they stand in the log.
func (w *world) entries(kinds ...events.Kind) []*events.Event {
	w.t.Helper()
	var list []*events.Event
	if err := w.log.Read(w.ctx, events.Range{}, func(m events.Message) error {
		if e, err := events.Decode(m.Data); err == nil && events.CheckSubject(m.Subject, 0, &e.Header) == nil && slices.Contains(kinds, e.Kind) {
			list = append(list, e)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return list
}

// end returns where the log ends.
func (w *world) end() events.Seq {
	w.t.Helper()
	pos, err := w.log.End(w.ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return pos.Seq
}
