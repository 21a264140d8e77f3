package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// readyEvery is how often a node that is waited for is asked.
const readyEvery = 100 * time.Millisecond

func newReadyCommand(o *globalOptions) *cobra.Command {
	var wait time.Duration
	c := &cobra.Command{
		Use:   "ready",
		Short: "Say whether a ledger takes requests, or wait until it does",
		Long: `Ask a ledger whether it takes requests, and with --wait until it does. For
scripts, and for health checks of containers that have no other tool.`,
		Example: "  recall ready\n  recall serve & recall ready --wait 30s && recall publish -f events.ndjson",
		Args:    arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := o.client(); err != nil {
			return err
		}
		s, err := o.waitReady(cmd.Context(), wait)
		if err != nil {
			return err
		}
		p := o.printer(cmd)
		return p.value(s, func() error { return p.say("ready, version %s", s.Version) })
	}
	c.Flags().DurationVar(&wait, "wait", 0, "how long to wait for it")
	return c
}

// waitReady asks until the answer is yes or the wait is over. Without a wait it
// asks once.
func (o *globalOptions) waitReady(ctx context.Context, wait time.Duration) (api.Status, error) {
	over := time.After(wait)
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		s, err := o.askReady(ctx)
		if err == nil || wait <= 0 {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-over:
			_, why := explain(err, o)
			return s, exitf(exitTimeout, "not ready within %s: %s", wait, why)
		case <-tick.C:
		}
	}
}

func (o *globalOptions) askReady(ctx context.Context) (api.Status, error) {
	var s api.Status
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(o.api, "/")+"/readyz", nil)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return s, err
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(b, &s); err != nil || s.Status == "" {
			return s, fmt.Errorf("what answers at %s is not a ledger", o.shownAPI())
		}
		return s, nil
	}
	p := &api.Problem{}
	if json.Unmarshal(b, p) != nil || p.Code == "" {
		return s, fmt.Errorf("what answers at %s is not a ledger: %s", o.shownAPI(), resp.Status)
	}
	return s, errors.New("not ready: " + p.Error())
}
