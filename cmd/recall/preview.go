package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
)

func newPreviewCommand(o *globalOptions) *cobra.Command {
	var t targetFlags
	c := &cobra.Command{
		Use:   "preview PUSH --action ACTION",
		Short: "Say what a recall would do, and do nothing",
		Long: `Say what a recall would do now, channel by channel, and do nothing.

    vanish       the notification disappears
    notice       another text takes its place
    withheld     it is not delivered if it is still on its way
    unreachable  they hold it, and the channel offers no way back
    left alone   they clicked or cleared it, or it never arrived

The exit code is that of the recall itself: 0 if it would be accepted now.`,
		Example: `  recall preview order-4711 --action recall
  recall preview order-4711 --action override --title "Autumn sale" --body "Everything for 100 ¥"
  recall preview order-4711 --action recall --user user-1`,
		Args: arguments("PUSH"),
	}
	c.RunE = o.ask(func(ctx context.Context, client *api.Client, p *printer, args []string) error {
		r, err := t.request(c, args[0])
		if err != nil {
			return err
		}
		v, err := client.Preview(ctx, r)
		if err != nil {
			return err
		}
		if err := p.value(v, func() error { return p.preview(r, v) }); err != nil {
			return err
		}
		return refused(v)
	})
	t.register(c)
	return c
}

// refused is the error a recall would end with.
func refused(v *decision.Preview) error {
	if v.Refusal == nil {
		return nil
	}
	return exitf(codeOf(string(v.Refusal.Code), 0), "it would be refused: %s [%s]", v.Refusal.Message, v.Refusal.Code)
}

func (p *printer) preview(r api.RecallRequest, v *decision.Preview) error {
	if err := p.say("%s of %s, as of position %s, window: %s", r.Action, target(r), v.Position, windowLeft(v.WindowLeft)); err != nil {
		return err
	}
	if len(v.Channels) == 0 {
		return p.say("It went to nobody yet.")
	}
	fmt.Fprintln(p.out)
	g := p.grid(column{name: "channel"}, column{name: "method"}, column{name: "certain", right: true}, column{name: "possible", right: true},
		column{name: "vanish", right: true}, column{name: "notice", right: true}, column{name: "withheld", right: true},
		column{name: "unreachable", right: true}, column{name: "left alone", right: true})
	for _, c := range v.Channels {
		method := string(c.Method)
		if c.Forced {
			method += " *"
		}
		g.row(c.Channel, method, c.Certain, c.Possible, c.Vanish, c.Notice, c.Withheld, c.Unreachable, c.Ended)
	}
	if t := v.Total; len(v.Channels) > 1 {
		g.total("all", "", t.Certain, t.Possible, t.Vanish, t.Notice, t.Withheld, t.Unreachable, t.Ended)
	}
	if err := g.render(p.out); err != nil {
		return err
	}
	if err := p.clicked(v); err != nil {
		return err
	}
	return p.reasons(v)
}

// clicked says what becomes of those who have clicked.
func (p *printer) clicked(v *decision.Preview) error {
	alone, taken := v.Total.Clicked, uint32(0)
	for _, c := range v.Channels {
		if c.WholeSends {
			alone, taken = alone-c.Clicked, taken+c.Clicked
		}
	}
	if alone+taken > 0 {
		fmt.Fprintln(p.out)
	}
	if alone > 0 {
		if err := p.say("%s on it already and will be left alone.", plural(alone, "device has clicked", "devices have clicked")); err != nil {
			return err
		}
	}
	if taken > 0 {
		return p.say("%s on it already and will lose it as well: their channel takes back whole sends.", plural(taken, "device has clicked", "devices have clicked"))
	}
	return nil
}

// reasons explains the methods that are not what one would expect.
func (p *printer) reasons(v *decision.Preview) error {
	first := true
	for _, c := range v.Channels {
		if c.Why == "" {
			continue
		}
		if first {
			fmt.Fprintln(p.out)
			first = false
		}
		mark := ""
		if c.Forced {
			mark = " *"
		}
		if err := p.wrapped(c.Channel+mark+": ", c.Why); err != nil {
			return err
		}
	}
	return nil
}

func windowLeft(seconds int64) string {
	if seconds <= 0 {
		return "closed"
	}
	return span(time.Duration(seconds)*time.Second) + " left"
}
