package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger/showcase"
)

func (o *globalOptions) showcase(cmd *cobra.Command) error {
	for _, other := range []string{"devices", "real-devices", "seed", "data", "keep", "partitions"} {
		if cmd.Flags().Changed(other) {
			return usagef("--%s does not go with --vendors, which always plays the same", other)
		}
	}
	p := o.printer(cmd)
	r, err := showcase.Run(cmd.Context(), showcase.Config{Clock: time.Now, Version: build().Version})
	if err != nil && !errors.Is(err, showcase.ErrNotExact) {
		return err
	}
	return errors.Join(p.value(r, func() error { return p.showcase(&r) }), err)
}

// showcase prints a table for each round, and what it comes to.
func (p *printer) showcase(r *showcase.Report) error {
	for i := range r.Rounds {
		if err := p.round(&r.Rounds[i]); err != nil {
			return err
		}
	}
	if r.Exact {
		_, err := fmt.Fprintln(p.out, "account: exact")
		return err
	}
	fmt.Fprintln(p.out, "account: NOT EXACT")
	for _, f := range r.Found {
		if err := p.wrapped("  ", f); err != nil {
			return err
		}
	}
	return nil
}

func (p *printer) round(r *showcase.Round) error {
	what := fmt.Sprintf("Push %s, slot %s: %s %s", r.Push, r.Slot, r.Action, r.Recall)
	if r.Replacement != "" {
		what += " by " + r.Replacement + ", with force"
	}
	calls := 0
	for _, c := range r.Channels {
		calls += c.Calls
	}
	what += fmt.Sprintf(", settled in %d ms with %d calls. Those that were throttled or failed were made again.", r.TookMS, calls)
	if err := p.wrapped("", what); err != nil {
		return err
	}
	fmt.Fprintln(p.out)
	g := p.grid(column{name: "channel"}, column{name: "method"}, column{name: "devices", right: true},
		column{name: "screens show now"}, column{name: "outcomes"}, column{name: "clicked"})
	accepted, forced := "", false
	for i := range r.Channels {
		c := &r.Channels[i]
		m := method(channels.Method(c.Method))
		if c.Forced {
			m.text, forced = "forced", true
		}
		clicked := fmt.Sprintf("%d untouched", c.Untouched)
		if c.Accepted > 0 {
			clicked = fmt.Sprintf("%d taken too", c.Accepted)
			accepted += fmt.Sprintf(", %d on %s", c.Accepted, c.Channel)
		}
		g.row(c.Channel, m, c.Devices, mixed(c.Screens), mixed(c.Outcomes), clicked)
	}
	if err := g.render(p.out); err != nil {
		return err
	}
	fmt.Fprintln(p.out)
	if accepted != "" {
		if err := p.wrapped("whole sends: ", "the message went from those who had read it as well, as whole_sends accepts: "+strings.TrimPrefix(accepted, ", ")); err != nil {
			return err
		}
		fmt.Fprintln(p.out)
	}
	if forced {
		if err := p.wrapped("forced: ", "the channel cannot replace, so the new notification is shown beside the old one"); err != nil {
			return err
		}
		fmt.Fprintln(p.out)
	}
	return nil
}

// mixed says how many there are of each, the most first; where all are alike, only
// what they are.
func mixed[K ~string](counts map[K]int) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	if len(keys) == 1 {
		return string(keys[0])
	}
	var parts []string
	for _, k := range keys {
		parts = append(parts, fmt.Sprintf("%d %s", counts[k], k))
	}
	return strings.Join(parts, ", ")
}
