package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

func newListCommand(o *globalOptions) *cobra.Command {
	var page pageFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List recalls, newest first",
		Long:    "List recalls, newest first, with how far each is.",
		Example: "  recall list\n  recall list -o ndjson | jq -r 'select(.state == \"running\") | .recall'",
		Args:    arguments(),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			options, err := page.options()
			if err != nil {
				return err
			}
			a, err := client.Recalls(ctx, options)
			if err != nil {
				return err
			}
			if err := list(p, a, a.Recalls, func() error {
				if len(a.Recalls) == 0 {
					p.note("There are no recalls.")
					return nil
				}
				return p.recalls(a.Recalls)
			}); err != nil {
				return err
			}
			p.more(a.Next)
			return nil
		}),
	}
	page.register(c.Flags())
	return c
}

func (p *printer) recalls(recalls []projections.Recall) error {
	g := p.grid(column{name: "recall"}, column{name: "push"}, column{name: "action"}, column{name: "state"},
		column{name: "done", right: true}, column{name: "of", right: true}, column{name: "refused", right: true}, column{name: "accepted"})
	for i := range recalls {
		r := &recalls[i]
		g.row(r.Recall, r.Push, r.Action, state(standing(r)), percent(r.Percent), r.Total.Planned+r.Total.Late, r.Total.Refused, instant(r.At))
	}
	return g.render(p.out)
}

// standing is where a recall stands, in one word: settled is a running one that
// has nothing to do at present.
func standing(r *projections.Recall) string {
	if r.State == ledger.Running && r.Settled {
		return "settled"
	}
	return string(r.State)
}
