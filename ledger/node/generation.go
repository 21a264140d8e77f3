package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// projection is the configuration of the projection of one of count partitions.
func (c *Config) projection(log events.Log, count int) projections.Config {
	return projections.Config{
		Dir: c.folder().Projection(log.Partition()), Log: log, Logger: c.Logger, Keep: c.Log.MaxAge,
		// What is configured is for all of them.
		Memory: c.Memory.Pushes / count, Cache: c.Memory.Cache / int64(count),
		Dictionaries: c.Memory.Dictionaries / count,
	}
}

// rebuilds builds projections anew beside the live ones, one at a time. It
// implements api.Projections.
type rebuilds struct {
	ledger *partition.Set
	clock  func() time.Time
	logger *slog.Logger
	// asked takes the rebuild that begins next; mu bounds it to one.
	asked chan rebuildOrder

	mu sync.Mutex
	// last is the newest rebuild of each partition, and running the partition that
	// is being rebuilt, -1 when none is.
	last    map[int]*api.RebuildStatus
	running int
}

type rebuildOrder struct {
	part  *partition.Part
	force bool
}

func newRebuilds(n *Node) *rebuilds {
	return &rebuilds{
		ledger: n.ledger, clock: n.c.Clock, logger: n.c.Logger, asked: make(chan rebuildOrder, 1), last: map[int]*api.RebuildStatus{}, running: -1,
	}
}

// Run rebuilds what is asked for until ctx ends, which gives up the one under way.
func (r *rebuilds) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case o := <-r.asked:
			r.rebuild(ctx, o)
		}
	}
}

func (r *rebuilds) rebuild(ctx context.Context, o rebuildOrder) {
	n := o.part.Number()
	built, err := o.part.Local.Rebuild(ctx, projections.RebuildOptions{Force: o.force, Progress: func(p projections.RebuildProgress) {
		r.change(n, func(s *api.RebuildStatus) { s.Progress = p })
	}})
	r.change(n, func(s *api.RebuildStatus) {
		s.Running, s.Result = false, built
		if err != nil {
			s.Failed = err.Error()
		}
	})
	r.mu.Lock()
	r.running = -1
	r.mu.Unlock()
	if err != nil {
		r.logger.Error("a projection was not rebuilt", "partition", n, "error", err.Error())
		return
	}
	r.logger.Info("a projection was rebuilt", "partition", n, "generation", built.Generation, "swapped", built.Swapped, "applied", built.Applied.String())
}

// change changes the status of a partition's rebuild, and how long it takes.
func (r *rebuilds) change(partition int, f func(*api.RebuildStatus)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.last[partition]
	s.Seconds = r.clock().Sub(s.Begun).Seconds()
	f(s)
}

// local returns a partition whose projection is this node's own.
func (r *rebuilds) local(number int) (*partition.Part, error) {
	parts := r.ledger.Parts()
	if number < 0 || number >= len(parts) {
		return nil, &events.FieldError{Field: "partition", Reason: fmt.Sprintf("is %d; this ledger has %d, numbered from 0", number, len(parts))}
	}
	if parts[number].Local == nil {
		return nil, &events.FieldError{Field: "partition", Reason: fmt.Sprintf("is %d, whose projection is at another node", number)}
	}
	return parts[number], nil
}

// Generations implements api.Projections.
func (r *rebuilds) Generations() ([]api.ProjectionGenerations, error) {
	list := []api.ProjectionGenerations{}
	for _, p := range r.ledger.Parts() {
		if p.Local == nil {
			continue
		}
		g, err := p.Local.Generations()
		if err != nil {
			return nil, err
		}
		a := api.ProjectionGenerations{Partition: p.Number(), Generations: g}
		r.mu.Lock()
		if s := r.last[p.Number()]; s != nil {
			status := *s
			a.Rebuild = &status
		}
		r.mu.Unlock()
		list = append(list, a)
	}
	return list, nil
}

// Rebuild implements api.Projections.
func (r *rebuilds) Rebuild(ctx context.Context, number int, force bool) (api.RebuildStatus, error) {
	p, err := r.local(number)
	if err != nil {
		return api.RebuildStatus{}, err
	}
	// What it would be refused for at once is told at once.
	if err := p.Local.Rebuildable(ctx, force); err != nil {
		return api.RebuildStatus{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running >= 0 {
		return api.RebuildStatus{}, fmt.Errorf("partition %d: %w", r.running, projections.ErrRebuilding)
	}
	s := &api.RebuildStatus{Running: true, Begun: r.clock().UTC()}
	r.running, r.last[number] = number, s
	r.asked <- rebuildOrder{p, force}
	return *s, nil
}

// DropOld implements api.Projections.
func (r *rebuilds) DropOld(number int) (bool, error) {
	p, err := r.local(number)
	if err != nil {
		return false, err
	}
	return p.Local.DropOld()
}

// Rebuild builds the projection of a partition anew, of a node that is stopped.
func (o *Offline) Rebuild(ctx context.Context, partition int, options projections.RebuildOptions) (*projections.Rebuilt, error) {
	return projections.RebuildStopped(ctx, o.n.c.projection(o.n.logs[partition], len(o.n.logs)), options)
}

// Generations lists the stores of a partition's projection; drop deletes the one
// that is kept first.
func (o *Offline) Generations(ctx context.Context, partition int, drop bool) (list []projections.Generation, dropped bool, err error) {
	p, err := projections.Open(ctx, o.n.c.projection(o.n.logs[partition], len(o.n.logs)))
	if err != nil {
		return nil, false, err
	}
	if drop {
		dropped, err = p.DropOld()
	}
	if err == nil {
		list, err = p.Generations()
	}
	return list, dropped, errors.Join(err, p.Close())
}
