package events_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

// failSafe ends a test that hangs; no test waits for it.
const failSafe = 2 * time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), failSafe)
	t.Cleanup(cancel)
	return ctx
}

// running starts a committer that stops with the test.
func running(t *testing.T, c events.CommitterConfig) *events.Committer {
	t.Helper()
	committer := events.NewCommitter(c)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- committer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
		case <-time.After(failSafe):
			t.Error("Run did not end")
		}
	})
	return committer
}

func click(writer, n int) events.Record {
	return events.Record{
		Subject: events.Subject(0, "shop", events.ClickClicked, "p", ""),
		Data:    fmt.Appendf(nil, "%d-%d", writer, n),
	}
}

// gate is a fault that holds every append until it is let through.
type gate struct {
	// entered gets the size of each append that waits.
	entered chan int
	leave   chan memlog.Fault
}

func newGate() *gate {
	return &gate{entered: make(chan int, 100), leave: make(chan memlog.Fault)}
}

func (g *gate) fault(records []events.Record) memlog.Fault {
	g.entered <- len(records)
	return <-g.leave
}

func stored(log *memlog.Log) []string {
	got := []string{}
	for _, m := range log.Messages() {
		got = append(got, string(m.Data))
	}
	return got
}

// TestCommitterGroups: while one append is under way all that comes gathers
// into the next.
func TestCommitterGroups(t *testing.T) {
	ctx := testContext(t)
	g := newGate()
	log := memlog.New(memlog.Config{Fault: g.fault})
	c := running(t, events.CommitterConfig{Log: log, Lanes: 1})
	const writers = 64
	var wg sync.WaitGroup
	commit := func(w int) {
		wg.Go(func() {
			pos, err := c.Commit(ctx, []events.Record{click(w, 0)})
			if err != nil {
				t.Errorf("writer %d: %v", w, err)
				return
			}
			// The position is that of the writer's own record.
			if err := log.Read(ctx, events.Range{From: pos.Seq, To: pos.Seq}, func(m events.Message) error {
				if got, want := string(m.Data), fmt.Sprintf("%d-0", w); got != want {
					t.Errorf("position %v of writer %d holds %s", pos, w, got)
				}
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	commit(0)
	if n := <-g.entered; n != 1 {
		t.Errorf("the first append has %d records, want 1: a lone writer does not wait", n)
	}
	for w := 1; w < writers; w++ {
		commit(w)
	}
	waitFor(t, ctx, func() bool { return c.Waiting() == writers-1 })
	g.leave <- memlog.Fault{}
	if n := <-g.entered; n != writers-1 {
		t.Errorf("the second append has %d records, want the %d that gathered", n, writers-1)
	}
	g.leave <- memlog.Fault{}
	wg.Wait()
	if got := len(log.Messages()); got != writers {
		t.Errorf("%d records are stored, want %d", got, writers)
	}
}

// waitFor polls without sleeping: what it waits for is another goroutine that
// is on its way.
func waitFor(t *testing.T, ctx context.Context, done func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatal("what was waited for did not happen")
		case <-tick.C:
		}
	}
}

// TestCommitterKeepsOrder: records of one call stay in order although it is cut
// into batches that several lanes could write.
func TestCommitterKeepsOrder(t *testing.T) {
	ctx := testContext(t)
	log := memlog.New(memlog.Config{})
	c := running(t, events.CommitterConfig{Log: log, Lanes: 4, Queue: 1 << 20})
	const writers, records = 4, 5*events.MaxBatch + 7
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			batch := make([]events.Record, records)
			for i := range batch {
				batch[i] = click(w, i)
			}
			pos, err := c.Commit(ctx, batch)
			if err != nil {
				t.Errorf("writer %d: %v", w, err)
				return
			}
			want := fmt.Sprintf("%d-%d", w, records-1)
			if got := string(log.Messages()[pos.Seq-1].Data); got != want {
				t.Errorf("position %v holds %s, want the last record %s", pos, got, want)
			}
		})
	}
	wg.Wait()
	next := [writers]int{}
	for _, text := range stored(log) {
		var w, n int
		if _, err := fmt.Sscanf(text, "%d-%d", &w, &n); err != nil {
			t.Fatal(err)
		}
		if n != next[w] {
			t.Fatalf("writer %d: record %d follows record %d", w, n, next[w]-1)
		}
		next[w]++
	}
	if want := [writers]int{records, records, records, records}; next != want {
		t.Errorf("stored %v records, want %v", next, want)
	}
}

