package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// pastFlag is the flag of the commands that can ask for the past.
const pastFlag = "as-of"

// pastTimeout is how long an answer about the past is waited for unless a flag
// says: the ledger may have to fold much of its log, and itself gives up before.
const pastTimeout = 15 * time.Minute

// pastFlags say which moment a question is about.
type pastFlags struct {
	moment string
	given  bool
}

// pastCommands are the commands that ask what is known, and so can ask what was.
func pastCommands() []string {
	return []string{
		"push list", "push get", "holders", "notification", "device", "user", "preview",
		"list", "get", "devices", "positions", "quarantine", "dead-letters",
	}
}

// registerPast gives them the flag.
func registerPast(root *cobra.Command, f *pastFlags) {
	for _, path := range pastCommands() {
		c, _, err := root.Find(strings.Fields(path))
		if err != nil || c.CommandPath() != root.Name()+" "+path {
			panic("there is no command " + path) // the table above is wrong
		}
		c.Flags().StringVar(&f.moment, pastFlag, "", "answer as of a past time or position: 2026-11-20T09:41:00Z, @-10m, 0-1742 or 0-1742,1-90")
	}
}

// presentOnly is the error of a command that is asked for the past and takes no
// such flag; nil when the error is another.
func presentOnly(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedName() != pastFlag {
		return nil
	}
	if cmd.Flags().Lookup("range") != nil {
		return usagef("%s takes no --%s: say with --range which part of the log it reads", cmd.CommandPath(), pastFlag)
	}
	if cmd.Flags().Lookup("write-anchors") != nil {
		return usagef("%s takes no --%s: it reads the whole log", cmd.CommandPath(), pastFlag)
	}
	return usagef("%s is about the present only and takes no --%s; it belongs to: recall %s", cmd.CommandPath(), pastFlag, strings.Join(pastCommands(), ", "))
}

func (f *pastFlags) check(cmd *cobra.Command) error {
	l := cmd.Flags().Lookup(pastFlag)
	f.given = l != nil && l.Changed
	if f.given && f.moment == "" {
		return usagef("--%s is empty; leave it out to ask for the present", pastFlag)
	}
	return nil
}

// at makes an action one that asks for the moment the user said, if any. Which
// moment that is exactly is told beside the answer, and how far the ledger is on
// the way there.
func (o *globalOptions) at(cmd *cobra.Command, client *api.Client, f action) func(context.Context, []string) error {
	p := o.printer(cmd)
	if !o.past.given {
		return func(ctx context.Context, args []string) error { return f(ctx, client, p, args) }
	}
	var m *meter
	end := func(err error) {
		if m != nil {
			m.end(err)
			m = nil
		}
	}
	client = client.AsOf(o.past.moment, api.PastOptions{
		Moment: func(at api.Moment) {
			end(nil)
			p.moment = &at
			p.note("As of %s, %s.", at.Positions, instant(at.Time))
			if len(at.From) > 0 {
				p.note("The log keeps nothing before %s: what began before is missing or not whole.", at.From)
			}
		},
		Folding: func(done api.Progress) {
			if m == nil {
				m = o.meter(cmd, "Folding the log")
				m.span(1, done.Total)
			}
			m.at(done.Done)
		},
	})
	return func(ctx context.Context, args []string) error {
		err := f(ctx, client, p, args)
		end(err)
		return err
	}
}
