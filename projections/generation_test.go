package projections

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// A power loss at every operation on the disk that a rebuild and a drop make leaves
// a projection that opens, is right, and has nothing that is neither live nor kept.
func TestRebuildCrash(t *testing.T) {
	f := newFixture(t)
	for i := range 40 {
		f.fact(events.PushSent, fmt.Sprintf("p%d", i%5), "fcm", block(i*7, 7)...)
	}
	f.recall("p1", "r", "recall", events.Scope{})
	want := must(f.folded().Digest())(t)
	// whole rebuilds and drops; crash n takes a clone of the disk before the n-th
	// operation of that.
	whole := func(crash int64, rng *rand.Rand) (*vfs.MemFS, int64) {
		mem := vfs.NewCrashableMem()
		p := f.open(f.config(mem))
		f.catchUp(p)
		closeNow(t, p)
		var begun atomic.Bool
		var count atomic.Int64
		var clone atomic.Pointer[vfs.MemFS]
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if begun.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && count.Add(1) == crash {
				clone.Store(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: rng.IntN(101), RNG: rng}))
			}
			return nil
		}))
		p = f.open(f.config(fs))
		begun.Store(true)
		if r, err := p.Rebuild(t.Context(), RebuildOptions{}); err != nil || !r.Swapped || !r.Comparison.Same {
			t.Fatalf("Rebuild = %+v, %v", r, err)
		}
		if _, err := p.DropOld(); err != nil {
			t.Fatal(err)
		}
		closeNow(t, p)
		return clone.Load(), count.Load()
	}
	_, all := whole(-1, nil)
	seen := map[string]int{}
	for crash := int64(1); crash <= all; crash++ {
		rng := rand.New(rand.NewPCG(uint64(crash), 3))
		clone, _ := whole(crash, rng)
		if clone == nil {
			continue // this run came to fewer operations
		}
		p := f.open(f.config(clone))
		f.catchUp(p)
		if got := must(p.Digest())(t); got != want {
			t.Errorf("crash %d: the content differs", crash)
		}
		list := must(p.Generations())(t)
		names := ""
		for _, g := range list {
			names += fmt.Sprint(g.Generation, g.State, " ")
		}
		seen[names]++
		for _, name := range must(clone.List("projection"))(t) {
			if no := p.generations.number(name); no != 0 && !strings.Contains(names, fmt.Sprint(no)) {
				t.Errorf("crash %d: %s is left beside %s", crash, name, names)
			}
		}
		closeNow(t, p)
	}
	t.Logf("%d crashes: %v", all, seen)
	if len(seen) != 3 {
		t.Errorf("the crashes left %v; want generation 1, 2 beside 1, and 2", seen)
	}
}

// What a rebuild and a drop reported is on the disk, with all that was folded up to the
// swap (L1); the old generation stays as it is until it is dropped, and claims no digest
// of a position at which it was not compared.
func TestRebuildIsDurable(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	fs := vfs.NewCrashableMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	var settled chan struct{}
	r, err := p.Rebuild(t.Context(), RebuildOptions{Progress: func(g RebuildProgress) {
		if g.Phase == PhaseComparing {
			f.fact(events.ClickClicked, "a", "fcm", "d1")
			f.catchUp(p)
			settled = p.settled
		}
	}})
	if err != nil || r.Applied.Seq != 2 || r.Comparison.Applied.Seq != 1 {
		t.Fatalf("Rebuild = %+v, %v", r, err)
	}
	soon(t, settled) // or a fold that waits for the store would wait for a checkpoint that nothing makes due
	want := must(p.Generations())(t)
	if len(want) != 2 || want[1].Digest != "" || want[1].Applied.Seq != 2 || want[1].Bytes == 0 {
		t.Errorf("generations %+v, want the old one at 2 without a digest", want)
	}
	after := func(generations ...uint64) {
		t.Helper()
		lost := fs.CrashClone(vfs.CrashCloneCfg{})
		p := f.open(f.config(lost))
		if got := p.Applied().Seq; got != 2 {
			t.Errorf("after a power loss the projection is at %d", got)
		}
		var got []uint64
		for i, g := range must(p.Generations())(t) {
			got = append(got, g.Generation)
			if i > 0 && g.Bytes != want[i].Bytes {
				t.Errorf("the old generation has %d bytes of %d", g.Bytes, want[i].Bytes)
			}
		}
		if !slices.Equal(got, generations) {
			t.Errorf("after a power loss there are generations %d, want %d", got, generations)
		}
		closeNow(t, p)
	}
	after(2, 1)
	if _, err := p.DropOld(); err != nil {
		t.Fatal(err)
	}
	after(2)
	closeNow(t, p)
}

