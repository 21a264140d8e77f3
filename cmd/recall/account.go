package main

import (
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// recall shows a recall with its account.
func (p *printer) recall(r *projections.Recall, now time.Time) error {
	facts := []fact{{"recall", r.Recall}, {"push", r.Push}, {"action", r.Action}, {"state", recallState(r, now)}}
	switch s := r.Scope; {
	case s.User != "":
		facts = append(facts, fact{"scope", "the devices of user " + s.User})
	case s.Device != "":
		facts = append(facts, fact{"scope", words("device "+s.Device, s.Channel)})
	}
	if n := r.Replaces; n != nil {
		facts = append(facts, fact{"new push", words(n.Push, n.Title)})
	}
	facts = append(facts, fact{"by", r.By}, fact{"reason", r.Reason},
		fact{"accepted", instant(r.At) + " at position " + r.Position.String()},
		fact{"progress", share(r)})
	if err := p.facts(facts...); err != nil {
		return err
	}
	if len(r.Channels) == 0 {
		return nil
	}
	fmt.Fprintln(p.out)
	return p.account(r)
}

func recallState(r *projections.Recall, now time.Time) string {
	switch {
	case r.State != ledger.Running && !r.ClosedAt.IsZero():
		return string(r.State) + " at " + instant(r.ClosedAt)
	case r.State != ledger.Running:
		return string(r.State)
	case r.Settled:
		return "running, settled; late arrivals are taken back too, window: " + left(r.Deadline, now)
	}
	return "running, window: " + left(r.Deadline, now)
}

// share is how much of a recall is done.
func share(r *projections.Recall) string {
	all := r.Total.Planned + r.Total.Late
	if all == 0 {
		return "100.0%, nobody holds it"
	}
	return fmt.Sprintf("%s, %s of %s", percent(r.Percent), number(r.Total.Done()), plural(all, "notification", "notifications"))
}

// progressText is a recall's progress in one line.
func progressText(r *projections.Recall) string {
	t := r.Total
	text := share(r)
	var parts []string
	for _, c := range outcomes(t) {
		if c.n > 0 {
			parts = append(parts, number(c.n)+" "+c.name)
		}
	}
	if t.Late > 0 {
		parts = append(parts, number(t.Late)+" late")
	}
	if len(parts) > 0 {
		text += ": " + words(parts...)
	}
	return text
}

// counted is an outcome with its number.
type counted struct {
	name string
	n    uint32
}

// outcomes are the places a notification can have in a recall, in the order of
// its life.
func outcomes(c projections.RecallCounts) []counted {
	return []counted{
		{"waiting", c.Waiting}, {"pending", c.Pending}, {"accepted", c.Accepted}, {"confirmed", c.Confirmed},
		{"refused", c.Refused}, {"skipped", c.Skipped}, {"unsupported", c.Unsupported}, {"expired", c.Expired},
	}
}

// account shows a recall channel by channel. Columns that say nothing but zero
// are left out, so that it fits a narrow screen.
func (p *printer) account(r *projections.Recall) error {
	columns := []column{{name: "channel"}, {name: "planned", right: true}}
	late := r.Total.Late > 0
	if late {
		columns = append(columns, column{name: "late", right: true})
	}
	var shown []int
	for i, c := range outcomes(r.Total) {
		if c.n > 0 {
			shown = append(shown, i)
			columns = append(columns, column{name: c.name, right: true})
		}
	}
	columns = append(columns, column{name: "t50", right: true}, column{name: "t99", right: true})
	g := p.grid(columns...)
	row := func(name string, c projections.RecallCounts, times ...any) []any {
		cells := []any{name, c.Planned}
		if late {
			cells = append(cells, c.Late)
		}
		all := outcomes(c)
		for _, i := range shown {
			cells = append(cells, all[i].n)
		}
		return append(cells, times...)
	}
	for i := range r.Channels {
		c := &r.Channels[i]
		g.row(row(c.Channel, c.RecallCounts, milliseconds(c.T50), milliseconds(c.T99))...)
	}
	if len(r.Channels) > 1 {
		g.total(row("all", r.Total, "", "")...)
	}
	return g.render(p.out)
}
