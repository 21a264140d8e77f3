package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app = "shop"
	// failSafe ends a test that hangs; no test waits for it.
	failSafe = 60 * time.Second
)

// world is a ledger with a real server, log, committer and projection. Planner,
// workers and deciders are the test's to start and stop.
type world struct {
	t   *testing.T
	ctx context.Context
	// srv and queue are nil where the log is in memory.
	srv   *embedded.Server
	log   events.Log
	queue events.Queue

	projection *projections.Projection
	committer  *events.Committer
	decider    *decision.Decider
	*clock

	ids    atomic.Int64
	mu     sync.Mutex
	parts  []*part
	folds  []func()
	audits []*audit
}

// part is something that runs until it is stopped.
type part struct {
	stop context.CancelFunc
	done chan error
}

// halt stops the part and waits until it has returned.
func (p *part) halt(t *testing.T) {
	t.Helper()
	p.stop()
	if err, open := <-p.done; open && err != nil {
		t.Errorf("Run = %v, want nil after its context ended", err)
	}
}

// clock is the clock of all parts. Its zero value shows the time; advance moves
// it forward, but not that of a server's log.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// newWorld starts a world on a server of its own.
func newWorld(t *testing.T) *world {
	t.Helper()
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	log, err := jetstream.Open(t.Context(), jetstream.Config{Conn: connect(t, srv)})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOn(t, log, &clock{})
	w.srv, w.queue = srv, log
	return w
}

func connect(t *testing.T, srv *embedded.Server) *nats.Conn {
	t.Helper()
	conn, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	return conn
}

// memWorld starts a world on a log in memory, which has no queue and so no
// workers, but the world's clock and the faults a test wants.
func memWorld(t *testing.T, fault func([]events.Record) memlog.Fault) *world {
	t.Helper()
	c := &clock{}
	return newWorldOn(t, memlog.New(memlog.Config{Now: c.now, Fault: fault}), c)
}

func newWorldOn(t *testing.T, log events.Log, c *clock) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), failSafe)
	w := &world{t: t, ctx: ctx, log: log, clock: c}
	w.projection = w.projectOn(log)
	w.committer = events.NewCommitter(events.CommitterConfig{Log: log})
	committer := w.run(w.committer.Run)
	w.parts = nil
	w.decider = w.newDecider(w.projection)
	t.Cleanup(func() {
		// The order of a node: what acts, what writes, what folds.
		for _, p := range slices.Backward(w.parts) {
			p.halt(t)
		}
		committer.halt(t)
		w.checkCalls()
		for _, f := range w.folds {
			f()
		}
		cancel()
	})
	return w
}

// projectOn opens a projection of a log that runs until the test ends.
func (w *world) projectOn(log events.Log) *projections.Projection {
	w.t.Helper()
	p, err := projections.Open(w.ctx, projections.Config{Dir: w.t.TempDir(), Log: log, Cache: 1 << 20})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	w.folds = append(w.folds, func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
		if err := p.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return p
}

func (w *world) run(f func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(w.ctx)
	p := &part{stop: cancel, done: make(chan error, 1)}
	go func() {
		p.done <- f(ctx)
		close(p.done)
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.parts = append(w.parts, p)
	return p
}

func (w *world) newDecider(p *projections.Projection) *decision.Decider {
	return decision.New(decision.Config{
		Log: w.log, Views: p, Committer: w.committer, Clock: w.now,
		NewID: func() string { return fmt.Sprintf("recall-%04d", w.ids.Add(1)) },
	})
}

// plan starts a planner.
func (w *world) plan(change ...func(*dispatch.PlannerConfig)) *part {
	c := dispatch.PlannerConfig{Log: w.log, Projection: w.projection, Clock: w.now, Gather: time.Millisecond, Sweep: 20 * time.Millisecond}
	for _, f := range change {
		f(&c)
	}
	return w.run(dispatch.NewPlanner(c).Run)
}

// newID makes the id of an attempt to carry out a command.
func (w *world) newID() string { return fmt.Sprintf("attempt-%04d", w.ids.Add(1)) }

// work starts a worker of a channel, whose calls are audited.
func (w *world) work(channel string, e channels.Emitter, change ...func(*dispatch.WorkerConfig)) *part {
	c := dispatch.WorkerConfig{
		Log: w.log, Queue: w.queue, Projection: w.projection, Committer: w.committer, Clock: w.now, NewID: w.newID, Channel: channel,
		BackoffMin: time.Millisecond, BackoffMax: 20 * time.Millisecond,
	}
	if e != nil {
		a := &audit{Emitter: e, channel: channel}
		w.audits = append(w.audits, a)
		c.Emitter = a
	}
	for _, f := range change {
		f(&c)
	}
	return w.run(dispatch.NewWorker(c).Run)
}

// audit notes what every call was for.
type audit struct {
	channels.Emitter
	channel string

	mu    sync.Mutex
	calls []channels.Command
}

func (a *audit) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	a.mu.Lock()
	own := c
	own.Devices = slices.Clone(c.Devices)
	a.calls = append(a.calls, own)
	a.mu.Unlock()
	return a.Emitter.Emit(ctx, c)
}

// put appends an event.
func (w *world) put(k events.Kind, push string, data events.Data) events.Seq {
	w.t.Helper()
	return w.append(w.record(k, push, data))
}

func (w *world) record(k events.Kind, push string, data events.Data) events.Record {
	w.t.Helper()
	return logtest.Record(w.t, 0, &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: w.now()}, Data: data})
}

