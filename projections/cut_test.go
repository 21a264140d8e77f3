package projections

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// A checkpoint is the projection as of its cut, whatever the fold changes and forgets
// while the checkpoint takes the pushes one by one (L3): a projection that is lost
// after it goes on from there to the content of an undisturbed fold.
func TestCutWhileFolding(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := drawEither(r, scales(r))
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(r, "cuts"), 5))
		c := h.config(vfs.NewMem())
		c.Memory = []int{1, 1 << 30}[rng.IntN(2)]
		c.Dictionaries = dictionaryBudgets[rng.IntN(len(dictionaryBudgets))]
		plain := h.open(h.config(vfs.NewMem()))
		defer closeNow(r, plain)
		messages := h.messages()
		p := h.open(c)
		for done := events.Seq(0); int(done) < len(messages); {
			apply := func(n int) {
				for _, m := range messages[p.Applied().Seq:min(int(p.Applied().Seq)+n, len(messages))] {
					if err := p.Apply(m); err != nil {
						r.Fatal(err)
					}
				}
			}
			apply(1 + rng.IntN(40))
			cut, err := p.cut()
			if err != nil {
				r.Fatal(err)
			}
			at := p.Applied().Seq
			apply(rng.IntN(20))
			for more := true; more; more = p.gather(cut) {
				apply(rng.IntN(3))
			}
			b := p.store.db.NewBatch()
			if err := cut.write(b); err != nil {
				r.Fatal(err)
			}
			apply(rng.IntN(3))
			if err := p.settle(cut, b.Commit(pebble.Sync)); err != nil {
				r.Fatal(err)
			}
			apply(rng.IntN(3))
			for p.evict() {
				continue
			}
			if rng.IntN(2) == 0 {
				if err := p.store.db.Close(); err != nil {
					r.Fatal(err)
				}
				p = h.open(c)
				if got := p.Applied().Seq; got != at {
					r.Fatalf("the checkpoint is of %d, the cut was of %d", got, at)
				}
				h.foldTo(plain, at)
				if at > 0 {
					compare(r, p, h.model(int(at)))
				}
				if got, want := must(p.Digest())(r), must(plain.Digest())(r); got != want {
					r.Fatalf("the content at %d depends on what was folded after the cut", at)
				}
			}
			done = at
		}
		closeNow(r, p)
	})
}

// Small rows that a checkpoint has taken and not written yet are still seen: above all
// a key that was claimed is not free meanwhile (L6).
func TestRowsOfACutAreSeen(t *testing.T) {
	f := newFixture(t)
	key := func(fingerprint string) {
		f.put(events.KeyClaimed, "a", &events.Key{Key: "k", Fingerprint: fingerprint, Status: 202, Answer: "{}"})
	}
	key("first")
	f.put(events.PushSent, "a", &events.Fact{Channel: "fcm", Devices: []string{"d1"}, Users: []string{"u1"}})
	f.recall("a", "r", "recall", events.Scope{})
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	f.catchUp(p)
	cut, err := p.cut()
	if err != nil {
		t.Fatal(err)
	}
	compare(t, p, f.model(0))
	key("second")
	f.catchUp(p)
	for p.gather(cut) {
		continue
	}
	b := p.store.db.NewBatch()
	if err := cut.write(b); err != nil {
		t.Fatal(err)
	}
	if err := p.settle(cut, b.Commit(pebble.Sync)); err != nil {
		t.Fatal(err)
	}
	if k := must(p.Key(testApp, "k"))(t); k == nil || k.Fingerprint != "first" {
		t.Errorf("key k has the claim %+v, want the first", k)
	}
	compare(t, p, f.model(0))
}
