package audit

import (
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// command checks whom a command names.
func (a *auditor) command(u *push, d *events.Command, m events.Message) {
	if !strings.HasSuffix(m.Subject, "."+d.Channel) {
		return // the ledger quarantines it
	}
	r := u.find(d.Recall)
	if r == nil {
		a.report.violate(Trace, m.Position, "commands recall %q, which push %q has not", d.Recall, u.id.push)
		return
	}
	r.successor.tell(m)
	for _, device := range d.Devices {
		n, known := u.channel(d.Channel).numbers[device]
		k := r.mark(d.Channel, n)
		switch {
		case !known || k.due == unconcerned:
			a.report.violate(Widened, m.Position, "commands device %q on channel %s, whom recall %q does not concern", device, d.Channel, d.Recall)
			continue
		case k.last == 0 && d.Redrive:
			a.report.violate(Once, m.Position, "re-drives device %q on channel %s, who was never commanded", device, d.Channel)
		case k.last != 0 && !d.Redrive:
			a.report.violate(Once, m.Position, "commands device %q on channel %s again; the first command is %d", device, d.Channel, k.first)
		case k.last != 0 && (k.outcome != ledger.OutcomeRefused || k.redriven):
			a.report.violate(Once, m.Position, "re-drives device %q on channel %s, whose outcome is %s", device, d.Channel, k.outcome)
		}
		if k.first == 0 {
			k.first = m.Seq
		}
		k.last, k.redriven = m.Seq, d.Redrive
		r.set(d.Channel, n, k)
		if ended := u.channels[d.Channel].ended[n]; ended != 0 {
			// It clicked between the recall and this command, which whoever
			// carries it out must see.
			a.report.Dropped++
		}
	}
}

// called reports an outcome that says a vendor was called.
func called(o ledger.Outcome) bool {
	return o == ledger.OutcomeAccepted || o == ledger.OutcomeRefused || o == ledger.OutcomeConfirmed
}

// outcome checks what came of commands.
func (a *auditor) outcome(u *push, kind events.Kind, d *events.Outcome, m events.Message) {
	o, ok := ledger.OutcomeOf(kind)
	r := u.find(d.Recall)
	if !ok || r == nil {
		a.report.violate(Trace, m.Position, "tells an outcome of recall %q, which push %q has not", d.Recall, u.id.push)
		return
	}
	for _, device := range d.Devices {
		n, known := u.channel(d.Channel).numbers[device]
		k := r.mark(d.Channel, n)
		if !known || k.first == 0 {
			// A device may say on its own that it is done, before or without a command.
			if d.Command != 0 || o != ledger.OutcomeConfirmed {
				a.report.violate(Trace, m.Position, "tells %s of device %q on channel %s, whom recall %q never commanded", o, device, d.Channel, d.Recall)
			}
			continue
		}
		if d.Command != 0 {
			a.answer(u, r, o, d, m, target{d.Channel, device}, k)
		}
		// Greater ones win, as in the ledger.
		if o > k.outcome {
			k.outcome, k.attempt = o, uint16(d.Attempt)
		}
		if d.Command == k.last {
			k.redriven = false
		}
		if d.Command != 0 {
			k.answered = d.Command
		}
		r.set(d.Channel, n, k)
		if o == ledger.OutcomeConfirmed {
			u.channels[d.Channel].facts[n] |= ledger.Removed
		}
	}
}

// answer checks an outcome against the command it is of.
func (a *auditor) answer(u *push, r *recall, o ledger.Outcome, d *events.Outcome, m events.Message, t target, k mark) {
	n := u.channels[t.channel].numbers[t.device]
	switch {
	case d.Command < k.first || d.Command > k.last:
		a.report.violate(Trace, m.Position, "answers command %d for device %q on channel %s, whose commands are %d to %d", d.Command, t.device, t.channel, k.first, k.last)
	case d.Command == k.answered && contradict(k.outcome, o) && overtaken(k, d):
		a.report.Overtaken++
	case d.Command == k.answered && contradict(k.outcome, o):
		a.report.violate(Ended, m.Position, "says %s of device %q on channel %s, whose command %d ended as %s before", o, t.device, t.channel, d.Command, k.outcome)
	}
	if ended := u.channels[t.channel].ended[n]; called(o) && ended != 0 && ended < d.Command {
		a.report.violate(Clicked, m.Position, "says %s of device %q on channel %s: a vendor was called, and its click or clear stands at %d, before command %d of recall %q",
			o, t.device, t.channel, ended, d.Command, r.Recall)
	}
}

// contradict reports two outcomes of one command that cannot both be. A device
// may confirm what its vendor only accepted, and an outcome may be told twice.
func contradict(before, now ledger.Outcome) bool {
	ends := func(o ledger.Outcome) bool {
		return o == ledger.OutcomeAccepted || o == ledger.OutcomeRefused || o == ledger.OutcomeSkipped || o == ledger.OutcomeUnsupported
	}
	return before != now && ends(before) && ends(now)
}

// overtaken reports whether two outcomes are of two deliveries of the command. A
// node that is held up between its vendor call and the log loses the command to
// another, which may find a click by then; what the first says later is true all
// the same, and must be told. The greater one counts, in the ledger and here.
func overtaken(k mark, d *events.Outcome) bool {
	return k.attempt != 0 && d.Attempt != 0 && k.attempt != uint16(d.Attempt)
}

// closed checks what a recall leaves behind.
func (a *auditor) closed(u *push, kind events.Kind, d *events.Closed, m events.Message) {
	r := u.find(d.Recall)
	if r == nil {
		a.report.violate(Trace, m.Position, "closes recall %q, which push %q has not", d.Recall, u.id.push)
		return
	}
	if r.state != ledger.Running {
		return // the first end stands
	}
	if kind == events.RecallAborted {
		r.state = ledger.Aborted
		a.release(u, r, m)
		return
	}
	r.state = ledger.Completed
	u.each(r, func(t target, _ int, k mark) {
		switch {
		case k.first == 0:
			a.report.violate(Forgotten, m.Position, "completes recall %q, but device %q on channel %s got no command", d.Recall, t.device, t.channel)
		case k.outcome == ledger.Pending:
			a.report.violate(Ended, m.Position, "completes recall %q, but command %d has no outcome for device %q on channel %s", d.Recall, k.last, t.device, t.channel)
		}
	})
}

// release offers what an aborted recall did not carry out to those that still
// run.
func (a *auditor) release(u *push, r *recall, m events.Message) {
	var free []target
	u.each(r, func(t target, _ int, k mark) {
		if !r.keeps(k) {
			free = append(free, t)
		}
	})
	for _, t := range free {
		a.arrive(u, t, m)
	}
}

// finish counts where everybody stands at the end of the log.
func (a *auditor) finish() {
	for _, u := range a.pushes {
		for _, r := range u.recalls {
			if r.state == ledger.Running {
				a.report.Running++
			}
			u.each(r, func(_ target, _ int, k mark) {
				switch {
				case k.first != 0:
					a.report.Commanded++
					a.report.Outcomes[k.outcome.String()]++
				case r.state == ledger.Running:
					a.report.Owed++
				default:
					a.report.Released++
				}
			})
		}
	}
}
