package node

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// The faults.
const (
	faultKill  = "kill"
	faultPause = "pause"
	faultStop  = "stop"
	faultCut   = "cut off"
	// faultSplit leaves a server its clients and takes its peers from it: a leader
	// goes on to believe that it leads.
	faultSplit = "split off"
)

// step is one fault of the schedule.
type step struct {
	// gap is how long everything on the lane is whole before it, hold how long it
	// lasts.
	gap, hold time.Duration
	kind      string
	target    int
	// work is what the node is meant to do, if somebody is known to do it.
	work string
}

func (s step) String() string { return fmt.Sprintf("%s %d for %s", s.kind, s.target, s.hold) }

// works are what nodes do in the campaign: leases, or what begins their names.
func works() []string {
	return []string{planner(0), planner(1), "channel-" + chanFCM, "channel-" + chanNtfy, "channel-" + chanOld}
}

// schedule is the faults of one lane, servers or nodes: a function of the seed.
func schedule(rng *rand.Rand, steps int, gap time.Duration, holds map[string][2]time.Duration) []step {
	kinds := slices.Sorted(maps.Keys(holds))
	var list []step
	for i := range steps {
		// Each kind comes once before any comes again.
		if i%len(kinds) == 0 {
			rng.Shuffle(len(kinds), func(a, b int) { kinds[a], kinds[b] = kinds[b], kinds[a] })
			if i == 0 && kinds[0] == faultStop {
				// Even a short campaign begins with something sudden.
				kinds[0], kinds[1] = kinds[1], kinds[0]
			}
		}
		kind := kinds[i%len(kinds)]
		least, most := holds[kind][0], holds[kind][1]
		list = append(list, step{
			gap: gap + time.Duration(rng.Int64N(int64(2*gap))), kind: kind, target: rng.IntN(3), work: works()[rng.IntN(len(works()))],
			hold: least + time.Duration(rng.Int64N(int64(most-least))),
		})
	}
	return list
}

// leaseTTL is jetstream's default: a pause must be longer to cost a node its work.
const leaseTTL = 5 * time.Second

func nodeHolds() map[string][2]time.Duration {
	long := [2]time.Duration{leaseTTL + time.Second, leaseTTL + 5*time.Second}
	return map[string][2]time.Duration{
		faultKill: {200 * time.Millisecond, 8 * time.Second}, faultStop: {time.Millisecond, time.Second},
		faultPause: long, faultCut: long,
	}
}

func serverHolds() map[string][2]time.Duration {
	return map[string][2]time.Duration{
		faultKill: {200 * time.Millisecond, 8 * time.Second}, faultStop: {time.Millisecond, 4 * time.Second},
		faultPause: {time.Second, 12 * time.Second}, faultCut: {time.Second, 12 * time.Second}, faultSplit: {time.Second, 12 * time.Second},
	}
}

// What is whole at least before the next fault of a lane.
const (
	nodeGap   = 500 * time.Millisecond
	serverGap = 2 * time.Second
)

// maxSteps is more than any campaign gets through.
const maxSteps = 10_000

// chaos does the schedules' faults while ctx lasts, and heals everything.
type chaos struct {
	t       *testing.T
	servers *clustertest.Cluster
	members []*member
	leases  *jetstream.Leases

	mu sync.Mutex
	// troubles are when a server suffered, until all were current again.
	troubles []span
	faults   []*fault
	done     map[string]int
	// seen are looks at who holds each lease, the newest last.
	seen []look
}

// look is who held each lease at a time.
type look struct {
	at      time.Time
	holders map[string]string
}

// fault is one that a node suffered, and what work it had.
type fault struct {
	step
	at time.Time
	// leases are who held each of the node's leases: its process at that time.
	leases map[string]string
}

func (c *chaos) run(ctx context.Context, seed uint64) {
	var nodes sync.WaitGroup
	nodes.Go(func() { c.observe(ctx) })
	nodes.Go(func() {
		for _, s := range schedule(rand.New(rand.NewPCG(seed, 1)), maxSteps, nodeGap, nodeHolds()) {
			if !rest(ctx, s.gap) {
				return
			}
			if i := c.holder(s.work); i >= 0 {
				s.target = i
			}
			c.t.Logf("node: %s", s)
			c.node(ctx, s)
		}
	})
	// The cluster's methods belong to the test's goroutine.
	for _, s := range schedule(rand.New(rand.NewPCG(seed, 2)), maxSteps, serverGap, serverHolds()) {
		if !rest(ctx, s.gap) {
			break
		}
		c.t.Logf("server: %s", s)
		c.server(ctx, s)
	}
	nodes.Wait()
}

