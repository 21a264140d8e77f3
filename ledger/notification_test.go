package ledger

import (
	"slices"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// plainStanding says in words where a notification stands that these things
// happened to. It is written apart from Facts.Standing on purpose.
func plainStanding(happened map[string]bool) Standing {
	over := []string{"clicked", "cleared", "removed"}
	for _, word := range over {
		if happened[word] {
			return Ended
		}
	}
	if happened["shown"] {
		return Displayed
	}
	if happened["delivered"] {
		return Arrived
	}
	if happened["sent"] && !happened["failed"] && !happened["expired"] {
		return Undelivered
	}
	return Ended
}

// allFacts calls f for each of the 256 sets, with the words for it.
func allFacts(f func(facts Facts, words []string, happened map[string]bool)) {
	names := []string{"sent", "delivered", "shown", "clicked", "cleared", "failed", "expired", "removed"}
	for set := range 1 << FactBits {
		words, happened := []string{}, map[string]bool{}
		for i, name := range names {
			if set>>i&1 != 0 {
				words = append(words, name)
				happened[name] = true
			}
		}
		f(Facts(set), words, happened)
	}
}

func TestStandingOfEverySet(t *testing.T) {
	certainty := map[Standing]string{Ended: "", Undelivered: "possible", Arrived: "possible", Displayed: "certain"}
	allFacts(func(f Facts, words []string, happened map[string]bool) {
		want := plainStanding(happened)
		if got := f.Standing(); got != want {
			t.Errorf("%v stands %d, want %d", words, got, want)
		}
		if got := f.Held(); got != (want != Ended) {
			t.Errorf("%v held: %t", words, got)
		}
		if got := f.Standing().Certainty(); got != certainty[want] {
			t.Errorf("%v is held %q, want %q", words, got, certainty[want])
		}
		if got := f.Untouchable(); got != (happened["clicked"] || happened["cleared"] || happened["removed"]) {
			t.Errorf("%v untouchable: %t", words, got)
		}
		if got := f.Names(); !slices.Equal(got, words) {
			t.Errorf("set %08b is named %v, want %v", f, got, words)
		}
	})
}

// What is untouchable is nobody's target, and nothing that is added to it makes
// it one again (L7).
func TestNothingRevivesTheUntouchable(t *testing.T) {
	for f := range Facts(255) {
		for more := range Facts(255) {
			for _, a := range channels.Actions() {
				if f.Untouchable() && Targets(a, (f|more).Standing()) {
					t.Fatalf("%v with %v is a target of %s", f.Names(), more.Names(), a)
				}
			}
		}
	}
}

func TestTargets(t *testing.T) {
	want := map[channels.Action][]Standing{
		channels.Cancel:    nil,
		channels.Terminate: {Undelivered},
		channels.Recall:    {Undelivered, Arrived, Displayed},
		channels.Override:  {Undelivered, Arrived, Displayed},
		"bogus":            nil,
	}
	for action, targets := range want {
		for s := range Standing(Standings) {
			if got := Targets(action, s); got != slices.Contains(targets, s) {
				t.Errorf("%s at standing %d: %t", action, s, got)
			}
		}
	}
}

func TestFactAndOutcomeOfEveryKind(t *testing.T) {
	facts := map[events.Kind]Facts{
		events.PushSent: Sent, events.PushFailed: Failed, events.DeliveryDelivered: Delivered, events.DeliveryExpired: Expired,
		events.DisplayShown: Shown, events.DisplayCleared: Cleared, events.ClickClicked: Clicked,
	}
	outcomes := map[events.Kind]Outcome{
		events.OutcomeExpired: OutcomeExpired, events.OutcomeUnsupported: OutcomeUnsupported, events.OutcomeSkipped: OutcomeSkipped,
		events.OutcomeRefused: OutcomeRefused, events.OutcomeAccepted: OutcomeAccepted, events.OutcomeConfirmed: OutcomeConfirmed,
	}
	for _, k := range append(events.Kinds(), "bogus") {
		fact, ok := FactOf(k)
		if want, is := facts[k]; fact != want || ok != is || is != (k.Shape() == events.ShapeFact) {
			t.Errorf("%s states fact %d, %t", k, fact, ok)
		}
		outcome, ok := OutcomeOf(k)
		if want, is := outcomes[k]; outcome != want || ok != is || is != (k.Shape() == events.ShapeOutcome) {
			t.Errorf("%s states outcome %d, %t", k, outcome, ok)
		}
		if ok && string(k) != "outcome."+outcome.String() {
			t.Errorf("%s is called %q", k, outcome)
		}
	}
	if got := Pending.String(); got != "pending" {
		t.Errorf("no outcome is called %q", got)
	}
}

// With is the join of a semilattice beside bits it leaves alone: whatever the
// order and the repetitions of outcomes, the greatest stays.
func TestMarkJoin(t *testing.T) {
	for low := range Mark(1 << outcomeShift) {
		for a := range Outcome(Outcomes) {
			m := low.With(a)
			if m.Outcome() != a || m&(1<<outcomeShift-1) != low {
				t.Fatalf("mark %04b with %s is %08b", low, a, m)
			}
			for b := range Outcome(Outcomes) {
				if m.With(b) != low.With(b).With(a) {
					t.Errorf("%s and %s do not commute", a, b)
				}
				if got := m.With(b).Outcome(); got != max(a, b) {
					t.Errorf("%s with %s is %s", a, b, got)
				}
				if m.With(b).With(b) != m.With(b) || m.With(b).With(a) != m.With(b) {
					t.Errorf("%s with %s is not idempotent", a, b)
				}
				for c := range Outcome(Outcomes) {
					if m.With(b).With(c) != m.With(max(b, c)) {
						t.Errorf("%s, %s and %s do not associate", a, b, c)
					}
				}
			}
		}
	}
}

func TestMarkDue(t *testing.T) {
	for m, want := range map[Mark]bool{
		0: false, Planned: true, Late: true, Planned | Commanded: false, Late | Commanded: false, Commanded: false,
		Mark(Planned | Commanded).With(OutcomeRefused): false,
	} {
		if got := m.Due(); got != want {
			t.Errorf("mark %08b due: %t", m, got)
		}
	}
}
