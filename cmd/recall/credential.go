package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newDeviceCredentialCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "device-credential DEVICE",
		Short: "Show what a device of the self-built channel connects with",
		Long: `Show the address, user and password with which one device of the self-built
channel connects. The password follows from the node's secret, so asking again
gives the same one. It needs a key with role admin, and a node with --devices.`,
		Example: "  recall device-credential device-a -o json",
		Args:    arguments("DEVICE"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			a, err := client.DeviceCredential(ctx, args[0])
			if err != nil {
				return err
			}
			return p.value(a, func() error {
				return p.facts(fact{"url", a.URL}, fact{"user", a.User}, fact{"password", a.Password})
			})
		}),
	}
}
