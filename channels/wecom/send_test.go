package wecom

import (
	"slices"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

func forced(body string, users ...string) channels.Command {
	return channels.Command{Method: channels.Overwrite, Forced: true, Devices: users, Body: body}
}

// TestInvalidUsers: WeCom sends to the others and names those it did not send to,
// which is no proof that the account is gone.
func TestInvalidUsers(t *testing.T) {
	e, s := start(t, func(*Config) {})
	s.Kill("Ben")
	r := emit(t, e, forced("new", "anna", "Ben", "carl"))
	for i, want := range []channels.Verdict{channels.Accepted, channels.Refused, channels.Accepted} {
		if r.Results[i].Verdict != want {
			t.Errorf("user %d: %s (%s), want %s", i, r.Results[i].Verdict, r.Results[i].Reason, want)
		}
	}
	if got := r.Results[1].Reason; got != "bad-request:invaliduser" {
		t.Errorf("reason %q", got)
	}
	if r := emit(t, e, forced("new", "Ben")).Results[0]; r.Verdict != channels.Refused || r.Reason != "bad-request:81013" {
		t.Errorf("nobody left: %s (%s)", r.Verdict, r.Reason)
	}
}

// TestNobodyElseIsNamed: a userid that names others is not sent (L9).
func TestNobodyElseIsNamed(t *testing.T) {
	e, s := start(t, func(*Config) {})
	r := emit(t, e, forced("new", "@all", "anna", "ben|carl"))
	for i, want := range []channels.Verdict{channels.Refused, channels.Accepted, channels.Refused} {
		if r.Results[i].Verdict != want {
			t.Errorf("user %d: %s, want %s", i, r.Results[i].Verdict, want)
		}
	}
	if len(s.Tray.Screen("carl"))+len(s.Tray.Screen("ben")) != 0 || len(s.Tray.Screen("anna")) != 1 {
		t.Error("somebody else was shown it")
	}
	calls := len(s.Calls())
	emit(t, e, forced("new", "@all"))
	if len(s.Calls()) != calls {
		t.Error("a call was made for nobody")
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

func TestContentLimit(t *testing.T) {
	e, s := start(t, func(*Config) {})
	if r := emit(t, e, forced(strings.Repeat("é", maxContent/2), "anna")).Results[0]; r.Verdict != channels.Accepted {
		t.Errorf("%d bytes: %s (%s)", maxContent, r.Verdict, r.Reason)
	}
	calls := len(s.Calls())
	r := emit(t, e, forced(strings.Repeat("é", maxContent/2)+"!", "anna", "ben"))
	if r.Results[1].Verdict != channels.Refused || r.Results[1].Reason != channels.ReasonTooLarge {
		t.Errorf("%d bytes: %+v", maxContent+1, r.Results[1])
	}
	if len(s.Calls()) != calls {
		t.Error("a text that is too long was sent")
	}
}

// TestNothingIsEscaped: WeCom takes no escaped characters.
func TestNothingIsEscaped(t *testing.T) {
	e, s := start(t, func(*Config) {})
	c := forced("<b>new</b> & \"good\"\u2028two", "anna")
	if r := emit(t, e, c).Results[0]; r.Verdict != channels.Accepted {
		t.Fatalf("%s (%s)", r.Verdict, r.Reason)
	}
	if got := s.Tray.Screen("anna"); len(got) != 1 || got[0].Text != "two" {
		t.Errorf("anna shows %q", got)
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
