package events_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

func newPublisher(t *testing.T, log *memlog.Log, partitions int) *events.Publisher {
	t.Helper()
	p, err := events.NewPublisher(events.PublisherConfig{
		Log: log, Committer: running(t, events.CommitterConfig{Log: log}), App: "shop", Partitions: partitions,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func clicked(app, push string, devices ...string) *events.Event {
	return &events.Event{
		Header: events.Header{Kind: events.ClickClicked, App: app, Push: push, Time: at(0)},
		Data:   &events.Fact{Channel: "apns", Devices: devices},
	}
}

// decode returns what stands in the log, and checks that it may stand there.
func decode(t *testing.T, log *memlog.Log) []*events.Event {
	t.Helper()
	var got []*events.Event
	for _, m := range log.Messages() {
		e, err := events.DecodeStrict(m.Data)
		if err == nil {
			err = events.CheckSubject(m.Subject, log.Partition(), &e.Header)
		}
		if err != nil {
			t.Fatalf("message %d: %v", m.Seq, err)
		}
		got = append(got, e)
	}
	return got
}

func TestPublish(t *testing.T) {
	log := memlog.New(memlog.Config{})
	p := newPublisher(t, log, 0)
	var public []*events.Event
	for _, e := range samples() {
		if e.Kind.Public() {
			public = append(public, e)
		}
	}
	given := clicked("", "a.b 撤回", "d")
	pos, err := p.Publish(testContext(t), append(public, given)...)
	if want := (events.Position{Seq: events.Seq(len(public) + 1)}); err != nil || pos != want {
		t.Fatalf("Publish = %v, %v, want %v", pos, err, want)
	}
	if given.App != "" {
		t.Errorf("the caller's event was changed to app %q", given.App)
	}
	if diff := cmp.Diff(decode(t, log), append(public, clicked("shop", "a.b 撤回", "d"))); diff != "" {
		t.Error(diff)
	}
	if pos, err := p.Publish(testContext(t)); err != nil || pos != (events.Position{}) {
		t.Errorf("Publish of nothing = %v, %v, want nothing", pos, err)
	}
}

func TestPublishNamesTheBadAndStoresTheGood(t *testing.T) {
	log := memlog.New(memlog.Config{})
	p := newPublisher(t, log, 1)
	var given []*events.Event
	want := []string{}
	add := func(e *events.Event, refusal string) {
		if refusal != "" {
			want = append(want, fmt.Sprintf("event %d: %s", len(given), refusal))
		}
		given = append(given, e)
	}
	add(clicked("shop", "p", "a"), "")
	add(clicked("bank", "p", "b"), `app: "bank" is not the app of this publisher, "shop"`)
	add(nil, "event: is missing")
	add(clicked("shop", "p"), "data.devices: is empty; name 1 to 1000 devices")
	add(clicked("shop", "", "c"), "push: is missing")
	for _, e := range samples() {
		if !e.Kind.Public() {
			add(e, fmt.Sprintf("kind: %s is written by the ledger only", e.Kind))
		}
	}
	add(clicked("shop", "p", "z"), "")
	pos, err := p.Publish(testContext(t), given...)
	batch, ok := errors.AsType[*events.BatchError](err)
	if !ok {
		t.Fatalf("Publish = %v, want a *BatchError", err)
	}
	got := []string{}
	for _, r := range batch.Refused {
		got = append(got, r.Error())
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(batch.Error(), fmt.Sprintf("%d events refused: %s; ", len(want), want[0])) {
		t.Errorf("BatchError = %v, want every refusal named", batch)
	}
	if field, ok := errors.AsType[*events.FieldError](err); !ok || field.Field != "app" {
		t.Errorf("the first field named is %v, want app", field)
	}
	if pos.Seq != 2 {
		t.Errorf("position = %v, want that of the last stored, 2", pos)
	}
	if diff := cmp.Diff(decode(t, log), []*events.Event{clicked("shop", "p", "a"), clicked("shop", "p", "z")}); diff != "" {
		t.Error(diff)
	}
}

func TestPublishReportsTheLogsError(t *testing.T) {
	log := memlog.New(memlog.Config{Fault: func([]events.Record) memlog.Fault { return memlog.Fault{Err: events.ErrOverloaded} }})
	p := newPublisher(t, log, 1)
	_, err := p.Publish(testContext(t), clicked("shop", "p", "a"), clicked("shop", "p"))
	if _, ok := errors.AsType[*events.BatchError](err); !ok || !errors.Is(err, events.ErrOverloaded) {
		t.Errorf("Publish = %v, want ErrOverloaded and the *BatchError", err)
	}
}

func TestFacts(t *testing.T) {
	log := memlog.New(memlog.Config{})
	p := newPublisher(t, log, 1)
	devices := make([]string, 1201)
	for i := range devices {
		devices[i] = fmt.Sprintf("device-%d", i)
	}
	pos, err := p.Facts(testContext(t), events.PushSent, "p", "fcm", at(3), devices)
	if err != nil || pos.Seq != 3 {
		t.Fatalf("Facts = %v, %v, want sequence 3", pos, err)
	}
	var got []string
	for i, e := range decode(t, log) {
		f := e.Data.(*events.Fact)
		if want := []int{500, 500, 201}[i]; len(f.Devices) != want || f.Channel != "fcm" || !e.Time.Equal(at(3)) || e.Kind != events.PushSent {
			t.Errorf("event %d = %s of %d devices on %s at %s, want %d devices as given", i, e.Kind, len(f.Devices), f.Channel, e.Time, want)
		}
		got = append(got, f.Devices...)
	}
	if diff := cmp.Diff(got, devices); diff != "" {
		t.Error(diff)
	}
}

func TestFactsRefuses(t *testing.T) {
	log := memlog.New(memlog.Config{})
	p := newPublisher(t, log, 1)
	late := make([]string, 700)
	for i := range late {
		late[i] = "d"
	}
	late[612] = "bad\n"
	for _, test := range []struct {
		name          string
		kind          events.Kind
		push, channel string
		devices       []string
		field         string
	}{
		{"no devices", events.PushSent, "p", "apns", nil, "data.devices"},
		{"a device far behind", events.PushSent, "p", "apns", late, "devices[612]"},
		{"no fact", events.PushCreated, "p", "apns", []string{"d"}, "data"},
		{"not public", events.OutcomeAccepted, "p", "apns", []string{"d"}, "data"},
		{"unknown kind", "push.read", "p", "apns", []string{"d"}, "kind"},
		{"no push", events.PushSent, "", "apns", []string{"d"}, "push"},
		{"bad channel", events.PushSent, "p", "a b", []string{"d"}, "data.channel"},
	} {
		_, err := p.Facts(testContext(t), test.kind, test.push, test.channel, at(0), test.devices)
		field, ok := errors.AsType[*events.FieldError](err)
		if !ok || field.Field != test.field {
			t.Errorf("%s: Facts = %v, want field %q refused", test.name, err, test.field)
		}
	}
	if got := log.Messages(); len(got) != 0 {
		t.Errorf("%d events are stored, want none", len(got))
	}
}

func TestPublisherKeepsToItsPartition(t *testing.T) {
	const partitions = 4
	mine, other := "", ""
	for i := 0; mine == "" || other == ""; i++ {
		push := fmt.Sprintf("push-%d", i)
		if events.PartitionOf("shop", push, partitions) == 2 {
			mine = push
		} else {
			other = push
		}
	}
	log := memlog.New(memlog.Config{Partition: 2})
	p := newPublisher(t, log, partitions)
	ctx := testContext(t)
	if pos, err := p.Publish(ctx, clicked("", mine, "d")); err != nil || pos != (events.Position{Partition: 2, Seq: 1}) {
		t.Errorf("Publish = %v, %v, want 2-1", pos, err)
	}
	decode(t, log)
	if open, _, err := p.Gate(ctx, mine, "d", "", ""); err != nil || !open {
		t.Errorf("Gate = %t, %v, want open", open, err)
	}
	// A push in the wrong partition would have two orders.
	_, err := p.Publish(ctx, clicked("", other, "d"))
	if field, ok := errors.AsType[*events.FieldError](err); !ok || field.Field != "push" {
		t.Errorf("Publish of another partition's push = %v, want field push refused", err)
	}
	if open, _, err := p.Gate(ctx, other, "d", "", ""); err == nil || open {
		t.Errorf("Gate of another partition's push = %t, %v, want an error", open, err)
	}
}

func TestNewPublisherRefuses(t *testing.T) {
	log := memlog.New(memlog.Config{})
	c := events.NewCommitter(events.CommitterConfig{Log: log})
	for name, config := range map[string]events.PublisherConfig{
		"no log":       {Committer: c, App: "shop"},
		"no committer": {Log: log, App: "shop"},
		"no app":       {Log: log, Committer: c},
		"bad app":      {Log: log, Committer: c, App: "sh op"},
	} {
		if _, err := events.NewPublisher(config); err == nil {
			t.Errorf("%s: NewPublisher succeeded", name)
		}
	}
}

// decided appends a decision on a push as the ledger does.
func decided(t *testing.T, log *memlog.Log, push string, kind events.Kind, data events.Data) {
	t.Helper()
	encoded, err := events.Encode(&events.Event{Header: events.Header{Kind: kind, App: "shop", Push: push, Time: at(0)}, Data: data})
	if err != nil {
		t.Fatal(err)
	}
	record := events.Record{Subject: events.Subject(log.Partition(), "shop", kind, push, ""), Data: encoded}
	if _, err := log.Append(context.Background(), []events.Record{record}); err != nil {
		t.Fatal(err)
	}
}

func TestGate(t *testing.T) {
	type decision struct {
		kind events.Kind
		data events.Data
	}
	asked := func(recall, action string, s events.Scope) decision {
		return decision{events.RecallRequested, &events.Requested{Recall: recall, Action: action, Scope: s, Deadline: at(0)}}
	}
	ended := func(kind events.Kind, recall string) decision {
		return decision{kind, &events.Closed{Recall: recall}}
	}
	whole, device := events.Scope{}, events.Scope{Device: "d1"}
	onChannel, user := events.Scope{Device: "d1", Channel: "apns"}, events.Scope{User: "u1"}
	for _, test := range []struct {
		name                  string
		decisions             []decision
		device, channel, user string
		want                  string
	}{
		{"nothing decided", nil, "d1", "apns", "u1", ""},
		{"cancelled", []decision{asked("r1", "cancel", whole)}, "d1", "apns", "u1", "r1"},
		{"terminated", []decision{asked("r1", "terminate", whole)}, "d1", "apns", "", "r1"},
		{"recalled", []decision{asked("r1", "recall", whole)}, "d1", "", "", "r1"},
		{"overridden", []decision{asked("r1", "override", whole)}, "d1", "apns", "u1", "r1"},
		{"its device", []decision{asked("r1", "recall", device)}, "d1", "apns", "", "r1"},
		{"another device", []decision{asked("r1", "recall", device)}, "d2", "apns", "", ""},
		{"its device on the channel", []decision{asked("r1", "recall", onChannel)}, "d1", "apns", "", "r1"},
		{"its device on another channel", []decision{asked("r1", "recall", onChannel)}, "d1", "fcm", "", ""},
		{"its device, channel not said", []decision{asked("r1", "recall", onChannel)}, "d1", "", "", "r1"},
		{"another device on the channel", []decision{asked("r1", "recall", onChannel)}, "d2", "apns", "", ""},
		{"its user", []decision{asked("r1", "recall", user)}, "d9", "apns", "u1", "r1"},
		{"another user", []decision{asked("r1", "recall", user)}, "d9", "apns", "u2", ""},
		{"user not said", []decision{asked("r1", "recall", user)}, "d9", "apns", "", ""},
		{"the first of two", []decision{asked("r1", "terminate", whole), asked("r2", "recall", whole)}, "d1", "apns", "", "r1"},
		{"the one that covers it", []decision{asked("r1", "recall", device), asked("r2", "recall", user)}, "d2", "apns", "u1", "r2"},
		{"completed stays closed", []decision{asked("r1", "recall", whole), ended(events.RecallCompleted, "r1")}, "d1", "apns", "", "r1"},
		{"aborted", []decision{asked("r1", "recall", whole), ended(events.RecallAborted, "r1")}, "d1", "apns", "", ""},
		{"another one aborted", []decision{asked("r1", "recall", whole), ended(events.RecallAborted, "r0")}, "d1", "apns", "", "r1"},
		{"the first aborted", []decision{asked("r1", "recall", whole), asked("r2", "recall", whole), ended(events.RecallAborted, "r1")}, "d1", "apns", "", "r2"},
		{"again after an abort", []decision{asked("r1", "recall", whole), ended(events.RecallAborted, "r1"), asked("r2", "recall", whole)}, "d1", "apns", "", "r2"},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := memlog.New(memlog.Config{})
			p := newPublisher(t, log, 1)
			// What is decided on another push is nothing to this one.
			decided(t, log, "p2", events.RecallRequested, &events.Requested{Recall: "other", Action: "recall", Deadline: at(0)})
			for _, d := range test.decisions {
				decided(t, log, "p", d.kind, d.data)
			}
			open, recall, err := p.Gate(testContext(t), "p", test.device, test.channel, test.user)
			if err != nil || recall != test.want || open != (test.want == "") {
				t.Errorf("Gate = %t, %q, %v, want %t, %q", open, recall, err, test.want == "", test.want)
			}
		})
	}
}

func TestGateStaysClosedOnErrors(t *testing.T) {
	for _, test := range []struct{ name, push, data, want string }{
		{"unreadable decision", "p", "{", "position 0-1"},
		{"newer version", "p", `{"v":2}`, "version 2"},
		{"another app in the body", "p", `{"v":1,"kind":"recall.aborted","app":"bank","push":"p","time":"2026-11-20T09:41:00Z","data":{"recall":"r"}}`, "app"},
		{"no push", "", "", "push"},
	} {
		log := memlog.New(memlog.Config{})
		p := newPublisher(t, log, 1)
		record := events.Record{Subject: events.DecisionFilter(0, "shop", "p"), Data: []byte(test.data)}
		if _, err := log.Append(t.Context(), []events.Record{record}); err != nil {
			t.Fatal(err)
		}
		open, _, err := p.Gate(testContext(t), test.push, "d", "", "")
		if open || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: Gate = %t, %v, want closed and an error with %q", test.name, open, err, test.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	log := memlog.New(memlog.Config{})
	decided(t, log, "p", events.RecallAborted, &events.Closed{Recall: "r"})
	if open, _, err := newPublisher(t, log, 1).Gate(ctx, "p", "d", "", ""); open || !errors.Is(err, context.Canceled) {
		t.Errorf("Gate with a cancelled context = %t, %v, want closed and the context's error", open, err)
	}
}
