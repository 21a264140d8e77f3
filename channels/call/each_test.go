package call

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

func command(n int) channels.Command {
	c := channels.Command{}
	for i := range n {
		c.Devices = append(c.Devices, fmt.Sprintf("device-%d", i))
	}
	return c
}

// TestEachKeepsTheOrder: whichever call ends first.
func TestEachKeepsTheOrder(t *testing.T) {
	c := command(50)
	r := Each(t.Context(), c, 8, func(_ context.Context, device string) Result {
		return Result{Verdict: channels.Refused, Reason: "of " + device}
	})
	if len(r.Results) != len(c.Devices) {
		t.Fatalf("%d results", len(r.Results))
	}
	for i, x := range r.Results {
		if want := (channels.Result{Device: c.Devices[i], Verdict: channels.Refused, Reason: "of " + c.Devices[i]}); x != want {
			t.Errorf("result %d is %+v", i, x)
		}
	}
}

// TestEachIsBounded: as many calls are under way as are allowed, and no more. The
// first calls wait for each other, so that fewer would never end.
func TestEachIsBounded(t *testing.T) {
	for _, parallel := range []int{-1, 0, 1, 3} {
		allowed := int64(max(1, parallel))
		var within, most, begun atomic.Int64
		full := make(chan struct{})
		var once sync.Once
		r := Each(t.Context(), command(12), parallel, func(context.Context, string) Result {
			n := within.Add(1)
			defer within.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			if begun.Add(1) == allowed {
				once.Do(func() { close(full) })
			}
			<-full
			return Result{Verdict: channels.Accepted}
		})
		if most.Load() != allowed || begun.Load() != int64(len(r.Results)) {
			t.Errorf("parallel %d: %d at once, %d in all", parallel, most.Load(), begun.Load())
		}
	}
}

func TestEachWaitsTheLongest(t *testing.T) {
	waits := map[string]time.Duration{"device-1": 3 * time.Second, "device-2": 9 * time.Second, "device-3": time.Second}
	r := Each(t.Context(), command(5), 2, func(_ context.Context, device string) Result {
		return Result{Verdict: channels.Throttled, Reason: channels.ReasonThrottled, RetryAfter: waits[device]}
	})
	if r.RetryAfter != 9*time.Second {
		t.Errorf("retry after %s", r.RetryAfter)
	}
}

func TestEachWithoutDevices(t *testing.T) {
	r := Each(t.Context(), command(0), 2, func(context.Context, string) Result {
		t.Error("a call was made")
		return Result{}
	})
	if len(r.Results) != 0 || r.RetryAfter != 0 {
		t.Errorf("%+v", r)
	}
}

func TestEachAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := Each(ctx, command(3), 2, func(context.Context, string) Result {
		t.Error("a call was made")
		return Result{}
	})
	for _, x := range r.Results {
		if x.Verdict != channels.Throttled || x.Reason != channels.ReasonUnreachable {
			t.Errorf("%+v", x)
		}
	}
}

// TestEachEndsInTheMiddle: who was called keeps the result, and who was not may be
// tried again. The next in line may be called as the context ends.
func TestEachEndsInTheMiddle(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var calls atomic.Int64
	r := Each(ctx, command(6), 1, func(ctx context.Context, device string) Result {
		calls.Add(1)
		if device == "device-1" {
			cancel()
		}
		if device != "device-0" && device != "device-1" && ctx.Err() == nil {
			t.Errorf("%s was called with a context that goes on", device)
		}
		return Result{Verdict: channels.Accepted}
	})
	if n := calls.Load(); n < 2 || n > 3 {
		t.Errorf("%d calls", n)
	}
	for i, x := range r.Results {
		want := channels.Throttled
		if int64(i) < calls.Load() {
			want = channels.Accepted
		}
		if x.Verdict != want || x.Device == "" {
			t.Errorf("result %d: %+v, want %s", i, x, want)
		}
	}
}

// TestSendsTakeTheWorst: whatever the order of the sends, a verdict goes before all
// that leave less to do.
func TestSendsTakeTheWorst(t *testing.T) {
	order := []channels.Verdict{
		channels.Unknown, channels.Throttled, channels.Refused, channels.Unsupported, channels.Accepted,
	}
	for i, worse := range order {
		for _, better := range order[i:] {
			for _, sends := range [][]string{{"worse", "better"}, {"better", "worse"}} {
				c := command(2)
				c.Sends = sends
				r := Sends(t.Context(), c, 2, func(_ context.Context, send string) Result {
					if send == "worse" {
						return Result{Verdict: worse, Reason: "a", RetryAfter: time.Second}
					}
					return Result{Verdict: better, Reason: "b", RetryAfter: time.Minute}
				})
				for j, x := range r.Results {
					if x != (channels.Result{Device: c.Devices[j], Verdict: worse, Reason: "a"}) {
						t.Errorf("%s and %s: %+v", worse, better, x)
					}
				}
				if len(r.Results) != 2 || r.RetryAfter != time.Minute {
					t.Errorf("%d results, retry after %s", len(r.Results), r.RetryAfter)
				}
			}
		}
	}
}

func TestNoSends(t *testing.T) {
	r := Sends(t.Context(), command(1), 2, func(context.Context, string) Result {
		t.Error("a call was made")
		return Result{}
	})
	if x := r.Results[0]; x.Verdict != channels.Refused || x.Reason != channels.ReasonNoSend {
		t.Errorf("%+v", x)
	}
}
