package jetstream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"time"
)

// maxRank bounds how many steps a node waits for nodes that come before it.
const maxRank = 3

// score is by how much a lease belongs to a node: the highest score is the node
// it belongs to. A node that comes or goes moves only its own leases.
func score(lease, node string) [sha256.Size]byte {
	return sha256.Sum256([]byte(lease + "\x00" + node))
}

// prefers reports whether a lease belongs to node a rather than to b.
func prefers(lease, a, b string) bool {
	x, y := score(lease, a), score(lease, b)
	return bytes.Compare(x[:], y[:]) > 0
}

// wants returns the leases this process asks for.
func (l *Leases) wants() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.claims))
}

// rank is how many nodes that are there, ask for the lease and are not its silent
// holder come before this one: for so many steps it lets them go first. The
// caller holds the mutex.
func (l *Leases) rank(name, silent string, now time.Time) int {
	n := 0
	for node, m := range l.members {
		_, wants := m.wants[name]
		if wants && node != silent && m.present(now) && prefers(name, node, l.c.Node) {
			n++
		}
	}
	return min(n, maxRank)
}

// balance gives leases to the nodes they belong to until ctx ends.
func (l *Leases) balance(ctx context.Context) {
	t := time.NewTicker(min(l.c.Pace, max(l.c.Settle/4, time.Millisecond)))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			l.giveAway(ctx)
		}
	}
}

// giveAway ends the work of one lease that belongs elsewhere. Its Hold gives the
// lease back when the work has returned, and the node it belongs to comes first.
func (l *Leases) giveAway(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.phase != phaseRunning || now.Sub(l.gave) < l.c.Pace {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(l.claims)) {
		c := l.claims[name]
		// Having held it for a while keeps a lease from going to and fro when
		// the node it belongs to does not take it.
		if !c.held || c.leaving || now.Sub(c.began) < l.c.Settle {
			continue
		}
		if node := l.owner(name, now); node != l.c.Node {
			l.log.InfoContext(ctx, "a lease goes to the node it belongs to", "lease", name, "to", node)
			c.leaving = true
			l.gave = now
			c.end(errHandOver)
			return
		}
	}
}

// owner is the node a lease belongs to. One that has not been there for long, or
// has just begun to ask for it, is not counted. The caller holds the mutex.
func (l *Leases) owner(name string, now time.Time) string {
	owner := l.c.Node
	for node, m := range l.members {
		since, wants := m.wants[name]
		if wants && m.present(now) && now.Sub(since) >= l.c.Settle && prefers(name, node, owner) {
			owner = node
		}
	}
	return owner
}
