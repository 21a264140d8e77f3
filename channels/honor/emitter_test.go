package honor

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/honor/honortest"
)

// noon is the time of a test that does not wait.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, set func(*Config)) (*Emitter, *honortest.Server) {
	t.Helper()
	s, err := honortest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := Config{
		BaseURL: s.URL + "/", TokenURL: s.TokenURL(),
		AppID: honortest.AppID, ClientID: honortest.ClientID, ClientSecret: honortest.ClientSecret,
		HTTP: double.Client(false), Clock: time.Now,
	}
	if set != nil {
		set(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func vendor() channelstest.Vendor {
	row, _ := channels.Lookup(channels.Native, Channel)
	with := func(secret string) func(t *testing.T) (channels.Emitter, *double.Server) {
		return func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, func(c *Config) { c.ClientSecret = secret })
			return e, s.Server
		}
	}
	return channelstest.Vendor{
		Row: row, New: with(honortest.ClientSecret), Wrong: with("wrong"), NamesDead: true, Forced: true,
		Denies: []channels.Method{channels.Withhold, channels.Remove},
	}
}

func TestContract(t *testing.T) { channelstest.RunVendor(t, vendor()) }

// TestContractOfTag: a slot that is no number is a tag.
func TestContractOfTag(t *testing.T) {
	v := vendor()
	v.Slot = "order-7"
	channelstest.RunVendor(t, v)
}

// recorder keeps the last request that was sent to sendMessage.
type recorder struct {
	next http.RoundTripper
	head http.Header
	line string
	body string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/sendMessage") {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(strings.NewReader(string(b)))
		r.head, r.line, r.body = req.Header, req.Method+" "+req.URL.Path, string(b)
	}
	return r.next.RoundTrip(req)
}

func command(slot string) channels.Command {
	return channels.Command{
		Channel: Channel, Action: channels.Recall, Method: channels.Overwrite, Slot: slot, Devices: []string{"t1", "t2"},
		Title: "Message revoked", Body: "Sorry", Deadline: noon.Add(7 * 24 * time.Hour),
	}
}

func TestRequests(t *testing.T) {
	rec := &recorder{}
	e, _ := start(t, func(c *Config) {
		rec.next = c.HTTP.Transport
		c.HTTP.Transport = rec
		c.Clock = func() time.Time { return noon }
		c.Importance = "NORMAL"
	})
	const (
		head = `{"android":{"ttl":"604800s","notification":`
		text = `{"title":"Message revoked","body":"Sorry","clickAction":{"type":3},"importance":"NORMAL"`
		tail = `}},"token":["t1","t2"]}`
	)
	for _, x := range []struct {
		name string
		set  func(*channels.Command)
		body string
	}{
		{"number", func(*channels.Command) {}, head + text + `,"notifyId":10` + tail},
		{"zero", func(c *channels.Command) { c.Slot = "0" }, head + text + `,"notifyId":0` + tail},
		{"tag", func(c *channels.Command) { c.Slot = "-1" }, head + text + `,"tag":"-1"` + tail},
		{"forced", func(c *channels.Command) { c.Forced = true }, head + text + tail},
		{"title only", func(c *channels.Command) { c.Title, c.Body = "Sorry", "" },
			head + strings.Replace(text, "Message revoked", "Sorry", 1) + `,"notifyId":10` + tail},
		{"body only", func(c *channels.Command) { c.Title = "" },
			head + strings.Replace(text, "Message revoked", "Sorry", 1) + `,"notifyId":10` + tail},
		{"long window", func(c *channels.Command) { c.Deadline = noon.Add(90 * 24 * time.Hour) },
			strings.Replace(head, "604800s", "1296000s", 1) + text + `,"notifyId":10` + tail},
		{"no window", func(c *channels.Command) { c.Deadline = time.Time{} },
			strings.Replace(head, `"ttl":"604800s",`, "", 1) + text + `,"notifyId":10` + tail},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := command("10")
			x.set(&c)
			r, err := e.Emit(t.Context(), c)
			if err != nil || r.Results[0].Verdict != channels.Accepted {
				t.Fatalf("%+v, %v", r, err)
			}
			if diff := cmp.Diff(x.body, rec.body); diff != "" {
				t.Error(diff)
			}
			if want := "POST /api/v1/" + honortest.AppID + "/sendMessage"; rec.line != want {
				t.Errorf("%s, want %s", rec.line, want)
			}
			for name, want := range map[string]string{
				"Content-Type": "application/json; charset=UTF-8", "Timestamp": "1795176000000",
				"Authorization": "Bearer access-token-1-of-the-double==",
			} {
				if got := rec.head.Get(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
		})
	}
}

// minted counts the requests for access tokens.
func minted(s *honortest.Server) int {
	n := 0
	for _, c := range s.Calls() {
		if strings.HasSuffix(c, "/token") {
			n++
		}
	}
	return n
}

