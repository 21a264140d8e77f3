package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// noon is when the pushes of the tests are sent.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// stored is an event with where and when the log stored it.
type stored struct {
	kind events.Kind
	data events.Data
	// at is the sender's time, in the time of the log.
	at, in time.Time
}

func evolve(t *testing.T, p *Push, list ...stored) {
	t.Helper()
	for i, s := range list {
		e := &events.Event{Header: events.Header{Kind: s.kind, App: "shop", Push: "p", Time: s.at}, Data: s.data}
		if err := p.Evolve(e, events.Seq(i+1), s.in); err != nil {
			t.Fatal(err)
		}
	}
}

func permutations[T any](list []T, f func([]T)) {
	var walk func(n int)
	walk = func(n int) {
		if n == len(list) {
			f(list)
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			walk(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	walk(0)
}

// The state that facts and descriptions give a push depends neither on their
// order nor on repetitions (L4).
func TestEvolveFactsInAnyOrder(t *testing.T) {
	fact := &events.Fact{Channel: "fcm", Devices: []string{"d"}}
	created := &events.Created{Title: "hello", Audience: events.Audience{Kind: events.AudienceAll}}
	list := []stored{
		{events.PushCreated, created, noon, noon.Add(time.Second)},
		{events.PushFailed, fact, noon.Add(-time.Minute), noon.Add(time.Minute)},
		{events.DisplayShown, fact, noon.Add(time.Hour), noon.Add(-30 * time.Second)}, // a sender's clock ahead
		{events.ClickClicked, fact, noon, noon},
		{events.PushSent, fact, noon.Add(2 * time.Hour), noon.Add(3 * time.Hour)},
	}
	want := Push{Created: created, First: noon.Add(-time.Minute), Started: true}
	permutations(list, func(order []stored) {
		var once, twice Push
		evolve(t, &once, order...)
		evolve(t, &twice, append(append([]stored{}, order...), order...)...)
		for _, got := range []Push{once, twice} {
			if diff := cmp.Diff(got, want); diff != "" {
				t.Fatalf("order %v (-got +want):\n%s", order, diff)
			}
		}
	})
}

func TestEvolveStarted(t *testing.T) {
	for _, k := range events.Kinds() {
		if k.Shape() != events.ShapeFact {
			continue
		}
		var p Push
		evolve(t, &p, stored{k, &events.Fact{}, noon, noon})
		if want := k != events.PushFailed; p.Started != want || !p.Known() {
			t.Errorf("after %s started is %t, known %t", k, p.Started, p.Known())
		}
	}
}

// A description is given once; saying it again is fine, saying something else is
// an error that changes nothing.
func TestEvolveCreatedOnce(t *testing.T) {
	at := noon.Add(time.Hour)
	first := events.Created{
		Title: "hello", Audience: events.Audience{Kind: events.AudienceTag, Names: []string{"vip"}},
		ScheduleAt: &at, Labels: map[string]string{"a": "1", "b": "2"},
	}
	same := first
	again, labels := at, map[string]string{"b": "2", "a": "1"}
	same.ScheduleAt, same.Labels = &again, labels
	var p Push
	evolve(t, &p, stored{events.PushCreated, &first, noon, noon}, stored{events.PushCreated, &same, noon, noon})
	before := p
	later := at.Add(time.Second)
	for name, change := range map[string]func(*events.Created){
		"title":    func(c *events.Created) { c.Title = "other" },
		"body":     func(c *events.Created) { c.Body = "other" },
		"audience": func(c *events.Created) { c.Audience.Kind = events.AudienceAll },
		"names":    func(c *events.Created) { c.Audience.Names = nil },
		"slot":     func(c *events.Created) { c.Slot = "s" },
		"schedule": func(c *events.Created) { c.ScheduleAt = &later },
		"expiry":   func(c *events.Created) { c.ExpireAt = &later },
		"profile":  func(c *events.Created) { c.Profile = "mpaas" },
		"replaces": func(c *events.Created) { c.Replaces = "q" },
		"labels":   func(c *events.Created) { c.Labels = nil },
	} {
		other := first
		change(&other)
		e := &events.Event{Header: events.Header{Kind: events.PushCreated, Push: "p", Time: noon.Add(-time.Hour)}, Data: &other}
		err := p.Evolve(e, 3, noon.Add(-time.Hour))
		var conflict *ConflictError
		if !errors.As(err, &conflict) || conflict.Push != "p" {
			t.Errorf("another %s: %v", name, err)
		}
		if diff := cmp.Diff(p, before); diff != "" {
			t.Errorf("another %s changed the push (-got +want):\n%s", name, diff)
		}
	}
}

// TestSlotAuto: the ledger gives the slot of the first description, whatever comes
// later, and it fits every channel.
func TestSlotAuto(t *testing.T) {
	for seq, want := range map[events.Seq]string{1: "1", 99_999_999: "99999999", 100_000_000: "0", 1<<40 + 7: "11627783"} {
		var p Push
		c := &events.Created{Title: "t", SlotAuto: true}
		e := &events.Event{Header: events.Header{Kind: events.PushCreated, Push: "p", Time: noon}, Data: c}
		for _, at := range []events.Seq{seq, seq + 5} {
			if err := p.Evolve(e, at, noon); err != nil {
				t.Fatal(err)
			}
		}
		if p.Slot() != want || !p.Created.SlotAuto || c.Slot != "" {
			t.Errorf("at %d: slot %q, want %q; the event has %q", seq, p.Slot(), want, c.Slot)
		}
		for _, form := range []channels.SlotForm{channels.SlotText, channels.SlotWord, channels.SlotShort, channels.SlotInteger} {
			if !form.Fits(p.Slot()) {
				t.Errorf("slot %q does not fit %s", p.Slot(), form)
			}
		}
		var conflict *ConflictError
		other := &events.Event{Header: e.Header, Data: &events.Created{Title: "t", Slot: want}}
		if err := p.Evolve(other, seq+9, noon); !errors.As(err, &conflict) {
			t.Errorf("a slot of the sender's own after one of the ledger's: %v", err)
		}
	}
}

func TestEvolveRecalls(t *testing.T) {
	minute := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	request := func(id string) *events.Requested { return &events.Requested{Recall: id, Action: "recall"} }
	var p Push
	evolve(t, &p,
		stored{events.PushSent, &events.Fact{}, noon, noon},
		stored{events.RecallRequested, request("a"), noon, minute(1)},
		stored{events.RecallRequested, request("b"), noon, minute(2)},
		stored{events.RecallAborted, &events.Closed{Recall: "b"}, noon, minute(3)},
		stored{events.RecallCompleted, &events.Closed{Recall: "b"}, noon, minute(4)}, // the first end counts
		stored{events.RecallCompleted, &events.Closed{Recall: "a"}, noon, minute(5)},
		stored{events.RecallAborted, &events.Closed{Recall: "a"}, noon, minute(6)},
		stored{events.RecallRefused, &events.Refused{}, noon, minute(7)},
		stored{events.CommandIssued, &events.Command{Recall: "a"}, noon, minute(8)},
		stored{events.OutcomeAccepted, &events.Outcome{Recall: "a"}, noon, minute(9)},
		stored{events.KeyClaimed, &events.Key{Key: "k"}, noon, minute(10)},
	)
	want := Push{First: noon, Started: true, Decision: 7, Recalls: []Recall{
		{Requested: *request("a"), State: Completed, Seq: 2, At: minute(1), ClosedAt: minute(5)},
		{Requested: *request("b"), State: Aborted, Seq: 3, At: minute(2), ClosedAt: minute(3)},
	}}
	if diff := cmp.Diff(p, want); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if p.Find("b") != &p.Recalls[1] || p.Find("c") != nil {
		t.Error("Find does not find the recall with the id")
	}
}

func TestPushDefaults(t *testing.T) {
	var p Push
	if p.Known() || p.Slot() != "" || p.Profile() != channels.Native || !p.Start().IsZero() {
		t.Errorf("an unknown push: %t %q %q %v", p.Known(), p.Slot(), p.Profile(), p.Start())
	}
	at := noon.Add(time.Hour)
	p = Push{First: noon, Created: &events.Created{Slot: "s", Profile: "mpaas"}}
	if !p.Known() || p.Slot() != "s" || p.Profile() != "mpaas" || !p.Start().Equal(noon) {
		t.Errorf("a push: %t %q %q %v", p.Known(), p.Slot(), p.Profile(), p.Start())
	}
	p.Created.ScheduleAt = &at
	if !p.Start().Equal(at) {
		t.Errorf("a scheduled push starts at %v", p.Start())
	}
}

func TestStatus(t *testing.T) {
	later, earlier := noon.Add(time.Hour), noon.Add(-time.Hour)
	recall := func(a channels.Action, s RecallState, scope events.Scope) Recall {
		return Recall{Requested: events.Requested{Action: string(a), Scope: scope}, State: s}
	}
	whole, device := events.Scope{}, events.Scope{Device: "d"}
	for _, c := range []struct {
		name string
		push Push
		want string
	}{
		{"facts only, none from a device", Push{First: noon}, "sending"},
		{"created", Push{Created: &events.Created{}}, "sending"},
		{"scheduled", Push{Created: &events.Created{ScheduleAt: &later}}, "scheduled"},
		{"schedule reached", Push{Created: &events.Created{ScheduleAt: &noon}}, "sending"},
		{"schedule passed", Push{Created: &events.Created{ScheduleAt: &earlier}}, "sending"},
		{"started before its time", Push{Started: true, Created: &events.Created{ScheduleAt: &later}}, "sent"},
		{"sent", Push{Started: true}, "sent"},
		{"cancelled", Push{Recalls: []Recall{recall(channels.Cancel, Running, whole)}}, "cancelled"},
		{"terminated", Push{Started: true, Recalls: []Recall{recall(channels.Terminate, Completed, whole)}}, "terminated"},
		{"recalled after terminated", Push{Recalls: []Recall{recall(channels.Terminate, Completed, whole), recall(channels.Recall, Running, whole)}}, "recalled"},
		{"the strongest counts", Push{Recalls: []Recall{recall(channels.Override, Running, whole), recall(channels.Cancel, Running, whole)}}, "overridden"},
		{"one device is not the push", Push{Started: true, Recalls: []Recall{recall(channels.Recall, Running, device)}}, "sent"},
		{"aborted", Push{Started: true, Recalls: []Recall{recall(channels.Recall, Aborted, whole)}}, "sent"},
		{"aborted after terminated", Push{Recalls: []Recall{recall(channels.Terminate, Completed, whole), recall(channels.Recall, Aborted, whole)}}, "terminated"},
	} {
		if got := c.push.Status(noon); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