// append appends a record, again if need be: the log may have faults.
func (w *world) append(r events.Record) events.Seq {
	w.t.Helper()
	for {
		pos, err := w.log.Append(w.ctx, []events.Record{r})
		if err == nil {
			if err := w.projection.Wait(w.ctx, pos.Seq); err != nil {
				w.t.Fatal(err)
			}
			return pos.Seq
		}
		if w.ctx.Err() != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) create(push string, change ...func(*events.Created)) {
	w.t.Helper()
	c := &events.Created{Title: "Sale", Body: "90 % off", Slot: slot, Audience: events.Audience{Kind: events.AudienceAll}}
	for _, f := range change {
		f(c)
	}
	w.put(events.PushCreated, push, c)
}

func (w *world) fact(k events.Kind, push, channel string, devices ...string) events.Seq {
	w.t.Helper()
	var last events.Seq
	for part := range slices.Chunk(devices, events.MaxDevices) {
		last = w.put(k, push, &events.Fact{Channel: channel, Devices: part})
	}
	return last
}

// names makes n device names.
func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%04d", prefix, i)
	}
	return list
}

// ask asks for a recall and returns the answer.
func (w *world) ask(r ledger.Request) decision.Answer {
	w.t.Helper()
	r.App = app
	a, err := w.decider.Recall(w.ctx, r, "", render)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func render(_ *events.Requested, r *ledger.Refusal) (int, []byte) {
	if r != nil {
		return http.StatusConflict, []byte(r.Code)
	}
	return http.StatusAccepted, nil
}

// recall asks for a recall that must be accepted, and returns its id.
func (w *world) recall(push string, a channels.Action, change ...func(*ledger.Request)) string {
	w.t.Helper()
	r := ledger.Request{Push: push, Action: a}
	for _, f := range change {
		f(&r)
	}
	got := w.ask(r)
	if got.Refusal != nil {
		w.t.Fatalf("%s of %s is refused: %s", a, push, got.Refusal.Message)
	}
	return got.Requested.Recall
}

// await waits until the projection shows something.
func (w *world) await(what string, cond func() bool) {
	w.t.Helper()
	for {
		moved := w.projection.Moved()
		if cond() {
			return
		}
		select {
		case <-moved:
		case <-w.ctx.Done():
			w.t.Fatalf("never came true: %s", what)
		}
	}
}

func (w *world) view(recall string) *projections.Recall {
	w.t.Helper()
	v, err := w.projection.Recall(app, recall)
	if err != nil || v == nil {
		w.t.Fatalf("recall %s: %v, %v", recall, v, err)
	}
	return v
}

// settled waits until every command of a recall has its outcome.
func (w *world) settled(recall string) *projections.Recall {
	w.t.Helper()
	w.await("settled "+recall, func() bool { return w.view(recall).Settled })
	return w.view(recall)
}

// counts compares the total of a recall.
func (w *world) counts(recall string, want projections.RecallCounts) {
	w.t.Helper()
	if got := w.view(recall).Total; got != want {
		w.t.Errorf("%s counts %+v, want %+v", recall, got, want)
	}
}

// slot is one that every channel can use.
const slot = "42"
