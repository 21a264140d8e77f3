package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
	"github.com/recall-ledger/recall-ledger/projections"
)

func newProjectionCommand(o *globalOptions) *cobra.Command {
	return group(&cobra.Command{
		Use:   "projection",
		Short: "Look at the projections and build them anew from the log",
		Long: `A projection is what is known, computed from the log. It can be computed anew at
any time: a new generation is built beside the live one, both are compared byte for
byte, and the new one takes over at once. The old one is kept on disk until it is
dropped. The commands speak to a running node (a key with role admin), or with --data
read the folder of one that is stopped.`,
		Example: "  recall projection rebuild\n  recall projection list\n  recall projection drop-old\n  recall projection rebuild --data /var/lib/recall",
	}, newProjectionRebuildCommand(o), newProjectionListCommand(o), newProjectionDropCommand(o))
}

// projectionFlags say which projections are meant, and where.
type projectionFlags struct {
	config, data string
	partition    int
	force        bool
}

func (f *projectionFlags) register(c *cobra.Command) {
	l := c.Flags()
	l.StringVar(&f.data, "data", "", "data folder of a node that is stopped; without it a running node is asked")
	l.StringVar(&f.config, "config", "", "configuration file of that node, YAML (RECALL_CONFIG)")
	l.IntVar(&f.partition, "partition", -1, "the one partition that is meant; -1 is all")
}

// choose returns the partitions that are meant of those that are there.
func (f *projectionFlags) choose(there []int) ([]int, error) {
	if f.partition < 0 {
		return there, nil
	}
	if !slices.Contains(there, f.partition) {
		return nil, usagef("--partition is %d; this node has the projections of %s", f.partition, strings.Trim(fmt.Sprint(there), "[]"))
	}
	return []int{f.partition}, nil
}

// running returns the partitions that are meant of a running node.
func (f *projectionFlags) running(ctx context.Context, client *api.Client) ([]int, error) {
	all, err := client.Projections(ctx)
	if err != nil {
		return nil, err
	}
	var there []int
	for _, g := range all {
		there = append(there, g.Partition)
	}
	return f.choose(there)
}

// folders returns the partitions that are meant of a node that is stopped. What
// has no folder is folded by the node itself.
func (f *projectionFlags) folders(data *node.Offline) ([]int, error) {
	var there []int
	for n := range data.Logs() {
		_, err := os.Stat(data.Projection(n))
		if err == nil {
			there = append(there, n)
		} else if !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
	}
	return f.choose(there)
}

// stopped opens the data of a node that is stopped.
func (f *projectionFlags) stopped(ctx context.Context, cmd *cobra.Command) (*node.Offline, error) {
	config, err := nodeConfig(cmd, f.config)
	if err != nil {
		return nil, err
	}
	config.node.Data = f.data
	// What the parts say while they start and stop is of no use to who rebuilds.
	config.node.Logger = slog.New(slog.DiscardHandler)
	data, err := node.OpenOffline(ctx, config.node)
	if err != nil {
		return nil, offlineProblem(err)
	}
	return data, nil
}

// rebuilt is the result of one partition.
type rebuilt struct {
	Partition int `json:"partition"`
	*projections.Rebuilt
	Seconds float64 `json:"seconds"`
	// FactsPerSecond counts notification facts, over the whole rebuild.
	FactsPerSecond float64 `json:"facts_per_second"`
}

func newRebuilt(partition int, r *projections.Rebuilt, seconds float64) rebuilt {
	return rebuilt{partition, r, seconds, float64(r.Facts) / max(seconds, 1e-3)}
}

// rebuiltList is what recall projection rebuild prints.
type rebuiltList struct {
	Projections []rebuilt `json:"projections"`
}

