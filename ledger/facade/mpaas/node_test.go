package mpaas

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of the tests: two of one app, one of another, one disabled.
const (
	keyShop, keyOther, keyOff = "testid", "otherid", "offid"
	secret                    = "testsecret"
	appShop, appOther         = "shop", "other"
)

// node is the facade on a whole ledger, with a real log on a real disk.
type node struct {
	t       *testing.T
	desk    *facade.Desk
	handler *Handler
	http    *httptest.Server
	lines   *lockedBuffer
	// ahead is how far the clock is ahead of real time.
	ahead atomic.Int64
	// stopCommitter takes a part of the node away.
	stopCommitter func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
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

func (n *node) now() time.Time          { return time.Now().Add(time.Duration(n.ahead.Load())) }
func (n *node) advance(d time.Duration) { n.ahead.Add(int64(d)) }

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// start runs a node until the test ends. change may alter the handler's
// configuration, ahead sets the clock.
func start(t *testing.T, ahead time.Duration, change ...func(*Config)) *node {
	t.Helper()
	n := &node{t: t, lines: &lockedBuffer{}}
	n.ahead.Store(int64(ahead))
	ctx := context.Background()
	srv := must[*embedded.Server](t)(embedded.Start(embedded.Config{Dir: t.TempDir()}))
	t.Cleanup(srv.Stop)
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	log := must[*jetstream.Log](t)(jetstream.Open(ctx, jetstream.Config{Conn: nc}))
	projection := must[*projections.Projection](t)(projections.Open(ctx, projections.Config{Dir: t.TempDir(), Log: log, Cache: 8 << 20}))
	committer := events.NewCommitter(events.CommitterConfig{Log: log})
	n.run(projection, committer)

	keys := must[*facade.Credentials](t)(facade.OpenCredentials(t.TempDir()))
	for _, k := range []facade.Credential{
		{Facade: facade.MPaaS, ID: keyShop, App: appShop, Secret: secret},
		{Facade: facade.MPaaS, ID: keyOther, App: appOther, Secret: secret},
		{Facade: facade.MPaaS, ID: keyOff, App: appShop, Secret: secret, Disabled: true},
	} {
		if err := keys.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	n.desk = facade.NewDesk(facade.Config{
		Log: log, Projection: projection, Committer: committer, Credentials: keys, Clock: n.now, Random: rand.Uint32,
		Decider: decision.New(decision.Config{
			Log: log, Projection: projection, Committer: committer, Clock: n.now, NewID: newID, RefusalsPerSecond: 1000,
		}),
	})
	c := Config{
		Desk: n.desk, Logger: slog.New(slog.NewTextHandler(n.lines, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Started: n.now(), Templates: templates,
	}
	for _, f := range change {
		f(&c)
	}
	n.handler = New(c)
	n.http = httptest.NewServer(n.handler)
	t.Cleanup(n.http.Close)
	return n
}

func templates(app, name string) (Template, bool) {
	if app != appShop || name != "Test template" {
		return Template{}, false
	}
	return Template{Title: "For #name#", Content: "#name# won #money# yuan, #1 of many"}, true
}

// run starts what works in the background, and stops it when the test ends.
func (n *node) run(p *projections.Projection, c *events.Committer) {
	ctx, cancel := context.WithCancel(context.Background())
	committing, stop := context.WithCancel(ctx)
	var folding, writing sync.WaitGroup
	folding.Go(func() { _ = p.Run(ctx) })
	writing.Go(func() { _ = c.Run(committing) })
	n.stopCommitter = sync.OnceFunc(func() { stop(); writing.Wait() })
	n.t.Cleanup(func() {
		n.stopCommitter()
		cancel()
		folding.Wait()
		if err := p.Close(); err != nil {
			n.t.Error(err)
		}
	})
}

// answered is what came back of a request.
type answered struct {
	status int
	header http.Header
	body   string
	fields answerFields
}

// answerFields are the fields that any answer may have, as clients read them.
type answerFields struct {
	RequestID     string `json:"RequestId"`
	HostID        string `json:"HostId"`
	Code          string
	Message       string
	ResultCode    string
	ResultMessage string
	PushResult    struct {
		Success   bool
		ResultMsg string
		Data      string
	}
	ResultContent json.RawMessage
}

// send writes the bytes of a request on a connection of its own and reads the
// answer.
func (n *node) send(raw []byte) answered {
	n.t.Helper()
	conn, err := net.Dial("tcp", n.http.Listener.Addr().String())
	if err != nil {
		n.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(raw); err != nil {
		n.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		n.t.Fatal(err)
	}
	return n.read(resp)
}

func (n *node) read(resp *http.Response) answered {
	n.t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	a := answered{status: resp.StatusCode, header: resp.Header, body: string(b)}
	if got := resp.Header.Get("Content-Type"); got != "application/json;charset=utf-8" {
		n.t.Errorf("content type %q", got)
	}
	if err := json.Unmarshal(b, &a.fields); err != nil {
		n.t.Fatalf("the answer is not JSON: %v: %s", err, b)
	}
	if a.fields.RequestID == "" {
		n.t.Errorf("the answer has no RequestId: %s", b)
	}
	return a
}

// fact stores that a push was shown to devices.
func (n *node) fact(app, push, channel string, devices ...string) {
	n.t.Helper()
	e := &events.Event{
		Header: events.Header{Kind: events.DisplayShown, Push: push, Time: n.now()},
		Data:   &events.Fact{Channel: channel, Devices: devices},
	}
	if _, err := n.desk.Facts(context.Background(), app, e); err != nil {
		n.t.Fatal(err)
	}
}

// push returns what the ledger knows of a push.
func (n *node) push(app, id string) *projections.Push {
	n.t.Helper()
	return must[*projections.Push](n.t)(n.desk.Push(context.Background(), app, id))
}
