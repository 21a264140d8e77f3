package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newGetCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "get ID",
		Short: "Show a recall and how far it is",
		Long: `Show a recall: who asked for it and why, how far it is on every channel, and how
long commands took (half of them at most t50, 99 of 100 at most t99).

planned and late are all notifications it concerns: those that were held when it
was accepted, and those that turned up later. Every one ends in exactly one of:

    accepted     the vendor took the command
    confirmed    the device reported that it is done
    refused      the vendor refused it; try again with recall redrive
    skipped      it was clicked or cleared first, and left alone
    unsupported  the channel offers no way
    expired      the window closed first`,
		Example: "  recall get ID\n  recall get ID -o json | jq .total",
		Args:    arguments("ID"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			r, err := client.GetRecall(ctx, args[0])
			if err != nil {
				return err
			}
			return p.value(r, func() error { return p.recall(r, p.now()) })
		}),
	}
}
