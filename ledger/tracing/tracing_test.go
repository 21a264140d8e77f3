package tracing

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

const given = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// TestIncoming: what is no traceparent is as if it were not there; of a newer
// version what is known is taken.
func TestIncoming(t *testing.T) {
	for _, c := range []struct {
		what string
		h    http.Header
		want string
	}{
		{"none", http.Header{}, ""},
		{"good", http.Header{Header: {given}}, given},
		{"not sampled", http.Header{Header: {given[:53] + "00"}}, given[:53] + "00"},
		{"flags without a meaning", http.Header{Header: {given[:53] + "ff"}}, given[:53] + "03"},
		{"with a state, which is not kept", http.Header{Header: {given}, "Tracestate": {"a=b"}}, given},
		{"newer", http.Header{Header: {"cc" + given[2:]}}, given},
		{"newer and longer", http.Header{Header: {"cc" + given[2:] + "-what-next"}}, given},
		{"newer, no dash", http.Header{Header: {"cc" + given[2:] + ".what"}}, ""},
		{"version ff", http.Header{Header: {"ff" + given[2:]}}, ""},
		{"version 00, longer", http.Header{Header: {given + "-what"}}, ""},
		{"version in upper case", http.Header{Header: {"CC" + given[2:]}}, ""},
		{"twice", http.Header{Header: {given, given}}, ""},
		{"empty", http.Header{Header: {""}}, ""},
		{"short", http.Header{Header: {given[:54]}}, ""},
		{"upper case", http.Header{Header: {strings.ToUpper(given)}}, ""},
		{"no trace", http.Header{Header: {"00-" + strings.Repeat("0", 32) + given[35:]}}, ""},
		{"no parent", http.Header{Header: {given[:36] + strings.Repeat("0", 16) + "-01"}}, ""},
	} {
		ctx := Incoming(context.Background(), c.h)
		if got := Text(ctx); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		if s := trace.SpanContextFromContext(ctx).TraceState().String(); s != "" {
			t.Errorf("%s: the state %s was kept", c.what, s)
		}
	}
}

func tracer(s sdk.Sampler) (trace.Tracer, *tracetest.InMemoryExporter) {
	e := tracetest.NewInMemoryExporter()
	return sdk.NewTracerProvider(sdk.WithSyncer(e), sdk.WithSampler(s)).Tracer("test"), e
}

// TestFollow: a span hangs below the event, and who comes next below the span.
func TestFollow(t *testing.T) {
	tr, exported := tracer(sdk.AlwaysSample())
	ctx, span, next := Follow(context.Background(), tr, given, Plan, trace.SpanKindInternal)
	Link(span, given)
	Link(span, "nothing")
	End(span, errors.New("device-token-4711"))
	list := exported.GetSpans()
	if len(list) != 1 {
		t.Fatalf("%d spans, want 1", len(list))
	}
	s := list[0]
	if s.Name != Plan || text(s.Parent) != given || !s.Parent.IsRemote() || text(s.SpanContext) != next || Text(ctx) != next || next[:36] != given[:36] || next == given {
		t.Errorf("got %+v, next %s", s, next)
	}
	if s.Status.Code != codes.Error || s.Status.Description != "" || len(s.Events) > 0 {
		t.Errorf("the error is told: %+v, %+v", s.Status, s.Events)
	}
	if len(s.Links) != 1 || text(s.Links[0].SpanContext) != given {
		t.Errorf("links %+v", s.Links)
	}
}

// TestUnsampledLeavesNoMark: neither a trace that began here nor a hop of another one.
func TestUnsampledLeavesNoMark(t *testing.T) {
	tr, exported := tracer(sdk.ParentBased(sdk.NeverSample()))
	ctx, span := Start(context.Background(), tr, Publish, trace.SpanKindServer)
	End(span, nil)
	if got := Text(ctx); got != "" {
		t.Errorf("got %q", got)
	}
	unsampled := given[:53] + "00"
	_, span, next := Follow(context.Background(), tr, unsampled, Call, trace.SpanKindClient)
	End(span, nil)
	if next != unsampled || len(exported.GetSpans()) > 0 {
		t.Errorf("next is %q; %d spans", next, len(exported.GetSpans()))
	}
}

// key is that of a value which has nothing to do with tracing.
type key struct{}

// off is what the ledger's hot paths do where nothing is traced.
func off(ctx context.Context, h http.Header) {
	ctx, span := Start(Incoming(ctx, h), nil, Publish, trace.SpanKindServer)
	if Text(ctx) != "" || span.IsRecording() {
		panic("something began")
	}
	End(span, nil)
	_, span, next := Follow(ctx, nil, given, Call, trace.SpanKindClient)
	if next != given {
		panic("the event's own is lost")
	}
	End(span, errors.ErrUnsupported)
}

func TestOffAllocatesNothing(t *testing.T) {
	ctx, h := context.WithValue(context.Background(), key{}, 1), http.Header{"Accept": {"*/*"}}
	if n := testing.AllocsPerRun(100, func() { off(ctx, h) }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	tr, _ := tracer(sdk.AlwaysSample())
	if n := testing.AllocsPerRun(100, func() { Start(ctx, tr, Publish, trace.SpanKindServer) }); n == 0 {
		t.Error("a span takes no allocation either: the test measures nothing")
	}
}

func BenchmarkOff(b *testing.B) {
	ctx, h := context.WithValue(context.Background(), key{}, 1), http.Header{"Accept": {"*/*"}}
	b.ReportAllocs()
	for b.Loop() {
		off(ctx, h)
	}
}
