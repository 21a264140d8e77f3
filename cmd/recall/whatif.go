package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
	"github.com/recall-ledger/recall-ledger/ledger/whatif"
)

// whatifFlags are the flags of recall whatif.
type whatifFlags struct {
	offlineFlags
	push    string
	at      string
	clear   time.Duration
	limit   int
	retries int
}

func newWhatIfCommand(o *globalOptions) *cobra.Command {
	var f whatifFlags
	c := &cobra.Command{
		Use:   "whatif --push PUSH --recall-at T",
		Short: "What an earlier recall of a push would have saved",
		Long: `Replay one push from the log and tell how many clicks, how many displays and how
much exposure a recall accepted at T would have saved. It only reads. T is a time
(RFC 3339), +5m after the push began, or -10m before its real recall.

` + whatif.Assumptions,
		Example: `  recall whatif --push order-4711 --recall-at -10m
  recall whatif --push order-4711 --recall-at +5m -o json | jq .total.clicks_saved
  recall whatif --push order-4712 --recall-at 2026-11-20T09:41:00Z --clear 30s
  recall whatif --push order-4711 --recall-at +5m --data /backup/recall --app shop`,
		Args: arguments(),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		config, err := f.check(cmd)
		if err != nil {
			return err
		}
		m := o.meter(cmd, "Replaying")
		if f.asked(cmd) {
			return o.offline(cmd, &f.offlineFlags, func(ctx context.Context, logs []events.Log, app string) error {
				config.App = app
				return o.whatIfOffline(ctx, logs, o.printer(cmd), config, m)
			})
		}
		return o.follow(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			return o.whatIf(ctx, client, p, config, f.retries, m)
		})(cmd, args)
	}
	f.register(c)
	l := c.Flags()
	l.StringVar(&f.push, "push", "", "the push (required)")
	l.StringVar(&f.at, "recall-at", "", "when the recall would have been accepted: a time, +5m or -10m (required)")
	l.DurationVar(&f.clear, "clear", 0, "how long a recall takes to clear a device, where no real one tells, such as 30s")
	l.IntVar(&f.limit, "max-notifications", whatif.MaxNotifications, "how many notifications may be held in memory, about 400 bytes each")
	l.IntVar(&f.retries, "retries", 10, "how often to ask again when the ledger does not answer")
	return c
}

func (f *whatifFlags) check(cmd *cobra.Command) (whatif.Config, error) {
	c := whatif.Config{Push: f.push, Clear: f.clear, MaxNotifications: f.limit}
	switch {
	case f.push == "":
		return c, usagef("name the push with --push")
	case f.at == "":
		return c, usagef("say with --recall-at when the recall would have been: a time, +5m after the push began, or -10m before its real recall")
	case cmd.Flags().Changed("clear") && f.clear <= 0:
		return c, usagef("--clear is %s; it must be longer than nothing", f.clear)
	case f.retries < 0:
		return c, usagef("--retries is %d; it must not be negative", f.retries)
	case f.limit < 1:
		return c, usagef("--max-notifications is %d; it must be 1 or more", f.limit)
	}
	var err error
	if c.At, err = whatif.ParseMoment(f.at); err != nil {
		return c, usagef("--recall-at %w", err)
	}
	return c, nil
}

// whatIf asks a running ledger.
func (o *globalOptions) whatIf(ctx context.Context, client *api.Client, p *printer, c whatif.Config, retries int, m *meter) error {
	// Who is unknown is said at once, in the ledger's words, which also know the app.
	push, err := client.Push(ctx, c.Push, api.ReadOptions{})
	if err != nil {
		return err
	}
	c.App = push.App
	replay, err := whatif.New(c)
	if err != nil {
		return whatIfProblem(err, c)
	}
	r := &reading{client: client, retries: retries, waiting: m.waiting, options: api.EventsOptions{Push: c.Push}}
	err = r.feed(ctx, m, replay.Take)
	m.end(err)
	if err != nil {
		return whatIfProblem(err, c)
	}
	return p.whatIf(replay, c)
}

