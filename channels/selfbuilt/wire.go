package selfbuilt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// Channel is the channel's name in the matrix.
const Channel = "selfbuilt"

// The limits of a message (L11).
const (
	// MaxReports is how many reports one request holds.
	MaxReports = 100
	// MaxReportBytes bounds a report request.
	MaxReportBytes = 128 << 10
	// MaxInstructions and MaxNotifications bound one sync answer; the device
	// asks again for the rest.
	MaxInstructions  = 100
	MaxNotifications = 100
	// MaxStateBytes bounds a sync answer, below the server's payload limit.
	MaxStateBytes = 512 << 10
)

// Notification is what a device shows.
type Notification struct {
	Push string `json:"push"`
	// Slot is the place it takes: a notification replaces the one that has its
	// slot. Without one it has a place of its own.
	Slot  string `json:"slot,omitempty"`
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
}

// Check reports the first field that breaks a limit as an *events.FieldError.
func (n Notification) Check() error {
	return firstOf(
		events.CheckID("push", n.Push, events.MaxPush),
		events.CheckText("slot", n.Slot, events.MaxSlot),
		events.CheckText("title", n.Title, events.MaxTitle),
		events.CheckText("body", n.Body, events.MaxBody),
	)
}

// Instruction tells a device to take a push back.
type Instruction struct {
	Recall string          `json:"recall"`
	Push   string          `json:"push"`
	Slot   string          `json:"slot,omitempty"`
	Method channels.Method `json:"method"`
	// Title and Body are shown in place of the notification, for overwrite; with
	// neither the notification is removed, since a blank one helps nobody.
	Title string `json:"title,omitempty"`
	Body  string `json:"body,omitempty"`
	// Replacement is the push that the shown text belongs to, for override;
	// without it the text is a notice about the old one.
	Replacement string `json:"replacement,omitempty"`
}

// Check reports the first field that breaks a limit as an *events.FieldError.
func (i Instruction) Check() error {
	err := firstOf(
		events.CheckID("recall", i.Recall, events.MaxID),
		events.CheckID("push", i.Push, events.MaxPush),
		events.CheckText("slot", i.Slot, events.MaxSlot),
		events.CheckText("title", i.Title, events.MaxTitle),
		events.CheckText("body", i.Body, events.MaxBody),
		events.CheckText("replacement", i.Replacement, events.MaxPush),
	)
	switch i.Method {
	case channels.Withhold, channels.Remove, channels.Overwrite:
	default:
		err = firstOf(err, &events.FieldError{Field: "method", Reason: "is none of withhold, remove, overwrite"})
	}
	return err
}

// Report is what a device says about one push: a fact, or that it carried out
// an instruction. Exactly one of Fact and Confirmed is set.
type Report struct {
	Push string `json:"push"`
	// Fact is delivery.delivered, display.shown, click.clicked or display.cleared.
	Fact events.Kind `json:"fact,omitempty"`
	// Confirmed is the id of the recall that was carried out.
	Confirmed string `json:"confirmed,omitempty"`
	// Time is when it happened by the device's clock; zero when the device has
	// no usable clock, and the backend's own time stands for it.
	Time time.Time `json:"time,omitzero"`
}

// Check reports the first field that is wrong as an *events.FieldError.
func (r Report) Check() error {
	if err := events.CheckID("push", r.Push, events.MaxPush); err != nil {
		return err
	}
	switch r.Fact {
	case events.DeliveryDelivered, events.DisplayShown, events.DisplayCleared, events.ClickClicked:
		if r.Confirmed != "" {
			return &events.FieldError{Field: "confirmed", Reason: "stands beside a fact; send two reports"}
		}
	case "":
		if r.Confirmed == "" {
			return &events.FieldError{Field: "fact", Reason: "is missing, and so is confirmed"}
		}
		if err := events.CheckID("confirmed", r.Confirmed, events.MaxID); err != nil {
			return err
		}
	default:
		return &events.FieldError{Field: "fact", Reason: "is none of delivery.delivered, display.shown, click.clicked, display.cleared"}
	}
	if !r.Time.IsZero() && !plausible(r.Time) {
		return &events.FieldError{Field: "time", Reason: "is outside the years 2000 to 2199; leave it out when the clock is not set"}
	}
	return nil
}

// firstOf returns the first error of several checks.
func firstOf(checks ...error) error {
	for _, err := range checks {
		if err != nil {
			return err
		}
	}
	return nil
}

