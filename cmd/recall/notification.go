package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

func newNotificationCommand(o *globalOptions) *cobra.Command {
	var channel string
	c := &cobra.Command{
		Use:   "notification PUSH DEVICE",
		Short: "Show a push at one device: its state, and every event that led there",
		Long: `Show how one push stands at one device, what every recall did there, and the
events it follows from with their positions in the log: the proof for one device.`,
		Example: "  recall notification order-4711 device-a\n  recall notification order-4711 device-a --channel apns -o json",
		Args:    arguments("PUSH", "DEVICE"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			a, err := client.Notification(ctx, args[0], args[1], channel, api.ReadOptions{})
			if err != nil {
				return err
			}
			return p.value(a, func() error { return p.notification(a) })
		}),
	}
	c.Flags().StringVar(&channel, "channel", "", "only this channel")
	return c
}

func (p *printer) notification(a api.NotificationAnswer) error {
	if err := p.notifications(a.Notifications, false); err != nil {
		return err
	}
	if len(a.History) == 0 {
		return nil
	}
	fmt.Fprintln(p.out)
	g := p.grid(column{name: "position"}, column{name: "happened"}, column{name: "event"},
		column{name: "channel"}, column{name: "detail", max: 36})
	for _, h := range a.History {
		g.row(h.Position.String(), instant(h.Time), string(h.Kind), h.Channel, h.Reason)
	}
	if err := g.render(p.out); err != nil {
		return err
	}
	if a.Truncated {
		p.note("The history is longer than one request reads: the oldest events are shown.")
	}
	return nil
}

// notifications lists notifications; the push has a column where they are of
// several.
func (p *printer) notifications(list []projections.Notification, pushes bool) error {
	columns := []column{{name: "channel"}, {name: "device"}, {name: "holds it"}, {name: "facts"}, {name: "recalls"}}
	if pushes {
		columns = append([]column{{name: "push"}}, columns...)
	}
	g := p.grid(columns...)
	for i := range list {
		n := &list[i]
		holds := n.Certainty
		if holds == "" {
			holds = "no"
		}
		var recalls []string
		for _, r := range n.Recalls {
			recalls = append(recalls, r.Action+": "+r.Outcome)
		}
		row := []any{n.Channel, n.Device, state(holds), strings.Join(n.Facts, ", "), strings.Join(recalls, ", ")}
		if pushes {
			row = append([]any{n.Push}, row...)
		}
		g.row(row...)
	}
	return g.render(p.out)
}
