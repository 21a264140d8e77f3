package callback

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums"
)

// dispatch carries out recalls on some channels; "bad" devices are refused.
func (w *world) dispatch(names ...string) {
	planner := dispatch.NewPlanner(dispatch.PlannerConfig{Log: w.Part.Log, Projection: w.Part.Local, Clock: time.Now, Gather: time.Millisecond})
	w.background(planner.Run)
	for _, channel := range names {
		var emitter channels.Emitter = scripted.New(scripted.Config{Channel: channel, Behave: func(device string) scripted.Behaviour {
			if device == "bad" {
				return scripted.Behaviour{Refuse: "bad-request:80100003"}
			}
			return scripted.Behaviour{}
		}})
		if channel == "sms" {
			emitter = nil
		}
		w.background(dispatch.NewWorker(dispatch.WorkerConfig{
			Log: w.Part.Log, Queue: w.queue(), Projection: w.Part.Local, Committer: w.Part.Committer, Clock: time.Now, NewID: facadetest.NewID, Channel: channel, Emitter: emitter,
		}).Run)
	}
}

// collect waits for n items, in as many batches as they come.
func (s *service) collect(n int) []map[string]any {
	s.w.T.Helper()
	var all []map[string]any
	for len(all) < n {
		s.w.ring(Gather)
		all = append(all, s.next()...)
	}
	return all
}

// short writes items as "device type code".
func short(items []map[string]any) []string {
	var list []string
	for _, i := range items {
		line := fmt.Sprint(i["sender_id"], " ", i["type"])
		if f, ok := i["error"].(map[string]any); ok {
			line += fmt.Sprintf(" %.0f", f["code"])
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

// TestRetract: a retract through the facade, carried out by the ledger's own
// planner and workers.
func TestRetract(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	w.dispatch("email", "sms", "apns")
	w.call(a)
	push := w.send(a, "/v1/sent", message)
	for channel, devices := range map[string][]string{"email": {"good", "bad", "clicks"}, "sms": {"no adapter"}, "apns": {"no way"}} {
		w.put("shop", push, events.PushSent, &events.Fact{Channel: channel, Devices: devices})
	}
	w.put("shop", push, events.ClickClicked, &events.Fact{Channel: "email", Devices: []string{"clicks"}})
	want := []string{"bad 2", "clicks 2", "clicks 6", "good 2", "no adapter 2", "no way 2"}
	if diff := cmp.Diff(want, short(s.collect(6))); diff != "" {
		t.Errorf("before the retract (-want +got):\n%s", diff)
	}
	req := httptest.NewRequestWithContext(w.ctx, http.MethodPost, "/v1/retract/"+push, nil)
	req.SetBasicAuth(a.Key.ID, a.Key.Secret)
	rec := httptest.NewRecorder()
	if ums.New(ums.Config{Desk: w.Desk}).ServeHTTP(rec, req); rec.Code != http.StatusOK {
		t.Fatalf("retract: %d %s", rec.Code, rec.Body)
	}
	want = []string{"bad 8 80100003", "good 7", "no adapter 8 5000", "no way 8 5000"}
	if diff := cmp.Diff(want, short(s.collect(4))); diff != "" {
		t.Errorf("after the retract (-want +got):\n%s", diff)
	}
}
