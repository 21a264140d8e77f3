package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	// renewals are how many renewals fit into a TTL: two may fail.
	renewals = 3
	// marginPart is the part of the TTL by which a holder stops early. It covers
	// clocks that run at different rates.
	marginPart = 10
	// stepPart is the part of the TTL, at most maxStep, after which a failed
	// request is repeated, and by which a node lets each one before it go first.
	stepPart = 20
	maxStep  = 250 * time.Millisecond
)

// claim is one Hold under way. Only its own goroutine writes rev; the rest is
// under the mutex of Leases.
type claim struct {
	name string
	// wake tells that something about the lease has changed.
	wake chan struct{}
	// rev is the newest revision that is known to be this process's.
	rev   uint64
	since time.Time

	held bool
	// deadline is until when the lease is certainly this process's.
	deadline time.Time
	// began is when it was taken.
	began time.Time
	// pause is before when nothing is tried.
	pause time.Time
	// leaving is true once the work was ended to give the lease to another node.
	leaving bool
	// end ends the work; nil while there is none.
	end context.CancelCauseFunc
}

func (l *Leases) claim(name string) (*claim, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.claims[name] != nil {
		return nil, fmt.Errorf("%w %q", ErrLeaseClaimed, name)
	}
	c := &claim{name: name, wake: make(chan struct{}, 1)}
	l.claims[name] = c
	wakeUp(l.wanted)
	return c, nil
}

func (l *Leases) unclaim(c *claim) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.claims, c.name)
	wakeUp(l.wanted)
}

func wakeUp(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// turn waits until the lease may be tried, and returns the revision to expect.
// It is false when ctx ended. A true turn is one more active claim.
func (l *Leases) turn(ctx context.Context, c *claim) (uint64, bool) {
	for ctx.Err() == nil {
		expect, wait, ok := l.due(c)
		if ok && wait <= 0 {
			return expect, true
		}
		// Without anything to wait for it is the wake that counts.
		t := time.NewTimer(time.Hour)
		if ok {
			t.Reset(wait)
		}
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-t.C:
		}
		t.Stop()
	}
	return 0, false
}

// due says which revision to expect and how long to wait before the lease may be
// tried. With nothing left to wait for it makes the claim active.
func (l *Leases) due(c *claim) (expect uint64, wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != phaseRunning || !l.synced {
		return 0, 0, false
	}
	now := time.Now()
	e := l.leases[c.name]
	at := e.free(l.c.Node)
	if e.node != l.c.Node {
		at = at.Add(time.Duration(l.rank(c.name, e.node, now)) * l.step())
	}
	if at.Before(c.pause) {
		at = c.pause
	}
	if wait = at.Sub(now); wait <= 0 {
		l.active.Add(1)
	}
	return e.rev, wait, true
}

// attempt tries to take the lease and, if that works, runs work. done is true
// when Hold must return err.
func (l *Leases) attempt(ctx context.Context, c *claim, expect uint64, work func(context.Context) error) (done bool, err error) {
	// Even when ctx ends the answer is awaited: it says what to give back.
	lasting := context.WithoutCancel(ctx)
	sent := time.Now()
	c.since = sent
	rev, err := l.write(lasting, c, expect, l.c.TTL/renewals)
	if err != nil {
		l.puzzle(lasting, c, expect, err)
		return false, nil
	}
	c.rev = rev
	workCtx, end := context.WithCancelCause(ctx)
	defer end(nil)
	l.take(c, sent, end)
	l.log.InfoContext(ctx, "a lease is taken", "lease", c.name, "revision", rev)
	o := l.tenure(lasting, c, func() outcome {
		err := workCtx.Err()
		if err == nil {
			err = work(workCtx)
		}
		return outcome{err, workCtx.Err()}
	})
	l.release(lasting, c)
	told := o.told != nil && (errors.Is(o.err, o.told) || errors.Is(o.err, context.Cause(workCtx)))
	if o.err != nil && !told {
		return true, o.err
	}
	return o.told == nil || ctx.Err() != nil, nil
}

// puzzle reads what came of a try that failed or whose answer is missing. A
// value of this process found there is not yet a lease, since it may have stood
// there for a while: the next turn renews it first.
func (l *Leases) puzzle(ctx context.Context, c *claim, expect uint64, cause error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.TTL/renewals)
	defer cancel()
	e, err := l.bucket.last(ctx, c.name)
	if err != nil || !lostRace(cause) {
		l.log.WarnContext(ctx, "a lease could not be taken", "lease", c.name, "error", errors.Join(cause, err).Error())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.synced {
		l.see(c.name, e)
	}
	if err != nil || e.rev == expect || !lostRace(cause) {
		c.pause = time.Now().Add(l.step())
	}
}

func (l *Leases) write(ctx context.Context, c *claim, expect uint64, timeout time.Duration) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return l.bucket.put(ctx, c.name, leaseValue{Node: l.c.Node, Since: c.since.UTC(), TTL: l.c.TTL.Milliseconds()}, expect)
}

// step is a short while.
func (l *Leases) step() time.Duration { return min(l.c.TTL/stepPart, maxStep) }

// until is how long a lease is certain that was written by a request sent then.
func (l *Leases) until(sent time.Time) time.Time {
	return sent.Add(l.c.TTL - l.c.TTL/marginPart)
}

