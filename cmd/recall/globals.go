package main

import (
	"context"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

const (
	defaultAPI     = "http://127.0.0.1:8080"
	defaultTimeout = 30 * time.Second
)

// globalOptions are the flags every command knows.
type globalOptions struct {
	api     string
	token   string
	app     string
	output  string
	quiet   bool
	noColor bool
	timeout time.Duration

	progress, noProgress bool

	past pastFlags

	// started is true once a command's own work began: errors before that are
	// wrong usage.
	started bool
	// timeoutSet is true when the user bounded the call: streams have no bound
	// of their own.
	timeoutSet bool
}

func (o *globalOptions) register(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&o.api, "api", "", "URL of the ledger (RECALL_API, default "+defaultAPI+")")
	f.StringVar(&o.token, "token", "", "credential; better given by RECALL_TOKEN, where process lists do not show it")
	f.StringVar(&o.app, "app", "", "app to act for, on a ledger without credentials (RECALL_APP)")
	f.StringVarP(&o.output, "output", "o", "", "how to print: table, json or ndjson (one value per line)")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print answers and errors only")
	f.BoolVar(&o.noColor, "no-color", false, "no colours (NO_COLOR)")
	f.BoolVar(&o.progress, "progress", false, "show progress even when not on a terminal")
	f.BoolVar(&o.noProgress, "no-progress", false, "show no progress")
	f.DurationVar(&o.timeout, "timeout", defaultTimeout, "how long to wait for an answer; lists that stream and watches have no limit unless this is given")
	if err := root.RegisterFlagCompletionFunc("output", completeFormat); err != nil {
		panic(err) // the flag was just defined
	}
	root.SetFlagErrorFunc(wrongFlag)
}

// wrongFlag says what is wrong with the flags of a command.
func wrongFlag(cmd *cobra.Command, err error) error {
	if present := presentOnly(cmd, err); present != nil {
		return present
	}
	return usagef("%w; see %s --help", err, cmd.CommandPath())
}

// complete offers words for a flag in shells.
func complete(cmd *cobra.Command, flag string, words ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was just defined
	}
}

// resolve fills in from the environment what no flag said.
func (o *globalOptions) resolve(cmd *cobra.Command) error {
	f := cmd.Flags()
	for _, v := range []struct {
		flag, env, fallback string
		to                  *string
	}{
		{"api", "RECALL_API", defaultAPI, &o.api},
		{"token", "RECALL_TOKEN", "", &o.token},
		{"app", "RECALL_APP", "", &o.app},
	} {
		if f.Changed(v.flag) {
			continue
		}
		if *v.to = os.Getenv(v.env); *v.to == "" {
			*v.to = v.fallback
		}
	}
	o.noColor = o.noColor || os.Getenv("NO_COLOR") != ""
	o.timeoutSet = f.Changed("timeout")
	if err := o.past.check(cmd); err != nil {
		return err
	}
	if err := checkFormat(cmd, o.output); err != nil {
		return err
	}
	if o.progress && o.noProgress {
		return usagef("--progress and --no-progress contradict each other")
	}
	if o.timeout <= 0 {
		return usagef("--timeout is %s; it must be longer than nothing", o.timeout)
	}
	return nil
}

// bounded is a command's context, which ends by itself only if --timeout was given:
// reading or copying a log takes as long as it is.
func (o *globalOptions) bounded(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	if !o.timeoutSet {
		return cmd.Context(), func() {}
	}
	return context.WithTimeout(cmd.Context(), o.timeout)
}

// client returns a client of the ledger.
func (o *globalOptions) client() (*api.Client, error) {
	c, err := api.NewClient(api.ClientConfig{URL: o.api, Token: o.token, App: o.app})
	if err != nil {
		return nil, usagef("%w; check --api, --token, --app and RECALL_API, RECALL_TOKEN, RECALL_APP", err)
	}
	return c, nil
}

// action is what a command does with a ledger.
type action func(ctx context.Context, client *api.Client, p *printer, args []string) error

// ask makes a command of an action that is answered soon, or times out.
func (o *globalOptions) ask(f action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if o.past.given && !o.timeoutSet {
			o.timeout = pastTimeout
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
		defer cancel()
		client, err := o.client()
		if err != nil {
			return err
		}
		return o.at(cmd, client, f)(ctx, args)
	}
}

// follow is ask for what may last: it times out only if a flag says when.
func (o *globalOptions) follow(f action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if o.timeoutSet {
			return o.ask(f)(cmd, args)
		}
		client, err := o.client()
		if err != nil {
			return err
		}
		return o.at(cmd, client, f)(cmd.Context(), args)
	}
}

// shownAPI is the API's URL without a password somebody may have put into it.
func (o *globalOptions) shownAPI() string { return redacted(o.api) }

func redacted(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return "(not a URL)"
	}
	return u.Redacted()
}

// showProgress reports whether to show how far something is: on a terminal,
// unless a flag says otherwise.
func (o *globalOptions) showProgress(w io.Writer) bool {
	return !o.noProgress && (o.progress || !o.quiet && isTerminal(w))
}

// isTerminal reports whether a stream is somebody's screen or keyboard.
func isTerminal(stream any) bool {
	f, ok := stream.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// pageFlags select a page of a list.
type pageFlags struct {
	cursor string
	limit  int
}

func (p *pageFlags) register(f *pflag.FlagSet) {
	f.StringVar(&p.cursor, "cursor", "", "where the page before ended")
	f.IntVar(&p.limit, "limit", 0, "how many entries at most (default: the ledger's page, 50)")
}

func (p *pageFlags) options() (api.ListOptions, error) {
	if p.limit < 0 {
		return api.ListOptions{}, usagef("--limit is %d; it must not be negative", p.limit)
	}
	return api.ListOptions{Cursor: p.cursor, Limit: p.limit}, nil
}
