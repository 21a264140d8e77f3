package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	laws "github.com/recall-ledger/recall-ledger/ledger/audit"
	"github.com/recall-ledger/recall-ledger/projections"
)

// natsServer runs one server for nodes beside it until the test ends.
func natsServer(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
		JetStreamMaxStore: 256 << 30, JetStreamMaxMemory: 1 << 20, MaxPayload: 2 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the server is not ready")
	}
	return s.ClientURL()
}

// grow gives the log of a configuration, of which no node runs, more partitions.
func grow(t *testing.T, c Config, partitions int) {
	t.Helper()
	data, err := OpenOffline(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	_, err = jetstream.Grow(t.Context(), jetstream.Config{Conn: data.n.conn, Settings: jetstream.Settings{
		Replicas: data.n.c.NATS.Replicas, MaxAge: data.n.c.Log.MaxAge, MaxBytes: data.n.c.Log.MaxBytes / int64(partitions),
	}}, partitions)
	if err := errors.Join(err, data.Close()); err != nil {
		t.Fatal(err)
	}
}

// told are the events of a push to two devices, the second of which clicked.
func told(push string) []string {
	return []string{
		fmt.Sprintf(`{"kind":"push.created","push":%q,"data":{"slot":"s","audience":{"kind":"list"}}}`, push),
		fmt.Sprintf(`{"kind":"display.shown","push":%q,"data":{"channel":"fcm","devices":["d0","d1"]}}`, push),
		fmt.Sprintf(`{"kind":"click.clicked","push":%q,"data":{"channel":"fcm","devices":["d1"]}}`, push),
	}
}

// TestGrowth: when a log grows, pushes that have begun go on where they are, with
// their late facts, recalls and keys; new ones are spread over all partitions; one
// recall and one key hold over both; the log keeps every promise.
func TestGrowth(t *testing.T) {
	const before, after, pushes = 2, 5, 20
	c := testConfig(t)
	c.Log.Partitions = before
	double := scripted.New(scripted.Config{})
	c.Emitters = map[string]channels.Emitter{"fcm": double}
	_, client, stop := start(t, c)
	ctx := t.Context()
	push := func(i int) string { return fmt.Sprintf("p%d", i) }
	take := func(i int, key string) (string, error) {
		a, err := client.Recall(ctx, api.RecallRequest{Push: push(i), Action: channels.Recall}, key)
		if err != nil {
			return "", err
		}
		return a.Recall, client.Watch(ctx, a.Recall, "settled", func(projections.Recall) error { return nil })
	}
	must := func(id string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	var early events.Positions
	for i := range pushes {
		early = early.Merge(publish(t, client, told(push(i))...))
	}
	first := must(take(0, "key-0"))
	must(take(1, "key-1"))
	stop()

	grow(t, c, after)
	c.Log.Partitions = 0
	_, client, stop = start(t, c)
	var at events.Positions
	for i := range 2 * pushes {
		lines := told(push(i))
		if i < pushes {
			// What is late of a push that had begun: also of those taken back.
			lines = []string{fmt.Sprintf(`{"kind":"delivery.delivered","push":%q,"data":{"channel":"fcm","devices":["late"]}}`, push(i))}
		}
		at = at.Merge(publish(t, client, lines...))
	}
	if len(at) != after {
		t.Errorf("everything is stored at %s, want a position in each of %d partitions", at, after)
	}
	for _, moment := range []events.Positions{early, at} {
		// What had begun is found in the past as well, of before and after.
		p, err := client.AsOf(moment.String(), api.PastOptions{}).Push(ctx, push(2), api.ReadOptions{})
		if err != nil || p.Channels[0].Funnel["clicked"] != 1 {
			t.Errorf("as of %s: %+v, %v", moment, p, err)
		}
	}
	if id, err := take(0, "key-0"); id != first || err != nil {
		t.Errorf("the retry of a recall from before: %s, %v, want %s", id, err, first)
	}
	if _, err := take(1, ""); code(err) != "already-recalled" {
		t.Errorf("a second recall: %v", err)
	}
	for i := range 4 {
		// Whatever partition they are of, another's key is not theirs.
		if _, err := take(pushes+i, "key-1"); code(err) != "idempotency-key-reused" {
			t.Errorf("push %d under a key from before: %v", pushes+i, err)
		}
	}
	for i := 2; i < 2*pushes; i++ {
		must(take(i, ""))
	}
	for i := range 2 * pushes {
		want := map[string]int{"d0": 1, "d1": 0, "late": 1}
		if i >= pushes {
			want["late"] = 0
		}
		for device, n := range want {
			if device == "late" && i < 2 {
				continue // told to the recall that stands, in its own time
			}
			if got := double.CallsFor(push(i), device); got != n {
				t.Errorf("push %d, %s: %d calls, want %d", i, device, got, n)
			}
		}
	}
	stop()
	verified(t, c)
}

// verified fails the test if the log of a node that is stopped breaks a promise.
func verified(t *testing.T, c Config) {
	t.Helper()
	data, err := OpenOffline(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	grown, err := data.n.logs[0].Grown()
	if err != nil {
		t.Fatal(err)
	}
	reports, err := laws.WalkAll(t.Context(), data.Logs(), laws.Config{Grown: grown})
	if err := errors.Join(err, data.Close()); err != nil {
		t.Fatal(err)
	}
	for i, r := range reports {
		if r.Worst != nil {
			t.Errorf("partition %d: %+v", i, r.Worst)
		}
	}
}

// TestGrowthStops: a node that was there while the log grew stops, since it does not
// know where new pushes belong.
func TestGrowthStops(t *testing.T) {
	c := testConfig(t)
	c.NATS.URL, c.NATS.AcceptUnsynced, c.Log.Partitions = natsServer(t), true, 2
	n, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	other := c
	other.Data = t.TempDir()
	grow(t, other, 3)
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "the log has grown to 3 partitions, this node knows 2") {
		t.Errorf("the node ended with: %v", err)
	}
	c.Log.Partitions = 0
	again, client, stop := start(t, c)
	defer stop()
	if n := len(again.ledger.Parts()); n != 3 {
		t.Errorf("started again it knows %d partitions", n)
	}
	publish(t, client, told("p0")...)
	if instances, err := jetstream.Instances(ctx, again.conn, "recall-ledger", time.Second); err != nil || len(instances) != 1 ||
		!slices.ContainsFunc(instances[0].Subjects, func(s string) bool { return strings.HasPrefix(s, "recall.query.2.") }) {
		t.Errorf("who answers: %+v, %v", instances, err)
	}
}
