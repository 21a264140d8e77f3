package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums/callback"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/remote"
)

// job is background work under the name of its lease: where several nodes stand
// beside one log, one at a time does it. A job without a name is every node's.
type job struct {
	lease string
	run   func(ctx context.Context) error
}

// openJobs makes the jobs that act on the log.
func (n *Node) openJobs() error {
	var here []*partition.Part
	for _, p := range n.ledger.Parts() {
		if p.Local == nil {
			continue // its work is done where its projection is
		}
		here = append(here, p)
		c := dispatch.PlannerConfig{Log: p.Log, Projection: p.Local, Clock: n.c.Clock, Logger: n.c.Logger, Tracer: n.c.Tracer}
		if len(n.ledger.Parts()) > 1 {
			c.Succeed = n.ledger.Succeed
		}
		n.add("planner", p, dispatch.NewPlanner(c).Run)
		caller, err := n.newCaller(p)
		if err != nil {
			return err
		}
		if len(callback.Receivers(n.c.accounts())) > 0 {
			n.add("callbacks", p, caller.Run)
		}
		webhooks, err := n.newWebhooks(p)
		if err != nil {
			return err
		}
		if len(n.c.Webhooks) > 0 {
			n.add("webhooks", p, webhooks.Run)
		}
	}
	service := &selfbuilt.Service{Conn: n.conn, Logger: n.c.Logger, Backend: &devices{ledger: n.ledger, clock: n.c.Clock}}
	n.jobs = append(n.jobs, job{"", service.Run}, job{"", n.survey.Run}, job{"", n.channels})
	if n.leases != nil {
		answers := remote.NewServer(remote.ServerConfig{Conn: n.conn, Node: n.name, Version: n.c.Version, Parts: here, Logger: n.c.Logger})
		n.jobs = append(n.jobs, job{"", answers.Run}, job{"", n.lookForGrowth})
	}
	if n.watch != nil {
		n.jobs = append(n.jobs, job{"", n.watch.Run}, job{"watch", n.mover.Run})
	}
	if n.server != nil {
		n.jobs = append(n.jobs, job{"", func(ctx context.Context) error { return n.server.Watch(ctx, healthEvery) }})
	}
	return nil
}

// add adds a job of one partition.
func (n *Node) add(name string, p *partition.Part, run func(context.Context) error) {
	n.jobs = append(n.jobs, job{fmt.Sprintf("%s-%d", name, p.Number()), run})
}

// alone returns what does a job, under its lease where there are leases.
func (n *Node) alone(j job) func(context.Context) error {
	if n.leases == nil || j.lease == "" {
		return j.run
	}
	// Work ends without an error when the lease is lost, and begins again with the
	// next one; it is done when the node stops.
	return func(ctx context.Context) error { return n.leases.Hold(ctx, j.lease, j.run) }
}

// lookEvery is the shortest time between two looks for channels that are new.
const lookEvery = 50 * time.Millisecond

// channels serves the channels of the partitions that are here.
func (n *Node) channels(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	gates := n.gates()
	for _, p := range n.ledger.Parts() {
		if p.Local == nil {
			continue
		}
		g.Go(func() error {
			n.channelsOf(ctx, p, func(channel string) {
				lease := fmt.Sprintf("channel-%s-%d", channel, p.Number())
				w := n.worker(p, channel, lease, gates(channel))
				g.Go(func() error { return n.alone(job{lease, w.Run})(ctx) })
			})
			return nil
		})
	}
	return g.Wait()
}

// channelsOf calls serve for every channel of a partition as its log names it,
// once: each costs a durable consumer, which a cluster keeps three times, and a
// lease.
func (n *Node) channelsOf(ctx context.Context, p *partition.Part, serve func(string)) {
	pause := time.NewTicker(lookEvery)
	defer pause.Stop()
	served := map[string]bool{}
	for {
		moved := p.Local.Moved()
		for _, channel := range p.Local.Channels() {
			// Of a channel that is none nothing is ever commanded.
			if !served[channel] && channels.Known(channel) {
				served[channel] = true
				serve(channel)
			}
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
	}
}

// gates returns what gives out the gates of a channel, for each partition.
//
// A vendor counts calls by account and knows no partitions. A node that is alone
// keeps its rate over all of them. Where there are several, each partition of a
// channel has its own lease, since no node need serve them all, and its own share
// of the rate, so that the sum holds whoever has which. What is lost: a partition
// that is busy alone gets its share and no more, and every partition finds out by
// itself that a vendor wants to wait or is out of order.
func (n *Node) gates() func(channel string) *dispatch.Gates {
	if n.leases != nil {
		return func(channel string) *dispatch.Gates { return dispatch.ShareGates(channel, len(n.ledger.Parts())) }
	}
	var mu sync.Mutex
	all := map[string]*dispatch.Gates{}
	return func(channel string) *dispatch.Gates {
		mu.Lock()
		defer mu.Unlock()
		if all[channel] == nil {
			all[channel] = dispatch.NewGates(channel)
		}
		return all[channel]
	}
}

// worker carries out the commands of a channel in one partition.
func (n *Node) worker(p *partition.Part, channel, lease string, gates *dispatch.Gates) *dispatch.Worker {
	emitter := n.c.Emitters[channel]
	switch {
	case emitter != nil:
	case channel == selfbuilt.Channel:
		emitter = selfbuilt.Emitter{Conn: n.conn}
	default:
		// Nil, and so unsupported, where the channel has no adapter.
		emitter = n.emitters[channel]
	}
	var mine func() bool
	share := 0
	if n.leases != nil {
		share = p.Number()
		mine = func() bool { return n.leases.Held(lease) }
	}
	var home func(ctx context.Context, app, push string) (int, *events.Committer, error)
	if len(n.ledger.Parts()) > 1 {
		home = func(ctx context.Context, app, push string) (int, *events.Committer, error) {
			to, err := n.ledger.Of(ctx, app, push)
			if err != nil {
				return 0, nil, err
			}
			return to.Number(), to.Committer, nil
		}
	}
	return dispatch.NewWorker(dispatch.WorkerConfig{
		Log: p.Log, Queue: p.Queue, Projection: p.Local, Committer: p.Committer, Clock: n.c.Clock,
		NewID: newID, Logger: n.c.Logger, Channel: channel, Emitter: emitter, Gates: gates, Mine: mine, Home: home, Observer: n.observer(share), Tracer: n.c.Tracer,
	})
}
