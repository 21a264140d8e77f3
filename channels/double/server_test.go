package double_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels/call"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

// start runs a double whose only command removes the notification n1 of d1.
func start(t *testing.T, http2 bool) *double.Server {
	t.Helper()
	s, err := double.Start(double.Config{HTTP2: http2, Handler: func(s *double.Server) http.Handler {
		trouble := func(w http.ResponseWriter, f double.Fault) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, string(f))
		}
		mux := http.NewServeMux()
		mux.HandleFunc("POST /remove", s.Command(trouble, func(w http.ResponseWriter, r *http.Request) {
			s.Tray.Remove("d1", "n1")
			_, _ = io.WriteString(w, "done by "+r.Proto)
		}))
		mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) { s.Note(r) })
		mux.HandleFunc("GET /elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/token", http.StatusFound) })
		return mux
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Tray.Show("d1", "n1", "text")
	return s
}

func do(ctx context.Context, t *testing.T, s *double.Server, http2 bool, method, path string) (call.Answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return call.Client{HTTP: double.Client(http2)}.Do(req)
}

func shown(s *double.Server) bool { return len(s.Tray.Screen("d1")) == 1 }

func TestFaults(t *testing.T) {
	for fault, want := range map[double.Fault]struct {
		body   string
		lost   bool
		effect bool
	}{
		double.None:       {body: "done by HTTP/", effect: true},
		double.Throttle:   {body: "throttle"},
		double.Fail:       {body: "fail"},
		double.DropBefore: {lost: true},
		double.DropAfter:  {lost: true, effect: true},
		double.Flood:      {lost: true, effect: true},
	} {
		for _, http2 := range []bool{false, true} {
			s := start(t, http2)
			s.Script(fault)
			a, err := do(t.Context(), t, s, http2, http.MethodPost, "/remove")
			if want.lost != errors.Is(err, call.ErrNoAnswer) || !strings.HasPrefix(string(a.Body), want.body) {
				t.Errorf("%q, HTTP/2 %t: %q, %v", fault, http2, a.Body, err)
			}
			if shown(s) == want.effect {
				t.Errorf("%q, HTTP/2 %t: shown: %t", fault, http2, shown(s))
			}
		}
	}
}

// TestStall: the effect is there, the answer begins, and only the caller ends it.
func TestStall(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		s := start(t, http2)
		s.Always(double.Stall)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/remove", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := double.Client(http2).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		if n, err := res.Body.Read(b); n != 1 || err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("HTTP/2 %t: %d bytes with status %d, %v", http2, n, res.StatusCode, err)
		}
		if shown(s) {
			t.Error("nothing was done")
		}
		res.Body.Close()
	}
}

// TestScriptGoesBeforeAlways: and None holds a place in it.
func TestScriptGoesBeforeAlways(t *testing.T) {
	s := start(t, false)
	s.Always(double.Throttle)
	s.Script(double.None, double.Fail)
	s.Script(double.None)
	var got []string
	for range 5 {
		a, err := do(t.Context(), t, s, false, http.MethodPost, "/remove")
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(a.Body))
	}
	if want := []string{"done by HTTP/1.1", "fail", "done by HTTP/1.1", "throttle", "throttle"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestVersions: a double of HTTP/2 speaks nothing else, as APNs does.
func TestVersions(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		s := start(t, http2)
		a, err := do(t.Context(), t, s, http2, http.MethodPost, "/remove")
		want := map[bool]string{false: "done by HTTP/1.1", true: "done by HTTP/2.0"}[http2]
		if err != nil || string(a.Body) != want {
			t.Errorf("HTTP/2 %t: %q, %v", http2, a.Body, err)
		}
		if a, err := do(t.Context(), t, s, !http2, http.MethodPost, "/remove"); err == nil && a.Status < 300 {
			t.Errorf("HTTP/2 %t: the other version was served: %q", http2, a.Body)
		}
	}
}

func TestCallsAndEntered(t *testing.T) {
	s := start(t, false)
	for _, x := range [][2]string{{http.MethodGet, "/token"}, {http.MethodPost, "/remove"}, {http.MethodPost, "/remove"}, {http.MethodGet, "/elsewhere"}} {
		if _, err := do(t.Context(), t, s, false, x[0], x[1]+"?secret=1"); err != nil {
			t.Fatal(err)
		}
	}
	// Commands note themselves, other handlers as they like; a redirect is not followed.
	if want := []string{"GET /token", "POST /remove", "POST /remove"}; !slices.Equal(s.Calls(), want) {
		t.Errorf("calls %q, want %q", s.Calls(), want)
	}
	select {
	case <-s.Entered():
	default:
		t.Error("no command was announced")
	}
	select {
	case <-s.Entered():
		t.Error("two commands were announced while nobody listened")
	default:
	}
}

func TestDeadTokens(t *testing.T) {
	s := start(t, false)
	s.Kill("d1", "d2")
	for device, want := range map[string]bool{"d1": true, "d2": true, "d3": false} {
		if s.Dead(device) != want {
			t.Errorf("%s: dead %t", device, s.Dead(device))
		}
	}
}

func TestLoopbackOnlyAndClosed(t *testing.T) {
	s := start(t, false)
	if !strings.HasPrefix(s.URL, "http://127.0.0.1:") {
		t.Errorf("it listens on %s", s.URL)
	}
	s.Close()
	if _, err := do(t.Context(), t, s, false, http.MethodPost, "/remove"); !errors.Is(err, call.ErrNotSent) {
		t.Errorf("after the end: %v", err)
	}
}
