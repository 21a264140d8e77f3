package xiaomi

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/xiaomi/xiaomitest"
)

func config(base string) Config {
	return Config{
		BaseURL: base, AppSecret: xiaomitest.AppSecret, Package: xiaomitest.Package,
		HTTP: double.Client(false), Clock: time.Now,
	}
}

func start(t *testing.T, change func(*Config)) (channels.Emitter, *double.Server) {
	t.Helper()
	s, err := xiaomitest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := config(s.URL + "/")
	if change != nil {
		change(&c)
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, s.Server
}

// TestContract runs the native row, which removes, and the row of a profile that
// overwrites for a recall, for each kind of target. What a revoke says of a dead
// target is not documented, so the suite does not look for it.
func TestContract(t *testing.T) {
	for _, profile := range []string{channels.Native, "mpaas"} {
		for _, prefix := range []string{"", "alias:", "account:"} {
			t.Run(profile+"/"+prefix, func(t *testing.T) {
				row, _ := channels.Lookup(profile, Channel)
				channelstest.RunVendor(t, channelstest.Vendor{
					Row: row,
					New: func(t *testing.T) (channels.Emitter, *double.Server) { return start(t, nil) },
					Wrong: func(t *testing.T) (channels.Emitter, *double.Server) {
						return start(t, func(c *Config) { c.AppSecret = "wrong" })
					},
					Denies: []channels.Method{channels.Withhold},
					Device: func(i int) string { return fmt.Sprintf("%sd//igwEhgBGC+%04d=", prefix, i) },
					Forced: true,
				})
			})
		}
	}
}

// TestWithhold: sends are stopped only where the configuration allows it.
func TestWithhold(t *testing.T) {
	c := channels.Command{Method: channels.Withhold, Devices: []string{"r1"}, Sends: []string{"m1", "m2"}}
	for _, tc := range []struct {
		name  string
		allow bool
		sends []string
		want  channels.Result
		calls int
	}{
		{"not allowed", false, c.Sends, channels.Result{Device: "r1", Verdict: channels.Unsupported, Reason: channels.ReasonHandedOver}, 0},
		{"no send", true, nil, channels.Result{Device: "r1", Verdict: channels.Refused, Reason: channels.ReasonNoSend}, 0},
		{"all", true, c.Sends, channels.Result{Device: "r1", Verdict: channels.Accepted}, 2},
		{"unknown", true, []string{"m3"}, channels.Result{Device: "r1", Verdict: channels.Accepted, Reason: channels.ReasonNotFound}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, s := start(t, func(c *Config) { c.StopWholeSends = tc.allow })
			for _, send := range c.Sends {
				s.Tray.Wait("r1", send, "wrong")
				s.Tray.Sent(send, "r1", send)
			}
			c := c
			c.Sends = tc.sends
			r, err := e.Emit(t.Context(), c)
			if diff := cmp.Diff([]channels.Result{tc.want}, r.Results); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if n := len(s.Calls()); n != tc.calls {
				t.Errorf("%d calls, want %d", n, tc.calls)
			}
			s.Tray.Deliver("r1")
			if n := len(s.Tray.Screen("r1")); (n == 0) != (tc.name == "all") {
				t.Errorf("%d notifications arrive", n)
			}
		})
	}
}

// TestWithholdIsDoneWhenAllSendsAre: one send that was not stopped keeps the
// command open.
func TestWithholdIsDoneWhenAllSendsAre(t *testing.T) {
	e, s := start(t, func(c *Config) { c.StopWholeSends = true })
	s.Tray.Sent("m1", "r1", "m1")
	s.Tray.Sent("m2", "r1", "m2")
	c := channels.Command{Method: channels.Withhold, Devices: []string{"r1"}, Sends: []string{"m1", "m2"}}
	for fault, want := range map[double.Fault]channels.Verdict{
		double.Throttle: channels.Throttled, double.DropAfter: channels.Unknown,
	} {
		s.Script(fault, double.None)
		r, err := e.Emit(t.Context(), c)
		if err != nil || r.Results[0].Verdict != want {
			t.Errorf("%s: %+v, %v, want %s", fault, r, err, want)
		}
	}
}

