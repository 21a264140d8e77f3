package jetstream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/recall-ledger/recall-ledger/events"
)

// Ceiling publishes as fast as a stream with the log's own settings takes it: the
// yardstick beside which the log is measured. Nothing of the product writes by
// it: it checks nothing, fences nothing and tells no outcome apart (L1).
type Ceiling struct{ api js.JetStream }

// OpenCeiling creates the partition's stream, as Open does.
func OpenCeiling(ctx context.Context, c Config) (*Ceiling, error) {
	l, err := Open(ctx, c)
	if err != nil {
		return nil, err
	}
	return &Ceiling{api: l.api}, nil
}

// Batch is messages that are ready to be published once.
type Batch struct{ msgs []*nats.Msg }

// NewBatch prepares at most events.MaxBatch records, so that what is measured is
// the publishing alone.
func NewBatch(records []events.Record) Batch {
	msgs := make([]*nats.Msg, len(records))
	for i, r := range records {
		msgs[i] = &nats.Msg{Subject: r.Subject, Data: r.Data, Header: nats.Header{}}
	}
	return Batch{msgs}
}

// Publish returns once the server has fsynced the batch: one message as a plain
// publish, several as an atomic batch. It may be called concurrently.
func (c *Ceiling) Publish(ctx context.Context, b Batch) error {
	var err error
	if len(b.msgs) == 1 {
		_, err = c.api.PublishMsg(ctx, b.msgs[0], js.WithRetryAttempts(0))
	} else {
		_, err = jetstreamext.PublishMsgBatch(ctx, c.api, b.msgs, jetstreamext.BatchFlowControl{AckFirst: false})
	}
	if err != nil {
		return fmt.Errorf("publish a raw batch: %w", err)
	}
	return nil
}
