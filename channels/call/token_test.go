package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// watch is a clock that a test turns.
type watch struct{ passed atomic.Int64 }

func (w *watch) now() time.Time       { return now().Add(time.Duration(w.passed.Load())) }
func (w *watch) turn(d time.Duration) { w.passed.Add(int64(d)) }

// mint makes numbered tokens that hold for an hour.
type mint struct {
	clock func() time.Time
	count atomic.Int64
	fail  error
}

func (m *mint) token(context.Context) (Token, error) {
	n := m.count.Add(1)
	if m.fail != nil {
		return Token{}, m.fail
	}
	return Token{Value: fmt.Sprintf("t%d", n), Expires: m.clock().Add(time.Hour)}, nil
}

func keep(early, least time.Duration) (*Tokens, *mint, *watch) {
	w := &watch{}
	m := &mint{clock: w.now}
	return NewTokens(TokensConfig{Mint: m.token, Early: early, Least: least, Clock: w.now}), m, w
}

func get(t *testing.T, k *Tokens, want string) {
	t.Helper()
	got, err := k.Get(t.Context())
	if err != nil || got != want {
		t.Errorf("token %q, %v, want %q", got, err, want)
	}
}

// TestOneMintForManyCallers: nobody gets in while the first mints.
func TestOneMintForManyCallers(t *testing.T) {
	const callers = 32
	var started sync.WaitGroup
	started.Add(callers)
	w := &watch{}
	m := &mint{clock: w.now}
	k := NewTokens(TokensConfig{Clock: w.now, Mint: func(ctx context.Context) (Token, error) {
		started.Wait() // until everybody asks, or is about to
		return m.token(ctx)
	}})
	var done sync.WaitGroup
	for range callers {
		done.Go(func() {
			started.Done()
			get(t, k, "t1")
		})
	}
	done.Wait()
	if n := m.count.Load(); n != 1 {
		t.Errorf("%d mints", n)
	}
}

func TestTokenIsRenewedEarly(t *testing.T) {
	for early, lasts := range map[time.Duration]time.Duration{0: 59 * time.Minute, 20 * time.Minute: 40 * time.Minute} {
		k, _, w := keep(early, 0)
		get(t, k, "t1")
		w.turn(lasts - time.Nanosecond)
		get(t, k, "t1")
		w.turn(time.Nanosecond)
		get(t, k, "t2")
		get(t, k, "t2")
	}
}

// TestLeast: a token is not replaced sooner than the vendor allows, neither early
// nor because it was rejected, unless it does not hold any more.
func TestLeast(t *testing.T) {
	k, _, w := keep(55*time.Minute, 20*time.Minute)
	get(t, k, "t1")
	w.turn(20*time.Minute - time.Nanosecond)
	get(t, k, "t1")
	k.Reject("t1")
	get(t, k, "t1")
	w.turn(time.Nanosecond)
	get(t, k, "t2")

	k, _, w = keep(time.Minute, 2*time.Hour)
	get(t, k, "t1")
	w.turn(time.Hour)
	get(t, k, "t2")
}

func TestReject(t *testing.T) {
	k, m, w := keep(0, 0)
	get(t, k, "t1")
	w.turn(999 * time.Millisecond)
	k.Reject("t1")
	get(t, k, "t1") // within the second that is the default of Least
	w.turn(time.Millisecond)
	get(t, k, "t2")
	get(t, k, "t2")
	w.turn(time.Minute)
	k.Reject("t1") // by a caller that was slow: t2 is not meant
	get(t, k, "t2")
	if n := m.count.Load(); n != 2 {
		t.Errorf("%d mints", n)
	}
}

func TestMintFails(t *testing.T) {
	k, m, _ := keep(0, 0)
	m.fail = errors.New("no")
	if _, err := k.Get(t.Context()); !errors.Is(err, m.fail) {
		t.Errorf("error %v", err)
	}
	m.fail = nil
	get(t, k, "t2")
}

