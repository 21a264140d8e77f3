package huawei

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/huawei/huaweitest"
)

// noon is the time of a test that does not wait.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func start(t *testing.T, set func(*Config)) (*Emitter, *huaweitest.Server) {
	t.Helper()
	s, err := huaweitest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := Config{
		BaseURL: s.URL + "/", TokenURL: s.TokenURL(), ClientID: huaweitest.ClientID, ClientSecret: huaweitest.ClientSecret,
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

func vendor(channel string) channelstest.Vendor {
	row, _ := channels.Lookup(channels.Native, channel)
	with := func(secret string) func(t *testing.T) (channels.Emitter, *double.Server) {
		return func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, func(c *Config) { c.ClientSecret = secret })
			return e, s.Server
		}
	}
	return channelstest.Vendor{
		Row: row, New: with(huaweitest.ClientSecret), Wrong: with("wrong"), NamesDead: true, Forced: true,
		Denies: []channels.Method{channels.Withhold, channels.Remove},
	}
}

func TestContract(t *testing.T) { channelstest.RunVendor(t, vendor(Channel)) }

// TestContractOfTag: a slot that is no number is a tag.
func TestContractOfTag(t *testing.T) {
	v := vendor(Channel)
	v.Slot = "order-7"
	channelstest.RunVendor(t, v)
}

func TestContractBelowEMUI10(t *testing.T) {
	v := vendor(OldChannel)
	v.Device = func(i int) string { return fmt.Sprintf("%stoken-%04d", huaweitest.OldPrefix, i) }
	v.ID = func(c channels.Command) string { return c.Slot }
	v.Denies = append(v.Denies, channels.Overwrite)
	channelstest.RunVendor(t, v)
}

// recorder keeps the last request that was sent to messages:send.
type recorder struct {
	next http.RoundTripper
	head http.Header
	line string
	body string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, ":send") {
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
		Title: "Message revoked", Body: "Sorry <all>", Deadline: noon.Add(7 * 24 * time.Hour),
	}
}

func TestRequests(t *testing.T) {
	rec := &recorder{}
	e, _ := start(t, func(c *Config) {
		rec.next = c.HTTP.Transport
		c.HTTP.Transport = rec
		c.Clock = func() time.Time { return noon }
		c.Category = "SUBSCRIPTION"
	})
	const head = `{"message":{"android":{"category":"SUBSCRIPTION","ttl":"604800s","notification":`
	const tail = `},"token":["t1","t2"]}}`
	for _, x := range []struct {
		name string
		set  func(*channels.Command)
		body string
	}{
		{"number", func(*channels.Command) {},
			head + `{"title":"Message revoked","body":"Sorry \u003call\u003e","click_action":{"type":3},"notify_id":10}` + tail},
		{"zero", func(c *channels.Command) { c.Slot = "0" },
			head + `{"title":"Message revoked","body":"Sorry \u003call\u003e","click_action":{"type":3},"notify_id":0}` + tail},
		{"tag", func(c *channels.Command) { c.Slot = "-1" },
			head + `{"title":"Message revoked","body":"Sorry \u003call\u003e","click_action":{"type":3},"tag":"-1"}` + tail},
		{"forced", func(c *channels.Command) { c.Forced = true },
			head + `{"title":"Message revoked","body":"Sorry \u003call\u003e","click_action":{"type":3}}` + tail},
		{"title only", func(c *channels.Command) { c.Body = "" },
			head + `{"title":"Message revoked","body":"Message revoked","click_action":{"type":3},"notify_id":10}` + tail},
		{"body only", func(c *channels.Command) { c.Title, c.Body = "", "Sorry" },
			head + `{"title":"Sorry","body":"Sorry","click_action":{"type":3},"notify_id":10}` + tail},
		{"long window", func(c *channels.Command) { c.Deadline = noon.Add(90 * 24 * time.Hour) },
			strings.Replace(head, "604800s", "1296000s", 1) + `{"title":"Message revoked","body":"Sorry \u003call\u003e","click_action":{"type":3},"notify_id":10}` + tail},
		{"no window", func(c *channels.Command) { c.Deadline = time.Time{} },
			strings.Replace(head, `"ttl":"604800s",`, "", 1) + `{"title":"Message revoked","body":"Sorry \u003call\u003e","click_action":{"type":3},"notify_id":10}` + tail},
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
			if want := "POST /v1/" + huaweitest.ClientID + "/messages:send"; rec.line != want {
				t.Errorf("%s, want %s", rec.line, want)
			}
			if got, want := rec.head.Get("Content-Type"), "application/json;charset=UTF-8"; got != want {
				t.Errorf("content type %q, want %q", got, want)
			}
			if got, want := rec.head.Get("Authorization"), "Bearer access-token-1-of-the-double=="; got != want {
				t.Errorf("authorization %q, want %q", got, want)
			}
		})
	}
}

// minted counts the requests for access tokens.
func minted(s *huaweitest.Server) int {
	n := 0
	for _, c := range s.Calls() {
		if c == "POST /oauth2/v3/token" {
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
		{"3,000 bytes", func(c *channels.Command) { c.Body = strings.Repeat("a", 3000) }, channels.Accepted, ""},
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

// TestOldDevicesReplaceNothing: below EMUI 10 the new text is a second notification,
// which is why such devices have a channel of their own.
func TestOldDevicesReplaceNothing(t *testing.T) {
	e, s := start(t, nil)
	c := command("1")
	c.Devices = []string{huaweitest.OldPrefix + "t"}
	s.Tray.Show(c.Devices[0], "1", "old")
	if _, err := e.Emit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := s.Tray.Screen(c.Devices[0]); len(got) != 2 {
		t.Errorf("the device shows %v", got)
	}
	before := s.Calls()
	c.Channel = OldChannel
	r, err := e.Emit(t.Context(), c)
	if err != nil || r.Results[0].Reason != channels.ReasonNoMethod || !slices.Equal(before, s.Calls()) {
		t.Errorf("unforced on %s: %+v, %v", OldChannel, r, err)
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	good := Config{ClientID: "1", ClientSecret: "s", HTTP: http.DefaultClient, Clock: time.Now}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		want string
		set  func(*Config)
	}{
		{"client_id: ", func(c *Config) { c.ClientID = "" }},
		{"client_secret: ", func(c *Config) { c.ClientSecret = "" }},
		{"base_url: ", func(c *Config) { c.BaseURL = "push.example.com" }},
		{"base_url: ", func(c *Config) { c.BaseURL = "ftp://push.example.com" }},
		{"token_url: ", func(c *Config) { c.TokenURL = "http://" }},
		{"send_path: ", func(c *Config) { c.SendPath = "v1/send" }},
	} {
		c := good
		x.set(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), x.want) {
			t.Errorf("%v, want %s...", err, x.want)
		}
	}
}
