package events_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

// discard is a log that stores nothing, so that what is measured is the way to it.
type discard struct {
	*memlog.Log
	mu  sync.Mutex
	end events.Seq
}

func (d *discard) Append(_ context.Context, records []events.Record) (events.Position, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.end += events.Seq(len(records))
	return events.Position{Seq: d.end}, nil
}

// benchCommitter runs a committer on a log that stores nothing.
func benchCommitter(b *testing.B) (*discard, *events.Committer) {
	b.Helper()
	log := &discard{Log: memlog.New(memlog.Config{})}
	c := events.NewCommitter(events.CommitterConfig{Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() { _ = c.Run(ctx) })
	b.Cleanup(func() {
		cancel()
		run.Wait()
	})
	return log, c
}

// BenchmarkCommitter groups the records of many writers: what a record costs
// before the log has it.
func BenchmarkCommitter(b *testing.B) {
	for _, n := range []int{1, 250} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			_, c := benchCommitter(b)
			records := make([]events.Record, n)
			for i := range records {
				records[i] = click(0, i)
			}
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := c.Commit(context.Background(), records); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
}

// BenchmarkPublisher checks, encodes and commits one fact about many devices: what
// a device costs before the log has it.
func BenchmarkPublisher(b *testing.B) {
	for _, n := range []int{1, 500, 25_000} {
		b.Run(fmt.Sprintf("devices=%d", n), func(b *testing.B) {
			log, c := benchCommitter(b)
			p, err := events.NewPublisher(events.PublisherConfig{Log: log, Committer: c, App: "shop"})
			if err != nil {
				b.Fatal(err)
			}
			devices := make([]string, n)
			for i := range devices {
				devices[i] = fmt.Sprintf("%032x", i)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.Facts(context.Background(), events.DisplayShown, "p", "fcm", at(0), devices); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/device")
		})
	}
}

// BenchmarkEncode writes a fact of 500 devices.
func BenchmarkEncode(b *testing.B) {
	e, err := events.Decode(manyDevices(b, 500))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		data, err := events.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(data)))
	}
}
