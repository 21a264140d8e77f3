package callback

import (
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// BenchmarkReceiver says what a receiver costs: how fast it reads past messages
// that are none of its own, and how fast it takes items. It asserts nothing.
func BenchmarkReceiver(b *testing.B) {
	const thousands = 20
	for _, tt := range []struct {
		name string
		own  bool
	}{{"passed over", false}, {"single", true}} {
		b.Run(tt.name, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				w := newWorld(b)
				s := w.listen(shopKey())
				a := Account{Key: shopKey(), URLs: []string{s.url}}
				push := w.send(a, "/v1/sent", message)
				of := "another"
				if tt.own {
					of = push
				}
				var facts []*events.Event
				for _, d := range names("d", 1000) {
					facts = append(facts, &events.Event{
						Header: events.Header{Kind: events.DeliveryDelivered, Push: of, Time: w.at},
						Data:   &events.Fact{Channel: "jpush", Devices: []string{d}},
					})
				}
				for range thousands {
					if _, err := w.Desk.Facts(w.ctx, "shop", facts...); err != nil {
						b.Fatal(err)
					}
				}
				w.delivered("shop", push, names("d", MaxItems)...)
				batches := 1
				if tt.own {
					batches += thousands * 1000 / MaxItems
				}
				b.StartTimer()
				start := time.Now()
				stop := w.call(a)
				for range batches {
					s.next()
				}
				b.ReportMetric(thousands*1000/time.Since(start).Seconds(), "messages/s")
				b.StopTimer()
				stop()
				b.StartTimer()
			}
		})
	}
}
