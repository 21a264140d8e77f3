package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/span"
)

// markEvery is after how many events that do not pass the filters a line says
// how far the reading is, so that a reader can resume there.
const markEvery = 20_000

// How a reading ends.
const (
	// EndRange is the end of the range asked for.
	EndRange = "range"
	// EndLog is the end of the log as it was; the range goes on.
	EndLog = "log"
	// EndLimit is the number of events asked for.
	EndLimit = "limit"
)

// LogEntry is one line of a reading of the log: an event, an event that cannot
// be read, a mark that says how far the reading is, or its end.
type LogEntry struct {
	Position events.Position `json:"position"`
	// Stored is when the log stored the event.
	Stored time.Time `json:"stored,omitzero"`
	// Event is the event as it stands in the log; see events/FORMAT.md.
	Event json.RawMessage `json:"event,omitempty"`
	// Unreadable says why an event of the app cannot be read; the ledger passes
	// it over, and lists it in the quarantine.
	Unreadable string `json:"unreadable,omitempty"`
	// End stands on the last line alone: range, log or limit. A reading without
	// one broke off.
	End string `json:"end,omitempty"`
}

type eventsInput struct {
	Range   string `query:"range" doc:"Which part of the log: start, end, 17, +10, -10, 17:42, @2026-11-20T09:41:00Z, @-10m:@-5m; everything unless told" example:"17:42"`
	Family  string `query:"family" doc:"Only these families of events, divided by commas: push, delivery, display, click, recall, command, outcome, key"`
	Kind    string `query:"kind" doc:"Only these kinds of events, divided by commas" example:"click.clicked"`
	Push    string `query:"push" doc:"Only events of this push"`
	Channel string `query:"channel" doc:"Only events that name this channel"`
	Device  string `query:"device" doc:"Only events that name this device"`
	Limit   string `query:"limit" doc:"At most this many; all unless told"`
	// Each partition is a log of its own with an order of its own.
	Partition string `query:"partition" doc:"Which partition's log; needed when the ledger has several"`
}

// eventFilter selects events of one app. The app is the credential's (L10).
type eventFilter struct {
	app                   string
	families              []events.Family
	kinds                 []events.Kind
	push, channel, device string
}

func (s *Server) eventFilter(app string, in *eventsInput) (f eventFilter, err error) {
	f = eventFilter{app: app, push: in.Push, channel: in.Channel, device: in.Device}
	families := []events.Family{}
	for _, k := range events.Kinds() {
		families = append(families, k.Family())
	}
	if f.families, err = chosen("family", in.Family, families); err != nil {
		return f, err
	}
	if f.kinds, err = chosen("kind", in.Kind, events.Kinds()); err != nil {
		return f, err
	}
	if f.push != "" {
		err = events.CheckID("push", f.push, events.MaxPush)
	}
	if f.device != "" && err == nil {
		err = events.CheckID("device", f.device, events.MaxDevice)
	}
	if err == nil {
		err = s.checkChannel(f.channel)
	}
	return f, err
}

// chosen reads a list of words of a set; none means that all are meant.
func chosen[T ~string](field, text string, set []T) ([]T, error) {
	if text == "" {
		return nil, nil
	}
	var list []T
	for word := range strings.SplitSeq(text, ",") {
		if !slices.Contains(set, T(word)) {
			var names []string
			for _, v := range slices.Compact(slices.Clone(set)) {
				names = append(names, string(v))
			}
			return nil, fieldProblem(field, "%.40q is none of %s", word, strings.Join(names, ", "))
		}
		list = append(list, T(word))
	}
	return list, nil
}

// all reports whether every event of the app passes.
func (f *eventFilter) all() bool {
	return f.families == nil && f.kinds == nil && f.push == "" && f.channel == "" && f.device == ""
}

// passes reports whether an event of the app is asked for.
func (f *eventFilter) passes(e *events.Event) bool {
	if f.families != nil && !slices.Contains(f.families, e.Kind.Family()) ||
		f.kinds != nil && !slices.Contains(f.kinds, e.Kind) || f.push != "" && f.push != e.Push {
		return false
	}
	if f.channel == "" && f.device == "" {
		return true
	}
	channel, devices := named(e)
	return (f.channel == "" || f.channel == channel) && (f.device == "" || slices.Contains(devices, f.device))
}

