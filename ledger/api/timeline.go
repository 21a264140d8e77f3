package api

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The limits of a timeline (L11): what is read for it and how long that may take
// is as for a history; further, how many notifications are held while it is made
// (some 40 bytes each), how many decisions it names, and how many points it has.
const (
	timelineNotifications = 2_000_000
	timelineDecisions     = 500
	timelinePoints        = 240
	// timelineStep is the finest distance of two points.
	timelineStep = 20 * time.Millisecond
)

// Timeline is how a push went: what was decided, and how many held it when. It
// is read from the log, since the projection knows the present only.
type Timeline struct {
	// Decisions lists what was decided, oldest first; of many the newest.
	Decisions []Decision `json:"decisions"`
	// Points are the holders over time, oldest first.
	Points []TimelinePoint `json:"points"`
	// Truncated is true when the push has more events than one request reads;
	// then the end is missing.
	Truncated bool `json:"truncated,omitempty"`
}

// TimelinePoint counts the holders at a time. Each holder counts once: as
// unreachable where a recall could do nothing for it, else by its certainty.
type TimelinePoint struct {
	Time        time.Time `json:"time"`
	Certain     uint32    `json:"certain"`
	Possible    uint32    `json:"possible"`
	Unreachable uint32    `json:"unreachable"`
}

// Decision is one decision about a push.
type Decision struct {
	Position events.Position `json:"position"`
	// Stored is when the log stored it.
	Stored time.Time   `json:"stored"`
	Kind   events.Kind `json:"kind"`
	// Recall is the recall decided about; of a refusal the one in its way.
	Recall string       `json:"recall,omitempty"`
	Action string       `json:"action,omitempty"`
	Scope  events.Scope `json:"scope,omitzero"`
	By     string       `json:"by,omitempty"`
	Reason string       `json:"reason,omitempty"`
	// Code is why it was refused.
	Code string `json:"code,omitempty"`
	// Replacement is the new push of an override.
	Replacement string `json:"replacement,omitempty"`
}

func (s *Server) timeline(ctx context.Context, in *pushInput) (*output[Timeline], error) {
	if err := events.CheckID("push", in.Push, events.MaxPush); err != nil {
		return nil, err
	}
	app := from(ctx).caller.app
	first, last, err := s.ledger(ctx).PushBounds(app, in.Push)
	if err != nil {
		return nil, err
	}
	v, err := s.ledger(ctx).Push(app, in.Push, s.now(ctx))
	if err != nil {
		return nil, err
	}
	if last == 0 || v == nil {
		return nil, unknownPush(in.Push)
	}
	t := newTimeline(app, in.Push, v)
	p, err := s.ledger(ctx).Of(ctx, app, in.Push)
	if err != nil {
		return nil, err
	}
	if err := t.read(ctx, p.Log, first); err != nil {
		return nil, err
	}
	return answer(t.result(), nil)
}

// timeline gathers the events of a push.
type timeline struct {
	app, push string
	scanned   int
	truncated bool
	decisions []Decision
	// methods are how a recall would take the push back, by channel.
	methods map[string]channels.Method
	seed    maphash.Seed
	// facts are those of each notification under a hash of its channel and
	// device: of two million no two share one but by a chance of one in nine
	// million.
	facts  map[uint64]ledger.Facts
	now    TimelinePoint
	points []TimelinePoint
	step   time.Duration
}

func newTimeline(app, push string, v *projections.Push) *timeline {
	t := &timeline{
		app: app, push: push, decisions: []Decision{}, points: []TimelinePoint{}, methods: map[string]channels.Method{},
		seed: maphash.MakeSeed(), facts: map[uint64]ledger.Facts{}, step: timelineStep,
	}
	for _, c := range v.Channels {
		t.methods[c.Channel] = c.Method
	}
	return t
}

// read reads what the log keeps of the push from a sequence on.
func (t *timeline) read(ctx context.Context, log events.Log, first events.Seq) error {
	bounded, cancel := context.WithTimeout(ctx, historyTimeout)
	defer cancel()
	partition := log.Partition()
	for _, filter := range []string{events.DecisionFilter(partition, t.app, t.push), events.PushFactFilter(partition, t.app, t.push)} {
		err := log.Read(bounded, events.Range{From: first, Filter: filter}, t.take)
		switch {
		case errors.Is(err, errEnough):
			t.truncated = true
		case err != nil && bounded.Err() != nil && ctx.Err() == nil:
			t.truncated = true
		case err != nil:
			return err
		}
	}
	return nil
}

