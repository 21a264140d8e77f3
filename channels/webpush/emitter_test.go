package webpush

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
	"github.com/recall-ledger/recall-ledger/channels/webpush/webpushtest"
)

func start(t *testing.T, key string) (*Emitter, *webpushtest.Server) {
	t.Helper()
	return startAt(t, key, time.Now)
}

func startAt(t *testing.T, key string, clock func() time.Time) (*Emitter, *webpushtest.Server) {
	t.Helper()
	s, err := webpushtest.Start(clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := config()
	c.BaseURL, c.PrivateKey, c.Clock = s.URL+"/", key, clock
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func TestContract(t *testing.T) {
	vendor := func(key string) func(t *testing.T) (channels.Emitter, *double.Server) {
		return func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, key)
			return e, s.Server
		}
	}
	row, _ := channels.Lookup(channels.Native, Channel)
	channelstest.RunVendor(t, channelstest.Vendor{
		Row: row, New: vendor(webpushtest.PrivateKey()), Wrong: vendor(webpushtest.OtherPrivateKey()),
		NamesDead: true, Denies: []channels.Method{channels.Withhold, channels.Remove},
		Device: webpushtest.Device, Slot: "order-7_x", Forced: true,
	})
}

func command(a channels.Action) channels.Command {
	c := channels.Command{
		App: "shop", Push: "p1", Recall: "r1", Channel: Channel, Action: a, Method: channels.Overwrite,
		Devices: []string{webpushtest.Device(1)}, Slot: "p7", Attempt: 1, Title: "Message revoked",
	}
	if a == channels.Override {
		c.Body, c.Replacement = "Free on Friday", "p2"
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

// answer is what a push service that answers only one thing says, and hears.
type answer struct {
	status int
	body   string
	header map[string]string
	// direct is true where the endpoint's own host is called.
	direct bool

	request *http.Request
	heard   []byte
	calls   int
}

func (a *answer) emitter(t *testing.T) *Emitter {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.calls++
		a.request = r
		a.heard, _ = io.ReadAll(r.Body)
		for k, v := range a.header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(a.status)
		_, _ = io.WriteString(w, a.body)
	})
	c := config()
	if a.direct {
		// The certificate is for example.com, where the client finds the server.
		s := httptest.NewTLSServer(handler)
		t.Cleanup(s.Close)
		c.HTTP, c.Hosts = s.Client(), []string{"example.com"}
	} else {
		s := httptest.NewServer(handler)
		t.Cleanup(s.Close)
		c.HTTP, c.BaseURL = s.Client(), s.URL+"/gateway"
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestRequests: an overwrite is the request the RFCs describe, and what the browser
// decrypts is what the package comment promises.
func TestRequests(t *testing.T) {
	forced := command(channels.Override)
	forced.Forced, forced.Slot = true, ""
	for name, want := range map[string]struct {
		command channels.Command
		topic   string
		text    string
	}{
		"notice":   {command(channels.Recall), "p7", `{"tag":"p7","title":"Message revoked","push":"p1"}`},
		"override": {command(channels.Override), "p7", `{"tag":"p7","title":"Message revoked","body":"Free on Friday","push":"p1","replacement":"p2"}`},
		"forced":   {forced, "", `{"title":"Message revoked","body":"Free on Friday","push":"p1","replacement":"p2"}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answer{status: 201}
			if x := emit(t, a.emitter(t), want.command); x.Verdict != channels.Accepted || x.Reason != "" {
				t.Fatalf("%+v", x)
			}
			got := map[string]string{}
			for _, k := range []string{"Ttl", "Topic", "Urgency", "Content-Encoding", "Content-Type", "Content-Length"} {
				got[k] = a.request.Header.Get(k)
			}
			got["Content-Length"] = fmt.Sprint(len(a.heard))
			if d := cmp.Diff(map[string]string{
				"Ttl": "2419200", "Topic": want.topic, "Urgency": "high", "Content-Encoding": "aes128gcm",
				"Content-Type": "application/octet-stream", "Content-Length": "512",
			}, got); d != "" {
				t.Error(d)
			}
			if !strings.HasPrefix(a.request.Header.Get("Authorization"), "vapid t=") {
				t.Error("there is no VAPID header")
			}
			text, err := webpushtest.Decrypt(1, a.heard)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want.text, string(text)); d != "" {
				t.Error(d)
			}
			if got, want := a.request.Method+" "+a.request.URL.Path, "POST /gateway/push/1"; got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if strings.Contains(a.request.RequestURI, "#") || strings.Contains(string(a.heard), "revoked") {
				t.Error("the keys or the text are in clear")
			}
		})
	}
}

// TestDirect: without base_url the call goes to the endpoint, path and query as
// they are, and does not follow a redirect.
func TestDirect(t *testing.T) {
	device := strings.Replace(webpushtest.Device(1), webpushtest.Host+"/push/1", "example.com/w/a%2Fb/?token=c%2bd", 1)
	for status, want := range map[int]channels.Verdict{201: channels.Accepted, 307: channels.Refused, 404: channels.Refused} {
		a := &answer{status: status, direct: true, header: map[string]string{"Location": "/elsewhere"}}
		c := command(channels.Recall)
		c.Devices = []string{device}
		x := emit(t, a.emitter(t), c)
		if x.Verdict != want || (status == 404) != (x.Reason == channels.ReasonDeadToken) {
			t.Errorf("%d: %s (%s), want %s", status, x.Verdict, x.Reason, want)
		}
		if a.calls != 1 || a.request.RequestURI != "/w/a%2Fb/?token=c%2bd" || a.request.Host != "example.com" {
			t.Errorf("%d: %d calls, %s at %s", status, a.calls, a.request.RequestURI, a.request.Host)
		}
	}
}

// TestStatuses: each answer means what the standard says.
func TestStatuses(t *testing.T) {
	for _, c := range []struct {
		status  int
		body    string
		verdict channels.Verdict
		reason  string
	}{
		{200, "<html>sign in</html>", channels.Unknown, channels.ReasonNoAnswer},
		{202, "", channels.Unknown, channels.ReasonNoAnswer},
		{400, `{"code":400,"errno":113}`, channels.Refused, "bad-request:113"},
		{400, `{"errno":1234567}`, channels.Refused, channels.ReasonBadRequest},
		{400, "bad", channels.Refused, channels.ReasonBadRequest},
		{401, `{"errno":109}`, channels.Throttled, channels.ReasonCredentials},
		{403, "", channels.Throttled, channels.ReasonCredentials},
		{404, "", channels.Refused, "bad-request:404"},
		{410, "", channels.Refused, channels.ReasonDeadToken},
		{413, "", channels.Refused, channels.ReasonTooLarge},
		{429, "", channels.Throttled, channels.ReasonThrottled},
		{500, "", channels.Unknown, channels.ReasonNoAnswer},
		{503, "", channels.Throttled, channels.ReasonBusy},
	} {
		a := &answer{status: c.status, body: c.body}
		if x := emit(t, a.emitter(t), command(channels.Recall)); x.Verdict != c.verdict || x.Reason != c.reason {
			t.Errorf("%d %s: %s (%s), want %s (%s)", c.status, c.body, x.Verdict, x.Reason, c.verdict, c.reason)
		}
	}
	for status, c := range codes() {
		if c.meaning == "" {
			t.Errorf("%d has no meaning", status)
		}
	}
}

// TestLimits: the longest text that fits is shown, one byte more is refused, and so
// is a slot that is no Topic.
func TestLimits(t *testing.T) {
	e, s := start(t, webpushtest.PrivateKey())
	c := command(channels.Recall)
	c.Body = "b"
	// RFC 8291, section 4: 3993 bytes of text at most.
	c.Body = strings.Repeat("b", 1+3993-len(messageOf(c).text))
	if x := emit(t, e, c); x.Verdict != channels.Accepted {
		t.Errorf("the longest text: %+v", x)
	}
	if got, _ := s.Tray.Text(c.Devices[0], c.Slot); got != c.Body {
		t.Errorf("the browser shows %d bytes, want %d", len(got), len(c.Body))
	}
	c.Body += "b"
	if x := emit(t, e, c); x.Verdict != channels.Refused || x.Reason != channels.ReasonTooLarge {
		t.Errorf("a byte more: %s (%s)", x.Verdict, x.Reason)
	}
	for _, slot := range []string{"", "order 7", "a/b", strings.Repeat("a", 33)} {
		c.Slot = slot
		if x := emit(t, e, c); x.Verdict != channels.Refused || x.Reason != channels.ReasonNoSlot {
			t.Errorf("slot %q: %s (%s)", slot, x.Verdict, x.Reason)
		}
	}
	if n := len(s.Calls()); n != 1 {
		t.Errorf("%d calls, want 1", n)
	}
}

// TestOverwriteDisplacesWhatWaits: a browser that was away never shows the old text.
func TestOverwriteDisplacesWhatWaits(t *testing.T) {
	e, s := start(t, webpushtest.PrivateKey())
	c := command(channels.Recall)
	s.Tray.Wait(c.Devices[0], c.Slot, "old")
	emit(t, e, c)
	s.Tray.Deliver(c.Devices[0])
	if d := cmp.Diff([]double.Item{{ID: c.Slot, Text: "Message revoked"}}, s.Tray.Screen(c.Devices[0])); d != "" {
		t.Error(d)
	}
}
