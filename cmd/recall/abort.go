package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newAbortCommand(o *globalOptions) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "abort ID --reason TEXT",
		Short: "Stop a running recall",
		Long: `Stop a running recall: no further command is issued, and the sender's gate opens
again. What was carried out stays so: a notification that is gone does not come
back. Say why, it is kept with the recall.`,
		Example: `  recall abort ID --reason "recalled the wrong push"`,
		Args:    arguments("ID"),
	}
	c.RunE = o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
		if reason == "" {
			return usagef("say why with --reason; it is kept with the recall")
		}
		if err := client.Abort(ctx, args[0], reason); err != nil {
			return err
		}
		v := map[string]string{"recall": args[0], "state": "aborted"}
		return p.value(v, func() error { return p.say("%s: aborted", args[0]) })
	})
	c.Flags().StringVar(&reason, "reason", "", "why, for people to read later (required)")
	return c
}
