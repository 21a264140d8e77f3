package wecom

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/wecom/wecomtest"
)

// watch is a clock that a test turns.
type watch struct{ passed atomic.Int64 }

func (w *watch) now() time.Time {
	return time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC).Add(time.Duration(w.passed.Load()))
}

func (w *watch) turn(d time.Duration) { w.passed.Add(int64(d)) }

func count(s *wecomtest.Server, call string) int {
	n := 0
	for _, c := range s.Calls() {
		if c == call {
			n++
		}
	}
	return n
}

// The documented paths.
const (
	tokenPath  = "/cgi-bin/gettoken"
	recallPath = "/cgi-bin/message/recall"
	sendPath   = "/cgi-bin/message/send"
)

const (
	minted   = "GET " + tokenPath
	recalled = "POST " + recallPath
)

func TestTokenIsKeptAndRenewedEarly(t *testing.T) {
	w := &watch{}
	e, s := start(t, func(c *Config) { c.Clock = w.now })
	for _, x := range []struct {
		turn  time.Duration
		mints int
	}{{0, 1}, {time.Hour, 1}, {time.Hour - time.Minute - time.Second, 1}, {time.Second, 2}} {
		w.turn(x.turn)
		emit(t, e, remove(sent))
		if n := count(s, minted); n != x.mints {
			t.Errorf("after %s more: %d mints, want %d", x.turn, n, x.mints)
		}
	}
}

func TestTokenIsReplacedOnceWhenRejected(t *testing.T) {
	w := &watch{}
	e, s := start(t, func(c *Config) { c.Clock = w.now })
	emit(t, e, remove(sent))
	w.turn(time.Minute)
	s.Expire()
	if r := emit(t, e, remove(sent)).Results[0]; r.Verdict != channels.Accepted {
		t.Errorf("%s (%s), want accepted with a new token", r.Verdict, r.Reason)
	}
	if n := count(s, minted); n != 2 {
		t.Errorf("%d mints, want 2", n)
	}
}

// TestTokenThatStaysRejected: one more try with a new token, and no third.
func TestTokenThatStaysRejected(t *testing.T) {
	var mints, recalls atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == tokenPath {
			fmt.Fprintf(rw, `{"errcode":0,"access_token":"t%d","expires_in":7200}`, mints.Add(1))
			return
		}
		recalls.Add(1)
		_, _ = io.WriteString(rw, `{"errcode":40014,"errmsg":"invalid access_token"}`)
	}))
	t.Cleanup(s.Close)
	w := &watch{}
	c := config(s.URL, "secret")
	c.Clock = func() time.Time {
		w.turn(2 * time.Second) // so that another token may always be minted
		return w.now()
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r := emit(t, e, remove(sent))
	if r.Results[0].Verdict != channels.Throttled || r.Results[0].Reason != channels.ReasonCredentials {
		t.Errorf("%+v, want throttled for its credentials", r.Results[0])
	}
	if mints.Load() != 2 || recalls.Load() != 2 {
		t.Errorf("%d mints and %d recalls, want 2 and 2", mints.Load(), recalls.Load())
	}
}

func TestFirstTokenOfManyCommands(t *testing.T) {
	e, s := start(t, func(*Config) {})
	done := make(chan channels.Reply, 16)
	for range cap(done) {
		go func() {
			r, _ := e.Emit(t.Context(), remove(sent, sent, sent))
			done <- r
		}()
	}
	for range cap(done) {
		if r := <-done; r.Results[0].Verdict != channels.Accepted {
			t.Errorf("%+v", r.Results[0])
		}
	}
	if n, calls := count(s, minted), count(s, recalled); n != 1 || calls != 48 {
		t.Errorf("%d mints and %d recalls, want 1 and 48", n, calls)
	}
}

// TestNoToken: whatever the token's address says, the command did nothing, and
// is not asked about once for each send.
func TestNoToken(t *testing.T) {
	for body, want := range map[string]string{
		`{"errcode":40001,"errmsg":"x"}`:                  channels.ReasonCredentials,
		`{"errcode":40013,"errmsg":"x"}`:                  channels.ReasonCredentials,
		`{"errcode":40035,"errmsg":"x"}`:                  channels.ReasonCredentials + ":40035",
		`{"errcode":60020,"errmsg":"x"}`:                  channels.ReasonCredentials + ":60020",
		`{"errcode":45009,"errmsg":"x"}`:                  channels.ReasonThrottled,
		`{"errcode":-1,"errmsg":"x"}`:                     channels.ReasonBusy,
		`{"errcode":0,"access_token":""}`:                 channels.ReasonNoAnswer,
		`{"errcode":0,"access_token":"a","expires_in":0}`: channels.ReasonNoAnswer,
		`<html>`: channels.ReasonNoAnswer,
	} {
		s := can(t, map[string]string{tokenPath: body})
		e, err := New(config(s.URL, "secret"))
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range emit(t, e, remove("a", "b", "c")).Results {
			if r.Verdict != channels.Throttled || r.Reason != want {
				t.Errorf("%s: %s (%s), want throttled (%s)", body, r.Verdict, r.Reason, want)
			}
		}
		if len(s.seen) != 1 {
			t.Errorf("%s: %d requests, want 1", body, len(s.seen))
		}
	}
}

func TestNoTokenAddress(t *testing.T) {
	s := can(t, nil)
	s.Close()
	e, err := New(config(s.URL, "secret"))
	if err != nil {
		t.Fatal(err)
	}
	if r := emit(t, e, remove(sent)).Results[0]; r.Verdict != channels.Throttled || r.Reason != channels.ReasonUnreachable {
		t.Errorf("%+v, want unreachable", r)
	}
}

func TestErrorsAreDiscreet(t *testing.T) {
	const secret = "s3cr3t-of-a-company"
	for _, base := range []string{"http://127.0.0.1:1", "http://a b"} {
		e := &Emitter{c: config(base, secret)}
		e.c.TokenURL = base + tokenPath
		e.call.HTTP = e.c.HTTP
		_, err := e.mint(t.Context())
		if err == nil || slices.ContainsFunc([]string{secret, "127.0.0.1", "a b"}, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("%s: %v", base, err)
		}
	}
}

// TestTokenOfYears: what nobody can believe of a token's life keeps it for a day.
func TestTokenOfYears(t *testing.T) {
	s := can(t, map[string]string{tokenPath: `{"errcode":0,"access_token":"a","expires_in":9223372036854775807}`})
	w := &watch{}
	c := config(s.URL, "secret")
	c.Clock = w.now
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.mint(t.Context())
	if err != nil || !got.Expires.Equal(w.now().Add(24*time.Hour)) {
		t.Errorf("until %s, %v", got.Expires, err)
	}
}
