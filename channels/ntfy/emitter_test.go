package ntfy

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/ntfy/ntfytest"
)

func start(t *testing.T, token string) (channels.Emitter, *double.Server) {
	t.Helper()
	s, err := ntfytest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL + "/", Token: token, HTTP: double.Client(false), Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return e, s.Server
}

func TestContract(t *testing.T) {
	row, _ := channels.Lookup(channels.Native, Channel)
	channelstest.RunVendor(t, channelstest.Vendor{
		Row:    row,
		New:    func(t *testing.T) (channels.Emitter, *double.Server) { return start(t, ntfytest.Token) },
		Wrong:  func(t *testing.T) (channels.Emitter, *double.Server) { return start(t, "wrong") },
		Denies: []channels.Method{channels.Withhold},
		Forced: true,
	})
}

func TestNewNamesTheSetting(t *testing.T) {
	for _, u := range []string{"", "ntfy.example.com", "ftp://ntfy.example.com", "http://"} {
		if _, err := New(Config{BaseURL: u, HTTP: http.DefaultClient, Clock: time.Now}); err == nil || !strings.HasPrefix(err.Error(), "base_url: ") {
			t.Errorf("base_url %q: %v", u, err)
		}
	}
}

// TestSlotIsChecked: a slot that would name another path is not sent.
func TestSlotIsChecked(t *testing.T) {
	e, s := start(t, ntfytest.Token)
	for _, slot := range []string{"a/b", "..", "a?b", strings.Repeat("a", 33)} {
		r, err := e.Emit(t.Context(), channels.Command{Method: channels.Remove, Slot: slot, Devices: []string{"topic"}})
		if err != nil || r.Results[0].Reason != channels.ReasonNoSlot {
			t.Errorf("slot %q: %+v, %v", slot, r, err)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// TestForcedRemovalNeedsASlot: that a new notification needs none does not let a
// removal name a whole topic.
func TestForcedRemovalNeedsASlot(t *testing.T) {
	e, s := start(t, ntfytest.Token)
	r, err := e.Emit(t.Context(), channels.Command{Method: channels.Remove, Forced: true, Devices: []string{"topic"}})
	if err != nil || r.Results[0].Verdict != channels.Refused || r.Results[0].Reason != channels.ReasonNoSlot || len(s.Calls()) != 0 {
		t.Errorf("%+v, %v, calls %q", r, err, s.Calls())
	}
}

// TestTopicsThatArePaths: a topic that would name another path is not called, and
// keeps no other from being called.
func TestTopicsThatArePaths(t *testing.T) {
	e, s := start(t, ntfytest.Token)
	c := channels.Command{Method: channels.Remove, Slot: "1", Devices: []string{"", ".", "..", "good"}}
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range r.Results {
		want := channels.Result{Device: c.Devices[i], Verdict: channels.Refused, Reason: channels.ReasonBadRequest}
		if c.Devices[i] == "good" {
			want.Verdict, want.Reason = channels.Accepted, ""
		}
		if x != want {
			t.Errorf("%+v, want %+v", x, want)
		}
	}
	if got := s.Calls(); len(got) != 1 || got[0] != "DELETE /good/1" {
		t.Errorf("calls %q", got)
	}
}

// TestNoServer: what is not an ntfy server, or too old a one, took nothing back.
func TestNoServer(t *testing.T) {
	for status, want := range map[int]channels.Result{
		http.StatusNotFound: {Verdict: channels.Refused, Reason: channels.ReasonBadRequest},
		http.StatusOK:       {Verdict: channels.Unknown, Reason: channels.ReasonNoAnswer},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte("<html>"))
		}))
		t.Cleanup(s.Close)
		e, err := New(Config{BaseURL: s.URL, HTTP: double.Client(false), Clock: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range []channels.Method{channels.Remove, channels.Overwrite} {
			r, err := e.Emit(t.Context(), channels.Command{Method: m, Slot: "1", Body: "text", Devices: []string{"topic"}})
			if err != nil || r.Results[0].Verdict != want.Verdict || r.Results[0].Reason != want.Reason {
				t.Errorf("%d to %s: %+v, %v, want %+v", status, m, r, err, want)
			}
		}
	}
}
