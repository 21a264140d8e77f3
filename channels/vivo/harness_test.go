package vivo

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/vivo/vivotest"
)

// clock is a time that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)} }

// start makes a double and an adapter for it.
func start(t *testing.T, c *clock, change func(*Config)) (channels.Emitter, *vivotest.Server) {
	t.Helper()
	s, err := vivotest.Start(c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	conf := Config{
		BaseURL: s.URL + "/", AppID: vivotest.AppID, AppKey: vivotest.AppKey, AppSecret: vivotest.AppSecret,
		HTTP: double.Client(false), Clock: c.now,
	}
	if change != nil {
		change(&conf)
	}
	e, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func command(m channels.Method, devices ...string) channels.Command {
	return channels.Command{
		App: "shop", Push: "p1", Recall: "rc1", Method: m, Slot: "42", Attempt: 1,
		Title: "Message revoked", Devices: devices,
	}
}

// one emits a command and returns the only result.
func one(t *testing.T, e channels.Emitter, c channels.Command) channels.Result {
	t.Helper()
	r, err := e.Emit(t.Context(), c)
	if err != nil || len(r.Results) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	return r.Results[0]
}

// reply is a status and a body.
type reply struct {
	status int
	body   string
}

// canned answers every request by its path, and keeps what was asked.
type canned struct {
	replies  map[string]reply
	requests []string
	tokens   []string
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	c.requests = append(c.requests, fmt.Sprintf("%s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), b))
	c.tokens = append(c.tokens, r.Header.Get("authToken"))
	a := c.replies[r.URL.Path]
	return &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// against makes an adapter that gets what is given from every path but
// authentication.
func against(t *testing.T, status int, body string, change func(*Config)) (*Emitter, *canned) {
	t.Helper()
	a := &canned{replies: map[string]reply{
		"/message/auth": {http.StatusOK, `{"result":0,"authToken":"t"}`},
	}}
	for _, path := range []string{"/message/send", "/message/saveListPayload", "/message/pushToList", "/message/recall", "/message/undo"} {
		a.replies[path] = reply{status, body}
	}
	c := Config{AppID: "10004", AppKey: "k", AppSecret: "s", HTTP: &http.Client{Transport: a}, Clock: newClock().now}
	if change != nil {
		change(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, a
}
