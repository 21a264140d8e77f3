package projections

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// scales draws how large the pushes are: mostly small, since those are quick.
func scales(r *rapid.T) scale {
	switch n := rapid.IntRange(0, 99).Draw(r, "scale"); {
	case n < 85:
		return tens
	case n < 97:
		return hundreds
	default:
		return thousands
	}
}

// drawEither draws a history of hours, or a long one.
func drawEither(r *rapid.T, s scale) *history {
	if rapid.Bool().Draw(r, "long") {
		return drawLong(r, s)
	}
	return drawHistory(r, s, false)
}

// The projection answers every question as the model does, wherever it was
// checkpointed, evicted and reopened on the way and whatever it forgot, and its
// content is the one of an undisturbed fold (L3).
func TestProjectionIsTheModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		checkDisturbed(r, drawEither(r, scales(r)), rapid.Uint64().Draw(r, "disturbances"))
	})
}

// The large histories are rare above; here every run has some of each size.
func TestProjectionIsTheModelAtEverySize(t *testing.T) {
	for _, s := range []scale{tens, hundreds, thousands} {
		for _, draw := range []*rapid.Generator[*history]{
			rapid.Custom(func(r *rapid.T) *history { return drawHistory(r, s, false) }),
			rapid.Custom(func(r *rapid.T) *history { return drawLong(r, s) }),
		} {
			for seed := range max(1, 2/slower) {
				h := draw.Example(seed)
				h.t = t
				checkDisturbed(t, h, uint64(seed))
			}
		}
	}
}

func checkDisturbed(t tester, h *history, seed uint64) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	undisturbed := h.open(h.config(vfs.NewMem()))
	defer closeNow(t, undisturbed)
	c := h.config(vfs.NewMem())
	c.Memory = []int{1, 1 << 30}[rng.IntN(2)]
	c.Dictionaries = dictionaryBudgets[rng.IntN(len(dictionaryBudgets))]
	idle := uint64(rng.IntN(3))
	open := func() *Projection {
		p := h.open(c)
		p.devices.idle = idle
		return p
	}
	p := open()
	defer func() { closeNow(t, p) }()
	messages := h.messages()
	halfway := rng.IntN(len(messages))
	for i, m := range messages {
		for _, fold := range []*Projection{p, undisturbed} {
			if err := fold.Apply(m); err != nil {
				t.Fatal(err)
			}
		}
		switch rng.IntN(6) {
		case 0:
			if err := p.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		case 1:
			closeNow(t, p)
			p = open()
		}
		if i == halfway {
			compare(t, p, h.model(i+1))
		}
	}
	compare(t, p, h.model(0))
	if got, want := must(p.Digest())(t), must(undisturbed.Digest())(t); got != want {
		t.Fatal("the content depends on checkpoints, memory or restarts")
	}
}

func closeNow(t tester, p *Projection) {
	t.Helper()
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// Run with any limits comes to the same content as a plain fold (L3).
func TestRunAnyLimits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := drawEither(r, scales(r))
		plain := h.open(h.config(vfs.NewMem()))
		defer closeNow(r, plain)
		h.catchUp(plain)
		c := h.config(vfs.NewMem())
		c.Memory = rapid.SampledFrom([]int{1, 1 << 30}).Draw(r, "memory")
		c.Dictionaries = rapid.SampledFrom(dictionaryBudgets).Draw(r, "dictionaries")
		c.CheckpointFacts = rapid.IntRange(1, 2000).Draw(r, "facts")
		c.CheckpointPushes = rapid.IntRange(1, 3).Draw(r, "pushes")
		c.CheckpointEvery = time.Duration(rapid.IntRange(10, 10_000).Draw(r, "every")) * time.Microsecond
		c.Log = brokenLog{h.log, func(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
			return h.log.Follow(ctx, from, func(m events.Message) error { return handle(h.dated(m)) })
		}}
		end := events.Seq(len(h.log.Messages()))
		p := h.open(c)
		runTo(r, p, events.Seq(rapid.IntRange(0, int(end)).Draw(r, "stop")))
		closeNow(r, p)
		p = h.open(c)
		defer closeNow(r, p)
		runTo(r, p, end)
		if got, want := must(p.Digest())(r), must(plain.Digest())(r); got != want {
			r.Fatal("the content depends on the limits")
		}
	})
}

func runTo(r *rapid.T, p *Projection, seq events.Seq) {
	ctx, cancel := context.WithCancel(context.Background())
	done := running(ctx, p)
	if err := p.Wait(context.Background(), seq); err != nil {
		r.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		r.Fatal(err)
	}
}
