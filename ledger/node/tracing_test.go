package node

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
	"github.com/recall-ledger/recall-ledger/projections"
)

const (
	publisher = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	operator  = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
)

// spans is what a node's tracer made.
type spans struct {
	*tracetest.InMemoryExporter
	trace.Tracer
}

func newSpans() spans {
	e := tracetest.NewInMemoryExporter()
	return spans{e, sdk.NewTracerProvider(sdk.WithSyncer(e), sdk.WithSampler(sampler(1))).Tracer("test")}
}

// only returns the one span of a name.
func (s spans) only(t *testing.T, name string) tracetest.SpanStub {
	t.Helper()
	var found []tracetest.SpanStub
	for _, x := range s.GetSpans() {
		if x.Name == name {
			found = append(found, x)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are called %s, want 1", len(found), name)
	}
	return found[0]
}

func attributes(s tracetest.SpanStub) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

// traced gives the requests of a client a traceparent.
type traced struct{ traceparent string }

func (c traced) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("traceparent", c.traceparent)
	return http.DefaultTransport.RoundTrip(r)
}

func as(t *testing.T, n *Node, traceparent string) *api.Client {
	t.Helper()
	c, err := api.NewClient(api.ClientConfig{URL: "http://" + n.Address(), App: "shop", HTTP: &http.Client{Transport: traced{traceparent}}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// noter is an emitter that notes the span it is called in.
type noter struct {
	verdict channels.Verdict
	called  chan trace.SpanContext
}

func (v noter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	select {
	case v.called <- trace.SpanContextFromContext(ctx):
	default:
	}
	return channels.All(c, v.verdict, ""), nil
}

// TestTraceThroughTheLog: from the publisher and the operator to the vendor call and
// the webhook, over two restarts, of which the second folds the log anew.
func TestTraceThroughTheLog(t *testing.T) {
	type hook struct{ kind, body, header string }
	told := make(chan hook, 10)
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct{ Type, Traceparent string }
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		told <- hook{e.Type, e.Traceparent, r.Header.Get("traceparent")}
	}))
	defer service.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	conf, first := testConfig(t), newSpans()
	conf.Tracer = first.Tracer
	n, _, stop := start(t, conf)
	publish(t, as(t, n, publisher),
		`{"kind":"push.created","push":"p1","data":{"title":"Sale","slot":"42","audience":{"kind":"all"}}}`,
		`{"kind":"display.shown","push":"p1","data":{"channel":"vivo","devices":["device-1","device-2"]}}`)
	stop()

	// The vendor is not there: the command is on the log and waits.
	away := noter{channels.Throttled, make(chan trace.SpanContext, 1)}
	second := newSpans()
	conf.Tracer, conf.Emitters = second.Tracer, map[string]channels.Emitter{"vivo": away}
	n, _, stop = start(t, conf)
	a, err := as(t, n, operator).Recall(ctx, api.RecallRequest{Push: "p1", Action: channels.Recall}, "")
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-away.called:
	case <-ctx.Done():
		t.Fatal("the vendor was never called")
	}
	stop()

	if err := os.RemoveAll(conf.folder().Projection(0)); err != nil {
		t.Fatal(err)
	}
	there := noter{channels.Accepted, make(chan trace.SpanContext, 1)}
	third := newSpans()
	conf.Tracer, conf.Emitters = third.Tracer, map[string]channels.Emitter{"vivo": there}
	conf.Webhooks = []WebhookConfig{{App: "shop", URL: service.URL, Secret: "twenty-four bytes or more", Events: []string{"recall.requested", "recall.aborted"}}}
	_, client, stop := start(t, conf)
	await(t, ctx, client, a.Recall, func(c projections.RecallCounts) bool { return c.Accepted == 2 })
	if err := client.Abort(ctx, a.Recall, "enough"); err != nil {
		t.Fatal(err)
	}
	var hooks []hook
	for range 2 {
		select {
		case h := <-told:
			hooks = append(hooks, h)
		case <-ctx.Done():
			t.Fatalf("only %v was told", hooks)
		}
	}
	v, err := client.GetRecall(ctx, a.Recall)
	if err != nil {
		t.Fatal(err)
	}
	stop()

	published, decide, plan, call := first.only(t, "recall publish"), second.only(t, "decide"), second.only(t, "plan"), third.only(t, "vendor call")
	if got := published.Parent; got.SpanID().String() != publisher[36:52] || got.TraceID().String() != publisher[3:35] {
		t.Errorf("publishing hangs below %v, want %s", got, publisher)
	}
	if got := decide.Parent; got.SpanID().String() != operator[36:52] || !got.IsRemote() {
		t.Errorf("the decision hangs below %v, want %s", got, operator)
	}
	if len(decide.Links) != 1 || decide.Links[0].SpanContext.SpanID() != published.SpanContext.SpanID() {
		t.Errorf("the decision is linked to %v, want the publishing of the push", decide.Links)
	}
	for _, s := range []struct{ below, above tracetest.SpanStub }{{plan, decide}, {call, plan}} {
		if s.below.Parent.SpanID() != s.above.SpanContext.SpanID() || s.below.SpanContext.TraceID().String() != operator[3:35] {
			t.Errorf("%s hangs below %v, want %s %v", s.below.Name, s.below.Parent, s.above.Name, s.above.SpanContext)
		}
	}
	if got := <-there.called; got.SpanID() != call.SpanContext.SpanID() {
		t.Errorf("the adapter was called in %v, want %v", got, call.SpanContext)
	}
	if got := attributes(call); got["recall.verdict.accepted"] != "2" || got["recall.devices"] != "2" || got["recall.channel"] != "vivo" || got["recall.id"] != a.Recall {
		t.Errorf("the call says %v", got)
	}
	recorded := tracing.Text(trace.ContextWithSpanContext(ctx, decide.SpanContext))
	if v.Trace != recorded {
		t.Errorf("the recall was accepted in %s, want %s", v.Trace, recorded)
	}
	for _, h := range hooks {
		if h.body != recorded || len(h.header) != len(recorded) || h.header[:36] != recorded[:36] || h.header == recorded {
			t.Errorf("the webhook %+v, want the trace %s in its body and one below it in its header", h, recorded)
		}
	}
	for _, s := range append(append(first.GetSpans(), second.GetSpans()...), third.GetSpans()...) {
		for k, v := range attributes(s) {
			if strings.Contains(v, "device-") || strings.Contains(v, "Sale") || strings.Contains(v, "enough") {
				t.Errorf("span %s tells %s = %s", s.Name, k, v)
			}
		}
	}
}

