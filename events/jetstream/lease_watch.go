package jetstream

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	js "github.com/nats-io/nats.go/jetstream"
)

// minSilence is the least time without a sign of life after which a watch is
// made anew.
const minSilence = time.Second

// maxStoredTTL is the longest TTL that is believed, in milliseconds: far above
// maxTTL, which may grow, and far below what overflows.
const maxStoredTTL = 24 * 60 * 60 * 1000

// entry is what this process knows of a lease.
type entry struct {
	// rev is the key's last revision, 0 when there never was one.
	rev  uint64
	node string
	ttl  time.Duration
	gone bool
	// seen is when this process first saw the revision, by the monotonic clock.
	seen time.Time
}

// member is what this process knows of another node.
type member struct {
	ttl  time.Duration
	seen time.Time
	// wants are the leases it asks for, and since when without a break.
	wants map[string]time.Time
}

func (m member) present(now time.Time) bool { return now.Sub(m.seen) < m.ttl }

// newEntry reads a message of the bucket. What marks a key as gone is a header.
func newEntry(rev uint64, body []byte, gone bool) entry {
	e := entry{rev: rev, gone: gone, seen: time.Now()}
	if gone {
		return e
	}
	var v leaseValue
	if json.Unmarshal(body, &v) != nil || v.Node == "" || v.TTL <= 0 || v.TTL > maxStoredTTL {
		// Somebody else's writing. Whoever it is has as long as anybody may.
		return entry{rev: rev, node: "?", ttl: maxTTL, seen: e.seen}
	}
	e.node, e.ttl = v.Node, v.ttl()
	return e
}

// free is when the lease may be taken by the node, if it is that node's turn.
func (e entry) free(node string) time.Time {
	switch {
	case e.gone || e.node == "":
		return e.seen
	case e.node == node:
		// A try of this process whose answer was missing, or a lease it took
		// for lost: nobody else has taken it yet.
		return time.Time{}
	}
	return e.seen.Add(e.ttl)
}

// follow keeps what this process knows of the bucket up to date until ctx ends.
func (l *Leases) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.watch(ctx); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "the leases cannot be watched", "error", err.Error())
		}
		restFor(ctx, l.step())
	}
}

// watch follows the bucket until ctx ends or the watch is no good any more.
func (l *Leases) watch(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	l.rewatch, l.fresh = cancel, time.Now()
	l.mu.Unlock()
	w, err := l.bucket.kv.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer drain(w)
	defer cancel()
	// What was there is put together before it replaces what was known.
	first := map[string]js.KeyValueEntry{}
	for e := range w.Updates() {
		switch {
		case ctx.Err() != nil:
			return nil
		case e == nil:
			l.sync(first)
			first = nil
		case first != nil:
			first[e.Key()] = e
		default:
			l.mu.Lock()
			l.observe(e)
			l.mu.Unlock()
		}
	}
	return errWatchEnded
}

// sync replaces what was known by what the bucket holds. A revision that was
// known keeps the time it was first seen.
func (l *Leases) sync(held map[string]js.KeyValueEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, e := range l.leases {
		if k := held[leasePrefix+name]; k == nil || k.Revision() < e.rev {
			delete(l.leases, name)
		}
	}
	for node := range l.members {
		if held[nodePrefix+node] == nil {
			delete(l.members, node)
		}
	}
	for _, e := range held {
		l.observe(e)
	}
	l.synced, l.fresh = true, time.Now()
	l.wakeAll()
}

// observe takes in one change. The caller holds the mutex.
func (l *Leases) observe(e js.KeyValueEntry) {
	gone := e.Operation() != js.KeyValuePut
	if name, ok := strings.CutPrefix(e.Key(), leasePrefix); ok {
		l.see(name, newEntry(e.Revision(), e.Value(), gone))
	}
	node, ok := strings.CutPrefix(e.Key(), nodePrefix)
	switch {
	case !ok:
	case node == l.c.Node:
		l.fresh = time.Now()
	case gone:
		delete(l.members, node)
		l.wakeAll()
	default:
		var v leaseValue
		if json.Unmarshal(e.Value(), &v) == nil {
			l.meet(node, v)
		}
	}
}

// see takes in a revision of a lease that is newer than the one known.
func (l *Leases) see(name string, e entry) {
	if e.rev <= l.leases[name].rev && e.rev != 0 {
		return
	}
	l.leases[name] = e
	if c := l.claims[name]; c != nil {
		wakeUp(c.wake)
	}
}

// meet takes in that another node is there.
func (l *Leases) meet(node string, v leaseValue) {
	now := time.Now()
	before := l.members[node]
	m := member{ttl: v.ttl(), seen: now, wants: make(map[string]time.Time, len(v.Wants))}
	changed := len(v.Wants) != len(before.wants)
	for _, name := range v.Wants {
		since, ok := before.wants[name]
		if !ok || !before.present(now) {
			since, changed = now, true
		}
		m.wants[name] = since
	}
	l.members[node] = m
	if changed {
		l.wakeAll()
	}
}

func (l *Leases) wakeAll() {
	for _, c := range l.claims {
		wakeUp(c.wake)
	}
}

// announce shows until ctx ends that this node is there and what it asks for. It
// also looks after the watch: one that does not show this node's own entry
// has broken down without a word.
func (l *Leases) announce(ctx context.Context, since time.Time) {
	every := l.c.TTL / renewals
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err := l.show(ctx, since, every); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "this node cannot show that it is there", "error", err.Error())
		}
		l.probe(ctx, max(2*every, minSilence))
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-l.wanted:
		}
	}
}

func (l *Leases) show(ctx context.Context, since time.Time, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return l.bucket.announce(ctx, leaseValue{
		Node: l.c.Node, Since: since.UTC(), TTL: l.c.TTL.Milliseconds(), Info: l.c.Info, Wants: l.wants(),
	})
}

func (l *Leases) probe(ctx context.Context, limit time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if silence := time.Since(l.fresh); silence > limit && l.rewatch != nil {
		l.log.WarnContext(ctx, "the leases are watched anew", "silence", silence.String())
		l.fresh = time.Now()
		l.rewatch()
	}
}
