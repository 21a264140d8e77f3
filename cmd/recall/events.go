package main

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	ranges "github.com/recall-ledger/recall-ledger/ledger/span"
)

// eventsFlags are the flags of recall events.
type eventsFlags struct {
	rangeFlags
	options api.EventsOptions
	format  string
	speed   string
	retries int
}

// The forms in which recall events prints.
const (
	formText   = "text"
	formJSON   = "json"
	formClouds = "cloudevents"
)

func newEventsCommand(o *globalOptions) *cobra.Command {
	var f eventsFlags
	c := &cobra.Command{
		Use:   "events",
		Short: "Read the log: any range of it, with filters, and what comes",
		Long: `Read the events of the app in the order of the log. It only reads: nothing is
sent or recalled by it, at whatever speed. Facts and decisions are told as they
stand there; an event the ledger could not read is told as such.

` + ranges.Help + `

Counts and positions are of the whole log, before filters; --limit counts what
is printed. A reading that loses its connection goes on where it was.

` + severalHelp + `
Partitions are told one after the other; with --follow all at once, as events
come, and with --speed in the order in which they were stored.`,
		Example: `  recall events --since 10m
  recall events --push order-4711 --family click,recall --format json
  recall events --range @2026-11-20T09:41:00Z:@2026-11-20T09:45:00Z --speed original
  recall events --range end --follow --kind click.clicked
  recall events --partition 1 --range -100
  recall events --format cloudevents | jq -c 'select(.type == "push.sent") | .data.devices[]'`,
		Args: arguments(),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		form, speed, err := f.check(o)
		if err != nil {
			return err
		}
		s, err := f.span(cmd, time.Now())
		if err != nil {
			return err
		}
		return o.follow(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			return o.events(ctx, client, p, &f, s, form, speed)
		})(cmd, args)
	}
	f.register(c)
	f.registerPartition(c)
	l := c.Flags()
	registerFilters(c, &f.options)
	l.BoolVarP(&f.options.Follow, "follow", "f", false, "wait for what comes, up to the end of the range if it has one")
	l.IntVar(&f.options.Limit, "limit", 0, "how many events at most (default: all)")
	l.StringVar(&f.format, "format", "", "how to print: text, json or cloudevents, one event per line (default text)")
	l.StringVar(&f.speed, "speed", "max", "how fast: max, original, or a multiple of it such as 10x")
	l.IntVar(&f.retries, "retries", 10, "how often to ask again when the ledger does not answer")
	complete(c, "format", formText, formJSON, formClouds)
	complete(c, "speed", "max", "original", "10x")
	return c
}

// registerFilters makes the flags that select events.
func registerFilters(c *cobra.Command, o *api.EventsOptions) {
	l := c.Flags()
	l.StringSliceVar(&o.Families, "family", nil, "only these families: push, delivery, display, click, recall, command, outcome, key")
	l.StringSliceVar(&o.Kinds, "kind", nil, "only these kinds, such as click.clicked")
	l.StringVar(&o.Push, "push", "", "only events of this push")
	l.StringVar(&o.Channel, "channel", "", "only events that name this channel")
	l.StringVar(&o.Device, "device", "", "only events that name this device")
	var kinds, families []string
	for _, k := range events.Kinds() {
		kinds, families = append(kinds, string(k)), append(families, string(k.Family()))
	}
	complete(c, "kind", kinds...)
	complete(c, "family", families...)
}

// check refuses flags that make no sense. speed is 0 for as fast as it goes.
func (f *eventsFlags) check(o *globalOptions) (form string, speed float64, err error) {
	form = f.format
	switch {
	case form == "" && (o.output == formatJSON || o.output == formatNDJSON):
		form = formJSON
	case form == "":
		form = formText
	case form != formText && form != formJSON && form != formClouds:
		return "", 0, usagef("--format %q is none of text, json, cloudevents", form)
	case o.output != "":
		return "", 0, usagef("--format and --output exclude each other")
	}
	if speed, err = parseSpeed(f.speed); err != nil {
		return "", 0, err
	}
	switch {
	case speed > 0 && f.options.Follow:
		return "", 0, usagef("--speed and --follow exclude each other: what comes is told as it comes")
	case f.options.Limit < 0:
		return "", 0, usagef("--limit is %d; it must not be negative", f.options.Limit)
	case f.retries < 0:
		return "", 0, usagef("--retries is %d; it must not be negative", f.retries)
	}
	return form, speed, nil
}

func parseSpeed(text string) (float64, error) {
	switch text {
	case "max":
		return 0, nil
	case "original":
		return 1, nil
	}
	times, found := strings.CutSuffix(text, "x")
	v, err := strconv.ParseFloat(times, 64)
	if err != nil || !found || !(v >= 0.001 && v <= 1e6) {
		return 0, usagef("--speed %q is none of max, original, or a multiple from 0.001x to 1000000x", text)
	}
	return v, nil
}

func (o *globalOptions) events(ctx context.Context, client *api.Client, p *printer, f *eventsFlags, s ranges.Span, form string, speed float64) error {
	r := &reading{client: client, options: f.options, span: s, partition: f.partition, retries: f.retries, waiting: p.waiting}
	p.format = formatNDJSON
	if form == formText {
		p.format = formatTable
	}
	out := p.stream("%-10s %-24s %-20s %-24s %-10s %s", "POSITION", "STORED", "EVENT", "PUSH", "CHANNEL", "DETAIL")
	live := f.options.Follow || speed > 0
	take := func(e api.LogEntry) error {
		if err := printEntry(out, e, form); err != nil {
			return err
		}
		if live {
			return out.w.Flush()
		}
		return nil
	}
	var err error
	switch {
	case speed > 0:
		err = r.play(ctx, speed, take)
	case f.options.Follow:
		err = r.follow(ctx, take)
	default:
		err = r.each(ctx, take)
	}
	if err == nil {
		err = out.flush()
	}
	if err == nil || quietPipe(err) == nil {
		return nil
	}
	if f := out.w.Flush(); f != nil {
		return quietPipe(f)
	}
	return r.stopped(err, o)
}

// waiting tells why nothing comes.
func (p *printer) waiting(d time.Duration, why error) {
	p.note("%s; asking again in %s", interruption(why), d.Round(time.Millisecond))
}

// interruption says in few words why a reading stands still.
func interruption(err error) string {
	var u *url.Error
	switch {
	case errors.As(err, &u):
		text, _ := lost(u)
		return text
	case errors.Is(err, api.ErrBrokenOff):
		return "the connection broke"
	}
	return err.Error()
}
