package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

func TestExplain(t *testing.T) {
	o := &globalOptions{api: "http://me:secret@ledger:1", timeout: 5 * time.Second}
	first := &api.First{Recall: "r-1", Action: "recall", At: time.Unix(0, 0)}
	for _, c := range []struct {
		err  error
		code int
		says string
	}{
		{usagef("wrong"), exitUsage, "wrong"},
		{&api.Problem{Status: 404, Code: "unknown-push", Detail: "gone"}, exitNotFound, "gone [unknown-push]"},
		{&api.Problem{Status: 404, Code: "unknown-recall"}, exitNotFound, ""},
		{&api.Problem{Status: 409, Code: "already-recalled", Detail: "taken back", First: first}, exitConflict, "first: recall r-1"},
		{&api.Problem{Status: 409, Code: "conflict"}, exitConflict, ""},
		{&api.Problem{Status: 409, Code: "not-scheduled"}, exitPrecondition, ""},
		{&api.Problem{Status: 409, Code: "already-started"}, exitPrecondition, ""},
		{&api.Problem{Status: 409, Code: "not-running"}, exitPrecondition, ""},
		{&api.Problem{Status: 410, Code: "window-closed"}, exitWindow, ""},
		{&api.Problem{Status: 422, Code: "idempotency-key-reused"}, exitPrecondition, ""},
		{&api.Problem{Status: 422, Code: "replacement-missing", Field: "replacement", Detail: "is missing"}, exitPrecondition, "replacement: is missing"},
		{&api.Problem{Status: 400, Code: "bad-request"}, exitUsage, ""},
		{&api.Problem{Status: 401, Code: "unauthenticated", Detail: "send the header"}, exitError, "RECALL_TOKEN"},
		{&api.Problem{Status: 403, Code: "forbidden"}, exitError, ""},
		{&api.Problem{Status: 429, Code: "rate-limited", RetryAfter: 1}, exitError, "try again in 1 s"},
		{&api.Problem{Status: 500, Code: "internal"}, exitError, ""},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), exitTimeout, "within 5s from http://me:xxxxx@ledger:1"},
		{fmt.Errorf("read: %w", context.Canceled), exitInterrupted, "interrupted"},
		{&url.Error{Err: syscall.ECONNREFUSED}, exitError, "nothing listens there"},
		{&url.Error{Err: &net.DNSError{}}, exitError, "no such host"},
		{errors.New("anything else"), exitError, "anything else"},
	} {
		code, text := explain(c.err, o)
		if code != c.code || !strings.Contains(text, c.says) {
			t.Errorf("%v: got %d, %q, want %d and %q", c.err, code, text, c.code, c.says)
		}
		if strings.Contains(text, "secret") || strings.Contains(text, "\n") {
			t.Errorf("%v: got %q", c.err, text)
		}
	}
}

// What is not a ledger is said to be none.
func TestNotALedger(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "<html>\x1b[2Jteapot</html>")
	}))
	defer s.Close()
	for _, args := range [][]string{{"push", "list"}, {"ready"}} {
		var out, errs strings.Builder
		code := run(append(args, "--api", s.URL), strings.NewReader(""), &out, &errs)
		if code != exitError || !strings.Contains(errs.String(), "not a") || strings.Contains(errs.String(), "\x1b") || out.Len() > 0 {
			t.Errorf("%v: got %d, %q, %q", args, code, out.String(), errs.String())
		}
	}
}

// A watch that breaks off is begun again; one that never began is not.
func TestKeepWatching(t *testing.T) {
	now := make(chan time.Time)
	close(now)
	after := func(time.Duration) <-chan time.Time { return now }
	gone := &url.Error{Err: syscall.ECONNREFUSED}
	for _, c := range []struct {
		name    string
		answers []error
		want    error
		calls   int
	}{
		{"to the end", []error{nil}, nil, 1},
		{"node restarted", []error{api.ErrWatchEnded, &api.Problem{Status: 503}, gone, nil}, nil, 4},
		{"never there", []error{gone}, gone, 1},
		{"unknown", []error{&api.Problem{Status: 404}}, &api.Problem{}, 1},
		{"gone for good", []error{api.ErrWatchEnded}, gone, 1 + watchAttempts},
	} {
		t.Run(c.name, func(t *testing.T) {
			calls := 0
			err := keepWatching(t.Context(), func() error {
				calls++
				if calls > len(c.answers) {
					return gone
				}
				return c.answers[calls-1]
			}, after)
			if (err != nil) != (c.want != nil) || c.want == nil && calls != c.calls || c.want != nil && calls < c.calls {
				t.Errorf("got %v after %d calls", err, calls)
			}
		})
	}
}

// How a recall ended is told by the exit code.
func TestWatchEnd(t *testing.T) {
	for _, c := range []struct {
		recall projections.Recall
		want   int
	}{
		{projections.Recall{State: "running", Settled: true}, exitDone},
		{projections.Recall{State: "completed", Total: projections.RecallCounts{Unsupported: 3, Skipped: 1}}, exitDone},
		{projections.Recall{State: "running", Settled: true, Total: projections.RecallCounts{Refused: 1}}, exitPartial},
		{projections.Recall{State: "completed", Total: projections.RecallCounts{Expired: 1}}, exitPartial},
		{projections.Recall{State: "aborted", Total: projections.RecallCounts{Refused: 1}}, exitAborted},
	} {
		got := exitDone
		if err := (&watcher{last: &c.recall}).end(); err != nil {
			got, _ = explain(err, &globalOptions{})
		}
		if got != c.want {
			t.Errorf("%+v: got %d, want %d", c.recall, got, c.want)
		}
	}
}
