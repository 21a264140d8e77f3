package huawei

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

// TestCodes: the page does not say with which status a business code comes, so
// every code must mean the same with each.
func TestCodes(t *testing.T) {
	want := map[string]outcome{
		"80100001": {verdict: channels.Refused, reason: "bad-request:80100001"},
		"80100003": {verdict: channels.Refused, reason: "bad-request:80100003"},
		"80100004": {verdict: channels.Refused, reason: "expired"},
		"80100016": {verdict: channels.Refused, reason: "bad-request:80100016"},
		"80100018": {verdict: channels.Refused, reason: "bad-request:80100018"},
		"80200001": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80200003": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80200005": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80300002": {verdict: channels.Throttled, reason: "credentials"},
		"80300007": {verdict: channels.Refused, reason: "all-tokens-rejected"},
		"80300008": {verdict: channels.Refused, reason: "too-large"},
		"80300010": {verdict: channels.Refused, reason: "bad-request:80300010"},
		"80300011": {verdict: channels.Refused, reason: "bad-request:80300011"},
		"80300013": {verdict: channels.Refused, reason: "bad-request:80300013"},
		"80600003": {verdict: channels.Throttled, reason: "credentials"},
		"81000001": {verdict: channels.Unknown, reason: "no-answer"},
	}
	if len(want) != len(codes()) {
		t.Errorf("%d codes, the test knows %d", len(codes()), len(want))
	}
	for c, w := range want {
		for _, status := range []int{200, 400, 401, 500} {
			got := read(call.Answer{Status: status, Body: fmt.Appendf(nil, `{"code":%q,"msg":"m","requestId":"1"}`, c)})
			if got != w {
				t.Errorf("%s with %d: %+v, want %+v", c, status, got, w)
			}
		}
	}
}

func TestAnswersWithoutCode(t *testing.T) {
	const fine = `{"code":"80000000","msg":"Success","requestId":"1"}`
	for _, x := range []struct {
		status int
		body   string
		want   outcome
	}{
		{200, fine, outcome{verdict: channels.Accepted}},
		{200, `{"code":"80999999"}`, outcome{verdict: channels.Refused, reason: "bad-request"}},
		{200, `<html>welcome</html>`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{200, `{"code":80000000}`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{200, ``, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{302, ``, outcome{verdict: channels.Refused, reason: "bad-request"}},
		{401, ``, outcome{verdict: channels.Throttled, reason: "credentials", stale: true}},
		{404, `not found`, outcome{verdict: channels.Refused, reason: "bad-request"}},
		{429, ``, outcome{verdict: channels.Throttled, reason: "throttled"}},
		{500, fine, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{502, ``, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{503, ``, outcome{verdict: channels.Throttled, reason: "throttled"}},
		{503, `{"code":"81000001"}`, outcome{verdict: channels.Throttled, reason: "throttled"}},
	} {
		if got := read(call.Answer{Status: x.status, Body: []byte(x.body)}); got != x.want {
			t.Errorf("%d %s: %+v, want %+v", x.status, x.body, got, x.want)
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	c := channels.Command{Devices: []string{"a", "b", "c"}}
	refused := func(reason string) [2]string { return [2]string{string(channels.Refused), reason} }
	fine, dead, open := [2]string{"accepted", ""}, refused("dead-token"), [2]string{"unknown", "no-answer"}
	for _, x := range []struct {
		msg  string
		want [][2]string
	}{
		{`{"success":2,"failure":1,"illegal_tokens":["b"]}`, [][2]string{fine, dead, fine}},
		{`{"success":1,"failure":2,"illegal_tokens":["c","a"]}`, [][2]string{dead, fine, dead}},
		{`{"success":1,"failure":2,"illegal_tokens":["a"]}`, [][2]string{dead, open, open}},
		{`{"success":2,"failure":1,"illegal_tokens":["of-nobody"]}`, [][2]string{open, open, open}},
		{`{"success":2,"failure":1,"illegal_tokens":[]}`, [][2]string{open, open, open}},
		{`{"success":0,"failure":3,"illegal_tokens":["a"]}`, [][2]string{refused("all-tokens-rejected"), refused("all-tokens-rejected"), refused("all-tokens-rejected")}},
		{`{"success":1,"failure":3,"illegal_tokens":["a","b","c"]}`, [][2]string{refused("all-tokens-rejected"), refused("all-tokens-rejected"), refused("all-tokens-rejected")}},
		{`some tokens are illegal`, [][2]string{open, open, open}},
	} {
		o := read(call.Answer{Status: 200, Body: fmt.Appendf(nil, `{"code":"80100000","msg":%q}`, x.msg)})
		var got [][2]string
		for _, r := range o.reply(c).Results {
			got = append(got, [2]string{string(r.Verdict), r.Reason})
		}
		if diff := cmp.Diff(x.want, got); diff != "" {
			t.Errorf("%s: %s", x.msg, diff)
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
		{200, `{"expires_in":3600}`, "no-answer"},
		{200, `no`, "no-answer"},
		{400, `{"error":1101}`, "credentials"},
		{403, ``, "credentials"},
		{429, ``, "throttled"},
		{500, ``, "vendor-busy"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(x.status)
			_, _ = w.Write([]byte(x.body))
		}))
		e, err := New(Config{
			ClientID: "1", ClientSecret: "hidden", TokenURL: s.URL, BaseURL: "http://127.0.0.1:1",
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
