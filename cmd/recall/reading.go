package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
)

// rangeFlags say which part of the log a command reads.
type rangeFlags struct {
	text  string
	since time.Duration
}

func (r *rangeFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&r.text, "range", "", "which part of the log, such as 17:42, -100 or @-10m:@-5m (default: everything)")
	c.Flags().DurationVar(&r.since, "since", 0, "what was stored in this time up to now, such as 10m; the same as --range @-10m")
}

// span fixes what is relative to the present for good: a reading that is resumed
// goes on with the same range.
func (r *rangeFlags) span(cmd *cobra.Command, now time.Time) (ranges.Span, error) {
	if !cmd.Flags().Changed("since") {
		s, err := ranges.Parse(r.text, now)
		if err != nil {
			return s, usagef("--range: %w; see %s --help", err, cmd.CommandPath())
		}
		return s, nil
	}
	if r.text != "" {
		return ranges.Span{}, usagef("--since and --range exclude each other")
	}
	if r.since <= 0 {
		return ranges.Span{}, usagef("--since is %s; it must be longer than nothing", r.since)
	}
	return ranges.Since(now.Add(-r.since)), nil
}

// reading reads the log through the API and goes on where it was when the
// connection breaks.
type reading struct {
	client  *api.Client
	options api.EventsOptions
	span    ranges.Span
	// retries is how often the ledger is asked again without having answered
	// anything in between.
	retries int
	// waiting is told of every such wait.
	waiting func(time.Duration, error)
	// begun is told the range once.
	begun func(first, last events.Position)

	// known is true once the range has its sequences; to is the last, 0 while
	// that is open.
	known bool
	to    events.Position
	// at is how far the reading is.
	at events.Position
}

// The waits between two tries.
const (
	retryMin = 200 * time.Millisecond
	retryMax = 10 * time.Second
)

// handlerError is an error of who takes the entries: no reason to ask again.
type handlerError struct{ error }

func (e handlerError) Unwrap() error { return e.error }

// each calls f for every entry, the last one included, until the range ends or
// f fails.
func (r *reading) each(ctx context.Context, f func(api.LogEntry) error) error {
	for tries := 0; ; {
		before := r.at
		err := r.once(ctx, f)
		var own handlerError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &own):
			return own.error
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if r.at != before {
			tries = 0
		}
		wait, again := retryAfter(err, tries)
		if tries++; !again || tries > r.retries {
			return err
		}
		r.waiting(wait, err)
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// once asks once, for what is left of the range.
func (r *reading) once(ctx context.Context, f func(api.LogEntry) error) error {
	if r.known && r.to.Seq != 0 && r.at.Seq >= r.to.Seq {
		return wrapped(f(api.LogEntry{Position: r.at, End: api.EndRange}))
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
		if e.End == "" && (e.Event != nil || e.Unreadable != "") && r.options.Limit > 0 {
			r.options.Limit--
		}
		return wrapped(f(e))
	})
}

// goOn makes the range begin behind a position. Its end is fixed from then on,
// since it may have been counted from its begin.
func (r *reading) goOn(p events.Position) {
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

// pageEvents is how many events are held to play them at their own pace: who
// reads slowly from the ledger itself loses the connection.
const pageEvents = 500

// play is each at the pace at which the events were stored, times speed.
func (r *reading) play(ctx context.Context, speed float64, f func(api.LogEntry) error) error {
	limit := r.options.Limit
	var first, began time.Time
	for {
		r.options.Limit = pageEvents
		if limit > 0 {
			r.options.Limit = min(limit, pageEvents)
		}
		page := make([]api.LogEntry, 0, r.options.Limit+1)
		if err := r.each(ctx, func(e api.LogEntry) error {
			page = append(page, e)
			return nil
		}); err != nil {
			return err
		}
		for _, e := range page[:len(page)-1] {
			if e.Event == nil && e.Unreadable == "" {
				continue
			}
			if first.IsZero() {
				first, began = e.Stored, time.Now()
			}
			due := time.Duration(float64(e.Stored.Sub(first)) / speed)
			if err := pause(ctx, due-time.Since(began)); err != nil {
				return err
			}
			if err := f(e); err != nil {
				return err
			}
			limit--
		}
		last := page[len(page)-1]
		if last.End != api.EndLimit || limit == 0 {
			return f(last)
		}
	}
}
