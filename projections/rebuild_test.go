package projections

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// A rebuild while facts come in and everything is asked all the time comes to the
// same content, and nobody notices the swap: not even who is within a list.
func TestRebuildWhileFolding(t *testing.T) {
	draw := rapid.Custom(func(r *rapid.T) *history { return drawHistory(r, hundreds, false) })
	for _, memory := range []int{1, 1 << 30} {
		f := newFixture(t)
		f.keep = 10 * 24 * time.Hour
		for i := range 30 {
			f.fact(events.PushSent, "p0", "fcm", block(i*100, 100)...)
		}
		fs := vfs.NewMem()
		c := f.config(fs)
		c.Memory, c.CheckpointFacts, c.CheckpointPushes, c.CheckpointEvery = memory, 50, 2, time.Millisecond
		p := f.open(c)
		ctx, cancel := context.WithCancel(t.Context())
		done := running(ctx, p)
		rounds := make(chan error)
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() { query(ctx, p, rounds) })
		}
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			for seed := 0; ; seed++ {
				f.now = f.now.Add(f.keep / 8)
				for _, m := range draw.Example(seed + 6).log.Messages() {
					select {
					case <-stop:
						return
					default:
					}
					if e, err := events.Decode(m.Data); err == nil {
						f.raw(subjectOf(e), m.Data)
					}
				}
			}
		})
		for n := range uint64(3) {
			r, err := p.Rebuild(t.Context(), RebuildOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Swapped || r.Comparison == nil || !r.Comparison.Same || r.Generation != n+2 || r.Previous != n+1 {
				t.Errorf("rebuild %d = %+v %+v", n, r, r.Comparison)
			}
			for range 4 {
				if err := soon(t, rounds); err != nil {
					t.Error(err)
				}
			}
			if dropped, err := p.DropOld(); err != nil || !dropped {
				t.Errorf("drop = %v, %v", dropped, err)
			}
		}
		close(stop)
		writer.Wait()
		if err := p.Wait(t.Context(), events.Seq(len(f.log.Messages()))); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := soon(t, done); err != nil {
			t.Fatal(err)
		}
		readers.Wait()
		want := must(f.folded().Digest())(t)
		if got := must(p.Digest())(t); got != want {
			t.Error("the content differs from an undisturbed fold")
		}
		closeNow(t, p)
		p = f.open(c)
		if got := must(p.Digest())(t); got != want || p.live != 4 {
			t.Errorf("opened again, generation %d has another content", p.live)
		}
		closeNow(t, p)
	}
}

// A list that is being read goes on in the new generation: with facts that came
// since, and with devices of a page that has grown since.
func TestRebuildWithinList(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", block(0, 1000)...)
	for i := 1; i < 12; i++ {
		f.fact(events.PushSent, "a", "fcm", block(i*1000, 1000)...)
	}
	for _, memory := range []int{1, 1 << 30} {
		c := f.config(vfs.NewMem())
		c.Memory = memory
		p := f.open(c)
		f.foldTo(p, 12)
		if err := p.Checkpoint(); err != nil {
			t.Fatal(err)
		}
		seen := 0
		_, err := p.EachHolder(ctx(), testApp, "a", Holders{}, func(Device) error {
			if seen++; seen == 1 {
				if _, err := p.Rebuild(ctx(), RebuildOptions{}); err != nil {
					return err
				}
				if memory == 1 {
					f.fact(events.ClickClicked, "a", "fcm", block(11000, 1000)...)
					f.fact(events.PushSent, "a", "fcm", block(12000, 10)...)
				}
				f.catchUp(p)
			}
			return nil
		})
		if err != nil || seen != 11010 {
			t.Errorf("%d holders, %v; want those who had not clicked when their page was read, 11010", seen, err)
		}
		closeNow(t, p)
	}
}

