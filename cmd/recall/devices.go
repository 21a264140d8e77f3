package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newDevicesCommand(o *globalOptions) *cobra.Command {
	var options api.RecallDevicesOptions
	c := &cobra.Command{
		Use:   "devices ID",
		Short: "Stream what came of a recall, device by device",
		Long: `Stream the proof of a recall: one JSON value per line for every notification it
concerns, with what had happened to it, whether it turned up late, and what came
of the command. Each line has a cursor with which a list that broke off goes on.`,
		Example: `  recall devices ID > proof.ndjson
  recall devices ID --outcome refused -o table`,
		Args: arguments("ID"),
		RunE: o.follow(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			s := p.stream("%-14s %-12s %-5v %-32s %s", "CHANNEL", "OUTCOME", "LATE", "FACTS", "DEVICE")
			if err := client.RecallDevices(ctx, args[0], options, func(d api.RecallDevice) error {
				s.cursor = d.Cursor
				late := ""
				if d.Late {
					late = "late"
				}
				return s.entry(d, d.Channel, d.Outcome, late, strings.Join(d.Facts, ","), d.Device)
			}); err != nil {
				return s.broken(err)
			}
			return s.flush()
		}),
	}
	f := c.Flags()
	f.StringVar(&options.Outcome, "outcome", "", "only pending, accepted, confirmed, refused, skipped, unsupported or expired")
	f.StringVar(&options.Cursor, "cursor", "", "go on after the entry with this cursor")
	f.IntVar(&options.Limit, "limit", 0, "how many at most (default: all)")
	complete(c, "outcome", "pending", "accepted", "confirmed", "refused", "skipped", "unsupported", "expired")
	return c
}
