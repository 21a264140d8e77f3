package replay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// stored makes a log of n events of as many pushes.
func stored(t *testing.T, n int) *memlog.Log {
	t.Helper()
	l := memlog.New(memlog.Config{})
	for i := range n {
		push := fmt.Sprintf("p%d", i)
		logtest.Append(t, l, &events.Event{
			Header: events.Header{Kind: events.PushSent, App: "a", Push: push, Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)},
			Data:   &events.Fact{Channel: "fcm", Devices: []string{"d"}},
		})
	}
	return l
}

// TestLog: a log of the past ends where it did, whatever it is asked.
func TestLog(t *testing.T) {
	live := stored(t, 10)
	ctx := t.Context()
	for _, c := range []struct {
		end  events.Seq
		r    events.Range
		want []events.Seq
	}{
		{4, events.Range{}, []events.Seq{1, 2, 3, 4}},
		{4, events.Range{From: 3, To: 9}, []events.Seq{3, 4}},
		{4, events.Range{From: 2, To: 3}, []events.Seq{2, 3}},
		{4, events.Range{From: 5}, nil},
		{4, events.Range{Filter: "recall.fact.0.b.>"}, nil},
		{0, events.Range{}, nil},
		{0, events.Range{From: 1, To: 3}, nil},
	} {
		l := &log{live, c.end}
		var got []events.Seq
		take := func(m events.Message) error { got = append(got, m.Seq); return nil }
		if err := l.Read(ctx, c.r, take); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("end %d, range %+v: %v, %v, want %v", c.end, c.r, got, err, c.want)
		}
		if end, err := l.End(ctx); err != nil || end.Seq != c.end {
			t.Errorf("the end is %s, %v, want %d", end, err, c.end)
		}
		if info, err := l.Info(ctx); err != nil || info.Last != c.end || (info.First == 0) != (c.end == 0) {
			t.Errorf("the log is %+v, %v", info, err)
		}
		if _, err := l.Append(ctx, []events.Record{{}}); !errors.Is(err, errPast) {
			t.Errorf("append: %v", err)
		}
	}
	l := &log{live, 4}
	var got []events.Seq
	bounded, cancel := context.WithCancel(ctx)
	err := l.Follow(bounded, 3, func(m events.Message) error {
		if got = append(got, m.Seq); m.Seq == 4 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(got, []events.Seq{3, 4}) {
		t.Errorf("followed %v, %v", got, err)
	}
	subject := live.Messages()[6].Subject
	if err := l.ReadSubject(ctx, subject, func(m events.Message) error {
		if m.Seq > 4 {
			t.Errorf("the subject has %d", m.Seq)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// start makes Replays of a log that is folded.
func start(t *testing.T, l events.Log, change func(*Config)) *Replays {
	t.Helper()
	p, err := projections.Open(t.Context(), projections.Config{Dir: t.TempDir(), Log: l, Cache: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	if err := l.Read(t.Context(), events.Range{}, p.Apply); err != nil {
		t.Fatal(err)
	}
	set, err := partition.New(partition.Config{Parts: []*partition.Part{{Log: l, Local: p}}})
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Ledger: set, Dir: t.TempDir(), Clock: func() time.Time { return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }}
	if change != nil {
		change(&c)
	}
	r, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestClose: who asks a past that was closed gets an error, and no folder is left.
func TestClose(t *testing.T) {
	r := start(t, stored(t, 10), nil)
	m, err := r.Resolve(t.Context(), "0-7")
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Open(t.Context(), m, About{})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := p.Ledger.Stats(); err != nil || s.Pushes != 7 {
		t.Errorf("%d pushes as of 0-7, %v", s.Pushes, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Ledger.Push("a", "p9", time.Time{}); err == nil {
		if v, _, err := p.Ledger.Pushes("a", projections.Page{}, time.Time{}); err == nil {
			t.Errorf("a closed past tells %+v", v)
		}
	}
	p.Close()
	if _, err := r.Open(t.Context(), m, About{}); !errors.Is(err, ErrClosed) {
		t.Errorf("open after close: %v", err)
	}
	if left, err := os.ReadDir(r.c.Dir); err != nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// TestBytes: what nobody uses makes room, and what is used does not.
func TestBytes(t *testing.T) {
	r := start(t, stored(t, 10), func(c *Config) { c.Bytes = 4 << 20 })
	open := func(text string) (*Past, error) {
		m, err := r.Resolve(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		return r.Open(t.Context(), m, About{})
	}
	first, err := open("0-3")
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	r.c.Bytes = r.folds[events.Position{Seq: 3}].bytes + 1 // a second one does not fit
	r.mu.Unlock()
	var limit *LimitError
	if _, err := open("0-5"); !errors.As(err, &limit) || limit.Bytes == 0 {
		t.Fatalf("without room: %v", err)
	}
	if v, err := first.Ledger.Push("a", "p1", time.Time{}); err != nil || v == nil {
		t.Errorf("what is used was dropped: %v", err)
	}
	first.Close()
	r.mu.Lock()
	r.c.Bytes *= 3
	r.c.Bytes /= 2 // bytes differ a little from fold to fold
	r.mu.Unlock()
	second, err := open("0-5")
	if err != nil {
		t.Fatalf("with room: %v", err)
	}
	second.Close()
	if s := r.Stats(); s.Kept != 1 || s.Folds != 3 || s.Failed != 1 || s.Bytes > r.c.Bytes {
		t.Errorf("%+v", s)
	}
}

// TestUnfolded: the past of a partition that a question is not about is not made
// up.
func TestUnfolded(t *testing.T) {
	u := unfolded{about: About{App: "a", Recall: "r"}}
	if v, err := u.Recall("a", "r"); v != nil || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	for _, c := range []About{{App: "a", Recall: "other"}, {App: "b", Recall: "r"}} {
		if _, err := u.Recall(c.App, c.Recall); err == nil {
			t.Errorf("%+v is answered from nothing", c)
		}
	}
}

// TestRun: what nobody waits for is dropped although nobody asks.
func TestRun(t *testing.T) {
	r := start(t, stored(t, 10), func(c *Config) { c.KeepFor = time.Nanosecond; c.Clock = time.Now })
	m, err := r.Resolve(t.Context(), "0-7")
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Open(t.Context(), m, About{App: "a", Push: "p1"})
	if err != nil {
		t.Fatal(err)
	}
	p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- r.Run(ctx) }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.Stats().Kept > 0 {
		<-tick.C
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	r := start(t, stored(t, 1), nil)
	for name, change := range map[string]func(*Config){
		"no ledger":                  func(c *Config) { c.Ledger = nil },
		"no clock":                   func(c *Config) { c.Clock = nil },
		"no folder":                  func(c *Config) { c.Dir = "" },
		"a folder that is not there": func(c *Config) { c.Dir += "/nowhere" },
	} {
		c := r.c
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