// whatIfOffline reads the logs of a stopped node.
func (o *globalOptions) whatIfOffline(ctx context.Context, logs []events.Log, p *printer, c whatif.Config, m *meter) error {
	replay, err := whatif.New(c)
	if err == nil {
		err = replay.Read(ctx, logs, m.at)
		m.end(err)
	}
	if err != nil {
		return whatIfProblem(err, c)
	}
	return p.whatIf(replay, c)
}

// whatIfProblem says what to do about what people run into.
func whatIfProblem(err error, c whatif.Config) error {
	var early *whatif.TooEarlyError
	var never *whatif.NoRecallError
	var limit *whatif.LimitError
	var field *events.FieldError
	switch {
	case errors.Is(err, whatif.ErrUnknownPush):
		return unknownPush(c.Push, c.App)
	case errors.As(err, &early):
		return usagef("--recall-at %s: %w", c.At, err)
	case errors.As(err, &never) && never.Moment != "":
		return exitf(exitPrecondition, "%w; give a time or +DURATION after its start with --recall-at, and --clear", err)
	case errors.As(err, &never):
		return exitf(exitPrecondition, "%w; say so with --clear, such as --clear 30s", err)
	case errors.As(err, &limit):
		return exitf(exitPrecondition, "%w; raise --max-notifications", err)
	case errors.As(err, &field):
		return usagef("--%w", err)
	}
	return err
}

func (p *printer) whatIf(replay *whatif.Replay, c whatif.Config) error {
	r, err := replay.Report()
	if err != nil {
		return whatIfProblem(err, c)
	}
	return p.value(r, func() error { return p.whatIfTable(r) })
}

func (p *printer) whatIfTable(r *whatif.Report) error {
	recalled, supposed := "never", instant(r.RecallAt)
	if r.Real != nil {
		recalled = instant(r.Real.At) + ", " + r.Real.Action + " " + r.Real.Recall
		if d := r.Real.At.Sub(r.RecallAt); d > 0 {
			supposed += ", " + took(d) + " earlier"
		}
	}
	if err := p.facts(fact{"push", r.Push}, fact{"began", instant(r.Start)}, fact{"recalled", recalled},
		fact{"what if", supposed}, fact{"known to", instant(r.AsOf)}); err != nil {
		return err
	}
	if err := p.say(""); err != nil {
		return err
	}
	g := p.grid(column{name: "channel"}, column{name: "method"}, column{name: "devices", right: true}, column{name: "clears in", right: true},
		column{name: "clicks saved", right: true}, column{name: "displays saved", right: true}, column{name: "exposure saved", right: true})
	cells := func(name, method, clear string, f whatif.Figures) []any {
		displays, exposure := "-", "-" // nobody reported any
		if f.Displays > 0 {
			displays, exposure = saved(number(f.DisplaysSaved), number(f.Displays)), saved(exposed(f.ExposureSaved), exposed(f.Exposure))
		}
		return []any{name, method, f.Notifications, clear, saved(number(f.ClicksSaved), number(f.Clicks)), displays, exposure}
	}
	for i := range r.Channels {
		c := &r.Channels[i]
		g.row(cells(c.Channel, way(c), clearsIn(c), c.Figures)...)
	}
	if len(r.Channels) > 1 {
		g.total(cells("all", "", "", r.Total)...)
	}
	if err := g.render(p.out); err != nil {
		return err
	}
	p.whatIfNotes(r)
	return nil
}

func saved(n, of string) string { return n + " of " + of }

// way is the method in a word; a notification beside the old one takes nothing away.
func way(c *whatif.Channel) string {
	if c.Forced {
		return "beside"
	}
	return string(c.Method)
}

func clearsIn(c *whatif.Channel) string {
	if c.ClearFrom == whatif.Unknown || c.Forced || c.Method == channels.None {
		return "-"
	}
	return took(c.Clear)
}

// exposed writes device time; what is over years is told in days.
func exposed(e whatif.Exposure) string {
	const day = 24 * time.Hour
	if days := int64(e) / day.Milliseconds(); days >= 1000 {
		return number(days) + "d"
	}
	return span(time.Duration(e) * time.Millisecond)
}

