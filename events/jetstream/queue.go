package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

const (
	// ackWait is how long nothing may be heard of a message before it is given
	// to another worker: what a crash leaves behind waits for so long.
	ackWait = 4 * time.Second
	// beat is how often the server is told that a handler still works.
	beat = time.Second
	// pullWait is for how long one request for a message stands.
	pullWait = 9 * time.Second
	// pullPause is the pause after a request that failed.
	pullPause = 100 * time.Millisecond
	// maxInFlight bounds the commands of one queue that wait for a retry.
	maxInFlight = 10_000
)

// Consume implements events.Queue with a durable pull consumer. A message stays
// with its handler for as long as that runs; one not ended comes again, at once
// after an orderly stop and soon after a crash.
func (l *Log) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	c, err := l.openQueue(ctx, js.ConsumerConfig{
		Durable:       name,
		FilterSubject: filter,
		AckPolicy:     js.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		DeliverPolicy: js.DeliverAllPolicy,
		// Messages that wait for a retry stay in flight; they must not keep
		// new ones out.
		MaxAckPending: maxInFlight,
		// As many replicas as the stream: what was ended must stay ended.
		Replicas: 0,
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("open queue %s: %w", name, err)
	}
	if c == nil {
		return nil // ctx ended first
	}
	q := &queue{
		conn: l.conn, partition: l.c.Partition, handle: handle, slots: make(chan struct{}, workers),
		running: map[uint64]bool{}, closed: make(chan struct{}),
	}
	if err := q.run(ctx, c); err != nil {
		return fmt.Errorf("read queue %s: %w", name, err)
	}
	return nil
}

// openQueue makes the consumer, or finds it. A cluster without a leader is waited
// for, at most Config.OpenTimeout.
func (l *Log) openQueue(ctx context.Context, config js.ConsumerConfig) (js.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.OpenTimeout)
	defer cancel()
	for {
		once, stop := context.WithTimeout(ctx, tryTimeout)
		c, err := l.stream.CreateOrUpdateConsumer(once, config)
		stop()
		if err == nil || !temporary(err) || !pause(ctx, tryPause) {
			return c, err
		}
	}
}

// queue is one Consume under way.
type queue struct {
	conn      *nats.Conn
	partition int
	handle    func(context.Context, events.Delivery)
	slots     chan struct{}
	handlers  sync.WaitGroup
	// closed is closed once no message comes any more.
	closed chan struct{}

	mu sync.Mutex
	// running are the messages whose handlers run. A server that heard no beat
	// because it was stalled gives one of them out again.
	running map[uint64]bool
}

func (q *queue) run(ctx context.Context, c js.Consumer) error {
	defer q.handlers.Wait()
	defer close(q.closed)
	lost := q.conn.StatusChanged(nats.CLOSED)
	defer q.conn.RemoveStatusListener(lost)
	for {
		select {
		case q.slots <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		m, err := q.next(ctx, c, lost)
		if m == nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		d := q.newDelivery(m, meta)
		q.handlers.Go(func() { q.deliver(ctx, d) })
	}
}

// next asks for one message until one comes; nil when ctx or the connection
// ended. A message is asked for only when a worker is free: one that waits here
// would count as being worked on, and come again while it still waits.
//
// Each is a request of its own. The client's iterator holds back its request
// when the answer to the one before came too fast for it, which it makes good
// only after a missed heartbeat: with one message at a time a queue then stands
// still for 30 seconds.
func (q *queue) next(ctx context.Context, c js.Consumer, lost <-chan nats.Status) (js.Msg, error) {
	for ctx.Err() == nil {
		m, err := q.ask(ctx, c, lost)
		switch {
		case err == nil:
			return m, nil
		case ctx.Err() != nil:
		case q.conn.IsClosed():
			return nil, nats.ErrConnectionClosed
		case errors.Is(err, js.ErrConsumerDeleted), errors.Is(err, js.ErrBadRequest):
			return nil, err
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
			// There was none for a while.
		default:
			// A server that is on its way, down or up, answers so.
			pause(ctx, pullPause)
		}
	}
	return nil, nil
}

// ask makes one request.
func (q *queue) ask(ctx context.Context, c js.Consumer, lost <-chan nats.Status) (js.Msg, error) {
	bounded, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-lost:
			cancel()
		case <-done:
		}
	}()
	return c.Next(js.FetchContext(bounded))
}

func (q *queue) deliver(ctx context.Context, d *delivery) {
	handled := q.enter(d.seq())
	if !handled {
		d.quiet()
	} else if ctx.Err() == nil {
		q.handle(ctx, d)
		d.release()
	}
	<-q.slots
	if handled && !d.ended && ctx.Err() != nil {
		// The queue stops: the next consumer gets the message at once. Before
		// closed it would be given to this one again.
		<-q.closed
		d.handBack(ctx)
	}
}

func (q *queue) enter(seq uint64) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running[seq] {
		return false
	}
	q.running[seq] = true
	return true
}

func (q *queue) leave(seq uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.running, seq)
}

type delivery struct {
	q    *queue
	m    js.Msg
	meta *js.MsgMetadata
	// quiet stops the heartbeat.
	quiet func()
	// ended is true once the server knows the end of the message.
	ended bool
}

func (q *queue) newDelivery(m js.Msg, meta *js.MsgMetadata) *delivery {
	d := &delivery{q: q, m: m, meta: meta}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(beat)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				// A beat that fails is made up for by the next one.
				_ = m.InProgress()
			}
		}
	})
	d.quiet = sync.OnceFunc(func() {
		close(done)
		wg.Wait()
	})
	return d
}

func (d *delivery) seq() uint64 { return d.meta.Sequence.Stream }

// release lets the message go, before it is ended: a beat afterwards would undo
// the time a retry was put off by, and the message may come again at once.
func (d *delivery) release() {
	d.quiet()
	d.q.leave(d.seq())
}

func (d *delivery) Message() events.Message {
	return events.Message{
		Position: events.Position{Partition: d.q.partition, Seq: events.Seq(d.seq())},
		Subject:  d.m.Subject(), Data: d.m.Data(), Time: d.meta.Timestamp,
	}
}

func (d *delivery) Attempt() int { return int(d.meta.NumDelivered) }

func (d *delivery) Ack(ctx context.Context) error {
	d.release()
	err := d.m.DoubleAck(ctx)
	d.ended = d.ended || err == nil
	return err
}

// Retry is a negative acknowledgement that the server confirms. It names a delay
// even for none, because the server keeps a delay on disk and forgets a bare
// wish when it stops.
func (d *delivery) Retry(ctx context.Context, after time.Duration) error {
	d.release()
	ctx, cancel := context.WithTimeout(ctx, ackWait)
	defer cancel()
	body := fmt.Sprintf(`-NAK {"delay": %d}`, max(after, 1).Nanoseconds())
	_, err := d.q.conn.RequestWithContext(ctx, d.m.Reply(), []byte(body))
	d.ended = d.ended || err == nil
	return err
}

// handBack puts the message back when the queue stops. If that fails it comes
// again after ackWait.
func (d *delivery) handBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = d.Retry(ctx, 0)
}
