package tracing

import (
	"context"
	"encoding/hex"
	"net/http"

	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/events"
)

// Header is the header of W3C Trace Context in Go's canonical form. Its section
// numbers below are those of www.w3.org/TR/trace-context, checked 2026-11-20.
const Header = "Traceparent"

// kept are the flags a trace context is written with: sampled and random. The
// others have no meaning yet and must be written as 0 (section 3.2.2.5).
const kept = trace.FlagsSampled | trace.FlagsRandom

// Text is the trace context of ctx as an event holds it, "" when there is none.
func Text(ctx context.Context) string { return text(trace.SpanContextFromContext(ctx)) }

func text(c trace.SpanContext) string {
	if !c.IsValid() {
		return ""
	}
	return "00-" + c.TraceID().String() + "-" + c.SpanID().String() + "-" + (c.TraceFlags() & kept).String()
}

// With makes the trace context of an event that of ctx. What is none changes
// nothing.
func With(ctx context.Context, traceparent string) context.Context {
	c, ok := parse(traceparent)
	if !ok {
		return ctx
	}
	return trace.ContextWithRemoteSpanContext(ctx, c)
}

func parse(traceparent string) (trace.SpanContext, bool) {
	if events.CheckTrace("trace", traceparent) != nil {
		return trace.SpanContext{}, false
	}
	var c trace.SpanContextConfig
	var flags [1]byte
	// All of it is hexadecimal, CheckTrace says.
	_, _ = hex.Decode(c.TraceID[:], []byte(traceparent[3:35]))
	_, _ = hex.Decode(c.SpanID[:], []byte(traceparent[36:52]))
	_, _ = hex.Decode(flags[:], []byte(traceparent[53:]))
	c.TraceFlags, c.Remote = trace.TraceFlags(flags[0])&kept, true
	return trace.NewSpanContext(c), true
}

// Incoming makes the trace context of a request that of ctx. A header that is none,
// or is there twice, is as if it were not there (section 4.3); the request is
// served all the same.
func Incoming(ctx context.Context, h http.Header) context.Context {
	given := h[Header]
	if len(given) != 1 {
		return ctx
	}
	return With(ctx, known(given[0]))
}

// known is what this version knows of a newer one: its first 55 bytes, unless more
// follows without a dash (section 4.3). Version ff is none.
func known(v string) string {
	const n = events.MaxTrace
	if len(v) < n || len(v) > n && v[n] != '-' || v[:2] == "00" || v[:2] == "ff" || !hexadecimal(v[:2]) {
		return v
	}
	return "00" + v[2:n]
}

func hexadecimal(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
