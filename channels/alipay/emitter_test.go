package alipay

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/alipay/alipaytest"
	"github.com/recall-ledger/recall-ledger/channels/channelstest"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

const sent = "2017080301329810fa9f7ca2-4634-481b-bca2-54092fd4be72"

func now() time.Time { return time.Date(2026, 11, 20, 17, 41, 2, 0, time.UTC) }

func config(url string) Config {
	return Config{
		BaseURL: url, AppID: alipaytest.AppID, PrivateKey: alipaytest.PrivateKey(), PublicKey: alipaytest.PublicKey(),
		HTTP: double.Client(false), Clock: now,
	}
}

func start(t *testing.T, change func(*Config)) (*Emitter, *alipaytest.Server) {
	t.Helper()
	s, err := alipaytest.Start(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	// The vendor knows the message, also where no screen was given it.
	s.Tray.Sent(sent, "a user of no command", sent)
	c := config(s.URL + "/")
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
			e, s := start(t, func(c *Config) { c.PrivateKey = foreign(t) })
			return e, s.Server
		},
		Denies: []channels.Method{channels.Withhold, channels.Overwrite},
		Sends:  []string{sent},
	})
}

// can answers every request with a text, and keeps the last one.
func can(t *testing.T, text string) (*httptest.Server, *string) {
	t.Helper()
	var last string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		last = strings.Join([]string{r.Method, r.URL.String(), r.Header.Get("Content-Type"), string(b)}, " ")
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s, &last
}

func TestRequest(t *testing.T) {
	for auth, also := range map[string]string{"": "", "t&1": "app_auth_token=t%261&"} {
		s, last := can(t, "")
		c := config(s.URL)
		c.AuthToken = auth
		e, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		emit(t, e, remove("m<1>"))
		head, form, _ := strings.Cut(*last, "charset=utf-8 ")
		if head != "POST /gateway.do application/x-www-form-urlencoded;" {
			t.Errorf("request %q", head)
		}
		v, err := url.ParseQuery(form)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := base64.StdEncoding.DecodeString(v.Get("sign")); err != nil || len(b) != 256 {
			t.Errorf("signature of %d bytes, %v", len(b), err)
		}
		v.Del("sign")
		// Beijing is 8 hours ahead, which makes it the next day.
		want := also + "app_id=2014072300007148&biz_content=%7B%22message_id%22%3A%22m%5Cu003c1%5Cu003e%22%7D&charset=utf-8&format=JSON&" +
			"method=alipay.open.public.life.msg.recall&sign_type=RSA2&timestamp=2026-11-21+01%3A41%3A02&version=1.0"
		if d := cmp.Diff(want, v.Encode()); d != "" {
			t.Error(d)
		}
	}
}

// TestForAnotherCompany: the double accepts the signature with the token in it.
func TestForAnotherCompany(t *testing.T) {
	e, _ := start(t, func(c *Config) { c.AuthToken = "201611BBc8a38cbcdf2d4a9b8a3a1b1d1d1d1X20" })
	if r := emit(t, e, remove(sent)).Results[0]; r.Verdict != channels.Accepted {
		t.Errorf("%s (%s)", r.Verdict, r.Reason)
	}
}

// TestSends: a device is done when every message of its push is.
func TestSends(t *testing.T) {
	e, s := start(t, func(c *Config) {
		c.Unverified = Unverified{NotFoundCodes: []string{alipaytest.CodeUnknown}, ExpiredCodes: []string{alipaytest.CodeTooOld}}
	})
	s.Tray.Sent("m2", "ben", "m2")
	s.Tray.Sent("m3", "ben", "m3")
	s.Tray.Show("ben", "m2", "text")
	s.Age("m3")
	for _, x := range []struct {
		sends   []string
		fault   double.Fault
		verdict channels.Verdict
		reason  string
	}{
		{sends: []string{"m4"}, verdict: channels.Accepted, reason: channels.ReasonNotFound},
		{sends: []string{"m4", sent}, verdict: channels.Accepted},
		{sends: []string{sent, "m3", "m2"}, verdict: channels.Refused, reason: channels.ReasonExpired},
		{sends: []string{"m3", sent}, fault: double.Throttle, verdict: channels.Throttled, reason: channels.ReasonThrottled},
		{sends: []string{"m3", sent}, fault: double.DropAfter, verdict: channels.Unknown, reason: channels.ReasonNoAnswer},
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

func TestUnknownApplication(t *testing.T) {
	e, s := start(t, func(c *Config) { c.AppID = "2014072300007149" })
	if r := emit(t, e, remove(sent)).Results[0]; r.Verdict != channels.Throttled || r.Reason != channels.ReasonCredentials {
		t.Errorf("%s (%s)", r.Verdict, r.Reason)
	}
	if len(s.Calls()) != 0 {
		t.Error("the command was carried out")
	}
}
