package dispatch

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/recall-ledger/recall-ledger/channels"
)

// The limits of a gate (L11).
const (
	// gateCredit is how many calls may fail in sum before the gate closes. A
	// call that works gives one back, so that a vendor that fails now and then
	// is called on, and retries never outnumber what works by more than this.
	gateCredit = 20
	// gateMin and gateMax bound how long a closed gate lets nobody through but
	// one call that tries; the time doubles with every try that fails.
	gateMin = time.Second
	gateMax = time.Minute
	// gateThrottled is how many devices in a row a vendor must put off before it
	// is taken to speak of the app's quota and not of these devices'.
	gateThrottled = 10
)

// gate stands before the calls for one app on one channel: the vendor's rate, what
// the vendor asked to wait, and a circuit breaker that is a retry budget at the
// same time. A vendor that fails is asked once in a while instead of by
// everybody, and those who wait for it hold up nobody else's recall.
type gate struct {
	limit *rate.Limiter

	mu     sync.Mutex
	credit int
	pause  time.Duration
	// until is when the next call may be made: by anybody after a vendor's
	// Retry-After, by one that tries while the credit is used up.
	until time.Time
	// throttled counts the devices put off in a row.
	throttled int
	// trying is true while the one call that tries is under way.
	trying bool
	// worked is true once a call worked, so that the app's credentials and
	// names are known to be right.
	worked bool
}

func newGate(channel string, shares int) *gate {
	return &gate{limit: pace(channel, shares), credit: gateCredit}
}

// enter reports how long to wait before a call may be made; 0 means now. Who
// enters a closed gate is the one that tries.
func (g *gate) enter(now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.until) {
		return g.until.Sub(now)
	}
	if g.credit <= 0 {
		// Nobody else until its result is there, or it took too long.
		g.trying, g.until = true, now.Add(g.pause)
	}
	return 0
}

// closed reports whether the breaker is open, as others call it.
func (g *gate) closed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.credit <= 0
}

// left notes what came of a call.
func (g *gate) left(now time.Time, reply channels.Reply) {
	worked, failed, throttled := false, len(reply.Results) > 0, len(reply.Results) > 0
	for _, x := range reply.Results {
		worked = worked || x.Verdict == channels.Accepted || x.Verdict == channels.Confirmed
		failed = failed && failing(x)
		throttled = throttled && x.Verdict == channels.Throttled
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.worked = g.worked || worked
	if !throttled {
		g.throttled = 0
	} else if g.throttled += len(reply.Results); g.throttled >= gateThrottled && reply.RetryAfter > 0 {
		if until := now.Add(reply.RetryAfter); until.After(g.until) {
			g.until = until
		}
	}
	switch {
	case !failed:
		if g.credit <= 0 {
			g.until = time.Time{} // it works again
		}
		g.credit, g.pause, g.trying = min(g.credit+1, gateCredit), 0, false
	case g.credit > 1:
		g.credit--
	case g.credit == 1 || g.trying:
		g.credit, g.trying = 0, false
		g.pause = min(max(2*g.pause, gateMin), gateMax)
		if until := now.Add(g.pause); until.After(g.until) {
			g.until = until
		}
	}
	// What was under way when the gate closed fails as well, which is no news.
}

// proven reports whether a call ever worked.
func (g *gate) proven() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.worked
}

// failing reports whether a result says that the vendor, the way to it or the
// app's credentials are out of order, and not this device.
func failing(x channels.Result) bool {
	switch x.Reason {
	case channels.ReasonBusy, channels.ReasonUnreachable, channels.ReasonNoAnswer, channels.ReasonCredentials, callFailed:
		return !x.Verdict.Terminal()
	}
	return false
}

// Gates are the gates of one channel, by app. A vendor counts calls by account and
// knows no partitions: the workers that share them keep its rate together.
type Gates struct {
	channel string
	shares  int

	mu   sync.Mutex
	list map[string]*gate
}

// NewGates returns the gates of a channel.
func NewGates(channel string) *Gates { return ShareGates(channel, 1) }

// ShareGates returns gates that keep one of several equal shares of the channel's
// rate, for workers that know nothing of the others: in sum they never pass it but
// for one call each after a rest, and one alone gets its share and no more. What a
// vendor asks to wait, and the breaker, hold for these workers only; the others
// find out by themselves.
func ShareGates(channel string, shares int) *Gates { return &Gates{channel: channel, shares: shares} }

func (g *Gates) of(app string) *gate {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.list == nil {
		g.list = map[string]*gate{}
	}
	if g.list[app] == nil {
		g.list[app] = newGate(g.channel, max(g.shares, 1))
	}
	return g.list[app]
}