// TestCommitterSecondPartWaits: the second part of a large call is not written
// before the first is stored, and another writer passes meanwhile.
func TestCommitterSecondPartWaits(t *testing.T) {
	ctx := testContext(t)
	g := newGate()
	log := memlog.New(memlog.Config{Fault: g.fault})
	c := running(t, events.CommitterConfig{Log: log, Lanes: 2})
	large := make([]events.Record, events.MaxBatch+5)
	for i := range large {
		large[i] = click(0, i)
	}
	result := make(chan error, 2)
	commit := func(records []events.Record) {
		go func() { _, err := c.Commit(ctx, records); result <- err }()
	}
	commit(large)
	if n := <-g.entered; n != events.MaxBatch {
		t.Fatalf("the first append has %d records, want %d", n, events.MaxBatch)
	}
	commit([]events.Record{click(1, 0)})
	if n := <-g.entered; n != 1 {
		t.Fatalf("the second append has %d records, want the other writer's one", n)
	}
	// The first part fails for good: the second must not be stored alone.
	boom := errors.New("boom")
	g.leave <- memlog.Fault{Err: boom}
	g.leave <- memlog.Fault{Err: boom}
	for range 2 {
		if err := <-result; !errors.Is(err, boom) {
			t.Errorf("Commit = %v, want the log's error", err)
		}
	}
	waitFor(t, ctx, func() bool { return c.Waiting() == 0 })
	if got := stored(log); len(got) != 0 {
		t.Errorf("%d records are stored, want none", len(got))
	}
}

// TestCommitterRetriesUnknown: an unknown append is repeated; stored twice is
// tolerated, since facts count once (L4).
func TestCommitterRetriesUnknown(t *testing.T) {
	unknown := func(stored bool) memlog.Fault { return memlog.Fault{Err: events.ErrUnknown, Stored: stored} }
	for _, test := range []struct {
		name    string
		faults  []memlog.Fault
		want    []string
		wantPos events.Seq
		wantErr error
	}{
		{"not stored", []memlog.Fault{unknown(false), unknown(false), {}}, []string{"0-0", "0-1"}, 2, nil},
		{"stored", []memlog.Fault{unknown(true), {}}, []string{"0-0", "0-1", "0-0", "0-1"}, 4, nil},
		{"never known", []memlog.Fault{unknown(false), unknown(false), unknown(false), unknown(false)}, []string{}, 0, events.ErrUnknown},
		{"overloaded", []memlog.Fault{{Err: events.ErrOverloaded}}, []string{}, 0, events.ErrOverloaded},
		{"full after unknown", []memlog.Fault{unknown(false), {Err: events.ErrFull}}, []string{}, 0, events.ErrFull},
	} {
		t.Run(test.name, func(t *testing.T) {
			appends := 0
			log := memlog.New(memlog.Config{Fault: func([]events.Record) memlog.Fault {
				appends++
				return test.faults[appends-1]
			}})
			c := running(t, events.CommitterConfig{Log: log, Lanes: 1, Retries: 3})
			pos, err := c.Commit(testContext(t), []events.Record{click(0, 0), click(0, 1)})
			if !errors.Is(err, test.wantErr) || pos.Seq != test.wantPos {
				t.Errorf("Commit = %v, %v, want sequence %d and %v", pos, err, test.wantPos, test.wantErr)
			}
			if diff := cmp.Diff(stored(log), test.want); diff != "" {
				t.Error(diff)
			}
			if appends != len(test.faults) {
				t.Errorf("%d appends, want %d", appends, len(test.faults))
			}
		})
	}
}

