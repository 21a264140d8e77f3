package span

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Help describes the grammar to people.
const Help = `A range is FROM, FROM:TO or :TO, both included:
    start, end          the first event kept; behind the last (as TO: the last, as it is now)
    1742, 0-1742        a position; a range of it alone goes on to the end
    +10, -10            behind the first 10; the last 10 (as TO: 10 from FROM on; all but the last 10)
    @TIME               stored at that time or later (as TO: before that time)
    @-10m               10 minutes ago
TIME is RFC 3339, a day (2026-11-20, UTC), Unix seconds or milliseconds, now, or -DURATION.`

// kind says how a bound is given.
type kind uint8

const (
	// none is a bound left out: the first event kept, or no end.
	none kind = iota
	start
	end
	position
	forward
	backward
	instant
)

// Bound is one end of a range.
type Bound struct {
	kind kind
	seq  events.Seq
	// partition is that of a position; -1 where the text names none.
	partition int
	n         uint64
	at        time.Time
}

// Span is a range of the log. The zero Span is everything.
type Span struct{ From, To Bound }

// At is the bound of a position.
func At(p events.Position) Bound {
	return Bound{kind: position, seq: p.Seq, partition: p.Partition}
}

// Since is everything stored at a time or later.
func Since(t time.Time) Span { return Span{From: Bound{kind: instant, at: t.UTC()}} }

// Open reports whether the range has no end of its own.
func (s Span) Open() bool { return s.To.kind == none }

// Parse reads a range. now is what relative times are counted from.
func Parse(text string, now time.Time) (Span, error) {
	if text == "" {
		return Span{}, nil
	}
	if strings.TrimSpace(text) != text {
		return Span{}, fmt.Errorf("range %q has spaces around it", text)
	}
	whole, problem := parseBound(text, false, now)
	if problem == nil {
		return Span{From: whole}, nil
	}
	// Times hold colons as well: of all the places where the text can be cut
	// exactly one must make sense.
	var found []Span
	for i := range len(text) {
		if text[i] != ':' {
			continue
		}
		s, err := parsePair(text[:i], text[i+1:], now)
		if err == nil {
			found = append(found, s)
		} else if strings.Count(text, ":") == 1 {
			problem = err
		}
	}
	switch len(found) {
	case 0:
		return Span{}, fmt.Errorf("range %.80q: %w", text, problem)
	case 1:
		return found[0], found[0].check(text)
	}
	return Span{}, fmt.Errorf("range %.80q can be read in %d ways; write times with a zone, for example @2026-11-20T09:41:00Z", text, len(found))
}

func parsePair(from, to string, now time.Time) (s Span, err error) {
	if from == "" && to == "" {
		return s, fmt.Errorf("a bound is missing; leave the range out to mean everything")
	}
	if from != "" {
		if s.From, err = parseBound(from, false, now); err != nil {
			return s, err
		}
	}
	if to != "" {
		s.To, err = parseBound(to, s.From.kind == instant, now)
	}
	return s, err
}

// check refuses a range that ends before it begins.
func (s Span) check(text string) error {
	f, t := s.From, s.To
	switch {
	case f.kind == position && t.kind == position && f.partition >= 0 && t.partition >= 0 && f.partition != t.partition:
		return fmt.Errorf("range %.80q names two partitions", text)
	case f.kind == position && t.kind == position && t.seq < f.seq,
		f.kind == instant && t.kind == instant && !f.at.Before(t.at):
		return fmt.Errorf("range %.80q ends before it begins", text)
	}
	return nil
}

// parseBound reads one bound. behind is true behind a time, where the @ may be
// left out.
func parseBound(text string, behind bool, now time.Time) (Bound, error) {
	switch {
	case text == "start":
		return Bound{kind: start}, nil
	case text == "end":
		return Bound{kind: end}, nil
	case strings.HasPrefix(text, "@"):
		return parseInstant(text[1:], now)
	case behind:
		return parseInstant(text, now)
	case strings.HasPrefix(text, "+"):
		return parseCount(forward, text[1:])
	case strings.HasPrefix(text, "-"):
		return parseCount(backward, text[1:])
	case strings.Contains(text, "-"):
		p, err := events.ParsePosition(text)
		if err == nil && p.Seq == 0 {
			err = fmt.Errorf("position %s: the first event has sequence 1", text)
		}
		return At(p), err
	}
	n, err := digits(text)
	if err == nil && n == 0 {
		err = fmt.Errorf("the first event has sequence 1")
	}
	return Bound{kind: position, seq: events.Seq(n), partition: -1}, err
}

func parseCount(k kind, text string) (Bound, error) {
	n, err := digits(text)
	if err == nil && n == 0 {
		err = fmt.Errorf("a count is 1 or more")
	}
	return Bound{kind: k, n: n}, err
}

func digits(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || text[0] == '+' {
		return 0, fmt.Errorf("%.40q is none of start, end, a position, +N, -N, @TIME", text)
	}
	return n, nil
}

// The years that times may be of, as for events.
const minYear, maxYear = 2000, 2199

func parseInstant(text string, now time.Time) (Bound, error) {
	t, err := parseTime(text, now)
	if err == nil && (t.UTC().Year() < minYear || t.UTC().Year() > maxYear) {
		err = fmt.Errorf("time %.40q is in the year %d, expected %d to %d", text, t.UTC().Year(), minYear, maxYear)
	}
	return Bound{kind: instant, at: t.UTC()}, err
}

// How many digits Unix seconds have at least, and Unix milliseconds: 09 is no
// time, but a piece of one.
const seconds, milliseconds = 9, 13

func parseTime(text string, now time.Time) (time.Time, error) {
	if text == "now" {
		return now, nil
	}
	if ago, ok := strings.CutPrefix(text, "-"); ok {
		d, err := time.ParseDuration(ago)
		if err != nil || d < 0 || ago[0] == '-' || ago[0] == '+' {
			return time.Time{}, fmt.Errorf("time %.40q is not a duration, for example -10m", text)
		}
		return now.Add(-d), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && text[0] != '+' && len(text) >= seconds {
		if len(text) >= milliseconds {
			return time.UnixMilli(n), nil
		}
		return time.Unix(n, 0), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time %.40q is none of RFC 3339 (2026-11-20T09:41:00Z), a day, Unix seconds, now, -DURATION", text)
}

// String writes the range so that Parse reads it as it is.
func (s Span) String() string {
	if s.To.kind == none {
		return s.From.String()
	}
	return s.From.String() + ":" + s.To.String()
}

// String writes the bound; one that is left out is "".
func (b Bound) String() string {
	switch b.kind {
	case start:
		return "start"
	case end:
		return "end"
	case position:
		if b.partition < 0 {
			return strconv.FormatUint(uint64(b.seq), 10)
		}
		return events.Position{Partition: b.partition, Seq: b.seq}.String()
	case forward:
		return "+" + strconv.FormatUint(b.n, 10)
	case backward:
		return "-" + strconv.FormatUint(b.n, 10)
	case instant:
		return "@" + b.at.Format(time.RFC3339Nano)
	}
	return ""
}
