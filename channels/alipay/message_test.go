package alipay

import (
	"fmt"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/alipay/alipaytest"
)

const node = "alipay_open_public_life_msg_recall_response"

func result(t *testing.T, body string, change func(*Config)) channels.Result {
	t.Helper()
	s, _ := can(t, body)
	c := config(s.URL)
	c.Unverified = Unverified{AlreadyCodes: []string{"A"}, NotFoundCodes: []string{"N"}, ExpiredCodes: []string{"E"}}
	change(&c)
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return emit(t, e, remove(sent)).Results[1]
}

func TestCodes(t *testing.T) {
	for _, x := range []struct {
		code, sub string
		verdict   channels.Verdict
		reason    string
	}{
		{"10000", "", channels.Accepted, ""},
		{"20000", "isp.unknow-error", channels.Unknown, "no-answer:20000"},
		{"20000", "aop.unknow-error", channels.Unknown, "no-answer:20000"},
		{"20001", "aop.app-auth-token-time-out", channels.Throttled, "credentials"},
		{"40001", "isv.missing-signature-key", channels.Throttled, "credentials"},
		{"40001", "isv.missing-timestamp", channels.Refused, "bad-request:isv.missing-timestamp"},
		{"40002", "isv.invalid-signature", channels.Throttled, "credentials"},
		{"40002", "isv.invalid-app-id", channels.Throttled, "credentials"},
		{"40002", "isv.forbidden-api", channels.Throttled, "credentials"},
		{"40002", "not-online-app", channels.Throttled, "credentials"},
		{"40002", "app-cert-expired", channels.Throttled, "credentials"},
		{"40002", "isv.invalid-parameter", channels.Refused, "bad-request:isv.invalid-parameter"},
		{"40003", "isv.missing-signature-config", channels.Throttled, "credentials"},
		{"40003", "invalid-auth-relations", channels.Throttled, "credentials"},
		{"40004", "SOMETHING_ELSE", channels.Refused, "bad-request:SOMETHING_ELSE"},
		{"40004", "anna has none", channels.Refused, "bad-request"},
		{"40004", "", channels.Refused, "bad-request:40004"},
		{"40004", "A", channels.Accepted, "already-recalled"},
		{"40004", "N", channels.Accepted, "not-found"},
		{"40004", "E", channels.Refused, "expired"},
		{"40005", "isv.method-call-limited", channels.Throttled, "throttled"},
		{"40006", "isv.insufficient-isv-permissions", channels.Throttled, "credentials"},
	} {
		for _, name := range []string{node, "error_response"} {
			text := fmt.Sprintf(`{"code":%q,"msg":"m","sub_code":%q,"sub_msg":"anna"}`, x.code, x.sub)
			r := result(t, fmt.Sprintf(`{%q:%s,"sign":%q}`, name, text, alipaytest.Sign(text)), func(*Config) {})
			if r.Verdict != x.verdict || r.Reason != x.reason {
				t.Errorf("%s %s: %s (%s), want %s (%s)", x.code, x.sub, r.Verdict, r.Reason, x.verdict, x.reason)
			}
		}
	}
}

func TestEveryCodeHasItsSource(t *testing.T) {
	known := map[string]bool{}
	for _, c := range codes() {
		if c.says == "" || !strings.HasPrefix(c.source, "https://opendocs.alipay.com/") {
			t.Errorf("%s: meaning %q, source %q", c.name, c.says, c.source)
		}
		if known[c.name] {
			t.Errorf("%s: is there twice", c.name)
		}
		known[c.name] = true
	}
}

// TestSignatureOfAnswers: what Alipay did not sign is not believed, where its key
// is known; only failures may go without.
func TestSignatureOfAnswers(t *testing.T) {
	good := `{"code":"10000","msg":"Success"}`
	escaped := `{"code":"40004","sub_code":"E","sub_msg":"http:\/\/x"}`
	signed := func(text, by string) string { return fmt.Sprintf(`{%q:%s,"sign":%q}`, node, text, by) }
	keyed, keyless := func(*Config) {}, func(c *Config) { c.PublicKey = "" }
	for name, x := range map[string]struct {
		body   string
		change func(*Config)
		want   channels.Verdict
	}{
		"signed":                       {signed(good, alipaytest.Sign(good)), keyed, channels.Accepted},
		"spaces in it":                 {signed(`{ "code" : "10000" }`, alipaytest.Sign(`{ "code" : "10000" }`)), keyed, channels.Accepted},
		"escaped slashes":              {signed(escaped, alipaytest.Sign(escaped)), keyed, channels.Refused},
		"failure of the gateway":       {fmt.Sprintf(`{%q:{"code":"40002","sub_code":"isv.invalid-app-id"}}`, node), keyed, channels.Throttled},
		"success without":              {fmt.Sprintf(`{%q:%s}`, node, good), keyed, channels.Unknown},
		"success without, and no key":  {fmt.Sprintf(`{%q:%s}`, node, good), keyless, channels.Accepted},
		"of another text":              {signed(good, alipaytest.Sign(good+" ")), keyed, channels.Unknown},
		"of another text, and no key":  {signed(good, "AAAA"), keyless, channels.Accepted},
		"failure with a bad signature": {signed(escaped, alipaytest.Sign(good)), keyed, channels.Unknown},
		"not base64":                   {signed(good, "!"), keyed, channels.Unknown},
		"not a text":                   {fmt.Sprintf(`{%q:%s,"sign":7}`, node, good), keyless, channels.Unknown},
	} {
		if r := result(t, x.body, x.change); r.Verdict != x.want {
			t.Errorf("%s: %s (%s), want %s", name, r.Verdict, r.Reason, x.want)
		}
	}
}

// TestForeignAnswers: what is not Alipay's form proves nothing.
func TestForeignAnswers(t *testing.T) {
	for _, body := range []string{"", "<html>", "{}", "[]", `{"code":"10000"}`, `{"other_response":{"code":"10000"}}`,
		`{"` + node + `":{}}`, `{"` + node + `":null}`, `{"` + node + `":{"code":10000}}`} {
		r := result(t, body, func(c *Config) { c.PublicKey = "" })
		if r.Verdict != channels.Unknown || r.Reason != channels.ReasonNoAnswer {
			t.Errorf("%q: %s (%s), want unknown", body, r.Verdict, r.Reason)
		}
	}
}
