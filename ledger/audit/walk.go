package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures a walk.
type Config struct {
	// Log is the partition that Walk walks; WalkAll is given all of them.
	Log events.Log
	// Anchors are anchors of an earlier walk to compare with, of any partition.
	Anchors []Anchor
	// Grown are the growths of the log, the oldest first.
	Grown []events.Growth
	// Progress is told how far the walk is: every log is read twice, so steps go
	// up to twice their length. It may be nil.
	Progress func(done, total uint64)
	// Rebuild begins the comparison of a partition's projections, which the walk
	// closes; it may be nil, and so may what it returns where nothing is compared.
	Rebuild func(ctx context.Context, log events.Log) (*Rebuild, error)
}

// Walk checks one partition by itself. An error means that it could not be read to
// its end; what is wrong with it stands in the report.
func Walk(ctx context.Context, c Config) (*Report, error) {
	reports, err := walkLogs(ctx, c, []events.Log{c.Log}, newPlaces(1, nil))
	if err != nil {
		return nil, err
	}
	return reports[0], nil
}

// WalkAll checks all partitions of a ledger, given in order, one after the other,
// and what must hold between them. It returns a report of each; errors are as those
// of Walk.
func WalkAll(ctx context.Context, logs []events.Log, c Config) ([]*Report, error) {
	reports, err := walkLogs(ctx, c, logs, newPlaces(len(logs), c.Grown))
	if err != nil {
		return nil, err
	}
	for _, a := range c.Anchors {
		if a.Partition >= len(logs) {
			at := events.Position{Partition: a.Partition, Seq: a.Seq}
			reports[0].violate(Chain, at, "has an anchor, but the ledger has %d partitions: events were lost", len(logs))
		}
	}
	return reports, nil
}

func walkLogs(ctx context.Context, c Config, logs []events.Log, p *places) ([]*Report, error) {
	walks := make([]*walk, len(logs))
	var total, done uint64
	// Of a log in use the ends are asked twice: a command that is walked to must not be
	// told of as one without the new push it needs, because that partition was asked
	// before.
	for _, log := range logs {
		info, err := log.Info(ctx)
		if err != nil {
			return nil, err
		}
		p.firm[log.Partition()] = info.Last
	}
	for i, log := range logs {
		info, err := log.Info(ctx)
		if err != nil {
			return nil, err
		}
		walks[i] = newWalk(log, info, p)
		total += 2 * walks[i].length()
	}
	step := func(w *walk) {
		w.step = func(n uint64) {
			if c.Progress != nil {
				c.Progress(done+n, total)
			}
		}
	}
	// All are surveyed first: a push may be looked for in a partition before the
	// override that wants it there is read.
	for _, w := range walks {
		step(w)
		if err := w.survey(ctx); err != nil {
			return nil, err
		}
		done += w.length()
	}
	reports, begins := make([]*Report, len(walks)), make([]time.Time, len(walks))
	for i, w := range walks {
		step(w)
		if err := w.read(ctx, &c); err != nil {
			return nil, err
		}
		done += w.length()
		reports[i], begins[i] = w.report, w.begins
		w.auditor = nil // it holds every notification of the recalled pushes
	}
	p.finish(reports, begins)
	return reports, nil
}

// walk is the walk of one partition.
type walk struct {
	log     events.Log
	anchors []Anchor
	rebuild *Rebuild
	// step is told how many events of this reading are read.
	step    func(uint64)
	report  *Report
	places  *places
	info    events.Info
	auditor *auditor
	chain   *chain
	// wanted are the hashes to compare, by sequence.
	wanted map[events.Seq]string
	first  events.Seq
	next   events.Seq
	stored time.Time
	// begins is when the first event kept was stored, of a log whose begin is past
	// its age.
	begins  time.Time
	decoder events.Decoder
}

func newWalk(log events.Log, info events.Info, p *places) *walk {
	w := &walk{log: log, report: newReport(), places: p, info: info, first: max(info.First, 1)}
	w.report.Created = info.Created.UTC()
	p.aged[log.Partition()] = w.first > 1
	w.report.First, w.report.Last = w.position(info.First), w.position(info.Last)
	return w
}

func (w *walk) position(seq events.Seq) events.Position {
	return events.Position{Partition: w.log.Partition(), Seq: seq}
}