func (t *timeline) result() Timeline {
	if n := len(t.points); n == 0 || t.points[n-1] != t.now {
		if !t.now.Time.IsZero() {
			t.points = append(t.points, t.now)
		}
	}
	slices.SortFunc(t.decisions, func(a, b Decision) int { return cmp.Compare(a.Position.Seq, b.Position.Seq) })
	if n := len(t.decisions); n > timelineDecisions {
		t.decisions = t.decisions[n-timelineDecisions:]
	}
	return Timeline{Decisions: t.decisions, Points: t.points, Truncated: t.truncated}
}

// take notes a message of the push.
func (t *timeline) take(m events.Message) error {
	if t.scanned++; t.scanned > historyScan {
		return errEnough
	}
	if !mayName(m.Data, t.push) {
		return nil
	}
	e, _ := events.Decode(m.Data)
	if e == nil || e.Push != t.push || e.App != t.app {
		return nil // what cannot be read is in the quarantine
	}
	n := Decision{Position: m.Position, Stored: m.Time.UTC(), Kind: e.Kind}
	switch d := e.Data.(type) {
	case *events.Fact:
		if fact, ok := ledger.FactOf(e.Kind); ok {
			return t.join(m.Time, d.Channel, d.Devices, fact)
		}
		return nil
	case *events.Outcome:
		// As in the fold: who confirms does not hold it any more.
		if e.Kind == events.OutcomeConfirmed {
			return t.join(m.Time, d.Channel, d.Devices, ledger.Removed)
		}
		return nil
	case *events.Requested:
		n.Recall, n.Action, n.Scope, n.By, n.Reason = d.Recall, d.Action, d.Scope, d.By, d.Reason
		if d.Replacement != nil {
			n.Replacement = d.Replacement.Push
		}
	case *events.Refused:
		n.Recall, n.Action, n.Scope, n.By, n.Code = d.First, d.Action, d.Scope, d.By, d.Code
	case *events.Closed:
		n.Recall, n.By, n.Reason = d.Recall, d.By, d.Reason
	default:
		return nil
	}
	if n.By == "" && e.Kind == events.RecallCompleted {
		n.By = "ledger"
	}
	// Decoded texts alias the message.
	for _, s := range []*string{&n.Recall, &n.Action, &n.By, &n.Reason, &n.Code, &n.Replacement, &n.Scope.Device, &n.Scope.Channel, &n.Scope.User} {
		*s = strings.Clone(*s)
	}
	t.decisions = append(t.decisions, n)
	if len(t.decisions) > 2*timelineDecisions {
		t.decisions = slices.Delete(t.decisions, 0, timelineDecisions)
	}
	return nil
}

// join adds a fact to notifications, and a point when it is time for one.
func (t *timeline) join(at time.Time, channel string, devices []string, fact ledger.Facts) error {
	at = at.UTC()
	if n := len(t.points); n == 0 || at.Sub(t.points[n-1].Time) >= t.step {
		if n > 0 && t.now.Time.After(t.points[n-1].Time) {
			t.points = append(t.points, t.now) // where it stood before the gap
		}
		t.now.Time = at
		t.points = append(t.points, t.now)
		t.thin()
	}
	var h maphash.Hash
	h.SetSeed(t.seed)
	for _, d := range devices {
		h.Reset()
		_, _ = h.WriteString(channel) // never fails
		_ = h.WriteByte(0)
		_, _ = h.WriteString(d)
		key := h.Sum64()
		before := t.facts[key]
		after := before | fact
		if before == after {
			continue
		}
		if before == 0 && len(t.facts) >= timelineNotifications {
			return errEnough
		}
		t.facts[key] = after
		t.move(channel, before.Standing(), after.Standing())
	}
	t.now.Time = at
	if n := len(t.points); t.points[n-1].Time.Equal(at) {
		t.points[n-1] = t.now
	}
	return nil
}

// move counts a notification where it stands now.
func (t *timeline) move(channel string, before, after ledger.Standing) {
	if before == after {
		return
	}
	for s, n := range map[ledger.Standing]uint32{before: ^uint32(0), after: 1} { // ^0 is minus one
		method := t.methods[channel]
		switch {
		case s == ledger.Ended:
		case method == channels.None || method == channels.Withhold && s != ledger.Undelivered:
			t.now.Unreachable += n
		case s == ledger.Displayed:
			t.now.Certain += n
		default:
			t.now.Possible += n
		}
	}
}

// thin halves the points when there are too many, and takes them half as often.
func (t *timeline) thin() {
	if len(t.points) < 2*timelinePoints {
		return
	}
	kept := t.points[:0]
	for i, p := range t.points {
		if i%2 == 0 || i == len(t.points)-1 {
			kept = append(kept, p)
		}
	}
	t.points, t.step = kept, 2*t.step
}
