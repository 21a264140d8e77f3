package dispatch_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// impatient makes a worker that stops give its calls no time.
func impatient(c *dispatch.WorkerConfig) { c.StopTimeout, c.Calls = 50*time.Millisecond, 2 }

// handing is a queue that notes what was put back, and for how long.
type handing struct {
	events.Queue
	back chan time.Duration
}

func (q *handing) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	return q.Queue.Consume(ctx, name, filter, workers, func(ctx context.Context, d events.Delivery) {
		handle(ctx, &handingDelivery{d, q})
	})
}

type handingDelivery struct {
	events.Delivery
	q *handing
}

func (d *handingDelivery) Retry(ctx context.Context, after time.Duration) error {
	err := d.Delivery.Retry(ctx, after)
	if err == nil {
		d.q.back <- after
	}
	return err
}

// TestStopFinishesCalls: a worker that stops lets the calls under way finish,
// begins no other, and puts the rest back for the next worker to go on with at once.
func TestStopFinishesCalls(t *testing.T) {
	w := newWorld(t)
	emitter, gate := gated(channels.Row{})
	queue := &handing{w.queue, make(chan time.Duration, 10)}
	first := w.work("apns", emitter, func(c *dispatch.WorkerConfig) { c.Calls, c.Queue = 2, queue })
	w.plan()
	w.create("p1")
	devices := names("d", 40)
	w.fact(events.PushSent, "p1", "apns", devices...)
	id := w.recall("p1", channels.Recall)
	<-gate.reached
	<-gate.reached
	first.stop()
	close(gate.open)
	first.halt(t)
	if n := len(emitter.Calls()); n != 2 {
		t.Errorf("%d calls were made, want the 2 that were under way", n)
	}
	select {
	case after := <-queue.back:
		if after != 0 {
			t.Errorf("the command was put back for %s", after)
		}
	default:
		t.Error("the command was not put back")
	}
	w.work("apns", emitter)
	w.balanced(w.settled(id))
	w.ended(id, "apns", devices, "accepted")
	for _, d := range devices {
		if n := emitter.CallsFor("p1", d); n != 1 {
			t.Errorf("%s was called %d times, want 1", d, n)
		}
	}
}

// TestStopCutsCalls: calls that do not finish in time are repeated by the next
// worker where that is harmless, and only those.
func TestStopCutsCalls(t *testing.T) {
	w := newWorld(t)
	slow, gate := gated(channels.Row{})
	first := w.work("apns", slow, impatient)
	w.plan()
	w.create("p1")
	devices := names("d", 20)
	w.fact(events.PushSent, "p1", "apns", devices...)
	id := w.recall("p1", channels.Recall)
	<-gate.reached
	<-gate.reached
	first.halt(t)
	quick := scripted.New(scripted.Config{})
	w.work("apns", quick)
	w.balanced(w.settled(id))
	w.ended(id, "apns", devices, "accepted")
	if a, b := len(slow.Calls()), len(quick.Calls()); a != 2 || b != 20 {
		t.Errorf("%d calls were cut and %d made afterwards, want 2 and 20", a, b)
	}
}

// TestStopCutsForced: where a repeated call does harm, one that was cut is a
// dead letter and nobody is called again.
func TestStopCutsForced(t *testing.T) {
	w := newWorld(t)
	slow, gate := gated(channels.Row{})
	first := w.work("vivo", slow, impatient)
	w.plan()
	w.create("p1")
	devices := names("d", 20)
	w.fact(events.PushSent, "p1", "vivo", devices...)
	id := w.forced("p1")
	<-gate.reached
	first.halt(t)
	w.balanced(w.settled(id))
	w.ended(id, "vivo", devices, "refused unknown-result")
	quick := scripted.New(scripted.Config{})
	w.work("vivo", quick)
	if n, err := dispatch.Redrive(w.ctx, w.log, w.projection, app, id, w.now()); err != nil || n != 20 {
		t.Errorf("Redrive = %d, %v", n, err)
	}
	w.await("accepted", func() bool { return w.view(id).Total.Accepted == 20 })
	if a, b := len(slow.Calls()), len(quick.Calls()); a != 1 || b != 1 {
		t.Errorf("%d call was cut and %d made afterwards, want 1, and 1 for the re-drive", a, b)
	}
}

// forgetful is a queue whose server was killed before it wrote down what it had
// given out: every command comes as if for the first time.
type forgetful struct{ events.Queue }

