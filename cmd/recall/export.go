package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/export"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
)

// exportFlags are the flags of recall export.
type exportFlags struct {
	rangeFlags
	dir     string
	format  string
	tables  []string
	push    string
	limit   int
	retries int
}

func newExportCommand(o *globalOptions) *cobra.Command {
	var f exportFlags
	c := &cobra.Command{
		Use:   "export --out DIR",
		Short: "Write events, notifications and recalls as tables",
		Long: `Write the events of the app, and what follows from them for each notification
and each recall, as files by day and channel: Parquet, NDJSON or CSV. The columns
are described in ledger/export/SCHEMA.md. A file with its final name is whole.

An export that was interrupted goes on when the same command is run again, and so
does one of an open range when there is more. Notifications and recalls are told
as of the end of the range; only what the range holds is known of them.

` + severalHelp + `
They are exported one after the other into the same files.`,
		Example: `  recall export --out tables
  recall export --out tables --format csv --tables recalls
  recall export --out sale --push order-4711 --since 24h
  duckdb -c "select channel, holder, count(*) from 'tables/notifications/**/*.parquet' group by all"`,
		Args: arguments(),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if f.dir == "" {
			return usagef("name the folder with --out")
		}
		if f.retries < 0 {
			return usagef("--retries is %d; it must not be negative", f.retries)
		}
		if f.limit < 1 {
			return usagef("--max-notifications is %d; it must be 1 or more", f.limit)
		}
		s, err := f.span(cmd, time.Now())
		if err != nil {
			return err
		}
		return o.follow(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			return o.export(ctx, client, p, &f, s, o.meter(cmd, "Exporting"))
		})(cmd, args)
	}
	f.register(c)
	f.registerPartition(c)
	l := c.Flags()
	l.StringVar(&f.dir, "out", "", "folder to write to; made if it is not there (required)")
	l.StringVar(&f.format, "format", string(export.Parquet), "parquet, ndjson or csv")
	l.StringSliceVar(&f.tables, "tables", nil, "events, notifications, recalls (default: all)")
	l.StringVar(&f.push, "push", "", "only this push")
	l.IntVar(&f.limit, "max-notifications", 5_000_000, "how many notifications may be held in memory, about 400 bytes each")
	l.IntVar(&f.retries, "retries", 10, "how often to ask again when the ledger does not answer")
	var formats, tables []string
	for _, v := range export.Formats() {
		formats = append(formats, string(v))
	}
	for _, v := range export.Tables() {
		tables = append(tables, string(v))
	}
	complete(c, "format", formats...)
	complete(c, "tables", tables...)
	return c
}

// config is what the flags mean for a log.
func (f *exportFlags) config(positions api.PositionsAnswer) export.Config {
	c := export.Config{
		Dir: f.dir, Format: export.Format(f.format), MaxNotifications: f.limit,
		Selection: fmt.Sprintf("range %q, since %s, push %q", f.text, f.since, f.push),
	}
	if f.partition != nil {
		c.Selection += fmt.Sprintf(", partition %d", *f.partition)
	}
	for _, t := range f.tables {
		c.Tables = append(c.Tables, export.Table(t))
	}
	for _, p := range positions.Partitions {
		c.Source += fmt.Sprintf("partition %d of %s ", p.Partition, p.Created.UTC().Format(time.RFC3339Nano))
	}
	return c
}

func (o *globalOptions) export(ctx context.Context, client *api.Client, p *printer, f *exportFlags, s ranges.Span, m *meter) error {
	start := time.Now()
	positions, err := client.Positions(ctx)
	if err != nil {
		return err
	}
	r := &reading{client: client, options: api.EventsOptions{Push: f.push}, span: s, partition: f.partition, retries: f.retries, waiting: m.waiting}
	if err := r.open(ctx); err != nil {
		return err
	}
	config := f.config(positions)
	var done []export.Manifest
	for _, part := range r.parts {
		config.Partition = 0
		if part.options.Partition != nil {
			config.Partition = *part.options.Partition
		}
		x, err := export.Open(config)
		if err != nil {
			return exportProblem(err)
		}
		if err := part.export(ctx, x, p, m); err != nil {
			m.end(err)
			return stoppedExport(exportProblem(err), append(done, x.Manifest()), o)
		}
		done = append(done, x.Manifest())
	}
	m.end(nil)
	return p.exported(done, f, time.Since(start))
}

func before(p events.Position) events.Position {
	return events.Position{Partition: p.Partition, Seq: max(p.Seq, 1) - 1}
}

// export exports a partition, or what an earlier run left of it.
func (r *part) export(ctx context.Context, x *export.Export, p *printer, m *meter) error {
	open := r.span.Open()
	from, to := x.Resume()
	if from.Seq != 0 {
		r.span.From = ranges.At(from)
		p.note("Going on with an earlier export, whose events are written up to %s.", before(x.Manifest().Next))
	}
	if to.Seq != 0 {
		r.span.To, open = ranges.At(to), false
	}
	if to.Seq == 0 || from.Seq <= to.Seq {
		return r.tables(ctx, x, open, m)
	}
	return x.Finish(to) // all of it is there
}

