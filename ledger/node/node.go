package node

import (
	"cmp"
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
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums/callback"
	"github.com/recall-ledger/recall-ledger/ledger/webhook"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Node is an assembled ledger.
type Node struct {
	c          Config
	lock       *os.File
	server     *embedded.Server
	conn       *jetstream.Conn
	log        *jetstream.Log
	projection *projections.Projection
	committer  *events.Committer
	decider    *decision.Decider
	secrets    selfbuilt.Credentials
	// vendors are the credentials of the facades.
	vendors *facade.Credentials
	// texts are the templates their pushes name.
	texts *facade.Templates
	// clients call the vendors of the channels, for emitters, by channel.
	clients  vendorClients
	emitters map[string]channels.Emitter
	caller   *callback.Caller
	webhooks *webhook.Caller
	http     *http.Server
	address  string
	// since is the end of the log when the node started.
	since  events.Position
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
	n := &Node{c: c, clients: newVendorClients()}
	if err := n.open(ctx); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *Node) open(ctx context.Context) error {
	var err error
	if n.lock, err = lock(n.c.Data); err != nil {
		return err
	}
	if n.emitters, err = n.c.emitters(n.clients); err != nil {
		return err
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
	if err := n.connect(); err != nil {
		return err
	}
	if n.log, err = jetstream.Open(ctx, jetstream.Config{Conn: n.conn, Settings: jetstream.Settings{
		Replicas: n.c.NATS.Replicas, MaxAge: n.c.Log.MaxAge, MaxBytes: n.c.Log.MaxBytes,
	}}); err != nil {
		return err
	}
	if n.projection, err = projections.Open(ctx, projections.Config{
		Dir: n.c.projectionDir(), Log: n.log, Logger: n.c.Logger, Memory: n.c.Memory.Pushes, Cache: n.c.Memory.Cache,
		Keep: n.c.Log.MaxAge,
	}); err != nil {
		return err
	}
	n.committer = events.NewCommitter(events.CommitterConfig{
		Log: n.log, Folded: func() events.Seq { return n.projection.Applied().Seq }, Clock: n.c.Clock,
	})
	n.decider = decision.New(decision.Config{
		Log: n.log, Projection: n.projection, Committer: n.committer,
		Clock: n.c.Clock, NewID: newID, Window: n.c.Recall.Window,
		Notice: cmp.Or(n.c.Recall.Notice, ledger.Notice(n.c.Recall.Language)),
	})
	if err := n.openHTTP(ctx); err != nil {
		return err
	}
	if n.caller, err = n.newCaller(); err != nil {
		return err
	}
	n.webhooks, err = n.newWebhooks()
	return err
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
	run(&fold, foldCtx, n.projection.Run)
	run(&write, writeCtx, n.committer.Run)
	for _, f := range n.workers() {
		run(&work, workCtx, f)
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

// workers are the parts that act on the log.
func (n *Node) workers() []func(context.Context) error {
	planner := dispatch.NewPlanner(dispatch.PlannerConfig{Log: n.log, Projection: n.projection, Clock: n.c.Clock, Logger: n.c.Logger})
	list := []func(context.Context) error{planner.Run}
	seen := map[string]bool{}
	for _, row := range channels.Rows() {
		if seen[row.Channel] {
			continue
		}
		seen[row.Channel] = true
		emitter := n.c.Emitters[row.Channel]
		switch {
		case emitter != nil:
		case row.Channel == selfbuilt.Channel:
			emitter = selfbuilt.Emitter{Conn: n.conn}
		default:
			// Nil, and so unsupported, where the channel has no adapter.
			emitter = n.emitters[row.Channel]
		}
		w := dispatch.NewWorker(dispatch.WorkerConfig{
			Log: n.log, Queue: n.log, Projection: n.projection, Committer: n.committer, Clock: n.c.Clock,
			Logger: n.c.Logger, Channel: row.Channel, Emitter: emitter, Observer: n.observer(),
		})
		list = append(list, w.Run)
	}
	service := &selfbuilt.Service{Conn: n.conn, Logger: n.c.Logger, Backend: &devices{
		log: n.log, committer: n.committer, projection: n.projection, clock: n.c.Clock,
	}}
	list = append(list, service.Run, n.caller.Run, n.webhooks.Run, n.survey.Run)
	if n.server != nil {
		list = append(list, func(ctx context.Context) error { return n.server.Watch(ctx, healthEvery) })
	}
	return list
}

// close gives everything back, in the order that keeps what was accepted.
func (n *Node) close() error {
	var errs []error
	if n.http != nil {
		errs = append(errs, n.http.Close())
	}
	n.clients.close()
	if n.projection != nil {
		errs = append(errs, n.projection.Close())
	}
	if n.conn != nil {
		n.conn.Close()
	}
	if n.server != nil {
		n.server.Stop()
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}