// canned answers every request and keeps what was asked.
type canned struct {
	status   int
	body     string
	requests []string
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
	c.requests = append(c.requests, fmt.Sprintf("%s %s\n%s\n%s\n%s", r.Method, r.URL,
		r.Header.Get("Content-Type"), r.Header.Get("Authorization"), form))
	return &http.Response{StatusCode: c.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(c.body))}, nil
}

func against(t *testing.T, status int, body string) (*Emitter, *canned) {
	t.Helper()
	a := &canned{status: status, body: body}
	c := config("")
	c.HTTP = &http.Client{Transport: a}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, a
}

// TestRequests: what goes over the wire, for each kind of target in one command.
func TestRequests(t *testing.T) {
	const head = "application/x-www-form-urlencoded\nkey=" + xiaomitest.AppSecret + "\n"
	c := channels.Command{
		Slot: "0", Title: "Message revoked", Devices: []string{"r1", "alias:a1", "r2", "account:u1", "alias:a2"},
	}
	text := "description=Message revoked\nextra.notify_effect=1\n"
	end := "restricted_package_name=com.example.shop\ntitle=Message revoked"
	for _, tc := range []struct {
		name   string
		method channels.Method
		forced bool
		want   []string
	}{
		{"remove", channels.Remove, false, []string{
			"POST https://api.xmpush.xiaomi.com/v3/message/alias/revoke\n" + head + "aliases=a1,a2\nnotify_id=0\nrestricted_package_name=com.example.shop",
			"POST https://api.xmpush.xiaomi.com/v3/message/user_account/revoke\n" + head + "notify_id=0\nrestricted_package_name=com.example.shop\nuser_accounts=u1",
			"POST https://api.xmpush.xiaomi.com/v3/message/regid/revoke\n" + head + "notify_id=0\nregistration_ids=r1,r2\nrestricted_package_name=com.example.shop",
		}},
		{"overwrite", channels.Overwrite, false, []string{
			"POST https://api.xmpush.xiaomi.com/v3/message/alias\n" + head + "alias=a1,a2\n" + text + "notify_id=0\npass_through=0\n" + end,
			"POST https://api.xmpush.xiaomi.com/v2/message/user_account\n" + head + text + "notify_id=0\npass_through=0\n" + end + "\nuser_account=u1",
			"POST https://api.xmpush.xiaomi.com/v3/message/regid\n" + head + text + "notify_id=0\npass_through=0\nregistration_id=r1,r2\n" + end,
		}},
		{"forced", channels.Overwrite, true, []string{
			"POST https://api.xmpush.xiaomi.com/v3/message/alias\n" + head + "alias=a1,a2\n" + text + "pass_through=0\n" + end,
			"POST https://api.xmpush.xiaomi.com/v2/message/user_account\n" + head + text + "pass_through=0\n" + end + "\nuser_account=u1",
			"POST https://api.xmpush.xiaomi.com/v3/message/regid\n" + head + text + "pass_through=0\nregistration_id=r1,r2\n" + end,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, a := against(t, http.StatusOK, `{"result":"ok","code":0}`)
			c := c
			c.Method, c.Forced = tc.method, tc.forced
			r, err := e.Emit(t.Context(), c)
			if diff := cmp.Diff(channels.All(c, channels.Accepted, ""), r); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			if diff := cmp.Diff(tc.want, a.requests); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUnverifiedNamesAreSettings: what is not documented can be put right without
// a new program.
func TestUnverifiedNamesAreSettings(t *testing.T) {
	a := &canned{status: http.StatusOK, body: `{"result":"ok","code":0,"data":{"wrong":"r3"}}`}
	c := config("https://sgp-api.example/")
	c.HTTP = &http.Client{Transport: a}
	c.Unverified = Unverified{Regids: "ids", Package: "pkg", NotifyID: "slot", Bad: "wrong", PerCall: 2}
	c.Paths = Paths{RevokeRegid: "/v4/revoke"}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Emit(t.Context(), channels.Command{Method: channels.Remove, Slot: "7", Devices: []string{"r1", "r2", "r3", "r4"}})
	if err != nil || r.Results[2].Reason != channels.ReasonDeadToken {
		t.Errorf("%+v, %v", r, err)
	}
	const head = "POST https://sgp-api.example/v4/revoke\napplication/x-www-form-urlencoded\nkey=" + xiaomitest.AppSecret + "\n"
	want := []string{head + "ids=r1,r2\npkg=com.example.shop\nslot=7", head + "ids=r3,r4\npkg=com.example.shop\nslot=7"}
	if diff := cmp.Diff(want, a.requests); diff != "" {
		t.Error(diff)
	}
}

// TestDeadTargets: the rejected among others are dead, and all of them together
// are not.
func TestDeadTargets(t *testing.T) {
	e, s := start(t, nil)
	s.Kill("r2", "alias:a1")
	c := channels.Command{Method: channels.Overwrite, Slot: "1", Title: "new", Devices: []string{"r1", "r2", "alias:a1", "r3"}}
	r, err := e.Emit(t.Context(), c)
	want := []channels.Result{
		{Device: "r1", Verdict: channels.Accepted},
		{Device: "r2", Verdict: channels.Refused, Reason: channels.ReasonDeadToken},
		{Device: "alias:a1", Verdict: channels.Refused, Reason: channels.ReasonAllTokensBad + ":20301"},
		{Device: "r3", Verdict: channels.Accepted},
	}
	if diff := cmp.Diff(want, r.Results); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for _, data := range []string{`{"bad_regids":"r1, r2"}`, `"{\"bad_regids\":\"r1,r2\"}"`} {
		e, _ := against(t, http.StatusOK, `{"result":"ok","code":0,"data":`+data+`}`)
		c.Devices = []string{"r1", "r2"}
		r, err := e.Emit(t.Context(), c)
		if diff := cmp.Diff(channels.All(c, channels.Refused, channels.ReasonAllTokensBad), r); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
	}
}

// TestTargetsThatWouldBeOthers: a target that cannot be named in a list is refused
// and the others are done (L9).
func TestTargetsThatWouldBeOthers(t *testing.T) {
	e, s := start(t, nil)
	for _, d := range []string{"r1", "r2", "victim"} {
		s.Tray.Show(d, "1", "old")
	}
	c := channels.Command{Method: channels.Remove, Slot: "1", Devices: []string{"r1", "x,victim", "alias:", "", "r2"}}
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range r.Results {
		want := channels.Result{Device: c.Devices[i], Verdict: channels.Accepted}
		if i > 0 && i < 4 {
			want.Verdict, want.Reason = channels.Refused, channels.ReasonBadRequest
		}
		if x != want {
			t.Errorf("device %d: %+v, want %+v", i, x, want)
		}
	}
	if _, ok := s.Tray.Text("victim", "1"); !ok {
		t.Error("a device that is not in the command was touched")
	}
}

// TestBadCommands: what cannot be sent is not sent.
func TestBadCommands(t *testing.T) {
	e, s := start(t, nil)
	for _, tc := range []struct {
		c    channels.Command
		want string
	}{
		{channels.Command{Method: channels.Remove, Slot: "order"}, channels.ReasonNoSlot},
		{channels.Command{Method: channels.Remove, Slot: "-1"}, channels.ReasonNoSlot},
		{channels.Command{Method: channels.Remove, Slot: "2147483648"}, channels.ReasonNoSlot},
		{channels.Command{Method: channels.Remove, Forced: true}, channels.ReasonNoSlot},
		{channels.Command{Method: channels.Overwrite, Slot: "1", Title: strings.Repeat("x", 50)}, channels.ReasonTooLarge},
		{channels.Command{Method: channels.Overwrite, Slot: "1", Title: "t", Body: strings.Repeat("x", 128)}, channels.ReasonTooLarge},
	} {
		tc.c.Devices = []string{"r1"}
		r, err := e.Emit(t.Context(), tc.c)
		if err != nil || r.Results[0].Verdict != channels.Refused || r.Results[0].Reason != tc.want {
			t.Errorf("%s slot %q: %+v, %v, want %s", tc.c.Method, tc.c.Slot, r, err, tc.want)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	c := channels.Command{Method: channels.Overwrite, Slot: "1", Title: strings.Repeat("界", 49), Body: strings.Repeat("界", 127), Devices: []string{"r1"}}
	if r, err := e.Emit(t.Context(), c); err != nil || r.Results[0].Verdict != channels.Accepted {
		t.Errorf("the longest texts: %+v, %v", r, err)
	}
}

func TestAnswers(t *testing.T) {
	c := channels.Command{Method: channels.Remove, Slot: "1", Devices: []string{"r1"}}
	for _, tc := range []struct {
		status  int
		body    string
		verdict channels.Verdict
		reason  string
	}{
		{200, `{"result":"error","code":10008}`, channels.Refused, "bad-request:10008"},
		{200, `{"result":"error","code":10027}`, channels.Throttled, "throttled:10027"},
		{200, `{"result":"error","code":10001}`, channels.Unknown, "no-answer:10001"},
		{200, `{"result":"error","code":26006}`, channels.Unknown, "no-answer:26006"},
		{200, `{"result":"error","code":22022}`, channels.Throttled, channels.ReasonCredentials},
		{200, `{"result":"error","code":65028}`, channels.Accepted, channels.ReasonNotFound},
		{200, `{"result":"error","code":0}`, channels.Unknown, channels.ReasonNoAnswer},
		{200, `{}`, channels.Unknown, channels.ReasonNoAnswer},
		{200, `<html>`, channels.Unknown, channels.ReasonNoAnswer},
		{401, `{"result":"error","code":21301}`, channels.Throttled, channels.ReasonCredentials},
		{401, ``, channels.Throttled, channels.ReasonCredentials},
		{404, ``, channels.Refused, channels.ReasonBadRequest},
		{429, ``, channels.Throttled, channels.ReasonThrottled},
		{500, ``, channels.Unknown, channels.ReasonNoAnswer},
		{503, `{"result":"ok","code":0}`, channels.Throttled, channels.ReasonBusy},
	} {
		e, _ := against(t, tc.status, tc.body)
		r, err := e.Emit(t.Context(), c)
		if diff := cmp.Diff(channels.All(c, tc.verdict, tc.reason), r); err != nil || diff != "" {
			t.Errorf("%d %s: %v %s", tc.status, tc.body, err, diff)
		}
	}
}

// TestCodes: every code is there once, with a meaning and where it is from, and
// none of them calls a token dead.
func TestCodes(t *testing.T) {
	seen := map[int]bool{}
	for _, m := range codes() {
		if seen[m.code] || m.code == 0 || m.says == "" || m.source == "" || m.reason == "" || m.reason == channels.ReasonDeadToken {
			t.Errorf("code %d: %+v", m.code, m)
		}
		seen[m.code] = true
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"base_url: ":             func(c *Config) { c.BaseURL = "api.xmpush.xiaomi.com" },
		"app_secret: ":           func(c *Config) { c.AppSecret = "" },
		"package: ":              func(c *Config) { c.Package = "" },
		"unverified.per_call: ":  func(c *Config) { c.Unverified.PerCall = -1 },
		"unverified.stop: ":      func(c *Config) { c.Unverified.Stop = "stop" },
		"paths.send_alias: ":     func(c *Config) { c.Paths.SendAlias = "v3/message/alias" },
		"paths.revoke_regid: ":   func(c *Config) { c.Paths.RevokeRegid = "/v1/message/regid/revoke" },
		"paths.revoke_account: ": func(c *Config) { c.Paths.RevokeAccount = "/v2/message/revoke" },
		"an HTTP client ":        func(c *Config) { c.HTTP = nil },
	} {
		c := config("")
		change(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), xiaomitest.AppSecret) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
