package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newTestConsole is a console on an API that a test writes, at a time it sets.
func newTestConsole(t *testing.T, api http.HandlerFunc, now *time.Time) *Console {
	t.Helper()
	ids := 0
	h, err := New(Config{API: api, Clock: func() time.Time { return *now }, Random: func() string { ids++; return fmt.Sprint("id-", ids) }})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSessionsEnd(t *testing.T) {
	now := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	h := newTestConsole(t, idle(), &now)
	s := h.sessions
	first := s.add("token-1")
	if v := s.find(first); v == nil || v.token != "token-1" {
		t.Fatalf("%+v", v)
	}
	for _, id := range []string{"", "id-2", "ID-1", "token-1"} {
		if s.find(id) != nil {
			t.Errorf("%q is a session", id)
		}
	}
	now = now.Add(12*time.Hour - time.Nanosecond)
	if s.find(first) == nil {
		t.Error("the session ended early")
	}
	v := s.find(first)
	now = now.Add(time.Nanosecond)
	if s.find(first) != nil || !closed(v) || len(s.list) != 0 {
		t.Error("the session lives on after 12 hours")
	}
	// One too many ends the oldest, and only that.
	var all []string
	for i := range maxSessions + 1 {
		all = append(all, s.add(fmt.Sprint("token-", i)))
		now = now.Add(time.Second)
	}
	if s.find(all[0]) != nil || s.find(all[1]) == nil || s.find(all[maxSessions]) == nil || len(s.list) != maxSessions {
		t.Errorf("%d sessions", len(s.list))
	}
	// Those whose time is over make room before anybody else.
	now = now.Add(12 * time.Hour)
	s.add("new")
	if len(s.list) != 1 {
		t.Errorf("%d sessions, all but one are over", len(s.list))
	}
}

func closed(s *session) bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

func idle() http.HandlerFunc { return func(http.ResponseWriter, *http.Request) {} }

// TestLogoutEndsWatches: what a page still follows ends with its session.
func TestLogoutEndsWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		var seen *http.Request
		h := newTestConsole(t, func(_ http.ResponseWriter, r *http.Request) {
			seen = r
			<-r.Context().Done()
		}, &now)
		id := h.sessions.add("the-token")
		r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/console/api/shop/v1/pushes/a%2Fb%20c?limit=1", nil)
		r.AddCookie(&http.Cookie{Name: cookiePlain, Value: id})
		r.Header.Set("X-Other", "x")
		ended := false
		go func() {
			h.ServeHTTP(httptest.NewRecorder(), r)
			ended = true
		}()
		synctest.Wait()
		if seen == nil || ended {
			t.Fatal("the watch did not begin")
		}
		// The API sees the session's credential and nothing else of the browser.
		if got := seen.Header; got.Get("Authorization") != "Bearer the-token" || got.Get("Recall-App") != "shop" || len(got) != 2 {
			t.Errorf("the API got the headers %v", got)
		}
		if seen.URL.EscapedPath() != "/v1/pushes/a%2Fb%20c" || seen.URL.RawQuery != "limit=1" {
			t.Errorf("the API was asked for %s", seen.URL)
		}
		h.sessions.end(id)
		synctest.Wait()
		if !ended {
			t.Error("the watch goes on after the logout")
		}
	})
}

func TestConfig(t *testing.T) {
	clock, random := time.Now, func() string { return "x" }
	for want, c := range map[string]Config{
		"an API, a clock": {API: idle(), Clock: clock},
		"the tolerance":   {API: idle(), Clock: clock, Random: random, Tolerance: 1.5},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want an error with %q", err, want)
		}
	}
}

// TestStrangeAnswers: an API that answers nonsense, or too much, is not passed on.
func TestStrangeAnswers(t *testing.T) {
	now := time.Now()
	for name, api := range map[string]http.HandlerFunc{
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("nonsense")) },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			for range 5 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		},
	} {
		h := newTestConsole(t, api, &now)
		for _, path := range []string{"/console/preview/shop", "/console/recall/shop"} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(`{"request":{"push":"p"},"shown":{"push":"p"}}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Idempotency-Key", "k")
			r.AddCookie(&http.Cookie{Name: cookiePlain, Value: h.sessions.add("t")})
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "no usable answer") || w.Body.Len() > 1000 {
				t.Errorf("%s, %s: %d, %d bytes", path, name, w.Code, w.Body.Len())
			}
		}
	}
}