// TestTraceWithoutTracing: what the operator gave goes on where no spans are made.
func TestTraceWithoutTracing(t *testing.T) {
	got := make(chan trace.SpanContext, 1)
	conf := testConfig(t)
	conf.Emitters = map[string]channels.Emitter{"vivo": noter{channels.Accepted, got}}
	n, client, _ := start(t, conf)
	publish(t, client,
		`{"kind":"push.created","push":"p1","data":{"slot":"42","audience":{"kind":"all"}}}`,
		`{"kind":"display.shown","push":"p1","data":{"channel":"vivo","devices":["a"]}}`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	a, err := as(t, n, operator).Recall(ctx, api.RecallRequest{Push: "p1", Action: channels.Recall}, "")
	if err != nil {
		t.Fatal(err)
	}
	await(t, ctx, client, a.Recall, func(c projections.RecallCounts) bool { return c.Accepted == 1 })
	if c := <-got; c.IsValid() {
		t.Errorf("the adapter was called in span %v", c)
	}
	list, err := client.GetRecall(ctx, a.Recall)
	if err != nil || list.Trace != operator {
		t.Errorf("%+v, %v; want the trace %s", list, err, operator)
	}
}

// TestVendorsAreStrangers: their calls carry a traceparent only where that is said.
func TestVendorsAreStrangers(t *testing.T) {
	for _, meant := range []bool{false, true} {
		got := make(chan string, 10)
		double, account := ntfyOf(t, "shop")
		behind, err := url.Parse(double.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(behind)
		vendor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got <- r.Header.Get("traceparent")
			proxy.ServeHTTP(w, r)
		}))
		conf, made := testConfig(t), newSpans()
		conf.Tracer, conf.Tracing.Vendors = made.Tracer, meant
		account.Settings["base_url"] = vendor.URL
		conf.Vendors = []VendorConfig{account}
		_, client, stop := start(t, conf)
		publish(t, client,
			`{"kind":"push.created","push":"p1","data":{"slot":"42","audience":{"kind":"all"}}}`,
			`{"kind":"push.sent","push":"p1","data":{"channel":"ntfy","devices":["topic-1"]}}`)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		a, err := client.Recall(ctx, api.RecallRequest{Push: "p1", Action: channels.Recall}, "")
		if err != nil {
			t.Fatal(err)
		}
		await(t, ctx, client, a.Recall, func(c projections.RecallCounts) bool { return c.Accepted == 1 })
		stop()
		cancel()
		vendor.Close()
		want := ""
		if meant {
			want = tracing.Text(trace.ContextWithSpanContext(ctx, made.only(t, "vendor call").SpanContext))
		}
		if header := <-got; header != want {
			t.Errorf("meant %v: the vendor got %q, want %q", meant, header, want)
		}
	}
}

// collector is a collector of OTLP over HTTP.
func collector(t *testing.T, answer int) (endpoint string, got <-chan []byte) {
	t.Helper()
	bodies := make(chan []byte, 100)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s, %v", r.URL.Path, err)
		}
		w.WriteHeader(answer)
		bodies <- b
	}))
	t.Cleanup(s.Close)
	return s.URL, bodies
}

