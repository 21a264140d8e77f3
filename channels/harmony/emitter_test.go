package harmony

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/harmony/harmonytest"
)

func start(t *testing.T, set func(*Config)) (*Emitter, *harmonytest.Server) {
	t.Helper()
	s, err := harmonytest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := Config{
		BaseURL: s.URL + "/", ClientID: harmonytest.ClientID, ServiceAccount: s.Account,
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

func TestContract(t *testing.T) {
	row, _ := channels.Lookup(channels.Native, Channel)
	other := foreign(t)
	with := func(set func(*Config)) func(t *testing.T) (channels.Emitter, *double.Server) {
		return func(t *testing.T) (channels.Emitter, *double.Server) {
			e, s := start(t, set)
			return e, s.Server
		}
	}
	channelstest.RunVendor(t, channelstest.Vendor{
		Row: row, New: with(nil), Forced: true,
		Wrong: with(func(c *Config) { c.ServiceAccount = other }),
	})
}

// foreign is a service account whose key Huawei does not know.
func foreign(t *testing.T) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text, err := harmonytest.Account(k)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// recorder keeps the last request.
type recorder struct {
	next http.RoundTripper
	head http.Header
	line string
	body string
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	req.Body = io.NopCloser(strings.NewReader(string(b)))
	r.head, r.line, r.body = req.Header, req.Method+" "+req.URL.Path, string(b)
	return r.next.RoundTrip(req)
}

func command(m channels.Method) channels.Command {
	return channels.Command{
		Channel: Channel, Action: channels.Recall, Method: m, Slot: "3114932", Devices: []string{"t1", "t2"},
		Title: "Message revoked", Body: "Sorry",
	}
}

func TestRequests(t *testing.T) {
	rec, now := &recorder{}, time.Now()
	e, _ := start(t, func(c *Config) {
		rec.next = c.HTTP.Transport
		c.HTTP.Transport = rec
		c.Clock = func() time.Time { return now }
	})
	const (
		revoke = "POST /v1/" + harmonytest.ClientID + "/messages:revoke"
		send   = "POST /v3/" + harmonytest.ProjectID + "/messages:send"
		target = `"target":{"token":["t1","t2"]}`
		text   = `{"payload":{"notification":{"category":"MARKETING","title":"Message revoked","body":"Sorry","clickAction":{"actionType":0}`
	)
	for _, x := range []struct {
		name       string
		method     channels.Method
		set        func(*channels.Command)
		line, body string
	}{
		{"remove", channels.Remove, func(*channels.Command) {}, revoke, `{"notifyId":3114932,"token":["t1","t2"]}`},
		{"withhold", channels.Withhold, func(*channels.Command) {}, revoke, `{"notifyId":3114932,"token":["t1","t2"]}`},
		{"zero", channels.Remove, func(c *channels.Command) { c.Slot = "0" }, revoke, `{"notifyId":0,"token":["t1","t2"]}`},
		{"overwrite", channels.Overwrite, func(*channels.Command) {}, send, text + `,"notifyId":3114932}},` + target + `}`},
		{"overwrite zero", channels.Overwrite, func(c *channels.Command) { c.Slot = "0" }, send, text + `,"notifyId":0}},` + target + `}`},
		{"forced", channels.Overwrite, func(c *channels.Command) { c.Forced, c.Slot = true, "" }, send, text + `}},` + target + `}`},
		{"title only", channels.Overwrite, func(c *channels.Command) { c.Title, c.Body = "Sorry", "" }, send,
			strings.Replace(text, "Message revoked", "Sorry", 1) + `,"notifyId":3114932}},` + target + `}`},
		{"window", channels.Overwrite, func(c *channels.Command) { c.Deadline = now.Add(7 * 24 * time.Hour) }, send,
			text + `,"notifyId":3114932}},` + target + `,"pushOptions":{"ttl":604800}}`},
		{"long window", channels.Overwrite, func(c *channels.Command) { c.Deadline = now.Add(90 * 24 * time.Hour) }, send,
			text + `,"notifyId":3114932}},` + target + `,"pushOptions":{"ttl":1296000}}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := command(x.method)
			x.set(&c)
			r, err := e.Emit(t.Context(), c)
			if err != nil || r.Results[0].Verdict != channels.Accepted {
				t.Fatalf("%+v, %v", r, err)
			}
			if diff := cmp.Diff(x.body, rec.body); diff != "" {
				t.Error(diff)
			}
			if rec.line != x.line {
				t.Errorf("%s, want %s", rec.line, x.line)
			}
			for name, want := range map[string]string{"Content-Type": "application/json", "Push-Type": "0"} {
				if got := rec.head.Get(name); got != want {
					t.Errorf("%s %q, want %q", name, got, want)
				}
			}
			if got := rec.head.Get("Authorization"); !strings.HasPrefix(got, "Bearer ey") || strings.Count(got, ".") != 2 {
				t.Error("the authorization is no signed token")
			}
		})
	}
}

func TestSlotIsChecked(t *testing.T) {
	e, s := start(t, nil)
	for _, slot := range []string{"", "-1", "order-7", "2147483648", "007"} {
		for _, m := range []channels.Method{channels.Remove, channels.Withhold, channels.Overwrite} {
			c := command(m)
			c.Slot, c.Forced = slot, m != channels.Overwrite
			r, err := e.Emit(t.Context(), c)
			if err != nil || r.Results[0].Verdict != channels.Refused || r.Results[0].Reason != channels.ReasonNoSlot {
				t.Errorf("%s of %q: %+v, %v", m, slot, r, err)
			}
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d calls were made", n)
	}
}

func TestTokenIsKeptAndRenewed(t *testing.T) {
	now := time.Now()
	begin := now
	e, s := start(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	for _, x := range []struct {
		after time.Duration
		want  int
	}{{0, 1}, {54 * time.Minute, 1}, {55 * time.Minute, 2}, {100 * time.Minute, 2}, {110 * time.Minute, 3}} {
		now = begin.Add(x.after)
		if r, err := e.Emit(t.Context(), command(channels.Remove)); err != nil || r.Results[0].Verdict != channels.Accepted {
			t.Fatalf("%+v, %v", r, err)
		}
		if got := s.Tokens(); got != x.want {
			t.Errorf("after %s: %d tokens, want %d", x.after, got, x.want)
		}
	}
}

func TestRejectedTokenIsReplacedOnce(t *testing.T) {
	now := time.Now()
	begin := now
	e, s := start(t, func(c *Config) { c.Clock = func() time.Time { return now } })
	emit := func() channels.Result {
		t.Helper()
		r, err := e.Emit(t.Context(), command(channels.Remove))
		if err != nil {
			t.Fatal(err)
		}
		return r.Results[1]
	}
	emit()
	s.Expire()
	if r := emit(); r.Verdict != channels.Throttled || r.Reason != channels.ReasonCredentials {
		t.Errorf("%+v; within a second there must be no other token", r)
	}
	now = begin.Add(2 * time.Second)
	if r := emit(); r.Verdict != channels.Accepted || s.Tokens() != 2 {
		t.Errorf("%+v with %d tokens, want accepted with the second", r, s.Tokens())
	}
}

// TestWrongClock: a token that is expired when it is made is a wrong credential,
// and nothing is tried for ever.
func TestWrongClock(t *testing.T) {
	e, s := start(t, func(c *Config) { c.Clock = func() time.Time { return time.Now().Add(-2 * time.Hour) } })
	r, err := e.Emit(t.Context(), command(channels.Remove))
	if err != nil || r.Results[0].Verdict != channels.Throttled || r.Results[0].Reason != channels.ReasonCredentials {
		t.Errorf("%+v, %v", r, err)
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d commands were accepted", n)
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
		method  channels.Method
		set     func(*channels.Command)
		verdict channels.Verdict
		reason  string
	}{
		{"revoke 1,000", channels.Remove, func(c *channels.Command) { c.Devices = many[:1000] }, channels.Accepted, ""},
		{"revoke 1,001", channels.Remove, func(c *channels.Command) { c.Devices = many }, channels.Refused, "bad-request:80300010"},
		{"send 1,000", channels.Overwrite, func(c *channels.Command) { c.Devices = many[:1000] }, channels.Accepted, ""},
		{"send 1,001", channels.Overwrite, func(c *channels.Command) { c.Devices = many }, channels.Refused, "bad-request:80300010"},
		{"3,000 bytes", channels.Overwrite, func(c *channels.Command) { c.Body = strings.Repeat("a", 3000) }, channels.Accepted, ""},
		{"4,096 bytes", channels.Overwrite, func(c *channels.Command) { c.Body = strings.Repeat("a", 4096) }, channels.Refused, channels.ReasonTooLarge},
		{"no text", channels.Overwrite, func(c *channels.Command) { c.Title, c.Body = "", "" }, channels.Refused, channels.ReasonBadRequest},
	} {
		c := command(x.method)
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

// TestDeadTokens: a send tells them apart, a revoke call does not; where all are
// rejected none is called dead.
func TestDeadTokens(t *testing.T) {
	fine, dead := channels.Result{Verdict: channels.Accepted}, channels.Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}
	for _, x := range []struct {
		method channels.Method
		kill   []string
		want   [2]channels.Result
	}{
		{channels.Overwrite, []string{"t2"}, [2]channels.Result{fine, dead}},
		{channels.Remove, []string{"t2"}, [2]channels.Result{fine, fine}},
		{channels.Overwrite, []string{"t1", "t2"}, [2]channels.Result{
			{Verdict: channels.Refused, Reason: "all-tokens-rejected:tokenFormatError"}, {Verdict: channels.Refused, Reason: "all-tokens-rejected:tokenFormatError"},
		}},
		{channels.Remove, []string{"t1", "t2"}, [2]channels.Result{
			{Verdict: channels.Refused, Reason: "all-tokens-rejected"}, {Verdict: channels.Refused, Reason: "all-tokens-rejected"},
		}},
	} {
		e, s := start(t, nil)
		s.Kill(x.kill...)
		r, err := e.Emit(t.Context(), command(x.method))
		if err != nil {
			t.Fatal(err)
		}
		for i, got := range r.Results {
			got.Device = ""
			if got != x.want[i] {
				t.Errorf("%s, %v dead, device %d: %+v, want %+v", x.method, x.kill, i, got, x.want[i])
			}
		}
	}
}

func TestNewNamesTheSetting(t *testing.T) {
	text := foreign(t)
	without := func(field string) string {
		var m map[string]string
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Fatal(err)
		}
		delete(m, field)
		b, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	file := filepath.Join(t.TempDir(), "private.json")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	good := Config{ClientID: "1", ServiceAccount: text, Clock: time.Now, HTTP: http.DefaultClient}
	for _, x := range []struct {
		want string // "" for none
		set  func(*Config)
	}{
		{"", func(*Config) {}},
		{"", func(c *Config) { c.ServiceAccount, c.ServiceAccountFile = "", file }},
		{"", func(c *Config) { c.ServiceAccount, c.ProjectID = without("project_id"), "2" }},
		{"client_id: ", func(c *Config) { c.ClientID = "" }},
		{"service_account: is missing", func(c *Config) { c.ServiceAccount = "" }},
		{"service_account_file: is given beside", func(c *Config) { c.ServiceAccountFile = file }},
		{"service_account_file: cannot be read", func(c *Config) { c.ServiceAccount, c.ServiceAccountFile = "", file+"x" }},
		{"service_account: is not JSON", func(c *Config) { c.ServiceAccount = "PEM" }},
		{"service_account: has no key_id", func(c *Config) { c.ServiceAccount = without("key_id") }},
		{"service_account: has no private_key", func(c *Config) { c.ServiceAccount = without("private_key") }},
		{"service_account: has no sub_account", func(c *Config) { c.ServiceAccount = without("sub_account") }},
		{"service_account: private_key is not", func(c *Config) {
			c.ServiceAccount = `{"key_id":"k","sub_account":"s","private_key":"hidden"}`
		}},
		{"project_id: ", func(c *Config) { c.ServiceAccount = without("project_id") }},
		{"base_url: ", func(c *Config) { c.BaseURL = "push.example.com" }},
		{"revoke_path: ", func(c *Config) { c.RevokePath = "v1" }},
		{"send_path: ", func(c *Config) { c.SendPath = "v3" }},
	} {
		c := good
		x.set(&c)
		_, err := New(c)
		switch {
		case x.want == "" && err != nil:
			t.Error(err)
		case x.want != "" && (err == nil || !strings.HasPrefix(err.Error(), x.want)):
			t.Errorf("%v, want %s...", err, x.want)
		case err != nil && strings.Contains(err.Error(), "hidden"):
			t.Errorf("the error holds the key: %v", err)
		}
	}
}
