package dispatch

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
)

// bursts is how many bursts a second's worth of calls is spread over: a vendor
// that counts by the second must not see two seconds' worth in one.
const bursts = 10

// pace returns the limiter of the calls of a channel, of whose rate others have
// equal shares.
func pace(channel string, shares int) *rate.Limiter {
	row, ok := channels.Lookup(channels.Native, channel)
	if !ok || row.PerSecond <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(row.PerSecond)/rate.Limit(shares), max(1, row.PerSecond/bursts/shares))
}

// call makes the vendor calls for the devices, in parts as the vendor takes
// them. No call begins once ctx ended; what is then left is noted in r.
func (w *Worker) call(ctx context.Context, r *results, devices []string) {
	if len(devices) == 0 {
		return
	}
	if !r.repeatable && !w.begin(ctx, r, devices) {
		return
	}
	size := len(devices)
	if r.perCall > 0 {
		size = min(size, r.perCall)
	}
	calling, cancel := lasting(ctx, w.c.StopTimeout)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, w.c.Calls)
	g := w.gates.of(r.event.App)
	for part := range slices.Chunk(devices, size) {
		wait, err := w.turn(ctx, slots, g)
		if err != nil || wait > 0 {
			r.leave(wait)
			return
		}
		wg.Go(func() {
			defer func() { <-slots }()
			w.callPart(ctx, calling, r, part)
		})
	}
}

// begin claims the calls of a command that must not be repeated, and reports
// whether they may be made; if not, what becomes of the devices is noted in r.
func (w *Worker) begin(ctx context.Context, r *results, devices []string) bool {
	seq, err := r.claim().begin(ctx)
	switch {
	case err != nil:
		w.c.Logger.WarnContext(ctx, "a command is delayed", "channel", w.c.Channel, "seq", uint64(r.seq), "error", err.Error())
		r.leave(w.backoff(r.attempt))
	case seq == 0:
		// An earlier attempt died without a trace: whether the vendor was called is
		// unknown, and calling again could do harm.
		r.add(events.OutcomeRefused, unknownResult, devices...)
	}
	r.begun = seq
	return seq > 0
}

// callPart calls the vendor for who has not clicked. The turn came first, then
// the look, so it does not matter how long the turn took.
func (w *Worker) callPart(ctx, calling context.Context, r *results, devices []string) {
	err := w.lookout.lately(ctx)
	var asOf events.Seq
	if err == nil {
		devices, asOf, err = w.sift(r, devices)
	}
	if err != nil {
		w.c.Logger.WarnContext(ctx, "a vendor call is delayed", "channel", w.c.Channel, "error", err.Error())
		r.leave(w.backoff(r.attempt))
		return
	}
	if w.c.Mine != nil && !w.c.Mine() {
		// This process was held up, and another node has the channel by now.
		r.leave(0)
		return
	}
	if len(devices) > 0 {
		w.emit(calling, r, devices, asOf)
	}
}

// turn waits until one more call may be made, by number and by rate. Where the
// vendor wants no calls for longer it returns at once how long: a command that
// waits in the queue holds up no other.
func (w *Worker) turn(ctx context.Context, slots chan struct{}, g *gate) (time.Duration, error) {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	wait := g.enter(w.c.Clock())
	var err error
	if wait == 0 {
		err = g.limit.Wait(ctx)
	}
	if err != nil || wait > 0 {
		<-slots
	}
	return wait, err
}

// unknownResult is the reason of a refusal where the vendor may have acted,
// callFailed that of an adapter's error.
const (
	unknownResult = "unknown-result"
	callFailed    = "call-failed"
)

