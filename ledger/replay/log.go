package replay

import (
	"context"
	"errors"

	"github.com/recall-ledger/recall-ledger/events"
)

// errPast is what asks the past to change.
var errPast = errors.New("the past does not change")

// log is a log as it was when it ended at a position. It implements events.Log.
type log struct {
	events.Log
	end events.Seq
}

// Append implements events.Log.
func (l *log) Append(context.Context, []events.Record) (events.Position, error) {
	return events.Position{}, errPast
}

// End implements events.Log.
func (l *log) End(context.Context) (events.Position, error) {
	return events.Position{Partition: l.Partition(), Seq: l.end}, nil
}

// Info implements events.Log. How many bytes the log had then is not known.
func (l *log) Info(ctx context.Context) (events.Info, error) {
	info, err := l.Log.Info(ctx)
	info.Last, info.Bytes = l.end, 0
	if l.end == 0 {
		info.First = 0
	}
	return info, err
}

// Read implements events.Log.
func (l *log) Read(ctx context.Context, r events.Range, handle func(events.Message) error) error {
	if r.To == 0 || r.To > l.end {
		r.To = l.end
	}
	if r.To == 0 || r.From > r.To { // the log itself would take 0 for its end
		return nil
	}
	return l.Log.Read(ctx, r, handle)
}

// ReadSubject implements events.Log.
func (l *log) ReadSubject(ctx context.Context, subject string, handle func(events.Message) error) error {
	return l.Log.ReadSubject(ctx, subject, func(m events.Message) error {
		if m.Seq > l.end {
			return nil
		}
		return handle(m)
	})
}

// Follow implements events.Log: nothing comes behind the end.
func (l *log) Follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	if err := l.Read(ctx, events.Range{From: from}, handle); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}
