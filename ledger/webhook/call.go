package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/ledger/tracing"
)

// failure is a call that was not taken. Its text holds neither the URL nor
// anything of the answer.
type failure struct {
	text string
	err  error
	// gone is true when the receiver wants no more of it, after is what it asks
	// to wait.
	gone  bool
	after time.Duration
}

func (f *failure) Error() string { return f.text }

func (f *failure) Unwrap() error { return f.err }

// sign returns the signature of Standard Webhooks.
func sign(key []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// call makes one call, nil when the receiver took it.
func (r *receiver) call(ctx context.Context, n *notice) *failure {
	ctx, span, next := tracing.Follow(ctx, r.c.Tracer, n.TraceParent, tracing.Webhook, trace.SpanKindClient)
	if span.IsRecording() {
		span.SetAttributes(tracing.App.String(r.App), tracing.Push.String(n.Subject), tracing.Recall.String(n.Data.Recall), tracing.Event.String(n.Type))
	}
	f := r.post(ctx, n, next)
	var err error
	if f != nil {
		err = f
	}
	tracing.End(span, err)
	return f
}

// post sends a notice, with a trace context if there is one.
func (r *receiver) post(ctx context.Context, n *notice, traceparent string) *failure {
	body, err := n.body()
	if err != nil {
		return &failure{text: "the body could not be written", err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.URL, bytes.NewReader(body))
	if err != nil {
		return &failure{text: "the request could not be made"}
	}
	timestamp := strconv.FormatInt(r.c.Clock().Unix(), 10)
	req.Header.Set("Content-Type", "application/cloudevents+json")
	req.Header.Set("User-Agent", "recall-ledger")
	req.Header.Set("Webhook-Id", n.ID)
	req.Header.Set("Webhook-Timestamp", timestamp)
	req.Header.Set("Webhook-Signature", sign(r.key(), n.ID, timestamp, body))
	if traceparent != "" {
		req.Header.Set(tracing.Header, traceparent)
	}
	resp, err := r.c.Client.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the URL
		}
		return &failure{text: "no answer: " + err.Error(), err: err}
	}
	defer resp.Body.Close()
	// Reading what is left lets the connection serve again; a failure changes
	// nothing, for the status has decided.
	_, _ = io.CopyN(io.Discard, resp.Body, MaxAnswer)
	if resp.StatusCode/100 == 2 {
		return nil
	}
	f := &failure{text: fmt.Sprintf("the answer is HTTP %d", resp.StatusCode), gone: resp.StatusCode == http.StatusGone}
	// Only the form in seconds: it is the one that senders of webhooks are told.
	if s, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31); err == nil {
		f.after = min(time.Duration(s)*time.Second, BackoffMax)
	}
	return f
}

// backoff doubles with every try, from 1.
func backoff(tries int) time.Duration {
	d := BackoffMin
	for range min(tries-1, 20) {
		if d *= 2; d >= BackoffMax {
			return BackoffMax
		}
	}
	return d
}
