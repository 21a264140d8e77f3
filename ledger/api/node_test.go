package api

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// options change how a node of a test is made.
type options struct {
	node   facadetest.Config
	keys   []Key
	change func(*Config)
}

// node is the API on a whole ledger.
type node struct {
	*facadetest.Node
	server *Server
}

// start runs a node until the test ends.
func start(t testing.TB, o options) *node {
	t.Helper()
	n := &node{Node: facadetest.Start(t, o.node)}
	c := Config{
		Ledger: n.Desk.Ledger, Clock: n.Now,
		Credentials: n.Desk.Credentials, Templates: facadetest.Must(facade.OpenTemplates(t.TempDir()))(t),
		NewID: facadetest.NewID, Logger: n.Desk.Logger, Keys: o.keys, Version: "test",
		DevicePassword: func(app, device string) string { return "password of " + app + " " + device }, DeviceURL: "ws://devices",
	}
	if o.change != nil {
		o.change(&c)
	}
	n.server = facadetest.Must(New(c))(t)
	n.Serve(n.server.Handler())
	t.Cleanup(n.server.Close)
	return n
}

// client returns a client of an open node for an app, or with a token.
func (n *node) client(app, token string) *Client {
	n.T.Helper()
	return facadetest.Must(NewClient(ClientConfig{URL: n.HTTP.URL, App: app, Token: token}))(n.T)
}

// answered is what came back of a request.
type answered struct{ facadetest.Answer }

func (a answered) problem(t *testing.T) *Problem {
	t.Helper()
	p := &Problem{}
	if a.Header.Get("Content-Type") != typeProblem {
		t.Fatalf("status %d has content type %q: %s", a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	if err := json.Unmarshal([]byte(a.Body), p); err != nil {
		t.Fatal(err)
	}
	if p.Status != a.Status || p.Type != "/problems/"+p.Code || p.Title == "" {
		t.Errorf("problem %+v does not fit status %d", p, a.Status)
	}
	return p
}

// do makes a request by hand, with a body of JSON unless the headers say another
// type; headers are pairs of name and value.
func (n *node) do(method, path, body string, headers ...string) answered {
	n.T.Helper()
	if body != "" && !slices.Contains(headers, "Content-Type") {
		headers = append(slices.Clip(headers), "Content-Type", TypeJSON)
	}
	return answered{n.Call(method, path, strings.NewReader(body), headers...)}
}

// publish stores events, one per line, and waits until they are folded.
func (n *node) publish(app, token string, lines ...string) events.Position {
	n.T.Helper()
	a, err := n.client(app, token).Publish(context.Background(), TypeNDJSON, strings.NewReader(strings.Join(lines, "\n")))
	if err != nil || len(a.Refused) > 0 {
		n.T.Fatalf("publish: %v, refused %v", err, a.Refused)
	}
	n.Fold(a.Position[0])
	return a.Position[0]
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
	tick, late := time.NewTicker(2*time.Millisecond), time.NewTimer(time.Minute)
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
