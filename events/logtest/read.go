package logtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

func testReadRanges(t *testing.T, f *fixture) {
	f.fill(10)
	for _, test := range []struct {
		r           events.Range
		first, last int
	}{
		{events.Range{}, 1, 10},
		{events.Range{From: 1}, 1, 10},
		{events.Range{From: 4}, 4, 10},
		{events.Range{To: 3}, 1, 3},
		{events.Range{From: 4, To: 4}, 4, 4},
		{events.Range{From: 4, To: 7}, 4, 7},
		{events.Range{From: 10}, 10, 10},
		{events.Range{From: 9, To: 500}, 9, 10},
		{events.Range{From: 11}, 1, 0},
		{events.Range{From: 500}, 1, 0},
		{events.Range{From: 500, To: 600}, 1, 0},
		{events.Range{From: 7, To: 4}, 1, 0},
	} {
		want := []string{}
		for i := test.first; i <= test.last; i++ {
			want = append(want, fmt.Sprintf("%d data-%d", i, i))
		}
		if diff := cmp.Diff(f.read(test.r), want); diff != "" {
			t.Errorf("Read(%+v): %s", test.r, diff)
		}
	}
}

func testReadFilters(t *testing.T, f *fixture) {
	p := f.log.Partition()
	f.append(
		record(f.decision("p"), "recall-p"),
		record(events.Subject(p, "shop", events.CommandIssued, "p", "apns"), "command-p-apns"),
		record(events.Subject(p, "shop", events.CommandIssued, "q", "fcm"), "command-q-fcm"),
		record(events.Subject(p, "news", events.CommandIssued, "p", "apns"), "command-news-apns"),
		record(f.fact("p"), "click-p"),
		record(f.decision("q"), "recall-q"),
	)
	for _, test := range []struct {
		r    events.Range
		want []string
	}{
		{events.Range{Filter: f.decision("p")}, []string{"1 recall-p"}},
		{events.Range{Filter: f.decision("none")}, []string{}},
		{events.Range{Filter: events.CommandFilter(p, "apns")}, []string{"2 command-p-apns", "4 command-news-apns"}},
		{events.Range{Filter: events.PushCommandFilter(p, "shop", "p")}, []string{"2 command-p-apns"}},
		{events.Range{Filter: events.PushFactFilter(p, "shop", "p")}, []string{"5 click-p"}},
		{events.Range{Filter: "recall.decision.>", From: 3, To: 5}, []string{"3 command-q-fcm", "4 command-news-apns"}},
		{events.Range{Filter: f.decision("q"), To: 5}, []string{}},
		{events.Range{Filter: f.decision("p"), From: 2}, []string{}},
	} {
		if diff := cmp.Diff(f.read(test.r), test.want); diff != "" {
			t.Errorf("Read(%+v): %s", test.r, diff)
		}
	}
}

