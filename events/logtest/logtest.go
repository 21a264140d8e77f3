package logtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// failSafe bounds a test that hangs; no test waits for it.
const failSafe = 2 * time.Minute

// Run runs the contract against the logs that open returns. Each must be empty
// and is used by one subtest only; open registers its own clean-up.
func Run(t *testing.T, open func(t *testing.T) events.Log) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *fixture)
	}{
		{"NeverWritten", testNeverWritten},
		{"AppendOne", testAppendOne},
		{"AppendMany", testAppendMany},
		{"AppendIsReadBackAsWritten", testContent},
		{"AppendLimits", testLimits},
		{"AppendLargeRecord", testLarge},
		{"AppendForeignSubject", testForeignSubject},
		{"AppendWithoutTime", testAppendWithoutTime},
		{"FenceFirst", testFenceFirst},
		{"FenceNext", testFenceNext},
		{"FenceTwoSubjects", testFenceTwoSubjects},
		{"FenceOnWhatTheBatchWrites", testFenceOwnBatch},
		{"FenceOnABucket", testFenceBucket},
		{"FenceRace", testFenceRace},
		{"ReadRanges", testReadRanges},
		{"ReadFilters", testReadFilters},
		{"ReadStopsAtTheEnd", testReadStopsAtEnd},
		{"ReadHandlerFails", testReadHandlerFails},
		{"ReadSubject", testReadSubject},
		{"StoredSubjects", testStoredSubjects},
		{"StoredTimes", testStoredTimes},
		{"FollowFromTheMiddle", testFollow},
		{"FollowFromBeyondTheEnd", testFollowBeyond},
		{"FollowHandlerFails", testFollowHandlerFails},
		{"FollowCancelled", testFollowCancelled},
		{"ConcurrentAppends", testConcurrent},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), failSafe)
			defer cancel()
			test.run(t, &fixture{t: t, ctx: ctx, log: open(t)})
		})
	}
}

// fixture is one empty log and what every test does with it.
type fixture struct {
	t   *testing.T
	ctx context.Context
	log events.Log
}

// decision is the subject on which recalls of a push are decided.
func (f *fixture) decision(push string) string {
	return events.DecisionFilter(f.log.Partition(), "shop", push)
}

// fact is the subject a click of a push is published on.
func (f *fixture) fact(push string) string {
	return events.Subject(f.log.Partition(), "shop", events.ClickClicked, push, "")
}

func record(subject, data string) events.Record {
	return events.Record{Subject: subject, Data: []byte(data)}
}

func fenced(subject, data string, expect events.Seq) events.Record {
	return events.Record{Subject: subject, Data: []byte(data), Fenced: true, Expect: expect}
}

// append appends records that must be stored.
func (f *fixture) append(records ...events.Record) events.Position {
	f.t.Helper()
	pos, err := f.log.Append(f.ctx, records)
	if err != nil {
		f.t.Fatalf("Append of %d records: %v", len(records), err)
	}
	return pos
}

// fill appends n messages on decision subjects push-1 to push-n.
func (f *fixture) fill(n int) {
	f.t.Helper()
	records := make([]events.Record, n)
	for i := range records {
		records[i] = record(f.decision(fmt.Sprintf("push-%d", i+1)), fmt.Sprintf("data-%d", i+1))
	}
	f.append(records...)
}

// read returns "sequence data" of every message of a range.
func (f *fixture) read(r events.Range) []string {
	f.t.Helper()
	got := []string{}
	err := f.log.Read(f.ctx, r, func(m events.Message) error {
		got = append(got, line(m))
		return nil
	})
	if err != nil {
		f.t.Fatalf("Read(%+v): %v", r, err)
	}
	return got
}

func line(m events.Message) string { return fmt.Sprintf("%d %s", m.Seq, m.Data) }

// end asserts the newest position.
func (f *fixture) end(want events.Seq) {
	f.t.Helper()
	got, err := f.log.End(f.ctx)
	if err != nil {
		f.t.Fatalf("End: %v", err)
	}
	if want := (events.Position{Partition: f.log.Partition(), Seq: want}); got != want {
		f.t.Errorf("End = %v, want %v", got, want)
	}
}
