package wecom

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
)

func TestCodes(t *testing.T) {
	for code, want := range map[string]struct {
		verdict channels.Verdict
		reason  string
	}{
		"0":     {channels.Accepted, ""},
		"-1":    {channels.Throttled, "vendor-busy"},
		"40001": {channels.Throttled, "credentials"},
		"40013": {channels.Throttled, "credentials"},
		"40014": {channels.Throttled, "credentials"},
		"41001": {channels.Throttled, "credentials"},
		"42001": {channels.Throttled, "credentials"},
		"45009": {channels.Throttled, "throttled"},
		"45033": {channels.Throttled, "throttled"},
		"48002": {channels.Throttled, "credentials:48002"},
		"50003": {channels.Throttled, "credentials:50003"},
		"60020": {channels.Throttled, "credentials:60020"},
		"40035": {channels.Refused, "bad-request:40035"},
		"123":   {channels.Refused, "bad-request:123"},
		"1001":  {channels.Accepted, "already-recalled"},
		"1002":  {channels.Accepted, "not-found"},
		"1003":  {channels.Refused, "expired"},
	} {
		s := can(t, map[string]string{tokenPath: aToken, recallPath: fmt.Sprintf(`{"errcode":%s,"errmsg":"hint: [x] anna"}`, code)})
		c := config(s.URL, "secret")
		c.Unverified = Unverified{AlreadyCodes: []int{1001}, NotFoundCodes: []int{1002}, ExpiredCodes: []int{1003}}
		e, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		if r := emit(t, e, remove(sent)).Results[1]; r.Verdict != want.verdict || r.Reason != want.reason {
			t.Errorf("%s: %s (%s), want %s (%s)", code, r.Verdict, r.Reason, want.verdict, want.reason)
		}
	}
}

func TestEveryCodeHasItsSource(t *testing.T) {
	seen := map[int]bool{}
	for _, c := range codes() {
		if c.says == "" || !strings.HasPrefix(c.source, "https://developer.work.weixin.qq.com/") {
			t.Errorf("%d: meaning %q, source %q", c.number, c.says, c.source)
		}
		if seen[c.number] {
			t.Errorf("%d: is there twice", c.number)
		}
		seen[c.number] = true
	}
}

// TestForeignAnswers: what is not WeCom's form proves nothing.
func TestForeignAnswers(t *testing.T) {
	for _, body := range []string{"", "<html>", "{}", `{"errmsg":"ok"}`, `{"errcode":"0"}`, `[0]`, `{"errcode":0`} {
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

// TestStatus: a gateway before WeCom may answer by a status of HTTP.
func TestStatus(t *testing.T) {
	for status, want := range map[int]channels.Verdict{
		http.StatusTooManyRequests: channels.Throttled, http.StatusBadGateway: channels.Unknown, http.StatusNotFound: channels.Refused,
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == tokenPath {
				_, _ = w.Write([]byte(aToken))
				return
			}
			w.Header().Set("Retry-After", "9")
			w.WriteHeader(status)
		}))
		t.Cleanup(s.Close)
		e, err := New(config(s.URL, "secret"))
		if err != nil {
			t.Fatal(err)
		}
		r := emit(t, e, remove(sent))
		if r.Results[0].Verdict != want || r.RetryAfter.Seconds() != 9 {
			t.Errorf("%d: %s after %s, want %s", status, r.Results[0].Verdict, r.RetryAfter, want)
		}
	}
}
