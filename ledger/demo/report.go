package demo

import (
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The parts of the story, in the order in which they are told.

func (d *display) started(p *play, took time.Duration) {
	d.line("A ledger is running at http://%s (started in %s).", p.node.Address(), span(took))
	if p.c.Dir != "" {
		d.line("Its data is in %s, and stays there.", p.dir)
	}
	d.line("%s simulated devices on %d channels and %d real ones; seed %d.",
		number(p.state.Devices), len(p.campaign.lanes), p.state.Phones, p.state.Seed)
	if n := p.state.Partitions; n > 1 {
		d.line("The log has %d partitions; the push goes into partition %d, another one into each of the others.", n, p.home)
	}
	if p.state.Runs > 1 {
		where := map[step]string{
			sending: "before the recall", asking: "while the recall was asked for",
			recalled: "while the recall was carried out", finished: "at its end",
		}[p.state.Step]
		d.line("This demo was broken off %s; it goes on from there (run %d).", where, p.state.Runs)
	}
	d.line("")
}

func (d *display) announced(p *play) {
	d.line("1. A push goes out to everybody: %q", title)
	d.text("%s shows it and its user clicks. %s it, unclicked. %s is switched off.",
		p.phones.list[phoneClicks].id, waiting(p.phones.list), p.phones.list[phoneComesLater].id)
	d.line("")
}

// waiting names the phones that show the push, with their verb.
func waiting(list []*phone) string {
	first, others := list[phoneLosesLine].id, list[phonesMin:]
	switch len(others) {
	case 0:
		return first + " shows"
	case 1:
		return first + " and " + others[0].id + " show"
	case 2:
		return first + ", " + others[0].id + " and " + others[1].id + " show"
	}
	return first + " and " + others[0].id + " to " + others[len(others)-1].id + " show"
}

func (d *display) sent(p *play, reports int, stored, folded time.Duration) {
	packets := p.campaign.cut
	d.line("2. The services report over HTTP what they sent and what devices said, out of order, some twice")
	if reports == 0 {
		d.text("All of it was on the log already.")
	} else {
		d.text("%s facts in %s events: on disk in %s (%s a second), queryable in %s.",
			number(reports), number(packets), span(stored), number(int(float64(reports)/max(stored.Seconds(), 1e-9))), span(folded))
	}
	d.line("")
}

// inOrder sorts what is said of channels as the campaign lists them, the real
// devices' channel last.
func inOrder[C any](p *play, list []C, channel func(C) string) []C {
	place := func(c C) int {
		if i, ok := p.campaign.lane(channel(c)); ok {
			return i
		}
		return len(p.campaign.lanes)
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b C) int { return place(a) - place(b) })
}

func (d *display) preview(p *play, v *decision.Preview) {
	d.line("3. The price is wrong. What would a recall do now?")
	d.line("")
	var rows [][]string
	for _, c := range inOrder(p, v.Channels, func(c decision.PreviewChannel) string { return c.Channel }) {
		rows = append(rows, []string{
			c.Channel, string(c.Method), figure(c.Certain), figure(c.Possible), figure(c.Clicked), figure(c.Unreachable),
		})
	}
	t := &v.Total
	d.table([]string{"channel", "method", "certain", "possible", "clicked, left alone", "unreachable"}, rows,
		[]string{"total", "", figure(t.Certain), figure(t.Possible), figure(t.Clicked), figure(t.Unreachable)})
}

func (d *display) accepted(p *play, anew bool) {
	d.line("4. Recall %s, accepted at position %s", p.state.Recall, events.Position{Partition: p.home, Seq: p.state.Position})
	if anew {
		d.text("%s has just lost its connection. Reports of deliveries and clicks go on arriving.", p.phones.list[phoneLosesLine].id)
	} else {
		d.text("Reports of deliveries and clicks go on arriving.")
	}
	d.text("The vendors are simulated: some calls are throttled, some get no answer, some are refused.")
	d.line("")
}

func (d *display) settled(p *play) {
	d.line("")
	d.text("From acceptance to the last planned command: at most %s. To the last outcome: %s.", span(d.commanded), span(d.settledAt))
	if p.state.Runs > 1 {
		d.text("(Both include the time this demo was not running.)")
	}
	d.line("")
}

func (d *display) phones(p *play) {
	l := p.phones.list
	d.line("5. %s is connected again, %s for the first time", l[phoneLosesLine].id, l[phoneComesLater].id)
	d.text("%s takes the push off its screen and %s never shows it; both confirm. %s clicked before the recall and is left alone.",
		l[phoneLosesLine].id, l[phoneComesLater].id, l[phoneClicks].id)
	d.line("")
}

func (d *display) refusal(problem *api.Problem) {
	d.line("6. The same recall once more: %d %s", problem.Status, problem.Code)
	d.text("%s", problem.Detail)
	d.text("Clients of TIMPush get this refusal as 90050, those of JPush as 1015055.")
	d.line("")
}

