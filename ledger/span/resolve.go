package span

import (
	"context"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Resolved is a range as sequences of one log.
type Resolved struct {
	// From and To are the first and the last sequence; To is before From where
	// nothing is to be read.
	From, To events.Seq
	// Closed is true when the range ends at To for good. Otherwise To is the
	// end of the log as it was, and what comes later belongs to the range too,
	// until Until where that is given.
	Closed bool
	Until  time.Time
}

// outside is the error of a range that the log does not hold.
func outside(format string, args ...any) error {
	return &events.FieldError{Field: "range", Reason: fmt.Sprintf(format, args...)}
}

// Resolve finds the range in a log. A range that begins before what the log
// keeps, or behind its end, is a *events.FieldError that says what there is. A time is found
// by halving, so the log's time must not run backwards.
func (s Span) Resolve(ctx context.Context, log events.Log) (Resolved, error) {
	info, err := log.Info(ctx)
	if err != nil {
		return Resolved{}, err
	}
	for _, b := range []Bound{s.From, s.To} {
		if b.kind == position && b.partition >= 0 && b.partition != log.Partition() {
			return Resolved{}, outside("%s names partition %d; this log is partition %d", b, b.partition, log.Partition())
		}
	}
	first := max(info.First, 1)
	r := Resolved{To: info.Last}
	if r.From, err = s.From.first(ctx, log, first, info.Last); err != nil {
		return Resolved{}, err
	}
	switch b := s.To; b.kind {
	case none:
	case start:
		r.To, r.Closed = first, true
	case end:
		r.Closed = true
	case position:
		r.To, r.Closed = b.seq, true
	case forward:
		r.To, r.Closed = r.From+events.Seq(b.n)-1, true
	case backward:
		r.To, r.Closed = info.Last-min(events.Seq(b.n), info.Last), true
	case instant:
		next, err := seek(ctx, log, b.at, first, info.Last)
		if err != nil {
			return Resolved{}, err
		}
		if next <= info.Last {
			r.To, r.Closed = next-1, true
		} else {
			r.Until = b.at
		}
	}
	return r, nil
}

// first returns the first sequence of a range that begins so.
func (b Bound) first(ctx context.Context, log events.Log, first, last events.Seq) (events.Seq, error) {
	switch b.kind {
	case end:
		return last + 1, nil
	case forward:
		return min(first+events.Seq(b.n), last+1), nil
	case backward:
		if events.Seq(b.n) >= last {
			return first, nil
		}
		return max(first, last-events.Seq(b.n)+1), nil
	case instant:
		return seek(ctx, log, b.at, first, last)
	case position:
		if b.seq < first {
			return 0, outside("it begins at %d, but the log keeps nothing before %d; what was there is past its age", b.seq, first)
		}
		if b.seq > last+1 {
			return 0, outside("it begins at %d, but the log ends at %d", b.seq, last)
		}
		return b.seq, nil
	}
	return first, nil
}

// seek returns the first sequence stored at a time or later, last+1 when there
// is none.
func seek(ctx context.Context, log events.Log, at time.Time, first, last events.Seq) (events.Seq, error) {
	low, high := first, last+1
	for low < high {
		mid := low + (high-low)/2
		var stored time.Time
		if err := log.Read(ctx, events.Range{From: mid, To: mid}, func(m events.Message) error {
			stored = m.Time
			return nil
		}); err != nil {
			return 0, err
		}
		if stored.IsZero() {
			return 0, fmt.Errorf("the log has a gap: sequence %d is not there", mid)
		}
		if stored.Before(at) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}
