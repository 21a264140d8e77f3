package meizu

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/meizu/meizutest"
)

// noon is when the tests happen.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func start(t *testing.T, secret string) (channels.Emitter, *double.Server) {
	t.Helper()
	s, err := meizutest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL + "/", AppID: meizutest.AppID, AppSecret: secret, HTTP: double.Client(false), Clock: noon})
	if err != nil {
		t.Fatal(err)
	}
	return e, s.Server
}

func healthy(t *testing.T) (channels.Emitter, *double.Server) {
	t.Helper()
	return start(t, meizutest.AppSecret)
}

func TestContract(t *testing.T) {
	row, _ := channels.Lookup(channels.Native, Channel)
	channelstest.RunVendor(t, channelstest.Vendor{
		Row:    row,
		New:    healthy,
		Wrong:  func(t *testing.T) (channels.Emitter, *double.Server) { return start(t, "wrong") },
		Denies: []channels.Method{channels.Remove},
		Sends:  []string{meizutest.Task},
		Forced: true,
	})
}

func overwrite(devices ...string) channels.Command {
	return channels.Command{
		Method: channels.Overwrite, Devices: devices, Slot: "42", Title: "Message revoked", Body: "It was wrong.",
		Deadline: noon().Add(30 * time.Hour),
	}
}

func emit(t *testing.T, e channels.Emitter, c channels.Command) []channels.Result {
	t.Helper()
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r.Results
}

// TestDeadTokens: the contract's check of dead tokens is for every method, but a
// cancelled task names no device.
func TestDeadTokens(t *testing.T) {
	for _, x := range []struct {
		name string
		dead []string
		want []string
	}{
		{"one of three", []string{"b"}, []string{"", channels.ReasonDeadToken, ""}},
		{"all", []string{"a", "b", "c"}, []string{channels.ReasonAllTokensBad, channels.ReasonAllTokensBad, channels.ReasonAllTokensBad}},
	} {
		e, s := healthy(t)
		s.Kill(x.dead...)
		for i, r := range emit(t, e, overwrite("a", "b", "c")) {
			verdict := channels.Accepted
			if x.want[i] != "" {
				verdict = channels.Refused
			}
			if r.Verdict != verdict || r.Reason != x.want[i] {
				t.Errorf("%s, device %d: %q (%s), want %q (%s)", x.name, i, r.Verdict, r.Reason, verdict, x.want[i])
			}
		}
	}
	e, s := healthy(t)
	s.Kill("a")
	if r := emit(t, e, overwrite("a"))[0]; r.Reason != channels.ReasonAllTokensBad {
		t.Errorf("a dead device alone: %q (%s)", r.Verdict, r.Reason)
	}
}

// TestOddDevices: what is no push id is refused by itself and names nobody else.
func TestOddDevices(t *testing.T) {
	e, s := healthy(t)
	for _, d := range []string{"a", "b", "victim"} {
		s.Tray.Show(d, "42", "old")
	}
	r := emit(t, e, overwrite("a", "x,victim", "", "b"))
	for i, want := range []channels.Verdict{channels.Accepted, channels.Refused, channels.Refused, channels.Accepted} {
		if r[i].Verdict != want {
			t.Errorf("device %d: %q (%s), want %q", i, r[i].Verdict, r[i].Reason, want)
		}
	}
	if got, _ := s.Tray.Text("victim", "42"); got != "old" {
		t.Errorf("a device that was not named shows %q", got)
	}
}

// TestTexts: what Meizu demands and allows is met before a call is made.
func TestTexts(t *testing.T) {
	long := strings.Repeat("长", 33)
	for _, x := range []struct {
		title, body, shown, reason string
	}{
		{"Message revoked", "", "Message revoked", ""},
		{long, "", long, ""},
		{"", strings.Repeat("b", 100), strings.Repeat("b", 100), ""},
		{"", strings.Repeat("b", 101), "", channels.ReasonTooLarge},
		{long, "body", "", channels.ReasonTooLarge},
		{"", "", "", channels.ReasonBadRequest},
	} {
		e, s := healthy(t)
		c := overwrite("a")
		c.Title, c.Body = x.title, x.body
		r := emit(t, e, c)[0]
		got, _ := s.Tray.Text("a", "42")
		if r.Reason != x.reason || got != x.shown {
			t.Errorf("title %q and body %q: %q (%s), shown %q, want %q (%s)", x.title, x.body, r.Verdict, r.Reason, got, x.shown, x.reason)
		}
		if x.reason != "" && len(s.Calls()) != 0 {
			t.Errorf("title %q and body %q: a call was made", x.title, x.body)
		}
	}
}

// TestSlots: a key that Meizu does not take is not sent.
func TestSlots(t *testing.T) {
	e, s := healthy(t)
	for _, slot := range []string{"", "123456789", "a b", "käse"} {
		c := overwrite("a")
		c.Slot = slot
		if r := emit(t, e, c)[0]; r.Verdict != channels.Refused || r.Reason != channels.ReasonNoSlot {
			t.Errorf("slot %q: %q (%s)", slot, r.Verdict, r.Reason)
		}
	}
	if len(s.Calls()) != 0 {
		t.Errorf("calls were made: %q", s.Calls())
	}
}

// TestSends: only tasks can be cancelled, and the worst of several counts.
func TestSends(t *testing.T) {
	for _, x := range []struct {
		name   string
		sends  []string
		want   channels.Verdict
		reason string
	}{
		{"none", nil, channels.Refused, channels.ReasonNoSend},
		{"a single push's id", []string{"c2ee5c3bf00448cfbceb7fdf68c3c8eb"}, channels.Unsupported, channels.ReasonHandedOver},
		{"unknown", []string{"999"}, channels.Accepted, channels.ReasonNotFound},
		{"cancelled before", []string{"1"}, channels.Accepted, channels.ReasonAlready},
		{"good and impossible", []string{"2", "c2ee"}, channels.Unsupported, channels.ReasonHandedOver},
	} {
		e, s := healthy(t)
		s.Tray.Sent("1", "a", "42")
		s.Tray.Sent("2", "a", "42")
		emit(t, e, channels.Command{Method: channels.Withhold, Devices: []string{"a"}, Sends: []string{"1"}})
		r := emit(t, e, channels.Command{Method: channels.Withhold, Devices: []string{"a"}, Sends: x.sends})[0]
		if r.Verdict != x.want || r.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, r.Verdict, r.Reason, x.want, x.reason)
		}
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for setting, harm := range map[string]func(c *Config){
		"base_url: ":    func(c *Config) { c.BaseURL = "server-api-push.meizu.com" },
		"push_path: ":   func(c *Config) { c.PushPath = "push" },
		"cancel_path: ": func(c *Config) { c.CancelPath = "cancel" },
		"app_id: ":      func(c *Config) { c.AppID = "" },
		"app_secret: ":  func(c *Config) { c.AppSecret = "" },
	} {
		c := Config{AppID: "1", AppSecret: "very-secret", HTTP: http.DefaultClient, Clock: noon}
		if _, err := New(c); err != nil {
			t.Fatalf("a good configuration: %v", err)
		}
		harm(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), setting) || strings.Contains(err.Error(), "very-secret") {
			t.Errorf("%s%v", setting, err)
		}
	}
}