func (q forgetful) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	return q.Queue.Consume(ctx, name, filter, workers, func(ctx context.Context, d events.Delivery) {
		handle(ctx, firstDelivery{d})
	})
}

type firstDelivery struct{ events.Delivery }

func (firstDelivery) Attempt() int { return 1 }

// TestCrash: after a crash in the middle of calls the next worker goes on, also
// when the queue forgot that there was one before. It repeats what is harmless;
// the rest are dead letters.
func TestCrash(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	conn := connect(t, w.srv)
	log, err := jetstream.Open(w.ctx, jetstream.Config{Conn: conn})
	if err != nil {
		t.Fatal(err)
	}
	slow, gate := gated(channels.Row{})
	ctx, kill := context.WithCancel(w.ctx)
	dead := make(chan error, 2)
	for _, channel := range []string{"apns", "vivo"} {
		worker := dispatch.NewWorker(dispatch.WorkerConfig{
			Log: log, Queue: log, Projection: w.projection, Committer: w.committer, Clock: w.now,
			NewID: w.newID, Channel: channel, Emitter: slow, Calls: 1, Workers: 1,
			StopTimeout: time.Millisecond,
		})
		go func() { dead <- worker.Run(ctx) }()
	}
	w.plan()
	devices := names("d", 10)
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", devices...)
	w.create("p2")
	w.fact(events.PushSent, "p2", "vivo", devices...)
	harmless, harmful := w.recall("p1", channels.Recall), w.forced("p2")
	<-gate.reached
	<-gate.reached
	// What the process knew is lost with it: nothing more is heard on its
	// connection, and the results of its calls are never seen.
	conn.Close()
	quick := scripted.New(scripted.Config{})
	forgot := func(c *dispatch.WorkerConfig) { c.Queue = forgetful{w.queue} }
	w.work("apns", quick, forgot)
	w.work("vivo", quick, forgot)
	w.balanced(w.settled(harmless))
	w.balanced(w.settled(harmful))
	w.ended(harmless, "apns", devices, "accepted")
	w.ended(harmful, "vivo", devices, "refused unknown-result")
	for _, c := range quick.Calls() {
		if c.Push == "p2" {
			t.Errorf("%d devices were called again", c.Devices)
		}
	}
	kill()
	for range 2 {
		<-dead
	}
}

// deaf is a queue whose first acknowledgements never arrive.
type deaf struct {
	events.Queue
	lost  atomic.Int64
	heard chan bool
}

func (q *deaf) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	return q.Queue.Consume(ctx, name, filter, workers, func(ctx context.Context, d events.Delivery) {
		handle(ctx, &deafDelivery{d, q})
	})
}

type deafDelivery struct {
	events.Delivery
	q *deaf
}

func (d *deafDelivery) Ack(ctx context.Context) error {
	if d.q.lost.Add(-1) >= 0 {
		return errors.New("no answer")
	}
	defer func() { d.q.heard <- true }()
	return d.Delivery.Ack(ctx)
}

// TestLostAck: a command that comes again although its outcomes are on the log
// makes no call; one that was ended never comes again.
func TestLostAck(t *testing.T) {
	for _, channel := range []string{"harmony", "vivo"} {
		t.Run(channel, func(t *testing.T) {
			w := newWorld(t)
			q := &deaf{Queue: w.queue, heard: make(chan bool, 10)}
			q.lost.Store(3)
			emitter := scripted.New(scripted.Config{})
			var retried atomic.Int64
			first := w.work(channel, emitter, func(c *dispatch.WorkerConfig) {
				c.Queue = q
				c.Observer.Retried = func(string) { retried.Add(1) }
			})
			w.plan()
			w.create("p1")
			devices := names("d", 700)
			w.fact(events.PushSent, "p1", channel, devices...)
			id := w.forced("p1")
			w.settled(id)
			<-q.heard
			<-q.heard
			first.halt(t)
			w.ended(id, channel, devices, "accepted")

			// A later recall tells when the worker has passed all before it.
			after := scripted.New(scripted.Config{})
			w.work(channel, after)
			w.create("p2")
			w.fact(events.PushSent, "p2", channel, "x")
			w.settled(w.forced("p2"))
			if a, b := len(emitter.Calls()), len(after.Calls()); a != 2 || b != 1 || retried.Load() != 3 {
				t.Errorf("%d calls, after the restart %d, %d retries; want 2, 1, 3", a, b, retried.Load())
			}
			w.balanced(w.view(id))
		})
	}
}
