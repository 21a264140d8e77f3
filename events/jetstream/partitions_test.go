package jetstream_test

import (
	"errors"
	"strings"
	"testing"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// TestPartitions: the number of partitions is that of the log; another is refused
// and changes nothing, and what a crash left unmade is made.
func TestPartitions(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	a := api(t, s)
	c := jetstream.Config{Conn: s.conn}
	if n, err := jetstream.Partitions(ctx, c); n != 0 || err != nil {
		t.Errorf("before there is a log: %d, %v", n, err)
	}
	for _, n := range []int{-1, jetstream.MaxPartitions + 1} {
		if _, err := jetstream.OpenAll(ctx, c, n); err == nil {
			t.Errorf("%d partitions were taken", n)
		}
	}
	// As a crash behind the first stream leaves it.
	first := c
	first.Settings.Partitions = 3
	if _, err := jetstream.Open(ctx, first); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{3, 0} {
		logs, err := jetstream.OpenAll(ctx, c, n)
		if err != nil || len(logs) != 3 {
			t.Fatalf("asked for %d: %d logs, %v", n, len(logs), err)
		}
		for i, l := range logs {
			r := events.Record{Subject: events.Subject(i, "shop", events.PushSent, "p", ""), Data: []byte("{}")}
			if pos, err := l.Append(ctx, []events.Record{r}); err != nil || pos.Partition != i || l.Partition() != i {
				t.Errorf("partition %d: stored at %s, %v", i, pos, err)
			}
		}
	}
	for _, n := range []int{1, 2, 4} {
		var other *jetstream.PartitionsError
		if _, err := jetstream.OpenAll(ctx, c, n); !errors.As(err, &other) || other.Have != 3 || other.Want != n {
			t.Errorf("asked for %d: %v", n, err)
		}
	}
	if _, err := a.Stream(ctx, "LEDGER-3"); !errors.Is(err, js.ErrStreamNotFound) {
		t.Errorf("a refused number made a stream: %v", err)
	}
	// One that was made apart from the others is refused like any other setting.
	var different *jetstream.DifferenceError
	alone := c
	alone.Partition = 1
	if _, err := jetstream.Open(ctx, alone); !errors.As(err, &different) || !strings.Contains(err.Error(), "partitions is 3, needed 1") {
		t.Errorf("a partition opened as the only one: %v", err)
	}
	info, err := a.Stream(ctx, "LEDGER")
	if err != nil {
		t.Fatal(err)
	}
	config := info.CachedInfo().Config
	for _, bad := range []string{"x", "0", "65", "-1"} {
		config.Metadata = map[string]string{"recall-ledger-partitions": bad}
		if _, err := a.UpdateStream(ctx, config); err != nil {
			t.Fatal(err)
		}
		if _, err := jetstream.OpenAll(ctx, c, 0); err == nil || !strings.Contains(err.Error(), "recall-ledger-partitions") {
			t.Errorf("a log that says %q: %v", bad, err)
		}
	}
}
