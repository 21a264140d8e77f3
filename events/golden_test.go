package events_test

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
)

var update = flag.Bool("update", false, "write golden files that are missing; those there are never changed")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// at is when the story of the golden files happens, plus some seconds.
func at(seconds int) time.Time {
	return time.Date(2026, 11, 20, 9, 41, seconds, 0, time.UTC)
}

func pointer[T any](v T) *T { return &v }

// samples holds one event of every kind with every field of its data: the story
// of one push with a wrong price and of its recall.
func samples() []*events.Event {
	const push, recall = "order-4711", "r-01JD3V5K7M9P"
	deadline := at(0).Add(7 * 24 * time.Hour)
	event := func(kind events.Kind, seconds int, data events.Data) *events.Event {
		return &events.Event{
			Header: events.Header{Kind: kind, App: "shop", Push: push, Time: at(seconds)},
			Data:   data,
		}
	}
	fact := func(devices ...string) *events.Fact { return &events.Fact{Channel: "apns", Devices: devices} }
	reason := func(f *events.Fact, reason string) *events.Fact { f.Reason = reason; return f }
	outcome := func(reason string, device string) *events.Outcome {
		return &events.Outcome{Recall: recall, Channel: "apns", Devices: []string{device}, Command: 1742, Reason: reason, Attempt: 1}
	}
	created := event(events.PushCreated, 0, &events.Created{
		Title:      "Autumn sale",
		Body:       "Everything for 1 ¥ <today>",
		Audience:   events.Audience{Kind: events.AudienceTag, Names: []string{"vip", "上海"}},
		Slot:       "sale-autumn",
		ScheduleAt: pointer(at(30)),
		ExpireAt:   pointer(at(0).Add(24 * time.Hour)),
		Profile:    "native",
		Replaces:   "order-4710",
		Labels:     map[string]string{"campaign": "autumn", "team": "growth"},
	})
	created.ID = "evt-1"
	sent := fact("device-a", "device-b", "device-c")
	sent.Users = []string{"user-1", "", "user-2"}
	return []*events.Event{
		created,
		event(events.PushSent, 31, sent),
		event(events.PushFailed, 31, reason(fact("device-d"), "Unregistered")),
		event(events.DeliveryDelivered, 32, fact("device-a", "device-b")),
		event(events.DeliveryExpired, 33, reason(fact("device-c"), "ttl")),
		event(events.DisplayShown, 33, fact("device-a", "device-b")),
		event(events.DisplayCleared, 34, fact("device-b")),
		event(events.ClickClicked, 35, fact("device-a")),
		event(events.RecallRequested, 40, &events.Requested{
			Recall: recall, Action: "override",
			Scope: events.Scope{Device: "device-a", Channel: "apns"},
			By:    "ops@shop", Reason: "wrong price", Notice: "Message revoked",
			Replacement: &events.Replacement{Push: "order-4712", Title: "Autumn sale", Body: "Everything for 100 ¥", Force: true},
			Deadline:    deadline,
		}),
		event(events.RecallRefused, 41, &events.Refused{
			Action: "recall", Scope: events.Scope{User: "user-1"}, By: "ops@shop", Code: "already-recalled", First: recall,
		}),
		event(events.RecallCompleted, 59, &events.Closed{Recall: recall, By: "ledger"}),
		event(events.RecallAborted, 59, &events.Closed{Recall: recall, By: "ops@shop", Reason: "recalled the wrong push"}),
		event(events.CommandIssued, 42, &events.Command{
			Recall: recall, Channel: "apns", Action: "override", Method: "overwrite",
			Devices: []string{"device-a", "device-b"}, Slot: "sale-autumn",
			Title: "Autumn sale", Body: "Everything for 100 ¥", Replacement: "order-4712",
			Forced: true, Late: true, Redrive: true, Deadline: deadline,
		}),
		event(events.OutcomeAccepted, 43, outcome("", "device-a")),
		event(events.OutcomeConfirmed, 44, &events.Outcome{Recall: recall, Channel: "selfbuilt", Devices: []string{"device-b"}}),
		event(events.OutcomeRefused, 43, outcome("BadDeviceToken", "device-c")),
		event(events.OutcomeSkipped, 43, outcome("clicked", "device-d")),
		event(events.OutcomeUnsupported, 43, outcome("no slot", "device-e")),
		event(events.OutcomeExpired, 43, outcome("window closed", "device-f")),
		event(events.KeyClaimed, 40, &events.Key{
			Key:         "b7f6c2f0-retry-safe",
			Fingerprint: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
			Status:      202, Answer: `{"recall":"r-01JD3V5K7M9P"}`,
		}),
	}
}

// additions are the samples of what version 1 learned later: fields that older
// events do not have. Each is a golden file beside the first of its kind.
func additions() []*events.Event {
	list := map[events.Kind]*events.Event{}
	for _, e := range samples() {
		list[e.Kind] = e
	}
	created := list[events.PushCreated]
	created.Data = &events.Created{Title: "Autumn sale", Audience: events.Audience{Kind: events.AudienceAll}, SlotAuto: true}
	sent := list[events.PushSent]
	sent.Data.(*events.Fact).Send = "msg-20261120-7"
	requested := list[events.RecallRequested]
	requested.Data.(*events.Requested).WholeSends = true
	command := list[events.CommandIssued]
	command.Data.(*events.Command).Sends = []string{"msg-20261120-7", "msg-20261120-8"}
	return []*events.Event{created, sent, requested, command}
}

