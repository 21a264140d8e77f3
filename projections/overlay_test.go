package projections

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// A scan sees the store, the checkpoint being written and what is fresh as if
// they were one, newest first.
func TestScan(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		db := openRaw(t, Config{Dir: "scan", FS: vfs.NewMem(), Cache: 1 << 20})
		s := store{db: db, rows: newOverlay()}
		want := map[string]string{}
		for layer := range 3 {
			for range rng.IntN(12) {
				k, v := fmt.Sprintf("k%02d", rng.IntN(20)), fmt.Sprintf("%d", layer)
				switch {
				case layer > 0 && rng.IntN(3) == 0:
					s.rows.delete(key(k))
					delete(want, k)
					continue
				case rng.IntN(3) == 0:
					v = ""
				}
				want[k] = v
				if layer > 0 {
					s.rows.put(key(k), []byte(v))
				} else if err := db.Set([]byte(k), []byte(v), nil); err != nil {
					t.Fatal(err)
				}
			}
			if layer == 1 {
				s.rows.cut()
			}
		}
		for range 10 {
			scanOnce(t, &s, want, rng)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func scanOnce(t *testing.T, s *store, rows map[string]string, rng *rand.Rand) {
	t.Helper()
	o := scanOptions{from: fmt.Appendf(nil, "k%02d", rng.IntN(12)), to: fmt.Appendf(nil, "k%02d", 8+rng.IntN(14)), reverse: rng.IntN(2) == 0, limit: rng.IntN(6)}
	var want []string
	for k, v := range rows {
		if got, err := s.get(key(k)); err != nil || got == nil || string(got) != v {
			t.Fatalf("row %s is %q, %v; want %q", k, got, err, v)
		}
		if k >= string(o.from) && k < string(o.to) {
			want = append(want, k+"="+v)
		}
	}
	slices.Sort(want)
	if o.reverse {
		slices.Reverse(want)
	}
	if o.limit > 0 {
		want = want[:min(len(want), o.limit)]
	}
	list, err := s.scan(o)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, string(r.key)+"="+string(r.value))
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Fatalf("scan %q to %q, reverse %t, limit %d (-got +want):\n%s", o.from, o.to, o.reverse, o.limit, diff)
	}
}

// Pushes leave memory when they take more than allowed, the longest unused
// first and no more than needed.
func TestEviction(t *testing.T) {
	f := newFixture(t)
	c := f.config(vfs.NewMem())
	c.Memory = 100_000
	p := f.open(c)
	closeAfter(t, p)
	for i := range 400 {
		f.fact(events.PushSent, fmt.Sprintf("p%d", i), "fcm", "d1", fmt.Sprintf("d%d", i))
		f.fact(events.PushSent, "busy", "fcm", fmt.Sprintf("d%d", i))
		f.catchUp(p)
		if err := p.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		total, oldest := 0, p.tick
		for _, u := range p.periods[0].pushes {
			total += u.size()
			oldest = min(oldest, u.used)
		}
		if total != p.cost || total > c.Memory {
			t.Fatalf("after %d pushes %d bytes are in memory, counted as %d, allowed are %d", i, total, p.cost, c.Memory)
		}
		if i > 200 && total < c.Memory/2 {
			t.Fatalf("after %d pushes only %d bytes of %d are used", i, total, c.Memory)
		}
		if n := len(p.periods[0].pushes); uint64(2*n) < p.tick-oldest {
			t.Fatalf("the %d pushes in memory are not the ones used last", n)
		}
		if inMemory(p, "busy") == nil {
			t.Fatal("the busiest push was evicted")
		}
	}
	// A push that is read again counts again.
	f.fact(events.ClickClicked, "p0", "fcm", "d1")
	f.catchUp(p)
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if inMemory(p, "p0") == nil || p.cost > c.Memory {
		t.Errorf("the push used last is not in memory, or too much is: %d", p.cost)
	}
}
