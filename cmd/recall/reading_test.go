package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
)

// flaky is a ledger of ten events that breaks every connection after some lines.
type flaky struct {
	lines int
	asked []string
	// fail is answered instead, as often as it says.
	fail []int
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("range")
	f.asked = append(f.asked, text)
	if len(f.fail) > 0 {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(f.fail[0])
		fmt.Fprintf(w, `{"code":"busy","status":%d,"detail":"try later"}`, f.fail[0])
		f.fail = f.fail[1:]
		return
	}
	first, last := 1, 10
	var err error
	from, to, _ := strings.Cut(text, ":")
	if _, e := fmt.Sscanf(from, "0-%d", &first); e != nil && from != "" {
		err = e
	}
	if to != "" && to != "+10" {
		_, err = fmt.Sscanf(to, "0-%d", &last)
	}
	if err != nil {
		panic(fmt.Sprintf("the range %q: %v", text, err))
	}
	w.Header().Set("Recall-Range", fmt.Sprintf("0-%d:0-%d", first, last))
	for n := range f.lines {
		if first+n > last {
			fmt.Fprintf(w, `{"position":"0-%d","end":"range"}`, last)
			return
		}
		line, err := json.Marshal(api.LogEntry{
			Position: events.Position{Seq: events.Seq(first + n)}, Stored: time.UnixMilli(int64(first + n)), Event: json.RawMessage(`{}`),
		})
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(w, "%s\n", line)
	}
}

func newPart(t *testing.T, h http.Handler, text string) *part {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	client, err := api.NewClient(api.ClientConfig{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ranges.Parse(text, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return &part{client: client, span: s, retry: retry{2, func(time.Duration, error) {}}}
}

// A reading that is broken off again and again tells each event once, and never
// more or less than the range it began with.
func TestReadingGoesOn(t *testing.T) {
	h := &flaky{lines: 4, fail: []int{503}}
	r := newPart(t, h, ":+10")
	var seen []string
	if err := r.each(t.Context(), func(e api.LogEntry) error {
		seen = append(seen, e.Position.String()+e.End)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []string{"0-1", "0-2", "0-3", "0-4", "0-5", "0-6", "0-7", "0-8", "0-9", "0-10", "0-10range"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{":+10", ":+10", "0-5:0-10", "0-9:0-10"}, h.asked); diff != "" {
		t.Error(diff)
	}
}

// A reading that breaks exactly before its last line is at its end.
func TestReadingBrokenAtTheEnd(t *testing.T) {
	r := newPart(t, &flaky{lines: 10}, "")
	last := ""
	if err := r.each(t.Context(), func(e api.LogEntry) error {
		last = e.Position.String() + e.End
		return nil
	}); err != nil || last != "0-10range" {
		t.Errorf("the last entry is %q, %v", last, err)
	}
}

func TestReadingGivesUp(t *testing.T) {
	r := newPart(t, &flaky{lines: 0}, "")
	if err := r.each(t.Context(), func(api.LogEntry) error { return nil }); !errors.Is(err, api.ErrBrokenOff) {
		t.Errorf("a ledger that breaks off always: %v", err)
	}
	h := &flaky{lines: 4, fail: []int{403}}
	r = newPart(t, h, "")
	var p *api.Problem
	if err := r.each(t.Context(), func(api.LogEntry) error { return nil }); !errors.As(err, &p) || len(h.asked) != 1 {
		t.Errorf("a refusal: %v after %d tries", err, len(h.asked))
	}
	mine := &url.Error{Op: "get", Err: errors.New("of the handler")}
	h = &flaky{lines: 4}
	r = newPart(t, h, "")
	if err := r.each(t.Context(), func(api.LogEntry) error { return mine }); !errors.Is(err, mine) || len(h.asked) != 1 {
		t.Errorf("the handler's error: %v after %d tries", err, len(h.asked))
	}
	ctx, cancel := context.WithCancel(t.Context())
	r = newPart(t, &flaky{lines: 4}, "")
	r.retry.waiting = func(time.Duration, error) { cancel() }
	if err := r.each(ctx, func(api.LogEntry) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	err := (&reading{parts: []*part{r}}).stopped(context.Canceled, &globalOptions{})
	if want := "interrupted; everything up to position 0-4 is read, go on with --range 0-5:0-10"; err.Error() != want {
		t.Errorf("%q, want %q", err, want)
	}
}

func TestSpeeds(t *testing.T) {
	for text, want := range map[string]float64{"max": 0, "original": 1, "2x": 2, "0.5x": 0.5} {
		if got, err := parseSpeed(text); err != nil || got != want {
			t.Errorf("%q is %g, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2", "x", "-1x", "0x", "NaNx", "Infx", "1e9x"} {
		if got, err := parseSpeed(text); err == nil {
			t.Errorf("%q is %g", text, got)
		}
	}
}
