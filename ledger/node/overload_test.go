package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// flood publishes packed facts without a pause until it is stopped. What is
// refused is offered again: making another would cost more than the node has left.
type flood struct {
	client *api.Client
	// next is the next notification; accepted counts those of events that were
	// taken, refused the requests that were not.
	next, accepted, refused atomic.Int64
	errs                    chan error
}

const (
	floodEvents     = 20
	floodDevices    = 500
	floodPopulation = 200_000
)

// body is one request: events of notifications that no other request names. Each
// push goes to the whole population.
func (f *flood) body() string {
	var b strings.Builder
	for range floodEvents {
		first := f.next.Add(floodDevices) - floodDevices
		fmt.Fprintf(&b, `{"kind":"push.sent","push":"flood-%d","data":{"channel":"fcm","devices":[`, first/floodPopulation)
		for i := range int64(floodDevices) {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `"d-%d"`, (first+i)%floodPopulation)
		}
		b.WriteString("]}}\n")
	}
	return b.String()
}

func (f *flood) run(ctx context.Context) {
	body := f.body()
	for ctx.Err() == nil {
		// What has begun is finished, so that it is known whether it was taken.
		a, err := f.client.Publish(context.WithoutCancel(ctx), api.TypeNDJSON, strings.NewReader(body))
		var p *api.Problem
		switch {
		case err == nil:
			f.accepted.Add(int64(a.Accepted) * floodDevices)
			body = f.body()
		case errors.As(err, &p) && (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests) && p.RetryAfter > 0:
			f.refused.Add(1)
		default:
			f.errs <- err
			return
		}
	}
}

// last publishes one more event as soon as the node takes it.
func (f *flood) last(ctx context.Context) (events.Positions, error) {
	for {
		a, err := f.client.Publish(ctx, api.TypeNDJSON, strings.NewReader(`{"kind":"display.shown","push":"last","data":{"channel":"fcm","devices":["d"]}}`))
		var p *api.Problem
		if !errors.As(err, &p) || p.RetryAfter == 0 {
			return a.Position, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return a.Position, ctx.Err()
		}
	}
}

// TestOverload: a node that is offered many times what it can take says so, loses
// nothing it took, keeps its memory, and goes on deciding recalls (L11).
func TestOverload(t *testing.T) {
	c := testConfig(t)
	_, client, _ := start(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const pushes, least, publishers = 100, 5, 64
	for i := range pushes {
		publish(t, client, fmt.Sprintf(`{"kind":"display.shown","push":"p%d","data":{"channel":"fcm","devices":["d%d"]}}`, i, i))
	}
	f := &flood{client: client, errs: make(chan error, publishers)}
	flooding, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	for range publishers {
		running.Go(func() { f.run(flooding) })
	}
	var slowest time.Duration
	// Until somebody was refused, and a few more.
	for i := 0; i < pushes && (i < least || f.refused.Load() == 0); i++ {
		began := time.Now()
		if _, err := client.Recall(ctx, api.RecallRequest{Push: fmt.Sprintf("p%d", i), Action: channels.Recall}, ""); err != nil {
			t.Errorf("recall %d while the node is flooded: %v", i, err)
		}
		slowest = max(slowest, time.Since(began))
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	stop()
	running.Wait()
	close(f.errs)
	for err := range f.errs {
		t.Errorf("a publisher got %v, want success or to come again later", err)
	}
	t.Logf("%d notifications taken, %d requests refused, slowest recall %s, heap %d MiB", f.accepted.Load(), f.refused.Load(), slowest, m.HeapInuse>>20)
	if f.refused.Load() == 0 {
		t.Error("nobody was told to come again later")
	}
	if m.HeapInuse > 2<<30 {
		t.Errorf("the heap took %d MiB", m.HeapInuse>>20)
	}
	// Everything that was taken is there, and nothing else.
	last, err := f.last(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for i := range f.next.Load()/floodPopulation + 1 {
		v, err := client.Push(ctx, fmt.Sprintf("flood-%d", i), api.ReadOptions{AtLeast: last})
		var p *api.Problem
		switch {
		case errors.As(err, &p) && p.Status == http.StatusNotFound: // all of it was refused
		case err != nil:
			t.Fatal(err)
		default:
			sum += int64(v.Channels[0].Notifications)
		}
	}
	if sum != f.accepted.Load() {
		t.Errorf("there are %d notifications, %d were taken", sum, f.accepted.Load())
	}
}