func (l *Leases) take(c *claim, sent time.Time, end context.CancelCauseFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.held, c.leaving, c.deadline, c.began, c.end = true, false, l.until(sent), sent, end
	if l.phase != phaseRunning {
		end(errStopped)
	}
}

// outcome is how work ended: told is why its context had ended then, nil if it
// had not.
type outcome struct{ err, told error }

// tenure runs work and renews the lease until work has returned.
func (l *Leases) tenure(ctx context.Context, c *claim, work func() outcome) outcome {
	// A renewal may hang in the client: what ends the work does not wait for it.
	expiry := time.AfterFunc(l.left(c), func() { l.expire(ctx, c) })
	defer expiry.Stop()
	// The answer may have come too late, or the end of everything before it.
	l.expire(ctx, c)
	ended := make(chan outcome, 1)
	go func() { ended <- work() }()
	next := time.NewTimer(l.c.TTL / renewals)
	defer next.Stop()
	for {
		select {
		case o := <-ended:
			return o
		case <-next.C:
			after, ok := l.renew(ctx, c)
			if !ok {
				return <-ended
			}
			expiry.Reset(l.left(c))
			next.Reset(after)
		}
	}
}

// left is how long the lease is certain, at most 0 when it is not.
func (l *Leases) left(c *claim) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.held {
		return 0
	}
	return time.Until(c.deadline)
}

// expire ends the work if its lease has not been renewed in time.
func (l *Leases) expire(ctx context.Context, c *claim) {
	if l.left(c) <= 0 {
		l.lose(ctx, c, "it could not be renewed in time")
	}
}

func (l *Leases) lose(ctx context.Context, c *claim, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.held {
		c.held = false
		c.end(errLeaseLost)
		l.log.WarnContext(ctx, "a lease is lost", "lease", c.name, "reason", reason)
	}
}

// renew makes one renewal and says after what time to make the next; false when
// the lease is lost.
func (l *Leases) renew(ctx context.Context, c *claim) (time.Duration, bool) {
	left := l.left(c)
	if left <= 0 {
		l.lose(ctx, c, "it could not be renewed in time")
		return 0, false
	}
	sent := time.Now()
	rev, err := l.write(ctx, c, c.rev, min(left, l.c.TTL/renewals))
	switch {
	case err == nil:
		c.rev = rev
		if !l.extend(c, sent) {
			return 0, false
		}
		return max(0, l.c.TTL/renewals-time.Since(sent)), true
	case lostRace(err):
		return l.reconcile(ctx, c)
	}
	// The answer is missing. If the renewal was stored the next one is refused,
	// and reading tells why.
	l.log.WarnContext(ctx, "a lease is not renewed yet", "lease", c.name, "error", err.Error())
	return l.step(), true
}

func (l *Leases) extend(c *claim, sent time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !c.held {
		return false
	}
	c.deadline = l.until(sent)
	return true
}

// reconcile reads who moved the revision: an earlier renewal of this process
// whose answer was missing, or another node.
func (l *Leases) reconcile(ctx context.Context, c *claim) (time.Duration, bool) {
	ctx, cancel := context.WithTimeout(ctx, min(l.c.TTL/renewals, max(0, l.left(c))))
	defer cancel()
	e, err := l.bucket.last(ctx, c.name)
	switch {
	case err != nil || (e.rev != 0 && e.rev <= c.rev):
		// No answer, or one that is older than what was answered before, or a
		// write that the servers have not decided on.
		return l.step(), true
	case !e.gone && e.node == l.c.Node:
		c.rev = e.rev
		return 0, true
	}
	l.lose(ctx, c, "another node moved its revision")
	return 0, false
}

// release gives the lease back, when it still is this process's.
func (l *Leases) release(ctx context.Context, c *claim) {
	l.mu.Lock()
	held, deadline := c.held, c.deadline
	c.held, c.end = false, nil
	l.mu.Unlock()
	if !held {
		return
	}
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for ctx.Err() == nil && !l.c.Conn.IsClosed() {
		err := l.free(ctx, c)
		if err == nil {
			l.log.InfoContext(ctx, "a lease is given back", "lease", c.name)
			return
		}
		if errors.Is(err, errLeaseLost) || errors.Is(err, nats.ErrConnectionClosed) {
			return
		}
		l.log.WarnContext(ctx, "a lease is not given back yet; it expires by itself", "lease", c.name, "error", err.Error())
		restFor(ctx, l.step())
	}
}

// free makes one try to give the lease back: errLeaseLost when it is not this
// process's any more.
func (l *Leases) free(ctx context.Context, c *claim) error {
	ctx, cancel := context.WithTimeout(ctx, l.c.TTL/renewals)
	defer cancel()
	err := l.bucket.remove(ctx, c.name, c.rev)
	if err != nil && !lostRace(err) {
		return err
	}
	if err != nil {
		e, err := l.bucket.last(ctx, c.name)
		if err != nil {
			return err
		}
		if e.gone || e.node != l.c.Node {
			return errLeaseLost
		}
		c.rev = e.rev
		return l.bucket.remove(ctx, c.name, c.rev)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	// The watch tells the revision of the marker. A try before that is refused,
	// and reads it.
	if e := l.leases[c.name]; e.rev <= c.rev {
		l.leases[c.name] = entry{rev: c.rev, gone: true, seen: time.Now()}
	}
	return nil
}

func restFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
