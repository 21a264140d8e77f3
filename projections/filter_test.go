package projections

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// A filter never denies what is there, and rarely claims what is not, at every
// size it grows through.
func TestFilter(t *testing.T) {
	f := new(filter)
	wrong := 0
	for i := range 60_000 {
		id := fmt.Sprintf("p%d", i)
		if f.has(pushHash(1, id)) {
			wrong++
		}
		f.add(pushHash(1, id))
		if !f.has(pushHash(1, id)) {
			t.Fatalf("push %d was added and is denied", i)
		}
	}
	for i := range 60_000 {
		if !f.has(pushHash(1, fmt.Sprintf("p%d", i))) {
			t.Fatalf("push %d is denied after the filter grew", i)
		}
		if f.has(pushHash(2, fmt.Sprintf("p%d", i))) {
			wrong++
		}
	}
	// About 1 % for each of the parts, of which there are two in the end.
	if percent := 100 * float64(wrong) / 120_000; percent > 4 {
		t.Errorf("%.1f %% of the pushes that are not there are claimed", percent)
	}
	if !(*filter)(nil).has(tokenHash{}) {
		t.Error("a filter that does not exist denies a push")
	}
}

// Filters are the same after a start, go when there are too many pushes, and come
// again with new weeks; what is known does not depend on them.
func TestFilters(t *testing.T) {
	f := weeks(t)
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	check := func(filtered uint64) {
		t.Helper()
		if p.filtered != filtered {
			t.Errorf("filters are kept for %d pushes, want %d", p.filtered, filtered)
		}
		compare(t, p, f.model(0))
	}
	check(8)
	closeNow(t, p)
	p = f.open(f.config(fs))
	check(8)
	f.turn(4) // two are forgotten, one is new
	f.catchUp(p)
	check(7)
	p.periods[0].count += maxFiltered
	p.boundFilters()
	p.periods[0].count -= maxFiltered
	check(0)
	f.turn(5)
	f.fact(events.PushSent, "large3", "fcm", "b1") // still known, though without a filter
	f.catchUp(p)
	check(1)
	if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
		t.Error("the content depends on filters")
	}
	closeNow(t, p)
	p = f.open(f.config(fs))
	check(6)
	closeNow(t, p)
}

// A push record too few or too many is noticed at the start (L12).
func TestDamagedFilters(t *testing.T) {
	f, fs := damaged(t)
	for name, change := range map[string]func(db *pebble.DB) error{
		"missing": func(db *pebble.DB) error { return db.Delete(pushKey(periodOf(epoch), 1, "a"), nil) },
		"strange": func(db *pebble.DB) error { return db.Set(pushKey(periodOf(epoch), 1, "strange"), nil, nil) },
		"short":   func(db *pebble.DB) error { return db.Set(newKey(rowPush).u16(periodOf(epoch)).u8(1), nil, nil) },
	} {
		c := f.config(copyOf(fs))
		db := openRaw(t, c)
		if err := errors.Join(change(db), db.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), c); !errors.Is(err, errDamaged) {
			t.Errorf("push record %s: got %v", name, err)
		}
	}
}