func TestTokenIsKeptAndRenewed(t *testing.T) {
	now := noon
	e, s := start(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	for _, x := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {58 * time.Minute, 1}, {59 * time.Minute, 2}, {100 * time.Minute, 2}} {
		now = noon.Add(x.after)
		if r, err := e.Emit(t.Context(), command("1")); err != nil || r.Results[0].Verdict != channels.Accepted {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := minted(s); got != x.want {
			t.Errorf("after %s: %d tokens, want %d", x.after, got, x.want)
		}
	}
}

func TestRejectedTokenIsReplacedOnce(t *testing.T) {
	now := noon
	e, s := start(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	emit := func() channels.Result {
		t.Helper()
		r, err := e.Emit(t.Context(), command("1"))
		if err != nil {
			t.Fatal(err)
		}
		return r.Results[1]
	}
	emit()
	s.Expire()
	if r := emit(); r.Verdict != channels.Throttled || r.Reason != channels.ReasonCredentials || minted(s) != 1 {
		t.Errorf("%+v with %d tokens; within a second there must be no other", r, minted(s))
	}
	now = noon.Add(2 * time.Second)
	if r := emit(); r.Verdict != channels.Accepted || minted(s) != 2 {
		t.Errorf("%+v with %d tokens, want accepted with the second", r, minted(s))
	}
}

// TestWrongAppIsNotRepeated: another token is tried once, not for ever.
func TestWrongAppIsNotRepeated(t *testing.T) {
	now := noon
	e, s := start(t, func(c *Config) {
		c.AppID = "another"
		c.Clock = func() time.Time { now = now.Add(2 * time.Second); return now }
	})
	r, err := e.Emit(t.Context(), command("1"))
	if err != nil || r.Results[0].Verdict != channels.Throttled || r.Results[0].Reason != channels.ReasonCredentials {
		t.Errorf("%+v, %v", r, err)
	}
	if got := minted(s); got != 2 {
		t.Errorf("%d tokens, want 2", got)
	}
}

func TestLimits(t *testing.T) {
	e, _ := start(t, nil)
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf("t%04d", i)
	}
	for _, x := range []struct {
		name    string
		set     func(*channels.Command)
		verdict channels.Verdict
		reason  string
	}{
		{"1,000 devices", func(c *channels.Command) { c.Devices = many[:1000] }, channels.Accepted, ""},
		{"1,001 devices", func(c *channels.Command) { c.Devices = many }, channels.Refused, "bad-request:80300010"},
		{"4,096 bytes", func(c *channels.Command) { c.Body = strings.Repeat("a", 4096) }, channels.Refused, channels.ReasonTooLarge},
		{"no text", func(c *channels.Command) { c.Title, c.Body = "", "" }, channels.Refused, channels.ReasonBadRequest},
		{"no slot", func(c *channels.Command) { c.Slot = "" }, channels.Refused, channels.ReasonNoSlot},
	} {
		c := command("1")
		x.set(&c)
		r, err := e.Emit(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Results[len(r.Results)-1]; got.Verdict != x.verdict || got.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, got.Verdict, got.Reason, x.verdict, x.reason)
		}
	}
}

// TestFailedTokens: a token that failed is worth another try, one beside it is done.
func TestFailedTokens(t *testing.T) {
	e, s := start(t, nil)
	s.Busy("t1")
	r, err := e.Emit(t.Context(), command("1"))
	if err != nil {
		t.Fatal(err)
	}
	want := []channels.Result{
		{Device: "t1", Verdict: channels.Throttled, Reason: channels.ReasonBusy}, {Device: "t2", Verdict: channels.Accepted},
	}
	if diff := cmp.Diff(want, r.Results); diff != "" {
		t.Error(diff)
	}
}

// TestAllDead: where every token was rejected none is called dead.
func TestAllDead(t *testing.T) {
	e, s := start(t, nil)
	c := command("1")
	s.Kill(c.Devices...)
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Results {
		if x.Verdict != channels.Refused || x.Reason != channels.ReasonAllTokensBad {
			t.Errorf("%q (%s)", x.Verdict, x.Reason)
		}
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	good := Config{AppID: "1", ClientID: "c", ClientSecret: "s", HTTP: http.DefaultClient, Clock: time.Now}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		want string
		set  func(*Config)
	}{
		{"app_id: ", func(c *Config) { c.AppID = "" }},
		{"client_id: ", func(c *Config) { c.ClientID = "" }},
		{"client_secret: ", func(c *Config) { c.ClientSecret = "" }},
		{"importance: ", func(c *Config) { c.Importance = "HIGH" }},
		{"base_url: ", func(c *Config) { c.BaseURL = "push.example.com" }},
		{"token_url: ", func(c *Config) { c.TokenURL = "ftp://push.example.com" }},
		{"send_path: ", func(c *Config) { c.SendPath = "api" }},
	} {
		c := good
		x.set(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), x.want) {
			t.Errorf("%v, want %s...", err, x.want)
		}
	}
}
