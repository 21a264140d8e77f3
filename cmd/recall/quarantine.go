package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newQuarantineCommand(o *globalOptions) *cobra.Command {
	var page pageFlags
	c := &cobra.Command{
		Use:   "quarantine",
		Short: "List events that could not be applied",
		Long: `List the messages of the log that are no valid events, newest first, with the
reason, partition by partition. They stay in the log; the projection passes over
them and counts them. The API lets none in, so they were written to the stream by
something else.`,
		Example: "  recall quarantine --limit 20",
		Args:    arguments(),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			options, err := page.options()
			if err != nil {
				return err
			}
			a, err := client.Quarantine(ctx, options)
			if err != nil {
				return err
			}
			if err := list(p, a, a.Quarantined, func() error { return p.quarantined(a) }); err != nil {
				return err
			}
			p.more(a.Next)
			return nil
		}),
	}
	page.register(c.Flags())
	return c
}

func (p *printer) quarantined(a api.QuarantineList) error {
	if len(a.Quarantined) == 0 {
		p.note("Nothing of this app is in quarantine.")
		return nil
	}
	g := p.grid(column{name: "position"}, column{name: "stored"}, column{name: "bytes", right: true},
		column{name: "field"}, column{name: "reason", max: 48})
	for _, q := range a.Quarantined {
		g.row(q.Position.String(), instant(q.Time), q.Bytes, q.Field, q.Reason)
	}
	return g.render(p.out)
}
