package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// prefetch bounds what the server sends ahead of the reader, in bytes and
// messages: a packed fact may be large, a single one is small.
const (
	prefetchMessages = 2000
	prefetchBytes    = 16 << 20
)

// Read implements events.Log.
func (l *Log) Read(ctx context.Context, r events.Range, handle func(events.Message) error) error {
	info, err := l.Info(ctx)
	if err != nil {
		return err
	}
	to := r.To
	if to == 0 || to > info.Last {
		to = info.Last
	}
	from := max(r.From, info.First, 1)
	if to == 0 || from > to {
		return nil
	}
	done := errors.New("done")
	err = l.consume(ctx, from, r.Filter, to, func(m events.Message, pending uint64) error {
		if m.Seq > to {
			return done
		}
		if err := handle(m); err != nil {
			return err
		}
		if m.Seq == to || pending == 0 {
			return done
		}
		return nil
	})
	if errors.Is(err, done) {
		return nil
	}
	return err
}

// Follow implements events.Log.
func (l *Log) Follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	next := max(from, 1)
	return l.consume(ctx, next, "", 0, func(m events.Message, pending uint64) error {
		if m.Seq != next {
			return fmt.Errorf("the log has a gap: expected sequence %d of stream %s, found %d; check the disk and restore the stream from a backup", next, l.name, m.Seq)
		}
		next++
		m.Last = pending == 0
		return handle(m)
	})
}

// consume runs an ordered consumer. The client recreates it on a lost
// connection or a missed message.
func (l *Log) consume(ctx context.Context, from events.Seq, filter string, to events.Seq, handle func(events.Message, uint64) error) error {
	cfg := js.OrderedConsumerConfig{
		DeliverPolicy:     js.DeliverByStartSequencePolicy,
		OptStartSeq:       uint64(from),
		InactiveThreshold: time.Minute,
	}
	if filter != "" {
		cfg.FilterSubjects = []string{filter}
	}
	c, err := l.stream.OrderedConsumer(ctx, cfg)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", l.name, err)
	}
	if to != 0 && c.CachedInfo().NumPending == 0 {
		return nil
	}
	it, err := c.Messages(js.PullMaxMessagesWithBytesLimit(prefetchMessages, prefetchBytes))
	if err != nil {
		return fmt.Errorf("read stream %s: %w", l.name, err)
	}
	defer it.Stop()
	for {
		m, err := it.Next(js.NextContext(ctx))
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("read stream %s: %w", l.name, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return fmt.Errorf("read stream %s: %w", l.name, err)
		}
		err = handle(events.Message{
			Position: events.Position{Partition: l.c.Partition, Seq: events.Seq(meta.Sequence.Stream)},
			Subject:  m.Subject(),
			Data:     m.Data(),
			Time:     meta.Timestamp,
		}, meta.NumPending)
		if err != nil {
			return err
		}
	}
}
