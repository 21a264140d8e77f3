package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
	"github.com/recall-ledger/recall-ledger/ledger/statistics"
)

// statsFlags are the flags of recall stats.
type statsFlags struct {
	rangeFlags
	offlineFlags
	push, recall string
	svg          string
	limit        int
	retries      int
}

func newStatsCommand(o *globalOptions) *cobra.Command {
	var f statsFlags
	c := &cobra.Command{
		Use:   "stats",
		Short: "How fast and how far recalls reached, exactly",
		Long: `Tell how recalls went on each channel, from the log itself: the time from the
acceptance of the recall until the vendor took the command (accepted) and until
the device said that it is done (confirmed), by exact percentiles of all times,
late arrivals included; who clicked after the recall was accepted; and who cannot
be reached. It only reads.

    holders      notifications that were commanded, planned and late
    cleared      answered for by the vendor or the device; of the holders without
                 those who had clicked or cleared it before the call (skipped)
    clicks after clicked after the recall was accepted, and before an abort
    unreachable  the channel offers no way back

--svg draws the share cleared over time for each channel, over all recalls told.
-o csv has a line for each recall and channel, and no total.

` + ranges.Help + `

A recall counts when its acceptance stands in the range; what came of it, and
clicks, count as far as the range goes.`,
		Example: `  recall stats
  recall stats --push order-4711 --svg cleared.svg
  recall stats --since 24h -o csv > recalls.csv
  recall stats --recall ID -o json | jq '.total.confirmed'
  recall stats --data /backup/recall --app shop`,
		Annotations: map[string]string{annotationFormat: formatCSV},
		Args:        arguments(),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := f.check(cmd)
		if err != nil {
			return err
		}
		m := o.meter(cmd, "Reading")
		config := statistics.Config{App: o.app, Push: f.push, Recall: f.recall, MaxNotifications: f.limit}
		if f.asked(cmd) {
			return o.offline(cmd, &f.offlineFlags, func(ctx context.Context, logs []events.Log, app string) error {
				config.App = app
				return o.statsOffline(ctx, logs, o.printer(cmd), &f, s, config, m)
			})
		}
		return o.follow(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			return o.stats(ctx, client, p, &f, s, config, m)
		})(cmd, args)
	}
	f.rangeFlags.register(c)
	f.offlineFlags.register(c)
	l := c.Flags()
	l.StringVar(&f.push, "push", "", "only recalls of this push")
	l.StringVar(&f.recall, "recall", "", "only this recall")
	l.StringVar(&f.svg, "svg", "", "file to draw the share cleared over time to")
	l.IntVar(&f.limit, "max-notifications", statistics.MaxNotifications, "how many notifications may be held in memory, about 200 bytes each")
	l.IntVar(&f.retries, "retries", 10, "how often to ask again when the ledger does not answer")
	return c
}

func (f *statsFlags) check(cmd *cobra.Command) (ranges.Span, error) {
	switch {
	case f.push != "" && f.recall != "":
		return ranges.Span{}, usagef("--push and --recall exclude each other: a recall is of one push")
	case f.retries < 0:
		return ranges.Span{}, usagef("--retries is %d; it must not be negative", f.retries)
	case f.limit < 1:
		return ranges.Span{}, usagef("--max-notifications is %d; it must be 1 or more", f.limit)
	}
	for _, name := range []string{"push", "recall", "svg"} {
		if l := cmd.Flags().Lookup(name); l.Changed && l.Value.String() == "" {
			return ranges.Span{}, usagef("--%s is empty; give it a value or leave it out", name)
		}
	}
	if f.svg != "" {
		if info, err := os.Stat(filepath.Dir(f.svg)); err != nil || !info.IsDir() {
			return ranges.Span{}, usagef("--svg: there is no folder %s", filepath.Dir(f.svg))
		}
	}
	return f.span(cmd, time.Now())
}

// stats asks a running ledger.
func (o *globalOptions) stats(ctx context.Context, client *api.Client, p *printer, f *statsFlags, s ranges.Span, c statistics.Config, m *meter) error {
	push := f.push
	// Who is unknown is said at once, in the ledger's words.
	if f.recall != "" {
		r, err := client.GetRecall(ctx, f.recall)
		if err != nil {
			return err
		}
		push = r.Push
	} else if push != "" {
		if _, err := client.Push(ctx, push, api.ReadOptions{}); err != nil {
			return err
		}
	}
	r := &reading{client: client, span: s, retries: f.retries, waiting: m.waiting, options: api.EventsOptions{Push: push, Kinds: statsKinds()}}
	var fold *statistics.Fold
	err := r.feed(ctx, m, func(_ events.Position, stored time.Time, e *events.Event) error {
		if fold == nil {
			c.App = e.App // the credential's
			fold = statistics.New(c)
		}
		return fold.Take(stored, e)
	})
	m.end(err)
	if err != nil {
		return statsProblem(err)
	}
	if fold == nil {
		fold = statistics.New(c)
	}
	return p.stats(fold.Report(), f)
}

// statsKinds are the events that statistics are made of.
func statsKinds() []string {
	list := []string{string(events.ClickClicked)}
	for _, k := range events.Kinds() {
		switch k.Family() {
		case events.FamilyRecall, events.FamilyCommand, events.FamilyOutcome:
			list = append(list, string(k))
		}
	}
	return list
}

