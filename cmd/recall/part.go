package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
)

// part reads one partition through the API and goes on where it was when the
// connection breaks.
type part struct {
	client  *api.Client
	options api.EventsOptions
	span    ranges.Span
	retry   retry
	// begun is told the range once.
	begun func(first, last events.Position)

	// known is true once the range has its sequences; to is the last, 0 while
	// that is open.
	known bool
	to    events.Position
	// at is how far it is, done true once it is at its end.
	at   events.Position
	done bool
	// limited is true while the number of events is bounded by the options.
	limited bool
}

// retry says how a request is made again.
type retry struct {
	// times is how often the ledger is asked again without having answered
	// anything in between.
	times int
	// waiting is told of every such wait.
	waiting func(time.Duration, error)
}

// The waits between two tries.
const (
	retryMin = 200 * time.Millisecond
	retryMax = 10 * time.Second
)

// handlerError is an error of who takes the entries: no reason to ask again.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

// until calls ask until it succeeds or it is no use to ask again. ask reports
// whether anything was answered.
func (r *retry) until(ctx context.Context, ask func() (answered bool, err error)) error {
	for tries := 0; ; {
		answered, err := ask()
		var own handlerError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &own):
			return own.error
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if answered {
			tries = 0
		}
		wait, again := retryAfter(err, tries)
		if tries++; !again || tries > r.times {
			return err
		}
		r.waiting(wait, err)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// each calls f for every entry, the last one included, until the range ends or
// f fails.
func (r *part) each(ctx context.Context, f func(api.LogEntry) error) error {
	r.limited = r.options.Limit > 0
	return r.retry.until(ctx, func() (bool, error) {
		before := r.at
		err := r.once(ctx, f)
		return r.at != before, err
	})
}

// once asks once, for what is left of the range.
func (r *part) once(ctx context.Context, f func(api.LogEntry) error) error {
	switch {
	case r.limited && r.options.Limit == 0:
		return r.end(api.LogEntry{Position: r.at, End: api.EndLimit}, f)
	case r.known && r.to.Seq != 0 && r.at.Seq >= r.to.Seq:
		return r.end(api.LogEntry{Position: r.at, End: api.EndRange}, f)
	}
	r.options.Range = r.span.String()
	r.options.Begun = func(first, last events.Position) {
		if r.known {
			return
		}
		r.known = true
		if !r.options.Follow || !r.span.Open() {
			r.to = last
		}
		if r.begun != nil {
			r.begun(first, last)
		}
	}
	return r.client.Events(ctx, r.options, func(e api.LogEntry) error {
		if e.End == "" || e.Position.Seq > r.at.Seq {
			r.at = e.Position
			r.goOn(e.Position)
		}
		if e.End != "" {
			return r.end(e, f)
		}
		if (e.Event != nil || e.Unreadable != "") && r.options.Limit > 0 {
			r.options.Limit--
		}
		return wrapped(f(e))
	})
}

// end hands over the last entry.
func (r *part) end(e api.LogEntry, f func(api.LogEntry) error) error {
	r.done = e.End != api.EndLimit
	return wrapped(f(e))
}

// goOn makes the range begin behind a position. Its end is fixed from then on,
// since it may have been counted from its begin.
func (r *part) goOn(p events.Position) {
	r.span.From = ranges.At(events.Position{Partition: p.Partition, Seq: p.Seq + 1})
	if r.to.Seq != 0 {
		r.span.To = ranges.At(r.to)
	}
}

func wrapped(err error) error {
	if err == nil {
		return nil
	}
	return handlerError{err}
}

// retryAfter says whether it is any use to ask again, and after which wait.
func retryAfter(err error, tries int) (time.Duration, bool) {
	wait := min(retryMin<<min(tries, 10), retryMax)
	var p *api.Problem
	var u *url.Error
	switch {
	case errors.As(err, &p):
		again := p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests
		return max(wait, time.Duration(p.RetryAfter)*time.Second), again
	case errors.Is(err, api.ErrBrokenOff), errors.As(err, &u):
		return wait, true
	}
	return 0, false
}

// pause waits, or returns ctx's error when that ends first.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
