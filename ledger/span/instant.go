package span

import (
	"context"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// ParseTime reads a moment as a bound of a range has it, with the @ or without.
// now is what relative times are counted from.
func ParseTime(text string, now time.Time) (time.Time, error) {
	b, err := parseInstant(strings.TrimPrefix(text, "@"), now)
	return b.at, err
}

// Until returns the sequence of the last event that a log stored at a time or
// before, the one before its first when it keeps none such. The log's time must
// not run backwards.
func Until(ctx context.Context, log events.Log, at time.Time) (events.Seq, error) {
	info, err := log.Info(ctx)
	if err != nil {
		return 0, err
	}
	next, err := seek(ctx, log, at.Add(1), max(info.First, 1), info.Last)
	return next - 1, err
}
