package export

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures an Export.
type Config struct {
	// Dir is the folder of the export, made if it is not there.
	Dir    string
	Format Format
	// Partition is the one that is exported. The partitions of a ledger go into
	// the same folder, one after the other, each with its own manifest.
	Partition int
	// Tables are what is written; none means all.
	Tables []Table
	// Source identifies the log, and Selection what of it is exported: a folder
	// with another one of them is not gone on with.
	Source, Selection string
	// SegmentRows and SegmentEvents are after how many rows or positions the
	// rows gathered become files. Defaults 200,000 and 100,000.
	SegmentRows, SegmentEvents int
	// MaxNotifications bounds the notifications held for the tables of
	// notifications and recalls, at about 400 bytes each. Default 5,000,000.
	MaxNotifications int
}

func (c *Config) setDefaults() {
	if len(c.Tables) == 0 {
		c.Tables = Tables()
	}
	if c.SegmentRows == 0 {
		c.SegmentRows = 200_000
	}
	if c.SegmentEvents == 0 {
		c.SegmentEvents = 100_000
	}
	if c.MaxNotifications == 0 {
		c.MaxNotifications = 5_000_000
	}
}

func (c *Config) validate() error {
	if c.Dir == "" {
		return &events.FieldError{Field: "dir", Reason: "is missing"}
	}
	if !slices.Contains(Formats(), c.Format) {
		return &events.FieldError{Field: "format", Reason: fmt.Sprintf("%q is none of %v", c.Format, Formats())}
	}
	for i, t := range c.Tables {
		if !slices.Contains(Tables(), t) {
			return &events.FieldError{Field: "tables", Reason: fmt.Sprintf("%q is none of %v", t, Tables())}
		}
		if slices.Contains(c.Tables[:i], t) {
			return &events.FieldError{Field: "tables", Reason: fmt.Sprintf("%q is given twice", t)}
		}
	}
	return nil
}

// Export writes one partition into a folder. It is used by one goroutine: Begin,
// then Take and Reach in the order of the log, then Finish.
type Export struct {
	c        Config
	manifest *Manifest
	// app is the folder's, "" until the first event of any partition.
	app  string
	fold *fold
	// first is the position the segment begins with, segment its rows.
	first   events.Position
	segment map[partition][]Event
	rows    int
	events  int64
	bad     int64
}

// Open opens a folder, going on with an export of the same selection.
func Open(c Config) (*Export, error) {
	c.setDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	all, err := readManifests(c.Dir)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		if err := empty(c.Dir); err != nil {
			return nil, err
		}
	}
	x := &Export{c: c, manifest: all[manifestOf(c.Partition)], segment: map[partition][]Event{}}
	for _, m := range all {
		if err := m.same(c.Dir, &c); err != nil {
			return nil, err
		}
		x.app = cmp.Or(x.app, m.App)
	}
	if x.manifest == nil {
		x.manifest = &Manifest{Version: manifestVersion, Format: c.Format, Tables: c.Tables, Source: c.Source, Selection: c.Selection, Rows: map[Table]int64{}}
	}
	if x.wants(Notifications) || x.wants(Recalls) {
		x.fold = newFold(c.MaxNotifications)
	}
	return x, sweep(c.Dir, func(string) bool { return true })
}

// empty refuses a folder with something else in it.
func empty(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && len(list) > 0 {
		return &OtherError{dir, "something else (" + list[0].Name() + ")"}
	}
	return err
}

func (x *Export) wants(t Table) bool { return slices.Contains(x.c.Tables, t) }

// Manifest returns what the export holds so far.
func (x *Export) Manifest() Manifest { return *x.manifest }

// Resume returns where to read from and up to where; zero positions where that
// is not known yet, or open. What notifications hold follows from all events,
// so they are read again; their files of events are not written again.
func (x *Export) Resume() (from, to events.Position) {
	if x.fold == nil && x.manifest.Next.Seq != 0 {
		return x.manifest.Next, x.manifest.To
	}
	return x.manifest.From, x.manifest.To
}

// Begin notes where the range begins and, unless to is zero, ends. What an
// earlier run noted stays.
func (x *Export) Begin(from, to events.Position) error {
	if x.manifest.From.Seq == 0 {
		x.manifest.From, x.manifest.To, x.manifest.Next = from, to, from
	}
	x.manifest.Done = false
	x.first = x.manifest.Next
	return x.write()
}

func (x *Export) write() error { return x.manifest.write(x.c.Dir, manifestOf(x.c.Partition)) }

