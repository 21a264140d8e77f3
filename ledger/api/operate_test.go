package api

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestPositions(t *testing.T) {
	n := start(t, options{})
	pos := n.publish("", "", created("p", ""))
	a, err := n.client("", "").Positions(context.Background())
	if err != nil || len(a.Partitions) != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	p := a.Partitions[0]
	if p.Applied != pos || p.End != pos || p.Lag != 0 || p.First.Seq != 1 || p.LogBytes == 0 || p.AppliedTime.IsZero() || p.Created.IsZero() || p.Stats.Pushes != 1 {
		t.Errorf("%+v", p)
	}
}

func TestChannels(t *testing.T) {
	n := start(t, options{})
	rows, err := n.client("", "").Channels(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(channels.Rows(), rows); diff != "" {
		t.Error(diff)
	}
}

// TestQuarantine checks that each app sees its own, page by page.
func TestQuarantine(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	for i := range 9 {
		app := []string{"a", "b"}[i%2]
		push := fmt.Sprint("p", i)
		n.Append(app, push, events.PushCreated, &events.Created{Title: "1", Audience: events.Audience{Kind: "all"}})
		n.Append(app, push, events.PushCreated, &events.Created{Title: "2", Audience: events.Audience{Kind: "all"}})
	}
	var seen []string
	o := ListOptions{Limit: 2}
	for {
		l, err := n.client("a", "").Quarantine(ctx, o)
		if err != nil || l.Total != 9 {
			t.Fatalf("%+v, %v", l, err)
		}
		for _, q := range l.Quarantined {
			if !strings.Contains(q.Subject, ".a.") || q.Reason == "" {
				t.Errorf("%+v", q)
			}
			seen = append(seen, q.Position.String())
		}
		if o.Cursor = l.Next; l.Next == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"0-18", "0-14", "0-10", "0-6", "0-2"}, seen); diff != "" {
		t.Error(diff)
	}
	if l, err := n.client("c", "").Quarantine(ctx, ListOptions{}); err != nil || len(l.Quarantined) != 0 || l.Quarantined == nil {
		t.Errorf("%+v, %v", l, err)
	}
}

// TestLogAndMetrics checks what the node tells its operator, and what not.
func TestLogAndMetrics(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	c := n.client("", "")
	n.publish("", "", created("push-id", ""), fact("push.sent", "push-id", "fcm", "device-token"))
	_, _ = c.Publish(ctx, TypeNDJSON, strings.NewReader(fact("push.sent", "push-id", "nonsense", "d")+"\nx"))
	for range 2 {
		if _, err := c.Recall(ctx, RecallRequest{Push: "push-id", Action: "recall", Reason: "reason-text"}, "key-text"); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = c.Recall(ctx, RecallRequest{Push: "push-id", Action: "terminate"}, "")
	_, _ = c.Device(ctx, "device-token", "", true)
	_, _ = c.Gate(ctx, "push-id", "device-token", "fcm", "user-name")
	n.do("BREW", "/v1/coffee", "")
	for _, word := range []string{"device-token", "push-id", "reason-text", "key-text", "user-name", "coffee", "BREW"} {
		if strings.Contains(n.Logged(), word) {
			t.Errorf("the log shows %q:\n%s", word, n.Logged())
		}
	}
	if !strings.Contains(n.Logged(), "method=GET route=/v1/devices/{device} status=200") {
		t.Errorf("log:\n%s", n.Logged())
	}
	text := n.do("GET", "/metrics", "").Body
	for _, want := range []string{
		`recall_ledger_http_requests_total{code="200",method="GET",route="/v1/devices/{device}"} 1`,
		`recall_ledger_http_requests_total{code="404",method="other",route="other"} 1`,
		`recall_ledger_http_request_seconds_count{method="GET",route="/v1/devices/{device}"} 1`,
		`recall_ledger_events_accepted_total 2`,
		`recall_ledger_events_refused_total{reason="channel"} 1`,
		`recall_ledger_events_refused_total{reason="form"} 1`,
		`recall_ledger_recalls_accepted_total{action="recall"} 1`,
		`recall_ledger_recalls_refused_total{code="already-recalled"} 1`,
		`recall_ledger_idempotency_replays_total 1`,
		fmt.Sprintf(`recall_ledger_projection_applied_seq{partition="0"} %d`, n.End().Seq),
		fmt.Sprintf(`recall_ledger_log_end_seq{partition="0"} %d`, n.End().Seq),
		`recall_ledger_projection_lag_events{partition="0"} 0`,
		`recall_ledger_quarantined_events{partition="0"} 0`,
		`recall_ledger_committer_queue_records{partition="0"} 0`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s\n%s", want, text)
		}
	}
}

// TestFilteredStops checks that a filter that passes nothing ends after a
// bounded number of pages, with a cursor to go on.
func TestFilteredStops(t *testing.T) {
	page, err := pageOf("", "3")
	if err != nil {
		t.Fatal(err)
	}
	rounds := 0
	list, next, err := filtered(page, func(g projections.Page) ([]int, string, error) {
		rounds++
		return []int{1, 2, 3}[:g.Limit], fmt.Sprint(rounds), nil
	}, func(*int) bool { return false })
	if err != nil || len(list) != 0 || next != fmt.Sprint(filterRounds) || rounds != filterRounds {
		t.Errorf("%v, next %q after %d rounds, %v", list, next, rounds, err)
	}
}