// rest waits; false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// server does a fault of one server and waits until the cluster is whole again:
// two at once would be a majority.
func (c *chaos) server(ctx context.Context, s step) {
	began := time.Now()
	defer func() { c.suffered("server "+s.kind, span{began, time.Now()}) }()
	switch s.kind {
	case faultKill, faultStop:
		if s.kind == faultKill {
			c.servers.Kill(s.target)
		} else {
			c.servers.Stop(s.target)
		}
		rest(ctx, s.hold)
		c.servers.Restart(s.target)
	case faultPause:
		c.servers.Pause(s.target)
		rest(ctx, s.hold)
		c.servers.Resume(s.target)
	case faultCut:
		c.servers.Cut(s.target)
		rest(ctx, s.hold)
		c.servers.Heal(s.target)
	case faultSplit:
		c.servers.CutPeers(s.target)
		rest(ctx, s.hold)
		c.servers.Heal(s.target)
	}
	c.whole()
}

// whole waits until every server is current in everything that matters.
func (c *chaos) whole() {
	c.servers.WaitWhole()
	for p := range partitions {
		name := jetstream.StreamName(p)
		c.servers.Await("current replicas of "+name, func(states []*clustertest.State) string {
			for i, s := range states {
				st := s.Stream(name)
				if st == nil || st.Cluster.Leader == "" {
					return c.servers.Name(i) + " has no stream or no leader of it"
				}
				for _, r := range st.Cluster.Replicas {
					if st.Cluster.Leader == c.servers.Name(i) && (r.Offline || !r.Current) {
						return r.Name + " is behind"
					}
				}
			}
			return ""
		})
	}
}

func (c *chaos) suffered(what string, s span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.troubles = append(c.troubles, s)
	c.done[what]++
}

// troubled reports whether a server suffered at any time between.
func (c *chaos) troubled(from, to time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.troubles {
		if s.from.Before(to) && s.to.After(from) {
			return true
		}
	}
	return false
}

// node does a fault of one node.
func (c *chaos) node(ctx context.Context, s step) {
	m := c.members[s.target]
	f := &fault{step: s, leases: c.held(m)}
	c.mu.Lock()
	f.at = time.Now()
	c.faults = append(c.faults, f)
	c.done["node "+s.kind]++
	c.mu.Unlock()
	switch s.kind {
	case faultKill, faultStop:
		sig := syscall.SIGKILL
		if s.kind == faultStop {
			sig = syscall.SIGTERM
		}
		if err := m.end(sig); err != nil && s.kind == faultStop {
			c.t.Errorf("%s did not stop gracefully: %v: %s", m.config.ID, err, lastLine(m.log()))
		}
		rest(ctx, s.hold)
		if err := m.start(); err != nil {
			c.t.Error(err)
		}
	case faultPause:
		m.pause()
		rest(ctx, s.hold)
		m.resume()
	case faultCut:
		m.cut()
		rest(ctx, s.hold)
		m.heal()
	}
}

// newest is who holds each lease as it was seen last.
func (c *chaos) newest() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.seen) == 0 {
		return nil
	}
	return c.seen[len(c.seen)-1].holders
}

// held returns the leases of a node with the process that holds them.
func (c *chaos) held(m *member) map[string]string {
	list := maps.Clone(c.newest())
	maps.DeleteFunc(list, func(_, holder string) bool { return !m.is(holder) })
	return list
}

// holder returns which node does a work, -1 when nobody is known to.
func (c *chaos) holder(work string) int {
	for lease, holder := range c.newest() {
		if lease == work || strings.HasPrefix(lease, work+"-") {
			return slices.IndexFunc(c.members, func(m *member) bool { return m.is(holder) })
		}
	}
	return -1
}

// moved returns when a lease was first seen with another process after a time. It
// is false when that never was, and when it had moved before: at the first look
// after it the lease must still be the holder's.
func (c *chaos) moved(lease, holder string, after time.Time) (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	still := false
	for _, l := range c.seen {
		now := l.holders[lease]
		switch {
		case !l.at.After(after):
		case now == holder:
			still = true
		case now != "":
			return l.at, still
		}
	}
	return time.Time{}, false
}

// observeEvery is how often the test looks who holds which lease.
const observeEvery = 200 * time.Millisecond

// observe looks who holds which lease until ctx ends.
func (c *chaos) observe(ctx context.Context) {
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		once, cancel := context.WithTimeout(ctx, time.Second)
		at := time.Now()
		// While the cluster does not answer, what was seen last stands.
		if list, err := c.leases.List(once); err == nil {
			holders := map[string]string{}
			for _, l := range list {
				holders[l.Name] = l.Node
			}
			c.mu.Lock()
			c.seen = append(c.seen, look{at, holders})
			c.mu.Unlock()
		}
		cancel()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}
