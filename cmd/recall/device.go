package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

func newDeviceCommand(o *globalOptions) *cobra.Command {
	var all bool
	var channel string
	c := &cobra.Command{
		Use:   "device DEVICE",
		Short: "List what a device holds unclicked",
		Long:  "List the pushes a device holds unclicked, newest first, or with --all everything\nthat ever went there.",
		Example: `  recall device device-a
  recall device device-a --all --channel apns`,
		Args: arguments("DEVICE"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			held, err := client.Device(ctx, args[0], channel, all)
			if err != nil {
				return err
			}
			return p.held(held, all)
		}),
	}
	c.Flags().BoolVar(&all, "all", false, "also what was clicked, cleared, recalled or never arrived")
	c.Flags().StringVar(&channel, "channel", "", "only this channel")
	return c
}

func (p *printer) held(held []projections.Notification, all bool) error {
	return list(p, held, held, func() error {
		switch {
		case len(held) > 0:
			return p.notifications(held, true)
		case all:
			p.note("Nothing ever went there.")
		default:
			p.note("It holds nothing unclicked; see --all for everything.")
		}
		return nil
	})
}
