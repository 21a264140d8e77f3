package facade

import (
	"sync"
	"time"
)

// maxNonces bounds the nonces remembered; beyond it requests are refused until
// old ones are forgotten.
const maxNonces = 200_000

// Nonces remembers what was used once, for as long as a repetition would still
// pass the check of its time. It is asked only after the signature held, so
// that strangers cannot fill it.
//
// After a restart nothing is remembered, so nothing from before it is taken:
// see Since.
type Nonces struct {
	keep  time.Duration
	since time.Time

	mu    sync.Mutex
	seen  map[string]time.Time
	queue []string
}

// NewNonces returns an empty memory. now is when the node started.
func NewNonces(keep time.Duration, now time.Time) *Nonces {
	return &Nonces{keep: keep, since: now, seen: map[string]time.Time{}}
}

// Since is when the memory began; a request made before it may be a repetition
// that nobody remembers.
func (n *Nonces) Since() time.Time { return n.since }

// Use notes a nonce and reports whether it was new.
func (n *Nonces) Use(nonce string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.queue) > 0 && now.Sub(n.seen[n.queue[0]]) > n.keep {
		delete(n.seen, n.queue[0])
		n.queue = n.queue[1:]
	}
	if _, used := n.seen[nonce]; used || len(n.queue) >= maxNonces {
		return false
	}
	n.seen[nonce] = now
	n.queue = append(n.queue, nonce)
	return true
}

// Seen reports whether a nonce is remembered, without using it.
func (n *Nonces) Seen(nonce string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, seen := n.seen[nonce]
	return seen
}
