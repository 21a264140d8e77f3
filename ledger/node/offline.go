package node

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/recall-ledger/recall-ledger/events"
)

// Offline is the data of a node that does not run: its log, for reading, and
// where its projection is.
type Offline struct {
	n *Node
}

// OpenOffline opens the data of a node that is stopped, and keeps one from
// starting until Close. It needs a log that is there: none is made.
func OpenOffline(ctx context.Context, c Config) (*Offline, error) {
	c.setDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if !c.NATS.external() {
		if _, err := os.Stat(c.folder().Log()); err != nil {
			return nil, fmt.Errorf("there is no log in %s: %w", c.Data, err)
		}
	}
	o := &Offline{n: &Node{c: c, clients: newVendorClients()}}
	// Nobody connects to what is only read.
	o.n.c.Devices.Listen = ""
	if err := o.open(ctx); err != nil {
		return nil, errors.Join(err, o.n.close())
	}
	return o, nil
}

func (o *Offline) open(ctx context.Context) error {
	var err error
	n := o.n
	if err := os.MkdirAll(n.c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if n.lock, err = n.c.folder().Lock(); err != nil {
		return err
	}
	if err := n.connect(ctx); err != nil {
		return err
	}
	return n.openLogs(ctx)
}

// Logs are those of all partitions, in order. They must not be written to.
func (o *Offline) Logs() []events.Log {
	list := make([]events.Log, len(o.n.logs))
	for i, l := range o.n.logs {
		list[i] = l
	}
	return list
}

// Projection is the folder of a partition's projection; it may not be there.
func (o *Offline) Projection(partition int) string { return o.n.c.folder().Projection(partition) }

// Close gives the data back.
func (o *Offline) Close() error { return o.n.close() }
