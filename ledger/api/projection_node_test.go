package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
	"github.com/recall-ledger/recall-ledger/projections"
)

// failSafe ends what never happens; nothing waits for it.
const failSafe = time.Minute

// serve runs a whole node, on a NATS server of its own whose streams the test can
// change, and returns its address.
func serve(t *testing.T, change func(*node.Config)) (url string, log jetstream.JetStream) {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
		JetStreamMaxStore: 256 << 30, JetStreamMaxMemory: 1 << 20, MaxPayload: 2 << 20, HTTPHost: "127.0.0.1", HTTPPort: -1,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(failSafe) {
		t.Fatal("the server is not ready")
	}
	conn, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if log, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	c := node.Default()
	c.Data, c.HTTP.Listen = t.TempDir(), "127.0.0.1:0"
	c.NATS.URL, c.NATS.Monitors = s.ClientURL(), "http://"+s.MonitorAddr().String()
	if change != nil {
		change(&c)
	}
	n, err := node.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(func() { cancel(); run.Wait() })
	return "http://" + n.Address(), log
}

func client(t *testing.T, url, token string) *api.Client {
	t.Helper()
	app := "shop"
	if token != "" {
		app = ""
	}
	c, err := api.NewClient(api.ClientConfig{URL: url, App: app, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// refused returns the problem that an answer is.
func refused(t *testing.T, err error) *api.Problem {
	t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) {
		t.Fatalf("%v is no problem", err)
	}
	return p
}

// post makes a request by hand and returns the field that the answer refuses.
func post(t *testing.T, url, body string) (status int, field string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", api.TypeJSON)
	r.Header.Set("Recall-App", "shop")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	var p api.Problem
	if err := json.NewDecoder(a.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, p.Field
}

// age has everything on the log come of age.
func age(t *testing.T, log jetstream.JetStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), failSafe)
	defer cancel()
	set := func(maxAge time.Duration) time.Duration {
		s, err := log.Stream(ctx, "LEDGER")
		if err != nil {
			t.Fatal(err)
		}
		c := s.CachedInfo().Config
		before := c.MaxAge
		c.MaxAge, c.Duplicates = maxAge, min(c.Duplicates, maxAge)
		if _, err := log.UpdateStream(ctx, c); err != nil {
			t.Fatal(err)
		}
		return before
	}
	before := set(100 * time.Millisecond) // the least there is
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		s, err := log.Stream(ctx, "LEDGER")
		if err != nil {
			t.Fatal(err)
		}
		if i := s.CachedInfo(); i.State.Msgs == 0 && i.State.FirstSeq > 1 {
			break
		}
		<-tick.C
	}
	set(before)
}

// TestProjections: the projection of a node is rebuilt over HTTP. Of a log that has
// aged that must be forced, and what is kept of the old one must be dropped first.
func TestProjections(t *testing.T) {
	url, log := serve(t, nil)
	c, ctx := client(t, url, ""), t.Context()
	publish := func(push string) {
		t.Helper()
		line := `{"kind":"push.sent","push":"` + push + `","data":{"channel":"fcm","devices":["d"]}}`
		if a, err := c.Publish(ctx, api.TypeJSON, strings.NewReader(line)); err != nil || len(a.Refused) > 0 {
			t.Fatalf("Publish = %+v, %v", a, err)
		}
	}
	publish("p1")
	if list, err := c.Projections(ctx); err != nil || len(list) != 1 || list[0].Generations[0].Generation != 1 || list[0].Rebuild != nil {
		t.Errorf("Projections = %+v, %v", list, err)
	}
	age(t, log)
	publish("p2")
	if _, err := c.RebuildProjection(ctx, 0, false); refused(t, err).Status != http.StatusConflict || refused(t, err).Detail != projections.ErrAged.Error() {
		t.Errorf("a rebuild from a log that has aged: %v", err)
	}
	if s, err := c.RebuildProjection(ctx, 0, true); err != nil || !s.Running {
		t.Fatalf("forced: %+v, %v", s, err)
	}
	rebuilt := waitRebuilt(t, c)
	if r := rebuilt.Rebuild.Result; r == nil || !r.Aged || !r.Swapped || len(rebuilt.Generations) != 2 || rebuilt.Generations[0].Generation != 2 {
		t.Errorf("%+v with %+v", rebuilt, rebuilt.Rebuild.Result)
	}
	if _, err := c.RebuildProjection(ctx, 0, true); refused(t, err).Status != http.StatusConflict || refused(t, err).Detail != projections.ErrKept.Error() {
		t.Errorf("a rebuild while an old generation is kept: %v", err)
	}
	for _, want := range []bool{true, false} {
		if dropped, err := c.DropOldProjection(ctx, 0); err != nil || dropped != want {
			t.Errorf("DropOldProjection = %v, %v, want %v", dropped, err, want)
		}
	}
	for path, body := range map[string]string{
		"1/rebuild": "{}", "-1/rebuild": "{}", "x/rebuild": "{}", "99999999999/rebuild": "{}", "1/drop-old": "",
	} {
		if status, field := post(t, url+"/v1/projections/"+path, body); status != http.StatusBadRequest || field != "partition" {
			t.Errorf("%s: %d, field %q", path, status, field)
		}
	}
	if status, field := post(t, url+"/v1/projections/0/rebuild", `{"froce":true}`); status != http.StatusBadRequest || field != "froce" {
		t.Errorf("an unknown field: %d, field %q", status, field)
	}
}

// waitRebuilt waits until the rebuild of partition 0 has ended.
func waitRebuilt(t *testing.T, c *api.Client) api.ProjectionGenerations {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), failSafe)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := c.Projections(ctx)
		if err != nil || len(list) != 1 || list[0].Rebuild == nil {
			t.Fatalf("Projections = %+v, %v", list, err)
		}
		if !list[0].Rebuild.Running {
			return list[0]
		}
		<-tick.C
	}
}

// It is for administrators alone.
func TestProjectionsRole(t *testing.T) {
	admin, adminToken := api.NewKey("shop", []string{api.RoleAdmin})
	key, token := api.NewKey("shop", []string{api.RoleRead, api.RoleRecall, api.RolePublish})
	url, _ := serve(t, func(c *node.Config) {
		for _, k := range []api.Key{admin, key} {
			c.Keys = append(c.Keys, node.KeyConfig{ID: k.ID, Hash: k.Hash, App: k.App, Roles: k.Roles})
		}
	})
	c := client(t, url, token)
	_, list := c.Projections(t.Context())
	_, rebuild := c.RebuildProjection(t.Context(), 0, false)
	_, drop := c.DropOldProjection(t.Context(), 0)
	for what, err := range map[string]error{"list": list, "rebuild": rebuild, "drop": drop} {
		if refused(t, err).Status != http.StatusForbidden {
			t.Errorf("%s: %v, want forbidden", what, err)
		}
	}
	if _, err := client(t, url, adminToken).Projections(t.Context()); err != nil {
		t.Errorf("an administrator: %v", err)
	}
}
