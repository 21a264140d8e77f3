package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newRedriveCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "redrive ID",
		Short: "Issue the refused commands of a running recall once more",
		Long: `Issue the refused commands of a running recall once more, after what made the
channel refuse them was put right. Devices that have clicked since are left alone.`,
		Example: "  recall dead-letters\n  recall redrive ID",
		Args:    arguments("ID"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			n, err := client.Redrive(ctx, args[0])
			if err != nil {
				return err
			}
			return p.value(api.RedriveAnswer{Recall: args[0], Devices: n}, func() error {
				if n == 0 {
					return p.say("%s: nothing was refused, so there is nothing to issue again", args[0])
				}
				return p.say("%s: commands for %s issued again", args[0], plural(n, "device", "devices"))
			})
		}),
	}
}
