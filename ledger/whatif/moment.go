package whatif

import (
	"fmt"
	"strings"
	"time"
)

// Moment says when the recall would have been accepted: at a time, or relative
// to the push's start or to its real recall.
type Moment struct {
	text string
	at   time.Time
	// after the start or, where it is negative, before the recall.
	after time.Duration
}

// ParseMoment reads a time (RFC 3339), "+5m" after the start of the push, or
// "-10m" before its real recall.
func ParseMoment(text string) (Moment, error) {
	if strings.HasPrefix(text, "+") || strings.HasPrefix(text, "-") {
		d, err := time.ParseDuration(text)
		if err != nil || d == 0 && text[0] == '-' {
			return Moment{}, fmt.Errorf("%.40q is not a duration, for example +5m or -1h30m", text)
		}
		return Moment{text: text, after: d}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return Moment{}, fmt.Errorf("%.40q is none of RFC 3339 (2026-11-20T09:41:00Z), +5m (after the push began), -10m (before its real recall)", text)
	}
	return Moment{text: text, at: t.UTC()}, nil
}

// String returns the moment as it was written.
func (m Moment) String() string { return m.text }

// resolve finds the time. recalled is that of the real recall, zero without one.
func (m Moment) resolve(start, recalled time.Time) (time.Time, error) {
	t := m.at
	switch {
	case !t.IsZero():
	case m.after >= 0:
		t = start.Add(m.after)
	case recalled.IsZero():
		return t, &NoRecallError{Moment: m.text}
	default:
		t = recalled.Add(m.after)
	}
	if t.Before(start) {
		return t, &TooEarlyError{At: t, Start: start}
	}
	return t, nil
}

// NoRecallError is a question that needs a real recall where there is none: to
// count from it (Moment), or to learn from it how long a recall takes.
type NoRecallError struct{ Moment string }

func (e *NoRecallError) Error() string {
	if e.Moment != "" {
		return fmt.Sprintf("the push was never recalled as a whole, so %s counts from nothing", e.Moment)
	}
	return "the push was never recalled as a whole, so it is not known how long a recall of it takes"
}

// TooEarlyError is a recall before its push.
type TooEarlyError struct{ At, Start time.Time }

func (e *TooEarlyError) Error() string {
	return fmt.Sprintf("%s is before the push began, at %s; what has not begun is cancelled, not recalled",
		e.At.Format(time.RFC3339Nano), e.Start.Format(time.RFC3339Nano))
}
