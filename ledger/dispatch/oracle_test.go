package dispatch_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// entry is an event with its place in the log.
type entry struct {
	*events.Event
	seq events.Seq
}

// entries reads the log; what nobody can decode is passed over.
func (w *world) entries(kinds ...events.Kind) []entry {
	w.t.Helper()
	var list []entry
	if err := w.log.Read(w.ctx, events.Range{}, func(m events.Message) error {
		e, err := events.Decode(m.Data)
		if err == nil && events.CheckSubject(m.Subject, 0, &e.Header) == nil && slices.Contains(kinds, e.Kind) {
			list = append(list, entry{e, m.Seq})
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return list
}

// commands lists the commands of a recall as they stand in the log.
func (w *world) commands(recall string) []*events.Command {
	w.t.Helper()
	var list []*events.Command
	for _, e := range w.entries(events.CommandIssued) {
		if c := e.Data.(*events.Command); c.Recall == recall {
			list = append(list, c)
		}
	}
	return list
}

// commanded returns how often each channel and device of a recall was commanded,
// re-driven commands apart.
func (w *world) commanded(recall string) map[string]int {
	w.t.Helper()
	n := map[string]int{}
	for _, c := range w.commands(recall) {
		if c.Redrive {
			continue
		}
		for _, d := range c.Devices {
			n[c.Channel+" "+d]++
		}
	}
	return n
}

// once checks that the recall commanded exactly these devices, each once (L8).
func (w *world) once(recall string, want map[string][]string) {
	w.t.Helper()
	got := w.commanded(recall)
	for ch, devices := range want {
		for _, d := range devices {
			if n := got[ch+" "+d]; n != 1 {
				w.t.Errorf("%s: %d commands for %s on %s, want 1", recall, n, d, ch)
			}
			delete(got, ch+" "+d)
		}
	}
	if len(got) > 0 {
		w.t.Errorf("%s commanded what it should not: %v", recall, slices.Sorted(maps.Keys(got)))
	}
}

func outcomeKinds() []events.Kind {
	return []events.Kind{
		events.OutcomeAccepted, events.OutcomeConfirmed, events.OutcomeRefused,
		events.OutcomeSkipped, events.OutcomeUnsupported, events.OutcomeExpired,
	}
}

// outcomes returns the outcomes of a recall per device as they stand in the log,
// in order, as "accepted" or "refused unknown-result".
func (w *world) outcomes(recall string) map[string][]string {
	w.t.Helper()
	n := map[string][]string{}
	for _, e := range w.entries(outcomeKinds()...) {
		o := e.Data.(*events.Outcome)
		if o.Recall != recall {
			continue
		}
		text := string(e.Kind[len("outcome."):])
		if o.Reason != "" {
			text += " " + o.Reason
		}
		for _, d := range o.Devices {
			n[o.Channel+" "+d] = append(n[o.Channel+" "+d], text)
		}
	}
	return n
}

// ended checks that each of these devices has exactly one outcome: the one given.
func (w *world) ended(recall, channel string, devices []string, want string) {
	w.t.Helper()
	got := w.outcomes(recall)
	for _, d := range devices {
		if o := got[channel+" "+d]; len(o) != 1 || o[0] != want {
			w.t.Errorf("%s: outcomes of %s on %s are %q, want one %q", recall, d, channel, o, want)
		}
	}
}

// balanced checks that a settled recall's account adds up with the log (L8).
func (w *world) balanced(v *projections.Recall) {
	w.t.Helper()
	var sum projections.RecallCounts
	for _, c := range v.Channels {
		sum = sum.Add(c.RecallCounts)
	}
	if sum != v.Total {
		w.t.Errorf("%s: the channels sum up to %+v, the total is %+v", v.Recall, sum, v.Total)
	}
	commanded, outcomes := w.commanded(v.Recall), w.outcomes(v.Recall)
	if n := int(v.Total.Planned + v.Total.Late); n != len(commanded) || n != len(outcomes) || n != int(v.Total.Done()) {
		w.t.Errorf("%s: %d notifications, %d commanded, %d with outcome on the log, %d done",
			v.Recall, n, len(commanded), len(outcomes), v.Total.Done())
	}
	for device, n := range commanded {
		if o := outcomes[device]; n != 1 || len(o) != 1 {
			w.t.Errorf("%s: %s has %d commands and the outcomes %q, want one and one", v.Recall, device, n, o)
		}
	}
}

// checkCalls checks every vendor call of the test against the log: it had a
// command before it, kept to the matrix, and named nobody who had clicked or
// cleared at or before the position it was made as of (L7).
func (w *world) checkCalls() {
	w.t.Helper()
	type device struct{ push, channel, device string }
	ended := map[device]events.Seq{}
	for _, e := range w.entries(events.ClickClicked, events.DisplayCleared) {
		f := e.Data.(*events.Fact)
		for _, d := range f.Devices {
			k := device{e.Push, f.Channel, d}
			if ended[k] == 0 {
				ended[k] = e.seq
			}
		}
	}
	issued := map[string]bool{}
	for _, e := range w.entries(events.CommandIssued) {
		c := e.Data.(*events.Command)
		for _, d := range c.Devices {
			issued[fmt.Sprint(c.Recall, " ", c.Channel, " ", d)] = true
		}
	}
	for _, a := range w.audits {
		row, _ := channels.Lookup(channels.Native, a.channel)
		for _, c := range a.calls {
			if row.PerCall > 0 && len(c.Devices) > row.PerCall {
				w.t.Errorf("a call on %s named %d devices, the limit is %d", a.channel, len(c.Devices), row.PerCall)
			}
			for _, d := range c.Devices {
				if seq := ended[device{c.Push, a.channel, d}]; seq != 0 && seq <= c.AsOf {
					w.t.Errorf("%s on %s was called as of %d, but had ended at %d", d, a.channel, c.AsOf, seq)
				}
				if !issued[fmt.Sprint(c.Recall, " ", a.channel, " ", d)] {
					w.t.Errorf("%s on %s was called without a command", d, a.channel)
				}
			}
		}
	}
}
