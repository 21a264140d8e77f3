package jetstream_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

const million = 1_000_000

// filledLog makes a log of two partitions with three events in the first and one in
// the second.
func filledLog(t *testing.T, s *server, total int64) jetstream.Config {
	t.Helper()
	c := jetstream.Config{Conn: s.conn, Settings: jetstream.Settings{MaxBytes: total / 2}}
	logs, err := jetstream.OpenAll(testContext(t), c, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []int{0, 0, 1, 0} {
		r := events.Record{Subject: events.Subject(p, "shop", events.PushSent, "p", ""), Data: []byte("{}")}
		if _, err := logs[p].Append(testContext(t), []events.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// TestGrow: a log that was given more partitions has what it had and knows from what
// it has grown; it can grow again.
func TestGrow(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	c := filledLog(t, s, 60*million)
	var want []events.Growth
	for _, step := range []struct {
		to   int
		from events.Growth
	}{
		{3, events.Growth{Partitions: 2, Ends: events.Positions{{Partition: 0, Seq: 3}, {Partition: 1, Seq: 1}}}},
		{5, events.Growth{Partitions: 3, Ends: events.Positions{{Partition: 0, Seq: 3}, {Partition: 1, Seq: 1}, {Partition: 2}}}},
	} {
		c.Settings.MaxBytes = 60 * million / int64(step.to)
		g, err := jetstream.Grow(ctx, c, step.to)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.from, g); diff != "" {
			t.Errorf("grown to %d: %s", step.to, diff)
		}
		want = append(want, step.from)
		logs, err := jetstream.OpenAll(ctx, c, 0)
		if err != nil || len(logs) != step.to {
			t.Fatalf("%d partitions, %v", len(logs), err)
		}
		grown, err := logs[0].Grown()
		if diff := cmp.Diff(want, grown); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		if end, err := logs[0].End(ctx); err != nil || end.Seq != 3 {
			t.Errorf("the first partition ends at %s, %v", end, err)
		}
	}
}

// TestGrowFromOne: a log of one partition, whose stream says nothing of partitions,
// grows as any other.
func TestGrowFromOne(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	c := jetstream.Config{Conn: s.conn}
	logs, err := jetstream.OpenAll(ctx, c, 0)
	if err != nil {
		t.Fatal(err)
	}
	r := events.Record{Subject: events.Subject(0, "shop", events.PushSent, "p", ""), Data: []byte("{}")}
	if _, err := logs[0].Append(ctx, []events.Record{r}); err != nil {
		t.Fatal(err)
	}
	if g, err := jetstream.Grow(ctx, c, 2); err != nil || g.Partitions != 1 || g.Ends.String() != "0-1" {
		t.Fatalf("%+v, %v", g, err)
	}
	if logs, err = jetstream.OpenAll(ctx, c, 0); err != nil || len(logs) != 2 {
		t.Fatalf("%d partitions, %v", len(logs), err)
	}
	if grown, err := logs[0].Grown(); err != nil || len(grown) != 1 || grown[0].Partitions != 1 {
		t.Errorf("grown %+v, %v", grown, err)
	}
}

// TestGrowRefused: what cannot grow stays as it is.
func TestGrowRefused(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	if _, err := jetstream.Grow(ctx, jetstream.Config{Conn: s.conn}, 3); err == nil || !strings.Contains(err.Error(), "there is no log") {
		t.Errorf("without a log: %v", err)
	}
	c := filledLog(t, s, 60*million)
	for name, x := range map[string]struct {
		to     int
		change func(*jetstream.Settings)
		want   string
	}{
		"fewer":               {1, nil, "the log has 2 partitions; it can be given more, at most 64, not 1"},
		"as many":             {2, nil, "not 2"},
		"too many":            {65, nil, "not 65"},
		"another age":         {3, func(s *jetstream.Settings) { s.MaxAge = 1e15 }, "max age is"},
		"no room in the rest": {3, func(s *jetstream.Settings) { s.MaxBytes = 200 }, "raise log.max_bytes"},
	} {
		k := c
		if x.change != nil {
			x.change(&k.Settings)
		}
		if _, err := jetstream.Grow(ctx, k, x.to); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
	logs, err := jetstream.OpenAll(ctx, c, 0)
	if err != nil || len(logs) != 2 {
		t.Fatalf("%d partitions, %v", len(logs), err)
	}
	if _, err := api(t, s).Stream(ctx, "LEDGER-2"); !errors.Is(err, js.ErrStreamNotFound) {
		t.Errorf("a refused growth made a stream: %v", err)
	}
}

// TestGrowGoesOn: a growth that broke off anywhere keeps nodes from starting and is
// finished by calling it again.
func TestGrowGoesOn(t *testing.T) {
	for name, done := range map[string]int{"before a new stream": 0, "after the new streams": 1, "after a new and an old stream": 2} {
		t.Run(name, func(t *testing.T) {
			s := start(t, t.TempDir())
			ctx := testContext(t)
			c := filledLog(t, s, 60*million)
			a := api(t, s)
			edit := func(name, partitions string) {
				old, err := a.Stream(ctx, name)
				if err != nil {
					t.Fatal(err)
				}
				config := old.CachedInfo().Config
				config.MaxBytes = 20 * million
				config.Metadata = maps.Clone(config.Metadata)
				config.Metadata["recall-ledger-partitions"] = partitions
				if _, err := a.UpdateStream(ctx, config); err != nil {
					t.Fatal(err)
				}
			}
			edit("LEDGER", "2")
			edit("LEDGER-1", "2")
			if done > 0 {
				later := c
				later.Settings.MaxBytes, later.Settings.Partitions, later.Partition = 20*million, 3, 2
				if _, err := jetstream.Open(ctx, later); err != nil {
					t.Fatal(err)
				}
			}
			if done > 1 {
				edit("LEDGER-1", "3")
			}
			_, err := jetstream.OpenAll(ctx, c, 0)
			var other *jetstream.DifferenceError
			if !errors.As(err, &other) {
				t.Errorf("opened in between: %v", err)
			}
			c.Settings.MaxBytes = 20 * million
			if _, err := jetstream.Grow(ctx, c, 3); err != nil {
				t.Fatal(err)
			}
			if logs, err := jetstream.OpenAll(ctx, c, 3); err != nil || len(logs) != 3 {
				t.Errorf("%d partitions, %v", len(logs), err)
			}
		})
	}
}

// TestGrownUnreadable: a log that says it has grown, but not how, is refused: its
// pushes would be looked for in the wrong places.
func TestGrownUnreadable(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	c := filledLog(t, s, 60*million)
	a := api(t, s)
	first, err := a.Stream(ctx, "LEDGER")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"x", `[{"partitions":2,"ends":"0-1,1-1"}]`, `[{"partitions":1,"ends":""}]`} {
		config := first.CachedInfo().Config
		config.Metadata = maps.Clone(config.Metadata)
		config.Metadata["recall-ledger-grown"] = bad
		if _, err := a.UpdateStream(ctx, config); err != nil {
			t.Fatal(err)
		}
		if _, err := jetstream.OpenAll(ctx, c, 0); err == nil || !strings.Contains(err.Error(), "recall-ledger-grown") {
			t.Errorf("a log that says %s: %v", bad, err)
		}
	}
}

// TestClusterGrow: a log of three replicas grows as one of one does.
func TestClusterGrow(t *testing.T) {
	t.Parallel()
	k := clustertest.Start(t, clustertest.Config{})
	conn := dial(t, k)
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	c := jetstream.Config{Conn: conn, Settings: three}
	c.Settings.MaxBytes = 30 * million
	logs, err := jetstream.OpenAll(ctx, c, 2)
	if err != nil {
		t.Fatal(err)
	}
	r := events.Record{Subject: events.Subject(1, "shop", events.PushSent, "p", ""), Data: []byte("{}")}
	if _, err := logs[1].Append(ctx, []events.Record{r}); err != nil {
		t.Fatal(err)
	}
	c.Settings.MaxBytes = 20 * million
	g, err := jetstream.Grow(ctx, c, 3)
	if err != nil || g.Ends.String() != "0-0,1-1" {
		t.Fatalf("%+v, %v", g, err)
	}
	logs, err = jetstream.OpenAll(ctx, c, 0)
	if err != nil || len(logs) != 3 {
		t.Fatalf("%d partitions, %v", len(logs), err)
	}
	if end, err := logs[1].End(ctx); err != nil || end.Seq != 1 {
		t.Errorf("partition 1 ends at %s, %v", end, err)
	}
}
