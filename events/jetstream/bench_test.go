package jetstream_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// The benchmarks print the ceiling, raw durable atomic batches of JetStream,
// beside the committer for the same bytes. They assert nothing.

// benchLog opens a log on a server of its own.
func benchLog(b *testing.B) (*nats.Conn, *jetstream.Log) {
	b.Helper()
	s, err := embedded.Start(embedded.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.Stop)
	nc, err := s.Connect("bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	l, err := jetstream.Open(context.Background(), jetstream.Config{Conn: nc})
	if err != nil {
		b.Fatal(err)
	}
	return nc, l
}

// benchRecords are facts of perEvent devices each.
func benchRecords(b *testing.B, n, perEvent int) []events.Record {
	b.Helper()
	records := make([]events.Record, n)
	for i := range records {
		devices := make([]string, perEvent)
		for j := range devices {
			devices[j] = fmt.Sprintf("device-%016d", i*perEvent+j)
		}
		e := &events.Event{
			Header: events.Header{Kind: events.DisplayShown, App: "shop", Push: fmt.Sprintf("p%d", i), Time: time.Unix(1_800_000_000, 0)},
			Data:   &events.Fact{Channel: "apns", Devices: devices},
		}
		body, err := events.Encode(e)
		if err != nil {
			b.Fatal(err)
		}
		records[i] = events.Record{Subject: events.Subject(0, "shop", e.Kind, e.Push, ""), Data: body}
	}
	return records
}

func BenchmarkAppend(b *testing.B) {
	for _, shape := range []struct {
		name            string
		records, packed int
	}{{"single", 1000, 1}, {"packed500", 100, 500}} {
		records := benchRecords(b, shape.records, shape.packed)
		facts := float64(shape.records * shape.packed)
		b.Run(shape.name+"/raw", func(b *testing.B) {
			nc, _ := benchLog(b)
			api, err := js.New(nc)
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				msgs := make([]*nats.Msg, len(records))
				for i, r := range records {
					msgs[i] = &nats.Msg{Subject: r.Subject, Data: r.Data, Header: nats.Header{}}
				}
				if _, err := jetstreamext.PublishMsgBatch(context.Background(), api, msgs, jetstreamext.BatchFlowControl{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(facts*float64(b.N)/b.Elapsed().Seconds(), "facts/s")
		})
		b.Run(shape.name+"/committer", func(b *testing.B) {
			_, l := benchLog(b)
			c := events.NewCommitter(events.CommitterConfig{Log: l})
			ctx, cancel := context.WithCancel(context.Background())
			var run sync.WaitGroup
			run.Go(func() { _ = c.Run(ctx) })
			defer run.Wait()
			defer cancel()
			for b.Loop() {
				if _, err := c.Commit(ctx, records); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(facts*float64(b.N)/b.Elapsed().Seconds(), "facts/s")
		})
	}
	b.Run("lone/committer", func(b *testing.B) {
		_, l := benchLog(b)
		c := events.NewCommitter(events.CommitterConfig{Log: l})
		ctx, cancel := context.WithCancel(context.Background())
		var run sync.WaitGroup
		run.Go(func() { _ = c.Run(ctx) })
		defer run.Wait()
		defer cancel()
		record := benchRecords(b, 1, 1)
		for b.Loop() {
			if _, err := c.Commit(ctx, record); err != nil {
				b.Fatal(err)
			}
		}
	})
}
