package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// failSafe ends a test that hangs; no test waits for it.
const failSafe = 2 * time.Minute

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), failSafe)
	t.Cleanup(cancel)
	return ctx
}

func api(t *testing.T, l *server) js.JetStream {
	t.Helper()
	a, err := js.New(l.conn)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestDifferentSettings: a stream made by somebody else is refused with every
// difference, and left as it is (L12).
func TestDifferentSettings(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	a := api(t, s)
	made, err := a.CreateStream(ctx, js.StreamConfig{
		Name:              "LEDGER",
		Subjects:          []string{"recall.>"},
		Storage:           js.MemoryStorage,
		Retention:         js.InterestPolicy,
		MaxAge:            time.Hour,
		MaxMsgs:           1000,
		MaxMsgsPerSubject: 5,
		MaxBytes:          1 << 20,
		MaxMsgSize:        512,
		AllowDirect:       true,
		AllowMsgTTL:       true,
		AllowRollup:       true,
		NoAck:             true,
	})
	if err != nil {
		t.Fatal(err)
	}
	before := made.CachedInfo().Config
	_, err = jetstream.Open(ctx, jetstream.Config{Conn: s.conn})
	difference, ok := errors.AsType[*jetstream.DifferenceError](err)
	if !ok {
		t.Fatalf("Open = %v, want a *DifferenceError", err)
	}
	want := []string{
		"subjects is [recall.>], needed [recall.decision.0.> recall.fact.0.*.*.*]",
		"subject transform is none, needed recall.fact.0.*.*.* to recall.fact.0.{{wildcard(1)}}.{{wildcard(2)}}.{{partition(64,3)}}",
		"storage is Memory, needed File",
		"retention is Interest, needed Limits",
		"discard is DiscardOld, needed DiscardNew",
		"deny delete is false, needed true",
		"deny purge is false, needed true",
		"atomic batch publish is false, needed true",
		"compression is None, needed S2",
		"max age is 1h0m0s, needed 720h0m0s",
		"max bytes is 1048576, needed -1",
		"max message size is 512, needed 1049600",
		"allow direct is true, needed false",
		"max messages is 1000, needed -1",
		"max messages per subject is 5, needed -1",
		"no acknowledgements is true, needed false",
		"message TTL is true, needed false",
		"rollup is true, needed false",
	}
	if diff := cmp.Diff(difference.Differences, want); diff != "" {
		t.Error(diff)
	}
	for _, d := range append(want, "LEDGER", "Nothing was changed") {
		if !strings.Contains(err.Error(), d) {
			t.Errorf("the message lacks %q:\n%v", d, err)
		}
	}
	after, err := a.Stream(ctx, "LEDGER")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after.CachedInfo().Config, before); diff != "" {
		t.Errorf("the stream was changed: %s", diff)
	}
}

// TestChangedSettings: what an operator chooses must stay what the stream was
// made with.
func TestChangedSettings(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	open(t, jetstream.Config{Conn: s.conn, Settings: jetstream.Settings{MaxAge: 48 * time.Hour, MaxBytes: 1 << 30}})
	_, err := jetstream.Open(ctx, jetstream.Config{Conn: s.conn, Settings: jetstream.Settings{MaxAge: 72 * time.Hour}})
	difference, ok := errors.AsType[*jetstream.DifferenceError](err)
	if !ok {
		t.Fatalf("Open = %v, want a *DifferenceError", err)
	}
	want := []string{"max age is 48h0m0s, needed 72h0m0s", "max bytes is 1073741824, needed -1"}
	if diff := cmp.Diff(difference.Differences, want); diff != "" {
		t.Error(diff)
	}
	// The same settings open it again, also a second time at once.
	for range 2 {
		open(t, jetstream.Config{Conn: s.conn, Settings: jetstream.Settings{MaxAge: 48 * time.Hour, MaxBytes: 1 << 30}})
	}
}

// TestMustExist: a log that is known to have been there is not made anew.
func TestMustExist(t *testing.T) {
	s := start(t, t.TempDir())
	if _, err := jetstream.Open(testContext(t), jetstream.Config{Conn: s.conn, MustExist: true}); !errors.Is(err, jetstream.ErrMissing) {
		t.Errorf("Open = %v, want ErrMissing", err)
	}
	absent(t, s.conn)
	open(t, jetstream.Config{Conn: s.conn})
	open(t, jetstream.Config{Conn: s.conn, MustExist: true})
}

