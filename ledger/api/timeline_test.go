package api

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestTimeline(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", created("p", `"slot":"s"`), fact("push.sent", "p", "fcm", "a", "b", "c"), fact("push.sent", "p", "sms", "d"), fact("push.sent", "other", "fcm", "x"))
	n.publish("", "", fact("display.shown", "p", "fcm", "a", "b"), fact("push.sent", "p", "fcm", "a"))
	c := n.client("", "")
	r, err := c.Recall(t.Context(), RecallRequest{Push: "p", Action: "recall", Reason: "wrong"}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Recall(t.Context(), RecallRequest{Push: "p", Action: "recall"}, ""); err == nil {
		t.Fatal("a second recall was accepted")
	}
	pos := n.command(r, "a", "b")
	n.Append("default", "p", events.OutcomeConfirmed, &events.Outcome{Recall: r.Recall, Channel: "fcm", Devices: []string{"a"}, Command: pos.Seq})
	n.publish("", "", fact("click.clicked", "p", "fcm", "b"))
	if err := c.Abort(t.Context(), r.Recall, "enough"); err != nil {
		t.Fatal(err)
	}
	a := n.do("GET", "/v1/pushes/p/timeline", "")
	var v Timeline
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil || a.Status != 200 || v.Truncated {
		t.Fatal(a.Status, a.Body, err)
	}
	if len(v.Decisions) != 3 {
		t.Fatalf("%+v", v.Decisions)
	}
	for i, want := range []Decision{
		{Kind: events.RecallRequested, Recall: r.Recall, Action: "recall", Reason: "wrong"},
		{Kind: events.RecallRefused, Recall: r.Recall, Action: "recall", Code: "already-recalled"},
		{Kind: events.RecallAborted, Recall: r.Recall, Reason: "enough"},
	} {
		got := v.Decisions[i]
		if got.Position.Seq == 0 || got.Stored.IsZero() {
			t.Errorf("decision %d stands nowhere: %+v", i, got)
		}
		got.Position, got.Stored = events.Position{}, time.Time{}
		if got != want {
			t.Errorf("decision %d is %+v, want %+v", i, got, want)
		}
	}
	// The end is what the projection says of the push.
	p, err := c.Push(t.Context(), "p", ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var holders, unreachable uint32
	for _, x := range p.Channels {
		holders, unreachable = holders+x.Holders(), unreachable+x.Unreachable
	}
	last := v.Points[len(v.Points)-1]
	if last.Certain != 0 || last.Possible != 1 || last.Unreachable != 1 || last.Certain+last.Possible+last.Unreachable != holders || last.Unreachable != unreachable {
		t.Errorf("the timeline ends with %+v, the push has %d holders, %d unreachable", last, holders, unreachable)
	}
	if a := n.do("GET", "/v1/pushes/none/timeline", ""); a.Status != 404 || a.problem(t).Code != "unknown-push" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// TestTimelinePoints: however long a push goes on, its points stay few, in order,
// and end where it stands.
func TestTimelinePoints(t *testing.T) {
	for _, total := range []int{1, 2, 479, 480, 481, 5000} {
		l := newTimeline("a", "p", &projections.Push{Channels: []projections.PushChannel{{Channel: "fcm", Method: "overwrite"}}})
		at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
		for i := range total {
			if err := l.join(at.Add(time.Duration(i)*time.Second), "fcm", []string{fmt.Sprint(i)}, 1); err != nil {
				t.Fatal(err)
			}
		}
		v := l.result()
		if len(v.Points) > 2*timelinePoints || len(v.Points) == 0 {
			t.Errorf("%d facts make %d points", total, len(v.Points))
			continue
		}
		for i, p := range v.Points[1:] {
			if p.Time.Before(v.Points[i].Time) || p.Possible < v.Points[i].Possible {
				t.Errorf("%d facts: point %d %+v comes after %+v", total, i+1, p, v.Points[i])
			}
		}
		if last := v.Points[len(v.Points)-1]; last.Possible != uint32(total) || !last.Time.Equal(at.Add(time.Duration(total-1)*time.Second)) {
			t.Errorf("%d facts end in %+v", total, last)
		}
	}
}
