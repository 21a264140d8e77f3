package projections

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// Compacting changes nothing but what the store takes: rows that were written several
// times stand in it once.
func TestCompact(t *testing.T) {
	f := newFixture(t)
	p := f.open(f.config(vfs.NewMem()))
	for from := 0; from < 20_000; from += 1000 {
		f.fact(events.PushSent, "p", "fcm", tokens(from, 1000)...)
		f.catchUp(p)
		if err := p.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	f.fact(events.ClickClicked, "p", "fcm", token(0))
	f.catchUp(p)
	size, err := p.Compact(t.Context())
	if err != nil || size == 0 {
		t.Fatalf("%d bytes, %v", size, err)
	}
	again, err := p.Compact(t.Context())
	if err != nil || again != size {
		t.Errorf("%d bytes, and again %d, %v", size, again, err)
	}
	m := p.store.db.Metrics()
	if upper := m.Levels[0].Sublevels; upper != 0 {
		t.Errorf("level 0 has %d sublevels", upper)
	}
	compare(t, p, f.model(0))
	closeNow(t, p)
	if _, err := p.Compact(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("Compact after Close = %v", err)
	}
}
