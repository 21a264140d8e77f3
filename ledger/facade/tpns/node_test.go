package tpns

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
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

// The keys of the tests: two apps and a disabled key of the first.
const (
	shopID, shopSecret = "1500001048", "1452fcebae9f3115ba794fb0fff2fd73"
	bankID, bankSecret = "1500001049", "a secret of the bank's"
	offID, offSecret   = "1500001050", "a secret of a disabled key"
)

// node is a ledger with the facade, with a real log on a real disk.
type node struct {
	t          *testing.T
	log        *jetstream.Log
	projection *projections.Projection
	committer  *events.Committer
	handler    *Handler
	http       *httptest.Server
	// ahead is how far the node's clock is ahead of real time.
	ahead atomic.Int64
	lines *lockedBuffer
	// stopCommitter takes away what records pushes.
	stopCommitter func()
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

func (n *node) now() time.Time          { return time.Now().Add(time.Duration(n.ahead.Load())) }
func (n *node) advance(d time.Duration) { n.ahead.Add(int64(d)) }

// start runs a node until the test ends.
func start(t *testing.T) *node {
	t.Helper()
	n := &node{t: t, lines: &lockedBuffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	srv := must[*embedded.Server](t)(embedded.Start(embedded.Config{Dir: t.TempDir()}))
	t.Cleanup(srv.Stop)
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	n.log = must[*jetstream.Log](t)(jetstream.Open(ctx, jetstream.Config{Conn: nc}))
	n.projection = must[*projections.Projection](t)(projections.Open(ctx, projections.Config{Dir: t.TempDir(), Log: n.log, Cache: 8 << 20}))
	n.committer = events.NewCommitter(events.CommitterConfig{Log: n.log})
	committing, stop := context.WithCancel(ctx)
	var folding, writing sync.WaitGroup
	folding.Go(func() { _ = n.projection.Run(ctx) })
	writing.Go(func() { _ = n.committer.Run(committing) })
	n.stopCommitter = sync.OnceFunc(func() { stop(); writing.Wait() })
	t.Cleanup(func() {
		n.stopCommitter()
		cancel()
		folding.Wait()
		if err := n.projection.Close(); err != nil {
			t.Error(err)
		}
	})
	credentials := must[*facade.Credentials](t)(facade.OpenCredentials(t.TempDir()))
	for _, k := range []facade.Credential{
		{Facade: facade.TPNS, ID: shopID, App: "shop", Secret: shopSecret},
		{Facade: facade.TPNS, ID: bankID, App: "bank", Secret: bankSecret},
		{Facade: facade.TPNS, ID: offID, App: "shop", Secret: offSecret, Disabled: true},
		{Facade: facade.UMS, ID: "1500001051", App: "shop", Secret: shopSecret},
	} {
		if err := credentials.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	logger := slog.New(slog.NewTextHandler(n.lines, &slog.HandlerOptions{Level: slog.LevelDebug}))
	desk := facade.NewDesk(facade.Config{
		Log: n.log, Projection: n.projection, Committer: n.committer, Credentials: credentials,
		Clock: n.now, Random: rand.Uint32, Logger: logger,
		Decider: decision.New(decision.Config{
			Log: n.log, Projection: n.projection, Committer: n.committer, Clock: n.now, NewID: newID, RefusalsPerSecond: 1000,
		}),
	})
	// Sign has whole seconds: a node that started within this one takes no
	// signature of it.
	n.handler = New(Config{Desk: desk, Logger: logger, Started: time.Now().Add(-time.Hour)})
	n.http = httptest.NewServer(n.handler)
	t.Cleanup(n.http.Close)
	return n
}

// header is a pair of name and value.
type header [2]string

func basicHeader(id, secret string) header {
	return header{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
}

// signHeaders signs a body as a client does.
func signHeaders(id, secret string, at time.Time, body string) []header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return []header{
		{"AccessId", id}, {"TimeStamp", stamp},
		{"Sign", base64.StdEncoding.EncodeToString(sign(secret, stamp, id, []byte(body)))},
	}
}

// shop and bank are the Basic credentials of the apps.
func shop() header { return basicHeader(shopID, shopSecret) }
func bank() header { return basicHeader(bankID, bankSecret) }

// do makes a request and returns the answer, which must be HTTP 200 and JSON.
func (n *node) do(method, path string, body io.Reader, headers ...header) string {
	n.t.Helper()
	req := must[*http.Request](n.t)(http.NewRequest(method, n.http.URL+path, body))
	for _, h := range headers {
		req.Header.Add(h[0], h[1])
	}
	resp := must[*http.Response](n.t)(n.http.Client().Do(req))
	defer resp.Body.Close()
	b := must[[]byte](n.t)(io.ReadAll(resp.Body))
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/json" {
		n.t.Fatalf("%s answered %d as %q: %s", path, resp.StatusCode, resp.Header.Get("Content-Type"), b)
	}
	return string(b)
}

func (n *node) post(path, body string, headers ...header) string {
	n.t.Helper()
	return n.do(http.MethodPost, path, strings.NewReader(body), headers...)
}

// answered are the fields of any answer.
type answered struct {
	RetCode *int    `json:"ret_code"`
	ErrMsg  *string `json:"err_msg"`
	Code    *int    `json:"retCode"`
	Message *string `json:"errMsg"`
	PushID  string  `json:"push_id"`
}

// code returns the code of an answer and checks its names.
func code(t *testing.T, path, answer string) int {
	t.Helper()
	var a answered
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		t.Fatalf("%s answered %s: %v", path, answer, err)
	}
	snakes, camels := path == "/v3/push/app", strings.HasPrefix(path, "/v3/statistics/get_")
	if snakes == (a.Code != nil) || camels == (a.RetCode != nil) || (a.Code == nil) != (a.Message == nil) {
		t.Fatalf("%s answered under wrong names: %s", path, answer)
	}
	if a.RetCode == nil {
		return *a.Code
	}
	if a.Code != nil && *a.Code != *a.RetCode {
		t.Fatalf("%s answered two codes: %s", path, answer)
	}
	if *a.RetCode != 0 && (a.ErrMsg == nil || *a.ErrMsg == "") {
		t.Fatalf("%s answered no text: %s", path, answer)
	}
	return *a.RetCode
}

// expect posts and checks the code.
func (n *node) expect(want int, path, body string, headers ...header) string {
	n.t.Helper()
	answer := n.post(path, body, headers...)
	if got := code(n.t, path, answer); got != want {
		n.t.Errorf("%s with %.200s answered %s, want code %d", path, body, answer, want)
	}
	return answer
}

// send records a push and returns its id; extra are more fields.
func (n *node) send(by header, audience, extra string) string {
	n.t.Helper()
	body := `{"audience_type":"` + audience + `","message_type":"notify","message":{"title":"Sale","content":"50 % off","android":{"ring":1}}` + extra + `}`
	var a answered
	answer := n.post("/v3/push/app", body, by)
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.RetCode == nil || *a.RetCode != 0 || a.PushID == "" {
		n.t.Fatalf("%s answered %s", body, answer)
	}
	return a.PushID
}

// byID names a push.
func byID(push string) string { return `{"pushid":"` + push + `"}` }

// pushed returns what the ledger knows of a push.
func (n *node) pushed(app, push string) *projections.Push {
	n.t.Helper()
	return must[*projections.Push](n.t)(n.handler.c.Desk.Push(context.Background(), app, push))
}

// fact stores what happened to devices.
func (n *node) fact(app, push string, k events.Kind, channel string, devices ...string) {
	n.t.Helper()
	e := &events.Event{Header: events.Header{Kind: k, Push: push, Time: n.now()}, Data: &events.Fact{Channel: channel, Devices: devices}}
	pos := must[events.Position](n.t)(n.handler.c.Desk.Facts(context.Background(), app, e))
	if err := n.projection.Wait(context.Background(), pos.Seq); err != nil {
		n.t.Fatal(err)
	}
}

// recordOf asks for the record of a push.
func (n *node) recordOf(by header, push string) pushRecord {
	n.t.Helper()
	var a recordAnswer
	answer := n.expect(codeOK, "/v3/statistics/get_push_record", `{"pushId":"`+push+`"}`, by)
	if err := json.Unmarshal([]byte(answer), &a); err != nil || len(a.Records) != 1 {
		n.t.Fatalf("the record of %s is %s", push, answer)
	}
	return a.Records[0]
}
