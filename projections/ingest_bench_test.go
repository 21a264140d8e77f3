package projections

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// quantiles reports the 50th and 99th percentile and the maximum of durations, in
// microseconds.
func quantiles(b *testing.B, what string, list []time.Duration) {
	if len(list) == 0 {
		return
	}
	slices.Sort(list)
	for _, q := range []struct {
		name string
		at   int
	}{{"p50", len(list) / 2}, {"p99", len(list) * 99 / 100}, {"max", len(list) - 1}} {
		b.ReportMetric(float64(list[q.at].Nanoseconds())/1e3, what+"-"+q.name+"-µs")
	}
}

// ingest is a log of packed facts about many pushes at once, and of single ones
// between them: what makes a checkpoint large in both ways.
func ingest(b *testing.B) *fixture {
	f := newFixture(b)
	for _, k := range []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown} {
		for from := 0; from < benchPopulation; from += benchPacked {
			for push := range 5 {
				f.fact(k, fmt.Sprintf("push-%d", push), "fcm", tokens((from+push*7919)%benchPopulation, benchPacked)...)
			}
			for i := range 20 {
				f.fact(k, fmt.Sprintf("single-%d", from/benchPacked*20+i), "fcm", token(from+i))
			}
		}
	}
	return f
}

// BenchmarkLookupWhileFolding asks for the state of a notification, over and over,
// while the log is folded at full rate with checkpoints beside it.
func BenchmarkLookupWhileFolding(b *testing.B) {
	f := ingest(b)
	messages := f.log.Messages()
	var lookups, applies, checkpoints []time.Duration
	for b.Loop() {
		b.StopTimer()
		p := onDisk(b, f.log)
		p.c.CheckpointFacts = 250_000
		b.StartTimer()
		done := make(chan struct{})
		failed := make(chan error, 2)
		go func() {
			failed <- until(done, p.due, func() error {
				start := time.Now()
				defer func() { checkpoints = append(checkpoints, time.Since(start)) }()
				return p.Checkpoint()
			})
		}()
		tick := time.NewTicker(500 * time.Microsecond)
		go func() {
			i := 0
			failed <- until(done, tick.C, func() error {
				i++
				start := time.Now()
				_, err := p.Notifications(testApp, "push-1", "fcm", token(i*7919%benchPopulation))
				lookups = append(lookups, time.Since(start))
				return err
			})
		}()
		for i := range messages {
			start := time.Now()
			if err := p.Apply(messages[i]); err != nil {
				b.Fatal(err)
			}
			applies = append(applies, time.Since(start))
		}
		close(done)
		tick.Stop()
		for range 2 {
			if err := <-failed; err != nil {
				b.Fatal(err)
			}
		}
	}
	quantiles(b, "lookup", lookups)
	quantiles(b, "apply", applies)
	quantiles(b, "checkpoint", checkpoints)
	b.ReportMetric(float64(len(lookups))/float64(b.N), "lookups")
}

// until calls f for whatever comes, until done.
func until[T any](done <-chan struct{}, c <-chan T, f func() error) error {
	for {
		select {
		case <-done:
			return nil
		case <-c:
			if err := f(); err != nil {
				return err
			}
		}
	}
}
