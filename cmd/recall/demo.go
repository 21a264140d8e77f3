package main

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/recall-ledger/recall-ledger/ledger/demo"
)

func newDemoCommand(o *globalOptions) *cobra.Command {
	config := demo.Config{Clock: time.Now, Wait: passTime}
	var vendors bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "See a campaign go wrong and be taken back",
		Long: `Start a whole ledger on this machine, send a push with a wrong price to many
simulated devices and a few real ones, take it back while deliveries and clicks
are still coming in, and check the closing account against books of its own.

Nothing is needed and nothing is left behind, unless a folder is named. With
--data a demo survives whatever happens to its process: run the same command
again and it goes on, to the same exact account.

With --vendors it is another demo, of some seconds: a double of every vendor runs
on this machine, the ledger is configured for them as for the real ones, and one
push is recalled from every channel there is while some calls are throttled and
some fail; a second one is overridden with force. What every screen shows then is
compared with what the matrix (recall channels) promises.

It ends with 0 only when the account is exact.`,
		Example: `  recall demo
  recall demo --devices 1000000
  recall demo --keep
  recall demo --data ./demo
  recall demo --vendors
  recall demo --vendors -o json`,
		Args: arguments(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if vendors {
				return o.showcase(cmd)
			}
			return o.demo(cmd, config)
		},
	}
	f := c.Flags()
	f.IntVar(&config.Devices, "devices", 100_000, "how many devices to simulate")
	f.IntVar(&config.Phones, "real-devices", 5, "how many real clients there are besides")
	f.IntVar(&config.Partitions, "partitions", 0, "how many partitions the ledger has (default 1)")
	f.Uint64Var(&config.Seed, "seed", 20261120, "what the campaign follows from")
	f.StringVar(&config.Dir, "data", "", "folder to use and keep (default: a temporary one)")
	f.BoolVar(&config.Keep, "keep", false, "leave the ledger running at the end, until Ctrl-C")
	f.BoolVar(&vendors, "vendors", false, "take one push back from every channel, against doubles of all vendors")
	return c
}

func (o *globalOptions) demo(cmd *cobra.Command, c demo.Config) error {
	if o.output != "" && o.output != formatTable {
		return usagef("recall demo tells a story and has no --output %s; use --vendors, or ask the ledger it leaves with --keep", o.output)
	}
	c.Out, c.Version = cmd.OutOrStdout(), build().Version
	c.Terminal, c.Quiet = isTerminal(c.Out), !o.progress && (o.quiet || o.noProgress)
	c.Width = func() int { return columns(c.Out) }
	if err := c.Validate(); err != nil {
		return usagef("%w", err)
	}
	err := demo.Run(cmd.Context(), c)
	if errors.Is(err, context.Canceled) && c.Dir != "" {
		return exitf(exitInterrupted, "interrupted; the same command goes on with it")
	}
	return err
}

// columns is how wide a terminal is at this moment.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if n, _, err := term.GetSize(int(f.Fd())); err == nil && n > 0 {
			return n
		}
	}
	return 80
}

// passTime waits, or returns early with ctx's error.
func passTime(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
