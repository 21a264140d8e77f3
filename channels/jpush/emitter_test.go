package jpush

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/jpush/jpushtest"
)

// noon is when most tests happen.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func start(t *testing.T, secret string) (channels.Emitter, *double.Server) {
	t.Helper()
	s, err := jpushtest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL + "/", AppKey: jpushtest.AppKey, MasterSecret: secret, HTTP: double.Client(false), Clock: noon})
	if err != nil {
		t.Fatal(err)
	}
	return e, s.Server
}

func healthy(t *testing.T) (channels.Emitter, *double.Server) {
	t.Helper()
	return start(t, jpushtest.MasterSecret)
}

func TestContract(t *testing.T) {
	row, _ := channels.Lookup(channels.Native, Channel)
	channelstest.RunVendor(t, channelstest.Vendor{
		Row: row,
		New: func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := healthy(t)
			// What replaces an unknown send is refused, and the suite replaces sends
			// that reached nobody.
			s.Tray.Sent(jpushtest.Send, "somebody", jpushtest.Send)
			return e, s
		},
		Wrong:  func(t *testing.T) (channels.Emitter, *double.Server) { return start(t, "wrong") },
		Sends:  []string{jpushtest.Send},
		Forced: true,
	})
}

func overwrite(devices ...string) channels.Command {
	return channels.Command{
		Method: channels.Overwrite, Push: "p1", Recall: "r1", Devices: devices, Slot: "42", Sends: []string{"7"},
		Title: "Message revoked", Body: "It was wrong.",
	}
}

// emit returns the one result that all devices have.
func emit(t *testing.T, e channels.Emitter, c channels.Command) channels.Result {
	t.Helper()
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Results {
		if x.Verdict != r.Results[0].Verdict || x.Reason != r.Results[0].Reason {
			t.Errorf("devices of one call differ: %+v", r.Results)
		}
	}
	return r.Results[0]
}

// TestRepeatIsSentOnce: after a lost answer the push is not sent again, even to
// fewer devices; a forced one would be shown twice.
func TestRepeatIsSentOnce(t *testing.T) {
	e, s := healthy(t)
	c := overwrite("a", "b")
	c.Forced = true
	s.Script(double.DropAfter)
	if r := emit(t, e, c); r.Verdict != channels.Unknown {
		t.Fatalf("a lost answer: %q (%s)", r.Verdict, r.Reason)
	}
	c.Devices = []string{"b"}
	if r := emit(t, e, c); r.Verdict != channels.Accepted {
		t.Errorf("the repeat: %q (%s)", r.Verdict, r.Reason)
	}
	if got := s.Tray.Screen("b"); len(got) != 1 {
		t.Errorf("the device shows %q, want the new text once", got)
	}
	c.Recall = "r2"
	emit(t, e, c)
	if got := s.Tray.Screen("b"); len(got) != 2 {
		t.Errorf("after another recall the device shows %q, want the text of both", got)
	}
}

// TestCIDsAreKept: one call gets the cids of ten pushes.
func TestCIDsAreKept(t *testing.T) {
	e, s := healthy(t)
	s.Tray.Sent("7", "a", "7")
	for i := range 11 {
		c := overwrite("a")
		c.Recall = strings.Repeat("r", i+1)
		emit(t, e, c)
	}
	got := s.Calls()
	fetches := len(slices.DeleteFunc(slices.Clone(got), func(c string) bool { return c != "GET /v3/push/cid" }))
	if fetches != 2 || len(got) != 13 {
		t.Errorf("%d fetches among %d calls, want 2 among 13: %q", fetches, len(got), got)
	}
}

// TestSends: the worst of several sends counts, and what is no id is not sent.
func TestSends(t *testing.T) {
	for _, x := range []struct {
		name      string
		method    channels.Method
		sends     []string
		want      channels.Verdict
		reason    string
		forbidden string
	}{
		{"none", channels.Remove, nil, channels.Refused, channels.ReasonNoSend, "DELETE"},
		{"none to replace", channels.Overwrite, nil, channels.Refused, channels.ReasonNoSend, "POST"},
		{"both known", channels.Remove, []string{"7", "8"}, channels.Accepted, "", ""},
		{"unknown", channels.Remove, []string{"9"}, channels.Accepted, channels.ReasonNotFound, ""},
		{"both replaced", channels.Overwrite, []string{"7", "8"}, channels.Accepted, "", ""},
		{"too late to replace", channels.Overwrite, []string{"7", "9"}, channels.Refused, "expired:1003", ""},
		{"another path", channels.Remove, []string{"7/../8"}, channels.Refused, channels.ReasonNoSend, "DELETE"},
		{"a sign", channels.Withhold, []string{"+7"}, channels.Refused, channels.ReasonNoSend, "DELETE"},
		{"too long", channels.Overwrite, []string{"99999999999999999999"}, channels.Refused, channels.ReasonNoSend, "POST"},
	} {
		e, s := healthy(t)
		s.Tray.Sent("7", "a", "7")
		s.Tray.Sent("8", "a", "8")
		c := overwrite("a")
		c.Method, c.Sends = x.method, x.sends
		if r := emit(t, e, c); r.Verdict != x.want || r.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, r.Verdict, r.Reason, x.want, x.reason)
		}
		if calls := strings.Join(s.Calls(), " "); x.forbidden != "" && strings.Contains(calls, x.forbidden) {
			t.Errorf("%s: calls %q", x.name, calls)
		}
	}
}

// TestDeadDevices: JPush sends to the living and names nobody; with none of them
// it refuses the push, which does not show that the tokens are dead.
func TestDeadDevices(t *testing.T) {
	e, s := healthy(t)
	s.Tray.Sent("7", "a", "7")
	s.Kill("b")
	if r := emit(t, e, overwrite("a", "b")); r.Verdict != channels.Accepted {
		t.Errorf("one of two: %q (%s)", r.Verdict, r.Reason)
	}
	if r := emit(t, e, overwrite("b")); r.Verdict != channels.Accepted {
		t.Errorf("a repeat to a device of a push that was sent: %q (%s)", r.Verdict, r.Reason)
	}
	c := overwrite("b")
	c.Recall = "r2"
	if r := emit(t, e, c); r.Verdict != channels.Refused || r.Reason != channels.ReasonAllTokensBad+":1011" {
		t.Errorf("none alive: %q (%s)", r.Verdict, r.Reason)
	}
}

func TestThrottledSaysWhen(t *testing.T) {
	e, s := healthy(t)
	s.Always(double.Throttle)
	r, err := e.Emit(t.Context(), channels.Command{Method: channels.Remove, Devices: []string{"a"}, Sends: []string{"7"}})
	if err != nil || r.RetryAfter != double.RetryAfter {
		t.Errorf("retry after %s, %v, want %s", r.RetryAfter, err, double.RetryAfter)
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for setting, harm := range map[string]func(c *Config){
		"base_url: ":      func(c *Config) { c.BaseURL = "api.jpush.cn" },
		"push_path: ":     func(c *Config) { c.PushPath = "v3/push" },
		"cid_path: ":      func(c *Config) { c.CIDPath = "v3/push/cid" },
		"app_key: ":       func(c *Config) { c.AppKey = "key:very-secret" },
		"master_secret: ": func(c *Config) { c.MasterSecret = "" },
	} {
		c := Config{AppKey: "1", MasterSecret: "very-secret", HTTP: http.DefaultClient, Clock: noon}
		if _, err := New(c); err != nil {
			t.Fatalf("a good configuration: %v", err)
		}
		harm(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), setting) || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s%v", setting, err)
		}
	}
}
