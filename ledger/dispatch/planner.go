package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
	"github.com/recall-ledger/recall-ledger/projections"
)

// PlannerConfig configures a Planner.
type PlannerConfig struct {
	Log        events.Log
	Projection *projections.Projection
	Clock      func() time.Time
	Logger     *slog.Logger
	// Succeed puts the new push of an override into the partition it belongs to,
	// where that is another one; it is repeatable. Nil when there is one partition.
	Succeed func(ctx context.Context, app, recall string) error
	// Gather is the shortest time between two looks for work, so that late
	// facts are commanded together. Default 20 milliseconds.
	Gather time.Duration
	// Sweep is how often recalls past their deadline are looked for. Default
	// 30 seconds.
	Sweep time.Duration
	// Grace is how long after its deadline a recall waits for outcomes that
	// are on their way. Default one minute.
	Grace time.Duration
	// Tracer begins a span for each append of commands; nil makes none.
	Tracer trace.Tracer
}

// Planner issues the commands that running recalls owe, and closes recalls
// whose window is over.
type Planner struct {
	c PlannerConfig
	// succeeded are the recalls whose new push is known to be in its place.
	succeeded map[string]bool
}

// NewPlanner returns a planner; Run makes it work.
func NewPlanner(c PlannerConfig) *Planner {
	if c.Gather == 0 {
		c.Gather = 20 * time.Millisecond
	}
	if c.Sweep == 0 {
		c.Sweep = 30 * time.Second
	}
	if c.Grace == 0 {
		c.Grace = time.Minute
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Planner{c: c, succeeded: map[string]bool{}}
}

// Run works until ctx ends (nil) or the projection's store fails. A log that
// does not answer only delays it.
func (p *Planner) Run(ctx context.Context) error {
	gather := time.NewTicker(p.c.Gather)
	defer gather.Stop()
	sweep := time.NewTicker(p.c.Sweep)
	defer sweep.Stop()
	swept, failures := true, 0
	for {
		moved := p.c.Projection.Moved()
		err := p.round(ctx)
		if !swept {
			err = errors.Join(err, p.sweep(ctx))
			swept = true
		}
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, projections.ErrStore) {
			return fmt.Errorf("plan commands: %w", err)
		}
		var pause <-chan time.Time
		if err == nil {
			failures = 0
		} else {
			p.c.Logger.WarnContext(ctx, "planning is delayed", "error", err.Error())
			failures = min(failures+1, 16)
			moved, pause = nil, time.After(min(p.c.Gather<<failures, pauseMax))
		}
		select {
		case <-ctx.Done():
		case <-sweep.C:
			swept = false
		case <-moved:
		case <-pause:
		}
		select {
		case <-ctx.Done():
		case <-gather.C:
		}
	}
}

// pauseMax is the longest wait after rounds that failed.
const pauseMax = 2 * time.Second

// round issues every command that is owed now. What is wrong with one recall
// does not keep the others waiting.
func (p *Planner) round(ctx context.Context) error {
	work, err := p.c.Projection.Owed()
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range work {
		if err := p.succeed(ctx, w); err != nil {
			errs = append(errs, fmt.Errorf("recall %s, its new push: %w", w.Recall, err))
			continue
		}
		for _, due := range w.Due {
			if err := p.issue(ctx, w, due); err != nil {
				errs = append(errs, fmt.Errorf("recall %s, channel %s: %w", w.Recall, due.Channel, err))
				if ctx.Err() != nil || logFailed(err) {
					return errors.Join(errs...)
				}
			}
		}
	}
	return errors.Join(errs...)
}

// succeed sees to it that the new push of an override is known before devices are
// told of it. The decision could not be one batch with it in another partition, so
// a crash between the two leaves it to the planner.
func (p *Planner) succeed(ctx context.Context, w projections.Work) error {
	if p.c.Succeed == nil || p.succeeded[w.Recall] {
		return nil
	}
	if err := p.c.Succeed(ctx, w.App, w.Recall); err != nil {
		return err
	}
	if len(p.succeeded) >= maxSucceeded {
		clear(p.succeeded)
	}
	p.succeeded[w.Recall] = true
	return nil
}

// maxSucceeded bounds what is remembered (L11); what is forgotten is asked again.
const maxSucceeded = 10_000

// logFailed reports whether an error is the log's, so that the next append
// would fail as well.
func logFailed(err error) bool {
	return errors.Is(err, events.ErrUnknown) || errors.Is(err, events.ErrOverloaded) || errors.Is(err, events.ErrFull)
}

// perAppend is how many devices one append commands at most: 100 chunks.
const perAppend = 100 * events.MaxCommandDevices

// maxRaces bounds how often one append is tried again because others were faster
// or its result was unknown. The next round goes on.
const maxRaces = 20

