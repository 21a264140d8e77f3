package decision_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// BenchmarkPreview asks what a recall would do, of pushes of different sizes: the
// size must not matter.
func BenchmarkPreview(b *testing.B) {
	for _, holders := range []int{1000, 500_000} {
		b.Run(fmt.Sprintf("holders=%d", holders), func(b *testing.B) {
			log := memlog.New(memlog.Config{Now: time.Now})
			put := func(k events.Kind, data events.Data) {
				body, err := events.Encode(&events.Event{Header: events.Header{Kind: k, App: app, Push: "p", Time: time.Now()}, Data: data})
				if err == nil {
					_, err = log.Append(b.Context(), []events.Record{{Subject: events.Subject(0, app, k, "p", ""), Data: body}})
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			put(events.PushCreated, &events.Created{Slot: "42", Audience: events.Audience{Kind: events.AudienceAll}})
			for i := 0; i < holders; i += 500 {
				devices := make([]string, 500)
				for j := range devices {
					devices[j] = fmt.Sprintf("%032x", i+j)
				}
				put(events.DisplayShown, &events.Fact{Channel: []string{"apns", "fcm"}[i/500%2], Devices: devices})
			}
			p, err := projections.Open(b.Context(), projections.Config{Dir: b.TempDir(), Log: log})
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			var run sync.WaitGroup
			run.Go(func() { _ = p.Run(ctx) })
			defer func() {
				cancel()
				run.Wait()
				if err := p.Close(); err != nil {
					b.Error(err)
				}
			}()
			end, err := log.End(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if err := p.Wait(ctx, end.Seq); err != nil {
				b.Fatal(err)
			}
			d := decision.New(decision.Config{
				Log: log, Views: p, Committer: events.NewCommitter(events.CommitterConfig{Log: log}),
				Clock: time.Now, NewID: func() string { return "r" },
			})
			request := ledger.Request{App: app, Push: "p", Action: channels.Recall}
			b.ReportAllocs()
			for b.Loop() {
				v, err := d.Preview(b.Context(), request)
				if err != nil || int(v.Total.Certain) != holders {
					b.Fatal(v, err)
				}
			}
		})
	}
}
