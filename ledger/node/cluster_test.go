package node

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

var (
	clusterTime = flag.Duration("cluster", 10*time.Second, "how long the cluster's servers and nodes are killed, paused, stopped and cut off")
	clusterSeed = flag.Uint64("cluster.seed", 1, "seed of what happens to which of them, and when")
)

// workers tell stories at the same time: a machine of two cores carries three
// servers, three nodes, the vendors and them.
const workers = 10

// accounts let the nodes ask the servers about themselves, as deploy/nats/accounts.conf
// does, so that a node that starts checks that they sync always (L1).
const accounts = `
accounts {
  LEDGER {
    jetstream: enabled, users: [{user: ` + clustertest.User + `, password: ` + clustertest.Password + `}]
    imports: [{service: {account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ"}}]
  }
  SYS {
    users: [{user: ` + clustertest.SystemUser + `, password: ` + clustertest.SystemPassword + `}]
    exports: [{service: "$SYS.REQ.SERVER.PING.JSZ", response: stream, accounts: [LEDGER]}]
  }
}
system_account: SYS
no_auth_user: ` + clustertest.User + `
`

// stage is three servers, three nodes and the vendors.
type stage struct {
	servers *clustertest.Cluster
	vendors *vendors
	members []*member
	logs    []*jetstream.Log
	leases  *jetstream.Leases
}

// newStage starts everything and waits until every node serves.
func newStage(t *testing.T) *stage {
	t.Helper()
	// go test -artifacts keeps what servers and nodes wrote.
	s := &stage{servers: clustertest.Start(t, clustertest.Config{Dir: t.ArtifactDir(), Accounts: accounts}), vendors: startVendors(t)}
	var targets []string
	for i := range s.servers.Size() {
		targets = append(targets, s.servers.Addr(i))
	}
	for i := range 3 {
		s.members = append(s.members, startMember(t, i, targets, s.vendors.of(t, i)))
	}
	for _, m := range s.members {
		serves(t, m)
	}
	// The test's own way to the servers suffers none of the nodes' faults.
	nc, err := jetstream.Dial(jetstream.DialConfig{URL: strings.Join(s.servers.URLs(), ","), Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	conf := s.members[0].config.config()
	s.logs, err = jetstream.OpenAll(t.Context(), jetstream.Config{Conn: nc, Settings: jetstream.Settings{
		Replicas: conf.NATS.Replicas, MaxAge: conf.Log.MaxAge, MaxBytes: conf.Log.MaxBytes / partitions,
	}}, partitions)
	if err != nil {
		t.Fatal(err)
	}
	if s.leases, err = jetstream.OpenLeases(t.Context(), jetstream.LeaseConfig{Conn: nc, Node: "test", Replicas: conf.NATS.Replicas}); err != nil {
		t.Fatal(err)
	}
	return s
}

// serves waits until a node is ready.
func serves(t *testing.T, m *member) {
	t.Helper()
	waitFor(t, m.config.ID+" is ready", func() string {
		base := m.url()
		if base == "" {
			return "it does not listen: " + lastLine(m.log())
		}
		ctx, cancel := context.WithTimeout(t.Context(), requestTimeout)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
		if err != nil {
			return err.Error()
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return resp.Status
		}
		return ""
	})
}

// waitFor polls until lacks says "".
func waitFor(t *testing.T, what string, lacks func() string) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		text := lacks()
		if text == "" {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waited %s until %s: %s", patience, what, text)
		case <-poll.C:
		}
	}
}

func decodeJSON(t *testing.T, b []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%v: %.200s", err, b)
	}
}

// settled waits until every node has an outcome for every command.
func (s *stage) settled(t *testing.T, c *campaign) {
	t.Helper()
	for _, m := range s.members {
		serves(t, m)
	}
	for i := range s.members {
		for push, a := range c.books.recalls {
			waitFor(t, fmt.Sprintf("recall %s of %s is settled at node %d", a.id, push, i), func() string {
				got, err := c.ask(t.Context(), i, request{http.MethodGet, "/v1/recalls/" + a.id, "", "", nil})
				if err != nil {
					return err.Error()
				}
				if got.status != http.StatusOK {
					return string(got.body)
				}
				if r := recallOf(t, string(got.body)); !r.Settled {
					return string(got.body)
				}
				return ""
			})
		}
	}
}

// check judges everything at the end, with the nodes running and then stopped.
func (s *stage) check(t *testing.T, c *campaign) *chronicle {
	t.Helper()
	s.settled(t, c)
	// What is late is late at every node: the answers must be the same.
	var ends []string
	for _, l := range s.logs {
		end, err := l.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, end.String())
	}
	for i := range s.members {
		got, err := c.ask(t.Context(), i, request{http.MethodGet, "/v1/positions?at_least=" + strings.Join(ends, ","), "", "", nil})
		if err != nil || got.status != http.StatusOK {
			t.Errorf("node %d at %v: %d %s, %v", i, ends, got.status, got.body, err)
		}
	}
	account := auditAccount(t, c, c.books)
	auditKeys(t, c, c.books)
	for _, m := range s.members {
		if err := m.end(syscall.SIGTERM); err != nil {
			t.Errorf("%s did not stop gracefully: %v: %s", m.config.ID, err, lastLine(m.log()))
		}
	}
	k := chronicleOf(t, s.logs)
	auditRecord(t, k, c.books)
	auditCommands(t, k)
	auditVendors(t, k, s.vendors, s.members)
	auditWalk(t, s.logs, account)
	auditProjections(t, s.logs, s.members)
	for _, m := range s.members {
		for _, text := range m.exits {
			t.Errorf("a node ended by itself: %s", text)
		}
		for _, text := range m.failures {
			t.Logf("a start failed: %s", text)
		}
		t.Logf("%s: %d starts, %d of them failed, %d ends by itself", m.config.ID, m.starts, len(m.failures), len(m.exits))
	}
	for _, what := range slices.Sorted(maps.Keys(c.books.counts)) {
		t.Logf("clients: %d %s", c.books.counts[what], what)
	}
	return k
}

// TestCluster drives a cluster while its servers and nodes fail, and checks every
// law against an outside record.
func TestCluster(t *testing.T) {
	t.Logf("seed %d, %s", *clusterSeed, *clusterTime)
	s := newStage(t)
	c := newCampaign(t, s.members, s.vendors)
	ctx, cancel := context.WithTimeout(t.Context(), *clusterTime)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.run(ctx, *clusterSeed, workers)
	}()
	storm := &chaos{t: t, servers: s.servers, members: s.members, leases: s.leases, done: map[string]int{}}
	storm.run(ctx, *clusterSeed)
	<-done
	if len(c.books.recalls) == 0 {
		t.Fatal("no recall was acknowledged: the test shows nothing")
	}
	k := s.check(t, c)
	t.Logf("seed %d: faults %v; the slowest recall with its retries took %s", *clusterSeed, storm.done, c.books.slowest.Round(time.Millisecond))
	list, missing := takeovers(k, s.vendors.list(), storm)
	reportTakeovers(t, storm, list, missing)
}
