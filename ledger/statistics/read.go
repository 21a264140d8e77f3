package statistics

import (
	"context"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/span"
)

// Read takes a range of every log, one per partition. progress is told how many
// of the range's events are read; it may be nil.
// Errors: *events.FieldError for a range that a log does not hold, *LimitError,
// a gap (L12).
func (f *Fold) Read(ctx context.Context, logs []events.Log, s span.Span, progress func(done, total uint64)) error {
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	ranges := make([]events.Range, len(logs))
	var done, total uint64
	for i, log := range logs {
		r, err := s.Resolve(ctx, log)
		if err != nil {
			return err
		}
		end, err := log.End(ctx)
		if err != nil {
			return err
		}
		ranges[i] = events.Range{From: r.From, To: min(r.To, end.Seq)}
		if ranges[i].To >= r.From {
			total += uint64(ranges[i].To-r.From) + 1
		}
	}
	for i, log := range logs {
		if ranges[i].To < ranges[i].From {
			continue
		}
		if err := f.readLog(ctx, log, ranges[i], func() { done++; progress(done, total) }); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fold) readLog(ctx context.Context, log events.Log, r events.Range, step func()) error {
	next := r.From
	var decoder events.Decoder
	err := log.Read(ctx, r, func(m events.Message) error {
		if m.Seq != next {
			return gap(log, next)
		}
		next++
		step()
		e, err := decoder.Decode(m.Data)
		if err != nil || events.CheckSubject(m.Subject, m.Partition, &e.Header) != nil {
			return nil //nolint:nilerr // the ledger passes it over as well, and lists it in the quarantine
		}
		return f.Take(m.Time, e)
	})
	if err == nil && next <= r.To {
		err = gap(log, next)
	}
	return err
}

func gap(log events.Log, next events.Seq) error {
	return fmt.Errorf("the log has a gap: %s is not there", events.Position{Partition: log.Partition(), Seq: next})
}
