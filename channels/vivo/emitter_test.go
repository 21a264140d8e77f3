package vivo

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

// TestContract runs the native row, and a row as it would be if replacing were
// believed.
func TestContract(t *testing.T) {
	native, _ := channels.Lookup(channels.Native, Channel)
	replacing := native
	replacing.Recall, replacing.Override = channels.Overwrite, channels.Overwrite
	for _, tc := range []struct {
		name   string
		row    channels.Row
		denies []channels.Method
	}{
		{"native", native, []channels.Method{channels.Withhold, channels.Overwrite}},
		{"replacing", replacing, []channels.Method{channels.Withhold}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			channelstest.RunVendor(t, channelstest.Vendor{
				Row: tc.row,
				New: func(t *testing.T) (channels.Emitter, *double.Server) {
					e, s := start(t, newClock(), func(c *Config) { c.Overwrite = tc.name == "replacing" })
					return e, s.Server
				},
				Wrong: func(t *testing.T) (channels.Emitter, *double.Server) {
					e, s := start(t, newClock(), func(c *Config) { c.Overwrite, c.AppSecret = tc.name == "replacing", "wrong" })
					return e, s.Server
				},
				NamesDead: true,
				Denies:    tc.denies,
				Forced:    true,
			})
		})
	}
}

// TestTokens: one token serves for two hours, though it would hold for 24, and one
// that is rejected is replaced once.
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
		{"kept", func() { c.move(119 * time.Minute) }, 1, channels.Accepted},
		{"renewed", func() { c.move(time.Minute) }, 2, channels.Accepted},
		{"rejected", func() { c.move(time.Hour); s.Forget() }, 3, channels.Accepted},
		{"rejected at once", s.Forget, 3, channels.Throttled},
		{"a second later", func() { c.move(time.Second) }, 4, channels.Accepted},
	} {
		step.do()
		if x := one(t, e, command(channels.Remove, "d1")); x.Verdict != step.want {
			t.Errorf("%s: %+v, want %s", step.name, x, step.want)
		}
		if n := s.Given(); n != step.given {
			t.Errorf("%s: %d tokens were given, want %d", step.name, n, step.given)
		}
	}
}

// TestForcedToOneAndToMany: one device is sent to, several get a saved text.
func TestForcedToOneAndToMany(t *testing.T) {
	for devices, want := range map[string]string{
		"d1": "POST /message/send", "d1 d2 d3": "POST /message/pushToList",
	} {
		e, s := start(t, newClock(), nil)
		c := command(channels.Overwrite, strings.Fields(devices)...)
		c.Forced, c.Slot = true, ""
		r, err := e.Emit(t.Context(), c)
		if diff := cmp.Diff(channels.All(c, channels.Accepted, ""), r); err != nil || diff != "" {
			t.Errorf("%v %s", err, diff)
		}
		if diff := cmp.Diff([]string{want}, s.Calls()); diff != "" {
			t.Error(diff)
		}
		for _, d := range c.Devices {
			if got := s.Tray.Screen(d); len(got) != 1 || got[0].Text != c.Title {
				t.Errorf("%s shows %+v", d, got)
			}
		}
	}
}

