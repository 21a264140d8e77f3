package dingtalk

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

func forced(body string, users ...string) channels.Command {
	return channels.Command{Method: channels.Overwrite, Forced: true, Devices: users, Body: body}
}

// TestSendInParts: more users than one call takes are sent to in several, each
// with a result of its own; who is not named by any is not counted.
func TestSendInParts(t *testing.T) {
	e, s := start(t, func(*Config) {})
	users := []string{"one,two"}
	for i := range 2*maxUsers + 1 {
		users = append(users, fmt.Sprintf("user-%d", i))
	}
	s.Script(double.None, double.Throttle, double.None)
	r := emit(t, e, forced("new", users...))
	if len(s.Calls()) != 4 {
		t.Errorf("%d requests, want a token and 3 sends", len(s.Calls()))
	}
	if r.Results[0].Verdict != channels.Refused || r.Results[0].Reason != channels.ReasonBadRequest {
		t.Errorf("a userid with a comma: %+v", r.Results[0])
	}
	throttled := 0
	for i, x := range r.Results[1:] {
		shown := len(s.Tray.Screen(x.Device)) == 1
		if x.Device != users[i+1] || shown != (x.Verdict == channels.Accepted) {
			t.Errorf("user %d: %s (%s), shown: %t", i, x.Verdict, x.Reason, shown)
		}
		if x.Verdict == channels.Throttled {
			throttled++
		}
	}
	if throttled != maxUsers && throttled != 1 { // whichever call came second
		t.Errorf("%d users were put off", throttled)
	}
	if len(s.Tray.Screen("one"))+len(s.Tray.Screen("two")) != 0 {
		t.Error("a userid with a comma named two users")
	}
}

// TestRepeatedSend: a send whose answer was lost is not shown twice.
func TestRepeatedSend(t *testing.T) {
	e, s := start(t, func(*Config) {})
	s.Script(double.DropAfter)
	for _, want := range []channels.Verdict{channels.Unknown, channels.Accepted} {
		if r := emit(t, e, forced("new", "anna")).Results[0]; r.Verdict != want {
			t.Errorf("%s (%s), want %s", r.Verdict, r.Reason, want)
		}
	}
	if got := s.Tray.Screen("anna"); len(got) != 1 || got[0].Text != "new" {
		t.Errorf("anna shows %v", got)
	}
}

func TestMessageLimit(t *testing.T) {
	e, s := start(t, func(*Config) {})
	frame := len(`{"msgtype":"text","text":{"content":""}}`)
	if r := emit(t, e, forced(strings.Repeat("x", maxMessage-frame), "anna")).Results[0]; r.Verdict != channels.Accepted {
		t.Errorf("%d bytes: %s (%s)", maxMessage, r.Verdict, r.Reason)
	}
	calls := len(s.Calls())
	r := emit(t, e, forced(strings.Repeat("x", maxMessage-frame+1), "anna", "ben"))
	if r.Results[1].Verdict != channels.Refused || r.Results[1].Reason != channels.ReasonTooLarge {
		t.Errorf("%d bytes: %+v", maxMessage+1, r.Results[1])
	}
	if len(s.Calls()) != calls {
		t.Error("a message that is too long was sent")
	}
}

// TestNobody: a device without a name is refused, and nobody is called for it.
func TestNobody(t *testing.T) {
	e, s := start(t, func(*Config) {})
	if r := emit(t, e, forced("text", "")).Results[0]; r.Verdict != channels.Refused || r.Reason != channels.ReasonBadRequest {
		t.Errorf("%+v", r)
	}
	if slices.Contains(s.Calls(), "POST "+sendPath) {
		t.Error("a call was made")
	}
}
