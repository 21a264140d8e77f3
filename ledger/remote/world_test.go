package remote_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/remote"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app     = "shop"
	numbers = 2
)

// world is a log of two partitions on a real server.
type world struct {
	*testing.T
	conn *jetstream.Conn
	logs []*jetstream.Log
	at   time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := must(embedded.Start(embedded.Config{Dir: t.TempDir()}))(t)
	t.Cleanup(server.Stop)
	w := &world{T: t, conn: must(server.Connect("test"))(t), at: time.Now().UTC().Truncate(time.Millisecond)}
	t.Cleanup(w.conn.Close)
	w.logs = must(jetstream.OpenAll(context.Background(), jetstream.Config{Conn: w.conn}, numbers))(t)
	return w
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// run runs something in the background until the test ends or stop is called.
func (w *world) run(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var g sync.WaitGroup
	g.Go(func() {
		if err := f(ctx); err != nil {
			w.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); g.Wait() })
	w.Cleanup(stop)
	return stop
}

// set makes a ledger of parts, of which the test gives what is known.
func (w *world) set(part func(*partition.Part)) *partition.Set {
	w.Helper()
	var parts []*partition.Part
	for _, log := range w.logs {
		committer := events.NewCommitter(events.CommitterConfig{Log: log})
		w.run(committer.Run)
		p := &partition.Part{Log: log, Queue: log, Committer: committer}
		part(p)
		parts = append(parts, p)
	}
	return must(partition.New(partition.Config{Parts: parts, Shared: true, Decision: decision.Config{
		Clock: func() time.Time { return w.at }, NewID: func() string { return uuid.Must(uuid.NewV7()).String() },
	}}))(w)
}

// fold opens an empty projection of a partition.
func (w *world) fold(log events.Log) *projections.Projection {
	w.Helper()
	p := must(projections.Open(context.Background(), projections.Config{Dir: w.TempDir(), Log: log, Cache: 1 << 20}))(w)
	w.Cleanup(func() {
		if err := p.Close(); err != nil {
			w.Error(err)
		}
	})
	return p
}

// local is a ledger whose partitions are all folded here.
func (w *world) local() *partition.Set {
	w.Helper()
	return w.set(func(p *partition.Part) {
		p.Local = w.fold(p.Log)
		w.run(p.Local.Run)
	})
}

// stuck is a ledger whose folds stand where they are.
func (w *world) stuck() *partition.Set {
	w.Helper()
	return w.set(func(p *partition.Part) { p.Local = w.fold(p.Log) })
}

// elsewhere is a ledger all of whose partitions others serve.
func (w *world) elsewhere(c remote.Config) *partition.Set {
	w.Helper()
	return w.set(func(p *partition.Part) {
		client := w.client(c, p.Number())
		p.Views, p.Redrive = client, client.Redrive
	})
}

func (w *world) client(c remote.Config, number int) *remote.Client {
	c.Conn, c.Partition = w.conn, number
	client := remote.NewClient(c)
	w.run(client.Run)
	return client
}

// serve lets a node answer for the partitions of a ledger, and returns once it does.
func (w *world) serve(node string, parts []*partition.Part, chunk int) (stop func()) {
	w.Helper()
	stop = w.run(remote.NewServer(remote.ServerConfig{Conn: w.conn, Node: node, Parts: parts, Chunk: chunk}).Run)
	for _, p := range parts {
		w.until(func() bool {
			a, err := w.raw(p.Number(), "recalled", `{"wire":1}`)
			return err == nil && a.Node == node
		})
	}
	return stop
}

// failSafe ends a test that hangs; no test waits for it.
const failSafe = time.Minute

// until tries until something is so.
func (w *world) until(so func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), failSafe)
	defer cancel()
	for !so() {
		if ctx.Err() != nil {
			w.Fatal("it never came true")
		}
	}
}

type rawAnswer struct {
	Applied events.Seq
	Node    string
	Result  json.RawMessage
}

func (w *world) raw(number int, method, body string) (rawAnswer, error) {
	var a rawAnswer
	b, err := jetstream.Call(w.Context(), w.conn, fmt.Sprintf("recall.query.%d.%s", number, method), []byte(body))
	if err == nil {
		err = json.Unmarshal(b, &a)
	}
	return a, err
}

// publish puts events of a push on the log.
func (w *world) publish(set *partition.Set, list ...*events.Event) events.Positions {
	w.Helper()
	b := set.NewBatch()
	for _, e := range list {
		if err := errors.Join(events.Check(e), b.Add(e)); err != nil {
			w.Fatal(err)
		}
	}
	return must(b.Commit(w.Context()))(w)
}

func (w *world) created(app, push, profile string) *events.Event {
	return &events.Event{
		Header: events.Header{Kind: events.PushCreated, App: app, Push: push, Time: w.at},
		Data: &events.Created{
			Title: "<b>\u2028 & 1", Slot: "s", Profile: profile, Audience: events.Audience{Kind: events.AudienceList},
		},
	}
}

func (w *world) fact(app, push string, k events.Kind, devices ...string) *events.Event {
	return &events.Event{
		Header: events.Header{Kind: k, App: app, Push: push, Time: w.at},
		Data:   &events.Fact{Channel: "fcm", Devices: devices},
	}
}

func request(push string) ledger.Request {
	return ledger.Request{App: app, Push: push, Action: channels.Recall, WholeSends: new(true)}
}

func render(q *events.Requested, r *ledger.Refusal) (int, []byte) {
	if r != nil {
		return 409, []byte(r.Code)
	}
	return 202, []byte(q.Recall)
}

// in returns a push id that belongs to a partition.
func in(number, nth int) string {
	for i := 0; ; i++ {
		id := fmt.Sprintf("p%d", i)
		if events.PartitionOf(app, id, numbers) == number {
			if nth--; nth < 0 {
				return id
			}
		}
	}
}

var errNobody = jetstream.ErrNobody

func (w *world) call(subject, body string) ([]byte, error) {
	return jetstream.Call(w.Context(), w.conn, subject, []byte(body))
}

func (w *world) command0(body string) ([]byte, error) {
	return w.call("recall.command.0.redrive", body)
}

// code is that of an answer which is an error.
func code(err error) string {
	if e, ok := errors.AsType[*jetstream.CallError](err); ok {
		return e.Code
	}
	if errors.Is(err, jetstream.ErrCallSize) {
		return "too-large"
	}
	return ""
}
