package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// ReadLeases returns the nodes that are there and the leases that are held, both by
// name, without taking part. Where no node ever ran there are none. Like List it
// judges by the clock of the servers.
func ReadLeases(ctx context.Context, conn *nats.Conn) (nodes []Member, leases []Lease, err error) {
	api, err := js.New(conn)
	if err != nil {
		return nil, nil, fmt.Errorf("open JetStream: %w", err)
	}
	l := &Leases{bucket: leaseStore{conn: conn, api: api}}
	l.bucket.kv, err = api.KeyValue(ctx, leaseBucket)
	if errors.Is(err, js.ErrBucketNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open bucket %s: %w", leaseBucket, err)
	}
	if nodes, err = l.Nodes(ctx); err != nil {
		return nil, nil, err
	}
	leases, err = l.List(ctx)
	return nodes, leases, err
}
