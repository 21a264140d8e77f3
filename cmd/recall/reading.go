package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
)

// rangeFlags say which part of the log a command reads.
type rangeFlags struct {
	text  string
	since time.Duration
	// partition is the one asked for; nil for all, or the one that the range names.
	partition *int
}

func (r *rangeFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&r.text, "range", "", "which part of the log, such as 17:42, -100 or @-10m:@-5m (default: everything)")
	c.Flags().DurationVar(&r.since, "since", 0, "what was stored in this time up to now, such as 10m; the same as --range @-10m")
}

// registerPartition makes the flag that picks a partition.
func (r *rangeFlags) registerPartition(c *cobra.Command) {
	c.Flags().Func("partition", "only this partition of the log, such as 0 (default: all, or the one that --range names)", func(text string) error {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return errors.New("want a number, from 0")
		}
		r.partition = new(int(n))
		return nil
	})
}

// severalHelp says what ranges mean where there are several partitions.
const severalHelp = `Of a ledger with several partitions a range is read in each of them: counts and
plain sequences are those of every partition by itself, and one that ends before
the range begins has nothing of it. A position such as 1-1742 names its partition.`

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

// reading reads the log through the API, one partition after the other.
type reading struct {
	client  *api.Client
	options api.EventsOptions
	span    ranges.Span
	// partition is the only one to read; nil for all, or the one that span names.
	partition *int
	// retries is how often the ledger is asked again without having answered
	// anything in between.
	retries int
	// waiting is told of every such wait.
	waiting func(time.Duration, error)
	// begun is told the range of each partition once.
	begun func(first, last events.Position)

	// parts are the partitions, once it is known which there are.
	parts []*part
	// failed is the one that could not be read.
	failed *part
}

// named returns the partition that a bound names.
func named(b ranges.Bound) (int, bool) {
	p, err := events.ParsePosition(b.String())
	return p.Partition, err == nil
}

// chosen returns the only partition asked for, nil for all.
func (r *reading) chosen() (*int, error) {
	one := r.partition
	for _, b := range []ranges.Bound{r.span.From, r.span.To} {
		n, ok := named(b)
		switch {
		case ok && one != nil && *one != n:
			return nil, usagef("--partition %d does not go with --range %s, which names partition %d", *one, r.span, n)
		case ok:
			one = &n
		}
	}
	return one, nil
}

// open finds out which partitions there are.
func (r *reading) open(ctx context.Context) error {
	if r.parts != nil {
		return nil
	}
	one, err := r.chosen()
	if err != nil {
		return err
	}
	again := retry{r.retries, r.waiting}
	var a api.PositionsAnswer
	if err := again.until(ctx, func() (bool, error) {
		a, err = r.client.Positions(ctx)
		return false, err
	}); err != nil {
		return err
	}
	add := func(partition *int) {
		p := &part{client: r.client, options: r.options, span: r.span, retry: again, begun: r.begun}
		p.options.Partition = partition
		r.parts = append(r.parts, p)
	}
	switch {
	case one != nil && (r.partition != nil || len(a.Partitions) > 1):
		add(one)
	case len(a.Partitions) == 1:
		add(nil)
	default:
		for _, p := range a.Partitions {
			if !r.beyond(p.End) {
				add(&p.Partition)
			}
		}
	}
	if len(r.parts) == 0 {
		ends := make(events.Positions, len(a.Partitions))
		for i := range ends {
			ends[i] = a.Partitions[i].End
		}
		return usagef("range: it begins at %s, but the log ends at %s", r.span.From, ends)
	}
	return nil
}

// beyond reports that the range begins behind the end of a partition. Who follows
// is told by the ledger, since what comes would be missed.
func (r *reading) beyond(end events.Position) bool {
	n, err := strconv.ParseUint(r.span.From.String(), 10, 63)
	return err == nil && n > uint64(end.Seq)+1 && !r.options.Follow
}

// each calls f for every entry, the last one of each partition included, until
// the range ends, or as many events are told as were asked for, or f fails.
func (r *reading) each(ctx context.Context, f func(api.LogEntry) error) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	for _, p := range r.parts {
		p.options.Limit = r.options.Limit
		enough := false
		err := p.each(ctx, func(e api.LogEntry) error {
			enough = e.End == api.EndLimit
			return f(e)
		})
		if err != nil {
			r.failed = p
			return err
		}
		if enough {
			return nil
		}
		r.options.Limit = p.options.Limit
	}
	return nil
}

// errEnough ends a reading that has told as many events as were asked for.
var errEnough = errors.New("as many as were asked for")

// atMost returns f, ended by errEnough with the last of limit events; 0 is no limit.
// Whoever comes later, as a partition that waited for the lock while the last one
// was told, is turned away as well.
func atMost(limit int, f func(api.LogEntry) error) func(api.LogEntry) error {
	told := 0
	return func(e api.LogEntry) error {
		if limit > 0 && told == limit {
			return errEnough
		}
		if err := f(e); err != nil || e.Event == nil && e.Unreadable == "" {
			return err
		}
		if told++; told == limit {
			return errEnough
		}
		return nil
	}
}

// follow is each with all partitions at once, as their events come.
func (r *reading) follow(ctx context.Context, f func(api.LogEntry) error) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	if len(r.parts) == 1 {
		return r.each(ctx, f)
	}
	g, inner := errgroup.WithContext(ctx)
	var mu sync.Mutex
	tell := atMost(r.options.Limit, f)
	take := func(e api.LogEntry) error {
		mu.Lock()
		defer mu.Unlock()
		if inner.Err() != nil {
			return inner.Err()
		}
		return tell(e)
	}
	for _, p := range r.parts {
		p.retry.waiting = func(d time.Duration, why error) {
			mu.Lock()
			defer mu.Unlock()
			r.waiting(d, why)
		}
		g.Go(func() error {
			err := p.each(inner, take)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && r.failed == nil {
				r.failed = p
			}
			return err
		})
	}
	if err := g.Wait(); !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

// stopped says how far a reading is and how to go on.
func (r *reading) stopped(err error, o *globalOptions) error {
	code, message := explain(err, o)
	if len(r.parts) == 0 || len(r.parts) == 1 && r.parts[0].at.Seq == 0 {
		return err
	}
	if len(r.parts) == 1 {
		p := r.parts[0]
		return &codedError{code: code, message: fmt.Sprintf("%s; everything up to position %s is read, go on with --range %s", message, p.at, p.span), err: err}
	}
	if r.failed != nil && ctxErr(err) == nil {
		message = fmt.Sprintf("partition %d: %s", *r.failed.options.Partition, message)
	}
	var read events.Positions
	var left []string
	for _, p := range r.parts {
		if p.at.Seq != 0 {
			read = append(read, p.at)
		}
		if !p.done {
			left = append(left, p.rest())
		}
	}
	if len(read) > 0 {
		message += fmt.Sprintf("; everything up to %s is read, go on with %s", read, strings.Join(left, ", and with "))
	}
	return &codedError{code: code, message: message, err: err}
}

// ctxErr returns the error if it is one of a context.
func ctxErr(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// rest is the flags that read what is left of a partition.
func (r *part) rest() string {
	text := "--partition " + strconv.Itoa(*r.options.Partition)
	if s := r.span.String(); s != "" {
		if text += " --range " + s; r.at.Seq != 0 {
			text = "--range " + s
		}
	}
	return text
}
