package apns

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/apns/apnstest"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

func config(base, key string) Config {
	return Config{
		BaseURL: base, Topic: apnstest.Topic, TeamID: apnstest.TeamID, KeyID: apnstest.KeyID, PrivateKey: key,
		HTTP: double.Client(true), Clock: time.Now,
	}
}

func start(t *testing.T, key string, clock func() time.Time) (*Emitter, *apnstest.Server) {
	t.Helper()
	s, err := apnstest.Start(clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := config(s.URL+"/", key)
	c.Clock = clock
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func TestContract(t *testing.T) {
	vendor := func(key string) func(t *testing.T) (channels.Emitter, *double.Server) {
		return func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, key, time.Now)
			return e, s.Server
		}
	}
	row, _ := channels.Lookup(channels.Native, Channel)
	channelstest.RunVendor(t, channelstest.Vendor{
		Row:       row,
		New:       vendor(apnstest.Key()),
		Wrong:     vendor(apnstest.PEM(apnstest.NewKey())),
		NamesDead: true,
		Denies:    []channels.Method{channels.Withhold},
		Device:    apnstest.Token,
		Slot:      "order-7_x",
		Forced:    true,
	})
}

// answer is what a vendor that answers only one thing says, and hears.
type answer struct {
	status int
	body   string
	header map[string]string

	request *http.Request
	heard   []byte
}

