package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// maxEntryBytes bounds one line of a reading: an event and what stands around it.
const maxEntryBytes = events.MaxEventBytes + 64<<10

// EventsOptions select events of the app.
type EventsOptions struct {
	// Range is written as package span says; "" is everything.
	Range string
	// Partition is the one whose log is read; nil where the ledger has only one. To
	// read several is to call Events for each.
	Partition *int
	// Families and Kinds restrict the events; none is all.
	Families []string
	Kinds    []string
	// Push, Channel and Device restrict the events to those that name them.
	Push, Channel, Device string
	// Limit bounds the events; 0 means all.
	Limit int
	// Follow waits for what comes, until the range is at its end.
	Follow bool
	// Begun is told the sequences the range has at its begin: to is 0 where the
	// end is not known.
	Begun func(from, to events.Position)
}

func (o *EventsOptions) query() query {
	// A page of a list is chosen by the same parameter.
	q := ListOptions{Limit: o.Limit}.query()
	if o.Partition != nil {
		q = q.text("partition", strconv.Itoa(*o.Partition))
	}
	return q.text("range", o.Range).text("family", strings.Join(o.Families, ",")).
		text("kind", strings.Join(o.Kinds, ",")).text("push", o.Push).text("channel", o.Channel).text("device", o.Device)
}

// ErrBrokenOff is a reading that ended before its last line: it is resumed
// behind the last position seen.
var ErrBrokenOff = errors.New("the reading of the log broke off")

// Events calls f for every line of a reading of the log: events, marks that
// say how far it is, and the end. It returns nil after the end alone, the error
// of f, a *Problem, or ErrBrokenOff.
func (c *Client) Events(ctx context.Context, o EventsOptions, f func(LogEntry) error) error {
	segments := []string{"events"}
	if o.Follow {
		segments = append(segments, "follow")
	}
	resp, err := c.send(ctx, call{method: http.MethodGet, path: path(segments...), query: o.query(), accept: TypeNDJSON})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if o.Begun != nil {
		first, last, err := parseRange(resp.Header.Get(headerRange))
		if err != nil {
			return err
		}
		o.Begun(first, last)
	}
	s := bufio.NewScanner(resp.Body)
	s.Buffer(make([]byte, 64<<10), maxEntryBytes)
	for s.Scan() {
		var e LogEntry
		if err := json.Unmarshal(s.Bytes(), &e); err != nil {
			// A line cut short is the last one before the connection broke.
			return errors.Join(ErrBrokenOff, s.Err())
		}
		if err := f(e); err != nil {
			return err
		}
		if e.End != "" {
			return nil
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return errors.Join(ErrBrokenOff, s.Err())
}

// parseRange reads what a reading says of its range.
func parseRange(text string) (first, last events.Position, err error) {
	a, b, _ := strings.Cut(text, ":")
	if first, err = events.ParsePosition(a); err == nil && b != "end" {
		last, err = events.ParsePosition(b)
	}
	if err != nil {
		return first, last, fmt.Errorf("header %s: %w", headerRange, err)
	}
	return first, last, nil
}
