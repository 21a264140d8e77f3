package honor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// TestCodes: it is not known with which status a code comes, nor whether it is a
// number or a text, so every code must mean the same in every form.
func TestCodes(t *testing.T) {
	want := map[string]outcome{
		"80100001": {verdict: channels.Refused, reason: "bad-request:80100001"},
		"80100003": {verdict: channels.Refused, reason: "bad-request:80100003"},
		"80100004": {verdict: channels.Refused, reason: "expired"},
		"80200001": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80200003": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80300002": {verdict: channels.Throttled, reason: "credentials"},
		"80300007": {verdict: channels.Refused, reason: "all-tokens-rejected"},
		"80300008": {verdict: channels.Refused, reason: "too-large"},
		"80300010": {verdict: channels.Refused, reason: "bad-request:80300010"},
		"80600003": {verdict: channels.Throttled, reason: "credentials"},
		"81000001": {verdict: channels.Unknown, reason: "no-answer"},
	}
	if len(want) != len(codes()) {
		t.Errorf("%d codes, the test knows %d", len(codes()), len(want))
	}
	for c, w := range want {
		for _, form := range []string{`{"code":%s,"message":"m"}`, `{"code":"%s","message":"m","data":null}`} {
			for _, status := range []int{200, 400, 401, 500} {
				if got := read(call.Answer{Status: status, Body: fmt.Appendf(nil, form, c)}); got != w {
					t.Errorf("%s with %d: %+v, want %+v", c, status, got, w)
				}
			}
		}
	}
}

func TestAnswersWithoutCode(t *testing.T) {
	for _, x := range []struct {
		status int
		body   string
		want   outcome
	}{
		{200, `{"code":200,"message":"Success"}`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{200, `{"code":80999999}`, outcome{verdict: channels.Refused, reason: "bad-request"}},
		{200, `{"code":401}`, outcome{verdict: channels.Throttled, reason: "credentials", stale: true}},
		{200, `{"code":429}`, outcome{verdict: channels.Throttled, reason: "throttled"}},
		{200, `{"code":500}`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{200, `{"code":503}`, outcome{verdict: channels.Throttled, reason: "vendor-busy"}},
		{200, `{"code":null}`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{200, `<html>welcome</html>`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{200, ``, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{401, ``, outcome{verdict: channels.Throttled, reason: "credentials", stale: true}},
		{404, `not found`, outcome{verdict: channels.Refused, reason: "bad-request"}},
		{429, ``, outcome{verdict: channels.Throttled, reason: "throttled"}},
		{500, `{"code":200,"data":{"sendResult":true}}`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{503, `{"code":81000001}`, outcome{verdict: channels.Throttled, reason: "vendor-busy"}},
	} {
		if got := read(call.Answer{Status: x.status, Body: []byte(x.body)}); got != x.want {
			t.Errorf("%d %s: %+v, want %+v", x.status, x.body, got, x.want)
		}
	}
}

func TestLists(t *testing.T) {
	c := channels.Command{Devices: []string{"a", "b", "c"}}
	fine, open := [2]string{"accepted", ""}, [2]string{"unknown", "no-answer"}
	dead, busy, all := [2]string{"refused", "dead-token"}, [2]string{"throttled", "vendor-busy"}, [2]string{"refused", "all-tokens-rejected"}
	for _, x := range []struct {
		data string
		want [][2]string
	}{
		{`{"sendResult":true}`, [][2]string{fine, fine, fine}},
		{`{"sendResult":true,"failTokens":[],"expireTokens":["b"]}`, [][2]string{fine, dead, fine}},
		{`{"sendResult":true,"failTokens":["c"],"expireTokens":["b"]}`, [][2]string{fine, dead, busy}},
		{`{"sendResult":true,"failTokens":["b"],"expireTokens":["b"]}`, [][2]string{fine, dead, fine}},
		{`{"sendResult":true,"failTokens":["of-nobody"],"expireTokens":null}`, [][2]string{fine, fine, fine}},
		{`{"sendResult":false,"failTokens":["a","b","c"]}`, [][2]string{busy, busy, busy}},
		{`{"sendResult":false,"expireTokens":["b"]}`, [][2]string{open, all, open}},
		{`{"sendResult":false}`, [][2]string{open, open, open}},
		{`{}`, [][2]string{open, open, open}},
		{`{"sendResult":true,"expireTokens":["a","b","c"]}`, [][2]string{all, all, all}},
	} {
		o := read(call.Answer{Status: 200, Body: fmt.Appendf(nil, `{"code":200,"message":"Success","data":%s}`, x.data)})
		var got [][2]string
		for _, r := range o.reply(c).Results {
			got = append(got, [2]string{string(r.Verdict), r.Reason})
		}
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", x.data, diff)
		}
	}
}

// TestMint: whatever is wrong with the token endpoint, nothing was done.
func TestMint(t *testing.T) {
	for _, x := range []struct {
		status       int
		body, reason string
	}{
		{200, `{"access_token":"a","expires_in":3600}`, "unreachable"}, // by the push server, which is not there
		{200, `{"access_token":"a"}`, "no-answer"},
		{200, `no`, "no-answer"},
		{400, `{"error":"invalid_client"}`, "credentials"},
		{401, ``, "credentials"},
		{429, ``, "throttled"},
		{500, ``, "vendor-busy"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(x.status)
			_, _ = w.Write([]byte(x.body))
		}))
		e, err := New(Config{
			AppID: "1", ClientID: "1", ClientSecret: "hidden", TokenURL: s.URL, BaseURL: "http://127.0.0.1:1",
			HTTP: s.Client(), Clock: time.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		r, err := e.Emit(t.Context(), command("1"))
		if err != nil || r.Results[0].Verdict != channels.Throttled || r.Results[0].Reason != x.reason {
			t.Errorf("%d %s: %+v, %v, want throttled (%s)", x.status, x.body, r, err, x.reason)
		}
		s.Close()
	}
}
