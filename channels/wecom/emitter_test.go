package wecom

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
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/wecom/wecomtest"
)

const sent = "msgid-1"

func config(url, secret string) Config {
	return Config{
		BaseURL: url, CorpID: wecomtest.CorpID, CorpSecret: secret, AgentID: wecomtest.AgentID,
		HTTP: double.Client(false), Clock: time.Now,
	}
}

func start(t *testing.T, change func(*Config)) (*Emitter, *wecomtest.Server) {
	t.Helper()
	s, err := wecomtest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	// The vendor knows the send, also where no screen was given it.
	s.Tray.Sent(sent, "a user of no command", sent)
	c := config(s.URL+"/", wecomtest.CorpSecret)
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
			e, s := start(t, func(c *Config) { c.CorpSecret = "wrong" })
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
	aDone  = `{"errcode":0,"errmsg":"ok"}`
)

func TestRequests(t *testing.T) {
	for name, x := range map[string]struct {
		command channels.Command
		want    string
	}{
		"recall": {remove("m/1"), `POST /cgi-bin/message/recall?access_token=a%2Bb application/json {"msgid":"m/1"}`},
		"forced override": {
			channels.Command{Method: channels.Overwrite, Forced: true, Devices: []string{"anna", "ben"}, Title: "Sale", Body: "20 % off"},
			`POST /cgi-bin/message/send?access_token=a%2Bb application/json {"touser":"anna|ben","msgtype":"text","agentid":1000002,` +
				`"text":{"content":"Sale\n20 % off"},"enable_duplicate_check":1,"duplicate_check_interval":1800}`,
		},
		"forced override without a body": {
			channels.Command{Method: channels.Overwrite, Forced: true, Devices: []string{"anna"}, Title: "Message revoked"},
			`POST /cgi-bin/message/send?access_token=a%2Bb application/json {"touser":"anna","msgtype":"text","agentid":1000002,` +
				`"text":{"content":"Message revoked"},"enable_duplicate_check":1,"duplicate_check_interval":1800}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := can(t, map[string]string{tokenPath: aToken, recallPath: aDone, sendPath: aDone})
			e, err := New(config(s.URL, "s&s"))
			if err != nil {
				t.Fatal(err)
			}
			emit(t, e, x.command)
			want := []string{"GET /cgi-bin/gettoken?corpid=ww0000000000double&corpsecret=s%26s", x.want}
			if d := cmp.Diff(want, s.seen); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	for setting, harm := range map[string]func(*Config){
		"base_url":                   func(c *Config) { c.BaseURL = "qyapi.weixin.qq.com" },
		"corp_id":                    func(c *Config) { c.CorpID = "" },
		"corp_secret":                func(c *Config) { c.CorpSecret = "" },
		"agent_id":                   func(c *Config) { c.AgentID = 0 },
		"unverified.already_codes":   func(c *Config) { c.Unverified.AlreadyCodes = []int{0} },
		"unverified.not_found_codes": func(c *Config) { c.Unverified = Unverified{AlreadyCodes: []int{7}, NotFoundCodes: []int{7}} },
		"unverified.expired_codes":   func(c *Config) { c.Unverified.ExpiredCodes = []int{42001} },
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
	want := []string{"https://qyapi.weixin.qq.com", "https://qyapi.weixin.qq.com/cgi-bin/gettoken", "/cgi-bin/message/recall", "/cgi-bin/message/send"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestSends: a device is done when every send of its push is.
func TestSends(t *testing.T) {
	e, s := start(t, func(c *Config) {
		c.Unverified = Unverified{NotFoundCodes: []int{wecomtest.CodeUnknown}, ExpiredCodes: []int{wecomtest.CodeTooOld}}
	})
	s.Tray.Sent("msgid-2", "ben", "msgid-2")
	s.Tray.Sent("msgid-old", "ben", "msgid-old")
	s.Tray.Show("ben", "msgid-2", "text")
	s.Age("msgid-old")
	for _, x := range []struct {
		sends   []string
		fault   double.Fault
		verdict channels.Verdict
		reason  string
	}{
		{sends: []string{"nobody-knows"}, verdict: channels.Accepted, reason: channels.ReasonNotFound},
		{sends: []string{"nobody-knows", sent}, verdict: channels.Accepted},
		{sends: []string{sent, "msgid-old", "msgid-2"}, verdict: channels.Refused, reason: channels.ReasonExpired},
		{sends: []string{"msgid-old", sent}, fault: double.Throttle, verdict: channels.Throttled, reason: channels.ReasonThrottled},
		{sends: []string{"msgid-old", sent}, fault: double.DropAfter, verdict: channels.Unknown, reason: channels.ReasonNoAnswer},
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

// TestPartlyDoneIsNotTerminal: one send throttled beside one that is refused
// leaves the command open, whichever comes first.
func TestPartlyDoneIsNotTerminal(t *testing.T) {
	e, s := start(t, func(c *Config) { c.Unverified.ExpiredCodes = []int{wecomtest.CodeTooOld} })
	s.Tray.Sent("msgid-2", "ben", "msgid-2")
	s.Age(sent)
	s.Age("msgid-2")
	s.Script(double.Throttle)
	if r := emit(t, e, remove(sent, "msgid-2")).Results[0]; r.Verdict != channels.Throttled {
		t.Errorf("%s (%s), want throttled", r.Verdict, r.Reason)
	}
	if r := emit(t, e, remove(sent, "msgid-2")).Results[0]; r.Verdict != channels.Refused {
		t.Errorf("%s (%s), want refused", r.Verdict, r.Reason)
	}
}
