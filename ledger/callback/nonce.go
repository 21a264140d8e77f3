package callback

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxNonces bounds the nonces remembered (L11); beyond it calls are refused until
// old ones are forgotten. The vendor sends 100 statuses with one.
const maxNonces = 100_000

// nonces remembers which body each nonce came with, for as long as its time
// passes. The same body again is harmless, and may be the vendor's repetition of
// a call that was answered with 503.
type nonces struct {
	// since is when the memory began, to the second.
	since time.Time

	mu    sync.Mutex
	seen  map[string]binding
	queue []string
}

type binding struct {
	body [sha256.Size]byte
	at   time.Time
}

func newNonces(now time.Time) *nonces {
	return &nonces{since: now.Truncate(time.Second), seen: map[string]binding{}}
}

// bind reports whether a nonce may come with a body.
func (n *nonces) bind(nonce string, body [sha256.Size]byte, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	// A time may be MaxSkew ahead when it is first seen.
	for len(n.queue) > 0 && now.Sub(n.seen[n.queue[0]].at) > 2*MaxSkew {
		delete(n.seen, n.queue[0])
		n.queue = n.queue[1:]
	}
	if b, known := n.seen[nonce]; known {
		return b.body == body
	}
	if len(n.queue) >= maxNonces {
		return false
	}
	n.seen[nonce] = binding{body, now}
	n.queue = append(n.queue, nonce)
	return true
}
