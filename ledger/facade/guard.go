package facade

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// The limits of guessing a secret (L11): for each key id, from strangers in sum
// and from each network that has proven the key.
const (
	// MaxGuesses is how many wrong secrets are looked at in a row.
	MaxGuesses = 60
	// GuessesPerSecond is how many more each second brings.
	GuessesPerSecond = 1
	// maxBuckets and maxProven bound the memory of a Guard.
	maxBuckets = 4096
	maxProven  = 4096
)

// Verdict is what a Guard says of a credential.
type Verdict uint8

// The verdicts.
const (
	// Wrong also stands for a key that is not known.
	Wrong Verdict = iota
	Right
	// Limited credentials were not looked at: the caller comes again later.
	Limited
)

// Guard bounds how often the secret of a key can be guessed. Only failures
// count, so a caller with the right secret is never limited by its own requests.
//
// A right secret proves the network it came from, and from then on that network
// has failures of its own: what strangers guess elsewhere does not lock it out.
// A network that has proven nothing shares the key's bucket with all strangers
// and waits while they empty it, and for 1/GuessesPerSecond after they stop. So
// do all callers behind one proxy, since they are one network here.
// What proves is the secret or a signature alone, also of a request that is then
// refused, say as too old: who has copied one gains MaxGuesses for each network.
//
// Key ids share a fixed number of buckets by a hash that nobody outside can
// compute. Known and unknown ids are alike in that, so that being limited does
// not tell which ids exist, and made-up ids fill no memory.
type Guard struct {
	seed maphash.Seed

	mu      sync.Mutex
	buckets map[uint64]*rate.Limiter
	proven  map[proof]*rate.Limiter
	// order is that in which networks proved keys: the oldest is forgotten
	// first, and proves its key again.
	order []proof
}

// proof is a key and a network that its right secret came from.
type proof struct{ id, network string }

// NewGuard returns a Guard that knows no network.
func NewGuard() *Guard {
	return &Guard{seed: maphash.MakeSeed(), buckets: map[uint64]*rate.Limiter{}, proven: map[proof]*rate.Limiter{}}
}

// Check asks whether a credential holds, unless too many for its id did not.
// remote is the caller's address as the server knows it, host:port.
func (g *Guard) Check(id, remote string, now time.Time, holds func() bool) Verdict {
	p := proof{id, network(remote)}
	bucket := g.bucket(p)
	if bucket.TokensAt(now) < 1 {
		return Limited
	}
	if !holds() {
		// Requests that are checked at the same moment may take more than there
		// is; then it takes longer until there is some again.
		bucket.ReserveN(now, 1)
		return Wrong
	}
	g.prove(p)
	return Right
}

// bucket returns what bounds the failures of a key and a network.
func (g *Guard) bucket(p proof) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if b := g.proven[p]; b != nil {
		return b
	}
	n := maphash.String(g.seed, p.id) % maxBuckets
	if g.buckets[n] == nil {
		g.buckets[n] = rate.NewLimiter(GuessesPerSecond, MaxGuesses)
	}
	return g.buckets[n]
}

func (g *Guard) prove(p proof) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.proven[p] != nil {
		return
	}
	if len(g.order) == maxProven {
		delete(g.proven, g.order[0])
		g.order = g.order[1:]
	}
	g.proven[p] = rate.NewLimiter(GuessesPerSecond, MaxGuesses)
	g.order = append(g.order, p)
}

// network is the part of an address that one party has: an IPv4 address, or the
// 64 bits that an IPv6 subscriber is given at least.
func network(remote string) string {
	a, err := netip.ParseAddrPort(remote)
	if err != nil {
		return ""
	}
	ip := a.Addr().Unmap().WithZone("")
	bits := 64
	if ip.Is4() {
		bits = 32
	}
	p, err := ip.Prefix(bits)
	if err != nil { // the bits fit the address
		panic(err)
	}
	return p.String()
}
