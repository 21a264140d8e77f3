package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
)

// publish stores events.
func (s *Server) publish(ctx context.Context, _ *struct{}) (r *huma.StreamResponse, err error) {
	ctx, span := tracing.Start(ctx, s.c.Tracer, tracing.Publish, trace.SpanKindServer)
	defer func() { tracing.End(span, err) }()
	q := from(ctx)
	kind, err := contentType(q.r, TypeJSON, TypeNDJSON, TypeCloudEvent, TypeCloudEvents)
	if err != nil {
		return nil, err
	}
	// Before the work of reading it: who is refused must cost next to nothing.
	if err := s.c.Ledger.Behind(); err != nil {
		// A client that is still sending would find the connection closed, and
		// never see why. One that has gone need not be told.
		_, _ = io.Copy(io.Discard, q.r.Body)
		return nil, err
	}
	in := newIntake(s, q.caller.app)
	in.cloud, in.trace = kind == TypeCloudEvent || kind == TypeCloudEvents, tracing.Text(ctx)
	if err := each(kind, q.r.Body, func(raw []byte) error { return s.decoding(ctx, func() error { return in.add(raw) }) }); err != nil {
		return nil, err
	}
	if in.count == 0 {
		return nil, fieldProblem("body", "holds no event")
	}
	var a PublishAnswer
	if in.batch.Len() > 0 {
		ctx, cancel := context.WithTimeout(ctx, commitTimeout)
		defer cancel()
		if a.Position, err = in.batch.Offer(ctx); err != nil {
			return nil, err
		}
	}
	in.report()
	a.Accepted, a.Refused = in.batch.Len(), in.refused
	if span.IsRecording() {
		span.SetAttributes(tracing.App.String(q.caller.app), tracing.Accepted.Int(a.Accepted), tracing.Refused.Int(len(a.Refused)))
	}
	status := http.StatusOK
	switch {
	case a.Accepted == 0:
		p := problem(codeEventsRefused, "all %d events were refused; the first: %s: %s", in.count, a.Refused[0].Field, a.Refused[0].Reason)
		p.Field, p.Refused = a.Refused[0].Field, a.Refused
		return nil, p
	case len(a.Refused) > 0:
		status = http.StatusMultiStatus
	}
	return write(q, status, TypeJSON, encodeJSON(a)), nil
}

// decoding runs what takes the processor and waits for nothing. As many run at once
// as there are processors: a crowd of publishers would otherwise leave the fold, and
// so every recall, the share of one among hundreds (L11).
func (s *Server) decoding(ctx context.Context, f func() error) error {
	select {
	case s.decoders <- struct{}{}:
		defer func() { <-s.decoders }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write answers with bytes.
func write(q *request, status int, kind string, body []byte) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(huma.Context) {
		q.w.Header().Set("Content-Type", kind)
		q.w.WriteHeader(status)
		// A failed write is a client that has gone.
		_, _ = q.w.Write(body)
	}}
}

// The classes of reasons for which events are refused, as metric labels.
const (
	refusedForm     = "form"
	refusedKind     = "kind"
	refusedChannel  = "channel"
	refusedProfile  = "profile"
	refusedConflict = "conflict"
)

// intake gathers the events of one request. Nothing is stored before
// all were read, so that a request that breaks a limit changes nothing.
type intake struct {
	s       *Server
	app     string
	decoder *events.Decoder
	// cloud is true for CloudEvents.
	cloud bool
	// trace is the request's own, "" without one.
	trace   string
	batch   *partition.Batch
	refused []RefusedEvent
	classes map[string]int
	// count is how many events were read.
	count int
	// created are the pushes the request describes, as they will be.
	created map[string]*ledger.Push
}

func newIntake(s *Server, app string) *intake {
	return &intake{
		s: s, app: app, batch: s.c.Ledger.NewBatch(), decoder: events.NewDoorDecoder(app, s.c.Clock()),
		classes: map[string]int{}, created: map[string]*ledger.Push{},
	}
}

// refusal is an event that is not stored, with the class of the reason.
type refusal struct {
	class string
	err   *events.FieldError
}

