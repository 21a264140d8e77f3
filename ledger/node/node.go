package node

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/remote"
	"github.com/recall-ledger/recall-ledger/ledger/replay"
)

// Node is an assembled ledger.
type Node struct {
	c Config
	// name is node.id and something random, which keeps a node apart from its own
	// past: what it held before a crash is another's until it expires.
	name   string
	lock   *os.File
	server *embedded.Server
	conn   *jetstream.Conn
	// logs are those of all partitions, in order, and ledger is all of them.
	logs   []*jetstream.Log
	ledger *partition.Set
	// elsewhere ask for the partitions that other nodes serve.
	elsewhere []*remote.Client
	past      *replay.Replays
	secrets   selfbuilt.Credentials
	// vendors are the credentials of the facades.
	vendors *facade.Credentials
	// texts are the templates their pushes name.
	texts *facade.Templates
	// clients call the vendors of the channels, for emitters, by channel.
	clients  vendorClients
	emitters map[string]channels.Emitter
	// jobs act on the log; leases say which are this node's, nil when all are.
	jobs   []job
	leases *jetstream.Leases
	// servers are those of an external log; watch looks for their troubles, and mover
	// moves leaders, at the node that has the lease.
	servers      *jetstream.Servers
	watch, mover *jetstream.Watch
	// exporting is nil when no spans are made.
	exporting *exporting
	http      *http.Server
	address   string
	// since are the ends of the logs when the node started.
	since  events.Positions
	stats  *meters
	survey *survey
	held   held
	listen func() error
}

// Start opens everything a node needs, up to listening sockets. Run serves.
func Start(ctx context.Context, c Config) (*Node, error) {
	c.setDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	n := &Node{c: c, name: c.Node.ID + "-" + newID(), clients: newVendorClients()}
	if c.Tracing.Vendors {
		n.clients.propagate()
	}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	var err error
	if err := os.MkdirAll(n.c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	if n.lock, err = n.c.folder().Lock(); err != nil {
		return err
	}
	if n.emitters, err = n.c.emitters(n.clients); err != nil {
		return err
	}
	if n.exporting, err = newExporting(ctx, &n.c); err != nil {
		return err
	}
	if n.exporting != nil && n.c.Tracer == nil {
		n.c.Tracer = n.exporting.provider.Tracer("github.com/recall-ledger/recall-ledger")
	}
	for _, v := range n.c.Vendors {
		n.c.Logger.InfoContext(ctx, "a vendor is configured", "app", v.App, "channel", v.Channel)
	}
	key, err := secret(n.c.Data)
	if err != nil {
		return fmt.Errorf("device secret: %w", err)
	}
	n.secrets = selfbuilt.Credentials{Secret: key}
	if err := n.secrets.Validate(); err != nil {
		return fmt.Errorf("device secret: %w", err)
	}
	if n.vendors, err = facade.OpenCredentials(n.c.Data); err != nil {
		return fmt.Errorf("facade credentials: %w", err)
	}
	if err := n.vendors.Fix(n.c.facades()); err != nil {
		return err
	}
	if n.texts, err = facade.OpenTemplates(n.c.Data); err != nil {
		return err
	}
	if err := n.connect(ctx); err != nil {
		return err
	}
	if err := n.openPartitions(ctx); err != nil {
		return err
	}
	if err := n.openPast(); err != nil {
		return err
	}
	if err := n.openLeases(ctx); err != nil {
		return err
	}
	if err := n.openHTTP(ctx); err != nil {
		return err
	}
	return n.openJobs()
}

// Address returns the API's host:port.
func (n *Node) Address() string { return n.address }

// DeviceURL returns where devices connect, "" when they cannot.
func (n *Node) DeviceURL() string {
	if n.c.Devices.URL != "" || n.server == nil || n.server.DeviceAddress() == "" {
		return n.c.Devices.URL
	}
	scheme := "ws://"
	if n.c.Devices.TLSCert != "" {
		scheme = "wss://"
	}
	return scheme + n.server.DeviceAddress()
}

// Sender hands pushes to the devices of the self-built channel that are
// connected.
func (n *Node) Sender() selfbuilt.Sender { return selfbuilt.Sender{Conn: n.conn} }

// stopTimeout bounds how long requests under way may take when the node stops.
const stopTimeout = 10 * time.Second

// healthEvery is how often the embedded server is looked after.
const healthEvery = 5 * time.Second

// Run serves until ctx ends, then stops gracefully and returns nil; or until a
// part fails, then it stops the same way and returns why. The order of stopping
// is what keeps promises: no new requests; no new commands; what was accepted
// is written; the projection is saved; the log is closed.
func (n *Node) Run(ctx context.Context) error {
	outer, front := errgroup.WithContext(ctx)
	// The stages behind outlive the ones in front of them.
	base := context.WithoutCancel(ctx)
	workCtx, stopWork := context.WithCancel(base)
	writeCtx, stopWrite := context.WithCancel(base)
	foldCtx, stopFold := context.WithCancel(base)
	defer stopWork()
	defer stopWrite()
	defer stopFold()
	var work, write, fold errgroup.Group

	// run gives a part's failure to the outer group, so that the node stops.
	failed := make(chan error, 64)
	run := func(g *errgroup.Group, ctx context.Context, f func(context.Context) error) {
		g.Go(func() error {
			err := f(ctx)
			if err != nil {
				failed <- err
			}
			return err
		})
	}
	for _, p := range n.ledger.Parts() {
		if p.Local != nil {
			run(&fold, foldCtx, p.Local.Run)
		}
		run(&write, writeCtx, p.Committer.Run)
	}
	for _, c := range n.elsewhere {
		run(&fold, foldCtx, c.Run)
	}
	if n.leases != nil {
		// They are given back once the work under them has ended.
		run(&write, writeCtx, n.leases.Run)
	}
	for _, j := range n.jobs {
		run(&work, workCtx, n.alone(j))
	}
	outer.Go(func() error {
		select {
		case <-front.Done():
			return nil
		case err := <-failed:
			return err
		}
	})
	outer.Go(n.serve)
	outer.Go(func() error {
		<-front.Done()
		stopCtx, cancel := context.WithTimeout(base, stopTimeout)
		defer cancel()
		return n.stopHTTP(stopCtx)
	})
	err := outer.Wait()
	stopWork()
	err = errors.Join(err, work.Wait())
	stopWrite()
	err = errors.Join(err, write.Wait())
	stopFold()
	err = errors.Join(err, fold.Wait(), n.close())
	if err != nil {
		return fmt.Errorf("the node stopped: %w", err)
	}
	return nil
}

// close gives everything back, in the order that keeps what was accepted.
func (n *Node) close() error {
	var errs []error
	if n.http != nil {
		errs = append(errs, n.http.Close())
	}
	n.clients.close()
	if n.past != nil {
		errs = append(errs, n.past.Close())
	}
	if n.ledger != nil {
		for _, p := range n.ledger.Parts() {
			if p.Local != nil {
				errs = append(errs, p.Local.Close())
			}
		}
	}
	if n.conn != nil {
		n.conn.Close()
	}
	if n.server != nil {
		n.server.Stop()
	}
	n.exporting.close()
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}
