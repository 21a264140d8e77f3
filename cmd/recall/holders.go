package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newHoldersCommand(o *globalOptions) *cobra.Command {
	var options api.HoldersOptions
	c := &cobra.Command{
		Use:   "holders PUSH",
		Short: "Stream the devices that hold a push unclicked",
		Long: `Stream the devices that hold a push unclicked, one JSON value per line, by
channel. A certain holder reported that it shows the notification; a possible
one was sent it, and nothing was heard since. Each line has a cursor with which
a list that broke off goes on.`,
		Example: `  recall holders order-4711
  recall holders order-4711 --channel apns --certainty certain | wc -l
  recall holders order-4711 -o table --limit 20
  recall holders order-4711 --as-of 2026-11-20T09:41:00Z`,
		Args: arguments("PUSH"),
		RunE: o.follow(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			s := p.stream("%-14s %-10s %s", "CHANNEL", "CERTAINTY", "DEVICE")
			if err := client.Holders(ctx, args[0], options, func(h api.Holder) error {
				s.cursor = h.Cursor
				return s.entry(h, h.Channel, h.Certainty, h.Device)
			}); err != nil {
				return s.broken(err)
			}
			return s.flush()
		}),
	}
	f := c.Flags()
	f.StringVar(&options.Channel, "channel", "", "only this channel")
	f.StringVar(&options.Certainty, "certainty", "", "only certain, or only possible holders")
	f.StringVar(&options.Cursor, "cursor", "", "go on after the entry with this cursor")
	f.IntVar(&options.Limit, "limit", 0, "how many at most (default: all)")
	complete(c, "certainty", "certain", "possible")
	return c
}