func newProjectionRebuildCommand(o *globalOptions) *cobra.Command {
	var f projectionFlags
	c := &cobra.Command{
		Use:   "rebuild",
		Short: "Build a projection anew beside the live one, compare and swap them",
		Long: `Fold the log from its first event into a new generation beside the live one, one
partition after the other, compare the digests of both and put the new one in the
place of the live one. A running node goes on answering; it takes as much memory and
disk again meanwhile. Interrupted, the command ends and the node goes on building.

If the digests differ, that is damage, a bug, or a changed setting of how long pushes
are kept: both generations are kept, nothing is swapped and the exit code is 1. With
--force the new one is taken all the same; lists that clients read page by page may
then skip or repeat entries. A log that no longer begins at its first event gives
another projection, so it needs --force too. A live one that cannot be read is
replaced.`,
		Example: "  recall projection rebuild\n  recall projection rebuild --data /var/lib/recall --partition 0\n  recall projection rebuild -o json | jq .projections[].facts_per_second",
		Args:    arguments(),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		bar := o.rebuildBar(cmd)
		if f.data == "" {
			return o.follow(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
				return f.rebuildRunning(ctx, client, p, bar)
			})(cmd, args)
		}
		return f.rebuildStopped(cmd.Context(), cmd, o.printer(cmd), bar)
	}
	f.register(c)
	c.Flags().BoolVar(&f.force, "force", false, "take the new generation even if it differs or the log has aged")
	return c
}

// rebuildPoll is how often a running node is asked how far it is.
const rebuildPoll = 200 * time.Millisecond

func (f *projectionFlags) rebuildRunning(ctx context.Context, client *api.Client, p *printer, bar *rebuildBar) error {
	meant, err := f.running(ctx, client)
	if err != nil {
		return err
	}
	var list []rebuilt
	for _, n := range meant {
		if _, err := client.RebuildProjection(ctx, n, f.force); err != nil {
			return errors.Join(err, p.rebuilt(list))
		}
		s, err := followRebuild(ctx, client, n, bar)
		bar.end(err)
		if err != nil {
			return errors.Join(err, p.rebuilt(list))
		}
		list = append(list, newRebuilt(n, s.Result, s.Seconds))
	}
	return errors.Join(p.rebuilt(list), different(list))
}

