package replay

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/span"
)

// Field is the name under which a moment is asked for, and which errors name.
const Field = "as_of"

// Moment is a past moment of the whole ledger.
type Moment struct {
	// At is the time it stands for: what is scheduled for later has not begun.
	At time.Time
	// Positions are the last events that belong to it, one for each partition; 0
	// where the partition had none.
	Positions events.Positions
	// First are the oldest positions of the logs that no longer begin at their
	// first event: of what began before, not everything is known.
	First events.Positions
}

// wrong is a moment that cannot be had.
func wrong(format string, args ...any) error {
	return &events.FieldError{Field: Field, Reason: fmt.Sprintf(format, args...)}
}

// positions tells them from times: a day has two dashes.
var positions = regexp.MustCompile(`^\d+-\d+(,\d+-\d+)*$`)

// maxText bounds the text of a moment (L11): positions of all partitions fit.
const maxText = 4096

// seeks is how many logs are searched for a time at once.
const seeks = 8

// Resolve reads a moment: a time, as package span has it, to which everything
// belongs that was stored then or before; or positions, to which they belong. In
// partitions that are not named it is then the time of the newest event named.
// Errors: *events.FieldError.
func (r *Replays) Resolve(ctx context.Context, text string) (Moment, error) {
	logs, err := r.logs(ctx)
	if err != nil {
		return Moment{}, err
	}
	m := Moment{Positions: make(events.Positions, len(logs))}
	for i, l := range logs {
		m.Positions[i].Partition = i
		if l.aged() {
			m.First = append(m.First, events.Position{Partition: i, Seq: l.info.First})
		}
	}
	switch named := positions.MatchString(text); {
	case len(text) > maxText:
		return m, wrong("is %d bytes long, the limit is %d", len(text), maxText)
	case text == "":
		return m, wrong("is empty; leave it out to ask for the present")
	case named:
		err = r.named(ctx, &m, logs, text)
	default:
		err = r.timed(ctx, &m, logs, text)
	}
	return m, err
}

// part is a log and what it holds.
type part struct {
	events.Log
	info events.Info
	// newest is when the newest event that is folded was stored.
	newest time.Time
}

// aged reports whether the begin of the log is past its age.
func (p *part) aged() bool { return p.info.First > 1 }

// gone reports whether everything on the log is past its age.
func (p *part) gone() bool { return p.aged() && p.info.First > p.info.Last }

// lacks reports whether events that belong to a moment are past their age, or
// may be, of which it ends with seq.
func (p *part) lacks(seq events.Seq, at time.Time) bool {
	if p.gone() {
		return seq != p.info.Last || at.Before(p.newest)
	}
	return p.aged() && seq < p.info.First
}

func (r *Replays) logs(ctx context.Context) ([]part, error) {
	var list []part
	for _, p := range r.c.Ledger.Parts() {
		info, err := p.Log.Info(ctx)
		if err != nil {
			return nil, err
		}
		stats, err := p.Views.Stats()
		if err != nil {
			return nil, err
		}
		list = append(list, part{p.Log, info, stats.AppliedTime})
	}
	return list, nil
}

// timed resolves a time.
func (r *Replays) timed(ctx context.Context, m *Moment, logs []part, text string) error {
	now := r.c.Clock()
	at, err := span.ParseTime(text, now)
	switch {
	case err != nil && strings.Contains(text, " "):
		return wrong("%v, and no positions such as 0-1742,1-90; in a URL the + of a time zone is written %%2B", err)
	case err != nil:
		return wrong("%v, and no positions such as 0-1742,1-90", err)
	case at.After(now):
		return wrong("%s is in the future: it is %s now", stamp(at), stamp(now))
	}
	m.At = at.UTC()
	return r.rest(ctx, m, logs, map[int]bool{})
}

// named resolves positions.
func (r *Replays) named(ctx context.Context, m *Moment, logs []part, text string) error {
	list, err := events.ParsePositions(text)
	if err != nil {
		return wrong("%v", err)
	}
	given := map[int]bool{}
	for _, p := range list {
		if p.Partition >= len(logs) {
			return wrong("names partition %d; this ledger has %d, numbered from 0", p.Partition, len(logs))
		}
		l := &logs[p.Partition]
		switch {
		case p.Seq > l.info.Last:
			return wrong("%s is in the future: the log of partition %d ends at %d", p, p.Partition, l.info.Last)
		case l.aged() && p.Seq < l.info.First && !(l.gone() && p.Seq == l.info.Last):
			return r.before(ctx, logs)
		}
		given[p.Partition] = true
		m.Positions[p.Partition] = p
		if p.Seq == 0 || l.gone() {
			continue
		}
		at, err := storedAt(ctx, l, p.Seq)
		if err != nil {
			return err
		}
		if at.After(m.At) {
			m.At = at
		}
	}
	if m.At.IsZero() { // there was nothing in any of them
		return r.before(ctx, logs)
	}
	return r.rest(ctx, m, logs, given)
}

// rest finds the moment's time in the partitions that are not given.
func (r *Replays) rest(ctx context.Context, m *Moment, logs []part, given map[int]bool) error {
	g, ctx2 := errgroup.WithContext(ctx)
	g.SetLimit(seeks)
	for i := range logs {
		if given[i] {
			continue
		}
		g.Go(func() error {
			seq, err := span.Until(ctx2, logs[i].Log, m.At)
			m.Positions[i].Seq = seq
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	none := true
	for i, p := range m.Positions {
		if logs[i].lacks(p.Seq, m.At) {
			return r.before(ctx, logs)
		}
		none = none && (p.Seq == 0 || logs[i].gone())
	}
	if none {
		return r.before(ctx, logs)
	}
	return nil
}

// before is the error of a moment from which the logs keep too little, with what
// they keep.
func (r *Replays) before(ctx context.Context, logs []part) error {
	var kept []string
	aged := false
	for i := range logs {
		l := &logs[i]
		if l.info.Last == 0 || l.gone() {
			continue
		}
		first := max(l.info.First, 1)
		at, err := storedAt(ctx, l, first)
		if err != nil {
			return err
		}
		aged = aged || l.aged()
		kept = append(kept, fmt.Sprintf("%s of %s", events.Position{Partition: i, Seq: first}, stamp(at)))
	}
	switch {
	case kept == nil:
		return wrong("the log keeps no events")
	case aged:
		return wrong("the answer would be incomplete: what the log kept from before it is past its age; it begins at %s", strings.Join(kept, ", "))
	}
	return wrong("is before the first event; the log begins at %s", strings.Join(kept, ", "))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// storedAt is when a log stored an event.
func storedAt(ctx context.Context, l *part, seq events.Seq) (time.Time, error) {
	var at time.Time
	err := l.Read(ctx, events.Range{From: seq, To: seq}, func(m events.Message) error {
		at = m.Time.UTC()
		return nil
	})
	if err == nil && at.IsZero() {
		err = wrong("%s is not on the log any more", events.Position{Partition: l.Partition(), Seq: seq})
	}
	return at, err
}
