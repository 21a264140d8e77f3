package projections

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// A table finds what is in it, through splits, trims and hashes that all begin
// alike, and its figures are those of its segments.
func TestTable(t *testing.T) {
	const n = 30_000
	for name, first := range map[string]func(h uint32) uint32{
		"spread":  func(h uint32) uint32 { return h },
		"crowded": func(h uint32) uint32 { return h & 7 },
		"alike":   func(uint32) uint32 { return 1 << 31 },
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			var d table
			d.reset(0)
			hashes := make([]tokenHash, n)
			for i := range hashes {
				hashes[i] = tokenHash{first(rng.Uint32()), rng.Uint32(), rng.Uint32(), rng.Uint32()}
				if got := d.set(hashes[i], uint32(i+1)); got != uint32(i+1) {
					t.Fatalf("device %d was given ordinal %d", i, got-1)
				}
				if got := d.set(hashes[i], 7); got != uint32(i+1) {
					t.Fatalf("device %d has ordinal %d when it comes again", i, got-1)
				}
			}
			check := func(from int) {
				t.Helper()
				entries, partial, size := uint32(0), 0, 8*len(d.parts)
				seen := map[*segment]bool{}
				for _, s := range d.parts {
					if seen[s] {
						continue
					}
					seen[s] = true
					entries += s.n
					size += segmentBytes + slotBytes*len(s.slots)
					if !s.complete {
						partial++
					}
				}
				if entries != d.entries || partial != d.partial || size != d.size {
					t.Errorf("the table says %d entries, %d partial, %d bytes; it has %d, %d, %d", d.entries, d.partial, d.size, entries, partial, size)
				}
				for i, h := range hashes {
					want := uint32(0)
					if i >= from {
						want = uint32(i + 1)
					}
					if got := d.segment(h).find(h); got != want {
						t.Fatalf("device %d: found %d, want %d", i, got, want)
					}
				}
			}
			check(0)
			for _, s := range d.parts {
				d.trim(s, n-100)
			}
			check(n - 100)
			for i, h := range hashes {
				d.set(h, uint32(i+1))
			}
			check(0)
			if d.partial == 0 {
				t.Error("segments that were trimmed call themselves complete")
			}
		})
	}
}

