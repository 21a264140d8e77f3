package wechat

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/wechat/wechattest"
)

// noon is when most tests happen.
func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

func start(t *testing.T, secret string, clock func() time.Time) (channels.Emitter, *wechattest.Server) {
	t.Helper()
	s, err := wechattest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL + "/", AppID: wechattest.AppID, AppSecret: secret, HTTP: double.Client(false), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func TestContract(t *testing.T) {
	row, _ := channels.Lookup(channels.Native, Channel)
	maker := func(secret string) func(t *testing.T) (channels.Emitter, *double.Server) {
		return func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, secret, noon)
			return e, s.Server
		}
	}
	channelstest.RunVendor(t, channelstest.Vendor{
		Row: row, New: maker(wechattest.AppSecret), Wrong: maker("wrong"),
		Denies: []channels.Method{channels.Withhold, channels.Overwrite},
		Sends:  []string{wechattest.Send},
	})
}

func remove(sends ...string) channels.Command {
	return channels.Command{Method: channels.Remove, Devices: []string{"a", "b"}, Sends: sends}
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
			t.Errorf("devices of one send differ: %+v", r.Results)
		}
	}
	return r.Results[0]
}

// TestTokens: one token serves until its end is near, and a refused one is
// replaced once.
func TestTokens(t *testing.T) {
	var now atomic.Int64
	e, s := start(t, wechattest.AppSecret, func() time.Time { return noon().Add(time.Duration(now.Load())) })
	s.Tray.Sent("1", "a", "1")
	const mint, del = "GET /cgi-bin/token", "POST /cgi-bin/message/mass/delete"
	var want []string
	step := func(name string, calls ...string) {
		t.Helper()
		if r := emit(t, e, remove("1")); r.Verdict != channels.Accepted {
			t.Errorf("%s: %q (%s)", name, r.Verdict, r.Reason)
		}
		want = append(want, calls...)
		if got := s.Calls(); !slices.Equal(got, want) {
			t.Errorf("%s: calls %q, want %q", name, got, want)
		}
	}
	step("first", mint, del)
	step("second", del)
	now.Store(int64(7200*time.Second - tokenEarly - 1))
	step("just before the end is near", del)
	now.Store(int64(7200*time.Second - tokenEarly))
	step("near the end", mint, del)
	now.Add(int64(time.Minute))
	s.Expire()
	// The call with the refused token is not among them: it failed the check of
	// credentials.
	step("refused", mint, del)
}

// TestRefusedYoungToken: a token that was just minted is not minted again.
func TestRefusedYoungToken(t *testing.T) {
	e, s := start(t, wechattest.AppSecret, noon)
	s.Tray.Sent("1", "a", "1")
	emit(t, e, remove("1"))
	s.Expire()
	before := len(s.Calls())
	if r := emit(t, e, remove("1")); r.Verdict != channels.Throttled || r.Reason != channels.ReasonCredentials {
		t.Errorf("%q (%s)", r.Verdict, r.Reason)
	}
	if got := s.Calls()[before:]; len(got) != 0 {
		t.Errorf("calls %q", got)
	}
}

// TestSends: the worst of several sends counts, and what is no id is not sent.
func TestSends(t *testing.T) {
	for _, x := range []struct {
		name   string
		sends  []string
		want   channels.Verdict
		reason string
	}{
		{"none", nil, channels.Refused, channels.ReasonNoSend},
		{"both known", []string{"1", "2"}, channels.Accepted, ""},
		{"unknown", []string{"3"}, channels.Accepted, channels.ReasonNotFound},
		{"no number", []string{"1", "2&x=1"}, channels.Refused, channels.ReasonNoSend},
		{"negative", []string{"-1"}, channels.Refused, channels.ReasonNoSend},
	} {
		e, s := start(t, wechattest.AppSecret, noon)
		s.Tray.Sent("1", "a", "1")
		s.Tray.Sent("2", "b", "2")
		if r := emit(t, e, remove(x.sends...)); r.Verdict != x.want || r.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, r.Verdict, r.Reason, x.want, x.reason)
		}
	}
}

