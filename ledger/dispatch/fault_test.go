package dispatch_test

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// TestPlannerSurvivesTheLog: appends of unknown result, stored or not, and an
// overloaded log neither double nor lose a command, nor an end.
func TestPlannerSurvivesTheLog(t *testing.T) {
	for seed := range uint64(6) {
		var mu sync.Mutex
		random := rand.New(rand.NewPCG(seed, 1))
		w := memWorld(t, func([]events.Record) memlog.Fault {
			mu.Lock()
			defer mu.Unlock()
			switch random.IntN(6) {
			case 0:
				return memlog.Fault{Err: events.ErrUnknown, Stored: true}
			case 1:
				return memlog.Fault{Err: events.ErrUnknown}
			case 2:
				return memlog.Fault{Err: events.ErrOverloaded}
			}
			return memlog.Fault{}
		})
		w.plan()
		want := map[string][]string{}
		w.create("p1")
		for _, channel := range []string{"apns", "fcm", "sms", "vivo", "oppo"} {
			want[channel] = names(channel, 800)
			w.fact(events.PushSent, "p1", channel, want[channel][:700]...)
		}
		var id string
		for id == "" { // an overloaded log is the caller's to try again
			if a, err := w.decider.Recall(w.ctx, ledger.Request{App: app, Push: "p1", Action: channels.Recall}, "", render); err == nil {
				id = a.Requested.Recall
			}
		}
		for i := 700; i < 800; i += 20 {
			for channel, devices := range want {
				w.fact(events.PushSent, "p1", channel, devices[i:i+20]...)
			}
		}
		w.await("commands", func() bool { return w.view(id).Total.Waiting == 0 })
		w.once(id, want)
		w.advance(8 * ledger.Day)
		w.await("completed", func() bool { return w.view(id).State == ledger.Completed })
		if n := len(w.entries(events.RecallCompleted)); n != 1 {
			t.Errorf("seed %d: %d ends on the log, want 1", seed, n)
		}
		if v := w.view(id); !v.Settled || v.Total.Planned+v.Total.Late != 4000 || v.Total.Unsupported != 800 {
			t.Errorf("seed %d: %+v", seed, v.Total)
		}
	}
}