func TestRebuildIsOneAtATime(t *testing.T) {
	f := newFixture(t)
	for i := range 3 * progressEvery {
		f.fact(events.PushSent, fmt.Sprintf("p%d", i), "fcm", "d1", "d2")
	}
	p := f.folded()
	var told []RebuildProgress
	r, err := p.Rebuild(t.Context(), RebuildOptions{Progress: func(g RebuildProgress) {
		if told = append(told, g); len(told) > 1 {
			return
		}
		if _, err := p.Rebuild(t.Context(), RebuildOptions{}); !errors.Is(err, ErrRebuilding) {
			t.Errorf("a second rebuild while one runs: %v", err)
		}
		if _, err := p.DropOld(); !errors.Is(err, ErrRebuilding) {
			t.Errorf("a drop while a rebuild runs: %v", err)
		}
	}})
	if err != nil || r.Events != 3*progressEvery || r.Facts != 6*progressEvery || r.Bytes == 0 || r.PreviousBytes == 0 {
		t.Fatalf("Rebuild = %+v, %v", r, err)
	}
	if g := told[0]; g.Phase != PhaseFolding || g.Generation != 2 || g.Events != progressEvery || g.Total != 3*progressEvery || g.Facts != 2*progressEvery {
		t.Errorf("progress begins with %+v", g)
	}
	if g := told[len(told)-1]; g.Phase != PhaseSwapping || g.Events != g.Total {
		t.Errorf("progress ends with %+v", g)
	}
	if _, err := p.Rebuild(t.Context(), RebuildOptions{Force: true}); !errors.Is(err, ErrKept) {
		t.Errorf("a rebuild while an old generation is kept: %v", err)
	}
	list := must(p.Generations())(t)
	if len(list) != 2 || list[0].Generation != 2 || list[0].State != GenerationLive || list[1].Generation != 1 || list[1].State != GenerationOld ||
		list[1].Digest != r.Comparison.Live || list[1].Applied != r.Applied || list[1].Bytes == 0 {
		t.Errorf("generations %+v", list)
	}
	for _, want := range []bool{true, false} {
		if dropped, err := p.DropOld(); err != nil || dropped != want {
			t.Errorf("DropOld = %v, %v; want %v", dropped, err, want)
		}
	}
	if names := must(p.c.FS.List("projection"))(t); len(names) != 2 {
		t.Errorf("with the old one dropped there are %q", names)
	}
}

// A rebuild that is given up leaves nothing.
func TestRebuildAborted(t *testing.T) {
	f := newFixture(t)
	for i := range 2 * progressEvery {
		f.fact(events.PushSent, fmt.Sprintf("p%d", i), "fcm", block(i, 3)...)
	}
	for _, phase := range []string{PhaseFolding, PhaseComparing} {
		p := f.folded()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := p.Rebuild(ctx, RebuildOptions{Progress: func(g RebuildProgress) {
			if g.Phase == phase {
				cancel()
			}
		}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v, want that it was given up", phase, err)
		}
		if list := must(p.Generations())(t); len(list) != 1 {
			t.Errorf("%s: generations %+v", phase, list)
		}
		for _, name := range must(p.c.FS.List("projection"))(t) {
			if strings.HasPrefix(name, generationPrefix) {
				t.Errorf("%s: %s is left", phase, name)
			}
		}
		if r, err := p.Rebuild(t.Context(), RebuildOptions{}); err != nil || !r.Swapped {
			t.Errorf("%s: the next rebuild: %+v, %v", phase, r, err)
		}
	}
}

// One that differs is kept and not taken, unless forced.
func TestRebuildDiffers(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	p := f.folded()
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := p.store.db.Set(quarantineKey(99), []byte("{}"), nil); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(2) { // the next one takes the place of what was kept
		r, err := p.Rebuild(t.Context(), RebuildOptions{})
		if err != nil || r.Swapped || r.Comparison.Same || r.Generation != n+2 {
			t.Fatalf("Rebuild = %+v, %v", r, err)
		}
		list := must(p.Generations())(t)
		if len(list) != 2 || list[0].Generation != 1 || list[1].Generation != n+2 || list[1].State != GenerationDiffers || list[1].Digest != r.Comparison.Fresh {
			t.Fatalf("generations %+v", list)
		}
	}
	r, err := p.Rebuild(t.Context(), RebuildOptions{Force: true})
	if err != nil || !r.Swapped || r.Comparison.Same {
		t.Fatalf("Rebuild by force = %+v, %v", r, err)
	}
	if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
		t.Error("what was taken is not the content of the log")
	}
}

func TestRebuildOfAgedLog(t *testing.T) {
	f := newFixture(t)
	for i := range 6 {
		f.fact(events.PushSent, "a", "fcm", fmt.Sprintf("d%d", i))
	}
	p := f.folded()
	f.log.Expire(4)
	if _, err := p.Rebuild(t.Context(), RebuildOptions{}); !errors.Is(err, ErrAged) {
		t.Errorf("Rebuild = %v, want that the log has aged", err)
	}
	r, err := p.Rebuild(t.Context(), RebuildOptions{Force: true})
	if err != nil || !r.Swapped || !r.Aged || r.Comparison.Same || r.Events != 3 {
		t.Fatalf("Rebuild by force = %+v, %v", r, err)
	}
	if got := must(p.Push(testApp, "a", epoch))(t).Channels[0].Notifications; got != 3 {
		t.Errorf("%d notifications, want the 3 that the log still has", got)
	}
}
