package statistics

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// Report is how recalls went.
type Report struct {
	App string `json:"app"`
	// Recalls are in the order of their acceptance.
	Recalls []Recall `json:"recalls"`
	// Total is over all recalls and channels.
	Total Figures `json:"total"`
	// curves are the times by channel over all recalls, for the plot.
	curves []curve
}

// Recall is how one recall went.
type Recall struct {
	Recall   string             `json:"recall"`
	Push     string             `json:"push"`
	Action   string             `json:"action"`
	Scope    events.Scope       `json:"scope,omitzero"`
	State    ledger.RecallState `json:"state"`
	At       time.Time          `json:"at"`
	ClosedAt time.Time          `json:"closed_at,omitzero"`
	Channels []Channel          `json:"channels"`
	Total    Figures            `json:"total"`
}

// Channel is how a recall went on one channel.
type Channel struct {
	Channel string `json:"channel"`
	Figures
}

// Figures are counts of notifications, each once, and times from the acceptance
// of the recall.
type Figures struct {
	// Holders were commanded: those who held the push when the recall was
	// accepted, and Late who turned up afterwards.
	Holders int `json:"holders"`
	Late    int `json:"late"`
	// Accepted is when the vendor took the command, also for those whose device
	// confirmed later; Confirmed is when the device said that it is done.
	Accepted  Times `json:"accepted"`
	Confirmed Times `json:"confirmed"`
	// Cleared are those that the vendor or the device answered for, where the
	// method takes the notification away; ClearedShare is of Holders without Skipped.
	Cleared      int     `json:"cleared"`
	ClearedShare float64 `json:"cleared_share"`
	// ClicksAfter clicked after the recall was accepted, and before an abort if
	// it was aborted; the share is of Holders.
	ClicksAfter      int     `json:"clicks_after"`
	ClicksAfterShare float64 `json:"clicks_after_share"`
	// Unreachable hold it on a channel that offers no way back; the share is of
	// Holders.
	Unreachable      int     `json:"unreachable"`
	UnreachableShare float64 `json:"unreachable_share"`
	// Skipped, Refused and Expired are outcomes, Open have none yet.
	Skipped int `json:"skipped"`
	Refused int `json:"refused"`
	Expired int `json:"expired"`
	Open    int `json:"open"`
}

// Times are exact percentiles by nearest rank; 0 where Count is 0.
type Times struct {
	Count         int
	T50, T95, T99 time.Duration
}

// MarshalJSON writes milliseconds, null where there is nothing to count.
func (t Times) MarshalJSON() ([]byte, error) {
	v := struct {
		Count int      `json:"count"`
		T50   *float64 `json:"t50_ms"`
		T95   *float64 `json:"t95_ms"`
		T99   *float64 `json:"t99_ms"`
	}{Count: t.Count}
	if t.Count > 0 {
		v.T50, v.T95, v.T99 = milliseconds(t.T50), milliseconds(t.T95), milliseconds(t.T99)
	}
	return json.Marshal(v)
}

// milliseconds keeps microseconds: the log's clock is no finer in effect.
func milliseconds(d time.Duration) *float64 {
	ms := float64(d.Microseconds()) / 1000
	return &ms
}

// tally gathers figures with the times behind them.
type tally struct {
	Figures
	accepted, confirmed []time.Duration
	// cleared holds, for each notification that was cleared, the first answer.
	cleared []time.Duration
	// sure are the confirmed among them.
	sure []time.Duration
}