// Take takes the next event.
func (x *Export) Take(e Entry) error {
	if x.app == "" {
		x.app = strings.Clone(e.Event.App)
	}
	if x.app != e.Event.App {
		return &OtherError{x.c.Dir, "another app"}
	}
	x.manifest.App = x.app
	if x.fold != nil {
		if err := x.fold.take(e); err != nil {
			return err
		}
	}
	if e.Position.Seq < x.manifest.Next.Seq {
		return nil // an earlier run has it
	}
	x.events++
	if x.wants(Events) {
		list, err := rows(e)
		if err != nil {
			return err
		}
		for _, r := range list {
			p := partitionOf(r.Stored, r.Channel)
			x.segment[p] = append(x.segment[p], r)
		}
		x.rows += len(list)
	}
	return x.Reach(e.Position)
}

// Unreadable counts an event that could not be read.
func (x *Export) Unreadable(p events.Position) error {
	if p.Seq >= x.manifest.Next.Seq {
		x.bad++
	}
	return x.Reach(p)
}

// Reach notes that everything up to a position was taken.
func (x *Export) Reach(p events.Position) error {
	if p.Seq < x.manifest.Next.Seq || x.rows < x.c.SegmentRows && p.Seq-x.first.Seq+1 < events.Seq(x.c.SegmentEvents) {
		return nil
	}
	return x.cut(p)
}

// cut writes the segment's files, and then that they are there. A crash in
// between makes the next run write the same files again: they are named by where
// the segment begins.
func (x *Export) cut(p events.Position) error {
	name := fmt.Sprintf("part-%d-%012d", x.first.Partition, x.first.Seq)
	for part, list := range x.segment {
		if err := writeRows(part.path(x.c.Dir, Events, name, x.c.Format), x.c.Format, list); err != nil {
			return err
		}
	}
	m := x.manifest
	m.Rows[Events] += int64(x.rows)
	m.Events += x.events
	m.Unreadable += x.bad
	m.Next = events.Position{Partition: p.Partition, Seq: p.Seq + 1}
	x.first, x.rows, x.events, x.bad = m.Next, 0, 0, 0
	clear(x.segment)
	return x.write()
}

// Finish writes what is left. at is the last position of the reading.
func (x *Export) Finish(at events.Position) error {
	if at.Seq >= x.manifest.Next.Seq {
		if err := x.cut(at); err != nil {
			return err
		}
	}
	written, err := x.writeState()
	if err != nil {
		return err
	}
	if x.fold != nil {
		x.manifest.State = at
		// What an earlier run wrote of the same tables and this one did not.
		if err := sweep(x.c.Dir, func(path string) bool {
			return written[path] || !x.own(path)
		}); err != nil {
			return err
		}
	}
	x.manifest.Done = true
	return x.write()
}

// stateName is the one file that a partition of the log has in a folder of
// notifications or recalls: a push is in one partition, so no two have a row in
// common.
func (x *Export) stateName() string { return fmt.Sprintf("part-%d", x.c.Partition) }

// own reports a file of the tables of what holds that is this partition's.
func (x *Export) own(path string) bool {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return name == x.stateName()
}

// writeState writes the tables of what holds at the end of the range, and
// returns their files.
func (x *Export) writeState() (map[string]bool, error) {
	written := map[string]bool{}
	if x.wants(Notifications) {
		if err := x.writeNotifications(written); err != nil {
			return nil, err
		}
	}
	if !x.wants(Recalls) {
		return written, nil
	}
	parts := map[partition][]Recall{}
	list := x.fold.table()
	for _, r := range list {
		p := partitionOf(r.At, r.Channel)
		parts[p] = append(parts[p], r)
	}
	for p, list := range parts {
		path := p.path(x.c.Dir, Recalls, x.stateName(), x.c.Format)
		written[path] = true
		if err := writeRows(path, x.c.Format, list); err != nil {
			return nil, err
		}
	}
	x.manifest.Rows[Recalls] = int64(len(list))
	return written, nil
}

// writeNotifications writes one partition after the other, so that the rows of
// one alone are held besides what they are made of.
func (x *Export) writeNotifications(written map[string]bool) error {
	parts := map[partition][]notificationKey{}
	if err := x.fold.each(func(k notificationKey, n *notification) error {
		p := partitionOf(micros(n.first), k.channel)
		parts[p] = append(parts[p], k)
		return nil
	}); err != nil {
		return err
	}
	for p, keys := range parts {
		list := make([]Notification, len(keys))
		for i, k := range keys {
			list[i] = x.fold.notifications[k].row(x.manifest.App, k)
		}
		path := p.path(x.c.Dir, Notifications, x.stateName(), x.c.Format)
		written[path] = true
		if err := writeRows(path, x.c.Format, list); err != nil {
			return err
		}
	}
	x.manifest.Rows[Notifications] = int64(len(x.fold.notifications))
	return nil
}
