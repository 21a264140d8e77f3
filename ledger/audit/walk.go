package audit

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures a walk.
type Config struct {
	Log events.Log
	// Anchors are anchors of an earlier walk to compare with.
	Anchors []Anchor
	// Progress is told how far the walk is: the log is read twice, so steps go
	// up to twice its length. It may be nil.
	Progress func(done, total uint64)
	// Rebuild compares projections; it may be nil.
	Rebuild *Rebuild
}

// Walk checks a log. An error means that it could not be read to its end; what
// is wrong with it stands in the report.
func Walk(ctx context.Context, c Config) (*Report, error) {
	info, err := c.Log.Info(ctx)
	if err != nil {
		return nil, err
	}
	if c.Progress == nil {
		c.Progress = func(uint64, uint64) {}
	}
	w := &walk{c: c, report: newReport(), info: info}
	w.report.Created = info.Created.UTC()
	w.report.First = w.position(info.First)
	w.report.Last = w.position(info.Last)
	if info.Last == 0 {
		return w.report, nil
	}
	w.first = max(info.First, 1)
	if w.auditor, err = w.survey(ctx); err != nil {
		return nil, err
	}
	w.chain = newChain(w.first, c.Anchors)
	w.wanted = map[events.Seq]string{}
	for _, a := range c.Anchors {
		if a.From == w.chain.from && a.Seq > w.chain.after {
			w.wanted[a.Seq] = a.Hash
		}
	}
	w.next = w.first
	if err := c.Log.Read(ctx, events.Range{From: w.first, To: info.Last}, func(m events.Message) error { return w.take(ctx, m) }); err != nil {
		return nil, err
	}
	return w.finish(ctx)
}

type walk struct {
	c       Config
	report  *Report
	info    events.Info
	auditor *auditor
	chain   *chain
	// wanted are the hashes to compare, by sequence.
	wanted  map[events.Seq]string
	first   events.Seq
	next    events.Seq
	stored  time.Time
	decoder events.Decoder
}

func (w *walk) position(seq events.Seq) events.Position {
	return events.Position{Partition: w.c.Log.Partition(), Seq: seq}
}

// total is how many events are read, both times together.
func (w *walk) total() uint64 { return 2 * uint64(w.info.Last-w.first+1) }

// survey finds the pushes with recalls, so that state is held for them alone.
func (w *walk) survey(ctx context.Context) (*auditor, error) {
	a := newAuditor(w.report)
	word := []byte(events.RecallRequested)
	err := w.c.Log.Read(ctx, events.Range{From: w.first, To: w.info.Last}, func(m events.Message) error {
		w.c.Progress(uint64(m.Seq-w.first)+1, w.total())
		if !bytes.Contains(m.Data, word) && bytes.IndexByte(m.Data, '\\') < 0 {
			return nil
		}
		e, err := w.decoder.Decode(m.Data)
		if err != nil || events.CheckSubject(m.Subject, m.Partition, &e.Header) != nil {
			return nil //nolint:nilerr // counted by the second reading
		}
		if q, ok := e.Data.(*events.Requested); ok {
			a.expect(e, q)
		}
		return nil
	})
	return a, err
}

// take checks one event.
func (w *walk) take(ctx context.Context, m events.Message) error {
	if err := w.follows(ctx, m); err != nil {
		return err
	}
	r := w.report
	r.Events++
	r.Bytes += uint64(len(m.Data))
	if m.Time.Before(w.stored) {
		r.Backwards++
	}
	w.stored = m.Time
	w.link(&m)
	w.c.Progress(w.total()/2+uint64(m.Seq-w.first)+1, w.total())
	if w.c.Rebuild != nil {
		w.c.Rebuild.take(m)
	}
	e, err := w.decoder.Decode(m.Data)
	if err != nil || events.CheckSubject(m.Subject, m.Partition, &e.Header) != nil {
		r.Unreadable++
		return nil //nolint:nilerr // the ledger passes it over as well
	}
	r.Kinds[e.Kind]++
	w.auditor.take(e, m)
	return nil
}

// follows checks that nothing is missing before an event.
func (w *walk) follows(ctx context.Context, m events.Message) error {
	if m.Seq == w.next {
		w.next++
		return nil
	}
	info, err := w.c.Log.Info(ctx)
	if err != nil {
		return err
	}
	if info.First > w.next {
		return fmt.Errorf("events up to %d passed their age while the log was read; verify again", info.First-1)
	}
	w.report.violate(Gap, w.position(w.next), "is missing; the next event is %s", m.Position)
	w.next = m.Seq + 1
	return nil
}

// link adds an event to the chain and compares it with the anchors.
func (w *walk) link(m *events.Message) {
	closed := w.chain.add(m)
	if closed {
		w.report.Anchors = append(w.report.Anchors, w.chain.closed(m.Seq))
	}
	want, ok := w.wanted[m.Seq]
	if !ok {
		return
	}
	a := w.chain.open(m.Seq)
	if closed {
		a = w.chain.closed(m.Seq)
	}
	w.report.Checked++
	if a.Hash != want {
		w.report.violate(Chain, m.Position, "has the hash %s, the anchor says %s: an event at or before it was changed", a.Hash, want)
	}
}

// finish completes the report at the end of the log.
func (w *walk) finish(ctx context.Context) (*Report, error) {
	r := w.report
	if last := w.info.Last; w.next <= last {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.violate(Gap, w.position(w.next), "is missing, as is everything up to the end of the log at %s", w.position(last))
	}
	for _, a := range w.c.Anchors {
		if a.Seq > w.info.Last {
			r.violate(Chain, w.position(a.Seq), "has an anchor, but the log ends at %s: events were lost", w.position(w.info.Last))
			break
		}
	}
	if n := len(r.Anchors); w.chain.begun && (n == 0 || r.Anchors[n-1].Seq < w.next-1) {
		r.Anchors = append(r.Anchors, w.chain.open(w.next-1))
	}
	w.auditor.finish()
	if w.c.Rebuild == nil {
		return r, nil
	}
	return r, w.c.Rebuild.compare(r)
}