func TestCommitterOverloaded(t *testing.T) {
	large := func(n int) []events.Record {
		return []events.Record{{Subject: click(0, 0).Subject, Data: make([]byte, n)}}
	}
	for _, test := range []struct {
		name         string
		config       events.CommitterConfig
		fits, excess []events.Record
	}{
		{"records", events.CommitterConfig{Queue: 3}, []events.Record{click(0, 0), click(0, 1), click(0, 2)}, []events.Record{click(1, 0)}},
		{"bytes", events.CommitterConfig{QueueBytes: 1000}, large(900), large(200)},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := testContext(t)
			g := newGate()
			test.config.Log = memlog.New(memlog.Config{Fault: g.fault})
			test.config.Lanes = 1
			c := running(t, test.config)
			result := make(chan error, 2)
			commit := func(records []events.Record) {
				go func() { _, err := c.Commit(ctx, records); result <- err }()
			}
			commit([]events.Record{click(9, 9)})
			<-g.entered // under way, no longer waiting
			commit(test.fits)
			waitFor(t, ctx, func() bool { return c.Waiting() == len(test.fits) })
			if _, err := c.Commit(ctx, test.excess); !errors.Is(err, events.ErrOverloaded) {
				t.Errorf("Commit into a full queue = %v, want ErrOverloaded", err)
			}
			for range 2 {
				g.leave <- memlog.Fault{}
				if err := <-result; err != nil {
					t.Error(err)
				}
			}
			// What waited was written, so there is room again.
			commit(test.excess)
			g.leave <- memlog.Fault{}
			if err := <-result; err != nil {
				t.Errorf("Commit into an empty queue = %v", err)
			}
		})
	}
}

func TestCommitterTakesACallLargerThanItsQueue(t *testing.T) {
	log := memlog.New(memlog.Config{})
	c := running(t, events.CommitterConfig{Log: log, Queue: 2})
	records := []events.Record{click(0, 0), click(0, 1), click(0, 2), click(0, 3)}
	if pos, err := c.Commit(testContext(t), records); err != nil || pos.Seq != 4 {
		t.Errorf("Commit = %v, %v, want sequence 4", pos, err)
	}
	if pos, err := c.Commit(testContext(t), nil); err != nil || pos != (events.Position{}) {
		t.Errorf("Commit of nothing = %v, %v, want nothing", pos, err)
	}
}

// TestCommitterCutsByBytes: no batch is larger than MaxBatchBytes.
func TestCommitterCutsByBytes(t *testing.T) {
	largest := 0
	log := memlog.New(memlog.Config{Fault: func(records []events.Record) memlog.Fault {
		size := 0
		for _, r := range records {
			size += len(r.Data) + len(r.Subject)
		}
		largest = max(largest, size)
		return memlog.Fault{}
	}})
	c := running(t, events.CommitterConfig{Log: log, Lanes: 1})
	records := make([]events.Record, 11)
	for i := range records {
		records[i] = events.Record{Subject: click(0, 0).Subject, Data: []byte(strings.Repeat(fmt.Sprint(i%10), events.MaxEventBytes))}
	}
	pos, err := c.Commit(testContext(t), records)
	if err != nil || pos.Seq != 11 {
		t.Fatalf("Commit = %v, %v, want sequence 11", pos, err)
	}
	if largest > events.MaxBatchBytes || largest < 3*events.MaxEventBytes {
		t.Errorf("the largest batch has %d bytes, want as much as fits %d", largest, events.MaxBatchBytes)
	}
}

