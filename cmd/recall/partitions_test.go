package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
)

// divided is a ledger of several partitions that breaks every connection after
// some lines. Event n of partition p is stored at 10n+p milliseconds.
type divided struct {
	// ends are the last sequences of the partitions.
	ends  []int
	lines int

	mu    sync.Mutex
	asked []string
	// lost is a partition whose reading is refused.
	lost string
}

func (d *divided) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	d.mu.Lock()
	if strings.HasPrefix(r.URL.Path, "/v1/events") {
		d.asked = append(d.asked, q.Get("partition")+"/"+q.Get("range"))
	}
	d.mu.Unlock()
	if r.URL.Path == "/v1/positions" {
		var a api.PositionsAnswer
		for i, end := range d.ends {
			a.Partitions = append(a.Partitions, api.PartitionPosition{Partition: i, End: events.Position{Partition: i, Seq: events.Seq(end)}})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(a)
		return
	}
	if q.Get("partition") == d.lost && d.lost != "" {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"code":"bad-request","status":400,"field":"range","detail":"it is past its age"}`)
		return
	}
	p, err := strconv.Atoi(q.Get("partition"))
	if err != nil {
		panic(err)
	}
	d.read(w, p, q.Get("range"), q.Get("limit"))
}

func (d *divided) read(w http.ResponseWriter, p int, text, limit string) {
	first, last := 1, d.ends[p]
	from, to, _ := strings.Cut(text, ":")
	for at, s := range map[*int]string{&first: from, &last: to} {
		if s == "" {
			continue
		}
		_, s, _ = strings.Cut("-"+s, "-") // with or without the partition
		s = s[strings.IndexByte(s, '-')+1:]
		n, err := strconv.Atoi(s)
		if err != nil {
			panic(fmt.Sprintf("the range %q: %v", text, err))
		}
		*at = n
	}
	left, _ := strconv.Atoi(limit)
	w.Header().Set("Recall-Range", fmt.Sprintf("%d-%d:%d-%d", p, first, p, last))
	for n := range d.lines {
		if first+n > min(last, d.ends[p]) {
			fmt.Fprintf(w, `{"position":"%d-%d","end":"log"}`, p, first+n-1)
			return
		}
		fmt.Fprintf(w, `{"position":"%d-%d","stored":%q,"event":{}}`+"\n", p, first+n, time.UnixMilli(int64(10*(first+n)+p)).UTC().Format(time.RFC3339Nano))
		if n+1 == left {
			fmt.Fprintf(w, `{"position":"%d-%d","end":"limit"}`, p, first+n)
			return
		}
	}
}

func (d *divided) reading(t *testing.T, text string) *reading {
	t.Helper()
	p := newPart(t, d, text)
	return &reading{client: p.client, span: p.span, retries: 2, waiting: func(time.Duration, error) {}}
}

// told gathers the positions of the events.
func told(list *[]string) func(api.LogEntry) error {
	return func(e api.LogEntry) error {
		if e.Event != nil {
			*list = append(*list, e.Position.String())
		}
		return nil
	}
}

// TestPartitionsInTurn: partitions are read one after the other, each in its own
// range and on from where its connection broke; a bound that names a partition
// picks it, and a limit is for all of them.
func TestPartitionsInTurn(t *testing.T) {
	for _, c := range []struct {
		name, text string
		limit      int
		partition  *int
		want       string
	}{
		{"all", "", 0, nil, "0-1 0-2 0-3 1-1 2-1 2-2"},
		{"a plain range", "2:3", 0, nil, "0-2 0-3 2-2"},
		{"behind all but one", "3", 0, nil, "0-3"},
		{"a bound with its partition", "2-1:2", 0, nil, "2-1 2-2"},
		{"one", "", 0, new(1), "1-1"},
		{"a limit within", "", 2, nil, "0-1 0-2"},
		{"a limit at a border", "", 3, nil, "0-1 0-2 0-3"},
		{"a limit beyond a border", "", 5, nil, "0-1 0-2 0-3 1-1 2-1"},
		{"a limit beyond all", "", 50, nil, "0-1 0-2 0-3 1-1 2-1 2-2"},
	} {
		d := &divided{ends: []int{3, 1, 2}, lines: 2}
		r := d.reading(t, c.text)
		r.options.Limit, r.partition = c.limit, c.partition
		var got []string
		if err := r.each(t.Context(), told(&got)); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.name, got, c.want)
		}
	}
}

// TestPartitionsRefused: what no partition holds, or two places contradict, is
// said before anything is read.
func TestPartitionsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		text      string
		partition *int
		want      string
	}{
		"behind all":       {"9", nil, "range: it begins at 9, but the log ends at 0-3,1-1,2-2"},
		"two partitions":   {"2-1", new(1), "--partition 1 does not go with --range 2-1, which names partition 2"},
		"two by the bound": {":2-1", new(0), "--partition 0 does not go with --range :2-1, which names partition 2"},
	} {
		d := &divided{ends: []int{3, 1, 2}, lines: 9}
		r := d.reading(t, c.text)
		r.partition = c.partition
		var coded *codedError
		err := r.each(t.Context(), told(new([]string)))
		if !errors.As(err, &coded) || coded.code != exitUsage || coded.message != c.want || len(d.asked) > 0 {
			t.Errorf("%s: %v after %v", name, err, d.asked)
		}
	}
}

// TestPartitionsFollowed: all are followed at once, each on from its own position
// after its connection broke, and a limit ends all of them.
func TestPartitionsFollowed(t *testing.T) {
	d := &divided{ends: []int{30, 20, 40}, lines: 15}
	r := d.reading(t, "")
	r.options.Follow = true
	var got []string
	if err := r.follow(t.Context(), told(&got)); err != nil {
		t.Fatal(err)
	}
	var want []string
	for p, end := range d.ends {
		for n := range end {
			want = append(want, fmt.Sprintf("%d-%d", p, n+1))
		}
	}
	last := map[int]events.Seq{}
	for _, text := range got {
		p, err := events.ParsePosition(text)
		if err != nil || p.Seq != last[p.Partition]+1 {
			t.Fatalf("%s follows %d, %v", text, last[p.Partition], err)
		}
		last[p.Partition] = p.Seq
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	d = &divided{ends: []int{30, 20, 40}, lines: 15}
	r = d.reading(t, "")
	r.options.Follow, r.options.Limit = true, 11
	got = nil
	if err := r.follow(t.Context(), told(&got)); err != nil || len(got) != 11 {
		t.Errorf("%d events of 11, %v", len(got), err)
	}
	mine := errors.New("of the handler")
	r = d.reading(t, "")
	if err := r.follow(t.Context(), func(api.LogEntry) error { return mine }); !errors.Is(err, mine) {
		t.Errorf("the handler's error: %v", err)
	}
}

// TestAtMost: an event that another partition brings after the last one is not
// told, however often it is brought.
func TestAtMost(t *testing.T) {
	var got []string
	take := atMost(2, told(&got))
	entry := func(n events.Seq) api.LogEntry {
		return api.LogEntry{Position: events.Position{Seq: n}, Event: []byte("{}")}
	}
	end := api.LogEntry{Position: events.Position{Seq: 1}, End: api.EndLog}
	for i, c := range []struct {
		entry api.LogEntry
		want  error
	}{{entry(1), nil}, {end, nil}, {entry(2), errEnough}, {entry(3), errEnough}, {entry(4), errEnough}} {
		if err := take(c.entry); !errors.Is(err, c.want) {
			t.Errorf("entry %d: %v, want %v", i, err, c.want)
		}
	}
	if diff := cmp.Diff([]string{"0-1", "0-2"}, got); diff != "" {
		t.Error(diff)
	}
}

// TestPartitionsPlayed: events of all partitions are told in the order in which
// they were stored, and who stops goes on with what was not told.
func TestPartitionsPlayed(t *testing.T) {
	d := &divided{ends: []int{30, 20, 25}, lines: 20}
	r := d.reading(t, "")
	var got []string
	if err := r.play(t.Context(), 1e6, told(&got)); err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := 1; n <= 30; n++ {
		for p, end := range d.ends {
			if n <= end {
				want = append(want, fmt.Sprintf("%d-%d", p, n))
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, limit := range []int{1, 4, 60, 75, 100} {
		r, got := d.reading(t, ""), []string(nil)
		r.options.Limit = limit
		if err := r.play(t.Context(), 1e6, told(&got)); err != nil || !slices.Equal(got, want[:min(limit, len(want))]) {
			t.Errorf("limit %d: %v, %v", limit, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r = d.reading(t, ":25")
	n := 0
	err := r.play(ctx, 1e6, func(api.LogEntry) error {
		if n++; n == 7 {
			cancel()
		}
		return nil
	})
	text := r.stopped(err, &globalOptions{}).Error()
	if want := "interrupted; everything up to 0-3,1-2,2-2 is read, go on with --range 0-4:0-25, and with --range 1-3:1-25, and with --range 2-3:2-25"; text != want {
		t.Errorf("%q, want %q", text, want)
	}
}

// TestPartitionsStopped: who is broken off is told what is left of each partition,
// in flags that read it.
func TestPartitionsStopped(t *testing.T) {
	d := &divided{ends: []int{3, 9, 2}, lines: 9, lost: "1"}
	r := d.reading(t, ":+9")
	r.span = ranges.Span{}
	var got []string
	err := r.each(t.Context(), told(&got))
	if text := r.stopped(err, &globalOptions{}).Error(); len(got) != 3 || !strings.HasPrefix(text, "partition 1: range: it is past its age") ||
		!strings.HasSuffix(text, "; everything up to 0-3 is read, go on with --partition 1, and with --partition 2") {
		t.Errorf("%d events, %q", len(got), text)
	}
	r = d.reading(t, "1:9")
	err = r.each(t.Context(), told(&got))
	if text := r.stopped(err, &globalOptions{}).Error(); !strings.HasSuffix(text, "go on with --partition 1 --range 1:9, and with --partition 2 --range 1:9") {
		t.Errorf("%q", text)
	}
	// The ledger does not answer at all.
	srv := httptest.NewServer(nil)
	srv.Close()
	client, err := api.NewClient(api.ClientConfig{URL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	waits := 0
	r = &reading{client: client, retries: 1, waiting: func(time.Duration, error) { waits++ }}
	if err := r.each(t.Context(), told(&got)); err == nil || waits != 1 || r.stopped(err, &globalOptions{}) != err { //nolint:errorlint // it is returned as it is
		t.Errorf("%v after %d waits", err, waits)
	}
}
