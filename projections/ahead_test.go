package projections

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// Who asks about devices just as they are named, written and sent out of memory gets an
// answer as of that moment or later, and no damage.
func TestTouchesWhileDevicesAreNamed(t *testing.T) {
	const population = max(100, 800/slower)
	f := newFixture(t)
	f.fact(events.PushSent, "p", "fcm", "first")
	f.recall("p", "r", "recall", events.Scope{})
	c := f.config(vfs.NewMem())
	c.Dictionaries = 1
	p := f.open(c)
	closeAfter(t, p)
	f.catchUp(p)
	var readers sync.WaitGroup
	done := make(chan struct{})
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			known := int(p.Stats().Devices)
			var devices []string
			for i := max(1, known-20); i < known+20; i++ {
				devices = append(devices, token(i))
			}
			touches, _, err := p.Touches(testApp, "r", "fcm", devices)
			if err != nil {
				t.Error(err)
				return
			}
			for i, d := range touches {
				if d.Facts == 0 && max(1, known-20)+i < known {
					t.Errorf("device %d of %d is not known", max(1, known-20)+i, known)
					return
				}
			}
		}
	})
	for i := 1; i < population; i++ {
		f.fact(events.PushSent, "p", "fcm", token(i))
		f.catchUp(p)
		if err := p.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	readers.Wait()
}

// readGate is a file system that holds up the next read of a table.
type readGate struct {
	armed           atomic.Bool
	reached, opened chan struct{}
}

func (g *readGate) String() string { return "read gate" }

// MaybeError implements errorfs.Injector.
func (g *readGate) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead && strings.HasSuffix(op.Path, ".sst") && g.armed.Swap(false) {
		close(g.reached)
		<-g.opened
	}
	return nil
}

// While the store is asked for devices that are not in memory, readers do not wait for
// the fold, and the fold does not wait for who asks about many devices.
func TestStoreIsReadWithoutTheLock(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "p", "fcm", tokens(0, 1000)...)
	f.recall("p", "r", "recall", events.Scope{})
	f.sent("p", "wecom", "m1", tokens(0, 1000)...)
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	if err := errors.Join(p.Checkpoint(), p.store.db.Flush(), p.Close()); err != nil {
		t.Fatal(err)
	}
	apply := func(p *Projection) error { return p.Apply(f.messages()[p.Applied().Seq]) }
	// A device of an app that is new: nobody asks the store about it.
	other := func(p *Projection) error {
		f.putApp(fmt.Sprintf("app%d", len(p.Apps())), events.PushSent, "q", &events.Fact{Channel: "fcm", Devices: []string{"d"}})
		return apply(p)
	}
	for name, c := range map[string]struct{ slow, meanwhile func(p *Projection) error }{
		"fold": {
			func(p *Projection) error {
				f.fact(events.ClickClicked, "p", "fcm", tokens(0, 1000)...)
				return apply(p)
			},
			func(p *Projection) error { p.Stats(); return nil },
		},
		"touches": {func(p *Projection) error {
			_, _, err := p.Touches(testApp, "r", "fcm", tokens(0, 500))
			return err
		}, other},
		"sends": {func(p *Projection) error {
			_, err := p.SendsOf(testApp, "p", "wecom", tokens(0, 500))
			return err
		}, other},
	} {
		t.Run(name, func(t *testing.T) {
			g := &readGate{reached: make(chan struct{}), opened: make(chan struct{})}
			config := f.config(errorfs.Wrap(fs, g))
			config.Cache = 1 // nothing stays in it
			p := must(Open(t.Context(), config))(t)
			f.catchUp(p)
			g.armed.Store(true)
			slow, meanwhile := make(chan error, 1), make(chan error, 1)
			go func() { slow <- c.slow(p) }()
			soon(t, g.reached)
			go func() { meanwhile <- c.meanwhile(p) }()
			if err := soon(t, meanwhile); err != nil {
				t.Error(err)
			}
			close(g.opened)
			if err := soon(t, slow); err != nil {
				t.Error(err)
			}
			closeNow(t, p)
		})
	}
}

// What was looked up without the lock counts as of when it is used: for devices named
// since, and after another generation with other ordinals has taken the place.
func TestLocatedOrdinals(t *testing.T) {
	f := newFixture(t)
	for i := range 6 {
		f.fact(events.PushSent, "p", "fcm", fmt.Sprintf("d%d", i))
	}
	p := f.folded()
	devices := []string{"d5", "new"}
	l := must(p.locate(testApp, "fcm", devices))(t)
	check := func(want ...uint32) {
		t.Helper()
		for i, device := range devices {
			if got, ok, err := p.ordinal(l, i, p.apps[testApp].dicts[0], device); err != nil || !ok || got != want[i] {
				t.Errorf("%s has ordinal %d, %v, %v; want %d", device, got, ok, err, want[i])
			}
		}
	}
	f.fact(events.PushSent, "p", "fcm", "new")
	f.catchUp(p)
	check(5, 6)
	f.log.Expire(4)
	if _, err := p.Rebuild(t.Context(), RebuildOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	check(2, 3)
}