// emit makes one vendor call.
func (w *Worker) emit(ctx context.Context, r *results, devices []string, asOf events.Seq) {
	c := r.command
	cmd := channels.Command{
		App: r.event.App, Push: r.event.Push, Recall: c.Recall, Channel: c.Channel,
		Action: channels.Action(c.Action), Method: channels.Method(c.Method), Devices: devices,
		Slot: c.Slot, Sends: c.Sends, Title: c.Title, Body: c.Body, Replacement: c.Replacement, Forced: c.Forced,
		Attempt: r.attempt, Deadline: c.Deadline, AsOf: asOf,
	}
	start := w.c.Clock()
	reply, err := w.vendor(ctx, cmd, r.event.Trace)
	if w.c.Observer.Called != nil {
		w.c.Observer.Called(w.c.Channel, len(devices), w.c.Clock().Sub(start))
	}
	if err != nil {
		w.c.Logger.WarnContext(ctx, "a vendor call failed", "channel", w.c.Channel, "devices", len(devices), "attempt", r.attempt, "error", err.Error())
		reply = channels.All(cmd, channels.Unknown, callFailed)
	}
	g := w.gates.of(cmd.App)
	g.left(w.c.Clock(), reply)
	if w.c.Observer.Gate != nil {
		w.c.Observer.Gate(cmd.App, w.c.Channel, g.closed())
	}
	for i, x := range reply.Results {
		switch {
		case x.Verdict == channels.Throttled, x.Verdict == channels.Unknown && r.repeatable:
			r.leave(max(w.backoff(r.attempt), min(reply.RetryAfter, c.Deadline.Sub(start))))
		case x.Verdict == channels.Accepted:
			r.addSent(events.OutcomeAccepted, x.Reason, x.Send, devices[i])
		case x.Verdict == channels.Confirmed:
			r.addSent(events.OutcomeConfirmed, x.Reason, x.Send, devices[i])
		case x.Verdict == channels.Unsupported:
			r.add(events.OutcomeUnsupported, x.Reason, devices[i])
		case x.Verdict == channels.Refused:
			r.add(events.OutcomeRefused, x.Reason, devices[i])
		default:
			r.add(events.OutcomeRefused, unknownResult, devices[i])
		}
	}
}

// vendor calls the adapter, once for all commands that name the same whole sends.
// event is the trace context of the command.
func (w *Worker) vendor(ctx context.Context, c channels.Command, event string) (channels.Reply, error) {
	if !wholeSendOf(c) {
		return w.traced(ctx, c, event)
	}
	return w.sends.emit(ctx, c, func() (channels.Reply, error) { return w.traced(ctx, c, event) })
}

// guarded calls the adapter and checks that it answers for every device in
// order. A panic in it is an unknown result, not the end of the node.
func (w *Worker) guarded(ctx context.Context, c channels.Command) (reply channels.Reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, w.c.CallTimeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the adapter of channel %s panicked: %v", c.Channel, p)
		}
	}()
	// The adapter gets a list of its own: what is recorded must not depend on
	// what it does with it.
	own := c
	own.Devices = slices.Clone(c.Devices)
	if reply, err = w.c.Emitter.Emit(ctx, own); err != nil {
		return reply, err
	}
	if len(reply.Results) != len(c.Devices) {
		return reply, fmt.Errorf("the adapter answered for %d of %d devices", len(reply.Results), len(c.Devices))
	}
	for i, x := range reply.Results {
		if x.Device != c.Devices[i] {
			return reply, fmt.Errorf("the adapter's answer %d is for another device than the command's", i)
		}
	}
	return reply, nil
}

// traced is guarded in a span.
func (w *Worker) traced(ctx context.Context, c channels.Command, event string) (channels.Reply, error) {
	ctx, span, _ := tracing.Follow(ctx, w.c.Tracer, event, tracing.Call, trace.SpanKindClient)
	reply, err := w.guarded(ctx, c)
	if span.IsRecording() {
		describe(span, c, reply)
	}
	tracing.End(span, err)
	return reply, err
}

// describe notes on the span of a vendor call what it was about and what came of it.
func describe(span trace.Span, c channels.Command, reply channels.Reply) {
	span.SetAttributes(tracing.App.String(c.App), tracing.Push.String(c.Push), tracing.Recall.String(c.Recall), tracing.Channel.String(c.Channel),
		tracing.Method.String(string(c.Method)), tracing.Attempt.Int(c.Attempt), tracing.Devices.Int(len(c.Devices)))
	counts := map[channels.Verdict]int{}
	for _, x := range reply.Results {
		counts[x.Verdict]++
	}
	for v, n := range counts {
		span.SetAttributes(attribute.Int(tracing.Verdict+string(v), n))
	}
}

// lasting returns a context that ends a while after ctx does.
func lasting(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	long, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-t.C:
			cancel()
		case <-long.Done():
		}
	})
	return long, func() {
		stop()
		cancel()
	}
}
