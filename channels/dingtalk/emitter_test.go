package dingtalk

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/dingtalk/dingtalktest"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

const sent = "256271667526"

func config(url, secret string) Config {
	return Config{
		BaseURL: url, AppKey: dingtalktest.AppKey, AppSecret: secret, AgentID: dingtalktest.AgentID,
		HTTP: double.Client(false), Clock: time.Now,
	}
}

func start(t *testing.T, change func(*Config)) (*Emitter, *dingtalktest.Server) {
	t.Helper()
	s, err := dingtalktest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	// The vendor knows the task, also where no screen was given it.
	s.Tray.Sent(sent, "a user of no command", sent)
	c := config(s.URL+"/", dingtalktest.AppSecret)
	change(&c)
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e, s
}

func remove(sends ...string) channels.Command {
	return channels.Command{Method: channels.Remove, Devices: []string{"anna", "ben"}, Sends: sends}
}

func emit(t *testing.T, e *Emitter, c channels.Command) channels.Reply {
	t.Helper()
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestContract(t *testing.T) {
	row, _ := channels.Lookup(channels.Native, Channel)
	channelstest.RunVendor(t, channelstest.Vendor{
		Row: row,
		New: func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, func(*Config) {})
			return e, s.Server
		},
		Wrong: func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, func(c *Config) { c.AppSecret = "wrong" })
			return e, s.Server
		},
		Denies: []channels.Method{channels.Withhold, channels.Overwrite},
		Sends:  []string{sent},
		Forced: true,
	})
}

// canned answers every path with a text, and keeps the requests.
type canned struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string
}

func can(t *testing.T, answers map[string]string) *canned {
	t.Helper()
	c := &canned{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		c.seen = append(c.seen, strings.TrimSpace(strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("Content-Type"), string(b)}, " ")))
		c.mu.Unlock()
		_, _ = io.WriteString(w, answers[r.URL.Path])
	}))
	t.Cleanup(c.Close)
	return c
}

const (
	aToken = `{"errcode":0,"errmsg":"ok","access_token":"a+b","expires_in":7200}`
	aDone  = `{"errcode":0,"errmsg":"ok","request_id":"5imjny7u9xwa"}`
)

func TestRequests(t *testing.T) {
	const send = "POST /topapi/message/corpconversation/asyncsend_v2?access_token=a%2Bb application/json "
	for name, x := range map[string]struct {
		command channels.Command
		want    string
	}{
		"recall": {
			remove("9007199254740993"), // not a number of JavaScript
			`POST /topapi/message/corpconversation/recall?access_token=a%2Bb application/json {"agent_id":256271667,"msg_task_id":9007199254740993}`,
		},
		"forced override": {
			channels.Command{Method: channels.Overwrite, Forced: true, Devices: []string{"anna", "ben"}, Title: "Sale", Body: "20 % off"},
			send + `{"agent_id":256271667,"userid_list":"anna,ben","msg":{"msgtype":"text","text":{"content":"Sale\n20 % off"}}}`,
		},
		"forced override without a body": {
			channels.Command{Method: channels.Overwrite, Forced: true, Devices: []string{"anna"}, Title: "Message revoked"},
			send + `{"agent_id":256271667,"userid_list":"anna","msg":{"msgtype":"text","text":{"content":"Message revoked"}}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := can(t, map[string]string{tokenPath: aToken, recallPath: aDone, sendPath: aDone})
			e, err := New(config(s.URL, "s&s"))
			if err != nil {
				t.Fatal(err)
			}
			emit(t, e, x.command)
			want := []string{"GET /gettoken?appkey=dingdouble&appsecret=s%26s", x.want}
			if d := cmp.Diff(want, s.seen); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for setting, harm := range map[string]func(*Config){
		"base_url":                   func(c *Config) { c.BaseURL = "oapi.dingtalk.com" },
		"app_key":                    func(c *Config) { c.AppKey = "" },
		"app_secret":                 func(c *Config) { c.AppSecret = "" },
		"agent_id":                   func(c *Config) { c.AgentID = -1 },
		"unverified.already_codes":   func(c *Config) { c.Unverified.AlreadyCodes = []string{"0"} },
		"unverified.not_found_codes": func(c *Config) { c.Unverified = Unverified{AlreadyCodes: []string{"7"}, NotFoundCodes: []string{"7"}} },
		"unverified.expired_codes":   func(c *Config) { c.Unverified.ExpiredCodes = []string{"42001"} },
	} {
		c := config("", "secret")
		harm(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), setting+": ") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}

func TestDefaultsAreDocumented(t *testing.T) {
	e, err := New(config("", "secret"))
	if err != nil {
		t.Fatal(err)
	}
	got := []string{e.c.BaseURL, e.c.TokenURL, e.c.RecallPath, e.c.SendPath}
	want := []string{
		"https://oapi.dingtalk.com", "https://oapi.dingtalk.com/gettoken",
		"/topapi/message/corpconversation/recall", "/topapi/message/corpconversation/asyncsend_v2",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestSends: a device is done when every task of its push is.
func TestSends(t *testing.T) {
	e, s := start(t, func(c *Config) {
		c.Unverified = Unverified{NotFoundCodes: []string{dingtalktest.CodeUnknown}, ExpiredCodes: []string{dingtalktest.CodeTooOld}}
	})
	s.Tray.Sent("2", "ben", "2")
	s.Tray.Sent("3", "ben", "3")
	s.Tray.Show("ben", "2", "text")
	s.Age("3")
	for _, x := range []struct {
		sends   []string
		fault   double.Fault
		verdict channels.Verdict
		reason  string
	}{
		{sends: []string{"4"}, verdict: channels.Accepted, reason: channels.ReasonNotFound},
		{sends: []string{"4", sent}, verdict: channels.Accepted},
		{sends: []string{sent, "3", "2"}, verdict: channels.Refused, reason: channels.ReasonExpired},
		{sends: []string{sent, "a-msgid"}, verdict: channels.Refused, reason: channels.ReasonNoSend},
		{sends: []string{"3", sent}, fault: double.Throttle, verdict: channels.Throttled, reason: channels.ReasonThrottled},
		{sends: []string{"3", sent}, fault: double.DropAfter, verdict: channels.Unknown, reason: channels.ReasonNoAnswer},
	} {
		s.Always(x.fault)
		for _, r := range emit(t, e, remove(x.sends...)).Results {
			if r.Verdict != x.verdict || r.Reason != x.reason {
				t.Errorf("%v: %s (%s), want %s (%s)", x.sends, r.Verdict, r.Reason, x.verdict, x.reason)
			}
		}
	}
	if got := s.Tray.Screen("ben"); len(got) != 0 {
		t.Errorf("ben shows %v", got)
	}
}
