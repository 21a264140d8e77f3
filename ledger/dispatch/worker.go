package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// WorkerConfig configures a Worker.
type WorkerConfig struct {
	Log        events.Log
	Queue      events.Queue
	Projection *projections.Projection
	Committer  *events.Committer
	Clock      func() time.Time
	// NewID makes an id that nobody else makes: of an attempt to carry out a command
	// whose calls must not be repeated.
	NewID  func() string
	Logger *slog.Logger
	// Channel is the channel whose commands are carried out by Emitter. A nil
	// Emitter ends them as unsupported.
	Channel string
	Emitter channels.Emitter
	// Gates are shared by the workers of a channel; nil when this is the only one.
	Gates *Gates
	// Home returns the partition of a push and its committer, for the facts of the
	// new push of an override. Nil when there is one partition.
	Home func(ctx context.Context, app, push string) (partition int, c *events.Committer, err error)
	// Mine reports whether the channel is certainly still this node's to serve; it
	// is asked right before every vendor call. Nil when no other node serves it.
	Mine func() bool
	// Workers is how many commands are carried out at once. Default 4.
	Workers int
	// Calls is how many vendor calls of one command are under way at once.
	// Default 64.
	Calls int
	// BackoffMin and BackoffMax bound the wait before a command is tried
	// again. Defaults 500 milliseconds and 5 minutes.
	BackoffMin, BackoffMax time.Duration
	// CallTimeout bounds one vendor call. Default 20 seconds.
	CallTimeout time.Duration
	// StopTimeout is how long calls under way may take when the worker stops,
	// and then how long their results may take to be recorded. Default 4 seconds.
	StopTimeout time.Duration
	Observer    Observer
	// Tracer begins a span for each vendor call; nil makes none.
	Tracer trace.Tracer
}

// Observer is told what happens, for metrics. Nil functions are not called.
type Observer struct {
	// Called is told of every vendor call.
	Called func(channel string, devices int, d time.Duration)
	// Ended is told of outcomes as they are recorded.
	Ended func(channel string, k events.Kind, devices int)
	// Retried is told of commands that must be tried again.
	Retried func(channel string)
	// Gate is told after every call whether the app's calls are held back,
	// because too many failed.
	Gate func(app, channel string, closed bool)
}

// Worker carries out the commands of one channel.
type Worker struct {
	c       WorkerConfig
	gates   *Gates
	sends   wholeSends
	lookout lookout
}

// NewWorker returns a worker; Run makes it work.
func NewWorker(c WorkerConfig) *Worker {
	if c.Workers == 0 {
		c.Workers = 4
	}
	if c.Calls == 0 {
		c.Calls = 64
	}
	if c.BackoffMin == 0 {
		c.BackoffMin = 500 * time.Millisecond
	}
	if c.BackoffMax == 0 {
		c.BackoffMax = 5 * time.Minute
	}
	if c.CallTimeout == 0 {
		c.CallTimeout = 20 * time.Second
	}
	if c.StopTimeout == 0 {
		c.StopTimeout = 4 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Gates == nil {
		c.Gates = NewGates(c.Channel)
	}
	return &Worker{c: c, gates: c.Gates, lookout: lookout{log: c.Log, projection: c.Projection, clock: c.Clock}}
}

// Run works until ctx ends (nil) or the queue fails. When ctx ends no further
// call begins; those under way may finish, and what came of them is recorded
// before Run returns. So the committer and the projection must run longer. It may
// be called again when it has returned.
func (w *Worker) Run(ctx context.Context) error {
	name := fmt.Sprintf("emit-%d-%s", w.c.Log.Partition(), w.c.Channel)
	filter := events.CommandFilter(w.c.Log.Partition(), w.c.Channel)
	return w.c.Queue.Consume(ctx, name, filter, w.c.Workers, w.handle)
}

func (w *Worker) handle(ctx context.Context, d events.Delivery) {
	recording, cancel := lasting(ctx, 2*w.c.StopTimeout)
	defer cancel()
	left, after, err := w.carryOut(ctx, recording, d)
	if err == nil && !left {
		// What came of it is durable. A crash right here delivers the command
		// once more, and its outcomes are found on the log then.
		if err = d.Ack(recording); err == nil {
			return
		}
	}
	if ctx.Err() != nil {
		after = 0 // the next process, or another node, goes on at once
	} else if err != nil {
		after = w.backoff(d.Attempt())
		w.c.Logger.WarnContext(ctx, "a command is delayed", "channel", w.c.Channel, "seq", uint64(d.Message().Seq), "error", err.Error())
	}
	if w.c.Observer.Retried != nil {
		w.c.Observer.Retried(w.c.Channel)
	}
	if err := d.Retry(recording, after); err != nil {
		w.c.Logger.WarnContext(ctx, "a command could not be put back; it comes again by itself", "channel", w.c.Channel, "error", err.Error())
	}
}

// backoff doubles with every attempt.
func (w *Worker) backoff(attempt int) time.Duration {
	d := w.c.BackoffMin
	for range min(attempt-1, 20) {
		if d *= 2; d >= w.c.BackoffMax {
			return w.c.BackoffMax
		}
	}
	return d
}

// carryOut does what the command still asks for. It says whether anything is
// left, and how long to wait before that is tried again.
func (w *Worker) carryOut(ctx, recording context.Context, d events.Delivery) (left bool, after time.Duration, err error) {
	m := d.Message()
	e, err := events.Decode(m.Data)
	if err == nil {
		err = events.CheckSubject(m.Subject, m.Partition, &e.Header)
	}
	if err != nil {
		// The projection quarantined it: it commands nothing.
		w.c.Logger.WarnContext(ctx, "a message on a command subject is no command", "seq", uint64(m.Seq), "error", err.Error())
		return false, 0, nil
	}
	// CheckSubject lets nothing else stand on a command subject.
	c := e.Data.(*events.Command)
	row, _ := channels.Lookup(channels.Native, w.c.Channel)
	r := &results{
		w: w, event: e, command: c, seq: m.Seq, attempt: d.Attempt(),
		perCall: row.PerCall, repeatable: row.Repeatable && !c.Forced,
	}
	var rest []string
	if err = w.lookout.now(ctx); err == nil {
		// The queue may be ahead of the log's leader, whose end that was. Without
		// the command itself the projection would say that nothing is asked for.
		err = w.c.Projection.Wait(ctx, m.Seq)
	}
	if err == nil {
		rest, _, err = w.sift(r, c.Devices)
	}
	if err == nil {
		w.call(ctx, r, rest)
	}
	// Whatever went wrong, what is known of devices is recorded first: a result
	// that is lost here would be asked of the vendor again.
	if err := r.commit(recording); err != nil {
		return true, 0, err
	}
	if r.left && r.begun > 0 {
		// A crash right here leaves the claim open: who is left ends as of unknown
		// result, though nobody was called for them.
		if err := r.claim().end(recording, r.begun); err != nil {
			return true, r.after, err
		}
	}
	return r.left, r.after, err
}