// followRebuild returns once a rebuild has ended.
func followRebuild(ctx context.Context, client *api.Client, partition int, bar *rebuildBar) (*api.RebuildStatus, error) {
	t := time.NewTicker(rebuildPoll)
	defer t.Stop()
	for {
		all, err := client.Projections(ctx)
		if err != nil {
			return nil, err
		}
		for _, g := range all {
			switch s := g.Rebuild; {
			case g.Partition != partition:
			case s == nil:
				return nil, exitf(exitError, "partition %d: the node was started anew, and the rebuild is gone", partition)
			case s.Failed != "":
				return nil, exitf(exitError, "partition %d: %s", partition, s.Failed)
			case !s.Running && s.Result != nil:
				return s, nil
			default:
				bar.at(partition, s.Progress, time.Duration(s.Seconds*float64(time.Second)))
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-t.C:
		}
	}
}

func (f *projectionFlags) rebuildStopped(ctx context.Context, cmd *cobra.Command, p *printer, bar *rebuildBar) (err error) {
	data, err := f.stopped(ctx, cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	meant, err := f.folders(data)
	if err != nil {
		return err
	}
	var list []rebuilt
	for _, n := range meant {
		begun := time.Now()
		r, err := data.Rebuild(ctx, n, projections.RebuildOptions{Force: f.force, Progress: func(g projections.RebuildProgress) {
			bar.at(n, g, time.Since(begun))
		}})
		bar.end(err)
		switch {
		case errors.Is(err, projections.ErrAged), errors.Is(err, projections.ErrKept):
			err = exitf(exitPrecondition, "partition %d: %w", n, err)
		case err != nil:
			err = fmt.Errorf("partition %d: %w", n, err)
		}
		if err != nil {
			return errors.Join(err, p.rebuilt(list))
		}
		list = append(list, newRebuilt(n, r, time.Since(begun).Seconds()))
	}
	return errors.Join(p.rebuilt(list), different(list))
}

// different is the error of new generations that were not taken.
func different(list []rebuilt) error {
	for _, r := range list {
		if !r.Swapped {
			return exitf(exitError, "partition %d: the projection folded anew differs from the live one, which stays: this is damage, a bug, or another setting of how long pushes are kept; --force takes the new one", r.Partition)
		}
	}
	return nil
}

// rebuilt prints what came of rebuilds.
func (p *printer) rebuilt(list []rebuilt) error {
	if len(list) == 0 {
		return nil
	}
	return p.value(rebuiltList{list}, func() error {
		for _, r := range list {
			done := "is live, generation " + number(r.Previous) + " is kept"
			if !r.Swapped {
				done = "DIFFERS and is kept, generation " + number(r.Previous) + " stays live"
			}
			if err := p.say("partition %d: generation %s %s", r.Partition, number(r.Generation), done); err != nil {
				return err
			}
			if err := p.say("  %s up to %s in %s, %s facts per second; %s, before %s", plural(r.Events, "event", "events"), r.Applied,
				time.Duration(r.Seconds*float64(time.Second)).Round(time.Millisecond), number(int64(r.FactsPerSecond)), size(r.Bytes), size(r.PreviousBytes)); err != nil {
				return err
			}
			if c := r.Comparison; c != nil {
				same := "the same"
				if !c.Same {
					same = "NOT the same"
				}
				if err := errors.Join(p.say("  at %s %s:", c.Applied, same), p.say("  live  %s", c.Live), p.say("  fresh %s", c.Fresh)); err != nil {
					return err
				}
			} else if err := p.say("  the live one could not be read: %s", r.Unreadable); err != nil {
				return err
			}
		}
		return nil
	})
}

func newProjectionListCommand(o *globalOptions) *cobra.Command {
	var f projectionFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the generations of the projections with their sizes and positions",
		Example: "  recall projection list\n  recall projection list --data /var/lib/recall -o json",
		Args:    arguments(),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		show := func(p *printer, all []api.ProjectionGenerations) error {
			return list(p, api.ProjectionList{Projections: all}, all, func() error { return p.generations(all) })
		}
		if f.data == "" {
			return o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
				all, err := client.Projections(ctx)
				if err != nil {
					return err
				}
				meant, err := f.running(ctx, client)
				if err != nil {
					return err
				}
				return show(p, slices.DeleteFunc(all, func(g api.ProjectionGenerations) bool { return !slices.Contains(meant, g.Partition) }))
			})(cmd, args)
		}
		return f.whileStopped(cmd, func(data *node.Offline, meant []int) error {
			var all []api.ProjectionGenerations
			for _, n := range meant {
				g, _, err := data.Generations(cmd.Context(), n, false)
				if err != nil {
					return err
				}
				all = append(all, api.ProjectionGenerations{Partition: n, Generations: g})
			}
			return show(o.printer(cmd), all)
		})
	}
	f.register(c)
	return c
}

// whileStopped calls do with the data of a node that is stopped.
func (f *projectionFlags) whileStopped(cmd *cobra.Command, do func(data *node.Offline, meant []int) error) (err error) {
	data, err := f.stopped(cmd.Context(), cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, data.Close()) }()
	meant, err := f.folders(data)
	if err != nil {
		return err
	}
	return do(data, meant)
}

func (p *printer) generations(all []api.ProjectionGenerations) error {
	g := p.grid(column{name: "partition", right: true}, column{name: "generation", right: true}, column{name: "state"},
		column{name: "applied"}, column{name: "size", right: true}, column{name: "digest"})
	for _, a := range all {
		for _, n := range a.Generations {
			digest := "-"
			if len(n.Digest) > 12 {
				digest = n.Digest[:12]
			}
			g.row(a.Partition, n.Generation, n.State, n.Applied.String(), size(n.Bytes), digest)
		}
	}
	return g.render(p.out)
}

// droppedOld is what recall projection drop-old prints: the partitions of which a
// generation was deleted.
type droppedOld struct {
	Dropped []int `json:"dropped"`
}

