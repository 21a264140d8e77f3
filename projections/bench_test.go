package projections

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

const (
	benchPopulation = 200_000
	benchPacked     = 500
)

// token is a device token as long as many vendors' ones.
func token(i int) string { return fmt.Sprintf("%016x%016x", uint64(i)*0x9e3779b97f4a7c15, i) }

func tokens(from, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = token(from + i)
	}
	return list
}

// onDisk opens a projection on the real file system.
func onDisk(b *testing.B, l *memlog.Log) *Projection {
	b.Helper()
	p, err := Open(b.Context(), Config{Dir: b.TempDir(), Log: l})
	if err != nil {
		b.Fatal(err)
	}
	closeAfter(b, p)
	return p
}

// foldAll folds messages as Run does, with checkpoints beside the fold, and
// reports facts per second. The last checkpoint is included.
func foldAll(b *testing.B, l *memlog.Log, facts int) {
	b.ReportAllocs()
	messages := l.Messages()
	for b.Loop() {
		b.StopTimer()
		p := onDisk(b, l)
		b.StartTimer()
		done := make(chan struct{})
		failed := make(chan error, 1)
		go func() {
			for {
				select {
				case <-done:
					failed <- nil
					return
				case <-p.due:
					if err := p.Checkpoint(); err != nil {
						failed <- err
						return
					}
				}
			}
		}()
		for i := range messages {
			if err := p.Apply(messages[i]); err != nil {
				b.Fatal(err)
			}
		}
		close(done)
		if err := <-failed; err != nil {
			b.Fatal(err)
		}
		if err := p.Checkpoint(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(facts)*float64(b.N)/b.Elapsed().Seconds(), "facts/s")
}

// BenchmarkFold folds packed facts: ten pushes to 200,000 devices, each sent,
// delivered and shown, a tenth clicked, decode included.
func BenchmarkFold(b *testing.B) {
	f := newFixture(b)
	facts := 0
	for push := range 10 {
		id := fmt.Sprintf("push-%d", push)
		for _, k := range []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown, events.ClickClicked} {
			for from := 0; from < benchPopulation; from += benchPacked {
				if k == events.ClickClicked && from/benchPacked%10 != push {
					continue
				}
				f.now = f.now.Add(time.Millisecond)
				f.fact(k, id, "fcm", tokens((from+push*7919)%benchPopulation, benchPacked)...)
				facts += benchPacked
			}
		}
	}
	foldAll(b, f.log, facts)
}

// BenchmarkFoldSingle folds pushes to one device each: sent, delivered, shown.
func BenchmarkFoldSingle(b *testing.B) {
	f := newFixture(b)
	rng := rand.New(rand.NewPCG(1, 1))
	const pushes = 100_000
	for i := range pushes {
		id, device := fmt.Sprintf("message-%d", i), token(rng.IntN(benchPopulation))
		f.now = f.now.Add(time.Millisecond)
		for _, k := range []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown} {
			f.fact(k, id, "fcm", device)
		}
	}
	foldAll(b, f.log, 3*pushes)
}

// million is a projection with one push at a million devices.
func million(b *testing.B) (*fixture, *Projection) {
	f := newFixture(b)
	for from := 0; from < 1_000_000; from += 1000 {
		f.fact(events.PushSent, "big", "fcm", tokens(from, 1000)...)
	}
	p := onDisk(b, f.log)
	f.catchUp(p)
	if err := p.Checkpoint(); err != nil {
		b.Fatal(err)
	}
	return f, p
}