// TestRequests: what goes over the wire. Request ids are checked for being one.
func TestRequests(t *testing.T) {
	const base = "POST https://api-push.vivo.com.cn/message/"
	sum := md5.Sum([]byte("10004k1795167660000s"))
	auth := base + `auth application/json {"appId":10004,"appKey":"k","timestamp":1795167660000,"sign":"` + hex.EncodeToString(sum[:]) + `"}`
	id := regexp.MustCompile(`"requestId":"[0-9a-f]{32}"`)
	for _, tc := range []struct {
		name   string
		config func(*Config)
		change func(*channels.Command)
		want   []string
	}{
		{"remove", nil, func(c *channels.Command) { c.Method, c.Slot = channels.Remove, "0" },
			[]string{base + `recall application/json {"appId":10004,"notifyId":0,"regIds":["d1","d2"],ID}`}},
		{"remove, as configured", func(c *Config) {
			c.Unverified = Unverified{RecallPath: "/message/undo", RegIDs: "users", RecallID: "id", PerCall: 1}
		}, func(c *channels.Command) { c.Method = channels.Remove },
			[]string{
				base + `undo application/json {"appId":10004,"id":42,ID,"users":["d1"]}`,
				base + `undo application/json {"appId":10004,"id":42,ID,"users":["d2"]}`,
			}},
		{"forced", nil, func(c *channels.Command) { c.Forced = true },
			[]string{
				base + `saveListPayload application/json {"appId":10004,"classification":0,"content":"Message revoked","notifyType":1,ID,"skipType":1,"title":"Message revoked"}`,
				base + `pushToList application/json {"appId":10004,"regIds":["d1","d2"],ID,"taskId":"7"}`,
			}},
		{"overwrite one", func(c *Config) { c.Overwrite, c.Classification, c.Category, c.NotifyType = true, 1, "ORDER", 4 },
			func(c *channels.Command) {
				c.Devices, c.Body, c.Deadline = c.Devices[:1], "Sorry", newClock().at.Add(time.Minute)
			},
			[]string{base + `send application/json {"appId":10004,"category":"ORDER","classification":1,"content":"Sorry","notifyId":42,"notifyType":4,"regId":"d1",ID,"skipType":1,"timeToLive":900,"title":"Message revoked"}`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, a := against(t, http.StatusOK, `{"result":0,"desc":"ok","taskId":"7","invalidUsers":[]}`, tc.config)
			c := command(channels.Overwrite, "d1", "d2")
			tc.change(&c)
			r, err := e.Emit(t.Context(), c)
			if diff := cmp.Diff(channels.All(c, channels.Accepted, ""), r); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
			seen := map[string]bool{}
			for i, request := range a.requests {
				if i > 0 && (seen[id.FindString(request)] || a.tokens[i] != "t") {
					t.Errorf("request %d has the token %q, or the id of another: %s", i, a.tokens[i], request)
				}
				seen[id.FindString(request)] = true
				a.requests[i] = id.ReplaceAllString(request, "ID")
			}
			if diff := cmp.Diff(append([]string{auth}, tc.want...), a.requests); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	// From 17:41 in China to the end of the day.
	const day = 6*time.Hour + 19*time.Minute
	for _, tc := range []struct {
		status  int
		body    string
		verdict channels.Verdict
		reason  string
		wait    time.Duration
	}{
		{200, `{"result":10070}`, channels.Throttled, "throttled:10070", day},
		{200, `{"result":10073}`, channels.Throttled, "throttled:10073", day},
		{200, `{"result":10071}`, channels.Throttled, "throttled:10071", 0},
		{200, `{"result":10000}`, channels.Throttled, channels.ReasonCredentials, 0},
		{200, `{"result":10094}`, channels.Throttled, channels.ReasonCredentials, 0},
		{200, `{"result":10302}`, channels.Refused, "all-tokens-rejected:10302", 0},
		{200, `{"result":10040}`, channels.Refused, "bad-request:10040", 0},
		{200, `{"result":0,"invalidUsers":[{"userid":"d1","status":1}]}`, channels.Refused, channels.ReasonAllTokensBad, 0},
		{200, `{"result":0,"invalidUsers":[{"userid":"d1","status":2}]}`, channels.Refused, "inactive:2", 0},
		{200, `{"result":0,"invalidUsers":[{"userid":"d1","status":9}]}`, channels.Refused, "bad-request:9", 0},
		{200, `{"result":0,"invalidUser":{"userid":"d1","status":3}}`, channels.Refused, "inactive:3", 0},
		{200, `{"result":0,"invalidUser":"","invalidUsers":null}`, channels.Accepted, "", 0},
		{200, `{}`, channels.Unknown, channels.ReasonNoAnswer, 0},
		{200, `<html>`, channels.Unknown, channels.ReasonNoAnswer, 0},
		{401, ``, channels.Throttled, channels.ReasonCredentials, 0},
		{404, ``, channels.Throttled, "bad-request:recall_path", 0},
		{500, `Internet server error!`, channels.Unknown, channels.ReasonNoAnswer, 0},
		{503, `{"result":0}`, channels.Throttled, channels.ReasonBusy, 0},
	} {
		e, _ := against(t, tc.status, tc.body, nil)
		c := command(channels.Remove, "d1")
		r, err := e.Emit(t.Context(), c)
		want := channels.All(c, tc.verdict, tc.reason)
		want.RetryAfter = tc.wait
		if diff := cmp.Diff(want, r); err != nil || diff != "" {
			t.Errorf("%d %s: %v %s", tc.status, tc.body, err, diff)
		}
	}
}

// TestSavedTextThatFails: nothing was shown, so the command is tried again, also
// where the answer was lost.
func TestSavedTextThatFails(t *testing.T) {
	for saved, want := range map[reply]string{
		{500, ""}:                  channels.ReasonNoAnswer,
		{200, `{"result":0}`}:      channels.ReasonNoAnswer,
		{200, `{"result":10252}`}:  "throttled:10252",
		{200, `{"result":10000 }`}: channels.ReasonCredentials,
	} {
		e, a := against(t, http.StatusOK, `{"result":0}`, nil)
		a.replies["/message/saveListPayload"] = saved
		c := command(channels.Overwrite, "d1", "d2")
		c.Forced = true
		r, err := e.Emit(t.Context(), c)
		if err != nil || r.Results[1].Verdict != channels.Throttled || r.Results[1].Reason != want {
			t.Errorf("%+v: %+v, %v, want %s", saved, r, err, want)
		}
		if last := a.requests[len(a.requests)-1]; strings.Contains(last, "pushToList") {
			t.Errorf("%+v: something was sent", saved)
		}
	}
}

// TestAuthentication: what is wrong with it keeps a command open.
func TestAuthentication(t *testing.T) {
	for a, want := range map[reply]string{
		{200, `{"result":10206}`}: channels.ReasonCredentials,
		{200, `{"result":10093}`}: "throttled:10093",
		{200, `{"result":0}`}:     channels.ReasonNoAnswer,
		{200, `<html>`}:           channels.ReasonNoAnswer,
		{503, ``}:                 channels.ReasonBusy,
	} {
		e, c := against(t, http.StatusOK, `{"result":0}`, nil)
		c.replies["/message/auth"] = a
		if x := one(t, e, command(channels.Remove, "d1")); x.Verdict != channels.Throttled || x.Reason != want {
			t.Errorf("%+v: %+v, want %s", a, x, want)
		}
	}
}

// TestBadCommands: what cannot be sent is not sent.
func TestBadCommands(t *testing.T) {
	e, s := start(t, newClock(), nil)
	for name, tc := range map[string]struct {
		change func(*channels.Command)
		want   string
	}{
		"slot":    {func(c *channels.Command) { c.Method, c.Slot = channels.Remove, "order" }, channels.ReasonNoSlot},
		"title":   {func(c *channels.Command) { c.Title = strings.Repeat("界", 20) + "x" }, channels.ReasonTooLarge},
		"content": {func(c *channels.Command) { c.Body = strings.Repeat("x", 101) }, channels.ReasonTooLarge},
		"replace": {func(c *channels.Command) { c.Forced = false }, channels.ReasonNoMethod},
	} {
		c := command(channels.Overwrite, "d1")
		c.Forced = true
		tc.change(&c)
		if x := one(t, e, c); x.Reason != tc.want {
			t.Errorf("%s: %+v, want %s", name, x, tc.want)
		}
	}
	if n := len(s.Calls()) + s.Given(); n != 0 {
		t.Errorf("%d calls were made", n)
	}
	c := command(channels.Overwrite, "d1")
	c.Forced, c.Title, c.Body = true, strings.Repeat("界", 20), strings.Repeat("x", 100)
	if x := one(t, e, c); x.Verdict != channels.Accepted {
		t.Errorf("the longest texts: %+v", x)
	}
}

// TestCodes: every code is there once, with a meaning and where it is from, and only
// the status that says so calls a token dead.
func TestCodes(t *testing.T) {
	for i, table := range [][]meaning{codes(), statuses()} {
		seen := map[int]bool{}
		for _, m := range table {
			if seen[m.code] || m.code == 0 || m.says == "" || m.source == "" || m.reason == "" ||
				(m.reason == channels.ReasonDeadToken) != (i == 1 && m.code == 1) {
				t.Errorf("code %d: %+v", m.code, m)
			}
			seen[m.code] = true
		}
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"base_url: ":               func(c *Config) { c.BaseURL = "http://" },
		"app_id: is missing":       func(c *Config) { c.AppID = "" },
		"app_id: is not":           func(c *Config) { c.AppID = "007" },
		"app_key: ":                func(c *Config) { c.AppKey = "" },
		"app_secret: ":             func(c *Config) { c.AppSecret = "" },
		"classification: ":         func(c *Config) { c.Classification = 2 },
		"notify_type: ":            func(c *Config) { c.NotifyType = 5 },
		"paths.list: ":             func(c *Config) { c.Paths.List = "list" },
		"unverified.recall_path: ": func(c *Config) { c.Unverified.RecallPath = "recall" },
		"unverified.per_call: ":    func(c *Config) { c.Unverified.PerCall = -1 },
		"an HTTP client ":          func(c *Config) { c.Clock = nil },
	} {
		c := Config{AppID: "1", AppKey: "k", AppSecret: "do-not-tell", HTTP: http.DefaultClient, Clock: time.Now}
		change(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(fmt.Sprint(err), "do-not-tell") {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestNoTask: a saved text without an id is not sent to anybody, and shows nothing.
func TestNoTask(t *testing.T) {
	for _, body := range []string{`{"result":0}`, `{"result":0,"taskId":null}`} {
		e, a := against(t, http.StatusOK, body, nil)
		c := command(channels.Overwrite, "d1", "d2")
		c.Forced = true
		r, err := e.Emit(t.Context(), c)
		if err != nil || r.Results[0].Verdict != channels.Throttled || r.Results[0].Reason != channels.ReasonNoAnswer {
			t.Errorf("%s: %+v, %v", body, r, err)
		}
		if n := len(a.requests); n != 2 {
			t.Errorf("%s: %d requests, want those for a token and to save the text", body, n)
		}
	}
}
