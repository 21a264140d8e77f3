package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// found waits until a watch finds the troubles and no others, each as
// "trouble server".
func found(t *testing.T, w *jetstream.Watch, want ...string) []jetstream.Finding {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	slices.Sort(want)
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	var last []jetstream.Finding
	for {
		list := w.Check(ctx)
		if ctx.Err() != nil {
			t.Fatalf("found %v, want %v", last, want)
		}
		last = list
		got := []string{}
		for _, f := range list {
			got = append(got, strings.TrimSpace(string(f.Trouble)+" "+f.Server))
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return list
		}
		<-poll.C
	}
}

// lead lets a server lead the log.
func lead(t *testing.T, c *clustertest.Cluster, conn *nats.Conn, server int) {
	t.Helper()
	for c.Leader("LEDGER") != server {
		request := fmt.Sprintf(`{"placement":{"preferred":%q}}`, c.Name(server))
		// Nobody answers while nobody leads.
		if _, err := conn.Request("$JS.API.STREAM.LEADER.STEPDOWN.LEDGER", []byte(request), time.Second); err != nil && !errors.Is(err, nats.ErrTimeout) {
			t.Fatal(err)
		}
	}
}

// TestWatch: what is wrong with a cluster is found, with its server and a remedy,
// and is no longer found when it is mended.
func TestWatch(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	log := open(t, jetstream.Config{Conn: conn, Settings: three})
	put(t, log, 3)
	c.WaitCurrent("LEDGER")
	w := jetstream.NewWatch(jetstream.WatchConfig{Conn: conn, Servers: jetstream.NewServers(jetstream.ServersConfig{System: system(t, c, 0)})})
	found(t, w)

	leader := c.Leader("LEDGER")
	follower := (leader + 1) % 3
	c.Kill(follower)
	list := found(t, w, "replica_offline "+c.Name(follower))
	if f := list[0]; f.Severity != jetstream.Warning || f.Partition != 0 || f.Stream != "LEDGER" || !strings.Contains(f.Remedy, c.Name(follower)) {
		t.Errorf("found %+v", f)
	}
	c.Restart(follower)
	c.WaitCurrent("LEDGER")
	found(t, w)

	for name, test := range map[string]struct {
		config jetstream.WatchConfig
		want   string
	}{
		"a partition is missing": {jetstream.WatchConfig{Partitions: 2}, "no_stream"},
		"a clock is wrong": {jetstream.WatchConfig{Clock: func() time.Time { return time.Now().Add(time.Hour) }},
			"clock_skew n0,clock_skew n1,clock_skew n2"},
	} {
		t.Log(name)
		test.config.Conn, test.config.Servers = conn, jetstream.NewServers(jetstream.ServersConfig{Monitors: monitors(c)})
		found(t, jetstream.NewWatch(test.config), strings.Split(test.want, ",")...)
	}
	found(t, jetstream.NewWatch(jetstream.WatchConfig{Conn: conn}), "not_watched")

	c.Kill(follower)
	c.Kill(leader)
	list = found(t, w, "no_leader")
	if list[0].Severity != jetstream.Critical {
		t.Errorf("found %+v", list[0])
	}
}

// TestWatchServers: what is wrong with servers as a whole.
func TestWatchServers(t *testing.T) {
	c := clustertest.Start(t, clustertest.Config{Servers: 1, Sync: "2m", MaxStore: 1 << 20})
	conn := dial(t, c)
	log := open(t, jetstream.Config{Conn: conn})
	servers := jetstream.NewServers(jetstream.ServersConfig{Monitors: monitors(c)})
	found(t, jetstream.NewWatch(jetstream.WatchConfig{Conn: conn, Servers: servers}), "unsynced n0")
	accepted := jetstream.NewWatch(jetstream.WatchConfig{Conn: conn, Servers: servers, AcceptUnsynced: true})
	found(t, accepted)
	record := events.Record{Subject: events.DecisionFilter(0, "shop", "p"), Data: incompressible(1, 900<<10)}
	if _, err := log.Append(testContext(t), []events.Record{record}); err != nil {
		t.Fatal(err)
	}
	if f := found(t, accepted, "store_nearly_full n0")[0]; f.Severity != jetstream.Warning || !strings.Contains(f.Text, "%") {
		t.Errorf("found %+v", f)
	}
	record.Data = incompressible(2, 100<<10)
	if _, err := log.Append(testContext(t), []events.Record{record}); err != nil {
		t.Fatal(err)
	}
	if f := found(t, accepted, "store_nearly_full n0")[0]; f.Severity != jetstream.Critical {
		t.Errorf("found %+v", f)
	}
}