// TestReopen: what was acknowledged is there after a stop, with its sequences,
// and so is the identity of the log.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	ctx := testContext(t)
	log := open(t, jetstream.Config{Conn: s.conn})
	records := make([]events.Record, 300)
	for i := range records {
		records[i] = events.Record{
			Subject: events.Subject(0, "shop", events.ClickClicked, fmt.Sprintf("push-%d", i), ""),
			Data:    fmt.Appendf(nil, "data-%d", i),
		}
	}
	if _, err := log.Append(ctx, records); err != nil {
		t.Fatal(err)
	}
	decision := events.DecisionFilter(0, "shop", "p")
	if _, err := log.Append(ctx, []events.Record{{Subject: decision, Data: []byte("first"), Fenced: true}}); err != nil {
		t.Fatal(err)
	}
	before := contents(t, log)
	s.stop()

	s = start(t, dir)
	log = open(t, jetstream.Config{Conn: s.conn})
	if diff := cmp.Diff(contents(t, log), before); diff != "" {
		t.Error(diff)
	}
	if _, err := log.Append(ctx, []events.Record{{Subject: decision, Data: []byte("second"), Fenced: true}}); !errors.Is(err, events.ErrConflict) {
		t.Errorf("a second decision after the restart = %v, want ErrConflict", err)
	}
	if pos, err := log.Append(ctx, records[:2]); err != nil || pos.Seq != 303 {
		t.Errorf("Append after the restart = %v, %v, want sequence 303", pos, err)
	}
}

func contents(t *testing.T, log events.Log) (all []string) {
	t.Helper()
	info, err := log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, fmt.Sprintf("%s %d %d", info.Created, info.First, info.Last))
	if err := log.Read(t.Context(), events.Range{}, func(m events.Message) error {
		all = append(all, fmt.Sprintf("%v %s %s %s", m.Position, m.Subject, m.Time, m.Data))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestFollowOfAnotherLog: a reader whose stream is gone, or is another one by now,
// ends with an error instead of waiting or reading on.
func TestFollowOfAnotherLog(t *testing.T) {
	for _, anew := range []bool{false, true} {
		s := start(t, t.TempDir())
		log := open(t, jetstream.Config{Conn: s.conn})
		put(t, log, 3)
		a := api(t, s)
		err := log.Follow(testContext(t), 1, func(m events.Message) error {
			if m.Seq < 3 {
				return nil
			}
			if err := a.DeleteStream(testContext(t), "LEDGER"); err != nil {
				return err
			}
			if anew {
				open(t, jetstream.Config{Conn: s.conn})
			}
			return nil
		})
		want := map[bool]string{false: "stream not found", true: "made anew"}[anew]
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Follow = %v, want %q", err, want)
		}
	}
}

// TestFull: a full log refuses and stores nothing of a batch; what it holds stays.
func TestFull(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	log := open(t, jetstream.Config{Conn: s.conn, Settings: jetstream.Settings{MaxBytes: 200 << 10}})
	record := events.Record{Subject: events.DecisionFilter(0, "shop", "p"), Data: make([]byte, 50<<10)}
	batch := []events.Record{record, record}
	if _, err := log.Append(ctx, batch); err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(ctx, []events.Record{record, record, record}); !errors.Is(err, events.ErrFull) {
		t.Errorf("Append of a batch beyond MaxBytes = %v, want ErrFull", err)
	}
	if end, err := log.End(ctx); err != nil || end.Seq != 2 {
		t.Errorf("End = %v, %v, want 2: nothing of the batch is stored", end, err)
	}
	if _, err := log.Append(ctx, []events.Record{record}); err != nil {
		t.Errorf("Append of what still fits = %v", err)
	}
	if _, err := log.Append(ctx, []events.Record{record}); !errors.Is(err, events.ErrFull) {
		t.Errorf("Append of one record beyond MaxBytes = %v, want ErrFull", err)
	}
	info, err := log.Info(ctx)
	if err != nil || info.First != 1 || info.Last != 3 {
		t.Errorf("Info = %+v, %v, want messages 1 to 3", info, err)
	}
}

// TestServerGone: without an answer the outcome is unknown, and a follower that
// is told to stop does.
func TestServerGone(t *testing.T) {
	s := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: s.conn, Timeout: 200 * time.Millisecond})
	record := events.Record{Subject: events.DecisionFilter(0, "shop", "p"), Data: []byte("x")}
	patient := open(t, jetstream.Config{Conn: s.conn})
	if _, err := patient.Append(testContext(t), []events.Record{record}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(testContext(t))
	seen, result := make(chan struct{}), make(chan error, 1)
	go func() {
		result <- log.Follow(ctx, 1, func(events.Message) error { close(seen); return nil })
	}()
	<-seen
	s.srv.Stop()
	for _, records := range [][]events.Record{{record}, {record, record}} {
		if _, err := log.Append(testContext(t), records); !errors.Is(err, events.ErrUnknown) {
			t.Errorf("Append of %d records without a server = %v, want ErrUnknown", len(records), err)
		}
	}
	if _, err := log.End(testContext(t)); err == nil {
		t.Error("End without a server succeeded")
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v, want the context's error", err)
	}
}
