package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/events/logtest"
)

// three is what a stream of a cluster of three has.
var three = jetstream.Settings{Replicas: 3}

// dial connects to all servers of a cluster.
func dial(t *testing.T, c *clustertest.Cluster) *nats.Conn {
	t.Helper()
	return dialTo(t, strings.Join(c.URLs(), ","))
}

func dialTo(t *testing.T, url string) *nats.Conn {
	t.Helper()
	nc, err := jetstream.Dial(jetstream.DialConfig{URL: url, Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// TestClusterContract: what holds on one server holds on three.
func TestClusterContract(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	partition := -1
	logtest.Run(t, func(t *testing.T) events.Log {
		partition++
		return open(t, jetstream.Config{Conn: conn, Partition: partition, Settings: three})
	})
}

// TestClusterFaults: through the loss of a leader in every way, what was
// acknowledged is there once and in order, a reader that follows misses nothing,
// and a decision has one winner.
func TestClusterFaults(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	log := open(t, jetstream.Config{Conn: dial(t, c), Settings: three})
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()

	var followed []string
	following, stop := context.WithCancel(ctx)
	var seen sync.Map
	follower := make(chan error, 1)
	go func() {
		follower <- log.Follow(following, 1, func(m events.Message) error {
			if int(m.Seq) != len(followed)+1 {
				return fmt.Errorf("sequence %d came after %d", m.Seq, len(followed))
			}
			followed = append(followed, string(m.Data))
			seen.Store(string(m.Data), true)
			return nil
		})
	}()
	n := 0
	write := func(until func() bool) (slowest time.Duration) {
		for !until() {
			n++
			began := time.Now()
			first, second := fmt.Sprintf("%d-a", n), fmt.Sprintf("%d-b", n)
			appendUntilKnown(ctx, t, log, n, first, second)
			slowest = max(slowest, time.Since(began))
		}
		return slowest
	}
	times := func(k int) func() bool { return func() bool { k--; return k < 0 } }
	write(times(5))
	for _, fault := range []struct {
		name         string
		hurt, repair func(int)
	}{
		{"kill", c.Kill, c.Restart},
		{"pause", c.Pause, c.Resume},
		{"cut", c.Cut, c.Heal},
		{"stop", c.Stop, c.Restart},
	} {
		leader := c.Leader(jetstream.StreamName(0))
		fault.hurt(leader)
		slowest := write(times(20))
		t.Logf("%s: the slowest of 20 appends took %s", fault.name, slowest)
		fault.repair(leader)
		c.WaitCurrent(jetstream.StreamName(0))
		write(times(5))
	}
	last := fmt.Sprintf("%d-b", n)
	for ok := false; !ok; {
		if _, ok = seen.Load(last); !ok && ctx.Err() != nil {
			t.Fatalf("the follower has not seen %s", last)
		}
	}
	stop()
	if err := <-follower; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v", err)
	}
	// Each pair is there once, its halves side by side.
	if len(followed) != 2*n {
		t.Fatalf("the log holds %d messages, want %d", len(followed), 2*n)
	}
	for i := range n {
		if a, b := fmt.Sprintf("%d-a", i+1), fmt.Sprintf("%d-b", i+1); followed[2*i] != a || followed[2*i+1] != b {
			t.Fatalf("messages %d and %d are %s and %s, want %s and %s", 2*i+1, 2*i+2, followed[2*i], followed[2*i+1], a, b)
		}
	}
}

// appendUntilKnown appends a decision of two records as the ledger does: an
// unknown result is resolved by reading (L1).
func appendUntilKnown(ctx context.Context, t *testing.T, log *jetstream.Log, n int, first, second string) {
	t.Helper()
	push := fmt.Sprintf("push-%d", n)
	decision, key := events.DecisionFilter(0, "shop", push), events.KeySubject(0, "shop", push)
	for {
		_, err := log.Append(ctx, []events.Record{
			{Subject: decision, Data: []byte(first), Fenced: true},
			{Subject: key, Data: []byte(second), Fenced: true},
		})
		switch {
		case err == nil:
			return
		case errors.Is(err, events.ErrConflict), errors.Is(err, events.ErrUnknown), errors.Is(err, events.ErrOverloaded):
			found := ""
			readErr := log.ReadSubject(ctx, key, func(m events.Message) error {
				found = string(m.Data)
				return nil
			})
			if readErr == nil && found == second {
				return
			}
			if ctx.Err() != nil {
				t.Fatalf("append %d: %v; read: %v, %q", n, err, readErr, found)
			}
		default:
			t.Fatalf("append %d: %v", n, err)
		}
	}
}

// TestClusterWithoutLeader: Open waits for a leader, for a bounded time, and an
// append that nobody takes is not unknown.
func TestClusterWithoutLeader(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	patient := open(t, jetstream.Config{Conn: conn, Settings: three})
	log := open(t, jetstream.Config{Conn: conn, Settings: three, Timeout: 3 * time.Second})
	ctx, cancel := context.WithTimeout(t.Context(), 2*clustertest.Patience)
	defer cancel()
	record := events.Record{Subject: events.DecisionFilter(0, "shop", "p"), Data: []byte("x")}
	if _, err := patient.Append(ctx, []events.Record{record}); err != nil {
		t.Fatal(err)
	}
	stream := jetstream.StreamName(0)
	c.Kill(0)
	c.Kill(1)
	c.Await("the last server to give up", func(states []*clustertest.State) string {
		if s := states[2]; s == nil || s.Meta == nil || s.Meta.Leader != "" || s.Stream(stream) == nil || s.Stream(stream).Cluster.Leader != "" {
			return "it still knows a leader"
		}
		return ""
	})
	for _, n := range []int{1, 2} {
		records := []events.Record{record, record}[:n]
		if _, err := log.Append(ctx, records); !errors.Is(err, events.ErrOverloaded) {
			t.Errorf("Append of %d records without a leader = %v, want ErrOverloaded", n, err)
		}
	}
	if _, err := log.End(ctx); err == nil {
		t.Error("End without a leader succeeded")
	}
	_, err := jetstream.Open(ctx, jetstream.Config{Conn: conn, Partition: 1, Settings: three, OpenTimeout: time.Second})
	if err == nil || !strings.Contains(err.Error(), "LEDGER-1") || !strings.Contains(err.Error(), "no leader") {
		t.Errorf("Open without a leader = %v, want that said", err)
	}
	opened := make(chan error, 1)
	go func() {
		_, err := jetstream.Open(ctx, jetstream.Config{Conn: conn, Partition: 1, Settings: three, OpenTimeout: clustertest.Patience})
		opened <- err
	}()
	c.Restart(0)
	c.Restart(1)
	if err := <-opened; err != nil {
		t.Errorf("Open of a cluster that comes back = %v", err)
	}
	c.WaitCurrent(stream)
	if end, err := patient.End(ctx); err != nil || end.Seq != 1 {
		t.Errorf("End = %v, %v: nothing of what was refused may be stored", end, err)
	}
}

// TestReplicas: a stream with other replicas is explained, and accepted once an
// operator has changed it.
func TestReplicas(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, c)
	ctx := testContext(t)
	open(t, jetstream.Config{Conn: conn, Settings: jetstream.Settings{Replicas: 1}})
	_, err := jetstream.Open(ctx, jetstream.Config{Conn: conn, Settings: three})
	d, ok := errors.AsType[*jetstream.DifferenceError](err)
	if !ok || d.Replicas != 1 || len(d.Differences) != 1 {
		t.Fatalf("Open = %v, want a difference of replicas alone", err)
	}
	for _, word := range []string{"replicas is 1, needed 3", "nats.replicas to 1", "nats stream edit LEDGER"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the message lacks %q: %v", word, err)
		}
	}
	a := api(t, &server{conn: conn})
	s, err := a.Stream(ctx, "LEDGER")
	if err != nil {
		t.Fatal(err)
	}
	config := s.CachedInfo().Config
	config.Replicas, config.Compression = 3, js.NoCompression
	if _, err := a.UpdateStream(ctx, config); err != nil {
		t.Fatal(err)
	}
	open(t, jetstream.Config{Conn: conn, Settings: three})
	c.WaitCurrent("LEDGER")
}