func testReadStopsAtEnd(t *testing.T, f *fixture) {
	f.fill(3)
	for _, filter := range []string{"", "recall.decision.>"} {
		before, err := f.log.End(f.ctx)
		if err != nil {
			t.Fatal(err)
		}
		n := events.Seq(0)
		err = f.log.Read(f.ctx, events.Range{Filter: filter}, func(m events.Message) error {
			n++
			// What comes while reading is not part of the range: a reader that
			// itself appends must come to an end.
			_, err := f.log.Append(f.ctx, []events.Record{record(f.decision("more"), "x")})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if n != before.Seq {
			t.Errorf("Read with filter %q gave %d messages, want the %d there were", filter, n, before.Seq)
		}
	}
}

func testReadHandlerFails(t *testing.T, f *fixture) {
	f.fill(5)
	boom := errors.New("boom")
	calls := 0
	fail := func(m events.Message) error {
		calls++
		if m.Seq >= 2 {
			return boom
		}
		return nil
	}
	if err := f.log.Read(f.ctx, events.Range{}, fail); !errors.Is(err, boom) || calls != 2 {
		t.Errorf("Read = %v after %d calls, want the handler's error after 2", err, calls)
	}
	calls = 0
	if err := f.log.ReadSubject(f.ctx, f.decision("push-2"), fail); !errors.Is(err, boom) || calls != 1 {
		t.Errorf("ReadSubject = %v after %d calls, want the handler's error after 1", err, calls)
	}
}

func testReadSubject(t *testing.T, f *fixture) {
	var want []string
	for i := range 20 {
		f.append(record(f.decision("other"), "x"))
		pos := f.append(record(f.decision("p"), fmt.Sprint(i)))
		want = append(want, fmt.Sprintf("%d %d", pos.Seq, i))
		// Its own write is there at once: decisions are read like this (L5).
		var got []string
		err := f.log.ReadSubject(f.ctx, f.decision("p"), func(m events.Message) error {
			if m.Subject != f.decision("p") || m.Partition != f.log.Partition() {
				return fmt.Errorf("unexpected message %v on %s", m.Position, m.Subject)
			}
			got = append(got, line(m))
			return nil
		})
		if err != nil {
			t.Fatalf("ReadSubject: %v", err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Fatal(diff)
		}
	}
}

func testStoredSubjects(t *testing.T, f *fixture) {
	pushes := []string{"p", "v:1t:1603707455p:27133n:2", "a.b c", "*", ">", "撤回", "%2E", "7", strings.Repeat("x", events.MaxPush)}
	for _, push := range pushes {
		f.append(record(f.fact(push), push), record(f.decision(push), push))
	}
	err := f.log.Read(f.ctx, events.Range{}, func(m events.Message) error {
		push := string(m.Data)
		want := f.decision(push)
		if m.Seq%2 == 1 {
			want = fmt.Sprintf("recall.fact.%d.shop.click.%s", f.log.Partition(), strconv.Itoa(events.Bucket(push)))
		}
		if m.Subject != want {
			t.Errorf("push %q is stored on %s, want %s", push, m.Subject, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	f.end(events.Seq(2 * len(pushes)))
}

func testStoredTimes(t *testing.T, f *fixture) {
	for range 5 {
		f.fill(3)
		f.append(record(f.fact("p"), "x"))
	}
	i, err := f.log.Info(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if i.First != 1 || i.Last != 20 || i.Bytes == 0 {
		t.Errorf("Info = first %d, last %d, %d bytes, want 1, 20 and some bytes", i.First, i.Last, i.Bytes)
	}
	last := i.Created
	times := map[events.Seq]time.Time{}
	if err := f.log.Read(f.ctx, events.Range{}, func(m events.Message) error {
		if m.Time.Before(last) {
			t.Errorf("message %d was stored at %s, before %s", m.Seq, m.Time, last)
		}
		last = m.Time
		times[m.Seq] = m.Time
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	// Both ways of reading tell the same time.
	if err := f.log.ReadSubject(f.ctx, f.decision("push-2"), func(m events.Message) error {
		if !m.Time.Equal(times[m.Seq]) {
			t.Errorf("ReadSubject says %d was stored at %s, Read says %s", m.Seq, m.Time, times[m.Seq])
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	again, err := f.log.Info(f.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if !again.Created.Equal(i.Created) {
		t.Errorf("the created time changed from %s to %s", i.Created, again.Created)
	}
}

// follow starts Follow and returns its messages and its result.
func (f *fixture) follow(ctx context.Context, from events.Seq) (<-chan events.Message, <-chan error) {
	messages, result := make(chan events.Message, 100), make(chan error, 1)
	go func() {
		result <- f.log.Follow(ctx, from, func(m events.Message) error {
			messages <- m
			return nil
		})
	}()
	return messages, result
}

func (f *fixture) receive(messages <-chan events.Message) events.Message {
	f.t.Helper()
	select {
	case m := <-messages:
		return m
	case <-f.ctx.Done():
		f.t.Fatal("no message came")
	}
	return events.Message{}
}

func (f *fixture) next(messages <-chan events.Message, want string, last bool) {
	f.t.Helper()
	if m := f.receive(messages); line(m) != want || m.Last != last {
		f.t.Fatalf("followed %q (last %t), want %q (last %t)", line(m), m.Last, want, last)
	}
}

func testFollow(t *testing.T, f *fixture) {
	f.fill(5)
	ctx, cancel := context.WithCancel(f.ctx)
	messages, result := f.follow(ctx, 3)
	f.next(messages, "3 data-3", false)
	f.next(messages, "4 data-4", false)
	f.next(messages, "5 data-5", true)
	f.append(record(f.fact("p"), "live"))
	f.next(messages, "6 live", true)
	f.append(record(f.decision("p"), "a"), record(f.decision("p"), "b"))
	// A follower may get the first of a live batch before it knows of the second.
	if m := f.receive(messages); line(m) != "7 a" {
		t.Errorf("followed %q, want \"7 a\"", line(m))
	}
	f.next(messages, "8 b", true)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v, want the context's error", err)
	}

	// From 0 is from the first, and two followers do not disturb each other.
	ctx, cancel = context.WithCancel(f.ctx)
	first, firstResult := f.follow(ctx, 0)
	second, secondResult := f.follow(ctx, 8)
	f.next(first, "1 data-1", false)
	f.next(second, "8 b", true)
	cancel()
	for _, result := range []<-chan error{firstResult, secondResult} {
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("Follow = %v, want the context's error", err)
		}
	}
}

func testFollowBeyond(t *testing.T, f *fixture) {
	f.fill(2)
	ctx, cancel := context.WithCancel(f.ctx)
	messages, result := f.follow(ctx, 4)
	f.append(record(f.fact("p"), "three"))
	f.append(record(f.fact("p"), "four"))
	// Last may be false here: the server counts what came before the start.
	if m := f.receive(messages); line(m) != "4 four" {
		t.Errorf("followed %q, want \"4 four\"", line(m))
	}
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v, want the context's error", err)
	}
}

func testFollowHandlerFails(t *testing.T, f *fixture) {
	f.fill(3)
	boom := errors.New("boom")
	calls := 0
	err := f.log.Follow(f.ctx, 1, func(events.Message) error {
		calls++
		if calls == 2 {
			return boom
		}
		return nil
	})
	if !errors.Is(err, boom) || calls != 2 {
		t.Errorf("Follow = %v after %d calls, want the handler's error after 2", err, calls)
	}
}

func testFollowCancelled(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	messages, result := f.follow(ctx, 1)
	f.append(record(f.fact("p"), "one"))
	f.next(messages, "1 one", true)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow = %v, want the context's error", err)
	}
	// A context that has already ended ends it as well.
	if err := f.log.Follow(ctx, 1, func(events.Message) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow with an ended context = %v, want the context's error", err)
	}
}