// What cannot be written leaves the live generation as it was.
func TestRebuildDiskFails(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	for _, name := range []string{stateFile + ".new", generationPrefix} {
		var failing atomic.Bool
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if failing.Load() && op.Kind == errorfs.OpCreate && strings.Contains(op.Path, name) {
				return errStop
			}
			return nil
		}))
		p := f.open(f.config(fs))
		f.catchUp(p)
		failing.Store(true)
		if r, err := p.Rebuild(t.Context(), RebuildOptions{}); !errors.Is(err, errStop) {
			t.Errorf("%s cannot be made: %+v, %v", name, r, err)
		}
		failing.Store(false)
		if list := must(p.Generations())(t); len(list) != 1 || list[0].Generation != 1 {
			t.Errorf("generations %+v", list)
		}
		if r, err := p.Rebuild(t.Context(), RebuildOptions{}); err != nil || !r.Swapped {
			t.Errorf("the next rebuild: %+v, %v", r, err)
		}
		closeNow(t, p)
	}
}

// A rename of which nobody knows whether it is on disk deletes nothing, and no more
// is begun until the next start has looked.
func TestRebuildUncertain(t *testing.T) {
	t.Run("rename", func(t *testing.T) {
		rebuildUncertain(t, 1, func(op errorfs.Op) bool { return op.Kind == errorfs.OpRename && strings.Contains(op.Path, stateFile) })
	})
	t.Run("sync", func(t *testing.T) {
		rebuildUncertain(t, 2, func(op errorfs.Op) bool {
			return op.Kind == errorfs.OpOpenDir && filepath.Base(op.Path) == "projection"
		})
	})
}

// rebuildUncertain lets a swap fail at an operation on the disk, after which the next
// start takes the generation live.
func rebuildUncertain(t *testing.T, live uint64, at func(op errorfs.Op) bool) {
	t.Helper()
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	var failing atomic.Bool
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && at(op) {
			return errStop
		}
		return nil
	}))
	p := f.open(f.config(fs))
	f.catchUp(p)
	_, err := p.Rebuild(t.Context(), RebuildOptions{Progress: func(g RebuildProgress) { failing.Store(g.Phase == PhaseSwapping) }})
	if !errors.Is(err, errStop) {
		t.Fatalf("Rebuild = %v", err)
	}
	failing.Store(false)
	for range 2 {
		if _, err := p.Rebuild(t.Context(), RebuildOptions{}); err == nil || !strings.Contains(err.Error(), "start the node anew") {
			t.Errorf("the next rebuild: %v", err)
		}
		if _, err := p.DropOld(); err == nil || !strings.Contains(err.Error(), "start the node anew") {
			t.Errorf("drop: %v", err)
		}
	}
	f.fact(events.ClickClicked, "a", "fcm", "d1")
	f.catchUp(p)
	closeNow(t, p)
	p = f.open(f.config(mem))
	f.catchUp(p)
	if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want || p.live != live {
		t.Errorf("generation %d is live, or its content differs", p.live)
	}
	closeNow(t, p)
}

