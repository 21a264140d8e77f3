package ledger

import (
	"errors"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

func TestRequestCheck(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n+1) }
	override := func(n events.Replacement) Request { return Request{Action: channels.Override, Replacement: &n} }
	for _, c := range []struct {
		name, field string
		request     Request
	}{
		{"whole push", "", Request{Action: channels.Recall}},
		{"cancel", "", Request{Action: channels.Cancel}},
		{"a device", "", Request{Action: channels.Recall, Scope: events.Scope{Device: "d"}}},
		{"a device on a channel", "", Request{Action: channels.Terminate, Scope: events.Scope{Device: "d", Channel: "fcm"}}},
		{"a user", "", Request{Action: channels.Recall, Scope: events.Scope{User: "u"}}},
		{"override", "", override(events.Replacement{Push: "q", Title: "new"})},
		{"override to be refused later", "", Request{Action: channels.Override}},
		{"texts at their limits", "", Request{Action: channels.Recall, Reason: long(events.MaxReason - 1), Notice: long(events.MaxTitle - 1)}},
		{"a text of two lines", "", Request{Action: channels.Recall, Notice: "one\ntwo"}},

		{"no push", "push", Request{Push: "-", Action: channels.Recall}},
		{"long push", "push", Request{Push: long(events.MaxPush), Action: channels.Recall}},
		{"push with a line break", "push", Request{Push: "p\n", Action: channels.Recall}},
		{"no action", "action", Request{}},
		{"unknown action", "action", Request{Action: "undo"}},
		{"action in capitals", "action", Request{Action: "Recall"}},
		{"device and user", "scope", Request{Action: channels.Recall, Scope: events.Scope{Device: "d", User: "u"}}},
		{"channel alone", "scope.device", Request{Action: channels.Recall, Scope: events.Scope{Channel: "fcm"}}},
		{"user on a channel", "scope.device", Request{Action: channels.Recall, Scope: events.Scope{User: "u", Channel: "fcm"}}},
		{"cancel of a device", "scope", Request{Action: channels.Cancel, Scope: events.Scope{Device: "d"}}},
		{"cancel of a user", "scope", Request{Action: channels.Cancel, Scope: events.Scope{User: "u"}}},
		{"long device", "scope.device", Request{Action: channels.Recall, Scope: events.Scope{Device: long(events.MaxDevice)}}},
		{"device of no text", "scope.device", Request{Action: channels.Recall, Scope: events.Scope{Device: "\xff"}}},
		{"long user", "scope.user", Request{Action: channels.Recall, Scope: events.Scope{User: long(events.MaxUser)}}},
		{"odd channel", "scope.channel", Request{Action: channels.Recall, Scope: events.Scope{Device: "d", Channel: "f.c"}}},
		{"long reason", "reason", Request{Action: channels.Recall, Reason: long(events.MaxReason)}},
		{"control character", "reason", Request{Action: channels.Recall, Reason: "a\x00b"}},
		{"long notice", "notice", Request{Action: channels.Recall, Notice: long(events.MaxTitle)}},
		{"replacement of a recall", "replacement", Request{Action: channels.Recall, Replacement: &events.Replacement{Title: "new"}}},
		{"replacement is the push itself", "replacement.push", override(events.Replacement{Push: "p", Title: "new"})},
		{"long replacement push", "replacement.push", override(events.Replacement{Push: long(events.MaxPush)})},
		{"long replacement title", "replacement.title", override(events.Replacement{Title: long(events.MaxTitle)})},
		{"long replacement body", "replacement.body", override(events.Replacement{Body: long(events.MaxBody)})},
	} {
		r := c.request
		switch r.Push {
		case "":
			r.Push = "p"
		case "-":
			r.Push = ""
		}
		err := r.Check()
		var field *events.FieldError
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.field != "" && (!errors.As(err, &field) || field.Field != c.field || field.Reason == ""):
			t.Errorf("%s: %v, want field %q", c.name, err, c.field)
		}
	}
}

// A key stands for the content of a request, not for who asks (L6).
func TestFingerprint(t *testing.T) {
	base := func() *Request {
		return &Request{
			App: "shop", Push: "p", Action: channels.Override, Scope: events.Scope{Device: "d", Channel: "fcm"},
			Reason: "why", Notice: "notice", By: "ops", Replacement: &events.Replacement{Push: "q", Title: "t", Body: "b", Force: true},
		}
	}
	want := base().Fingerprint()
	if len(want) != 64 || base().Fingerprint() != want {
		t.Errorf("fingerprint %q", want)
	}
	same := base()
	same.App, same.By = "other", "somebody else"
	if same.Fingerprint() != want {
		t.Error("app or credential count")
	}
	seen := map[string]string{want: "nothing"}
	for name, change := range map[string]func(*Request){
		"push":    func(r *Request) { r.Push = "p2" },
		"action":  func(r *Request) { r.Action = channels.Recall },
		"device":  func(r *Request) { r.Scope.Device = "d2" },
		"channel": func(r *Request) { r.Scope.Channel = "" },
		"user":    func(r *Request) { r.Scope = events.Scope{User: "d"} },
		"whole":   func(r *Request) { r.Scope = events.Scope{} },
		"reason":  func(r *Request) { r.Reason = "" },
		"notice":  func(r *Request) { r.Notice, r.Reason = r.Reason, r.Notice },
		"none":    func(r *Request) { r.Replacement = nil },
		"empty":   func(r *Request) { r.Replacement = &events.Replacement{} },
		"to":      func(r *Request) { r.Replacement.Push = "q2" },
		"title":   func(r *Request) { r.Replacement.Title, r.Replacement.Body = "b", "t" },
		"body":    func(r *Request) { r.Replacement.Body = "" },
		"force":   func(r *Request) { r.Replacement.Force = false },
	} {
		r := base()
		change(r)
		got := r.Fingerprint()
		if other, taken := seen[got]; taken {
			t.Errorf("another %s has the fingerprint of another %s", name, other)
		}
		seen[got] = name
	}
}
