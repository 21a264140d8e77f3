package fcm

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/fcm/fcmtest"
)

func start(t *testing.T, wrong bool, clock func() time.Time) (*Emitter, *fcmtest.Server) {
	t.Helper()
	s, err := fcmtest.Start(clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := Config{BaseURL: s.URL + "/", ServiceAccount: s.Credentials(), HTTP: double.Client(false), Clock: clock}
	if wrong {
		c.ServiceAccount = s.OtherCredentials()
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func TestContract(t *testing.T) {
	vendor := func(wrong bool) func(t *testing.T) (channels.Emitter, *double.Server) {
		return func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, wrong, time.Now)
			return e, s.Server
		}
	}
	for channel, denies := range map[string][]channels.Method{
		Notification: {channels.Withhold, channels.Remove},
		Data:         {channels.Withhold},
	} {
		t.Run(channel, func(t *testing.T) {
			row, _ := channels.Lookup(channels.Native, channel)
			channelstest.RunVendor(t, channelstest.Vendor{
				Row: row, New: vendor(false), Wrong: vendor(true),
				NamesDead: true, Denies: denies, Slot: "order 7", Forced: true,
			})
		})
	}
}

func command(channel string, m channels.Method, a channels.Action) channels.Command {
	c := channels.Command{
		App: "shop", Push: "p1", Recall: "r1", Channel: channel, Action: a, Method: m,
		Devices: []string{"t1"}, Slot: "p7", Attempt: 1,
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

// answer is what a vendor that answers only one thing says, and hears; access
// tokens are still got from the double.
type answer struct {
	status int
	body   string

	request *http.Request
	heard   string
	calls   int
}

func (a *answer) emitter(t *testing.T) *Emitter {
	t.Helper()
	_, bank := start(t, false, time.Now)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.calls++
		b, _ := io.ReadAll(r.Body)
		a.request, a.heard = r, string(b)
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	}))
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL, ServiceAccount: bank.Credentials(), HTTP: s.Client(), Clock: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestRequests: every method is the message the form documents.
func TestRequests(t *testing.T) {
	with := func(channel string, forced bool) channels.Command {
		c := command(channel, channels.Overwrite, channels.Override)
		c.Body, c.Replacement, c.Forced = "Free on Friday", "p2", forced
		if forced {
			c.Slot = ""
		}
		return c
	}
	for name, want := range map[string]struct {
		command channels.Command
		body    string
	}{
		"notice": {
			command(Notification, channels.Overwrite, channels.Recall),
			`{"message":{"token":"t1","notification":{"title":"Message revoked"},"data":{"push":"p1"},` +
				`"android":{"priority":"HIGH","notification":{"tag":"p7"}},"apns":{"headers":{"apns-collapse-id":"p7"}},` +
				`"webpush":{"notification":{"tag":"p7"}}}}`,
		},
		"forced": {
			with(Notification, true),
			`{"message":{"token":"t1","notification":{"title":"Message revoked","body":"Free on Friday"},` +
				`"data":{"push":"p1","replacement":"p2"},"android":{"priority":"HIGH"}}}`,
		},
		"data remove": {
			command(Data, channels.Remove, channels.Recall),
			`{"message":{"token":"t1","data":{"push":"p1","recall":"p7"},"android":{"priority":"HIGH"}}}`,
		},
		"data override": {
			with(Data, false),
			`{"message":{"token":"t1","data":{"body":"Free on Friday","push":"p1","recall":"p7","replacement":"p2",` +
				`"title":"Message revoked"},"android":{"priority":"HIGH"}}}`,
		},
		"data forced": {
			with(Data, true),
			`{"message":{"token":"t1","data":{"body":"Free on Friday","push":"p1","replacement":"p2",` +
				`"title":"Message revoked"},"android":{"priority":"HIGH"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answer{status: 200, body: `{"name":"projects/demo-shop/messages/1"}`}
			if x := emit(t, a.emitter(t), want.command); x.Verdict != channels.Accepted || x.Reason != "" {
				t.Fatalf("%+v", x)
			}
			if d := cmp.Diff(want.body, a.heard); d != "" {
				t.Error(d)
			}
			if got, want := a.request.Method+" "+a.request.URL.Path, "POST /v1/projects/demo-shop/messages:send"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			h := a.request.Header
			if !strings.HasPrefix(h.Get("Authorization"), "Bearer ya29.") || h.Get("Content-Type") != "application/json" {
				t.Error("the headers are not the documented ones")
			}
		})
	}
}

// TestCodes: each of FCM's codes comes out as the table says, in both places it
// may stand, and only UNREGISTERED calls a token dead.
func TestCodes(t *testing.T) {
	for name, want := range codes() {
		for _, body := range []string{
			`{"error":{"status":%q}}`,
			`{"error":{"status":"OTHER","details":[{"reason":"X"},{"errorCode":%q}]}}`,
		} {
			a := &answer{status: 400, body: fmt.Sprintf(body, name)}
			x := emit(t, a.emitter(t), command(Data, channels.Remove, channels.Recall))
			if x.Verdict != want.verdict || x.Reason != want.reason {
				t.Errorf("%s: %+v, want %s (%s)", name, x, want.verdict, want.reason)
			}
			if (name == "UNREGISTERED") != (x.Reason == channels.ReasonDeadToken) {
				t.Errorf("%s: reason %s", name, x.Reason)
			}
		}
		if want.meaning == "" {
			t.Errorf("%s has no meaning", name)
		}
	}
}

// TestAnswersWithoutACode: nobody but FCM is believed.
func TestAnswersWithoutACode(t *testing.T) {
	const wrongToken = `{"error":{"status":"INVALID_ARGUMENT","details":[{"fieldViolations":[{"field":"message.token"}]}]}}`
	for _, c := range []struct {
		status  int
		body    string
		verdict channels.Verdict
		reason  string
	}{
		{200, "<html>sign in</html>", channels.Unknown, channels.ReasonNoAnswer},
		{200, "{}", channels.Unknown, channels.ReasonNoAnswer},
		{302, "", channels.Refused, channels.ReasonBadRequest},
		{400, wrongToken, channels.Refused, "bad-request:message.token"},
		{400, `{"error":{"status":"t1 is bad"}}`, channels.Refused, channels.ReasonBadRequest},
		{401, "", channels.Throttled, channels.ReasonCredentials},
		{404, "no such page", channels.Refused, channels.ReasonBadRequest},
		{404, `{"error":{"status":"NOT_FOUND"}}`, channels.Refused, channels.ReasonBadRequest},
		{429, "", channels.Throttled, channels.ReasonThrottled},
		{500, "", channels.Unknown, channels.ReasonNoAnswer},
		{503, "", channels.Throttled, channels.ReasonBusy},
	} {
		a := &answer{status: c.status, body: c.body}
		x := emit(t, a.emitter(t), command(Data, channels.Remove, channels.Recall))
		if x.Verdict != c.verdict || x.Reason != c.reason {
			t.Errorf("%d %q: %+v, want %s (%s)", c.status, c.body, x, c.verdict, c.reason)
		}
	}
}

// TestUnknownChannel: a command for another channel is not sent as one of ours.
func TestUnknownChannel(t *testing.T) {
	e, s := start(t, false, time.Now)
	for _, channel := range []string{"", "apns"} {
		if x := emit(t, e, command(channel, channels.Overwrite, channels.Recall)); x.Verdict != channels.Unsupported {
			t.Errorf("channel %q: %+v", channel, x)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

// TestLimits: what FCM would not take is not sent.
func TestLimits(t *testing.T) {
	e, s := start(t, false, time.Now)
	for _, channel := range []string{Notification, Data} {
		c := command(channel, channels.Overwrite, channels.Override)
		c.Body = strings.Repeat("b", 4096)
		if x := emit(t, e, c); x.Verdict != channels.Refused || x.Reason != channels.ReasonTooLarge {
			t.Errorf("%s, a long body: %+v", channel, x)
		}
		c.Body, c.Slot = "b", ""
		if x := emit(t, e, c); x.Verdict != channels.Refused || x.Reason != channels.ReasonNoSlot {
			t.Errorf("%s, no slot: %+v", channel, x)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	c := command(Data, channels.Overwrite, channels.Override)
	c.Body = strings.Repeat("b", 4000)
	if x := emit(t, e, c); x.Verdict != channels.Accepted {
		t.Errorf("a body of 4000 bytes: %+v", x)
	}
	c.Devices = []string{"a token with spaces"}
	if x := emit(t, e, c); x.Reason != "bad-request:message.token" {
		t.Errorf("a token with spaces: %+v", x)
	}
}

// TestLongSlot: what is no collapse id does not spoil the message for Android.
func TestLongSlot(t *testing.T) {
	for length, want := range map[int]bool{64: true, 65: false} {
		c := command(Notification, channels.Overwrite, channels.Recall)
		c.Slot = strings.Repeat("a", length)
		m := formOf(c.Channel).message(c)
		if (m.APNS != nil) != want || m.Android.Notification.Tag != c.Slot {
			t.Errorf("%d bytes: %+v, want a collapse id: %t", length, m, want)
		}
	}
}