// plausible reports whether an event may carry the time.
func plausible(t time.Time) bool { y := t.UTC().Year(); return y >= 2000 && y <= 2199 }

// State is what a device that connects must know.
type State struct {
	// Instructions are those the device has not confirmed. They are carried out
	// before any notification is shown.
	Instructions []Instruction `json:"instructions,omitempty"`
	// Notifications are those sent to the device, not taken back, and not yet
	// shown, clicked or cleared.
	Notifications []Notification `json:"notifications,omitempty"`
	// More is set when the limits cut the answer: the device asks again after
	// its reports were acknowledged. When instructions were cut,
	// Notifications is empty.
	More bool `json:"more,omitempty"`
}

// Answer is the reply to a report or a sync.
type Answer struct {
	OK bool `json:"ok,omitempty"`
	// Error says in words what went wrong.
	Error string `json:"error,omitempty"`
	// Field names what is wrong with the request: repeating it does not help.
	// Without it the device repeats the request.
	Field string `json:"field,omitempty"`
	// RetryAfterSeconds is how long to wait before repeating it.
	RetryAfterSeconds int `json:"retry_after_seconds,omitempty"`
	// State answers a sync.
	State *State `json:"state,omitempty"`
}

type reportRequest struct {
	Reports []Report `json:"reports"`
}

// parseReports reads and checks a report request; the error is an
// *events.FieldError.
func parseReports(data []byte) ([]Report, error) {
	if len(data) > MaxReportBytes {
		return nil, &events.FieldError{Field: "reports", Reason: fmt.Sprintf("take %d bytes, the limit is %d", len(data), MaxReportBytes)}
	}
	var raw struct {
		Reports []json.RawMessage `json:"reports"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, &events.FieldError{Field: "reports", Reason: "is not a JSON list inside an object"}
	}
	if n := len(raw.Reports); n == 0 || n > MaxReports {
		return nil, &events.FieldError{Field: "reports", Reason: fmt.Sprintf("has %d entries, send 1 to %d", n, MaxReports)}
	}
	reports := make([]Report, len(raw.Reports))
	for i, b := range raw.Reports {
		if err := parseReport(b, &reports[i]); err != nil {
			var f *events.FieldError
			if errors.As(err, &f) {
				return nil, &events.FieldError{Field: fmt.Sprintf("reports[%d].%s", i, f.Field), Reason: f.Reason}
			}
			return nil, &events.FieldError{Field: fmt.Sprintf("reports[%d]", i), Reason: "is not a report"}
		}
	}
	return reports, nil
}

func parseReport(b []byte, r *Report) error {
	// The time is parsed apart: the JSON package does not say which field a
	// time that it cannot read stands in.
	var wire struct {
		Push      string      `json:"push"`
		Fact      events.Kind `json:"fact"`
		Confirmed string      `json:"confirmed"`
		Time      string      `json:"time"`
	}
	if err := json.Unmarshal(b, &wire); err != nil {
		var bad *json.UnmarshalTypeError
		if errors.As(err, &bad) && bad.Field != "" {
			return &events.FieldError{Field: bad.Field, Reason: "is a " + bad.Value + ", a string is expected"}
		}
		return err
	}
	*r = Report{Push: wire.Push, Fact: wire.Fact, Confirmed: wire.Confirmed}
	if wire.Time != "" {
		t, err := time.Parse(time.RFC3339Nano, wire.Time)
		if err != nil {
			return &events.FieldError{Field: "time", Reason: "is not RFC 3339, for example 2026-11-20T09:41:00Z"}
		}
		r.Time = t
	}
	return r.Check()
}

// cut brings a state within the limits of one answer, instructions first.
func cut(s State) (State, error) {
	size, out := 0, State{}
	room := func(v any) (bool, error) {
		b, err := encode(v)
		size += len(b) + 1
		return size <= MaxStateBytes, err
	}
	for _, i := range s.Instructions {
		ok, err := room(i)
		if err != nil {
			return State{}, err
		}
		if !ok || len(out.Instructions) == MaxInstructions {
			out.More = true
			return out, nil
		}
		out.Instructions = append(out.Instructions, i)
	}
	for _, n := range s.Notifications {
		ok, err := room(n)
		if err != nil {
			return State{}, err
		}
		if !ok || len(out.Notifications) == MaxNotifications {
			out.More = true
			return out, nil
		}
		out.Notifications = append(out.Notifications, n)
	}
	out.More = s.More
	return out, nil
}

// encode writes JSON without escaping < > &: texts double in size otherwise.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
