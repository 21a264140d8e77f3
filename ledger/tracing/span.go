package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// The names of spans. Dashboards look for them, so they never change.
const (
	// Publish is a request that stores events, Decide the decision about a recall.
	Publish = "recall publish"
	Decide  = "decide"
	// Plan is one append of commands to the log.
	Plan = "plan"
	// Call is one call of a vendor, Webhook one of a receiver of webhooks.
	Call    = "vendor call"
	Webhook = "webhook"
)

// The attributes of spans. A count is there when it is not 0; those of a vendor
// call are called as the verdicts of package channels, behind Verdict.
const (
	App      = attribute.Key("recall.app")
	Push     = attribute.Key("recall.push")
	Recall   = attribute.Key("recall.id")
	Action   = attribute.Key("recall.action")
	Refusal  = attribute.Key("recall.refusal")
	Channel  = attribute.Key("recall.channel")
	Method   = attribute.Key("recall.method")
	Attempt  = attribute.Key("recall.attempt")
	Event    = attribute.Key("recall.event")
	Devices  = attribute.Key("recall.devices")
	Commands = attribute.Key("recall.commands")
	Accepted = attribute.Key("recall.events.accepted")
	Refused  = attribute.Key("recall.events.refused")
	Verdict  = "recall.verdict."
)

// Start begins a span below the one of ctx. Where tracer is nil, or the sampler
// wants none, nothing begins: what follows hangs on what was there before, and the
// span that is returned does nothing.
func Start(ctx context.Context, tracer trace.Tracer, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	if tracer == nil {
		return ctx, nothing()
	}
	inner, span := tracer.Start(ctx, name, trace.WithSpanKind(kind))
	if !span.IsRecording() {
		return ctx, nothing()
	}
	return inner, span
}

// nothing is a span that does nothing.
func nothing() trace.Span { return trace.SpanFromContext(context.Background()) }

// Follow is Start below the trace context of an event. It also returns what those
// who come next are given to follow: the span, or else what the event has.
func Follow(ctx context.Context, tracer trace.Tracer, event, name string, kind trace.SpanKind) (context.Context, trace.Span, string) {
	if tracer == nil {
		return ctx, nothing(), event
	}
	ctx, span := Start(With(ctx, event), tracer, name, kind)
	if !span.IsRecording() {
		return ctx, span, event
	}
	return ctx, span, text(span.SpanContext())
}

// End ends a span, marked as failed if err is not nil. What err says stays here.
func End(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Link notes on a span that it has to do with the trace of an event.
func Link(span trace.Span, event string) {
	if c, ok := parse(event); ok && span.IsRecording() {
		span.AddLink(trace.Link{SpanContext: c})
	}
}