func (a *answer) emitter(t *testing.T) *Emitter {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.request = r
		a.heard, _ = io.ReadAll(r.Body)
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	c := config(s.URL, apnstest.Key())
	c.HTTP = s.Client()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func command(m channels.Method, a channels.Action) channels.Command {
	c := channels.Command{
		App: "shop", Push: "p1", Recall: "r1", Channel: Channel, Action: a, Method: m, Devices: []string{"abc123"},
		Slot: "p7", Attempt: 1, Deadline: time.Unix(1_800_000_000, 0),
	}
	if m == channels.Overwrite {
		c.Title = "Message revoked"
	}
	return c
}

func emit(t *testing.T, e *Emitter, c channels.Command) channels.Result {
	t.Helper()
	r, err := e.Emit(t.Context(), c)
	if err != nil || len(r.Results) != len(c.Devices) {
		t.Fatalf("emit: %+v, %v", r, err)
	}
	return r.Results[0]
}

// TestRequests: every method is the request Apple documents.
func TestRequests(t *testing.T) {
	override := command(channels.Overwrite, channels.Override)
	override.Body, override.Replacement = "Free on Friday", "p2"
	forced := override
	forced.Forced, forced.Slot = true, ""
	for name, want := range map[string]struct {
		command channels.Command
		header  map[string]string
		body    string
	}{
		"remove": {
			command(channels.Remove, channels.Recall),
			map[string]string{"Apns-Push-Type": "background", "Apns-Priority": "5"},
			`{"aps":{"content-available":1},"recall":"p7","push":"p1"}`,
		},
		"notice": {
			command(channels.Overwrite, channels.Recall),
			map[string]string{"Apns-Push-Type": "alert", "Apns-Priority": "10", "Apns-Collapse-Id": "p7"},
			`{"aps":{"alert":{"title":"Message revoked"},"interruption-level":"passive"},"push":"p1"}`,
		},
		"override": {
			override,
			map[string]string{"Apns-Push-Type": "alert", "Apns-Priority": "10", "Apns-Collapse-Id": "p7"},
			`{"aps":{"alert":{"title":"Message revoked","body":"Free on Friday"}},"push":"p1","replacement":"p2"}`,
		},
		"forced": {
			forced,
			map[string]string{"Apns-Push-Type": "alert", "Apns-Priority": "10"},
			`{"aps":{"alert":{"title":"Message revoked","body":"Free on Friday"}},"push":"p1","replacement":"p2"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answer{status: 200, header: map[string]string{"apns-id": "EC1BF194"}}
			if x := emit(t, a.emitter(t), want.command); x.Verdict != channels.Accepted || x.Reason != "" {
				t.Fatalf("%+v", x)
			}
			want.header["Apns-Topic"], want.header["Apns-Expiration"] = apnstest.Topic, "1800000000"
			got := map[string]string{}
			for k := range a.request.Header {
				if strings.HasPrefix(k, "Apns-") {
					got[k] = a.request.Header.Get(k)
				}
			}
			if d := cmp.Diff(want.header, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(want.body, string(a.heard)); d != "" {
				t.Error(d)
			}
			if got, want := a.request.Method+" "+a.request.URL.Path, "POST /3/device/abc123"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}

// TestCodes: each of Apple's reasons comes out as the table says, and only
// Apple's two call a token dead.
func TestCodes(t *testing.T) {
	for name, want := range codes() {
		a := &answer{status: 400, body: fmt.Sprintf(`{"reason":%q,"timestamp":1700000000000}`, name)}
		x := emit(t, a.emitter(t), command(channels.Remove, channels.Recall))
		if x.Verdict != want.verdict || x.Reason != want.reason {
			t.Errorf("%s: %+v, want %s (%s)", name, x, want.verdict, want.reason)
		}
		if dead := name == "Unregistered" || name == "ExpiredToken"; dead != (x.Reason == channels.ReasonDeadToken) {
			t.Errorf("%s: reason %s", name, x.Reason)
		}
		if want.meaning == "" {
			t.Errorf("%s has no meaning", name)
		}
	}
}

// TestAnswersWithoutACode: nobody but Apple is believed.
func TestAnswersWithoutACode(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		verdict channels.Verdict
		reason  string
	}{
		{200, "<html>sign in</html>", channels.Unknown, channels.ReasonNoAnswer},
		{204, "", channels.Unknown, channels.ReasonNoAnswer},
		{302, "", channels.Refused, channels.ReasonBadRequest},
		{400, `{"reason":"abc123 is bad"}`, channels.Refused, channels.ReasonBadRequest},
		{403, "", channels.Throttled, channels.ReasonCredentials},
		{410, "gone", channels.Refused, channels.ReasonBadRequest},
		{413, "", channels.Refused, channels.ReasonTooLarge},
		{429, "", channels.Throttled, channels.ReasonThrottled},
		{500, "", channels.Unknown, channels.ReasonNoAnswer},
		{503, "", channels.Throttled, channels.ReasonBusy},
	} {
		a := &answer{status: c.status, body: c.body}
		x := emit(t, a.emitter(t), command(channels.Remove, channels.Recall))
		if x.Verdict != c.verdict || x.Reason != c.reason {
			t.Errorf("%d %q: %+v, want %s (%s)", c.status, c.body, x, c.verdict, c.reason)
		}
	}
}

// clock is set by hand.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// TestProviderToken: one token serves for 50 minutes, is then replaced, and is
// not replaced within 20 minutes even where Apple rejects it.
func TestProviderToken(t *testing.T) {
	c := &clock{time.Unix(1_790_000_000, 0)}
	e, s := start(t, apnstest.Key(), c.read)
	push := command(channels.Remove, channels.Recall)
	push.Devices = []string{apnstest.Token(1), apnstest.Token(2)}
	step := func(after time.Duration, updates int, want channels.Verdict) {
		t.Helper()
		c.now = c.now.Add(after)
		if x := emit(t, e, push); x.Verdict != want {
			t.Errorf("%+v, want %s", x, want)
		}
		if n := s.Updates(); n != updates {
			t.Errorf("%d provider tokens, want %d", n, updates)
		}
	}
	step(0, 1, channels.Accepted)
	step(49*time.Minute, 1, channels.Accepted)
	step(time.Minute, 2, channels.Accepted)
	s.RejectCurrent()
	step(time.Minute, 2, channels.Throttled)
	step(18*time.Minute, 2, channels.Throttled)
	step(time.Minute, 3, channels.Accepted)
	s.RejectCurrent()
	step(21*time.Minute, 4, channels.Accepted)
}

// TestSlotIsChecked: what cannot be a header's value is not sent.
func TestSlotIsChecked(t *testing.T) {
	e, s := start(t, apnstest.Key(), time.Now)
	for _, slot := range []string{"", "a\nb", "a\x00", " a", "a ", strings.Repeat("a", 65)} {
		c := command(channels.Overwrite, channels.Recall)
		c.Slot = slot
		if x := emit(t, e, c); x.Verdict != channels.Refused || x.Reason != channels.ReasonNoSlot {
			t.Errorf("slot %q: %+v", slot, x)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// TestLimits: what is too long for Apple is refused, a slot of 64 bytes is not.
func TestLimits(t *testing.T) {
	e, s := start(t, apnstest.Key(), time.Now)
	c := command(channels.Overwrite, channels.Override)
	c.Devices, c.Slot = []string{apnstest.Token(1)}, strings.Repeat("s", 64)
	if x := emit(t, e, c); x.Verdict != channels.Accepted {
		t.Errorf("a slot of 64 bytes: %+v", x)
	}
	c.Body = strings.Repeat("b", 4096)
	if x := emit(t, e, c); x.Verdict != channels.Refused || x.Reason != channels.ReasonTooLarge {
		t.Errorf("a long body: %+v", x)
	}
	if text, _ := s.Tray.Text(c.Devices[0], c.Slot); text != "Message revoked" {
		t.Errorf("the device shows %q", text)
	}
	c.Body, c.Devices = "b", []string{"../3/device/x", "not hexadecimal"}
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Results {
		if x.Verdict != channels.Refused || x.Reason == channels.ReasonDeadToken || strings.Contains(x.Reason, "device") {
			t.Errorf("%+v", x)
		}
	}
}

// TestOverwriteDisplacesWhatWaits: an offline device never shows the old text.
func TestOverwriteDisplacesWhatWaits(t *testing.T) {
	e, s := start(t, apnstest.Key(), time.Now)
	c := command(channels.Overwrite, channels.Recall)
	c.Devices = []string{apnstest.Token(1)}
	s.Tray.Wait(c.Devices[0], c.Slot, "old")
	emit(t, e, c)
	s.Tray.Deliver(c.Devices[0])
	if d := cmp.Diff([]double.Item{{ID: c.Slot, Text: "Message revoked"}}, s.Tray.Screen(c.Devices[0])); d != "" {
		t.Error(d)
	}
}

// TestProviderTokenForm: header and claims are the documented ones.
func TestProviderTokenForm(t *testing.T) {
	a := &answer{status: 200}
	emit(t, a.emitter(t), command(channels.Remove, channels.Recall))
	parts := strings.Split(strings.TrimPrefix(a.request.Header.Get("Authorization"), "bearer "), ".")
	if len(parts) != 3 {
		t.Fatalf("%d parts", len(parts))
	}
	for i, want := range []map[string]any{{"alg": "ES256", "kid": apnstest.KeyID, "typ": "JWT"}, {"iss": apnstest.TeamID}} {
		var got map[string]any
		if err := json.Unmarshal(decode(t, parts[i]), &got); err != nil {
			t.Fatal(err)
		}
		if _, ok := got["iat"].(float64); ok != (i == 1) {
			t.Errorf("part %d: iat is %v", i, got["iat"])
		}
		delete(got, "iat")
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}