// add takes one event as it stands in the body. raw may be overwritten after.
func (in *intake) add(raw []byte) error {
	if in.count == MaxEvents {
		p := problem(codeTooManyEvents, "the request has more than %d events, the limit", MaxEvents)
		p.Limit = MaxEvents
		return p
	}
	index := in.count
	in.count++
	refused, err := in.take(raw)
	switch {
	case err != nil:
		return err
	case refused != nil:
		in.classes[refused.class]++
		if in.cloud {
			refused.err.Field = cloudField(refused.err.Field)
		}
		in.refused = append(in.refused, RefusedEvent{Index: index, Field: cutText(refused.err.Field), Reason: cutText(refused.err.Reason)})
	}
	return nil
}

// maxText bounds what an answer repeats of a request, in bytes.
const maxText = 256

func cutText(s string) string {
	if len(s) <= maxText {
		return s
	}
	return strings.ToValidUTF8(s[:maxText], "") + "..."
}

func refuse(class, field, format string, args ...any) *refusal {
	return &refusal{class, &events.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}}
}

// take checks one event and adds it to the batch in the ledger's own form.
func (in *intake) take(raw []byte) (*refusal, error) {
	if in.cloud {
		plain, refused := fromCloud(raw)
		if refused != nil {
			return refused, nil
		}
		raw = plain
	}
	e, err := in.decoder.Decode(raw)
	if err != nil {
		return &refusal{refusedForm, asField(err)}, nil
	}
	if !e.Kind.Public() {
		return refuse(refusedKind, "kind", "%s is written by the ledger only", e.Kind), nil
	}
	switch d := e.Data.(type) {
	case *events.Fact:
		// A misspelt channel would make its devices impossible to recall.
		if !in.s.channels[d.Channel] {
			return refuse(refusedChannel, "data.channel", "%q is not a channel; see /v1/channels", d.Channel), nil
		}
	case *events.Created:
		if refused, err := in.create(e, d); refused != nil || err != nil {
			return refused, err
		}
		if e.Trace == "" {
			e.Trace = in.trace
		}
	}
	if err := in.batch.Add(e); err != nil {
		return &refusal{refusedForm, asField(err)}, nil
	}
	return nil, nil
}

// create refuses a push that contradicts what is known of it. What two requests
// say at the same time is settled by the fold, which quarantines the second.
func (in *intake) create(e *events.Event, c *events.Created) (*refusal, error) {
	switch c.Profile {
	case "", channels.Native, "mpaas", "tpns", "timpush", "ums":
	default:
		return refuse(refusedProfile, "data.profile", "%q is none of native, mpaas, tpns, timpush, ums", c.Profile), nil
	}
	known := in.created[e.Push]
	if known == nil {
		s, err := in.s.c.Ledger.State(in.app, e.Push, events.Scope{})
		if err != nil {
			return nil, err
		}
		known = &s.Push
		in.created[strings.Clone(e.Push)] = known
	}
	var conflict *ledger.ConflictError
	if err := known.Evolve(e, 0, e.Time); errors.As(err, &conflict) {
		return refuse(refusedConflict, "push", "was created before with other content; a push id is used once"), nil
	} else if err != nil {
		return nil, err
	}
	return nil, nil
}

// report counts what was read.
func (in *intake) report() {
	in.s.metrics.accepted.Add(float64(in.batch.Len()))
	for class, n := range in.classes {
		in.s.metrics.refused.WithLabelValues(class).Add(float64(n))
	}
}

func asField(err error) *events.FieldError {
	var f *events.FieldError
	var v *events.VersionError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &v):
		return &events.FieldError{Field: "v", Reason: v.Error()}
	}
	return &events.FieldError{Field: "event", Reason: err.Error()}
}

// each calls f for every event of a body in a content type.
func each(kind string, body io.Reader, f func([]byte) error) error {
	switch kind {
	case TypeNDJSON:
		return eachLine(body, f)
	case TypeCloudEvent:
		return eachObject(body, f)
	case TypeCloudEvents:
		return eachElement(body, f)
	}
	return eachJSON(body, f)
}
