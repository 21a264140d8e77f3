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
as of the end of the range; only what the range holds is known of them.`,
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
	x, err := export.Open(f.config(positions))
	if err != nil {
		return exportProblem(err)
	}
	r := &reading{client: client, options: api.EventsOptions{Push: f.push}, span: s, retries: f.retries, waiting: m.waiting}
	open := s.Open()
	from, to := x.Resume()
	if from.Seq != 0 {
		r.span.From = ranges.At(from)
		p.note("Going on with an earlier export, whose events are written up to %s.", before(x.Manifest().Next))
	}
	if to.Seq != 0 {
		r.span.To, open = ranges.At(to), false
	}
	if to.Seq == 0 || from.Seq <= to.Seq {
		err = r.export(ctx, x, open, m)
	} else {
		err = x.Finish(to) // all of it is there
	}
	m.end(err)
	if err != nil {
		return stoppedExport(exportProblem(err), x.Manifest(), o)
	}
	return p.exported(x.Manifest(), f, time.Since(start))
}

func before(p events.Position) events.Position {
	return events.Position{Partition: p.Partition, Seq: max(p.Seq, 1) - 1}
}

// export hands the range over to the tables.
func (r *reading) export(ctx context.Context, x *export.Export, open bool, m *meter) error {
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

// stoppedExport says what is there and how to go on.
func stoppedExport(err error, m export.Manifest, o *globalOptions) error {
	var own *codedError
	if errors.As(err, &own) || m.Next.Seq <= m.From.Seq {
		return err
	}
	code, message := explain(err, o)
	return &codedError{code: code, message: fmt.Sprintf("%s; events up to %s are written, run the same command again to go on", message, before(m.Next)), err: err}
}

// exportAnswer is what recall export prints.
type exportAnswer struct {
	Dir string `json:"dir"`
	export.Manifest
	Seconds float64 `json:"seconds"`
}

func (p *printer) exported(m export.Manifest, f *exportFlags, took time.Duration) error {
	return p.value(exportAnswer{f.dir, m, took.Seconds()}, func() error {
		g := p.grid(column{name: "table"}, column{name: "rows", right: true}, column{name: "files"})
		for _, t := range m.Tables {
			g.row(string(t), uint64(m.Rows[t]), fmt.Sprintf("%s/%s/**/*.%s", f.dir, t, m.Format))
		}
		if err := g.render(p.out); err != nil {
			return err
		}
		if m.Unreadable > 0 {
			p.note("%s of the range could not be read and %s left out; see recall events", plural(m.Unreadable, "event", "events"), map[bool]string{true: "is", false: "are"}[m.Unreadable == 1])
		}
		p.note("%s up to position %s, in %s", plural(m.Events, "event", "events"), before(m.Next), took.Round(time.Millisecond))
		return nil
	})
}