// whatIfNotes says what the figures leave out.
func (p *printer) whatIfNotes(r *whatif.Report) {
	if r.NotEarlier {
		p.note("Nothing is saved: %s is not before the real recall, at %s.", instant(r.RecallAt), instant(r.Real.At))
	} else if r.Real == nil && r.RecallAt.After(r.AsOf) {
		p.note("Nothing is saved: %s is after the newest event of the push, at %s.", instant(r.RecallAt), instant(r.AsOf))
	}
	var unknown, silent []string
	for i := range r.Channels {
		c := &r.Channels[i]
		if c.ClearFrom == whatif.Unknown && way(c) != string(channels.None) && !c.Forced {
			unknown = append(unknown, c.Channel)
		}
		if c.Silent > 0 {
			silent = append(silent, number(c.Silent)+" on "+c.Channel)
		}
	}
	if len(unknown) > 0 && !r.NotEarlier {
		p.note("The real recall cleared nobody on %s, so nothing is counted as saved there; --clear says how long it would have taken.", strings.Join(unknown, ", "))
	}
	if len(silent) > 0 {
		p.note("No display was reported by %s; their exposure is not counted.", strings.Join(silent, ", "))
	}
	if n := r.Total.OnScreen; n > 0 {
		p.note("%s it as far as is known; their exposure counts up to %s.", plural(n, "device still shows", "devices still show"), instant(r.AsOf))
	}
}

// offlineFlags let an analyst's command read the log of a stopped node, or of a
// cluster, instead of asking a running node.
type offlineFlags struct{ config string }

func (f *offlineFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.config, "config", "", "read the log of the node with this configuration file, stopped or beside a cluster, instead of asking a running one")
	c.Flags().String("data", node.Default().Data, "read the log of the stopped node in this folder, instead of asking a running one")
	// A default would look as if it were read unasked.
	c.Flags().Lookup("data").DefValue = ""
}

// asked reports whether a flag, and not the environment alone, names the data.
func (f *offlineFlags) asked(cmd *cobra.Command) bool {
	return cmd.Flags().Changed("data") || cmd.Flags().Changed("config")
}

// offlineApp is the app of a node without credentials when nobody names one, as
// its API has it.
const offlineApp = "default"

// offline opens the logs for reading without a node.
func (o *globalOptions) offline(cmd *cobra.Command, f *offlineFlags, do func(ctx context.Context, logs []events.Log, app string) error) (err error) {
	config, err := loadConfig(f.config, os.Environ(), cmd.Flags())
	if err != nil {
		return configProblem(err)
	}
	if cmd.Flags().Changed("data") {
		// The folder was asked for, whatever cluster the environment or the file names.
		config.node.NATS.URL, config.node.NATS.Context = "", ""
	}
	ctx, cancel := o.bounded(cmd)
	defer cancel()
	s, err := openStore(config, cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	logs, err := s.logs(ctx, config)
	if err != nil {
		return o.storeProblem(err)
	}
	return do(ctx, logs, cmp.Or(o.app, offlineApp))
}

// count tells how many of a known number of events are read.
func (m *meter) count(done, total uint64) {
	if done == 1 {
		m.span(1, total)
	}
	m.at(done)
}

// feed hands every event of a reading over, and tells how far it is.
func (r *reading) feed(ctx context.Context, m *meter, take func(p events.Position, stored time.Time, e *events.Event) error) error {
	var decoder events.Decoder
	r.begun = func(first, last events.Position) { m.span(uint64(first.Seq), uint64(last.Seq)) }
	return r.each(ctx, func(e api.LogEntry) error {
		m.at(uint64(e.Position.Seq))
		if e.Event == nil {
			return nil
		}
		v, err := decoder.Decode(e.Event)
		if err != nil {
			return fmt.Errorf("position %s: %w", e.Position, err)
		}
		return take(e.Position, e.Stored, v)
	})
}