// stacks returns what runs of OpenTelemetry.
func stacks() int {
	b := make([]byte, 4<<20)
	return strings.Count(string(b[:runtime.Stack(b, true)]), "go.opentelemetry.io/otel/sdk/trace.")
}

// TestExport: with an endpoint spans get there, without one nothing runs.
func TestExport(t *testing.T) {
	provider, propagator := otel.GetTracerProvider(), otel.GetTextMapPropagator()
	conf := testConfig(t)
	n, _, stop := start(t, conf)
	if n.exporting != nil || n.c.Tracer != nil || stacks() != 0 {
		t.Errorf("off: %v, %v, %d goroutines", n.exporting, n.c.Tracer, stacks())
	}
	stop()
	endpoint, got := collector(t, http.StatusOK)
	conf.Tracing = TracingConfig{Endpoint: endpoint, Sample: 1}
	_, client, stop := start(t, conf)
	if stacks() == 0 {
		t.Error("on: nothing runs, so that off proves nothing")
	}
	publish(t, client, `{"kind":"push.created","push":"p1","data":{"title":"Sale","audience":{"kind":"all"}}}`)
	stop() // the last spans are sent
	if b := <-got; !bytes.Contains(b, []byte("recall publish")) || bytes.Contains(b, []byte("Sale")) {
		t.Errorf("came %q", b)
	}
	if n := stacks(); n != 0 {
		t.Errorf("%d goroutines are left", n)
	}
	if otel.GetTracerProvider() != provider || otel.GetTextMapPropagator() != propagator {
		t.Error("the globals were touched")
	}
}

// TestCollectorIsDown: nobody waits for it, and the node's log says so once without
// its address.
func TestCollectorIsDown(t *testing.T) {
	endpoint, got := collector(t, http.StatusBadRequest)
	var said bytes.Buffer
	conf := testConfig(t)
	conf.Tracing = TracingConfig{Endpoint: endpoint, Sample: 1}
	conf.Logger = slog.New(slog.NewTextHandler(&said, nil))
	n, client, stop := start(t, conf)
	for _, push := range []string{"p1", "p2"} {
		publish(t, client, `{"kind":"push.created","push":"`+push+`","data":{"audience":{"kind":"all"}}}`)
		if err := n.exporting.provider.ForceFlush(t.Context()); err != nil {
			t.Error(err)
		}
		<-got
	}
	stop()
	if strings.Count(said.String(), "spans are lost") != 1 || strings.Contains(said.String(), strings.TrimPrefix(endpoint, "http://")) {
		t.Errorf("the node said %s", said.String())
	}
}

func TestSampler(t *testing.T) {
	for name, want := range map[string]sdk.SamplingDecision{tracing.Publish: sdk.Drop, tracing.Decide: sdk.RecordAndSample, tracing.Plan: sdk.RecordAndSample} {
		decide := func(part float64, parent string) sdk.SamplingDecision {
			ctx := tracing.With(t.Context(), parent)
			return sampler(part).ShouldSample(sdk.SamplingParameters{ParentContext: ctx, Name: name, TraceID: trace.TraceID{15: 1, 8: 0xff}}).Decision
		}
		if got := decide(0, ""); got != want {
			t.Errorf("%s without a parent: %v, want %v", name, got, want)
		}
		for flags, want := range map[string]sdk.SamplingDecision{"01": sdk.RecordAndSample, "00": sdk.Drop} {
			if got := decide(0.5, operator[:53]+flags); got != want {
				t.Errorf("%s below flags %s: %v, want %v", name, flags, got, want)
			}
		}
	}
}

func TestTracingIsChecked(t *testing.T) {
	for want, c := range map[string]TracingConfig{
		"tracing.sample: is 1.5; use 0 to 1":              {Sample: 1.5},
		"tracing.sample: is -1; use 0 to 1":               {Sample: -1},
		"tracing.endpoint: is not a URL such as":          {Endpoint: "hush:4318"},
		"tracing.endpoint: is not a URL such as http":     {Endpoint: "grpc://hush:4317"},
		"tracing.endpoint: is not a URL":                  {Endpoint: "http://"},
		"tracing.endpoint: holds a user":                  {Endpoint: "http://u:hush@a"},
		"tracing.endpoint: holds a user, a query":         {Endpoint: "http://a?key=hush"},
		"tracing.endpoint: is 1033 bytes long, the limit": {Endpoint: "http://a/" + strings.Repeat("x", 1024)},
		"": {Endpoint: "https://a.example:4318/otlp/v1/traces", Sample: 0},
	} {
		conf := testConfig(t)
		conf.Tracing = c
		err := conf.Validate()
		if (want == "") != (err == nil) || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%+v: got %v, want %q", c, err, want)
		}
	}
}
