package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

func newGateCommand(o *globalOptions) *cobra.Command {
	var device, channel, user string
	c := &cobra.Command{
		Use:   "gate PUSH --device DEVICE",
		Short: "Ask whether a push may still be handed over to a device",
		Long: `Ask what a sender must ask before it hands a push over to a channel: whether it
may still go to a device. The answer comes from the log's end, so an accepted
recall closes the gate at once. Exit code 0 means open and 4 closed; after any
other, treat the gate as closed.`,
		Example: "  recall gate order-4711 --device device-a --channel apns && send-it",
		Args:    arguments("PUSH"),
		RunE: o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
			if device == "" {
				return usagef("name the device the push would go to with --device")
			}
			a, err := client.Gate(ctx, args[0], device, channel, user)
			if err != nil {
				return err
			}
			if err := p.value(a, func() error {
				if a.Open {
					return p.say("open")
				}
				return p.say("closed by recall %s", a.Recall)
			}); err != nil || a.Open {
				return err
			}
			return &codedError{code: exitConflict}
		}),
	}
	f := c.Flags()
	f.StringVar(&device, "device", "", "the device it would go to (required)")
	f.StringVar(&channel, "channel", "", "the channel it would go by")
	f.StringVar(&user, "user", "", "the user whose device it is, for recalls of a user")
	return c
}