// Devices beyond the budget leave memory, are found again, and ordinals come out
// the same (L3).
func TestDictionaryBudget(t *testing.T) {
	const population = max(6_000, 30_000/slower)
	f := newFixture(t)
	for round := range 3 {
		for from := 0; from < population; from += 1000 {
			f.fact(events.PushSent, fmt.Sprintf("p%d", round), "fcm", tokens((from*7+round*500)%population, 1000)...)
		}
	}
	f.fact(events.ClickClicked, "p0", "fcm", tokens(population/2, 1000)...)
	want := must(f.folded().Digest())(t)
	for _, budget := range []int{1, 100 << 10, 400 << 10, 64 << 20} {
		c := f.config(vfs.NewMem())
		c.Dictionaries = budget
		p := f.open(c)
		for i, m := range f.messages() {
			if err := p.Apply(m); err != nil {
				t.Fatal(err)
			}
			if i%10 == 0 {
				if err := p.Checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
			if i == 60 {
				closeNow(t, p)
				p = f.open(c)
			}
		}
		f.fits(p)
		compare(t, p, f.model(0))
		if got := must(p.Digest())(t); got != want {
			t.Errorf("budget %d: the content differs", budget)
		}
		closeNow(t, p)
	}
}

// fits checks that the memory of the dictionaries is what they say and that, once
// everything is in the store, they are within the budget.
func (f *fixture) fits(p *Projection) {
	f.t.Helper()
	if err := p.Checkpoint(); err != nil {
		f.t.Fatal(err)
	}
	for range 2000 {
		for _, a := range p.apps {
			for _, d := range a.dicts {
				p.devices.use(d)
			}
		}
	}
	size, least := 0, 0
	for _, a := range p.apps {
		for _, d := range a.dicts {
			size += d.table.size
			least += len(d.table.parts) * (segmentBytes + 8)
		}
	}
	if size != p.devices.size {
		f.t.Fatalf("dictionaries take %d bytes, they say %d", size, p.devices.size)
	}
	if limit := max(p.c.Dictionaries, least); size > limit {
		f.t.Fatalf("dictionaries take %d bytes, the limit is %d", size, limit)
	}
}

// A start reads no dictionary, a question about a device brings none into memory,
// and the fold brings in what it touches and sends out what is idle.
func TestDictionaryOfIdleApp(t *testing.T) {
	f := newFixture(t)
	for _, app := range []string{"a", "b", "c"} {
		for from := 0; from < 5000; from += 1000 {
			f.putApp(app, events.PushSent, "p", &events.Fact{Channel: "fcm", Devices: tokens(from, 1000)})
		}
	}
	c := f.config(vfs.NewMem())
	p := f.open(c)
	f.catchUp(p)
	closeNow(t, p)
	c.Dictionaries = 5000 * deviceBytes * 3 / 2 // one and a half of them
	p = f.open(c)
	defer func() { closeNow(t, p) }()
	inside := func(want ...string) {
		t.Helper()
		var got []string
		for _, name := range p.Apps() {
			if p.apps[name].dicts[0].place != nil {
				got = append(got, name)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("in memory are the dictionaries of %q, want %q", got, want)
		}
	}
	inside()
	for i := range 100 {
		if list, err := p.DeviceNotifications("a", "fcm", token(i*50), true); err != nil || len(list) != 1 {
			t.Fatal(len(list), err)
		}
	}
	inside()
	p.devices.idle = 3
	for _, app := range []string{"a", "b", "c"} {
		for i := range 10 {
			f.putApp(app, events.PushSent, "q", &events.Fact{Channel: "fcm", Devices: tokens(500*i, 500)})
		}
		f.catchUp(p)
		if d := p.apps[app].dicts[0]; d.table.partial != 0 {
			t.Errorf("%s: %d segments are not in memory, though there is room", app, d.table.partial)
		}
		inside(app)
	}
	// New devices go on where the page on the disk ends.
	f.putApp("a", events.PushSent, "q", &events.Fact{Channel: "fcm", Devices: []string{"new"}})
	f.catchUp(p)
	compare(t, p, f.model(0))
}

// A segment that has grown while it was not in memory becomes several as it is read, and
// all of them are complete.
func TestSegmentSplitsAsItIsRead(t *testing.T) {
	f := newFixture(t)
	c := f.config(vfs.NewMem())
	c.Dictionaries = 1
	p := f.open(c)
	closeAfter(t, p)
	for from := 0; from < 3*segmentRoom; from += 1000 {
		f.fact(events.PushSent, "p", "fcm", tokens(from, 1000)...)
		f.catchUp(p)
		if err := p.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	d := p.apps[testApp].dicts[0]
	if n := len(d.table.parts); n != 1 {
		t.Fatalf("%d segments before, want the one that never had many devices in memory", n)
	}
	p.devices.budget = 1 << 30
	f.fact(events.ClickClicked, "p", "fcm", token(0))
	f.catchUp(p)
	if len(d.table.parts) < 3 || d.table.partial != 0 || d.table.entries != d.n {
		t.Errorf("%d segments with %d of %d devices, %d of them partial", len(d.table.parts), d.table.entries, d.n, d.table.partial)
	}
}

// New devices make a checkpoint due before they fill the memory (L11).
func TestNewDevicesMakeACheckpointDue(t *testing.T) {
	f := newFixture(t)
	c := f.config(vfs.NewMem())
	c.Dictionaries = 1
	p := f.open(c)
	closeAfter(t, p)
	for from := 0; p.devices.due() == 0; from += 1000 {
		if from > 2*minUnwritten/unwrittenDevice {
			t.Fatal("no checkpoint is due")
		}
		f.fact(events.PushSent, "p", "fcm", tokens(from, 1000)...)
		f.catchUp(p)
	}
	<-p.due
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if n := p.devices.due(); n != 0 {
		t.Errorf("%d checkpoints are due after one", n)
	}
}

func TestOpenRefusesNegativeDictionaries(t *testing.T) {
	f := newFixture(t)
	c := f.config(vfs.NewMem())
	c.Dictionaries = -1
	if _, err := Open(t.Context(), c); err == nil {
		t.Error("a negative budget was taken")
	}
}

// BenchmarkDictionary looks a message's 500 devices up in a dictionary of a
// million: all in memory, none of it with every segment read at first touch, and
// none of it with every device looked up in the store.
func BenchmarkDictionary(b *testing.B) {
	_, p := million(b)
	if err := errors.Join(p.store.db.Flush(), p.store.db.Compact(b.Context(), []byte{0}, []byte{0xff}, true)); err != nil {
		b.Fatal(err)
	}
	d := p.apps[testApp].dicts[0]
	rng := rand.New(rand.NewPCG(1, 1))
	list := make([]string, 500)
	for name, cold := range map[string]int{"memory": 0, "store": 1, "unknown": 2} {
		b.Run(name, func(b *testing.B) {
			p.devices.budget = []int{1 << 30, 1, 1}[cold]
			for b.Loop() {
				b.StopTimer()
				for i := range list {
					list[i] = token(rng.IntN(1_000_000) + cold/2*1_000_000)
				}
				p.devices.hash(list)
				if cold > 0 {
					for _, s := range d.table.parts {
						d.table.trim(s, d.stored)
					}
				}
				b.StartTimer()
				if _, err := p.devices.locate(d); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/device")
		})
	}
	b.Run("segments", func(b *testing.B) {
		p.devices.budget = 1 << 30
		for b.Loop() {
			b.StopTimer()
			runtime.GC()
			p.devices.leave(d)
			p.devices.use(d)
			b.StartTimer()
			for i := range d.table.parts {
				h := tokenHash{uint32(i) << (32 - d.table.depth)}
				if g := d.table.segment(h); !g.complete {
					if err := p.devices.load(d, g, h); err != nil {
						b.Fatal(err)
					}
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e6, "ns/device")
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(d.table.parts)), "µs/segment")
		b.ReportMetric(float64(d.table.size)/1e6, "B/device")
	})
}

// BenchmarkFoldNew folds a push to two million devices that are all new.
func BenchmarkFoldNew(b *testing.B) {
	f := newFixture(b)
	for from := 0; from < 2_000_000; from += 1000 {
		f.fact(events.PushSent, "big", "fcm", tokens(from, 1000)...)
	}
	foldAll(b, f.log, 2_000_000)
}