// Without the file that names it, a later generation is not deleted for an empty first
// one (L12): a log that has aged could not give it back.
func TestGenerationsMissing(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	if _, err := p.Rebuild(t.Context(), RebuildOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.DropOld(); err != nil {
		t.Fatal(err)
	}
	closeNow(t, p)
	if err := fs.Remove(fs.PathJoin("projection", stateFile)); err != nil {
		t.Fatal(err)
	}
	if p, err := Open(t.Context(), f.config(fs)); !errors.Is(err, ErrStore) {
		t.Errorf("Open = %v, %v", p, err)
	}
	if _, err := fs.Stat(fs.PathJoin("projection", "gen-000002")); err != nil {
		t.Error(err)
	}
}

// A file that does not name a generation stops the node.
func TestGenerationsDamaged(t *testing.T) {
	f := newFixture(t)
	for _, text := range []string{"", "{", `{"live":0}`, `{}`, `null`, `{"live":7}`, `{"live":1,"kept":{"generation":1}}`, `{"live":1,"kept":{}}`} {
		fs := vfs.NewMem()
		closeNow(t, f.open(f.config(fs)))
		file := must(fs.Create(fs.PathJoin("projection", stateFile), vfs.WriteCategoryUnspecified))(t)
		if _, err := file.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		file.Close()
		if p, err := Open(context.Background(), f.config(fs)); !errors.Is(err, ErrStore) {
			t.Errorf("%q: %v, %v", text, p, err)
		}
	}
}

// flip changes one byte in the middle of every table of a generation.
func flip(t *testing.T, fs vfs.FS, dir string) {
	t.Helper()
	flipped := 0
	for _, name := range must(fs.List(dir))(t) {
		if !strings.HasSuffix(name, ".sst") {
			continue
		}
		path := fs.PathJoin(dir, name)
		file := must(fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified))(t)
		b := make([]byte, 1)
		if _, err := file.ReadAt(b, 100); err != nil {
			t.Fatal(err)
		}
		b[0] ^= 1
		if _, err := file.WriteAt(b, 100); err != nil {
			t.Fatal(err)
		}
		file.Close()
		flipped++
	}
	if flipped == 0 {
		t.Fatal("there was nothing to damage")
	}
}

// Damage of the live generation is noticed and healed, whether it opens or not.
func TestRebuildHeals(t *testing.T) {
	f := newFixture(t)
	for i := range 50 {
		f.fact(events.PushSent, "a", "fcm", block(i*1000, 1000)...)
	}
	f.put(events.KeyClaimed, "a", &events.Key{Key: "key-0", Fingerprint: "f", Status: 202, Answer: "{}"})
	want := must(f.folded().Digest())(t)
	for name, damage := range map[string]func(vfs.FS){
		"a table": func(fs vfs.FS) { flip(t, fs, "projection") },
		"the manifest": func(fs vfs.FS) {
			for _, name := range must(fs.List("projection"))(t) {
				if strings.HasPrefix(name, "MANIFEST") {
					if err := fs.Remove(fs.PathJoin("projection", name)); err != nil {
						t.Fatal(err)
					}
				}
			}
		},
	} {
		fs := vfs.NewMem()
		p := f.open(f.config(fs))
		f.foldTo(p, 50)
		if err := errors.Join(p.Checkpoint(), p.store.db.Flush()); err != nil {
			t.Fatal(err)
		}
		closeNow(t, p)
		damage(fs)
		r, err := RebuildStopped(t.Context(), f.config(fs), RebuildOptions{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !r.Swapped || r.Unreadable == "" || r.Comparison != nil || r.Applied.Seq != 51 {
			t.Errorf("%s: %+v", name, r)
		}
		p = f.open(f.config(fs))
		if got := must(p.Digest())(t); got != want {
			t.Errorf("%s: the content differs", name)
		}
		if dropped, err := p.DropOld(); err != nil || !dropped {
			t.Errorf("%s: drop = %v, %v", name, dropped, err)
		}
		closeNow(t, p)
	}
}

// A projection of another log is not healed: the log may be the wrong one.
func TestRebuildStoppedRefusesAnotherLog(t *testing.T) {
	f := newFixture(t)
	for range 3 {
		f.fact(events.PushSent, "a", "fcm", "d1")
	}
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	closeNow(t, p)
	shorter := newFixture(t)
	shorter.fact(events.PushSent, "a", "fcm", "d1")
	if _, err := RebuildStopped(t.Context(), shorter.config(fs), RebuildOptions{}); err == nil || !strings.Contains(err.Error(), "the log lost events") {
		t.Errorf("RebuildStopped = %v", err)
	}
	r, err := RebuildStopped(t.Context(), shorter.config(fs), RebuildOptions{Force: true})
	if err != nil || !r.Swapped || r.Applied.Seq != 1 {
		t.Errorf("by force = %+v, %v", r, err)
	}
}