// named returns the channel and the devices an event names.
func named(e *events.Event) (channel string, devices []string) {
	var scope events.Scope
	switch d := e.Data.(type) {
	case *events.Fact:
		return d.Channel, d.Devices
	case *events.Command:
		return d.Channel, d.Devices
	case *events.Outcome:
		return d.Channel, d.Devices
	case *events.Requested:
		scope = d.Scope
	case *events.Refused:
		scope = d.Scope
	}
	if scope.Device != "" {
		devices = []string{scope.Device}
	}
	return scope.Channel, devices
}

// errRangeEnd ends a reading at the end of its range.
var errRangeEnd = errors.New("the end of the range")

// reading is one pass over the log. It reads all of it, whatever is asked for,
// so that a gap is seen and other apps' events cost as much as one's own.
type reading struct {
	log    events.Log
	out    *stream
	filter eventFilter
	span   span.Resolved
	limit  int
	// next is the sequence to come, found and passed count events since the
	// reading began and since the last line.
	next          events.Seq
	found, passed int
	decoder       events.Decoder
}

// openReading checks what is asked for and finds the range.
func (s *Server) openReading(ctx context.Context, in *eventsInput) (*reading, error) {
	limit, err := limitOf(in.Limit)
	if err != nil {
		return nil, err
	}
	filter, err := s.eventFilter(from(ctx).caller.app, in)
	if err != nil {
		return nil, err
	}
	asked, err := span.Parse(in.Range, s.c.Clock())
	if err != nil {
		return nil, fieldProblem("range", "%s", err)
	}
	part, err := s.part(in.Partition)
	if err != nil {
		return nil, err
	}
	r := &reading{log: part.Log, filter: filter, limit: limit}
	if r.span, err = asked.Resolve(ctx, part.Log); err != nil {
		return nil, err
	}
	r.next = r.span.From
	last := "end"
	if r.span.Closed || r.span.Until.IsZero() {
		last = r.position(r.span.To).String()
	}
	from(ctx).w.Header().Set(headerRange, r.position(r.span.From).String()+":"+last)
	return r, nil
}

