package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// ledgerDouble takes events as the API does: those that begin with "bad" are
// refused. fail, when set, decides first, by the number of the call.
type ledgerDouble struct {
	calls int
	got   []string
	fail  func(call int, lines []string) error
	waits []time.Duration
}

func (d *ledgerDouble) publish(_ context.Context, body []byte) (api.PublishAnswer, error) {
	d.calls++
	lines := strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")
	if d.fail != nil {
		if err := d.fail(d.calls, lines); err != nil {
			return api.PublishAnswer{}, err
		}
	}
	var a api.PublishAnswer
	for i, l := range lines {
		if strings.HasPrefix(l, "bad") {
			a.Refused = append(a.Refused, api.RefusedEvent{Index: i, Field: "kind", Reason: "is bad"})
			continue
		}
		a.Accepted++
		d.got = append(d.got, l)
	}
	if a.Accepted == 0 {
		return a, &api.Problem{Status: 422, Code: "events-refused", Refused: a.Refused}
	}
	return a, nil
}

func (d *ledgerDouble) sender() *sender {
	now := make(chan time.Time)
	close(now)
	return &sender{
		publish: d.publish, timeout: time.Minute, retries: 3, waiting: func(time.Duration, error) {},
		after: func(w time.Duration) <-chan time.Time { d.waits = append(d.waits, w); return now },
	}
}

func lines(list ...string) *chunk {
	c := &chunk{}
	for i, l := range list {
		c.add([]byte(l), int64(i)+1)
	}
	return c
}

func busy(seconds int) error {
	return &api.Problem{Status: 429, Code: "overloaded", RetryAfter: seconds}
}

func lostCall() error { return &url.Error{Op: "Post", URL: "http://x", Err: syscall.ECONNREFUSED} }

func TestSendRepeats(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  []error
		after bool // an answer came before
		want  error
		waits []time.Duration
	}{
		{name: "at once"},
		{name: "busy", fail: []error{busy(0), busy(0)}, waits: []time.Duration{250 * time.Millisecond, 500 * time.Millisecond}},
		{name: "asked to wait", fail: []error{busy(3)}, waits: []time.Duration{3 * time.Second}},
		{name: "asked to wait for ever", fail: []error{busy(1 << 30)}, waits: []time.Duration{time.Minute}},
		{name: "busy for good", fail: []error{busy(0), busy(0), busy(0), busy(0)}, want: busy(0)},
		{name: "unknown result", fail: []error{&api.Problem{Status: 503, Code: "unknown-result"}}, waits: []time.Duration{250 * time.Millisecond}},
		{name: "never there", fail: []error{lostCall()}, want: lostCall()},
		{name: "gone in between", after: true, fail: []error{lostCall(), context.DeadlineExceeded}, waits: []time.Duration{250 * time.Millisecond, 500 * time.Millisecond}},
		{name: "not allowed", fail: []error{&api.Problem{Status: 403, Code: "forbidden"}}, want: &api.Problem{}},
		{name: "log full", fail: []error{&api.Problem{Status: 507, Code: "log-full"}}, want: &api.Problem{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &ledgerDouble{fail: func(call int, _ []string) error {
				if call <= len(c.fail) {
					return c.fail[call-1]
				}
				return nil
			}}
			s := d.sender()
			s.reached = c.after
			got, err := s.send(t.Context(), lines("a", "bad", "b"))
			if (err != nil) != (c.want != nil) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && (got.accepted != 2 || len(got.refused) != 1 || got.refused[0].Line != 2 || got.refused[0].Event != "bad") {
				t.Errorf("got %+v", got)
			}
			if c.waits != nil && !slices.Equal(d.waits, c.waits) {
				t.Errorf("got waits %v, want %v", d.waits, c.waits)
			}
		})
	}
}

// A ledger that takes less at once gets less at once; nothing is left out.
func TestSendHalves(t *testing.T) {
	d := &ledgerDouble{fail: func(_ int, lines []string) error {
		if len(lines) > 2 || slices.Contains(lines, "huge") {
			return &api.Problem{Status: 413, Code: "body-too-large", Detail: "too large"}
		}
		return nil
	}}
	got, err := d.sender().send(t.Context(), lines("a", "b", "bad", "huge", "c", "d", "e"))
	if err != nil {
		t.Fatal(err)
	}
	var refused []int64
	for _, e := range got.refused {
		refused = append(refused, e.Line)
	}
	if strings.Join(d.got, "") != "abcde" || got.accepted != 5 || !slices.Equal(refused, []int64{3, 4}) {
		t.Errorf("got %v, %+v", d.got, got)
	}
}

// An answer that does not account for every event is an error, never a success.
func TestSendCounts(t *testing.T) {
	s := (&ledgerDouble{}).sender()
	s.publish = func(context.Context, []byte) (api.PublishAnswer, error) { return api.PublishAnswer{Accepted: 1}, nil }
	if _, err := s.send(t.Context(), lines("a", "b")); err == nil {
		t.Error("one answer for two events is taken for a success")
	}
	s.publish = func(context.Context, []byte) (api.PublishAnswer, error) {
		return api.PublishAnswer{Accepted: 1, Refused: []api.RefusedEvent{{Index: 7}}}, nil
	}
	if _, err := s.send(t.Context(), lines("a", "b")); err == nil {
		t.Error("a refusal of an event that was not sent is taken for a success")
	}
}

// Wherever a run is cut off, the next ones bring every line to the ledger, and
// refused lines into the file of rejects.
func TestInterruptedEverywhere(t *testing.T) {
	const total = 3*chunkLines + 17
	var input bytes.Buffer
	for i := range total {
		if i%1000 == 500 {
			input.WriteString("bad ")
		}
		input.WriteString("event " + number(i) + "\n")
	}
	for cutAt := 1; cutAt <= 4; cutAt++ {
		dir := t.TempDir()
		file := filepath.Join(dir, "events.ndjson")
		if err := os.WriteFile(file, input.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		d := &ledgerDouble{fail: func(call int, _ []string) error {
			if call == cutAt {
				return errors.New("cut off")
			}
			return nil
		}}
		if err := runOnce(t, file, d); err == nil {
			t.Fatal("the run was not cut off")
		}
		if err := runOnce(t, file, d); err != nil {
			t.Fatal(err)
		}
		if len(d.got) != total-6 {
			t.Errorf("cut off at call %d: the ledger has %d events, expected %d", cutAt, len(d.got), total-6)
		}
		rejected, err := os.ReadFile(file + ".rejects")
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(rejected, []byte("\n")); n != 6 {
			t.Errorf("cut off at call %d: %d lines are in the file of rejects, expected 6", cutAt, n)
		}
	}
}

// runOnce is a run of recall publish with the double in the place of a ledger.
func runOnce(t *testing.T, file string, d *ledgerDouble) error {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	path := file + progressSuffix
	state, _, err := readProgress(f, path, "target")
	if err == nil && state == nil {
		state, err = newProgress(f, "target")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Seek(state.Offset, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	r, err := openRejects(file+".rejects", state.Line > 0)
	if err != nil {
		t.Fatal(err)
	}
	r.log = func(string, ...any) {}
	u := &upload{state: state, path: path, in: newChunkReader(f, state.Offset, state.Line), send: d.sender().send, report: &reporter{}, rejects: r}
	return errors.Join(u.run(t.Context()), r.close())
}
