package projections

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
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
	u := p.pushes[pushID{1, "big"}]
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
		p.store.rows.delete(recallKey(1, "r"))
		p.meta.Applied--
		b.StartTimer()
	}
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