// part returns the partition asked for.
func (s *Server) part(text string) (*partition.Part, error) {
	parts := s.c.Ledger.Parts()
	if text == "" && len(parts) == 1 {
		return parts[0], nil
	}
	if text == "" {
		return nil, fieldProblem("partition", "is missing; this ledger has %d, numbered from 0, and each has its own order", len(parts))
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || int(n) >= len(parts) {
		return nil, fieldProblem("partition", "%.40q is not a partition; this ledger has %d, numbered from 0", text, len(parts))
	}
	return parts[n], nil
}

func (r *reading) position(seq events.Seq) events.Position {
	return events.Position{Partition: r.log.Partition(), Seq: seq}
}

// readEvents answers with a range of the log. It only reads: nothing is decided
// or commanded by it, however often it is asked for.
func (s *Server) readEvents(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	r, err := s.openReading(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.stream(ctx, TypeNDJSON, func(out *stream) error {
		r.out = out
		end := EndLog
		if err := r.read(ctx, r.span.To); errors.Is(err, errEnough) {
			end = EndLimit
		} else if err != nil && !errors.Is(err, errRangeEnd) {
			return err
		} else if r.span.Closed && r.next > r.span.To || err != nil {
			end = EndRange
		}
		return r.mark(end)
	}), nil
}

// read reads up to a sequence, as far as the log goes.
func (r *reading) read(ctx context.Context, to events.Seq) error {
	if r.next > to {
		return nil
	}
	return r.log.Read(ctx, events.Range{From: r.next, To: to}, r.take)
}

// take writes a message if it is asked for.
func (r *reading) take(m events.Message) error {
	if m.Seq != r.next {
		return fmt.Errorf("the log has a gap: expected sequence %d, found %d", r.next, m.Seq)
	}
	if !r.span.Until.IsZero() && !m.Time.Before(r.span.Until) {
		return errRangeEnd
	}
	r.next++
	if !r.write(m) {
		if r.passed++; r.passed < markEvery {
			return nil
		}
		return r.mark("")
	}
	r.passed = 0
	if err := r.out.line(); err != nil {
		return err
	}
	if r.found++; r.found == r.limit {
		return errEnough
	}
	return nil
}

// write adds the line of a message and reports whether it is asked for.
func (r *reading) write(m events.Message) bool {
	f := &r.filter
	if subjectApp(m.Subject) != f.app || !mayName(m.Data, f.push) || !mayName(m.Data, f.device) {
		return false
	}
	e, err := r.decoder.Decode(m.Data)
	if err == nil {
		err = events.CheckSubject(m.Subject, m.Partition, &e.Header)
	}
	if err != nil && !f.all() || err == nil && !f.passes(e) {
		return false
	}
	b := append(r.out.buf, `{"position":"`...)
	b = append(b, m.String()...)
	b = append(b, `","stored":"`...)
	b = m.Time.UTC().AppendFormat(b, time.RFC3339Nano)
	if err != nil {
		b = append(b, `","unreadable":`...)
		b = appendText(b, strings.ToValidUTF8(err.Error(), "?"))
	} else {
		b = append(b, `","event":`...)
		b = appendOneLine(b, m.Data)
	}
	r.out.buf = append(b, "}\n"...)
	return true
}

// appendOneLine adds JSON that was decoded before, without its line breaks.
func appendOneLine(b, data []byte) []byte {
	if !bytes.ContainsAny(data, "\r\n") {
		return append(b, data...)
	}
	var line bytes.Buffer
	if err := json.Compact(&line, data); err != nil { // it was decoded
		panic(err)
	}
	return append(b, line.Bytes()...)
}

// mark writes how far the reading is, and with a word that it is at its end.
func (r *reading) mark(end string) error {
	r.passed = 0
	b := append(r.out.buf, `{"position":"`...)
	b = append(b, r.position(r.next-1).String()...)
	if end != "" {
		b = append(b, `","end":"`...)
		b = append(b, end...)
	}
	r.out.buf = append(b, "\"}\n"...)
	return r.out.flush()
}

// followEvents is readEvents that waits for what comes.
func (s *Server) followEvents(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	r, err := s.openReading(ctx, in)
	if err != nil {
		return nil, err
	}
	return s.stream(ctx, TypeNDJSON, func(out *stream) error {
		r.out = out
		// The reader learns that it is connected before anything happens.
		if err := out.flush(); err != nil {
			return err
		}
		err := s.followRange(ctx, r)
		switch {
		case errors.Is(err, errRangeEnd):
			return r.mark(EndRange)
		case errors.Is(err, errEnough):
			return r.mark(EndLimit)
		}
		return err
	}), nil
}

// followRange reads until the range is at its end. It looks when the projection
// moved, at most five times a second.
func (s *Server) followRange(ctx context.Context, r *reading) error {
	keep := time.NewTicker(s.c.KeepAlive)
	defer keep.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return problem(codeStopping, "the node is stopping")
		}
		moved := s.c.Ledger.Moved()
		// Asked before the log is read: what was stored until then is in it.
		over := !r.span.Until.IsZero() && !s.c.Clock().Before(r.span.Until)
		to := r.span.To
		if !r.span.Closed {
			end, err := r.log.End(ctx)
			if err != nil {
				return err
			}
			to = end.Seq
		}
		if err := r.read(ctx, to); err != nil {
			return err
		}
		if r.span.Closed && r.next > r.span.To || over {
			return errRangeEnd
		}
		if err := r.out.flush(); err != nil {
			return err
		}
		if err := s.await(ctx, r, moved, keep.C); err != nil {
			return err
		}
		pause.Reset(watchInterval)
	}
}

// await waits for the next event of the log, or the time at which the range
// ends, and meanwhile shows that the connection lives.
func (s *Server) await(ctx context.Context, r *reading, moved <-chan struct{}, keep <-chan time.Time) error {
	var over <-chan time.Time
	if !r.span.Until.IsZero() {
		t := time.NewTimer(r.span.Until.Sub(s.c.Clock()))
		defer t.Stop()
		over = t.C
	}
	for {
		select {
		case <-moved:
			return nil
		case <-over:
			return nil
		case <-s.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-keep:
			if err := r.mark(""); err != nil {
				return err
			}
		}
	}
}
