package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

func now() time.Time { return time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC) }

func client(c *http.Client) Client { return Client{HTTP: c, Clock: now} }

func request(t *testing.T, ctx context.Context, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/send/tok3n?key=s3cret", strings.NewReader(`{"b0dy":1}`))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// two serves HTTP/2 without TLS.
func two(t *testing.T, h http.HandlerFunc) (*httptest.Server, *http.Client) {
	t.Helper()
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = p
	s.Start()
	t.Cleanup(s.Close)
	transport := &http.Transport{Protocols: p}
	t.Cleanup(transport.CloseIdleConnections)
	return s, &http.Client{Transport: transport}
}

func TestDoGivesTheWholeAnswer(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Id", r.Header.Get("X-Id"))
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.Copy(w, r.Body)
	})
	req := request(t, t.Context(), s.URL)
	req.Header.Set("X-Id", "7")
	a, err := client(s.Client()).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != http.StatusTeapot || a.Header.Get("X-Id") != "7" || string(a.Body) != `{"b0dy":1}` || a.RetryAfter != 3*time.Second {
		t.Errorf("%+v", a)
	}
}

// TestNotSent: what cannot have reached the vendor has done nothing.
func TestNotSent(t *testing.T) {
	never := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	gone := serve(t, never)
	gone.Close()
	running := serve(t, never)
	tls := httptest.NewTLSServer(http.HandlerFunc(never))
	t.Cleanup(tls.Close)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, x := range map[string]struct {
		url string
		ctx context.Context
	}{
		"nobody listens":        {gone.URL, t.Context()},
		"context over":          {running.URL, ended},
		"certificate not known": {tls.URL, t.Context()},
		"no such scheme":        {"gopher://127.0.0.1", t.Context()},
	} {
		_, err := client(&http.Client{Transport: &http.Transport{}}).Do(request(t, x.ctx, x.url))
		if !errors.Is(err, ErrNotSent) || errors.Is(err, ErrNoAnswer) {
			t.Errorf("%s: %v, want %v", name, err, ErrNotSent)
		}
		discreet(t, name, err)
		if r := Failure(err); r != (Result{Verdict: channels.Throttled, Reason: channels.ReasonUnreachable}) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestNoAnswer: what may have reached the vendor may have done something.
func TestNoAnswer(t *testing.T) {
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "{")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	drop := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	flood := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, MaxAnswer+1)) }
	for name, h := range map[string]http.HandlerFunc{"dropped": drop, "cut": cut, "flood": flood} {
		for _, version := range []int{1, 2} {
			s, c := serve(t, h), &http.Client{Transport: &http.Transport{}}
			if version == 2 {
				s, c = two(t, h)
			}
			what := fmt.Sprintf("%s, HTTP/%d", name, version)
			_, err := client(c).Do(request(t, t.Context(), s.URL))
			if !errors.Is(err, ErrNoAnswer) || errors.Is(err, ErrNotSent) {
				t.Errorf("%s: %v, want %v", what, err, ErrNoAnswer)
			}
			discreet(t, what, err)
			if r := Failure(err); r != (Result{Verdict: channels.Unknown, Reason: channels.ReasonNoAnswer}) {
				t.Errorf("%s: %+v", what, r)
			}
		}
	}
}

// TestContextEndsDuringTheCall: before the answer and in the middle of it.
func TestContextEndsDuringTheCall(t *testing.T) {
	for _, begun := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		entered := make(chan struct{})
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // the server sees the end of the connection only then
			if begun {
				_, _ = io.WriteString(w, "{")
				_ = http.NewResponseController(w).Flush()
			}
			close(entered)
			<-r.Context().Done()
		})
		go func() {
			<-entered
			cancel()
		}()
		_, err := client(s.Client()).Do(request(t, ctx, s.URL))
		if !errors.Is(err, ErrNoAnswer) || !errors.Is(err, context.Canceled) {
			t.Errorf("begun %t: %v, want %v for the context", begun, err, ErrNoAnswer)
		}
		discreet(t, fmt.Sprintf("begun %t", begun), err)
	}
}

func TestLongestAnswer(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, MaxAnswer)) })
	a, err := client(s.Client()).Do(request(t, t.Context(), s.URL))
	if err != nil || len(a.Body) != MaxAnswer {
		t.Errorf("%d bytes, %v", len(a.Body), err)
	}
}

func discreet(t *testing.T, what string, err error) {
	t.Helper()
	for _, secret := range []string{"tok3n", "s3cret", "b0dy", "http://", "https://"} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error holds %q: %v", what, secret, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	at := func(d time.Duration) string { return now().Add(d).Format(http.TimeFormat) }
	for value, want := range map[string]time.Duration{
		"":                 0,
		"0":                0,
		"7":                7 * time.Second,
		"86400":            24 * time.Hour,
		"86401":            24 * time.Hour,
		"2147483647":       24 * time.Hour,
		"-7":               0,
		"7.5":              0,
		"+7":               0,
		"soon":             0,
		at(time.Minute):    time.Minute,
		at(-time.Minute):   0,
		at(48 * time.Hour): 24 * time.Hour,
		now().Add(time.Minute).Format(time.ANSIC):   time.Minute, // one of the two old forms
		now().Add(time.Minute).Format(time.RFC3339): 0,
	} {
		h := http.Header{}
		h.Set("Retry-After", value)
		if got := client(nil).retryAfter(h); got != want {
			t.Errorf("%q: %s, want %s", value, got, want)
		}
	}
}

func TestSend(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, `{"said":"%s %s %s %s %s"}`, r.Method, r.URL, r.Header.Get("Content-Type"), r.Header.Get("X-Id"), b)
	})
	for _, x := range []struct {
		r    Request
		want string
	}{
		{Request{URL: s.URL + "/a?b=1"}, "POST /a?b=1   "},
		{Request{Method: http.MethodGet, URL: s.URL + "/a", Header: map[string]string{"X-Id": "7"}}, "GET /a  7 "},
		{Request{URL: s.URL + "/a", Type: TypeForm, Body: []byte("x=1")}, "POST /a application/x-www-form-urlencoded  x=1"},
	} {
		a, err := client(s.Client()).Send(t.Context(), x.r)
		var said struct{ Said string }
		if err != nil || !a.JSON(&said) || said.Said != x.want {
			t.Errorf("%q, %v, want %q", a.Body, err, x.want)
		}
	}
}

// TestUnmade: what cannot be asked for is refused, and not told.
func TestUnmade(t *testing.T) {
	_, err := client(http.DefaultClient).Send(t.Context(), Request{URL: "http://127.0.0.1/tok3n\x7f"})
	if !errors.Is(err, ErrUnmade) {
		t.Fatalf("%v, want %v", err, ErrUnmade)
	}
	discreet(t, "unmade", err)
	if r := Failure(err); r != (Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}) {
		t.Errorf("%+v", r)
	}
}

func TestJSON(t *testing.T) {
	for body, want := range map[string]bool{
		`{"code":1,"more":[]}`: true, " {} ": true, `null`: true, ``: false, `<html>`: false, `{"code":"1"}`: false, `{} {}`: false,
	} {
		var v struct{ Code int }
		if got := (Answer{Body: []byte(body)}).JSON(&v); got != want {
			t.Errorf("%q: %t", body, got)
		}
	}
}
