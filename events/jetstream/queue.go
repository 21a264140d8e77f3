package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// ackWait is how long a worker may be silent before its message is given to
// another one.
const ackWait = 30 * time.Second

// Consume implements events.Queue with a durable pull consumer. A message not
// ended comes again, also after a crash.
func (l *Log) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	c, err := l.stream.CreateOrUpdateConsumer(ctx, js.ConsumerConfig{
		Durable:       name,
		FilterSubject: filter,
		AckPolicy:     js.AckExplicitPolicy,
		AckWait:       ackWait,
		MaxDeliver:    -1,
		DeliverPolicy: js.DeliverAllPolicy,
		// Messages that wait for a retry stay in flight; they must not keep
		// new ones out.
		MaxAckPending: maxInFlight,
	})
	if err != nil {
		return fmt.Errorf("open queue %s: %w", name, err)
	}
	it, err := c.Messages(js.PullMaxMessages(2 * workers))
	if err != nil {
		return fmt.Errorf("open queue %s: %w", name, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, it.Stop)
	defer stop()
	slots := make(chan struct{}, workers)
	for {
		slots <- struct{}{}
		m, err := it.Next()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, js.ErrMsgIteratorClosed) {
				return nil
			}
			return fmt.Errorf("read queue %s: %w", name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read queue %s: %w", name, err)
		}
		wg.Go(func() {
			defer func() { <-slots }()
			handle(ctx, &delivery{m: m, meta: meta, partition: l.c.Partition})
		})
	}
}

// maxInFlight bounds the commands of one queue that wait for a retry.
const maxInFlight = 10_000

type delivery struct {
	m         js.Msg
	meta      *js.MsgMetadata
	partition int
}

func (d *delivery) Message() events.Message {
	return events.Message{
		Position: events.Position{Partition: d.partition, Seq: events.Seq(d.meta.Sequence.Stream)},
		Subject:  d.m.Subject(), Data: d.m.Data(), Time: d.meta.Timestamp,
	}
}

func (d *delivery) Attempt() int { return int(d.meta.NumDelivered) }

func (d *delivery) Ack(ctx context.Context) error { return d.m.DoubleAck(ctx) }

func (d *delivery) Retry(_ context.Context, after time.Duration) error {
	return d.m.NakWithDelay(after)
}

func (d *delivery) Extend(context.Context) error { return d.m.InProgress() }
