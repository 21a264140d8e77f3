package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// createFlags are the flags of recall create.
type createFlags struct {
	targetFlags
	reason string
	key    string
	yes    bool
	watch  bool
}

func newCreateCommand(o *globalOptions) *cobra.Command {
	var t createFlags
	c := &cobra.Command{
		Use:   "create PUSH --action ACTION",
		Short: "Take a push back",
		Long: `Take a push back from every device that still holds it unclicked.

    cancel     a scheduled push that has not started never starts
    terminate  what is not delivered yet stays undelivered
    recall     terminate, and remove or overwrite what is shown and unclicked
    override   terminate, and put a new push in the place of the old one

On a terminal the preview is shown and confirmed first, unless --yes says that
all is decided; elsewhere --yes is required. A push is taken back once: a second
recall is refused with exit code 4 and names the first.

The request carries an idempotency key, so that repeating it after a lost answer
gives the first answer again instead of a refusal: give your own with --key, or
repeat with the one that is printed when an answer was lost.`,
		Example: `  recall create order-4711 --action recall --reason "wrong price" --watch
  recall create order-4711 --action recall --yes --key incident-42
  recall create order-4711 --action override --title "Autumn sale" --body "Everything for 100 ¥"`,
		Args: arguments("PUSH"),
		RunE: func(cmd *cobra.Command, args []string) error { return o.create(cmd, &t, args[0]) },
	}
	t.register(c)
	f := c.Flags()
	f.StringVar(&t.reason, "reason", "", "why, for people to read later")
	f.StringVar(&t.key, "key", "", "idempotency key: the same key and request get the same answer (default: a new one)")
	f.BoolVarP(&t.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&t.watch, "watch", false, "follow the recall until every command has its outcome")
	return c
}

func (o *globalOptions) create(cmd *cobra.Command, t *createFlags, push string) error {
	r, err := t.request(cmd, push)
	if err != nil {
		return err
	}
	r.Reason = t.reason
	ask := isTerminal(cmd.InOrStdin()) && isTerminal(cmd.ErrOrStderr())
	if !t.yes && !ask {
		return usagef("nobody can be asked here: say --yes to take the push back without a question; recall preview shows what it would do")
	}
	client, err := o.client()
	if err != nil {
		return err
	}
	p := o.printer(cmd)
	if !t.yes {
		if err := o.confirm(cmd, client, r, t.key != ""); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	a, err := requestRecall(ctx, client, r, t.key)
	if err != nil {
		return err
	}
	if err := p.accepted(a, t.watch, time.Now()); err != nil || !t.watch {
		return err
	}
	return o.watch(cmd, client, a.Recall, untilSettled)
}

// requestRecall asks for a recall under an idempotency key. When no answer
// came the recall may be accepted all the same, so the error says how to find
// out: by asking the same under the same key.
func requestRecall(ctx context.Context, client *api.Client, r api.RecallRequest, key string) (api.RecallAnswer, error) {
	if key == "" {
		key = "cli-" + strings.ToLower(rand.Text())
	}
	a, err := client.Recall(ctx, r, key)
	var refusal *api.Problem
	if err == nil || errors.As(err, &refusal) && refusal.Code != "unknown-result" || isRefusedConnection(err) {
		return a, err
	}
	code := exitError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		code = exitTimeout
	case errors.Is(err, context.Canceled):
		code = exitInterrupted
	}
	return a, exitf(code, "the answer was lost (%w), so the push may be taken back or not; repeat the command with --key %s to find out, it is safe", err, key)
}

// accepted prints the answer. Where a watch follows, whose lines are JSON too,
// it takes one line like them.
func (p *printer) accepted(a api.RecallAnswer, watched bool, now time.Time) error {
	if p.format == formatJSON && watched {
		return p.line(a)
	}
	return p.value(a, func() error {
		text := fmt.Sprintf("%s: %s of push %s accepted", a.Recall, a.Action, a.Push)
		if a.Replayed {
			text += " before, under the same key"
		}
		if a.Replacement != "" {
			text += ", new push " + a.Replacement
		}
		if err := p.say("%s; %s to carry it out", text, left(a.Deadline, now)); err != nil {
			return err
		}
		if !watched {
			p.note("Follow it with: recall watch %s", a.Recall)
		}
		return nil
	})
}

// confirm shows the preview and asks. With a key of the caller's own a refusal
// is no end: the request may be a repetition, which gets its first answer.
func (o *globalOptions) confirm(cmd *cobra.Command, client *api.Client, r api.RecallRequest, keyed bool) error {
	ctx, cancel := context.WithTimeout(cmd.Context(), o.timeout)
	defer cancel()
	v, err := client.Preview(ctx, r)
	if err != nil {
		return err
	}
	// The question and what it is about belong together, and standard output is
	// for the answer.
	p := o.printer(cmd)
	p.out = cmd.ErrOrStderr()
	if err := p.preview(r, v); err != nil {
		return err
	}
	if err := refused(v); err != nil && !keyed {
		return err
	}
	fmt.Fprintf(p.out, "\nGo on with the %s of %s? [y/N] ", r.Action, clean(target(r)))
	return answered(cmd.Context(), bufio.NewReader(cmd.InOrStdin()))
}

// answered waits for a yes, or for a signal.
func answered(ctx context.Context, in *bufio.Reader) error {
	answer := make(chan string, 1)
	go func() {
		// A broken input is no yes.
		line, _ := in.ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case s := <-answer:
		if s == "y" || s == "yes" {
			return nil
		}
		return exitf(exitAborted, "nothing was done")
	}
}
