package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// The waits between attempts (L11).
const (
	backoffFirst = 250 * time.Millisecond
	backoffMost  = 10 * time.Second
	// retryAfterMost bounds what a server may ask for.
	retryAfterMost = time.Minute
)

// sender publishes chunks, and repeats what was not answered: facts count once
// however often they are sent, so a chunk can always be sent again.
type sender struct {
	publish func(ctx context.Context, body []byte) (api.PublishAnswer, error)
	// timeout bounds one attempt, retries their number.
	timeout time.Duration
	retries int
	after   func(time.Duration) <-chan time.Time
	// waiting tells somebody why nothing happens.
	waiting func(d time.Duration, why error)
	// reached is true once an answer came: before that a ledger that does not
	// answer is most likely not there, and waiting would only hide it.
	reached bool
}

func newSender(client *api.Client, timeout time.Duration, retries int, waiting func(time.Duration, error)) *sender {
	return &sender{
		publish: func(ctx context.Context, body []byte) (api.PublishAnswer, error) {
			return client.Publish(ctx, api.TypeNDJSON, bytes.NewReader(body))
		},
		timeout: timeout, retries: retries, after: time.After, waiting: waiting,
	}
}

// sent is what became of a chunk.
type sent struct {
	accepted int64
	refused  []refusal
	position events.Positions
}

// send publishes a chunk. Every event of it is accepted or refused when it
// returns without an error.
func (s *sender) send(ctx context.Context, c *chunk) (sent, error) {
	if len(c.lines) == 0 {
		return sent{}, nil
	}
	a, err := s.attempts(ctx, c.body)
	var p *api.Problem
	switch {
	case err == nil:
	case !errors.As(err, &p):
		return sent{}, err
	case len(p.Refused) > 0:
		a.Refused = p.Refused
	case p.Status == http.StatusRequestEntityTooLarge && len(c.lines) == 1:
		return sent{refused: []refusal{{Line: c.lines[0], Field: "event", Reason: p.Error(), Event: string(c.event(0))}}}, nil
	case p.Status == http.StatusRequestEntityTooLarge:
		return s.sendHalves(ctx, c)
	default:
		return sent{}, err
	}
	if n := a.Accepted + len(a.Refused); n != len(c.lines) {
		return sent{}, fmt.Errorf("the ledger answered for %d of %d events", n, len(c.lines))
	}
	r := sent{accepted: int64(a.Accepted), position: a.Position}
	for _, e := range a.Refused {
		if e.Index < 0 || e.Index >= len(c.lines) {
			return sent{}, fmt.Errorf("the ledger refused event %d of %d", e.Index, len(c.lines))
		}
		r.refused = append(r.refused, refusal{Line: c.lines[e.Index], Field: e.Field, Reason: e.Reason, Event: string(c.event(e.Index))})
	}
	return r, nil
}

// sendHalves is for a ledger, or a proxy before it, with narrower limits.
func (s *sender) sendHalves(ctx context.Context, c *chunk) (sent, error) {
	a, b := c.halves()
	first, err := s.send(ctx, a)
	if err != nil {
		return sent{}, err
	}
	second, err := s.send(ctx, b)
	if err != nil {
		return sent{}, err
	}
	if second.accepted == 0 {
		second.position = first.position
	}
	second.accepted += first.accepted
	second.refused = append(first.refused, second.refused...)
	return second, nil
}

// attempts publishes a body until it is answered for good.
func (s *sender) attempts(ctx context.Context, body []byte) (api.PublishAnswer, error) {
	backoff := backoffFirst
	for attempt := 0; ; attempt++ {
		call, cancel := context.WithTimeout(ctx, s.timeout)
		a, err := s.publish(call, body)
		cancel()
		if ctx.Err() != nil {
			return a, ctx.Err()
		}
		wait, again := s.again(err)
		if !again {
			return a, err
		}
		if attempt == s.retries {
			return a, fmt.Errorf("gave up after %s: %w", plural(attempt+1, "attempt", "attempts"), err)
		}
		wait = max(wait, backoff)
		s.waiting(wait, err)
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-s.after(wait):
		}
		backoff = min(2*backoff, backoffMost)
	}
}

// again reports whether the same request may be answered differently later, and
// how long the server asks to wait.
func (s *sender) again(err error) (time.Duration, bool) {
	var p *api.Problem
	var lost *url.Error
	switch {
	case err == nil:
		s.reached = true
		return 0, false
	case errors.As(err, &p):
		s.reached = true
		switch p.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return min(time.Duration(p.RetryAfter)*time.Second, retryAfterMost), true
		}
		return 0, false
	case errors.As(err, &lost), errors.Is(err, context.DeadlineExceeded):
		return 0, s.reached
	}
	return 0, false
}