// BenchmarkHolders streams the holders of a push.
func BenchmarkHolders(b *testing.B) {
	_, p := million(b)
	b.ReportAllocs()
	devices := 0
	for b.Loop() {
		if _, err := p.EachHolder(b.Context(), testApp, "big", Holders{}, func(Device) error {
			devices++
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(devices)/b.Elapsed().Seconds(), "devices/s")
}

// BenchmarkRecallPlan accepts a recall of a push with a million holders: the
// fold, and with it every reader, stands still for as long.
func BenchmarkRecallPlan(b *testing.B) {
	f, p := million(b)
	u := inMemory(p, "big")
	f.recall("big", "r", "recall", events.Scope{})
	messages := f.log.Messages()
	last := messages[len(messages)-1]
	for b.Loop() {
		if err := p.Apply(last); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if n := u.recalls[0].channels[0].planned; n != 1_000_000 {
			b.Fatalf("planned %d", n)
		}
		// Taken back, for the next round.
		u.recalls, u.state.Recalls = nil, nil
		p.store.rows.delete(recallKey(u.period.no, 1, "r"))
		p.meta.Applied--
		b.StartTimer()
	}
}

// BenchmarkFoldSingleWeeks is BenchmarkFoldSingle where the store has six weeks of
// other pushes: each of them is asked for a push that is new.
func BenchmarkFoldSingleWeeks(b *testing.B) {
	const weeks, old, pushes = 6, 50_000, 50_000
	f := newFixture(b)
	f.now = monday
	for i := range weeks * old {
		f.now = f.now.Add(week / old)
		f.fact(events.PushSent, fmt.Sprintf("old-%d", i), "fcm", token(i%benchPopulation))
	}
	before := len(f.log.Messages())
	for i := range pushes {
		for _, k := range []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown} {
			f.fact(k, fmt.Sprintf("message-%d", i), "fcm", token(i*7%benchPopulation))
		}
	}
	messages := f.log.Messages()
	for b.Loop() {
		b.StopTimer()
		p := onDisk(b, f.log)
		p.c.Memory = 1 // what is old is in the store only
		for i, m := range messages {
			if i == before {
				if err := errors.Join(p.Checkpoint(), p.store.db.Flush()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			if err := p.Apply(m); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(3*pushes*float64(b.N)/b.Elapsed().Seconds(), "facts/s")
}

// BenchmarkFilter looks for pushes that are not there among four million.
func BenchmarkFilter(b *testing.B) {
	f := new(filter)
	for i := range maxFiltered {
		f.add(pushHash(1, strconv.Itoa(i)))
	}
	b.ReportAllocs()
	found := 0
	for i := 0; b.Loop(); i++ {
		if f.has(pushHash(1, strconv.Itoa(-1-i))) {
			found++
		}
	}
	bytes := 0
	for _, part := range f.parts {
		bytes += 64 * len(part.lines)
	}
	b.ReportMetric(100*float64(found)/float64(b.N), "%wrong")
	b.ReportMetric(float64(bytes)/maxFiltered, "B/push")
}

// BenchmarkOpen opens a store with 100,000 small pushes.
func BenchmarkOpen(b *testing.B) {
	f := newFixture(b)
	for i := range 100_000 {
		f.fact(events.PushSent, fmt.Sprintf("message-%d", i), "fcm", token(i%10_000))
	}
	c := Config{Dir: b.TempDir(), Log: f.log}
	p := f.open(c)
	f.catchUp(p)
	closeNow(b, p)
	for b.Loop() {
		closeNow(b, f.open(c))
	}
}

// BenchmarkExpire folds the event that ends the time of a push with a million
// notifications and of 100,000 small ones, in memory and in the store.
func BenchmarkExpire(b *testing.B) {
	f := newFixture(b)
	f.now = monday
	for from := 0; from < 1_000_000; from += 1000 {
		f.fact(events.PushSent, "big", "fcm", tokens(from, 1000)...)
	}
	for i := range 100_000 {
		f.fact(events.PushSent, fmt.Sprintf("p%06d", i), "fcm", token(i))
	}
	f.now = monday.Add(2 * week)
	f.raw(events.Subject(0, testApp, events.PushSent, "bad", ""), []byte("bad")) // makes no push
	messages := f.log.Messages()
	var disk, left int64
	var writing time.Duration
	for b.Loop() {
		b.StopTimer()
		p := onDisk(b, f.log)
		p.c.Keep = week
		f.foldTo(p, events.Seq(len(messages)-1))
		if err := errors.Join(p.Checkpoint(), p.store.db.Flush()); err != nil {
			b.Fatal(err)
		}
		disk = p.store.db.Metrics().Total().TablesSize
		b.StartTimer()
		if err := p.Apply(messages[len(messages)-1]); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if s := p.Stats(); s.Pushes != 0 || s.Notifications != 0 {
			b.Fatalf("%d pushes are left", s.Pushes)
		}
		start := time.Now()
		if err := p.Checkpoint(); err != nil {
			b.Fatal(err)
		}
		writing += time.Since(start)
		if err := errors.Join(p.store.db.Flush(), p.store.db.Compact(b.Context(), []byte{0}, []byte{0xff}, true)); err != nil {
			b.Fatal(err)
		}
		left = p.store.db.Metrics().Total().TablesSize
		b.StartTimer()
	}
	b.ReportMetric(float64(writing.Microseconds())/float64(b.N), "checkpoint-µs")
	b.ReportMetric(float64(disk), "tables-B")
	b.ReportMetric(float64(left), "left-B")
}

// BenchmarkPebblePut is the ceiling of a store with a row for every fact: raw
// puts of 33 bytes with the same options, 10,000 to a batch.
func BenchmarkPebblePut(b *testing.B) {
	c := Config{Dir: b.TempDir()}
	c.setDefaults()
	s, err := openStore(c.Dir, c.FS, c.Cache, c.Logger)
	if err != nil {
		b.Fatal(err)
	}
	defer s.db.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	key, value := make([]byte, 29), make([]byte, 4)
	rows := 0
	for b.Loop() {
		batch := s.db.NewBatch()
		for range 10_000 {
			binary.BigEndian.PutUint32(key[1:], uint32(rows/1_000_000))
			binary.BigEndian.PutUint64(key[5:], rng.Uint64())
			binary.BigEndian.PutUint64(key[13:], uint64(rows))
			if err := batch.Set(key, value, nil); err != nil {
				b.Fatal(err)
			}
			rows++
		}
		if err := batch.Commit(pebble.Sync); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "facts/s")
}

// BenchmarkHoldings asks what one device holds while 80,000 rows of others are not
// written to the store yet.
func BenchmarkHoldings(b *testing.B) {
	f := newFixture(b)
	for i := range 40_000 {
		f.fact(events.PushSent, fmt.Sprintf("p%05d", i), "fcm", fmt.Sprintf("d%05d", i))
	}
	c := f.config(vfs.NewMem())
	c.CheckpointPushes = 1 << 20
	p := f.open(c)
	f.catchUp(p)
	for i := 0; b.Loop(); i++ {
		list, err := p.DeviceNotifications(testApp, "fcm", fmt.Sprintf("d%05d", i%40_000), true)
		if err != nil || len(list) != 1 {
			b.Fatal(len(list), err)
		}
	}
}
