package jpush

import (
	"context"
	"slices"
	"sync"
	"time"
)

// What JPush says of cids: they live a day, and an app that is not a VIP gets ten
// with one call.
const (
	cidLife  = 24 * time.Hour
	cidBatch = 10
)

// spareLife is how long a cid may wait for its first use, so that the repeats are
// covered for most of its day.
const spareLife = time.Hour

// maxClaims is how many pushes are remembered, each with at most 500 registration
// ids: some 10 MB (L11).
const maxClaims = 512

// cid keeps a repeated push from being sent twice.
type cid struct {
	value string
	// got is when JPush gave it.
	got time.Time
}

// work is what a push is for.
type work struct{ push, recall, send string }

// claim is a push and its cid.
type claim struct {
	cid
	work    work
	devices []string
	// settled is true when the push needs no repeat as far as is known.
	settled bool
}

// pool hands out cids. The same push gets the same again, also when some of its
// devices have clicked in the meantime: the first call sent to all of them, or to
// none. It is safe for concurrent use.
type pool struct {
	fetch func(ctx context.Context) ([]string, error)
	clock func() time.Time

	// turn is held by who fetches, so that many callers cause one fetch.
	turn   chan struct{}
	mu     sync.Mutex
	spare  []cid
	claims []*claim // oldest first
}

func newPool(fetch func(ctx context.Context) ([]string, error), clock func() time.Time) *pool {
	return &pool{fetch: fetch, clock: clock, turn: make(chan struct{}, 1)}
}

// take returns the claim of a push, with a new cid unless it has one.
func (p *pool) take(ctx context.Context, w work, devices []string) (*claim, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c := p.claim(w, devices); c != nil {
		return c, nil
	}
	got := p.clock()
	values, err := p.fetch(ctx)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	for _, v := range values {
		p.spare = append(p.spare, cid{v, got})
	}
	p.mu.Unlock()
	if c := p.claim(w, devices); c != nil {
		return c, nil
	}
	return nil, errNoCID
}

// claim finds the claim of a push, or makes one of a spare cid; nil where there is
// none.
func (p *pool) claim(w work, devices []string) *claim {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock()
	p.claims = slices.DeleteFunc(p.claims, func(c *claim) bool { return now.Sub(c.got) >= cidLife })
	p.spare = slices.DeleteFunc(p.spare, func(c cid) bool { return now.Sub(c.got) >= spareLife })
	if i := slices.IndexFunc(p.claims, func(c *claim) bool { return c.work == w && covers(c.devices, devices) }); i >= 0 {
		return p.claims[i]
	}
	if len(p.spare) == 0 {
		return nil
	}
	c := &claim{cid: p.spare[0], work: w, devices: slices.Clone(devices)}
	p.spare = p.spare[1:]
	if len(p.claims) >= maxClaims {
		// One that is settled is repeated only if its result was lost.
		old := max(0, slices.IndexFunc(p.claims, func(c *claim) bool { return c.settled }))
		p.claims = slices.Delete(p.claims, old, old+1)
	}
	p.claims = append(p.claims, c)
	return c
}

// settle notes that a push has its final result.
func (p *pool) settle(c *claim) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.settled = true
}
