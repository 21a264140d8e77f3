package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newUserCommand(o *globalOptions) *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:     "user USER",
		Short:   "List what the devices of a user hold unclicked",
		Long:    "List the pushes the devices of a user hold unclicked, or with --all everything\nthat ever went to them. Which devices are a user's is told by push.sent events.",
		Example: "  recall user user-1\n  recall user user-1 --all",
		Args:    arguments("USER"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			held, err := client.User(ctx, args[0], all)
			if err != nil {
				return err
			}
			return p.held(held, all)
		}),
	}
	c.Flags().BoolVar(&all, "all", false, "also what was clicked, cleared, recalled or never arrived")
	return c
}