const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// traced are the samples of kinds that carry a trace context: golden files of their
// own beside those of the other additions.
func traced() []*events.Event {
	var list []*events.Event
	for _, e := range samples() {
		switch e.Kind {
		case events.PushCreated, events.ClickClicked, events.RecallRequested, events.CommandIssued:
			e.Trace = trace
			list = append(list, e)
		}
	}
	return list
}

func goldenPath(kind events.Kind) string {
	return filepath.Join("testdata", "v1", string(kind)+".json")
}

func additionPath(kind events.Kind) string {
	return filepath.Join("testdata", "v1-added", string(kind)+".json")
}

func tracedPath(kind events.Kind) string {
	return filepath.Join("testdata", "v1-added", string(kind)+".trace.json")
}

func golden(t testing.TB, kind events.Kind) []byte {
	t.Helper()
	data, err := os.ReadFile(goldenPath(kind))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestGoldenOfEveryKind(t *testing.T) {
	byKind := map[events.Kind]*events.Event{}
	for _, e := range samples() {
		byKind[e.Kind] = e
	}
	for _, kind := range events.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			want, ok := byKind[kind]
			if !ok {
				t.Fatal("the kind has no sample")
			}
			checkGolden(t, goldenPath(kind), want)
		})
	}
}

func TestGoldenOfAdditions(t *testing.T) {
	for _, e := range additions() {
		t.Run(string(e.Kind), func(t *testing.T) { checkGolden(t, additionPath(e.Kind), e) })
	}
	for _, e := range traced() {
		t.Run(string(e.Kind)+" with a trace", func(t *testing.T) { checkGolden(t, tracedPath(e.Kind), e) })
	}
}

// checkGolden checks that an event is stored as the file says and read from it.
func checkGolden(t *testing.T, path string, want *events.Event) {
	t.Helper()
	encoded, err := events.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); *update && errors.Is(err, fs.ErrNotExist) {
		if err := os.WriteFile(path, append(encoded, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, ok := bytes.CutSuffix(file, []byte("\n"))
	if !ok || bytes.Contains(line, []byte("\n")) {
		t.Fatal("a golden file is one line")
	}
	for name, decode := range map[string]func([]byte) (*events.Event, error){
		"Decode": events.Decode, "DecodeStrict": events.DecodeStrict,
	} {
		got, err := decode(line)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		again, err := events.Encode(got)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again, line) {
			t.Errorf("encoded again:\n%s\nwant\n%s", again, line)
		}
	}
	if !bytes.Equal(encoded, line) {
		t.Errorf("the sample encodes to\n%s\nwant\n%s\nA golden file is never edited: a stored form stays readable for ever.", encoded, line)
	}
}

func TestGoldensAreOfKnownKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/v1/*")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(files), len(events.Kinds()); got != want {
		t.Errorf("%d golden files, want one for each of %d kinds", got, want)
	}
}

// TestKindTable pins what each kind is: all of it is part of the stored format.
func TestKindTable(t *testing.T) {
	type row struct {
		Family           events.Family
		Shape            events.Shape
		Decision, Public bool
	}
	want := map[events.Kind]row{
		"push.created":        {"push", events.ShapeCreated, false, true},
		"push.sent":           {"push", events.ShapeFact, false, true},
		"push.failed":         {"push", events.ShapeFact, false, true},
		"delivery.delivered":  {"delivery", events.ShapeFact, false, true},
		"delivery.expired":    {"delivery", events.ShapeFact, false, true},
		"display.shown":       {"display", events.ShapeFact, false, true},
		"display.cleared":     {"display", events.ShapeFact, false, true},
		"click.clicked":       {"click", events.ShapeFact, false, true},
		"recall.requested":    {"recall", events.ShapeRequested, true, false},
		"recall.refused":      {"recall", events.ShapeRefused, false, false},
		"recall.completed":    {"recall", events.ShapeClosed, true, false},
		"recall.aborted":      {"recall", events.ShapeClosed, true, false},
		"command.issued":      {"command", events.ShapeCommand, true, false},
		"outcome.accepted":    {"outcome", events.ShapeOutcome, false, false},
		"outcome.confirmed":   {"outcome", events.ShapeOutcome, false, false},
		"outcome.refused":     {"outcome", events.ShapeOutcome, false, false},
		"outcome.skipped":     {"outcome", events.ShapeOutcome, false, false},
		"outcome.unsupported": {"outcome", events.ShapeOutcome, false, false},
		"outcome.expired":     {"outcome", events.ShapeOutcome, false, false},
		"key.claimed":         {"key", events.ShapeKey, true, false},
	}
	got := map[events.Kind]row{}
	for _, k := range events.Kinds() {
		if !k.Valid() {
			t.Errorf("kind %s is listed but not valid", k)
		}
		got[k] = row{k.Family(), k.Shape(), k.Decision(), k.Public()}
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Error(diff)
	}
	for _, k := range []events.Kind{"", "push", "push.created ", "Push.Created"} {
		if k.Valid() || k.Public() || k.Decision() || k.Shape() != events.ShapeNone || k.Family() != "" {
			t.Errorf("kind %q counts as known", k)
		}
	}
}
