package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/bench"
)

func newBenchCommand(o *globalOptions) *cobra.Command {
	config := bench.Config{Clock: time.Now, Node: nodeCommand}
	c := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast a ledger is on this machine",
		Long: `Measure how fast a ledger is on this machine: what the log and the store can do
at most, and what the ledger makes of it, in turn and on the same bytes. Each
line says whether the design's budget is kept. The figures are no test: the
command ends with 0 unless it could not measure.

It works in a folder of its own, with some gigabytes where there are many
devices, and removes it at the end. Put it on the disk you want to know about
with --data; a folder in memory makes everything durable look fast.

With --partitions they are measured side by side: each gets a large push of its
own, what is printed is the sum, and the ceiling is as many raw streams or stores.
That is done for ` + strings.Join(bench.NamesOfSeveral(), ", ") + `.

The measurements, for --only: ` + strings.Join(bench.Names(), ", ") + `.`,
		Example: `  recall bench
  recall bench --only packed,fold,recall
  recall bench --partitions 2
  recall bench --devices 5000000 --pushes 200 --data /var/tmp
  recall bench -o json > figures.json`,
		Annotations: map[string]string{annotationFormat: formatMarkdown},
		Args:        arguments(),
		RunE:        func(cmd *cobra.Command, _ []string) error { return o.bench(cmd, config) },
	}
	f := c.Flags()
	f.IntVar(&config.Devices, "devices", 1_000_000, "how many devices there are; the large push goes to all of them")
	f.IntVar(&config.Pushes, "pushes", 200, "how many pushes there are besides, each to a 500th of the devices")
	f.IntVar(&config.Notifications, "notifications", 10_000_000, "how many notifications the node holds that is killed")
	f.IntVar(&config.Rounds, "rounds", 3, "how often ceiling and ledger are measured in turn")
	f.StringSliceVar(&config.Only, "only", nil, "measurements to make, separated by commas (default: all)")
	f.IntVar(&config.Partitions, "partitions", 1, "how many partitions the ledger has, each with its log, committer, fold and store")
	f.StringVar(&config.Dir, "data", "", "folder to work in (default: the system's for temporary files)")
	complete(c, "only", bench.Names()...)
	return c
}

func (o *globalOptions) bench(cmd *cobra.Command, c bench.Config) error {
	if err := c.Validate(); err != nil {
		return usagef("--%w", err)
	}
	p := o.printer(cmd)
	t := o.benchTeller(cmd)
	c.Progress = t.tell
	r, err := bench.Run(cmd.Context(), c)
	t.clear()
	if errors.Is(err, context.Canceled) {
		return err
	}
	if r != nil && len(r.Rows) > 0 {
		if err := p.bench(r); err != nil {
			return err
		}
	}
	if err != nil {
		// In its own words: what a connection of the run met with is not about
		// the ledger that --api names.
		return exitf(exitError, "%s", err.Error())
	}
	return nil
}

// nodeCommand runs this program as a node. What the caller's environment says of
// nodes is about others.
func nodeCommand(ctx context.Context, data, address string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0] // starting it will say what is wrong
	}
	cmd := exec.CommandContext(ctx, self, "serve", "--data", data, "--listen", address)
	cmd.Args[0] = filepath.Base(os.Args[0])
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "RECALL_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// benchTeller tells how far a run is: a line that is redrawn on a terminal, a
// line for each round where progress was asked for.
type benchTeller struct {
	w        io.Writer
	terminal bool
	shown    bool
}

func (o *globalOptions) benchTeller(cmd *cobra.Command) *benchTeller {
	w := cmd.ErrOrStderr()
	return &benchTeller{w: w, terminal: isTerminal(w), shown: o.showProgress(w)}
}

func (t *benchTeller) tell(s bench.Step) {
	if !t.shown {
		return
	}
	line := fmt.Sprintf("%3d%%  %s: ", 100*s.Done/max(s.Total, 1), s.Name)
	if s.Round == 0 {
		line += "preparing"
	} else {
		line += fmt.Sprintf("round %d of %d", s.Round, s.Rounds)
	}
	if t.terminal {
		fmt.Fprint(t.w, "\r\x1b[K"+line)
		return
	}
	fmt.Fprintln(t.w, line)
}

// clear takes the line away.
func (t *benchTeller) clear() {
	if t.shown && t.terminal {
		fmt.Fprint(t.w, "\r\x1b[K")
	}
}

// bench prints a report: the figures, and what they are figures of.
func (p *printer) bench(r *bench.Report) error {
	if p.format == formatMarkdown {
		_, err := io.WriteString(p.out, r.Markdown())
		return err
	}
	return list(p, r, r.Rows, func() error {
		g := p.grid(column{name: "what"}, column{name: "ceiling", right: true}, column{name: "measured", right: true},
			column{name: "ratio", right: true}, column{name: "budget"}, column{name: "verdict"}, column{name: "fsyncs", right: true})
		scaled := false
		for i := range r.Rows {
			w := &r.Rows[i]
			g.row(w.Label(), w.CeilingText(), w.Unit.Text(w.Product.Median), w.RatioText(), w.Budget,
				painted{w.VerdictText(), verdictColor(w.Verdict)}, w.FsyncText())
			scaled = scaled || w.Scaled && w.Verdict != ""
		}
		if err := g.render(p.out); err != nil {
			return err
		}
		return p.benchNotes(r, scaled)
	})
}

func verdictColor(v bench.Verdict) string {
	switch v {
	case bench.Pass:
		return green
	case bench.Short:
		return yellow
	}
	return ""
}

// benchNotes says what the lines are, and where and how they were measured.
func (p *printer) benchNotes(r *bench.Report, scaled bool) error {
	fmt.Fprintln(p.out)
	for i := range r.Rows {
		w := &r.Rows[i]
		text := w.What
		if w.CeilingWhat != "" {
			text += "; ceiling: " + w.CeilingWhat
		}
		if err := p.wrapped(w.Label()+": ", text); err != nil {
			return err
		}
	}
	fmt.Fprintln(p.out)
	notes := []string{
		r.Place() + ".", r.Scale() + ".", "The disk alone: " + r.DiskText() + ".",
		"Medians of the rounds. A ratio is how much of its ceiling the ledger reaches: 1 is as good.",
	}
	if scaled {
		notes = append(notes, "* measured at a smaller scale than the budget is meant for.")
	}
	if r.Disk.InMemory() {
		notes = append(notes, "The folder is in memory, so nothing here was durable: name one on a disk with --data.")
	}
	for _, n := range notes {
		if err := p.wrapped("", n); err != nil {
			return err
		}
	}
	return nil
}
