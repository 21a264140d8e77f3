package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
)

// TracingConfig says where spans go. What events carry is handed on without it too.
type TracingConfig struct {
	// Endpoint is the URL of a collector that takes OTLP over HTTP; its path is
	// /v1/traces unless it has one. "" makes no spans.
	Endpoint string `koanf:"endpoint"`
	// Sample is which part of the publishing requests make a span, 0 to 1, where
	// the caller's traceparent does not say whether to. Recalls all do.
	Sample float64 `koanf:"sample"`
	// Vendors says that calls of vendors carry a traceparent. They are strangers, so
	// they learn no ids of ours unless this is meant.
	Vendors bool `koanf:"vendors"`
}

// The limits of spans on their way (L11). What is too much is dropped: nobody waits
// for a collector.
const (
	maxEndpoint = 1024 // bytes
	spanQueue   = 2048
	spanBatch   = 512
	spanEvery   = 5 * time.Second
	spanExport  = 10 * time.Second
	// spanStop bounds how long the last spans hold up the node's end.
	spanStop = 3 * time.Second
)

func (c TracingConfig) validate() []error {
	var errs []error
	wrong := func(field, format string, args ...any) {
		errs = append(errs, &events.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if !(c.Sample >= 0 && c.Sample <= 1) {
		wrong("tracing.sample", "is %v; use 0 to 1", c.Sample)
	}
	if c.Endpoint == "" {
		return errs
	}
	// It is not repeated: it may hold a secret.
	u, err := url.Parse(c.Endpoint)
	switch {
	case len(c.Endpoint) > maxEndpoint:
		wrong("tracing.endpoint", "is %d bytes long, the limit is %d", len(c.Endpoint), maxEndpoint)
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		wrong("tracing.endpoint", "is not a URL such as http://127.0.0.1:4318")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		wrong("tracing.endpoint", "holds a user, a query or a fragment; credentials go into OTEL_EXPORTER_OTLP_HEADERS")
	}
	return errs
}

// exporting is what sends spans to a collector.
type exporting struct {
	provider *sdk.TracerProvider
	client   *http.Client
	logger   *slog.Logger
}

// newExporting starts it, nil when no endpoint is configured.
func newExporting(ctx context.Context, c *Config) (*exporting, error) {
	if c.Tracing.Endpoint == "" {
		return nil, nil
	}
	endpoint, err := url.Parse(c.Tracing.Endpoint)
	if err != nil { // it was parsed before
		return nil, errors.New("tracing.endpoint: is not a URL")
	}
	if endpoint.Path == "" {
		endpoint.Path = "/v1/traces"
	}
	e := &exporting{logger: c.Logger, client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
		Timeout:       spanExport,
	}}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(endpoint.String()), otlptracehttp.WithHTTPClient(e.client))
	if err != nil {
		return nil, errors.New("tracing.endpoint: the exporter of spans cannot be made")
	}
	// What the environment says of the resource (OTEL_RESOURCE_ATTRIBUTES) comes last.
	about, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "recall"), attribute.String("service.version", c.Version),
			attribute.String("service.instance.id", c.Node.ID)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", errors.Join(err, exporter.Shutdown(ctx)))
	}
	e.provider = sdk.NewTracerProvider(
		sdk.WithResource(about), sdk.WithSampler(sampler(c.Tracing.Sample)),
		sdk.WithBatcher(&reporter{SpanExporter: exporter, logger: c.Logger}, sdk.WithMaxQueueSize(spanQueue), sdk.WithMaxExportBatchSize(spanBatch),
			sdk.WithBatchTimeout(spanEvery), sdk.WithExportTimeout(spanExport)),
	)
	return e, nil
}

// close sends what is left, as far as that is quick.
func (e *exporting) close() {
	if e == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), spanStop)
	defer cancel()
	if err := e.provider.Shutdown(ctx); err != nil {
		e.logger.WarnContext(ctx, "the last spans were not taken", "reason", reason(err))
	}
	e.client.CloseIdleConnections()
}

// sampler does as the parent did. Without one it takes every recall, which are rare,
// and a part of the publishing requests.
func sampler(part float64) sdk.Sampler {
	return sdk.ParentBased(roots{publish: sdk.TraceIDRatioBased(part), others: sdk.AlwaysSample()})
}

type roots struct{ publish, others sdk.Sampler }

// ShouldSample implements sdk.Sampler.
func (r roots) ShouldSample(p sdk.SamplingParameters) sdk.SamplingResult {
	if p.Name == tracing.Publish {
		return r.publish.ShouldSample(p)
	}
	return r.others.ShouldSample(p)
}

// Description implements sdk.Sampler.
func (r roots) Description() string { return "Recalls{" + r.publish.Description() + "}" }

// reporter tells the node's log of failed exports. The SDK would tell a handler that
// the whole process shares.
type reporter struct {
	sdk.SpanExporter
	logger *slog.Logger
	failed atomic.Bool
}

// ExportSpans implements sdk.SpanExporter. It reports a collector's failing once.
func (r *reporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	if was := r.failed.Swap(err != nil); err != nil && !was {
		r.logger.WarnContext(ctx, "spans are lost, the collector does not take them", "reason", reason(err))
	} else if err == nil && was {
		r.logger.InfoContext(ctx, "the collector takes spans again")
	}
	return nil
}

// reason says why spans were not taken, without the endpoint and without the
// collector's answer, which the exporter's errors hold.
func reason(err error) string {
	var u *url.Error
	switch {
	case errors.As(err, &u):
		return u.Err.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it takes too long"
	}
	return "it answered with an error"
}

// propagate makes the clients give vendors the traceparent of the call.
func (v vendorClients) propagate() {
	for _, c := range []*http.Client{v.common, v.two} {
		c.Transport = carrier{c.Transport}
	}
}

// carrier adds the trace context of a request's context to its headers.
type carrier struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	if traceparent := tracing.Text(r.Context()); traceparent != "" {
		r = r.Clone(r.Context()) // which a RoundTripper may not change
		r.Header.Set(tracing.Header, traceparent)
	}
	return c.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections is what http.Client looks for.
func (c carrier) CloseIdleConnections() {
	if t, ok := c.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
