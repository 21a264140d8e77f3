// Command recall is Recall Ledger in one binary: the node that keeps the ledger
// (recall serve), and everything people and scripts do with one: publish events,
// look at pushes and who holds them, preview a recall, pull the brake and follow
// it to the end.
//
// It promises that standard output carries answers only and standard error
// everything else; that an error is said in words, with what to do about it, and
// told apart by its exit code; that a token is never printed except where it is
// made; and that text from a push cannot steer the terminal it is shown on.
//
// It must never decide anything of the domain: it reads flags, calls the node or
// its API, and shows what they say.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the program: arguments and streams in, an exit code out.
func run(args []string, in io.Reader, out, errs io.Writer) int {
	ctx, cancel := interruptible()
	defer cancel()
	o := &globalOptions{}
	root := newRoot(o)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	if !o.started {
		err = misuse(cmd, err)
	}
	code, message := explain(err, o)
	code = pluginCode(cmd, code, message)
	if message != "" {
		message = "recall: " + cleanLines(message) + "\n"
		// Nothing is left to tell the user when standard error is gone.
		_, _ = io.WriteString(errs, message)
	}
	return code
}

// interruptible returns a context that ends with the first signal, in order to
// stop in order. By then signals are the system's again, so that a second one
// ends the process at once.
func interruptible() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}

const rootLong = `Recall Ledger takes back push notifications that should not have been sent,
from every device that still holds them unclicked, and proves what happened on
each. It can never take back what somebody has already seen and clicked.

Start a ledger with "recall serve"; try everything without one with "recall demo".
Most other commands speak to a running ledger (--api, RECALL_API).

Exit codes:
    0  done                       5  the window has closed
    1  error                      6  precondition failed
    2  wrong usage                7  done in part
    3  not found                  8  aborted
    4  already recalled         124  timed out, 130 interrupted`

func newRoot(o *globalOptions) *cobra.Command {
	root := &cobra.Command{
		Use:   "recall",
		Short: "Take back wrong push notifications, and prove it",
		Long:  rootLong,
		Example: `  recall serve
  recall publish -f events.ndjson
  recall preview order-4711 --action recall
  recall create order-4711 --action recall --reason "wrong price" --watch`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// One line is printed for an error, so cobra must not add its own.
		DisableSuggestions: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			o.started = true
			return o.resolve(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Args: unknownCommand,
	}
	o.register(root)
	// The groups below are in the order of use, not of the alphabet.
	cobra.EnableCommandSorting = false
	add := func(id, title string, commands ...*cobra.Command) {
		root.AddGroup(&cobra.Group{ID: id, Title: title})
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	add("node", "Run a ledger:", newServeCommand(o), newDemoCommand(o), newReadyCommand(o), newKeyCommand(o))
	add("events", "Events and pushes:", newPublishCommand(o), newPushCommand(o), newHoldersCommand(o),
		newNotificationCommand(o), newDeviceCommand(o), newUserCommand(o), newGateCommand(o))
	add("recalls", "Recalls:", newPreviewCommand(o), newCreateCommand(o), newListCommand(o), newGetCommand(o),
		newWatchCommand(o), newDevicesCommand(o), newAbortCommand(o), newRedriveCommand(o))
	add("operate", "Operate:", newCheckCommand(o), newPositionsCommand(o), newProjectionCommand(o), newPartitionsCommand(o), newNodesCommand(o), newQuarantineCommand(o), newDeadLettersCommand(o),
		newBackupCommand(o), newRestoreCommand(o), newChannelsCommand(o), newDeviceCredentialCommand(o), newFacadeCommand(o),
		newBenchCommand(o), newVersionCommand(o))
	add("analyse", "Analyse:", newEventsCommand(o), newExportCommand(o), newVerifyCommand(o), newWhatIfCommand(o), newStatsCommand(o))
	registerPast(root, &o.past)
	return root
}

// group makes a command that only holds others.
func group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	var names []string
	for _, child := range children {
		names = append(names, child.Name())
	}
	c.Args = unknownCommand
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		return usagef("%s needs one of: %s; see %s --help", cmd.CommandPath(), strings.Join(names, ", "), cmd.CommandPath())
	}
	c.AddCommand(children...)
	return c
}

// unknownCommand refuses arguments of a command that only holds others, with
// the nearest names.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if s := cmd.SuggestionsFor(args[0]); len(s) > 0 {
		return usagef("there is no command %q; did you mean %s?", args[0], strings.Join(s, " or "))
	}
	return usagef("there is no command %q; see %s --help", args[0], cmd.CommandPath())
}

// arguments says which arguments a command takes, by name.
func arguments(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usagef("%s needs %s; see %s --help", cmd.CommandPath(), strings.Join(names[len(args):], " and "), cmd.CommandPath())
		case len(args) > len(names):
			return usagef("%s takes no argument %q; see %s --help", cmd.CommandPath(), args[len(names)], cmd.CommandPath())
		}
		return nil
	}
}
