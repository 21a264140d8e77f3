package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// childEnv makes the test binary a node instead of a test: what a measurement
// kills. It holds the folder and the address.
const childEnv = "RECALL_BENCH_CHILD"

func TestMain(m *testing.M) {
	if v := os.Getenv(childEnv); v != "" {
		if err := child(v); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func child(v string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := node.Default()
	c.Data, c.HTTP.Listen, _ = strings.Cut(v, "\n")
	n, err := node.Start(ctx, c)
	if err != nil {
		return err
	}
	return n.Run(ctx)
}

// small is a run that ends soon.
func small(t *testing.T) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Devices: 2000, Pushes: 3, Notifications: 3000, Rounds: 2, Dir: t.TempDir(), Clock: time.Now,
		Node: func(ctx context.Context, data, address string) *exec.Cmd {
			cmd := exec.CommandContext(ctx, self)
			cmd.Env = append(os.Environ(), childEnv+"="+data+"\n"+address)
			return cmd
		},
	}
}

// empty checks that nothing is left in the folder.
func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("the folder holds %v, %v; want nothing", left, err)
	}
}

// TestRun makes every measurement, each line with what the table promises of it.
func TestRun(t *testing.T) {
	t.Parallel()
	c := small(t)
	steps := 0
	var last Step
	c.Progress = func(s Step) { steps, last = steps+1, s }
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	empty(t, c.Dir)
	var want []string
	for _, m := range measurements() {
		for _, s := range specs()[m.name] {
			want = append(want, strings.TrimSpace(s.name+" "+s.part))
		}
	}
	var got []string
	for i := range r.Rows {
		got = append(got, r.Rows[i].Label())
		checkRow(t, &r.Rows[i])
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines %v, want %v", got, want)
	}
	if r.Disk.PerSecond <= 0 || r.Disk.P50 <= 0 || r.Disk.P99 < r.Disk.P50 {
		t.Errorf("disk %+v", r.Disk)
	}
	if rounds := 11*c.Rounds + 1; last.Total != rounds || last.Done != rounds-1 || steps != rounds+12 {
		t.Errorf("%d steps, the last %+v; want %d and the last of %d rounds", steps, last, rounds+12, rounds)
	}
	if md := r.Markdown(); strings.Count(md, "\n| ") != len(r.Rows)+1 {
		t.Errorf("the table does not have a line for each of %d rows:\n%s", len(r.Rows), md)
	}
}

func checkRow(t *testing.T, r *Row) {
	t.Helper()
	figures := []Figure{r.Product}
	if r.Ceiling != nil {
		figures = append(figures, *r.Ceiling)
		if r.Ratio <= 0 || r.CeilingWhat == "" {
			t.Errorf("%s: ratio %v to %q", r.Label(), r.Ratio, r.CeilingWhat)
		}
	}
	for _, f := range figures {
		if f.Min <= 0 || f.Median < f.Min || f.Max < f.Median {
			t.Errorf("%s: figure %+v", r.Label(), f)
		}
	}
	if (r.Budget == "") != (r.Verdict == "") {
		t.Errorf("%s: budget %q has verdict %q", r.Label(), r.Budget, r.Verdict)
	}
	if durable := slices.Contains([]string{"packed", "single", "lone", "recall"}, r.Name); durable != (r.Fsyncs > 0) {
		t.Errorf("%s: %v fsyncs a second", r.Label(), r.Fsyncs)
	}
}