// tables hands the range over to the tables.
func (r *part) tables(ctx context.Context, x *export.Export, open bool, m *meter) error {
	var failed error
	r.begun = func(first, last events.Position) {
		m.span(uint64(first.Seq), uint64(last.Seq))
		if open {
			last = events.Position{}
		}
		failed = x.Begin(first, last)
	}
	return r.each(ctx, func(e api.LogEntry) error {
		if failed != nil {
			return failed
		}
		m.at(uint64(e.Position.Seq))
		switch {
		case e.End != "":
			return x.Finish(e.Position)
		case e.Unreadable != "":
			return x.Unreadable(e.Position)
		case e.Event == nil:
			return x.Reach(e.Position)
		}
		v, err := events.Decode(e.Event)
		if err != nil {
			return fmt.Errorf("position %s: %w", e.Position, err)
		}
		return x.Take(export.Entry{Position: e.Position, Stored: e.Stored, Event: v, Raw: e.Event})
	})
}

// exportProblem says what to do about what an export runs into.
func exportProblem(err error) error {
	var other *export.OtherError
	var limit *export.LimitError
	var field *events.FieldError
	switch {
	case errors.As(err, &other):
		return exitf(exitPrecondition, "%w", err)
	case errors.As(err, &limit):
		return exitf(exitPrecondition, "%w; take a shorter --range, one --push or --tables events, or raise --max-notifications", err)
	case errors.As(err, &field):
		return usagef("--%w", err)
	}
	return err
}

// stoppedExport says what is there and how to go on. The last manifest is the one
// that was being written.
func stoppedExport(err error, list []export.Manifest, o *globalOptions) error {
	var own *codedError
	written := written(list)
	if errors.As(err, &own) || len(written) == 0 {
		return err
	}
	code, message := explain(err, o)
	return &codedError{code: code, message: fmt.Sprintf("%s; events up to %s are written, run the same command again to go on", message, written), err: err}
}

// written is up to where the events of each partition are there.
func written(list []export.Manifest) events.Positions {
	var positions events.Positions
	for i := range list {
		if m := &list[i]; m.Next.Seq > m.From.Seq {
			positions = append(positions, before(m.Next))
		}
	}
	return positions
}

// exportAnswer is what recall export prints of one partition.
type exportAnswer struct {
	Dir string `json:"dir"`
	export.Manifest
	Seconds float64 `json:"seconds"`
}

// partitionsExported is what recall export prints of several partitions.
type partitionsExported struct {
	Dir    string         `json:"dir"`
	Format export.Format  `json:"format"`
	Tables []export.Table `json:"tables"`
	// The figures are those of all of them together.
	Rows       map[export.Table]int64 `json:"rows"`
	Events     int64                  `json:"events"`
	Unreadable int64                  `json:"unreadable"`
	Done       bool                   `json:"done"`
	Partitions []export.Manifest      `json:"partitions"`
	Seconds    float64                `json:"seconds"`
}

// together adds up what was exported of each partition.
func together(list []export.Manifest) partitionsExported {
	a := partitionsExported{Format: list[0].Format, Tables: list[0].Tables, Rows: map[export.Table]int64{}, Done: true, Partitions: list}
	for i := range list {
		for t, n := range list[i].Rows {
			a.Rows[t] += n
		}
		a.Events, a.Unreadable, a.Done = a.Events+list[i].Events, a.Unreadable+list[i].Unreadable, a.Done && list[i].Done
	}
	return a
}

func (p *printer) exported(list []export.Manifest, f *exportFlags, took time.Duration) error {
	all := together(list)
	all.Dir, all.Seconds = f.dir, took.Seconds()
	var answer any = all
	if len(list) == 1 {
		answer = exportAnswer{f.dir, list[0], took.Seconds()}
	}
	return p.value(answer, func() error {
		g := p.grid(column{name: "table"}, column{name: "rows", right: true}, column{name: "files"})
		for _, t := range all.Tables {
			g.row(string(t), uint64(all.Rows[t]), fmt.Sprintf("%s/%s/**/*.%s", f.dir, t, all.Format))
		}
		if err := g.render(p.out); err != nil {
			return err
		}
		if n := all.Unreadable; n > 0 {
			p.note("%s of the range could not be read and %s left out; see recall events", plural(n, "event", "events"), map[bool]string{true: "is", false: "are"}[n == 1])
		}
		ends := make(events.Positions, len(list))
		for i := range list {
			ends[i] = before(list[i].Next)
		}
		word := "position"
		if len(ends) > 1 {
			word = "positions"
		}
		p.note("%s up to %s %s, in %s", plural(all.Events, "event", "events"), word, ends, took.Round(time.Millisecond))
		return nil
	})
}