// issue commands everything due of one recall on one channel.
func (p *Planner) issue(ctx context.Context, w projections.Work, due projections.DueChannel) error {
	fence := due.Fence
	for races := 0; ; {
		// An abort may come between two appends.
		push, recall, err := p.c.Projection.RecallState(w.App, w.Recall)
		if err != nil || push == nil || recall.State != ledger.Running {
			return err
		}
		planned, late, err := p.c.Projection.DueDevices(w.App, w.Recall, due.Channel, perAppend)
		if err != nil || len(planned)+len(late) == 0 {
			return err
		}
		b := batch{partition: p.c.Log.Partition(), push: w.Push, app: w.App, now: p.c.Clock()}
		pos, err := p.append(ctx, &b, due.Channel, fence, push, recall, planned, late)
		if races++; races < maxRaces && (errors.Is(err, events.ErrConflict) || errors.Is(err, events.ErrUnknown)) {
			subject := events.Subject(b.partition, w.App, events.CommandIssued, w.Push, due.Channel)
			if fence, err = refence(ctx, p.c.Log, p.c.Projection, subject, fence, err, func() (events.Seq, error) {
				return p.c.Projection.LastCommand(w.App, w.Push, due.Channel)
			}); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("append commands: %w", err)
		}
		races, fence = 0, pos.Seq-events.Seq(len(b.tail))
		if err := p.c.Projection.Wait(ctx, pos.Seq); err != nil {
			return err
		}
	}
}

// append puts the commands for planned and late devices on the log.
func (p *Planner) append(ctx context.Context, b *batch, channel string, fence events.Seq, push *ledger.Push, r *ledger.Recall, planned, late []string) (pos events.Position, err error) {
	ctx, span, next := tracing.Follow(ctx, p.c.Tracer, r.Trace, tracing.Plan, trace.SpanKindInternal)
	defer func() { tracing.End(span, err) }()
	b.trace = next
	n, err := b.add(p.c.Projection, push, r, channel, planned, mode{})
	if err != nil {
		return pos, err
	}
	more, err := b.add(p.c.Projection, push, r, channel, late, mode{late: true})
	if err != nil {
		return pos, err
	}
	if span.IsRecording() {
		span.SetAttributes(tracing.App.String(b.app), tracing.Push.String(b.push), tracing.Recall.String(r.Recall),
			tracing.Channel.String(channel), tracing.Commands.Int(len(b.records)), tracing.Devices.Int(n+more))
	}
	// The first command carries the fence, and the batch is all or nothing: a
	// planner that lost a race has written nothing, and a crash before or after the
	// append leaves nothing half done.
	b.records[0].Fenced, b.records[0].Expect = true, fence
	return p.c.Log.Append(ctx, append(b.records, b.tail...))
}

// refence returns the fence for trying an append again after a lost race or an
// unknown result. When it returns the projection has applied everything up to
// the fence, so what is due is judged by nothing older. last tells what the
// projection holds for the newest event on the subject.
func refence(ctx context.Context, l events.Log, p *projections.Projection, subject string, fence events.Seq, cause error, last func() (events.Seq, error)) (events.Seq, error) {
	if err := catchUp(ctx, l, p); err != nil {
		return 0, errors.Join(cause, err)
	}
	known, err := last()
	if err != nil || known != fence || errors.Is(cause, events.ErrUnknown) {
		return known, err
	}
	// The fold knows nothing newer, so something it quarantined stands on the
	// subject. The fence is what the log has; a good event may have come
	// meanwhile, so the projection has to see that as well.
	var stored events.Seq
	if err := l.ReadSubject(ctx, subject, func(m events.Message) error {
		stored = m.Seq
		return nil
	}); err != nil {
		return 0, errors.Join(cause, err)
	}
	if err := p.Wait(ctx, stored); err != nil {
		return 0, errors.Join(cause, err)
	}
	known, err = last()
	return max(known, stored), err
}

// catchUp waits until the projection has what the log has.
func catchUp(ctx context.Context, l events.Log, p *projections.Projection) error {
	end, err := l.End(ctx)
	if err != nil {
		return err
	}
	return p.Wait(ctx, end.Seq)
}

// record encodes one event of a push.
func record(partition int, app, push string, now time.Time, k events.Kind, data events.Data) (events.Record, error) {
	return encode(partition, &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: now}, Data: data})
}

func encode(partition int, e *events.Event) (events.Record, error) {
	if err := events.Check(e); err != nil {
		return events.Record{}, err
	}
	body, err := events.Encode(e)
	if err != nil {
		return events.Record{}, err
	}
	channel := ""
	if c, ok := e.Data.(*events.Command); ok {
		channel = c.Channel
	}
	return events.Record{Subject: events.Subject(partition, e.App, e.Kind, e.Push, channel), Data: body}, nil
}
