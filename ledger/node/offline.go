package node

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// Offline is the data of a node that does not run: its log, for reading, and
// where its projection is.
type Offline struct {
	n *Node
	// Projection is the folder of the projection; it may not be there.
	Projection string
}

// OpenOffline opens the data of a node that is stopped, and keeps one from
// starting until Close. It needs a log that is there: none is made.
func OpenOffline(ctx context.Context, c Config) (*Offline, error) {
	c.setDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.NATS.URL == "" {
		if _, err := os.Stat(c.logDir()); err != nil {
			return nil, fmt.Errorf("there is no log in %s: %w", c.Data, err)
		}
	}
	o := &Offline{n: &Node{c: c, clients: newVendorClients()}, Projection: c.projectionDir()}
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
	if n.lock, err = lock(n.c.Data); err != nil {
		return err
	}
	if err := n.connect(); err != nil {
		return err
	}
	n.log, err = jetstream.Open(ctx, jetstream.Config{Conn: n.conn, Settings: jetstream.Settings{
		Replicas: n.c.NATS.Replicas, MaxAge: n.c.Log.MaxAge, MaxBytes: n.c.Log.MaxBytes,
	}})
	return err
}

// Log is the log. It must not be written to.
func (o *Offline) Log() events.Log { return o.n.log }

// Close gives the data back.
func (o *Offline) Close() error { return o.n.close() }