// TestSameBytes: the ceiling publishes what the publisher writes, byte for byte.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	p, at := newPopulation(2000), time.Now()
	calls := p.campaign(0, 3, largePush(0))
	records, err := encode(calls, at, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, r := range records {
		want = append(want, string(r.Data))
	}
	r, err := openRig(t.Context(), t.TempDir(), time.Now, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := r.publish(t.Context(), calls, at); err != nil {
		t.Fatal(err)
	}
	if err := r.log.Read(t.Context(), events.Range{}, func(m events.Message) error {
		got = append(got, string(m.Data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the log holds %d events that are not the ceiling's %d", len(got), len(want))
	}
	for i, d := range p.devices {
		if c := p.clicked(0, i); c != (i < 200) || !slices.Contains(p.reported, d) {
			t.Fatalf("device %d: clicked %v, or it never reports", i, c)
		}
	}
}

// TestPartitions: with several partitions ingestion and fold are measured over all
// of them, each with the pushes that are its own.
func TestPartitions(t *testing.T) {
	t.Parallel()
	c := small(t)
	c.Partitions, c.Pushes = 3, 7
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	empty(t, c.Dir)
	var names []string
	for i := range r.Rows {
		names = append(names, r.Rows[i].Label())
		checkRow(t, &r.Rows[i])
		if w := &r.Rows[i]; !strings.HasSuffix(w.What, "3 partitions side by side: their sum") || !strings.HasSuffix(w.CeilingWhat, "3 side by side") {
			t.Errorf("%s is %q beside %q", w.Label(), w.What, w.CeilingWhat)
		}
	}
	if !slices.Equal(names, NamesOfSeveral()) || r.Partitions != 3 || !strings.HasPrefix(r.Scale(), "partitions: 3; ") {
		t.Errorf("lines %v of %+v", names, r)
	}
	b := &run{c: c, population: newPopulation(c.Devices)}
	calls := b.campaign(0)
	lists := apart(calls, c.Partitions)
	want, got := facts(calls), 0
	for i, large := range b.largePushes(0) {
		if n := notifications(lists[i]); n < c.Devices || events.PartitionOf(app, large, c.Partitions) != i {
			t.Errorf("partition %d gets %d notifications, its large push is %s", i, n, large)
		}
		got += facts(lists[i])
	}
	if got != want {
		t.Errorf("the partitions get %d facts of %d", got, want)
	}
}

// TestOnly: a measurement on its own finds what it needs.
func TestOnly(t *testing.T) {
	for _, name := range []string{"fold", "lookup", "http"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := small(t)
			c.Only, c.Rounds = []string{name}, 1
			r, err := Run(t.Context(), c)
			if err != nil || len(r.Rows) != len(specs()[name]) || r.Rows[0].Name != name {
				t.Errorf("it gives %+v, %v", r, err)
			}
			empty(t, c.Dir)
		})
	}
}

// TestInterrupted: wherever a run is when it is told to stop, it ends with the
// context's error and leaves no file and no process.
func TestInterrupted(t *testing.T) {
	for _, name := range Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := small(t)
			c.Only = []string{name}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			c.Progress = func(s Step) {
				if s.Round == 1 {
					cancel()
				}
			}
			if _, err := Run(ctx, c); !errors.Is(err, context.Canceled) {
				t.Errorf("Run = %v, want it cancelled", err)
			}
			empty(t, c.Dir)
		})
	}
}

// TestNodeFails: a node that cannot start is an error with what it said, and what
// was measured before is kept.
func TestNodeFails(t *testing.T) {
	t.Parallel()
	c := small(t)
	c.Only, c.Rounds = []string{"disk", "start"}, 1
	c.Node = func(ctx context.Context, _, _ string) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c", "echo no such luck >&2; exit 3")
	}
	r, err := Run(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "measure start") || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("Run = %v, want what the node said", err)
	}
	if r == nil || len(r.Rows) != 2 {
		t.Errorf("report %+v, want the lines measured before", r)
	}
	empty(t, c.Dir)
}

// TestValidate: what is out of bounds is named, with the limit, and nothing is
// made.
func TestValidate(t *testing.T) {
	for _, x := range []struct {
		change func(*Config)
		field  string
		want   string
	}{
		{func(c *Config) { c.Devices = DevicesMin - 1 }, "devices", "is 999, use 1000 to 10000000"},
		{func(c *Config) { c.Devices = DevicesMax + 1 }, "devices", "is 10000001, use 1000 to 10000000"},
		{func(c *Config) { c.Pushes = -1 }, "pushes", "is -1, use 0 to 10000"},
		{func(c *Config) { c.Notifications = 0 }, "notifications", "is 0, use 1000 to 1000000000"},
		{func(c *Config) { c.Rounds = 0 }, "rounds", "is 0, use 1 to 100"},
		{func(c *Config) { c.Partitions = -1 }, "partitions", "is -1, use 1 to 64"},
		{func(c *Config) { c.Partitions = 65 }, "partitions", "is 65, use 1 to 64"},
		{func(c *Config) { c.Partitions, c.Only = 2, []string{"fold", "start"} }, "only", `"start" is measured with one partition; with several use packed, single, fold`},
		{func(c *Config) { c.Only = []string{"fold", "unfold"} }, "only", `"unfold" is none of packed, `},
	} {
		c := small(t)
		x.change(&c)
		_, err := Run(t.Context(), c)
		f, ok := errors.AsType[*events.FieldError](err)
		if !ok || f.Field != x.field || !strings.HasPrefix(f.Reason, x.want) {
			t.Errorf("Run = %v, want %s: %s", err, x.field, x.want)
		}
		empty(t, c.Dir)
	}
	c := small(t)
	c.Clock = nil
	if _, err := Run(t.Context(), c); err == nil {
		t.Error("a run without a clock began")
	}
	c = small(t)
	c.Dir += "/none"
	if _, err := Run(t.Context(), c); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a run in a folder that is not there: %v", err)
	}
}
