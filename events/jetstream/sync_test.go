package jetstream_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// system connects to the system account of a server.
func system(t *testing.T, c *clustertest.Cluster, i int) *nats.Conn {
	t.Helper()
	nc, err := jetstream.Dial(jetstream.DialConfig{
		URL: strings.Join(append([]string{c.URL(i)}, c.URLs()...), ","), User: clustertest.SystemUser, Password: clustertest.SystemPassword,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func monitors(c *clustertest.Cluster) (urls []string) {
	for i := range c.Size() {
		urls = append(urls, c.Monitor(i))
	}
	return urls
}

// TestCheckSync: servers that do not sync always are refused by name, servers of
// which it is not known as well, and a flag accepts them aloud.
func TestCheckSync(t *testing.T) {
	ctx := testContext(t)
	for _, test := range []struct {
		sync string
		want time.Duration
	}{{"always", 0}, {"2m", 2 * time.Minute}, {"10s", 10 * time.Second}} {
		c := clustertest.Start(t, clustertest.Config{Servers: 3, Sync: test.sync})
		for name, servers := range map[string]*jetstream.Servers{
			"system account": jetstream.NewServers(jetstream.ServersConfig{System: system(t, c, 0)}),
			"monitoring":     jetstream.NewServers(jetstream.ServersConfig{Monitors: monitors(c)}),
		} {
			states, err := servers.Ask(ctx)
			if err != nil || len(states) != 3 || states[0].Name != "n0" || states[0].Version == "" || states[0].Size != 3 {
				t.Fatalf("%s: Ask = %+v, %v, want three servers", name, states, err)
			}
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			err = jetstream.CheckSync(ctx, servers, false, logger)
			if test.want == 0 {
				if err != nil {
					t.Errorf("%s, %s: %v", name, test.sync, err)
				}
				continue
			}
			e, ok := errors.AsType[*jetstream.UnsyncedError](err)
			if !ok || len(e.Servers) != 3 || e.Servers[0].SyncInterval != test.want {
				t.Fatalf("%s, %s: %v, want all three refused", name, test.sync, err)
			}
			for _, word := range []string{"n0 (sync_interval " + test.want.String() + ")", "n2", "sync_interval: always", "power"} {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("the message lacks %q: %v", word, err)
				}
			}
			if err := jetstream.CheckSync(ctx, servers, true, logger); err != nil || !strings.Contains(log.String(), "power") || !strings.Contains(log.String(), "n1") {
				t.Errorf("%s: accepted %v, logged %q, want the risk", name, err, log.String())
			}
		}
	}
}

// TestCheckSyncUnknown: what cannot be known is refused, too.
func TestCheckSyncUnknown(t *testing.T) {
	ctx := testContext(t)
	c := clustertest.Start(t, clustertest.Config{Servers: 1})
	gone := clustertest.Start(t, clustertest.Config{Servers: 1})
	dead := gone.Monitor(0)
	gone.Kill(0)
	for name, config := range map[string]jetstream.ServersConfig{
		"nothing configured":        {},
		"no user of the system":     {System: dial(t, c)},
		"no endpoint":               {Monitors: []string{dead}},
		"an endpoint of other kind": {Monitors: []string{c.Monitor(0) + "/nothing"}},
	} {
		err := jetstream.CheckSync(ctx, jetstream.NewServers(config), false, slog.New(slog.DiscardHandler))
		e, ok := errors.AsType[*jetstream.UnsyncedError](err)
		if !ok || len(e.Servers) != 0 || !strings.Contains(fmt.Sprint(err), "cannot be known") {
			t.Errorf("%s: %v, want that it cannot be known", name, err)
		}
		if err := jetstream.CheckSync(ctx, jetstream.NewServers(config), true, slog.New(slog.DiscardHandler)); err != nil {
			t.Errorf("%s: accepted: %v", name, err)
		}
	}
	// One that is down does not keep a node from starting.
	three := clustertest.Start(t, clustertest.Config{})
	servers := jetstream.NewServers(jetstream.ServersConfig{System: system(t, three, 0)})
	three.Kill(2)
	if err := jetstream.CheckSync(ctx, servers, false, slog.New(slog.DiscardHandler)); err != nil {
		t.Errorf("with one server down: %v", err)
	}
	if states, err := servers.Ask(ctx); err != nil || len(states) != 2 {
		t.Errorf("Ask = %d servers, %v, want the two that run", len(states), err)
	}
}