// TestUnfitServers: what a server lacks is said with its setting.
func TestUnfitServers(t *testing.T) {
	for _, test := range []struct {
		name     string
		more     string
		settings jetstream.Settings
		words    []string
	}{
		{"no cluster", "", three, []string{"nats.replicas", "not a cluster"}},
		{"small messages", "max_payload: 1MB", jetstream.Settings{}, []string{"max_payload", "1049600"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := clustertest.Start(t, clustertest.Config{Servers: 1, More: test.more})
			_, err := jetstream.Open(testContext(t), jetstream.Config{Conn: dial(t, c), Settings: test.settings})
			for _, w := range test.words {
				if err == nil || !strings.Contains(err.Error(), w) {
					t.Errorf("Open = %v, want an error with %q", err, w)
				}
			}
		})
	}
}

// TestClusterQueue: through the loss of leaders, every message of a queue is
// delivered, and none again that was ended.
func TestClusterQueue(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	log := open(t, jetstream.Config{Conn: dial(t, c), Settings: three})
	stream := jetstream.StreamName(0)
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	var mu sync.Mutex
	ended, again := map[string]bool{}, []string{}
	done := make(chan string, 1000)
	consuming, stop := context.WithCancel(ctx)
	var consumers sync.WaitGroup
	for range 2 {
		own := open(t, jetstream.Config{Conn: dial(t, c), Settings: three})
		consumers.Go(func() {
			err := own.Consume(consuming, "emit-0-apns", events.CommandFilter(0, "apns"), 4, func(ctx context.Context, d events.Delivery) {
				name := string(d.Message().Data)
				mu.Lock()
				if ended[name] {
					again = append(again, name)
				}
				mu.Unlock()
				if err := d.Ack(ctx); err != nil {
					return // it is not ended, and comes again
				}
				mu.Lock()
				ended[name] = true
				mu.Unlock()
				done <- name
			})
			if err != nil {
				t.Errorf("Consume = %v", err)
			}
		})
	}
	n := 0
	more := func(k int) {
		for range k {
			n++
			name := fmt.Sprintf("m%d", n)
			subject := events.Subject(0, "shop", events.CommandIssued, name, "apns")
			for {
				_, err := log.Append(ctx, []events.Record{{Subject: subject, Data: []byte(name), Fenced: true}})
				if err == nil || errors.Is(err, events.ErrConflict) {
					break
				}
				if ctx.Err() != nil {
					t.Fatalf("append %s: %v", name, err)
				}
			}
		}
		for range k {
			select {
			case <-done:
			case <-ctx.Done():
				mu.Lock()
				defer mu.Unlock()
				t.Fatalf("%d of %d messages were ended", len(ended), n)
			}
		}
	}
	more(20)
	for _, fault := range []struct {
		name         string
		hurt, repair func(int)
	}{{"kill", c.Kill, c.Restart}, {"cut", c.Cut, c.Heal}, {"stop", c.Stop, c.Restart}} {
		leader := c.Leader(stream)
		began := time.Now()
		fault.hurt(leader)
		more(20)
		t.Logf("%s: 20 more messages were ended after %s", fault.name, time.Since(began))
		fault.repair(leader)
		c.WaitCurrent(stream)
	}
	stop()
	consumers.Wait()
	// An acknowledgement that was confirmed is not forgotten.
	if len(again) > 0 {
		t.Errorf("these came again after they were ended: %v", again)
	}
}