// Report returns the figures of what was taken so far.
func (f *Fold) Report() *Report {
	report := &Report{App: f.c.App, Recalls: []Recall{}}
	all, lines := &tally{}, map[string]*tally{}
	order := slices.Clone(f.order)
	slices.SortStableFunc(order, func(a, b *recall) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.Recall, b.Recall))
	})
	for _, r := range order {
		v := Recall{
			Recall: r.Recall, Push: r.push, Action: r.Action, Scope: r.Scope, State: r.state, At: r.at, ClosedAt: r.closed, Channels: []Channel{},
		}
		total := &tally{}
		for _, name := range r.names() {
			t := r.tally(name, f.pushes[r.push].channels[name])
			if t.Holders == 0 {
				continue
			}
			if lines[name] == nil {
				lines[name] = &tally{}
			}
			total.add(t)
			lines[name].add(t)
			v.Channels = append(v.Channels, Channel{name, t.figures()})
		}
		all.add(total)
		v.Total = total.figures()
		report.Recalls = append(report.Recalls, v)
	}
	report.Total = all.figures()
	for name, t := range lines {
		report.curves = append(report.curves, t.curve(name))
	}
	slices.SortFunc(report.curves, func(a, b curve) int {
		return cmp.Or(b.holders-a.holders, strings.Compare(a.name, b.name))
	})
	return report
}

func (r *recall) names() []string {
	var names []string
	for name := range r.marks {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// tally counts a recall on one channel.
func (r *recall) tally(name string, c *channel) *tally {
	t := &tally{}
	at := momentOf(r.at)
	for n, m := range r.marks[name] {
		if !m.commanded {
			continue
		}
		t.Holders++
		if m.late {
			t.Late++
		}
		t.mark(at, m)
		if click := c.clicked[n]; click > at && (r.state != ledger.Aborted || click <= momentOf(r.closed)) {
			t.ClicksAfter++
		}
	}
	return t
}

// mark counts where one notification stands.
func (t *tally) mark(at moment, m mark) {
	if m.accepted != never {
		t.accepted = append(t.accepted, time.Duration(m.accepted-at))
	}
	if m.confirmed != never {
		t.confirmed = append(t.confirmed, time.Duration(m.confirmed-at))
	}
	switch {
	case m.stays || m.outcome == ledger.OutcomeUnsupported:
		t.Unreachable++
	case m.outcome == ledger.OutcomeSkipped:
		t.Skipped++
	case m.outcome == ledger.OutcomeRefused:
		t.Refused++
	case m.outcome == ledger.OutcomeExpired:
		t.Expired++
	case m.outcome == ledger.Pending:
		t.Open++
	default:
		first := m.accepted
		if m.confirmed != never {
			first.join(m.confirmed)
			t.sure = append(t.sure, time.Duration(m.confirmed-at))
		}
		t.cleared = append(t.cleared, time.Duration(first-at))
	}
}

// add adds the counts and times of another tally.
func (t *tally) add(o *tally) {
	t.Holders += o.Holders
	t.Late += o.Late
	t.ClicksAfter += o.ClicksAfter
	t.Unreachable += o.Unreachable
	t.Skipped += o.Skipped
	t.Refused += o.Refused
	t.Expired += o.Expired
	t.Open += o.Open
	t.accepted = append(t.accepted, o.accepted...)
	t.confirmed = append(t.confirmed, o.confirmed...)
	t.cleared = append(t.cleared, o.cleared...)
	t.sure = append(t.sure, o.sure...)
}

// figures completes the counts.
func (t *tally) figures() Figures {
	f := t.Figures
	f.Accepted, f.Confirmed, f.Cleared = times(t.accepted), times(t.confirmed), len(t.cleared)
	f.ClearedShare = share(f.Cleared, f.Holders-f.Skipped)
	f.ClicksAfterShare = share(f.ClicksAfter, f.Holders)
	f.UnreachableShare = share(f.Unreachable, f.Holders)
	return f
}

// share is 0 of nobody.
func share(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// times sorts durations and returns their percentiles.
func times(list []time.Duration) Times {
	if len(list) == 0 {
		return Times{}
	}
	slices.Sort(list)
	rank := func(percent int) time.Duration { return list[(percent*len(list)+99)/100-1] }
	return Times{Count: len(list), T50: rank(50), T95: rank(95), T99: rank(99)}
}
