package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// behindLog is a log whose leader has not stored what another server gives out
// already: it tells an old end, and its readers do not see what came after.
type behindLog struct {
	events.Log
	end events.Seq
	// caught is closed when the leader has caught up.
	caught chan struct{}
}

func (b *behindLog) End(ctx context.Context) (events.Position, error) {
	select {
	case <-b.caught:
		return b.Log.End(ctx)
	default:
		return events.Position{Partition: b.Partition(), Seq: b.end}, nil
	}
}

func (b *behindLog) Follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	return b.Log.Follow(ctx, from, func(m events.Message) error {
		if m.Seq > b.end {
			select {
			case <-b.caught:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return handle(m)
	})
}

// ackQueue tells when a message is ended.
type ackQueue struct {
	events.Queue
	acked func()
}

func (q ackQueue) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	return q.Queue.Consume(ctx, name, filter, workers, func(ctx context.Context, d events.Delivery) { handle(ctx, ackDelivery{d, q.acked}) })
}

type ackDelivery struct {
	events.Delivery
	acked func()
}

func (d ackDelivery) Ack(ctx context.Context) error {
	d.acked()
	return d.Delivery.Ack(ctx)
}

// TestLeaderBehind: in a cluster a command can be given out by a server that is
// ahead of the log's leader. It is carried out when the projection has it, and not
// taken for one that asks for nothing (L7, L8).
func TestLeaderBehind(t *testing.T) {
	w := newWorld(t)
	w.create("p1")
	w.fact(events.DisplayShown, "p1", "harmony", "d-0001", "d-0002")
	recall := w.recall("p1", channels.Recall)
	end, err := w.log.End(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	behind := &behindLog{Log: w.log, end: end.Seq, caught: make(chan struct{})}
	catchUp := sync.OnceFunc(func() { close(behind.caught) })
	t.Cleanup(catchUp)
	view := w.projectOn(behind)
	acked := make(chan struct{}, 1)
	emitter := scripted.New(scripted.Config{})
	w.work("harmony", emitter, func(c *dispatch.WorkerConfig) {
		c.Log, c.Projection = behind, view
		c.Queue = ackQueue{w.queue, func() {
			select {
			case acked <- struct{}{}:
			default:
			}
		}}
	})
	w.plan()
	w.await("commanded", func() bool { return w.view(recall).Total.Pending == 2 })
	select {
	case <-acked:
		t.Error("the command was ended before the projection had it")
	case <-time.After(200 * time.Millisecond):
		// As it should be. More time would only find the mistake more surely.
	}
	catchUp()
	v := w.settled(recall)
	if want := (projections.RecallCounts{Planned: 2, Accepted: 2}); v.Total != want {
		t.Errorf("the recall counts %+v, want %+v", v.Total, want)
	}
}
