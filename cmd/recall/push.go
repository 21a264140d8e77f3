package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

func newPushCommand(o *globalOptions) *cobra.Command {
	return group(&cobra.Command{
		Use:   "push",
		Short: "List pushes, or look at one",
		Long: `A push is one send known by one id, to one device or to millions. It is known
to the ledger once any event of it was published.`,
		Example: "  recall push list\n  recall push get order-4711",
	}, newPushListCommand(o), newPushGetCommand(o))
}

func newPushListCommand(o *globalOptions) *cobra.Command {
	var page pageFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List pushes, newest first",
		Long:    "List pushes, newest first, with how many notifications each has and how many\ndevices still hold it unclicked.",
		Example: "  recall push list\n  recall push list --limit 500 -o ndjson | jq -r .push",
		Args:    arguments(),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			options, err := page.options()
			if err != nil {
				return err
			}
			a, err := client.Pushes(ctx, options)
			if err != nil {
				return err
			}
			if err := list(p, a, a.Pushes, func() error { return p.pushes(a.Pushes) }); err != nil {
				return err
			}
			p.more(a.Next)
			return nil
		}),
	}
	page.register(c.Flags())
	return c
}

func (p *printer) pushes(pushes []projections.Push) error {
	if len(pushes) == 0 {
		p.note("There are no pushes.")
		return nil
	}
	g := p.grid(column{name: "push"}, column{name: "status"}, column{name: "started"},
		column{name: "sent to", right: true}, column{name: "holders", right: true}, column{name: "title", max: 24})
	for i := range pushes {
		u := &pushes[i]
		var all, held uint64
		for _, c := range u.Channels {
			all += uint64(c.Notifications)
			held += uint64(c.Holders())
		}
		title := ""
		if u.Created != nil {
			title = u.Created.Title
		}
		g.row(u.Push, state(u.Status), instant(u.Start), all, held, title)
	}
	return g.render(p.out)
}

func newPushGetCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "get PUSH",
		Short:   "Show a push: what became of it on every channel, and its recalls",
		Long:    "Show what is known of a push: what was sent, how many devices it reached on each\nchannel, how many hold it unclicked, and the recalls it had.",
		Example: "  recall push get order-4711",
		Args:    arguments("PUSH"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			u, err := client.Push(ctx, args[0], api.ReadOptions{})
			if err != nil {
				return err
			}
			return p.value(u, func() error { return p.push(u) })
		}),
	}
}

// fact is a line of a description: a name and what it is.
type fact struct{ name, text string }

func (p *printer) facts(facts ...fact) error {
	for _, f := range facts {
		if f.text == "" {
			continue
		}
		if _, err := fmt.Fprintf(p.out, "%-10s %s\n", f.name, clean(f.text)); err != nil {
			return err
		}
	}
	return nil
}

func (p *printer) push(u *projections.Push) error {
	facts := []fact{{"push", u.Push}, {"app", u.App}, {"status", u.Status}, {"started", instant(u.Start)}}
	if c := u.Created; c != nil {
		audience := string(c.Audience.Kind)
		if len(c.Audience.Names) > 0 {
			audience += ": " + strings.Join(c.Audience.Names, ", ")
		}
		slot := c.Slot
		if slot == "" {
			slot = "none, so most channels can take nothing back"
		}
		facts = append(facts, fact{"title", c.Title}, fact{"body", c.Body}, fact{"audience", audience},
			fact{"slot", slot}, fact{"profile", c.Profile}, fact{"replaces", c.Replaces})
		if c.ExpireAt != nil {
			facts = append(facts, fact{"expires", instant(*c.ExpireAt)})
		}
	}
	if err := p.facts(facts...); err != nil {
		return err
	}
	if len(u.Channels) > 0 {
		fmt.Fprintln(p.out)
		if err := p.funnel(u.Channels); err != nil {
			return err
		}
	}
	if len(u.Recalls) > 0 {
		fmt.Fprintln(p.out)
		return p.recalls(u.Recalls)
	}
	return nil
}

// funnel shows what happened on each channel and who holds it, in one table or,
// where that is too wide for a narrow screen, in two.
func (p *printer) funnel(channels []projections.PushChannel) error {
	var columns []tally
	for _, n := range ledger.FactNames() {
		c := tally{n.Name, func(c *projections.PushChannel) uint32 { return c.Funnel[n.Name] }}
		// What never happened has no column, but for the usual funnel.
		if c.sum(channels) > 0 || n.Fact&(ledger.Sent|ledger.Shown|ledger.Clicked) != 0 {
			columns = append(columns, c)
		}
	}
	holders := []tally{
		{"certain", func(c *projections.PushChannel) uint32 { return c.Certain }},
		{"possible", func(c *projections.PushChannel) uint32 { return c.Possible }},
	}
	// Holders nobody can reach are the exception, and worth a column then.
	if far := (tally{"unreachable", func(c *projections.PushChannel) uint32 { return c.Unreachable }}); far.sum(channels) > 0 {
		holders = append(holders, far)
	}
	if one := p.tallies(channels, append(slices.Clone(columns), holders...)); one.width() <= screenWidth {
		return one.render(p.out)
	}
	if err := p.tallies(channels, columns).render(p.out); err != nil {
		return err
	}
	fmt.Fprintln(p.out)
	return p.tallies(channels, holders).render(p.out)
}

// tally is a column that counts devices.
type tally struct {
	name  string
	count func(*projections.PushChannel) uint32
}

func (c tally) sum(channels []projections.PushChannel) uint64 {
	var n uint64
	for i := range channels {
		n += uint64(c.count(&channels[i]))
	}
	return n
}

func (p *printer) tallies(channels []projections.PushChannel, counts []tally) *grid {
	columns, total := []column{{name: "channel"}}, []any{"all"}
	for _, c := range counts {
		columns = append(columns, column{name: c.name, right: true})
		total = append(total, c.sum(channels))
	}
	g := p.grid(columns...)
	for i := range channels {
		row := []any{channels[i].Channel}
		for _, c := range counts {
			row = append(row, c.count(&channels[i]))
		}
		g.row(row...)
	}
	if len(channels) > 1 {
		g.total(total...)
	}
	return g
}