func (d *display) account(p *play, push *projections.Push, r *projections.Recall) {
	d.line("7. The closing account")
	d.line("")
	var rows [][]string
	for _, c := range inOrder(p, push.Channels, func(c projections.PushChannel) string { return c.Channel }) {
		row := []string{c.Channel}
		for f := range facts {
			row = append(row, figure(c.Funnel[f.String()]))
		}
		rows = append(rows, row)
	}
	head := []string{"what happened"}
	for f := range facts {
		head = append(head, f.String())
	}
	d.table(head, rows, nil)
	rows = nil
	line := func(name string, c *projections.RecallCounts) []string {
		return []string{
			name, figure(c.Planned), figure(c.Late), figure(c.Accepted), figure(c.Confirmed), figure(c.Skipped),
			figure(c.Refused), figure(c.Unsupported), figure(c.Expired), figure(c.Open()),
		}
	}
	for _, c := range inOrder(p, r.Channels, func(c projections.RecallChannel) string { return c.Channel }) {
		rows = append(rows, line(c.Channel, &c.RecallCounts))
	}
	d.table([]string{"recall", "planned", "late", "accepted", "confirmed", "skipped", "refused", "unsupported", "expired", "open"},
		rows, line("total", &r.Total))
	d.wrapped("  ", "planned held it when the recall was accepted, late came after; accepted: the vendor obeyed; "+
		"confirmed: the device said so; skipped: clicked or cleared first; refused: a dead token; unsupported: no way back.")
	d.line("")
}

func (d *display) receipts(heading string, a api.NotificationAnswer) {
	d.line("%s", heading)
	d.line("")
	for _, h := range a.History {
		what := string(h.Kind)
		switch {
		case h.Kind == events.CommandIssued:
			what += ": " + h.Reason
		case h.Reason != "":
			what += " (" + h.Reason + ")"
		}
		d.line("  %-10s %s  %s", h.Position, h.Stored.Local().Format("15:04:05.000"), what)
	}
	d.line("")
}

// verdict says what was compared, and whether it is the same.
func (d *display) verdict(p *play, r *projections.Recall, t *tally) {
	c := &r.Total
	d.line("9. The account against the demo's own books")
	d.text("%s planned and %s late make %s; each of them has one outcome.", number(c.Planned), number(c.Late), number(c.Planned+c.Late))
	d.text("%s compared one by one: what happened, how it came in, its outcome.", counted(t.compared, "notification", "notifications"))
	d.text("The vendors made %s for %s and changed %s, none twice.",
		counted(t.calls, "device call", "device calls"), counted(t.devices, "device", "devices"), counted(t.touched, "phone", "phones"))
	if t.violations == 0 {
		d.text("No vendor was called for a device whose click stood in the log when the call was prepared.")
	}
	if t.closeCalls > 0 {
		d.text("%s while the call was on its way, by %d ms at most.",
			counted(t.closeCalls, "click was acknowledged", "clicks were acknowledged"), t.close)
	}
	if t.told > 0 {
		d.text("%s reported only after the vendor's call.", counted(t.told, "click or clear was", "clicks and clears were"))
	}
	if p.state.Partitions > 1 && p.found.none() {
		d.text("The pushes in the other partitions have no recall, and all their devices still hold them.")
	}
	if t.lost > 0 {
		d.text("%s been called just before a crash and clicked by the restart: skipped, as the log has no answer.", counted(t.lost, "device had", "devices had"))
	}
	d.line("")
	if p.found.none() {
		d.line("account: exact")
		return
	}
	d.line("account: NOT EXACT")
	for _, f := range p.found.list {
		d.text("%s", f)
	}
	if p.found.more > 0 {
		d.text("and %d more", p.found.more)
	}
}

func (d *display) over(exact bool) {
	result := "exact"
	if !exact {
		result = "NOT EXACT"
	}
	d.line("This demo is finished. Look around in it with --keep, or name another folder for a new one.")
	d.line("")
	d.line("account: %s", result)
}

func (d *display) keeping(p *play) {
	base := "http://" + p.node.Address()
	d.line("")
	d.line("The ledger goes on running until Ctrl-C. Look around in another terminal:")
	d.line("")
	d.line("  export RECALL_API=%s RECALL_APP=%s", base, appName)
	for _, args := range []string{
		"push get " + pushName, "get " + p.state.Recall, "devices " + p.state.Recall + " --outcome skipped",
		"notification " + pushName + " phone-2", "create " + pushName + " --action recall",
	} {
		d.line("  recall %s", args)
	}
	d.line("  curl -H 'Recall-App: %s' %s/v1/recalls/%s", appName, base, p.state.Recall)
	d.line("")
}
