package node

import (
	"context"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// openLeases makes what says which work is this node's. A node with a server of
// its own is alone with its log, for which the lock of the data folder stands.
func (n *Node) openLeases(ctx context.Context) error {
	if !n.c.NATS.external() {
		return nil
	}
	var err error
	n.leases, err = jetstream.OpenLeases(ctx, jetstream.LeaseConfig{
		Conn: n.conn, Node: n.name, Info: n.c.HTTP.Listen,
		Replicas: n.c.NATS.Replicas, Logger: n.c.Logger,
	})
	if err != nil {
		return fmt.Errorf("leases: %w", err)
	}
	return nil
}
