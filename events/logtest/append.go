package logtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

func testNeverWritten(t *testing.T, f *fixture) {
	i, err := f.log.Info(f.ctx)
	if err != nil {
		t.Fatalf("Info: %v", err)
	}
	if i.First != 0 || i.Last != 0 {
		t.Errorf("Info of a new log = first %d, last %d, want 0 and 0", i.First, i.Last)
	}
	if i.Created.IsZero() {
		t.Error("Info of a new log has no created time")
	}
	f.end(0)
	for _, r := range []events.Range{{}, {From: 1}, {From: 7, To: 9}, {Filter: f.decision("p")}} {
		if got := f.read(r); len(got) != 0 {
			t.Errorf("Read(%+v) of a new log = %v, want nothing", r, got)
		}
	}
	err = f.log.ReadSubject(f.ctx, f.decision("p"), func(m events.Message) error {
		return fmt.Errorf("unexpected message %v", m)
	})
	if err != nil {
		t.Errorf("ReadSubject of a new log: %v", err)
	}
}

func testAppendOne(t *testing.T, f *fixture) {
	for i := 1; i <= 3; i++ {
		got := f.append(record(f.fact("p"), "x"))
		if want := (events.Position{Partition: f.log.Partition(), Seq: events.Seq(i)}); got != want {
			t.Errorf("append %d = %v, want %v", i, got, want)
		}
	}
	f.end(3)
}

func testAppendMany(t *testing.T, f *fixture) {
	f.append(record(f.fact("first"), "before"))
	records := make([]events.Record, events.MaxBatch)
	for i := range records {
		records[i] = record(f.fact(fmt.Sprint(i%7)), fmt.Sprint(i))
	}
	got := f.append(records...)
	if want := (events.Position{Partition: f.log.Partition(), Seq: events.MaxBatch + 1}); got != want {
		t.Errorf("position of the last = %v, want %v", got, want)
	}
	lines := f.read(events.Range{From: 2})
	if len(lines) != events.MaxBatch {
		t.Fatalf("read %d messages, want %d", len(lines), events.MaxBatch)
	}
	for i, got := range lines {
		if want := fmt.Sprintf("%d %d", i+2, i); got != want {
			t.Fatalf("message %d = %q, want %q: a batch is contiguous and in order", i, got, want)
		}
	}
}

