package ums

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
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

// node is a whole ledger behind the facade, with a real log on a real disk.
type node struct {
	t          *testing.T
	log        *jetstream.Log
	projection *projections.Projection
	desk       *facade.Desk
	http       *httptest.Server
	// ahead is how far the node's clock is ahead of the real one.
	ahead atomic.Int64
	lines *lockedBuffer
	// stopCommitter takes away what writes, breakLog the log itself.
	stopCommitter, breakLog func()
	broken                  atomic.Bool
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

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// keys are the credentials every node of a test has.
func keys() []facade.Credential {
	return []facade.Credential{
		{Facade: facade.UMS, ID: "shopkey", App: "shop", Secret: "shop master secret"},
		{Facade: facade.UMS, ID: "bankkey", App: "bank", Secret: "bank master secret"},
		{Facade: facade.UMS, ID: "oldkey", App: "shop", Secret: "old master secret", Disabled: true},
		// The same id at another facade opens nothing here.
		{Facade: facade.TIMPush, ID: "14000", App: "shop", Secret: "tim secret"},
	}
}

// start runs a node until the test ends.
func start(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, lines: &lockedBuffer{}}
	ctx := context.Background()
	srv := must[*embedded.Server](t)(embedded.Start(embedded.Config{Dir: t.TempDir()}))
	t.Cleanup(srv.Stop)
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	n.breakLog = func() { n.broken.Store(true); nc.Close() }
	n.log = must[*jetstream.Log](t)(jetstream.Open(ctx, jetstream.Config{Conn: nc}))
	n.projection = must[*projections.Projection](t)(projections.Open(ctx, projections.Config{Dir: t.TempDir(), Log: n.log, Cache: 8 << 20}))
	committer := events.NewCommitter(events.CommitterConfig{Log: n.log})
	n.run(committer)
	credentials := must[*facade.Credentials](t)(facade.OpenCredentials(t.TempDir()))
	for _, k := range keys() {
		if err := credentials.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	logger := slog.New(slog.NewTextHandler(n.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	n.desk = facade.NewDesk(facade.Config{
		Log: n.log, Projection: n.projection, Committer: committer, Credentials: credentials, Clock: n.now, Random: rand.Uint32, Logger: logger,
		Decider: decision.New(decision.Config{
			Log: n.log, Projection: n.projection, Committer: committer, Clock: n.now, NewID: newID, RefusalsPerSecond: 1000,
		}),
	})
	n.http = httptest.NewServer(New(Config{Desk: n.desk, Logger: logger, Started: n.now()}))
	t.Cleanup(n.http.Close)
	return n
}

// run starts what works in the background, and stops it when the test ends.
func (n *node) run(committer *events.Committer) {
	ctx, cancel := context.WithCancel(context.Background())
	committing, stop := context.WithCancel(ctx)
	var folding, writing sync.WaitGroup
	folding.Go(func() {
		if err := n.projection.Run(ctx); err != nil && ctx.Err() == nil && !n.broken.Load() {
			n.t.Error(err)
		}
	})
	writing.Go(func() { _ = committer.Run(committing) }) // it ends when it is stopped
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

func (n *node) now() time.Time { return time.Now().Add(time.Duration(n.ahead.Load())) }

// answered is what came back of a request.
type answered struct {
	status int
	header http.Header
	body   string
}

// as is an Authorization header; "" sends none.
func (n *node) do(method, path, body, as string) answered {
	n.t.Helper()
	req, err := http.NewRequest(method, n.http.URL+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if as != "" {
		id, secret, _ := strings.Cut(as, ":")
		req.SetBasicAuth(id, secret)
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

const (
	shop = "shopkey:shop master secret"
	bank = "bankkey:bank master secret"
)

// expect compares an answer with what it must be, byte for byte.
func (n *node) expect(what string, got answered, status int, body string) {
	n.t.Helper()
	if got.status != status || got.body != body {
		n.t.Errorf("%s: got %d %s\nwant %d %s", what, got.status, got.body, status, body)
	}
	if kind := got.header.Get("Content-Type"); kind != "application/json; charset=utf-8" {
		n.t.Errorf("%s: content type %q", what, kind)
	}
}

// push returns what the ledger knows of a push.
func (n *node) push(app, id string) *projections.Push {
	n.t.Helper()
	p, err := n.desk.Push(context.Background(), app, id)
	if err != nil {
		n.t.Fatal(err)
	}
	if p == nil {
		n.t.Fatalf("push %s of %s is not known", id, app)
	}
	return p
}
