package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newPositionsCommand(o *globalOptions) *cobra.Command {
	return &cobra.Command{
		Use:   "positions",
		Short: "Show how far the projection is behind the log",
		Long: `Show for every partition where the log ends, how far the projection has applied
it, and what both hold. A position is a partition and a sequence, such as 0-1742.`,
		Example: "  recall positions\n  recall positions -o json | jq .partitions[0].lag",
		Args:    arguments(),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, _ []string) error {
			a, err := client.Positions(ctx)
			if err != nil {
				return err
			}
			return list(p, a, a.Partitions, func() error { return p.positions(a.Partitions) })
		}),
	}
}

func (p *printer) positions(list []api.PartitionPosition) error {
	g := p.grid(column{name: "log end"}, column{name: "applied"}, column{name: "lag", right: true},
		column{name: "pushes", right: true}, column{name: "devices", right: true}, column{name: "notifications", right: true},
		column{name: "log", right: true}, column{name: "projection", right: true})
	for i := range list {
		a := &list[i]
		log, projection := size(a.LogBytes), size(a.Stats.DiskBytes)
		if p.moment != nil { // nobody knows
			log, projection = "-", "-"
		}
		g.row(a.End.String(), a.Applied.String(), a.Lag, a.Stats.Pushes, a.Stats.Devices, a.Stats.Notifications, log, projection)
	}
	if err := g.render(p.out); err != nil {
		return err
	}
	var bad uint64
	for i := range list {
		bad += list[i].Stats.Quarantined
	}
	if bad > 0 {
		p.note("%s in quarantine; see recall quarantine", plural(bad, "event is", "events are"))
	}
	return nil
}
