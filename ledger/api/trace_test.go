package api

import (
	"context"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

const (
	traceOfHeader = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	traceOfEvent  = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// traces returns the trace contexts on the log, by kind.
func (n *node) traces() map[events.Kind][]string {
	n.T.Helper()
	found := map[events.Kind][]string{}
	if err := n.Part.Log.Read(context.Background(), events.Range{To: n.End().Seq}, func(m events.Message) error {
		e, err := events.Decode(m.Data)
		if err == nil {
			found[e.Kind] = append(found[e.Kind], strings.Clone(e.Trace))
		}
		return err
	}); err != nil {
		n.T.Fatal(err)
	}
	return found
}

func (n *node) hasTraces(t *testing.T, k events.Kind, want ...string) {
	t.Helper()
	if got := strings.Join(n.traces()[k], " "); got != strings.Join(want, " ") {
		t.Errorf("%s carries %q, want %q", k, got, want)
	}
}

// TestTraceOfARequest: the header goes with what describes a push and with a recall,
// not with facts; what an event says of itself stands.
func TestTraceOfARequest(t *testing.T) {
	n := start(t, options{})
	own := `"trace":"` + traceOfEvent + `",`
	lines := strings.Join([]string{
		created("p1", ""), strings.Replace(created("p2", ""), `"data"`, own+`"data"`, 1),
		fact("push.sent", "p1", "fcm", "d1"), strings.Replace(fact("push.sent", "p2", "fcm", "d1"), `"data"`, own+`"data"`, 1),
	}, "\n")
	publish := func(lines string, headers ...string) {
		t.Helper()
		if a := n.do("POST", "/v1/events", lines, append(headers, "Content-Type", TypeNDJSON)...); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	publish(lines, "traceparent", traceOfHeader)
	n.hasTraces(t, events.PushCreated, traceOfHeader, traceOfEvent)
	n.hasTraces(t, events.PushSent, "", traceOfEvent)
	// Published again in another trace it is the same push.
	publish(created("p1", ""), "traceparent", traceOfEvent)
	// What is no traceparent is as if it were not there.
	publish(created("p3", ""), "traceparent", traceOfHeader[:54])
	publish(created("p4", ""), "traceparent", traceOfHeader, "traceparent", traceOfEvent)
	n.hasTraces(t, events.PushCreated, traceOfHeader, traceOfEvent, traceOfEvent, "", "")

	n.Fold(n.End())
	for push, header := range map[string]string{"p1": traceOfHeader, "p2": "nonsense"} {
		a := n.do("POST", "/v1/recalls", `{"push":"`+push+`","action":"recall"}`, "traceparent", header)
		if a.Status != 202 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		want := map[string]string{"p1": traceOfHeader}[push]
		if got := n.traces()[events.RecallRequested]; got[len(got)-1] != want {
			t.Errorf("the recall of %s carries %q, want %q", push, got, want)
		}
	}
	// A recall that is refused tells nobody.
	if a := n.do("POST", "/v1/recalls", `{"push":"p1","action":"recall"}`, "traceparent", traceOfEvent); a.Status != 409 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	n.hasTraces(t, events.RecallRefused, "")
}

// TestRetryInAnotherTrace: an idempotent request is the same in whatever trace (L6).
func TestRetryInAnotherTrace(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", created("p", ""), fact("push.sent", "p", "fcm", "d"))
	ask := func(trace string) answered {
		return n.do("POST", "/v1/recalls", `{"push":"p","action":"recall"}`, "Idempotency-Key", "k", "traceparent", trace)
	}
	first, again := ask(traceOfHeader), ask(traceOfEvent)
	if first.Status != 202 || again.Body != first.Body || again.Header.Get(headerReplayed) != "true" {
		t.Errorf("%d %s, then %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	n.hasTraces(t, events.RecallRequested, traceOfHeader)
}

// TestTraceOfACloudEvent: the attribute of the Distributed Tracing extension.
func TestTraceOfACloudEvent(t *testing.T) {
	n := start(t, options{})
	send := func(traceparent string) answered {
		return n.do("POST", "/v1/events", `{"specversion":"1.0","id":"1","source":"/s","type":"push.created","subject":"p","traceparent":`+traceparent+
			`,"tracestate":"a=b","data":{"audience":{"kind":"all"}}}`, "Content-Type", TypeCloudEvent)
	}
	for _, bad := range []string{`""`, `"x"`, `7`, `"` + strings.ToUpper(traceOfEvent) + `"`, `"01` + traceOfEvent[2:] + `"`} {
		before := n.End()
		if p := send(bad).problem(t); p.Field != "traceparent" || p.Status != 422 || n.End() != before {
			t.Errorf("%s: %+v; the log went from %s to %s", bad, p, before, n.End())
		}
	}
	if a := send(`"` + traceOfEvent + `"`); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	n.hasTraces(t, events.PushCreated, traceOfEvent)
}

// TestTraceIsRefusedByName: the field of an event in the ledger's own form.
func TestTraceIsRefusedByName(t *testing.T) {
	n := start(t, options{})
	for _, bad := range []string{`""`, `"x"`, `null`, `7`, `"` + traceOfEvent + `0"`} {
		a, err := n.client("", "").Publish(context.Background(), TypeNDJSON, strings.NewReader(
			strings.Replace(created("bad", ""), `"data"`, `"trace":`+bad+`,"data"`, 1)+"\n"+created("good", "")))
		if err != nil || a.Accepted != 1 || len(a.Refused) != 1 || a.Refused[0].Field != "trace" || a.Refused[0].Reason == "" {
			t.Errorf("%s: %+v, %v", bad, a, err)
		}
	}
}

// TestSpanOfPublishing: push.created hangs below the request's span, which hangs
// below the caller's.
func TestSpanOfPublishing(t *testing.T) {
	exported := tracetest.NewInMemoryExporter()
	provider := sdk.NewTracerProvider(sdk.WithSyncer(exported))
	n := start(t, options{change: func(c *Config) { c.Tracer = provider.Tracer("test") }})
	if a := n.do("POST", "/v1/events", created("p", ""), "traceparent", traceOfHeader); a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := n.do("POST", "/v1/events", `{}`); a.Status != 422 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	list := exported.GetSpans()
	if len(list) != 2 || list[0].Name != "recall publish" || list[0].Parent.SpanID().String() != traceOfHeader[36:52] || list[1].Status.Code.String() != "Error" {
		t.Fatalf("spans %+v", list)
	}
	n.hasTraces(t, events.PushCreated, traceOfHeader[:36]+list[0].SpanContext.SpanID().String()+"-01")
	if _, err := n.client("", "").Recall(context.Background(), RecallRequest{Push: "none", Action: channels.Recall}, ""); err == nil {
		t.Fatal("an unknown push was recalled")
	}
}
