package oppo

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/oppo/oppotest"
)

// clock is a time that stands until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC)} }

func start(t *testing.T, c *clock, change func(*Config)) (channels.Emitter, *oppotest.Server) {
	t.Helper()
	s, err := oppotest.Start(c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	conf := Config{
		BaseURL: s.URL + "/", OverseasURL: s.URL + oppotest.Overseas,
		AppKey: oppotest.AppKey, MasterSecret: oppotest.MasterSecret,
		HTTP: double.Client(false), Clock: c.now,
	}
	if change != nil {
		change(&conf)
	}
	e, err := New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func TestContract(t *testing.T) {
	row, _ := channels.Lookup(channels.Native, Channel)
	for name, form := range map[string]string{"home": "CN_token-%04d", "overseas": "OPPO_IN_token-%04d"} {
		t.Run(name, func(t *testing.T) {
			channelstest.RunVendor(t, channelstest.Vendor{
				Row: row,
				New: func(t *testing.T) (channels.Emitter, *double.Server) {
					e, s := start(t, newClock(), nil)
					return e, s.Server
				},
				Wrong: func(t *testing.T) (channels.Emitter, *double.Server) {
					e, s := start(t, newClock(), func(c *Config) { c.MasterSecret = "wrong" })
					return e, s.Server
				},
				NamesDead: true,
				Denies:    []channels.Method{channels.Withhold, channels.Remove},
				Device:    func(i int) string { return fmt.Sprintf(form, i) },
				Forced:    true,
			})
		})
	}
}

func command(devices ...string) channels.Command {
	return channels.Command{
		App: "shop", Push: "p1", Recall: "rc1", Method: channels.Overwrite, Slot: "42",
		Title: "Message revoked", Devices: devices,
	}
}

// one emits a command and returns the only result.
func one(t *testing.T, e channels.Emitter, c channels.Command) channels.Result {
	t.Helper()
	r, err := e.Emit(t.Context(), c)
	if err != nil || len(r.Results) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	return r.Results[0]
}

// TestTokens: one token serves until shortly before its end, and one that is
// rejected is replaced once.
func TestTokens(t *testing.T) {
	c := newClock()
	e, s := start(t, c, nil)
	for _, step := range []struct {
		name  string
		do    func()
		given int
		want  channels.Verdict
	}{
		{"first", func() {}, 1, channels.Accepted},
		{"kept", func() { c.move(23 * time.Hour) }, 1, channels.Accepted},
		{"renewed", func() { c.move(59*time.Minute + 30*time.Second) }, 2, channels.Accepted},
		{"rejected", func() { c.move(time.Hour); s.Forget() }, 3, channels.Accepted},
		{"rejected at once", s.Forget, 3, channels.Throttled},
		{"a second later", func() { c.move(time.Second) }, 4, channels.Accepted},
	} {
		step.do()
		if x := one(t, e, command("d1")); x.Verdict != step.want {
			t.Errorf("%s: %+v, want %s", step.name, x, step.want)
		}
		if n := s.Given(); n != step.given {
			t.Errorf("%s: %d tokens were given, want %d", step.name, n, step.given)
		}
	}
}

// TestForcedIsShownOnce: a repeated forced overwrite does not pile up.
func TestForcedIsShownOnce(t *testing.T) {
	e, s := start(t, newClock(), nil)
	c := command("d1")
	c.Forced = true
	s.Tray.Show("d1", "42", "old")
	for range 2 {
		if x := one(t, e, c); x.Verdict != channels.Accepted {
			t.Errorf("%+v", x)
		}
	}
	if got := s.Tray.Screen("d1"); len(got) != 2 || got[1].Text != "Message revoked" {
		t.Errorf("the screen shows %+v", got)
	}
}

// TestRegions: each device is reached at its own address, and a token that is dead
// beside others of its region is dead.
func TestRegions(t *testing.T) {
	e, s := start(t, newClock(), nil)
	devices := []string{"plain", "IN_1", "CN_1", "OPPO_IN_2", "OPPO_CN_2", "a_b_c_d", "IN_3"}
	s.Kill("CN_1", "IN_1", "OPPO_IN_2", "IN_3")
	r, err := e.Emit(t.Context(), command(devices...))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"CN_1": channels.ReasonDeadToken,
		"IN_1": channels.ReasonAllTokensBad, "OPPO_IN_2": channels.ReasonAllTokensBad, "IN_3": channels.ReasonAllTokensBad,
	}
	for i, x := range r.Results {
		if x.Device != devices[i] || x.Reason != want[x.Device] {
			t.Errorf("%+v, want reason %q", x, want[x.Device])
		}
	}
	if n := len(s.Calls()); n != 2 {
		t.Errorf("%d calls, want one for each region", n)
	}
}

// canned answers every request by its path and keeps what was asked.
type canned struct {
	status     int
	auth, send string
	requests   []string
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.QueryUnescape(strings.ReplaceAll(string(b), "&", "\n"))
	if err != nil {
		return nil, err
	}
	c.requests = append(c.requests, fmt.Sprintf("%s %s\n%s\n%s", r.Method, r.URL, r.Header.Get("Content-Type"), form))
	body, status := c.send, c.status
	if strings.HasSuffix(r.URL.Path, "/auth") {
		body, status = c.auth, http.StatusOK
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
}

func against(t *testing.T, a *canned) *Emitter {
	t.Helper()
	e, err := New(Config{
		AppKey: "k", MasterSecret: "s", ChannelID: "notices",
		HTTP: &http.Client{Transport: a}, Clock: newClock().now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const goodAuth = `{"code":0,"data":{"auth_token":"t","create_time":1}}`

// TestRequests: what goes over the wire. The sign is sha256 of k1795167660000s.
func TestRequests(t *testing.T) {
	const base, kind = "POST https://api.push.oppomobile.com/server/v1/", "\napplication/x-www-form-urlencoded\n"
	auth := base + "auth" + kind + "app_key=k\nsign=05684c5e66b27e1acfb1123f90e922aa4962fda0a1828f36350fa9368040eef6\ntimestamp=1795167660000"
	for name, tc := range map[string]struct {
		change func(*channels.Command)
		want   string
	}{
		"overwrite": {func(c *channels.Command) { c.Slot = "0"; c.Body = "Sorry" },
			`[{"target_type":2,"target_value":"d1","notification":{"style":1,"title":"Message revoked","content":"Sorry","channel_id":"notices","notify_id":0}},` +
				`{"target_type":2,"target_value":"d2","notification":{"style":1,"title":"Message revoked","content":"Sorry","channel_id":"notices","notify_id":0}}]`},
		"forced, with a deadline": {func(c *channels.Command) {
			c.Forced, c.Devices, c.Deadline = true, c.Devices[:1], newClock().at.Add(time.Hour)
		}, `[{"target_type":2,"target_value":"d1","notification":{"app_message_id":"rc1","style":1,"title":"Message revoked","content":"Message revoked","off_line_ttl":3600,"channel_id":"notices"}}]`},
		"a far deadline": {func(c *channels.Command) { c.Devices, c.Deadline = c.Devices[:1], newClock().at.Add(30*24*time.Hour) },
			`[{"target_type":2,"target_value":"d1","notification":{"style":1,"title":"Message revoked","content":"Message revoked","off_line_ttl":864000,"channel_id":"notices","notify_id":42}}]`},
	} {
		t.Run(name, func(t *testing.T) {
			a := &canned{status: 200, auth: goodAuth, send: `{"code":0,"data":[{"registrationId":"d2"},{"registrationId":"d1"}]}`}
			c := command("d1", "d2")
			tc.change(&c)
			r, err := against(t, a).Emit(t.Context(), c)
			if diff := cmp.Diff(channels.All(c, channels.Accepted, ""), r); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			want := []string{auth, base + "message/notification/unicast_batch" + kind + "auth_token=t\nmessages=" + tc.want}
			if diff := cmp.Diff(want, a.requests); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	for _, tc := range []struct {
		name, auth, send string
		status           int
		verdict          channels.Verdict
		reason           string
	}{
		{"flow control", goodAuth, `{"code":-2}`, 200, channels.Throttled, "throttled:-2"},
		{"busy", goodAuth, `{"code":-1}`, 200, channels.Throttled, "vendor-busy:-1"},
		{"quota", goodAuth, `{"code":33}`, 200, channels.Throttled, "throttled:33"},
		{"token rejected", goodAuth, `{"code":11}`, 200, channels.Throttled, channels.ReasonCredentials},
		{"app disabled", goodAuth, `{"code":28}`, 200, channels.Throttled, channels.ReasonCredentials},
		{"arguments", goodAuth, `{"code":41}`, 200, channels.Refused, "bad-request:41"},
		{"bad device", goodAuth, `{"code":10000}`, 200, channels.Refused, channels.ReasonAllTokensBad},
		{"a duplicate, of nobody", goodAuth, `{"code":32}`, 200, channels.Unknown, channels.ReasonNoAnswer},
		{"a duplicate", goodAuth, `{"code":0,"data":[{"registrationId":"d1","errorCode":32}]}`, 200, channels.Accepted, channels.ReasonAlready},
		{"item", goodAuth, `{"code":0,"data":[{"registrationId":"d1","errorCode":67}]}`, 200, channels.Refused, "bad-request:67"},
		{"all dead", goodAuth, `{"code":0,"data":[{"registrationId":"d1","errorCode":10000}]}`, 200, channels.Refused, channels.ReasonAllTokensBad},
		{"another device", goodAuth, `{"code":0,"data":[{"registrationId":"d2"}]}`, 200, channels.Unknown, channels.ReasonNoAnswer},
		{"no list", goodAuth, `{"code":0,"data":{}}`, 200, channels.Unknown, channels.ReasonNoAnswer},
		{"nothing", goodAuth, `{}`, 200, channels.Unknown, channels.ReasonNoAnswer},
		{"code beats status", goodAuth, `{"code":13}`, 500, channels.Throttled, "throttled:13"},
		{"status", goodAuth, ``, 500, channels.Unknown, channels.ReasonNoAnswer},
		{"success with a bad status", goodAuth, `{"code":0,"data":[{"registrationId":"d1"}]}`, 503, channels.Throttled, channels.ReasonBusy},
		{"auth: sign", `{"code":16}`, ``, 200, channels.Throttled, channels.ReasonCredentials},
		{"auth: flow control", `{"code":-2}`, ``, 200, channels.Throttled, "throttled:-2"},
		{"auth: no token", `{"code":0,"data":{}}`, ``, 200, channels.Throttled, channels.ReasonNoAnswer},
		{"auth: something else", `<html>`, ``, 200, channels.Throttled, channels.ReasonNoAnswer},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := against(t, &canned{status: tc.status, auth: tc.auth, send: tc.send})
			want := channels.Result{Device: "d1", Verdict: tc.verdict, Reason: tc.reason}
			if got := one(t, e, command("d1")); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// TestBadCommands: what cannot be sent is not sent.
func TestBadCommands(t *testing.T) {
	e, s := start(t, newClock(), nil)
	for want, change := range map[string]func(*channels.Command){
		channels.ReasonNoSlot:   func(c *channels.Command) { c.Slot = "order-7" },
		channels.ReasonTooLarge: func(c *channels.Command) { c.Title = strings.Repeat("界", 51) },
	} {
		c := command("d1")
		change(&c)
		if x := one(t, e, c); x.Verdict != channels.Refused || x.Reason != want {
			t.Errorf("%+v, want %s", x, want)
		}
	}
	c := command("d1")
	c.Body = strings.Repeat("界", 201)
	if x := one(t, e, c); x.Reason != channels.ReasonTooLarge {
		t.Errorf("%+v, want %s", x, channels.ReasonTooLarge)
	}
	if n := len(s.Calls()) + s.Given(); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	c.Title, c.Body = strings.Repeat("界", 50), strings.Repeat("界", 200)
	if x := one(t, e, c); x.Verdict != channels.Accepted {
		t.Errorf("the longest texts: %+v", x)
	}
}

// TestCodes: every code is there once, with a meaning and where it is from, and
// only the vendor's own token code calls a token dead.
func TestCodes(t *testing.T) {
	seen := map[int]bool{}
	for _, m := range codes() {
		if seen[m.code] || m.code == success || m.says == "" || m.source == "" || m.reason == "" ||
			(m.reason == channels.ReasonDeadToken) != (m.code == badDevice) {
			t.Errorf("code %d: %+v", m.code, m)
		}
		seen[m.code] = true
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"base_url: ":      func(c *Config) { c.BaseURL = "ftp://api.example.com" },
		"overseas_url: ":  func(c *Config) { c.OverseasURL = "api.example.com" },
		"app_key: ":       func(c *Config) { c.AppKey = "" },
		"master_secret: ": func(c *Config) { c.MasterSecret = "" },
		"token_path: ":    func(c *Config) { c.TokenPath = "auth" },
		"send_path: ":     func(c *Config) { c.SendPath = "send" },
		"an HTTP client ": func(c *Config) { c.HTTP = nil },
	} {
		c := Config{AppKey: "k", MasterSecret: "do-not-tell", HTTP: http.DefaultClient, Clock: time.Now}
		change(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "do-not-tell") {
			t.Errorf("%q: %v", want, err)
		}
	}
}
