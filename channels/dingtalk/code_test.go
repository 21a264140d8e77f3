package dingtalk

import (
	"fmt"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
)

func TestCodes(t *testing.T) {
	sub := func(code string) string { return fmt.Sprintf(`{"errcode":88,"sub_code":%q,"sub_msg":"anna"}`, code) }
	plain := func(code string) string { return fmt.Sprintf(`{"errcode":%s,"errmsg":"anna"}`, code) }
	for _, x := range []struct {
		body    string
		verdict channels.Verdict
		reason  string
	}{
		{plain("0"), channels.Accepted, ""},
		{plain("-1"), channels.Throttled, "vendor-busy"},
		{plain("88"), channels.Throttled, "credentials"},
		{plain("33001"), channels.Throttled, "credentials"},
		{plain("40014"), channels.Throttled, "credentials"},
		{sub("40000"), channels.Throttled, "credentials"},
		{sub("40001"), channels.Throttled, "credentials"},
		{sub("40014"), channels.Throttled, "credentials"},
		{sub("40089"), channels.Throttled, "credentials"},
		{sub("41001"), channels.Throttled, "credentials"},
		{sub("42001"), channels.Throttled, "credentials"},
		{sub("60011"), channels.Throttled, "credentials:60011"},
		{sub("60020"), channels.Throttled, "credentials:60020"},
		{sub("90001"), channels.Throttled, "throttled"},
		{plain("90002"), channels.Throttled, "throttled"},
		{sub("90014"), channels.Throttled, "throttled"},
		{sub("90018"), channels.Throttled, "throttled"},
		{sub("90019"), channels.Refused, "bad-request:90019"},
		{plain("22"), channels.Refused, "bad-request:22"},
		{plain("400002"), channels.Refused, "bad-request:400002"},
		{sub("isv.some-thing"), channels.Refused, "bad-request:isv.some-thing"},
		{sub("anna has no such task"), channels.Refused, "bad-request"},
		{sub(strings.Repeat("9", 65)), channels.Refused, "bad-request"},
		{sub("1001"), channels.Accepted, "already-recalled"},
		{plain("1002"), channels.Accepted, "not-found"},
		{sub("1003"), channels.Refused, "expired"},
	} {
		s := can(t, map[string]string{tokenPath: aToken, recallPath: x.body})
		c := config(s.URL, "secret")
		c.Unverified = Unverified{AlreadyCodes: []string{"1001"}, NotFoundCodes: []string{"1002"}, ExpiredCodes: []string{"1003"}}
		e, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if r := emit(t, e, remove(sent)).Results[1]; r.Verdict != x.verdict || r.Reason != x.reason {
			t.Errorf("%s: %s (%s), want %s (%s)", x.body, r.Verdict, r.Reason, x.verdict, x.reason)
		}
	}
}

func TestEveryCodeHasItsSource(t *testing.T) {
	known := map[string]bool{}
	for _, c := range codes() {
		if c.says == "" || c.source == "" {
			t.Errorf("%s: meaning %q, source %q", c.name, c.says, c.source)
		}
		if known[c.name] {
			t.Errorf("%s: is there twice", c.name)
		}
		known[c.name] = true
	}
}

// TestForeignAnswers: what is not the API's form proves nothing.
func TestForeignAnswers(t *testing.T) {
	for _, body := range []string{"", "<html>", "{}", `{"errmsg":"ok"}`, `{"errcode":"0"}`, `[0]`, `{"errcode":0`, `{"status":1111}`} {
		s := can(t, map[string]string{tokenPath: aToken, recallPath: body})
		e, err := New(config(s.URL, "secret"))
		if err != nil {
			t.Fatal(err)
		}
		if r := emit(t, e, remove(sent)).Results[0]; r.Verdict != channels.Unknown || r.Reason != channels.ReasonNoAnswer {
			t.Errorf("%q: %s (%s), want unknown", body, r.Verdict, r.Reason)
		}
	}
}

// TestBarredAddress: the gateway has a form of its own to bar an address, for the
// token as for the recall.
func TestBarredAddress(t *testing.T) {
	const denied = `{"status":1111,"wait":5,"source":"x5","punish":"deny","uuid":"u"}`
	for _, answers := range []map[string]string{
		{tokenPath: denied},
		{tokenPath: aToken, recallPath: denied},
	} {
		s := can(t, answers)
		e, err := New(config(s.URL, "secret"))
		if err != nil {
			t.Fatal(err)
		}
		r := emit(t, e, remove(sent))
		if x := r.Results[0]; x.Verdict != channels.Throttled || x.Reason != channels.ReasonThrottled || r.RetryAfter != barredFor {
			t.Errorf("%s (%s) after %s, want throttled for %s", x.Verdict, x.Reason, r.RetryAfter, barredFor)
		}
	}
}
