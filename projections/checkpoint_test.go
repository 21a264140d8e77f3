package projections

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// A checkpoint that fails half way has forgotten what was changed: a later one
// must not write the rest as if it were all.
func TestCheckpointAfterFailure(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	f.recall("a", "r", "recall", events.Scope{})
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	at := &inMemory(p, "a").state.Recalls[0].At
	good := *at
	*at = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // JSON has no such year
	first := p.Checkpoint()
	if first == nil {
		t.Fatal("the checkpoint wrote a time that JSON does not have")
	}
	*at = good
	f.fact(events.PushSent, "b", "fcm", "d1")
	f.catchUp(p)
	if err := p.Checkpoint(); !errors.Is(err, first) {
		t.Errorf("the next checkpoint returned %v", err)
	}
	if err := p.Close(); !errors.Is(err, first) {
		t.Errorf("Close returned %v", err)
	}
	p = f.open(f.config(fs))
	closeAfter(t, p)
	if got := p.Applied().Seq; got != 0 {
		t.Errorf("the store says that %d events are in it", got)
	}
	f.catchUp(p)
	if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
		t.Error("the content differs after a failed checkpoint")
	}
}

// A store that cannot be read stops the fold where it is (L12): above all it
// must not take a claimed key for a free one (L6).
func TestApplyReadError(t *testing.T) {
	key := func(fingerprint string) *events.Key {
		return &events.Key{Key: "k", Fingerprint: fingerprint, Status: 202, Answer: "{}"}
	}
	f := newFixture(t)
	f.put(events.KeyClaimed, "a", key("first"))
	f.fact(events.PushSent, "a", "fcm", "d1")
	var fail errorfs.Toggle
	fail.Injector = errorfs.ErrInjected.If(errorfs.Reads)
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	if err := errors.Join(p.Checkpoint(), p.store.db.Flush(), p.Close()); err != nil {
		t.Fatal(err)
	}
	for _, put := range []func(){
		func() { f.put(events.KeyClaimed, "a", key("second")) },
		func() { f.fact(events.ClickClicked, "a", "fcm", "d1") },
	} {
		c := f.config(errorfs.Wrap(fs, &fail))
		c.Cache = 1 // nothing stays in it
		p = f.open(c)
		f.catchUp(p)
		before := p.Applied()
		put()
		fail.On()
		messages := f.log.Messages()
		err := p.Apply(messages[len(messages)-1])
		fail.Off()
		if !errors.Is(err, ErrStore) {
			t.Fatalf("Apply returned %v while the store could not be read", err)
		}
		if p.Applied() != before {
			t.Errorf("Apply failed and moved on to %s", p.Applied())
		}
		if err := p.Close(); !errors.Is(err, ErrStore) {
			t.Errorf("Close returned %v, want the error that stopped the fold", err)
		}
	}
	p = f.open(f.config(fs))
	closeAfter(t, p)
	f.catchUp(p)
	if k := must(p.Key(testApp, "k"))(t); k == nil || k.Fingerprint != "first" {
		t.Errorf("key k has the claim %+v, want the first", k)
	}
}

// openRaw opens the store under a closed projection.
func openRaw(t *testing.T, c Config) *pebble.DB {
	t.Helper()
	c.setDefaults()
	s, err := openStore(c.Dir, c.FS, c.Cache, c.Logger)
	if err != nil {
		t.Fatal(err)
	}
	return s.db
}

// gate is a file system that holds up the next sync of the write-ahead log.
type gate struct {
	armed           atomic.Bool
	reached, opened chan struct{}
}

func (g *gate) String() string { return "gate" }

// MaybeError implements errorfs.Injector.
func (g *gate) MaybeError(op errorfs.Op) error {
	switch op.Kind {
	case errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo:
		if strings.HasSuffix(op.Path, ".log") && g.armed.Swap(false) {
			close(g.reached)
			<-g.opened
		}
	}
	return nil
}

// While a checkpoint is on its way to the disk the fold goes on: what it writes
// is seen, what it changes meanwhile is neither evicted nor forgotten.
func TestFoldDuringCheckpoint(t *testing.T) {
	f := newFixture(t)
	g := &gate{reached: make(chan struct{}), opened: make(chan struct{})}
	fs := vfs.NewMem()
	c := f.config(errorfs.Wrap(fs, g))
	c.Memory = 1
	p := f.open(c)
	f.put(events.PushSent, "a", &events.Fact{Channel: "fcm", Devices: block(0, 300), Users: append([]string{"u1"}, make([]string, 299)...)})
	f.recall("a", "r", "recall", events.Scope{})
	f.catchUp(p)
	g.armed.Store(true)
	done := make(chan error, 1)
	go func() { done <- p.Checkpoint() }()
	soon(t, g.reached)
	compare(t, p, f.model(0))
	f.fact(events.ClickClicked, "a", "fcm", "b1")
	f.fact(events.PushSent, "b", "fcm", "b1", "new")
	f.put(events.RecallAborted, "a", &events.Closed{Recall: "r"})
	f.catchUp(p)
	compare(t, p, f.model(0))
	close(g.opened)
	if err := soon(t, done); err != nil {
		t.Fatal(err)
	}
	compare(t, p, f.model(0))
	if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
		t.Error("the content differs from an undisturbed fold")
	}
	closeNow(t, p)
	p = f.open(f.config(fs))
	closeAfter(t, p)
	compare(t, p, f.model(0))
}
