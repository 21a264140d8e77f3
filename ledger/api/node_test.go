package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/projections"
)

// options change how a node of a test is made.
type options struct {
	keys      []Key
	settings  jetstream.Settings
	timeout   time.Duration
	committer events.CommitterConfig
	// stuck leaves the committer standing: what is published waits.
	stuck bool
	// readTimeout is that of the http.Server.
	readTimeout time.Duration
	change      func(*Config)
}

// node is a whole ledger in the process, with a real log on a real disk.
type node struct {
	t          testing.TB
	log        *jetstream.Log
	projection *projections.Projection
	committer  *events.Committer
	server     *Server
	http       *httptest.Server
	// clock is the node's time in Unix nanoseconds; 0 is the real one.
	clock atomic.Int64
	// lines is what the node logged.
	lines *lockedBuffer
	// stopCommitter and stopNATS take parts of the node away.
	stopCommitter, stopNATS func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// start runs a node until the test ends.
func start(t testing.TB, o options) *node {
	t.Helper()
	n := &node{t: t, lines: &lockedBuffer{}}
	ctx := context.Background()
	srv := must[*embedded.Server](t)(embedded.Start(embedded.Config{Dir: t.TempDir()}))
	n.stopNATS = sync.OnceFunc(srv.Stop)
	t.Cleanup(n.stopNATS)
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	n.log = must[*jetstream.Log](t)(jetstream.Open(ctx, jetstream.Config{Conn: nc, Settings: o.settings, Timeout: o.timeout}))
	n.projection = must[*projections.Projection](t)(projections.Open(ctx, projections.Config{Dir: t.TempDir(), Log: n.log, Cache: 8 << 20}))
	o.committer.Log = n.log
	n.committer = events.NewCommitter(o.committer)
	n.run(o.stuck)

	c := Config{
		Credentials: must[*facade.Credentials](t)(facade.OpenCredentials(t.TempDir())),
		Templates:   must[*facade.Templates](t)(facade.OpenTemplates(t.TempDir())),
		Log:         n.log, Projection: n.projection, Committer: n.committer, Clock: n.now, NewID: newID, Keys: o.keys, Version: "test",
		Logger:         slog.New(slog.NewTextHandler(n.lines, &slog.HandlerOptions{Level: slog.LevelDebug})),
		DevicePassword: func(app, device string) string { return "password of " + app + " " + device }, DeviceURL: "ws://devices",
		Decider: decision.New(decision.Config{
			Log: n.log, Projection: n.projection, Committer: n.committer, Clock: n.now, NewID: newID, RefusalsPerSecond: 1000,
		}),
	}
	if o.change != nil {
		o.change(&c)
	}
	n.server = must[*Server](t)(New(c))
	n.http = httptest.NewUnstartedServer(n.server.Handler())
	n.http.Config.ReadTimeout = o.readTimeout
	n.http.Start()
	t.Cleanup(n.http.Close)
	t.Cleanup(n.server.Close)
	return n
}

// run starts what works in the background, and stops it when the test ends.
func (n *node) run(stuck bool) {
	ctx, cancel := context.WithCancel(context.Background())
	committing, stop := context.WithCancel(ctx)
	var folding, writing sync.WaitGroup
	folding.Go(func() {
		// The log may be taken away by a test.
		_ = n.projection.Run(ctx)
	})
	if !stuck {
		writing.Go(func() { _ = n.committer.Run(committing) })
	}
	n.stopCommitter = sync.OnceFunc(func() { stop(); writing.Wait() })
	n.t.Cleanup(func() {
		n.stopCommitter()
		cancel()
		folding.Wait()
		if err := n.projection.Close(); err != nil {
			n.t.Error(err)
		}
	})
}

func (n *node) now() time.Time {
	if at := n.clock.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Now()
}

// client returns a client of an open node for an app, or with a token.
func (n *node) client(app, token string) *Client {
	n.t.Helper()
	return must[*Client](n.t)(NewClient(ClientConfig{URL: n.http.URL, App: app, Token: token}))
}

// answered is what came back of a request.
type answered struct {
	status int
	header http.Header
	body   string
}

func (a answered) problem(t *testing.T) *Problem {
	t.Helper()
	p := &Problem{}
	if a.header.Get("Content-Type") != typeProblem {
		t.Fatalf("status %d has content type %q: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	if err := json.Unmarshal([]byte(a.body), p); err != nil {
		t.Fatal(err)
	}
	if p.Status != a.status || p.Type != "/problems/"+p.Code || p.Title == "" {
		t.Errorf("problem %+v does not fit status %d", p, a.status)
	}
	return p
}

// do makes a request by hand; headers are pairs of name and value.
func (n *node) do(method, path, body string, headers ...string) answered {
	n.t.Helper()
	req, err := http.NewRequest(method, n.http.URL+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", TypeJSON)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := n.http.Client().Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(b)}
}

// publish stores events, one per line, and waits until they are folded.
func (n *node) publish(app, token string, lines ...string) events.Position {
	n.t.Helper()
	a, err := n.client(app, token).Publish(context.Background(), TypeNDJSON, strings.NewReader(strings.Join(lines, "\n")))
	if err != nil || len(a.Refused) > 0 {
		n.t.Fatalf("publish: %v, refused %v", err, a.Refused)
	}
	if err := n.projection.Wait(context.Background(), a.Position.Seq); err != nil {
		n.t.Fatal(err)
	}
	return a.Position
}

// append writes an event as the ledger itself would.
func (n *node) append(app, push string, k events.Kind, data events.Data) events.Position {
	n.t.Helper()
	e := &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: time.Now()}, Data: data}
	if err := events.Check(e); err != nil {
		n.t.Fatal(err)
	}
	b := must[[]byte](n.t)(events.Encode(e))
	channel := ""
	if c, ok := data.(*events.Command); ok {
		channel = c.Channel
	}
	pos, err := n.log.Append(context.Background(), []events.Record{{Subject: events.Subject(0, app, k, push, channel), Data: b}})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := n.projection.Wait(context.Background(), pos.Seq); err != nil {
		n.t.Fatal(err)
	}
	return pos
}

// end returns the end of the log.
func (n *node) end() events.Position {
	n.t.Helper()
	return must[events.Position](n.t)(n.log.End(context.Background()))
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// created is a push.created; extra are more fields of its data.
func created(push, extra string) string {
	if extra != "" {
		extra = "," + extra
	}
	return fmt.Sprintf(`{"kind":"push.created","push":%s,"data":{"title":"t","audience":{"kind":"all"}%s}}`, quote(push), extra)
}

func fact(kind events.Kind, push, channel string, devices ...string) string {
	b, err := json.Marshal(devices)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"kind":%q,"push":%s,"data":{"channel":%q,"devices":%s}}`, kind, quote(push), channel, b)
}

// until waits for something that another goroutine does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick, late := time.NewTicker(2*time.Millisecond), time.NewTimer(20*time.Second)
	defer tick.Stop()
	defer late.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("did not happen: %s", what)
		}
	}
}