// length is how many events one reading has.
func (w *walk) length() uint64 {
	if w.info.Last == 0 {
		return 0
	}
	return uint64(w.info.Last - w.first + 1)
}

// survey finds the pushes with recalls, so that state is held for them alone, the
// new pushes of overrides, and what lives where it began before the log grew.
func (w *walk) survey(ctx context.Context) error {
	w.auditor = newAuditor(w.report, w.places)
	if w.info.Last == 0 {
		return nil
	}
	word, grown := []byte(events.RecallRequested), w.places.ends(w.log.Partition())
	return w.log.Read(ctx, events.Range{From: w.first, To: w.info.Last}, func(m events.Message) error {
		w.step(uint64(m.Seq-w.first) + 1)
		early := m.Seq <= grown
		if !early && !bytes.Contains(m.Data, word) && bytes.IndexByte(m.Data, '\\') < 0 {
			return nil
		}
		e, err := w.decoder.Decode(m.Data)
		if err != nil || events.CheckSubject(m.Subject, m.Partition, &e.Header) != nil {
			return nil //nolint:nilerr // counted by the second reading
		}
		if early {
			w.places.begin(e, m)
		}
		if q, ok := e.Data.(*events.Requested); ok {
			w.auditor.expect(e, q)
			w.places.expect(e.App, q, m.Partition)
		}
		return nil
	})
}

// read checks every event.
func (w *walk) read(ctx context.Context, c *Config) (err error) {
	for _, a := range c.Anchors {
		if a.Partition == w.log.Partition() {
			w.anchors = append(w.anchors, a)
		}
	}
	if w.info.Last == 0 {
		w.lost()
		return nil
	}
	if c.Rebuild != nil {
		if w.rebuild, err = c.Rebuild(ctx, w.log); err != nil {
			return err
		}
		if w.rebuild != nil {
			defer func() { err = errors.Join(err, w.rebuild.Close()) }()
		}
	}
	w.chain = newChain(w.log.Partition(), w.first, w.anchors)
	w.wanted = map[events.Seq]string{}
	for _, a := range w.anchors {
		if a.From == w.chain.from && a.Seq > w.chain.after {
			w.wanted[a.Seq] = a.Hash
		}
	}
	w.next = w.first
	if err := w.log.Read(ctx, events.Range{From: w.first, To: w.info.Last}, func(m events.Message) error { return w.take(ctx, m) }); err != nil {
		return err
	}
	return w.finish(ctx)
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
	if w.stored.IsZero() && w.info.First > 1 {
		w.begins = m.Time
	}
	w.stored = m.Time
	w.link(&m)
	w.step(uint64(m.Seq-w.first) + 1)
	if w.rebuild != nil {
		w.rebuild.take(m)
	}
	e, err := w.decoder.Decode(m.Data)
	if err != nil || events.CheckSubject(m.Subject, m.Partition, &e.Header) != nil {
		r.Unreadable++
		return nil //nolint:nilerr // the ledger passes it over as well
	}
	r.Kinds[e.Kind]++
	w.places.take(r, e, m)
	w.auditor.take(e, m)
	return nil
}

// follows checks that nothing is missing before an event.
func (w *walk) follows(ctx context.Context, m events.Message) error {
	if m.Seq == w.next {
		w.next++
		return nil
	}
	info, err := w.log.Info(ctx)
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
func (w *walk) finish(ctx context.Context) error {
	r := w.report
	if last := w.info.Last; w.next <= last {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.violate(Gap, w.position(w.next), "is missing, as is everything up to the end of the log at %s", w.position(last))
	}
	w.lost()
	if n := len(r.Anchors); w.chain.begun && (n == 0 || r.Anchors[n-1].Seq < w.next-1) {
		r.Anchors = append(r.Anchors, w.chain.open(w.next-1))
	}
	w.auditor.finish()
	if w.rebuild == nil {
		return nil
	}
	return w.rebuild.compare(r)
}

// lost reports anchors behind the end of the log.
func (w *walk) lost() {
	for _, a := range w.anchors {
		if a.Seq > w.info.Last {
			w.report.violate(Chain, w.position(a.Seq), "has an anchor, but the log ends at %s: events were lost", w.position(w.info.Last))
			return
		}
	}
}