// TestCommitterStop: what is queued when the committer stops is still written,
// what comes after is refused.
func TestCommitterStop(t *testing.T) {
	ctx := testContext(t)
	g := newGate()
	log := memlog.New(memlog.Config{Fault: g.fault})
	c := events.NewCommitter(events.CommitterConfig{Log: log, Lanes: 1})
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- c.Run(run) }()

	const writers = 5
	result := make(chan error, writers)
	for w := range writers {
		go func() {
			_, err := c.Commit(ctx, []events.Record{click(w, 0)})
			result <- err
		}()
		if w == 0 {
			<-g.entered
		}
	}
	waitFor(t, ctx, func() bool { return c.Waiting() == writers-1 })
	stop()
	close(g.leave)
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	for range writers {
		if err := <-result; err != nil {
			t.Errorf("a queued write = %v, want it written", err)
		}
	}
	if got := len(log.Messages()); got != writers {
		t.Errorf("%d records are stored, want %d", got, writers)
	}
	if _, err := c.Commit(ctx, []events.Record{click(9, 0)}); !errors.Is(err, events.ErrClosed) {
		t.Errorf("Commit after the stop = %v, want ErrClosed", err)
	}
}

// TestCommitterCancel: a writer that gives up does not know whether its record
// will be stored, and says so.
func TestCommitterCancel(t *testing.T) {
	ctx := testContext(t)
	g := newGate()
	log := memlog.New(memlog.Config{Fault: g.fault})
	c := running(t, events.CommitterConfig{Log: log, Lanes: 1})
	writer, giveUp := context.WithCancel(ctx)
	result := make(chan error, 1)
	go func() { _, err := c.Commit(writer, []events.Record{click(0, 0)}); result <- err }()
	<-g.entered
	giveUp()
	err := <-result
	if !errors.Is(err, events.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v, want ErrUnknown and the context's error", err)
	}
	// The batch of others is not torn down by one of them.
	g.leave <- memlog.Fault{}
	go func() { _, err := c.Commit(ctx, []events.Record{click(1, 0)}); result <- err }()
	g.leave <- memlog.Fault{}
	if err := <-result; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(stored(log), []string{"0-0", "1-0"}); diff != "" {
		t.Error(diff)
	}
}

// TestOffer: while more is not folded than soon will be nothing is taken of those
// who can come again later, and everything of those who cannot.
func TestOffer(t *testing.T) {
	ctx := testContext(t)
	log := memlog.New(memlog.Config{})
	var folded atomic.Uint64
	var passed atomic.Int64
	start := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	committer := running(t, events.CommitterConfig{
		Log: log, LagRecords: 3, Lag: time.Second, Folded: func() events.Seq { return events.Seq(folded.Load()) },
		Clock: func() time.Time { return start.Add(time.Duration(passed.Load())) },
	})
	n := 0
	offer := func(count int) {
		t.Helper()
		for range count {
			if _, err := committer.Offer(ctx, []events.Record{click(0, n)}); err != nil {
				t.Fatalf("event %d: %v", n, err)
			}
			n++
		}
	}
	refused := func(limit string) {
		t.Helper()
		_, err := committer.Offer(ctx, []events.Record{click(0, -1)})
		if !errors.Is(err, events.ErrOverloaded) || !strings.Contains(err.Error(), limit) {
			t.Errorf("%v, want a refusal with %q", err, limit)
		}
	}
	offer(4) // one more than may always wait
	refused("no more than 3 are in 1s")
	if _, err := committer.Commit(ctx, []events.Record{click(1, 0)}); err != nil {
		t.Errorf("what must be recorded: %v", err)
	}
	// Five in half a second are ten in one.
	folded.Store(5)
	passed.Store(int64(500 * time.Millisecond))
	offer(11)
	refused("no more than 10 are in 1s")
	// A fold that stands still is believed for a while.
	passed.Store(int64(time.Second))
	refused("no more than 9 are in 1s")
	folded.Store(16)
	offer(1)
	if got := len(log.Messages()); got != n+1 {
		t.Errorf("%d events are stored, want %d", got, n+1)
	}
}
