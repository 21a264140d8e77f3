package dispatch

import (
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

func reply(after time.Duration, list ...channels.Result) channels.Reply {
	return channels.Reply{Results: list, RetryAfter: after}
}

var (
	good      = channels.Result{Verdict: channels.Accepted}
	dead      = channels.Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}
	busy      = channels.Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy}
	mute      = channels.Result{Verdict: channels.Unknown, Reason: channels.ReasonNoAnswer}
	throttled = channels.Result{Verdict: channels.Throttled, Reason: channels.ReasonThrottled}
)

// TestGateCloses: a vendor that fails is asked once in a while, less and less
// often, and by everybody again once it works.
func TestGateCloses(t *testing.T) {
	g, now := newGate("apns", 1), time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for i := range gateCredit {
		if w := g.enter(now); w != 0 || g.closed() {
			t.Fatalf("after %d failures: wait %s, closed %v", i, w, g.closed())
		}
		g.left(now, reply(0, busy, mute))
	}
	for range 100 {
		g.left(now, reply(0, mute)) // what was under way
	}
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 32 * time.Second, time.Minute, time.Minute} {
		if w := g.enter(now); w != want || !g.closed() {
			t.Fatalf("closed %v, wait %s, want %s", g.closed(), w, want)
		}
		now = now.Add(want)
		if w := g.enter(now); w != 0 {
			t.Fatalf("after %s nobody may try: wait %s", want, w)
		}
		if w := g.enter(now); w == 0 {
			t.Fatal("two may try")
		}
		g.left(now, reply(0, mute))
	}
	now = now.Add(time.Minute)
	if w := g.enter(now); w != 0 {
		t.Fatalf("wait %s", w)
	}
	g.left(now, reply(0, good))
	for range 3 {
		if w := g.enter(now); w != 0 || g.closed() {
			t.Fatalf("it works again: wait %s, closed %v", w, g.closed())
		}
	}
}

// TestGateStays: what is the matter of single devices, or of some calls among
// many that work, closes nothing.
func TestGateStays(t *testing.T) {
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for name, replies := range map[string][]channels.Reply{
		"dead tokens":   {reply(0, dead), reply(0, dead, dead)},
		"one of a call": {reply(0, busy, good)},
		"every second":  {reply(0, mute), reply(0, good)},
		"throttled":     {reply(0, throttled)},
		"nobody":        {reply(0)},
	} {
		g := newGate("apns", 1)
		for range 10 * gateCredit {
			for _, r := range replies {
				g.left(now, r)
			}
		}
		if w := g.enter(now); w != 0 || g.closed() {
			t.Errorf("%s: wait %s, closed %v", name, w, g.closed())
		}
	}
}

// TestGateObeysRetryAfter: a vendor that puts off everybody is left alone for as
// long as it asks; one that puts off a device now and then is not.
func TestGateObeysRetryAfter(t *testing.T) {
	g, now := newGate("apns", 1), time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for range 10 * gateThrottled {
		for range gateThrottled - 1 {
			g.left(now, reply(time.Minute, throttled))
		}
		g.left(now, reply(time.Minute, throttled, good))
	}
	if w := g.enter(now); w != 0 {
		t.Errorf("single devices were put off: wait %s", w)
	}
	for range gateThrottled / 2 {
		g.left(now, reply(time.Minute, throttled, throttled))
	}
	g.left(now, reply(time.Second, throttled))
	if w := g.enter(now.Add(20 * time.Second)); w != 40*time.Second {
		t.Errorf("wait %s, want 40s", w)
	}
	if w := g.enter(now.Add(time.Minute)); w != 0 || g.closed() {
		t.Errorf("wait %s, closed %v", w, g.closed())
	}
}

// TestGatesAreApart: what one app does wrong holds up no other.
func TestGatesAreApart(t *testing.T) {
	g, now := Gates{channel: "fcm"}, time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	for range gateCredit {
		g.of("shop").left(now, reply(0, busy))
	}
	if w := g.of("bank").enter(now); w != 0 || !g.of("shop").closed() || g.of("bank").closed() {
		t.Errorf("bank waits %s", w)
	}
	if g.of("shop").proven() || g.of("bank").proven() {
		t.Error("nothing has worked yet")
	}
	g.of("bank").left(now, reply(0, good))
	if g.of("shop").proven() || !g.of("bank").proven() {
		t.Error("one app's success proves another's names")
	}
}

// TestShareGates: gates with a share of a channel's rate let through that share,
// and all of them together no more than the rate allows, but for a call each.
func TestShareGates(t *testing.T) {
	const shares = 4
	row, ok := channels.Lookup(channels.Native, "fcm")
	if !ok || row.PerSecond <= 0 {
		t.Fatal("the channel has no rate: take another one")
	}
	now, sum := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC), 0
	list := make([]*Gates, shares)
	for i := range list {
		list[i] = ShareGates("fcm", shares)
	}
	const seconds = 10
	for step := range seconds * 1000 {
		at := now.Add(time.Duration(step) * time.Millisecond)
		for _, g := range list {
			for g.of("shop").limit.AllowN(at, 1) {
				sum++
			}
		}
	}
	burst := shares * max(1, row.PerSecond/bursts/shares)
	if most := seconds*row.PerSecond + burst; sum > most || sum < most*9/10 {
		t.Errorf("%d calls in %d seconds, want at most %d and not far from it", sum, seconds, most)
	}
}
