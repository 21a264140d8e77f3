package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newDeadLettersCommand(o *globalOptions) *cobra.Command {
	var page pageFlags
	c := &cobra.Command{
		Use:   "dead-letters",
		Short: "List recalls with refused commands",
		Long: `List the recalls of which a channel refused commands, newest first. Look at the
devices with recall devices ID --outcome refused, and try again with recall redrive ID.`,
		Example: "  recall dead-letters\n  recall devices ID --outcome refused",
		Args:    arguments(),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			options, err := page.options()
			if err != nil {
				return err
			}
			a, err := client.DeadLetters(ctx, options)
			if err != nil {
				return err
			}
			if err := list(p, a, a.Recalls, func() error {
				if len(a.Recalls) == 0 {
					p.note("No channel refused anything%s.", map[bool]string{true: " on this page"}[a.Next != ""])
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