// statsOffline reads the logs of a stopped node.
func (o *globalOptions) statsOffline(ctx context.Context, logs []events.Log, p *printer, f *statsFlags, s ranges.Span, c statistics.Config, m *meter) error {
	fold := statistics.New(c)
	err := fold.Read(ctx, logs, s, m.count)
	m.end(err)
	if err != nil {
		return statsProblem(err)
	}
	r := fold.Report()
	// A range may well hold nothing of what is there.
	if whole := s == (ranges.Span{}); whole {
		switch {
		case f.push != "" && !fold.Known():
			return unknownPush(f.push, c.App)
		case f.recall != "" && len(r.Recalls) == 0:
			return exitf(exitNotFound, "no recall %q is known to app %s; name another with --app", f.recall, c.App)
		}
	}
	return p.stats(r, f)
}

// unknownPush says it as the ledger does.
func unknownPush(push, app string) error {
	return exitf(exitNotFound, "no push %q is known to app %s; name another with --app [%s]", push, app, ledger.UnknownPush)
}

func statsProblem(err error) error {
	var limit *statistics.LimitError
	var field *events.FieldError
	switch {
	case errors.As(err, &limit):
		return exitf(exitPrecondition, "%w; take a shorter --range, one --push, or raise --max-notifications", err)
	case errors.As(err, &field):
		return usagef("--%w", err)
	}
	return err
}

// stats prints a report and draws it.
func (p *printer) stats(r *statistics.Report, f *statsFlags) error {
	if f.svg != "" {
		if err := writeSVG(f.svg, r); err != nil {
			return fmt.Errorf("write %s: %w", f.svg, err)
		}
	}
	if p.format == formatCSV {
		return quietPipe(r.CSV(p.out))
	}
	if err := list(p, r, r.Recalls, func() error { return p.statsTable(r) }); err != nil {
		return err
	}
	running := 0
	for _, v := range r.Recalls {
		if v.State == ledger.Running {
			running++
		}
	}
	if running > 0 && p.format != formatJSON && p.format != formatNDJSON {
		p.note("%s; late arrivals are still taken back.", plural(running, "recall runs on", "recalls run on"))
	}
	return nil
}

// writeSVG replaces a drawing; a crash leaves the one before.
func writeSVG(path string, r *statistics.Report) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if err = errors.Join(r.SVG(file), file.Close()); err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return os.Rename(file.Name(), path)
}

// statsTable has a line for each recall and channel. A single recall stands
// above its table; columns that say nothing are left out.
func (p *printer) statsTable(r *statistics.Report) error {
	if len(r.Recalls) == 0 {
		p.note("There are no recalls.")
		return nil
	}
	many := len(r.Recalls) > 1
	columns := []column{}
	if many {
		columns = append(columns, column{name: "recall"}, column{name: "push"})
	} else if err := p.statsHead(&r.Recalls[0]); err != nil {
		return err
	}
	columns = append(columns, column{name: "channel"}, column{name: "holders", right: true}, column{name: "cleared", right: true})
	accepted, confirmed := r.Total.Accepted.Count > 0, r.Total.Confirmed.Count > 0
	for _, c := range []struct {
		name string
		any  bool
	}{{"accepted", accepted}, {"confirmed", confirmed}} {
		if c.any {
			columns = append(columns, column{name: c.name + " t50", right: true}, column{name: "t95", right: true}, column{name: "t99", right: true})
		}
	}
	columns = append(columns, column{name: "clicks after", right: true}, column{name: "unreachable", right: true})
	g := p.grid(columns...)
	cells := func(channel string, f statistics.Figures, head ...any) []any {
		row := append(head, channel, f.Holders, percent(100*f.ClearedShare))
		if accepted {
			row = append(row, percentiles(f.Accepted)...)
		}
		if confirmed {
			row = append(row, percentiles(f.Confirmed)...)
		}
		return append(row, sharePart(f.ClicksAfter, f.ClicksAfterShare), sharePart(f.Unreachable, f.UnreachableShare))
	}
	lines := 0
	for i := range r.Recalls {
		v := &r.Recalls[i]
		var head []any
		if many {
			head = []any{v.Recall, v.Push}
		}
		for _, c := range v.Channels {
			lines++
			g.row(cells(c.Channel, c.Figures, head...)...)
		}
		if len(v.Channels) == 0 {
			lines++
			g.row(cells("-", v.Total, head...)...)
		}
	}
	if lines > 1 {
		var head []any
		name := "all"
		if many {
			head, name = []any{"all", ""}, ""
		}
		g.total(cells(name, r.Total, head...)...)
	}
	return g.render(p.out)
}

func (p *printer) statsHead(v *statistics.Recall) error {
	state := string(v.State)
	if !v.ClosedAt.IsZero() {
		state += " at " + instant(v.ClosedAt)
	}
	scope := ""
	switch s := v.Scope; {
	case s.User != "":
		scope = "the devices of user " + s.User
	case s.Device != "":
		scope = words("device "+s.Device, s.Channel)
	}
	if err := p.facts(fact{"recall", v.Recall}, fact{"push", v.Push}, fact{"action", v.Action}, fact{"scope", scope},
		fact{"accepted", instant(v.At)}, fact{"state", state}); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.out)
	return err
}

func percentiles(t statistics.Times) []any {
	if t.Count == 0 {
		return []any{"-", "-", "-"}
	}
	return []any{took(t.T50), took(t.T95), took(t.T99)}
}

// took writes a measured time in three digits or so.
func took(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return span(d)
}

// sharePart writes a count with its share, which is never rounded down to nothing.
func sharePart(n int, share float64) string {
	switch {
	case n == 0:
		return "0"
	case share < 0.001:
		return number(n) + " (<0.1%)"
	}
	return number(n) + " (" + percent(100*share) + ")"
}