// saying answers mints and deletions with fixed bodies.
func saying(t *testing.T, mint, del string) (e *Emitter, requests *[]string) {
	t.Helper()
	requests = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*requests = append(*requests, fmt.Sprintf("%s %s %s%s", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), b))
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, mint)
			return
		}
		_, _ = io.WriteString(w, del)
	}))
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL, AppID: "wx1", AppSecret: "s e", HTTP: s.Client(), Clock: noon})
	if err != nil {
		t.Fatal(err)
	}
	return e, requests
}

const minted = `{"access_token":"tok/1","expires_in":7200}`

func TestRequests(t *testing.T) {
	e, got := saying(t, minted, `{"errcode":0,"errmsg":"ok"}`)
	emit(t, e, remove("30124"))
	want := []string{
		"GET /cgi-bin/token?appid=wx1&grant_type=client_credential&secret=s+e ",
		`POST /cgi-bin/message/mass/delete?access_token=tok%2F1 application/json{"msg_id":30124,"article_idx":0}`,
	}
	if !slices.Equal(*got, want) {
		t.Errorf("requests %q, want %q", *got, want)
	}
}

func TestCodes(t *testing.T) {
	for code, want := range codes() {
		e, _ := saying(t, minted, fmt.Sprintf(`{"errcode":%d,"errmsg":"no"}`, code))
		if r := emit(t, e, remove("1")); r.Verdict != want.verdict || r.Reason != want.reason {
			t.Errorf("errcode %d: %q (%s), want %q (%s)", code, r.Verdict, r.Reason, want.verdict, want.reason)
		}
	}
}

// TestOddAnswers: what cannot be read leaves the command open, and a mint that
// fails has done nothing.
func TestOddAnswers(t *testing.T) {
	for _, x := range []struct {
		name, mint, del string
		want            channels.Verdict
		reason          string
	}{
		{"a new code", minted, `{"errcode":49999}`, channels.Unknown, "no-answer:49999"},
		{"no code", minted, `{}`, channels.Unknown, "no-answer"},
		{"not JSON", minted, `<html>`, channels.Unknown, "no-answer"},
		{"mint: wrong secret", `{"errcode":40001}`, "", channels.Throttled, "credentials"},
		{"mint: address not listed", `{"errcode":40164,"errmsg":"invalid ip"}`, "", channels.Throttled, "credentials"},
		{"mint: calls used up", `{"errcode":45009}`, "", channels.Throttled, "throttled"},
		{"mint: a new code", `{"errcode":49999}`, "", channels.Throttled, "credentials:49999"},
		{"mint: no token", `{"expires_in":7200}`, "", channels.Throttled, "no-answer"},
		{"mint: no end", `{"access_token":"tok/1"}`, "", channels.Throttled, "no-answer"},
		{"mint: not JSON", `<html>`, "", channels.Throttled, "no-answer"},
	} {
		e, _ := saying(t, x.mint, x.del)
		if r := emit(t, e, remove("1")); r.Verdict != x.want || r.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, r.Verdict, r.Reason, x.want, x.reason)
		}
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for setting, harm := range map[string]func(c *Config){
		"base_url: ":    func(c *Config) { c.BaseURL = "api.weixin.qq.com" },
		"delete_path: ": func(c *Config) { c.DeletePath = "delete" },
		"token_url: ":   func(c *Config) { c.TokenURL = "https://tokens.example.com/token?key=1" },
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

// TestHTTPStatus: where a proxy answers in place of the vendor.
func TestHTTPStatus(t *testing.T) {
	for _, mint := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "3")
			if r.Method == http.MethodPost {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(mint)
			_, _ = io.WriteString(w, minted)
		}))
		t.Cleanup(s.Close)
		e, err := New(Config{BaseURL: s.URL, AppID: "1", AppSecret: "s", HTTP: s.Client(), Clock: noon})
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Emit(t.Context(), remove("1"))
		if err != nil || r.RetryAfter != 3*time.Second || r.Results[0].Verdict != channels.Throttled || r.Results[0].Reason != channels.ReasonBusy {
			t.Errorf("mint answers %d: %+v, %v", mint, r, err)
		}
	}
}