func testContent(t *testing.T, f *fixture) {
	data := []byte("{\"text\":\"撤回 \\u0000\"}\n\x00\xff")
	pos := f.append(events.Record{Subject: f.decision("订单.1"), Data: data}, record(f.decision("b"), ""))
	// The log has its own copy: the caller may use the buffer again.
	want := bytes.Clone(data)
	clear(data)
	var got []events.Message
	if err := f.log.Read(f.ctx, events.Range{}, func(m events.Message) error {
		got = append(got, m)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("read %d messages, want 2", len(got))
	}
	if got[0].Subject != f.decision("订单.1") || !bytes.Equal(got[0].Data, want) {
		t.Errorf("read %s %q, want %s %q", got[0].Subject, got[0].Data, f.decision("订单.1"), want)
	}
	if got[1].Position != pos || len(got[1].Data) != 0 {
		t.Errorf("read %v %q, want %v and no data", got[1].Position, got[1].Data, pos)
	}
}

func testLimits(t *testing.T, f *fixture) {
	many := make([]events.Record, events.MaxBatch+1)
	for i := range many {
		many[i] = record(f.fact("p"), "x")
	}
	huge := events.Record{Subject: f.fact("p"), Data: make([]byte, events.MaxEventBytes+1)}
	for _, test := range []struct {
		name    string
		records []events.Record
		limit   string
	}{
		{"none", nil, "1000"},
		{"too many", many, "1000"},
		{"too large", []events.Record{huge}, "1048576"},
		{"too large in a batch", []events.Record{record(f.fact("p"), "x"), huge}, "1048576"},
	} {
		_, err := f.log.Append(f.ctx, test.records)
		if err == nil || !strings.Contains(err.Error(), test.limit) {
			t.Errorf("%s: Append = %v, want an error that names the limit %s", test.name, err, test.limit)
		}
		for _, sentinel := range []error{events.ErrConflict, events.ErrUnknown, events.ErrOverloaded, events.ErrFull} {
			if errors.Is(err, sentinel) {
				t.Errorf("%s: Append = %v: repeating it would never help", test.name, err)
			}
		}
	}
	f.end(0)
}

func testLarge(t *testing.T, f *fixture) {
	large := func(c string) events.Record {
		return events.Record{Subject: f.decision("p"), Data: bytes.Repeat([]byte(c), events.MaxEventBytes)}
	}
	f.append(large("a"))
	// Four of them are what the committer puts into one batch at most.
	f.append(large("b"), large("c"), large("d"))
	want := ""
	check := func(m events.Message) error {
		want += string(m.Data[0])
		if len(m.Data) != events.MaxEventBytes {
			return fmt.Errorf("message %d is %d bytes long", m.Seq, len(m.Data))
		}
		return nil
	}
	if err := f.log.Read(f.ctx, events.Range{}, check); err != nil {
		t.Errorf("Read: %v", err)
	}
	if err := f.log.ReadSubject(f.ctx, f.decision("p"), check); err != nil {
		t.Errorf("ReadSubject: %v", err)
	}
	if want != "abcdabcd" {
		t.Errorf("read %s, want abcd twice", want)
	}
}

func testForeignSubject(t *testing.T, f *fixture) {
	other := events.Subject(f.log.Partition()+1, "shop", events.RecallRequested, "p", "")
	for _, test := range [][]events.Record{
		{record(other, "x")},
		{record(f.decision("p"), "x"), record(other, "x")},
		{record(other, "x"), record(f.decision("p"), "x")},
	} {
		if _, err := f.log.Append(f.ctx, test); err == nil {
			t.Errorf("Append of %s among %d records succeeded, want an error", other, len(test))
		}
	}
	f.end(0)
}

func testAppendWithoutTime(t *testing.T, f *fixture) {
	ctx, cancel := context.WithCancel(f.ctx)
	cancel()
	_, err := f.log.Append(ctx, []events.Record{record(f.fact("p"), "x")})
	if !errors.Is(err, events.ErrUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("Append with a cancelled context = %v, want ErrUnknown and the context's error", err)
	}
	if _, err := f.log.End(ctx); err == nil {
		t.Error("End with a cancelled context succeeded")
	}
}

// conflict appends records that must be refused as a whole.
func (f *fixture) conflict(records ...events.Record) {
	f.t.Helper()
	before, err := f.log.End(f.ctx)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err := f.log.Append(f.ctx, records); !errors.Is(err, events.ErrConflict) {
		f.t.Errorf("Append = %v, want ErrConflict", err)
	}
	f.end(before.Seq)
}

func testFenceFirst(t *testing.T, f *fixture) {
	f.conflict(fenced(f.decision("p"), "x", 4))
	f.append(fenced(f.decision("p"), "won", 0))
	f.conflict(fenced(f.decision("p"), "lost", 0))
	f.append(fenced(f.decision("q"), "another push", 0))
	if diff := cmp.Diff(f.read(events.Range{}), []string{"1 won", "2 another push"}); diff != "" {
		t.Error(diff)
	}
}

func testFenceNext(t *testing.T, f *fixture) {
	f.append(record(f.decision("p"), "a"), record(f.decision("q"), "b"))
	f.conflict(fenced(f.decision("p"), "lost", 2))
	f.append(fenced(f.decision("p"), "c", 1))
	f.conflict(fenced(f.decision("p"), "lost", 1))
	f.append(fenced(f.decision("p"), "d", 3))
	if diff := cmp.Diff(f.read(events.Range{}), []string{"1 a", "2 b", "3 c", "4 d"}); diff != "" {
		t.Error(diff)
	}
}

func testFenceTwoSubjects(t *testing.T, f *fixture) {
	key := events.KeySubject(f.log.Partition(), "shop", "key")
	f.append(record(key, "claimed"))
	// The decision would pass, the key does not: neither is stored (L6).
	f.conflict(fenced(f.decision("p"), "lost", 0), fenced(key, "lost", 0))
	f.conflict(fenced(key, "lost", 0), fenced(f.decision("p"), "lost", 0))
	f.conflict(record(f.fact("p"), "lost"), fenced(key, "lost", 0), record(f.fact("p"), "lost"))
	f.append(fenced(f.decision("p"), "won", 0), fenced(key, "won", 1), record(f.fact("p"), "beside"))
	if diff := cmp.Diff(f.read(events.Range{From: 2}), []string{"2 won", "3 won", "4 beside"}); diff != "" {
		t.Error(diff)
	}
}

func testFenceOwnBatch(t *testing.T, f *fixture) {
	f.conflict(fenced(f.decision("p"), "a", 0), fenced(f.decision("p"), "b", 0))
	f.conflict(fenced(f.decision("p"), "a", 0), fenced(f.decision("p"), "b", 1))
	f.append(fenced(f.decision("p"), "a", 0), record(f.decision("p"), "b"))
	f.append(fenced(f.decision("p"), "c", 2))
	if diff := cmp.Diff(f.read(events.Range{}), []string{"1 a", "2 b", "3 c"}); diff != "" {
		t.Error(diff)
	}
}

func testFenceBucket(t *testing.T, f *fixture) {
	// The expected sequence is that of the stored subject: a fact is fenced by
	// its bucket, which is why facts are not.
	f.append(fenced(f.fact("p"), "a", 0))
	f.conflict(fenced(f.fact("p"), "lost", 0))
	f.append(fenced(f.fact("p"), "b", 1))
}

func testFenceRace(t *testing.T, f *fixture) {
	const racers = 32
	var wg sync.WaitGroup
	errs := make([]error, racers)
	for i := range racers {
		wg.Go(func() {
			records := []events.Record{fenced(f.decision("p"), fmt.Sprint(i), 0)}
			if i%2 == 1 { // a decision with its key, as the ledger appends it
				key := events.KeySubject(f.log.Partition(), "shop", fmt.Sprint(i))
				records = append(records, fenced(key, fmt.Sprint(i), 0))
			}
			_, errs[i] = f.log.Append(f.ctx, records)
		})
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		switch {
		case err == nil && winner >= 0:
			t.Errorf("racers %d and %d both won", winner, i)
		case err == nil:
			winner = i
		case !errors.Is(err, events.ErrConflict):
			t.Errorf("racer %d: %v, want ErrConflict", i, err)
		}
	}
	want := []string{fmt.Sprintf("1 %d", winner)}
	if winner%2 == 1 {
		want = append(want, fmt.Sprintf("2 %d", winner))
	}
	if diff := cmp.Diff(f.read(events.Range{}), want); diff != "" {
		t.Error(diff)
	}
}

func testConcurrent(t *testing.T, f *fixture) {
	const writers, appends = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for a := range appends {
				data := fmt.Sprintf("%d-%d", w, a)
				if _, err := f.log.Append(f.ctx, []events.Record{record(f.fact("p"), data), record(f.decision("p"), data)}); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
	}
	wg.Wait()
	var all []string
	for i, l := range f.read(events.Range{}) {
		seq, data, _ := strings.Cut(l, " ")
		if seq != fmt.Sprint(i+1) {
			t.Fatalf("message %d has sequence %s", i+1, seq)
		}
		all = append(all, data)
	}
	if len(all) != 2*writers*appends {
		t.Fatalf("read %d messages, want %d", len(all), 2*writers*appends)
	}
	for i := 0; i < len(all); i += 2 {
		if all[i] != all[i+1] {
			t.Fatalf("records of one append are apart: %s, %s", all[i], all[i+1])
		}
	}
}