func newProjectionDropCommand(o *globalOptions) *cobra.Command {
	var f projectionFlags
	c := &cobra.Command{
		Use:     "drop-old",
		Short:   "Delete the generations that rebuilds left beside the live ones",
		Example: "  recall projection drop-old\n  recall projection drop-old --partition 0 --data /var/lib/recall",
		Args:    arguments(),
	}
	// drop deletes those of the partitions that are meant.
	drop := func(p *printer, meant []int, one func(n int) (bool, error)) error {
		a := droppedOld{Dropped: []int{}}
		for _, n := range meant {
			dropped, err := one(n)
			if err != nil {
				return err
			}
			if dropped {
				a.Dropped = append(a.Dropped, n)
			}
		}
		return p.value(a, func() error {
			if len(a.Dropped) == 0 {
				return p.say("no old generation is kept")
			}
			return p.say("dropped the old generation of partition %s", strings.Trim(fmt.Sprint(a.Dropped), "[]"))
		})
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if f.data == "" {
			return o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
				meant, err := f.running(ctx, client)
				if err != nil {
					return err
				}
				return drop(p, meant, func(n int) (bool, error) { return client.DropOldProjection(ctx, n) })
			})(cmd, args)
		}
		return f.whileStopped(cmd, func(data *node.Offline, meant []int) error {
			return drop(o.printer(cmd), meant, func(n int) (bool, error) {
				_, dropped, err := data.Generations(cmd.Context(), n, true)
				return dropped, err
			})
		})
	}
	f.register(c)
	return c
}

// rebuildBar tells on standard error how far rebuilds are: a bar with rate and ETA
// on a terminal, lines elsewhere.
type rebuildBar struct {
	p           *printer
	draw, lines bool
	next        time.Time
	bar         progress.Writer
	track       *progress.Tracker
	ended       chan struct{}
}

func (o *globalOptions) rebuildBar(cmd *cobra.Command) *rebuildBar {
	errs := cmd.ErrOrStderr()
	b := &rebuildBar{p: o.printer(cmd), next: time.Now().Add(progressLinesEvery)}
	if b.draw = isTerminal(errs) && o.showProgress(errs); !b.draw {
		b.lines = o.progress || !o.noProgress && !o.quiet
	}
	return b
}

// at tells how far the rebuild of a partition is, after some time.
func (b *rebuildBar) at(partition int, g projections.RebuildProgress, took time.Duration) {
	name := fmt.Sprintf("Partition %d, %s", partition, g.Phase)
	switch {
	case b.draw:
		b.open(name)
		b.track.UpdateMessage(name)
		b.track.UpdateTotal(int64(g.Total))
		// The bar ends by itself at its total, which end decides.
		b.track.SetValue(min(int64(g.Events), max(int64(g.Total)-1, 0)))
	case b.lines && !time.Now().Before(b.next):
		b.next = time.Now().Add(progressLinesEvery)
		fmt.Fprintln(b.p.errs, clean(rebuildLine(name, g, took)))
	}
}

// rebuildLine is one line about a rebuild.
func rebuildLine(name string, g projections.RebuildProgress, took time.Duration) string {
	line := fmt.Sprintf("%s: %s of %s events", name, number(g.Events), number(g.Total))
	if g.Events == 0 || g.Total == 0 || took <= 0 {
		return line
	}
	left := time.Duration(float64(took) * float64(g.Total-min(g.Events, g.Total)) / float64(g.Events))
	return line + fmt.Sprintf(" (%s), %s facts per second, %s left", percent(100*float64(g.Events)/float64(g.Total)),
		number(int64(float64(g.Facts)/took.Seconds())), span(left.Round(time.Second)))
}

func (b *rebuildBar) open(name string) {
	if b.bar != nil {
		return
	}
	b.bar, b.ended = progress.NewWriter(), make(chan struct{})
	b.bar.SetOutputWriter(b.p.errs)
	b.bar.SetAutoStop(true)
	b.bar.SetTrackerLength(30)
	b.bar.SetUpdateFrequency(100 * time.Millisecond)
	v := &b.bar.Style().Visibility
	v.TrackerOverall, v.ETA, v.Speed = false, true, true
	b.bar.Style().Options.PercentFormat = "%4.0f%%"
	b.track = &progress.Tracker{Message: name, Units: progress.UnitsDefault}
	b.bar.AppendTracker(b.track)
	go func() {
		defer close(b.ended)
		b.bar.Render()
	}()
}

// end stops the bar of a partition and waits until it is drawn.
func (b *rebuildBar) end(err error) {
	if b.bar == nil {
		return
	}
	if err != nil {
		b.track.MarkAsErrored()
	} else {
		b.track.MarkAsDone()
	}
	<-b.ended
	b.bar = nil
}