// damage takes a block in the middle from a server's copy of the log. A flipped
// bit in a compressed block does not do: the server then copies all of it from its
// peers (measured, nats-server 2.15.2).
func damage(t *testing.T, c *clustertest.Cluster, server int) (account string) {
	t.Helper()
	c.Kill(server)
	account = filepath.Join(c.Dir(server), "store", "jetstream", "LEDGER")
	msgs := filepath.Join(account, "streams", "LEDGER", "msgs")
	if err := os.Remove(filepath.Join(msgs, "2.blk")); err != nil {
		t.Fatal(err)
	}
	// As after a crash before it was ever written.
	if err := os.Remove(filepath.Join(msgs, "index.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	c.Restart(server)
	c.WaitWhole()
	return account
}

// TestWatchGap: a copy that lost messages in silence is found by its server;
// readers get them from the leader; no backup is made of it; a leader with such a
// copy is replaced; and the remedy mends it.
func TestWatchGap(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	log := open(t, jetstream.Config{Conn: conn, Settings: three})
	populate(t, log, 1500)
	c.WaitCurrent("LEDGER")
	servers := jetstream.NewServers(jetstream.ServersConfig{System: system(t, c, 0)})
	w := jetstream.NewWatch(jetstream.WatchConfig{Conn: conn, Servers: servers, StepDown: true, Every: 50 * time.Millisecond})
	found(t, w)
	want := contents(t, log)

	bad := (c.Leader("LEDGER") + 1) % 3
	account := damage(t, c, bad)
	f := found(t, w, "replica_gap "+c.Name(bad))[0]
	t.Log(f)
	if f.Severity != jetstream.Critical || !strings.Contains(f.Remedy, "_js_/S-R3F-") {
		t.Errorf("found %+v", f)
	}
	// Wherever the reader's consumer is, it misses nothing.
	for range 6 {
		if got := contents(t, log); !slices.Equal(got, want) {
			t.Fatalf("Read gave %d messages, want %d", len(got)-1, len(want)-1)
		}
		done, n := errors.New("done"), 0
		err := log.Follow(testContext(t), 1, func(m events.Message) error {
			if n++; n == len(want)-1 {
				return done
			}
			return nil
		})
		if !errors.Is(err, done) {
			t.Fatalf("Follow = %v", err)
		}
	}
	lead(t, c, conn, bad)
	if _, err := jetstream.Backup(testContext(t), conn, "LEDGER", io.Discard, nil); !errors.As(err, new(*jetstream.GapError)) {
		t.Errorf("Backup of a copy with a gap = %v, want a GapError", err)
	}
	ctx, stop := context.WithCancel(testContext(t))
	var run sync.WaitGroup
	run.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	next := c.LeaderAfter("LEDGER", bad)
	t.Logf("%s was replaced by %s", c.Name(bad), c.Name(next))
	stop()
	run.Wait()

	// What the remedy says.
	c.Stop(bad)
	group := f.Remedy[strings.Index(f.Remedy, "_js_/")+len("_js_/"):]
	group, _, _ = strings.Cut(group, " ")
	for _, dir := range []string{filepath.Join(account, "streams", "LEDGER"), filepath.Join(account, "..", "SYS", "_js_", group)} {
		if _, err := os.Stat(dir); err != nil {
			t.Fatalf("what the remedy names is not there: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	c.Restart(bad)
	c.WaitCurrent("LEDGER")
	found(t, w)
	if got := contents(t, log); !slices.Equal(got, want) {
		t.Errorf("after the repair the log holds %d messages, want %d", len(got)-1, len(want)-1)
	}
}

// TestGapWithoutReplicas: where there is no other copy, the gap is said.
func TestGapWithoutReplicas(t *testing.T) {
	c := clustertest.Start(t, clustertest.Config{Servers: 1})
	populate(t, open(t, jetstream.Config{Conn: dial(t, c)}), 1500)
	damage(t, c, 0)
	conn := dial(t, c)
	log := open(t, jetstream.Config{Conn: conn})
	n := events.Seq(0)
	err := log.Follow(testContext(t), 1, func(m events.Message) error {
		n++
		return nil
	})
	gap, ok := errors.AsType[*jetstream.GapError](err)
	if !ok || gap.From != n+1 || gap.To <= gap.From || gap.Missing != uint64(gap.To-gap.From+1) {
		t.Errorf("Follow = %v after %d messages, want a GapError", err, n)
	}
	if _, err := jetstream.Backup(testContext(t), conn, "LEDGER", io.Discard, nil); !errors.As(err, new(*jetstream.GapError)) {
		t.Errorf("Backup = %v, want a GapError", err)
	}
	f := found(t, jetstream.NewWatch(jetstream.WatchConfig{Conn: conn}), "not_watched", "replica_gap n0")[0]
	if f.Trouble != jetstream.Gap {
		t.Errorf("the worst found is %v", f)
	}
}

// TestWatchSlowLeader: a leader by which appends take long, and longer than by
// others, is replaced once.
func TestWatchSlowLeader(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	var now time.Time
	w := jetstream.NewWatch(jetstream.WatchConfig{
		Conn: conn, Servers: jetstream.NewServers(jetstream.ServersConfig{System: system(t, c, 0)}),
		Clock: func() time.Time { return now }, MaxSkew: 1 << 62,
	})
	observed := 0
	log := open(t, jetstream.Config{Conn: conn, Settings: three, Observe: func(_ int, took time.Duration) {
		if took <= 0 {
			t.Errorf("an append took %s", took)
		}
		observed++
	}})
	put(t, log, 3)
	if observed != 3 {
		t.Errorf("%d of 3 appends were observed", observed)
	}
	c.WaitCurrent("LEDGER")
	now = time.Now()
	// What else a busy machine makes it find is not of this test.
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	slow := func() (found []jetstream.Finding, led bool) {
		list := w.Check(ctx)
		if ctx.Err() != nil {
			t.Fatalf("found %v, and no leader for long", list)
		}
		has := func(kind jetstream.Trouble) func(jetstream.Finding) bool {
			return func(f jetstream.Finding) bool { return f.Trouble == kind }
		}
		led = !slices.ContainsFunc(list, has(jetstream.NoLeader))
		return slices.DeleteFunc(list, func(f jetstream.Finding) bool { return !has(jetstream.SlowLeader)(f) }), led
	}
	// The appends are of who leads at both looks.
	see := func(took time.Duration) []jetstream.Finding {
		for {
			if _, led := slow(); !led {
				continue
			}
			for range 5 {
				w.Observe(0, took)
			}
			if found, led := slow(); led {
				return found
			}
		}
	}
	first := c.Leader("LEDGER")
	if list := see(10 * time.Millisecond); len(list) != 0 {
		t.Errorf("found %v of a fast leader", list)
	}
	second := (first + 1) % 3
	lead(t, c, conn, second)
	if list := see(40 * time.Millisecond); len(list) != 0 {
		t.Errorf("found %v of a leader that is slower, and fast enough", list)
	}
	if list := see(400 * time.Millisecond); len(list) != 0 {
		t.Errorf("found %v at once", list)
	}
	now = now.Add(20 * time.Second)
	// Nobody appends: nobody waits.
	for range 5 {
		w.Observe(0, 400*time.Millisecond)
	}
	list, led := slow()
	for !led {
		list, led = slow()
	}
	if len(list) != 1 || list[0].Server != c.Name(second) || !strings.Contains(list[0].Text, "400ms") || !strings.Contains(list[0].Text, "10ms") {
		t.Errorf("found %v, want the slow leader", list)
	}
	// It is the load, not the disk: the others were as slow.
	lead(t, c, conn, first)
	see(300 * time.Millisecond)
	now = now.Add(20 * time.Second)
	if list := see(300 * time.Millisecond); len(list) != 0 {
		t.Errorf("found %v although the others are as slow", list)
	}
}

// TestWatchReplacesSlowLeader: it is asked to let the best other server lead.
func TestWatchReplacesSlowLeader(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	open(t, jetstream.Config{Conn: conn, Settings: three})
	c.WaitCurrent("LEDGER")
	w := jetstream.NewWatch(jetstream.WatchConfig{Conn: conn, StepDown: true, Every: 20 * time.Millisecond, SlowFor: 50 * time.Millisecond})
	slow := c.Leader("LEDGER")
	ctx, stop := context.WithCancel(testContext(t))
	var run sync.WaitGroup
	run.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	run.Go(func() {
		appends := time.NewTicker(5 * time.Millisecond)
		defer appends.Stop()
		for ctx.Err() == nil {
			<-appends.C
			w.Observe(0, time.Second)
		}
	})
	next := c.LeaderAfter("LEDGER", slow)
	t.Logf("%s replaced %s", c.Name(next), c.Name(slow))
	stop()
	run.Wait()
}

// TestWatchLeavesAnIsolatedServer: a connection to a server that its peers do not
// reach is of no use, and the client cannot tell.
func TestWatchLeavesAnIsolatedServer(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	log := open(t, jetstream.Config{Conn: conn, Settings: three})
	put(t, log, 1)
	w := jetstream.NewWatch(jetstream.WatchConfig{Conn: conn, Every: 500 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	connected := conn.StatusChanged(nats.CONNECTED)
	was := conn.ConnectedServerName()
	if c.Index(was) != c.Leader("LEDGER") {
		lead(t, c, conn, c.Index(was)) // the worst case: it answers for a while
	}
	began := time.Now()
	c.CutPeers(c.Index(was))
	for conn.ConnectedServerName() == was || !conn.IsConnected() {
		select {
		case <-connected:
		case <-time.After(clustertest.Patience):
			t.Fatalf("still connected to %s", was)
		}
	}
	t.Logf("left %s for %s after %s", was, conn.ConnectedServerName(), time.Since(began))
	appendUntilKnown(ctx, t, log, 2, "a", "b")
	t.Logf("the next append was stored after %s", time.Since(began))
	stop()
	run.Wait()
}
