package channelstest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

// TokenVendor is an adapter that gets an access token from an address of its
// vendor's and sends it with every call, as RunTokens needs it.
type TokenVendor struct {
	// New makes an adapter with a clock, a double that takes its credentials, and
	// what ends the tokens that the double gave.
	New func(t *testing.T, clock func() time.Time) (e channels.Emitter, s *double.Server, expire func())
	// At makes an adapter with a clock for a vendor at an address.
	At func(t *testing.T, url string, clock func() time.Time) channels.Emitter
	// Command is carried out with one call for each send; the double knows the
	// sends.
	Command channels.Command
	// TokenPath is the path of the address of tokens, and CallPath that of the
	// command's calls.
	TokenPath, CallPath string
	// Token is an answer with a token, for two hours; %d makes it another one.
	Token string
	// Rejected is the answer to a call whose token does not hold.
	Rejected string
	// Denied are answers of the token's address that are no token, with the
	// reasons they stand for.
	Denied map[string]string
}

// watch is a clock that a test turns.
type watch struct{ passed atomic.Int64 }

func (w *watch) now() time.Time {
	return time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC).Add(time.Duration(w.passed.Load()))
}

func (w *watch) turn(d time.Duration) { w.passed.Add(int64(d)) }

// RunTokens checks what an adapter does about access tokens.
func RunTokens(t *testing.T, v TokenVendor) {
	t.Helper()
	t.Run("kept and renewed early", v.kept)
	t.Run("replaced when rejected", v.replaced)
	t.Run("stays rejected", v.staysRejected)
	t.Run("first of many", v.firstOfMany)
	t.Run("denied", v.denied)
	t.Run("no address", v.noAddress)
}

func (v TokenVendor) emit(t *testing.T, e channels.Emitter) []channels.Result {
	t.Helper()
	r, err := e.Emit(t.Context(), v.Command)
	if err != nil {
		t.Fatal(err)
	}
	return r.Results
}

// mints counts the tokens that were asked for.
func (v TokenVendor) mints(s *double.Server) int { return count(s, http.MethodGet+" "+v.TokenPath) }

func count(s *double.Server, call string) int {
	n := 0
	for _, c := range s.Calls() {
		if c == call {
			n++
		}
	}
	return n
}

func (v TokenVendor) kept(t *testing.T) {
	w := &watch{}
	e, s, _ := v.New(t, w.now)
	for _, x := range []struct {
		turn  time.Duration
		mints int
	}{{0, 1}, {time.Hour, 1}, {time.Hour - time.Minute - time.Second, 1}, {time.Second, 2}} {
		w.turn(x.turn)
		v.emit(t, e)
		if n := v.mints(s); n != x.mints {
			t.Errorf("after %s more: %d mints, want %d", x.turn, n, x.mints)
		}
	}
}

func (v TokenVendor) replaced(t *testing.T) {
	w := &watch{}
	e, s, expire := v.New(t, w.now)
	v.emit(t, e)
	w.turn(time.Minute)
	expire()
	if r := v.emit(t, e)[0]; r.Verdict != channels.Accepted {
		t.Errorf("%s (%s), want accepted with a new token", r.Verdict, r.Reason)
	}
	if n := v.mints(s); n != 2 {
		t.Errorf("%d mints, want 2", n)
	}
}

// staysRejected: one more try with a new token, and no third.
func (v TokenVendor) staysRejected(t *testing.T) {
	var mints, calls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == v.TokenPath {
			fmt.Fprintf(rw, v.Token, mints.Add(1))
			return
		}
		calls.Add(1)
		_, _ = io.WriteString(rw, v.Rejected)
	}))
	t.Cleanup(s.Close)
	w := &watch{}
	e := v.At(t, s.URL, func() time.Time {
		w.turn(2 * time.Second) // so that another token may always be minted
		return w.now()
	})
	if r := v.emit(t, e)[0]; r.Verdict != channels.Throttled || r.Reason != channels.ReasonCredentials {
		t.Errorf("%+v, want throttled for its credentials", r)
	}
	if mints.Load() != 2 || calls.Load() != 2 {
		t.Errorf("%d mints and %d calls, want 2 and 2", mints.Load(), calls.Load())
	}
}

func (v TokenVendor) firstOfMany(t *testing.T) {
	e, s, _ := v.New(t, time.Now)
	c := v.Command
	c.Sends = slices.Repeat(c.Sends[:1], 3)
	done := make(chan channels.Reply, 16)
	for range cap(done) {
		go func() {
			r, _ := e.Emit(t.Context(), c)
			done <- r
		}()
	}
	for range cap(done) {
		if r := <-done; r.Results[0].Verdict != channels.Accepted {
			t.Errorf("%+v", r.Results[0])
		}
	}
	if n, calls := v.mints(s), count(s, http.MethodPost+" "+v.CallPath); n != 1 || calls != 3*cap(done) {
		t.Errorf("%d mints and %d calls, want 1 and %d", n, calls, 3*cap(done))
	}
}

// denied: whatever the token's address says, the command did nothing, and is not
// asked about once for each send.
func (v TokenVendor) denied(t *testing.T) {
	v.Command.Sends = slices.Repeat(v.Command.Sends[:1], 3)
	for body, want := range v.Denied {
		var asked atomic.Int64
		s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			_, _ = io.WriteString(rw, body)
		}))
		for _, r := range v.emit(t, v.At(t, s.URL, time.Now)) {
			if r.Verdict != channels.Throttled || r.Reason != want {
				t.Errorf("%s: %s (%s), want throttled (%s)", body, r.Verdict, r.Reason, want)
			}
		}
		s.Close()
		if asked.Load() != 1 {
			t.Errorf("%s: %d requests, want 1", body, asked.Load())
		}
	}
}

func (v TokenVendor) noAddress(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	if r := v.emit(t, v.At(t, s.URL, time.Now))[0]; r.Verdict != channels.Throttled || r.Reason != channels.ReasonUnreachable {
		t.Errorf("%+v, want unreachable", r)
	}
}