// TestWaitingEndsWithTheContext: somebody else's mint does not hold a caller back.
func TestWaitingEndsWithTheContext(t *testing.T) {
	w := &watch{}
	minting, release := make(chan struct{}), make(chan struct{})
	k := NewTokens(TokensConfig{Clock: w.now, Mint: func(context.Context) (Token, error) {
		close(minting)
		<-release
		return Token{Value: "t1", Expires: w.now().Add(time.Hour)}, nil
	}})
	var first sync.WaitGroup
	first.Go(func() { get(t, k, "t1") })
	<-minting
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Get(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	close(release)
	first.Wait()
	get(t, k, "t1")
}

// TestTokensOutlastTheirSource: while the vendor's token service is down the token
// that still holds is used, one that was rejected or is over is not.
func TestTokensOutlastTheirSource(t *testing.T) {
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	down := false
	tokens := NewTokens(TokensConfig{
		Early: 30 * time.Minute, Clock: func() time.Time { return now },
		Mint: func(context.Context) (Token, error) {
			if down {
				return Token{}, errors.New("down")
			}
			return Token{Value: "first", Expires: now.Add(time.Hour)}, nil
		},
	})
	get := func() string {
		v, err := tokens.Get(t.Context())
		if err != nil {
			return err.Error()
		}
		return v
	}
	if v := get(); v != "first" {
		t.Fatal(v)
	}
	down = true
	now = now.Add(45 * time.Minute)
	if v := get(); v != "first" {
		t.Errorf("in its last half hour: %s", v)
	}
	tokens.Reject("first")
	if v := get(); v != "down" {
		t.Errorf("once rejected: %s", v)
	}
	now = now.Add(time.Hour)
	if v := get(); v != "down" {
		t.Errorf("once over: %s", v)
	}
}

// TestAuthorized: a rejected token is replaced once, if another may be minted.
func TestAuthorized(t *testing.T) {
	for _, x := range []struct {
		name     string
		rejected map[string]bool
		young    bool
		want     []string
	}{
		{"good", nil, false, []string{"t1"}},
		{"one is bad", map[string]bool{"t1": true}, false, []string{"t1", "t2"}},
		{"both are bad", map[string]bool{"t1": true, "t2": true}, false, []string{"t1", "t2"}},
		{"too early for another", map[string]bool{"t1": true}, true, []string{"t1"}},
	} {
		k, _, w := keep(0, 0)
		get(t, k, "t1")
		if !x.young {
			w.turn(time.Second)
		}
		var used []string
		last, err := Authorized(t.Context(), k, func(token string) (string, bool) {
			used = append(used, token)
			return "with " + token, x.rejected[token]
		})
		if err != nil || !slices.Equal(used, x.want) || last != "with "+x.want[len(x.want)-1] {
			t.Errorf("%s: %q with %q, %v", x.name, last, used, err)
		}
	}
}

// TestAuthorizedTwice: a second token that was rejected is not used by the next call.
func TestAuthorizedTwice(t *testing.T) {
	k, m, w := keep(0, 0)
	for range 2 {
		_, err := Authorized(t.Context(), k, func(string) (int, bool) { w.turn(time.Second); return 0, true })
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := m.count.Load(); n != 4 {
		t.Errorf("%d mints, want two for each call", n)
	}
}

// TestNoOtherToken: where the first was rejected and no other is to be had, the call
// did nothing.
func TestNoOtherToken(t *testing.T) {
	k, m, w := keep(0, 0)
	get(t, k, "t1")
	w.turn(time.Second)
	m.fail = &TokenError{Reason: channels.ReasonBusy, RetryAfter: time.Minute}
	_, err := Authorized(t.Context(), k, func(string) (int, bool) { return 0, true })
	if r := Untouched(err); r != (Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy, RetryAfter: time.Minute}) {
		t.Errorf("%+v, %v", r, err)
	}
	if r := Untouched(context.Canceled); r != (Result{Verdict: channels.Throttled, Reason: channels.ReasonUnreachable}) {
		t.Errorf("%+v", r)
	}
}
