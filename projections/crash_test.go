package projections

import (
	command "flag"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/recall-ledger/recall-ledger/events"
)

// crashes is how many power losses TestCrash makes.
var crashes = command.Int("crashes", 300, "power losses of the crash test")

// crasher folds a log through power losses.
type crasher struct {
	t   *testing.T
	h   *history
	rng *rand.Rand
	c   Config
	fs  *vfs.MemFS
	p   *Projection
	// durable is the position of the last checkpoint that returned.
	durable events.Seq
	// count counts power losses, during those within a checkpoint and lost
	// those that took something away.
	count, during, lost int
}

// A crash at any moment, whatever of the unsynced data survives it, leaves a
// position between the last checkpoint and what was applied; folding on from
// there comes to the content of an undisturbed fold (L1, L3).
func TestCrash(t *testing.T) {
	var count, during, lost int
	for seed := 0; count < *crashes; seed++ {
		s := []scale{tens, tens, tens, tens, hundreds}[seed%5]
		h := rapid.Custom(func(r *rapid.T) *history {
			if seed%2 == 1 {
				return drawLong(r, s) // pushes are forgotten before, in and after checkpoints
			}
			return drawHistory(r, s, false)
		}).Example(seed)
		h.t = t
		c := &crasher{t: t, h: h, rng: rand.New(rand.NewPCG(uint64(seed), 9)), fs: vfs.NewCrashableMem()}
		c.run()
		count, during, lost = count+c.count, during+c.during, lost+c.lost
	}
	t.Logf("%d crashes, %d of them within a checkpoint, %d lost something", count, during, lost)
	if during == 0 || lost == 0 {
		t.Error("the crashes spared what they should hit")
	}
}

func (c *crasher) run() {
	c.c = c.h.config(c.fs)
	c.c.Memory = []int{1, 1 << 30}[c.rng.IntN(2)]
	c.c.Dictionaries = dictionaryBudgets[c.rng.IntN(len(dictionaryBudgets))]
	c.p = c.h.open(c.c)
	c.p.devices.idle = 1
	messages := c.h.messages()
	// What survives may lie far back: the number of crashes bounds the loop.
	for left := len(messages)/3 + 1; c.p.Applied().Seq < events.Seq(len(messages)); {
		if err := c.p.Apply(messages[c.p.Applied().Seq]); err != nil {
			c.t.Fatal(err)
		}
		switch n := c.rng.IntN(12); {
		case n < 3:
			c.checkpoint()
		case n < 7 && left > 0:
			left--
			c.crash(n < 5)
		}
	}
	undisturbed := c.h.open(c.h.config(vfs.NewMem()))
	c.h.catchUp(undisturbed)
	if got, want := must(c.p.Digest())(c.t), must(undisturbed.Digest())(c.t); got != want {
		c.t.Fatalf("the content differs after %d crashes", c.count)
	}
	closeNow(c.t, undisturbed)
	closeNow(c.t, c.p)
}

func (c *crasher) checkpoint() {
	if err := c.p.Checkpoint(); err != nil {
		c.t.Fatal(err)
	}
	c.durable = c.p.Applied().Seq
	if c.rng.IntN(4) == 0 {
		if err := c.p.store.db.Flush(); err != nil {
			c.t.Fatal(err)
		}
	}
}

// crash cuts the power, with within at some moment of a checkpoint.
func (c *crasher) crash(within bool) {
	applied := c.p.Applied().Seq
	done := make(chan error, 1)
	if within {
		c.during++
		go func() { done <- c.p.Checkpoint() }()
		for range c.rng.IntN(40) {
			runtime.Gosched()
		}
	} else {
		done <- nil
	}
	fs := c.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: c.rng.IntN(101), RNG: c.rng})
	if err := <-done; err != nil {
		c.t.Fatal(err)
	}
	if err := c.p.store.db.Close(); err != nil {
		c.t.Fatal(err)
	}
	c.count++
	c.fs, c.c.FS = fs, fs
	c.p = c.h.open(c.c)
	c.p.devices.idle = 1
	got := c.p.Applied().Seq
	if got < c.durable || got > applied {
		c.t.Fatalf("after the crash the projection is at %d; the last checkpoint was at %d, applied was %d", got, c.durable, applied)
	}
	if got < applied {
		c.lost++
	}
	c.durable = got
}
