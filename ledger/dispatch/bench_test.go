package dispatch_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// BenchmarkPlan measures how long it takes from an accepted recall of a push
// with a million holders to the last command on the log.
func BenchmarkPlan(b *testing.B) {
	const holders, packed = 1_000_000, 500
	for b.Loop() {
		b.StopTimer()
		s, err := embedded.Start(embedded.Config{Dir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		nc, err := s.Connect("bench")
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		l, err := jetstream.Open(ctx, jetstream.Config{Conn: nc})
		if err != nil {
			b.Fatal(err)
		}
		p, err := projections.Open(ctx, projections.Config{Dir: b.TempDir(), Log: l})
		if err != nil {
			b.Fatal(err)
		}
		var run sync.WaitGroup
		run.Go(func() { _ = p.Run(ctx) })
		appendBench(b, l, events.PushCreated, &events.Created{Slot: "s", Audience: events.Audience{Kind: events.AudienceAll}})
		for i := 0; i < holders; i += packed {
			devices := make([]string, packed)
			for j := range devices {
				devices[j] = fmt.Sprintf("device-%016d", i+j)
			}
			appendBench(b, l, events.DisplayShown, &events.Fact{Channel: []string{"apns", "fcm"}[i/packed%2], Devices: devices})
		}
		end := appendBench(b, l, events.DisplayShown, &events.Fact{Channel: "apns", Devices: []string{"last"}})
		if err := p.Wait(ctx, end); err != nil {
			b.Fatal(err)
		}
		run.Go(func() {
			_ = dispatch.NewPlanner(dispatch.PlannerConfig{Log: l, Projection: p, Clock: time.Now}).Run(ctx)
		})
		b.StartTimer()
		appendBench(b, l, events.RecallRequested, &events.Requested{Recall: "r1", Action: "recall", Deadline: time.Now().Add(time.Hour)})
		for {
			moved := p.Moved()
			r, err := p.Recall("shop", "r1")
			if err != nil {
				b.Fatal(err)
			}
			if r != nil && r.Total.Waiting == 0 {
				break
			}
			<-moved
		}
		b.StopTimer()
		cancel()
		run.Wait()
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
		nc.Close()
		s.Stop()
		b.StartTimer()
	}
}

func appendBench(b *testing.B, l events.Log, k events.Kind, data events.Data) events.Seq {
	b.Helper()
	e := &events.Event{Header: events.Header{Kind: k, App: "shop", Push: "p1", Time: time.Now()}, Data: data}
	body, err := events.Encode(e)
	if err != nil {
		b.Fatal(err)
	}
	pos, err := l.Append(context.Background(), []events.Record{{Subject: events.Subject(0, "shop", k, "p1", ""), Data: body}})
	if err != nil {
		b.Fatal(err)
	}
	return pos.Seq
}
