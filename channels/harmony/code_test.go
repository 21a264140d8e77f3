package harmony

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// TestCodes: the pages do not say with which status a business code comes, so
// every code must mean the same with each.
func TestCodes(t *testing.T) {
	want := map[string]outcome{
		"80000001": {verdict: channels.Unknown, reason: "no-answer"},
		"80100001": {verdict: channels.Refused, reason: "bad-request:80100001"},
		"80100003": {verdict: channels.Refused, reason: "bad-request:80100003"},
		"80100004": {verdict: channels.Refused, reason: "expired"},
		"80200001": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80200003": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80200005": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80300002": {verdict: channels.Throttled, reason: "credentials"},
		"80300008": {verdict: channels.Refused, reason: "too-large"},
		"80300010": {verdict: channels.Refused, reason: "bad-request:80300010"},
		"80300017": {verdict: channels.Refused, reason: "bad-request:80300017"},
		"80300028": {verdict: channels.Refused, reason: "bad-request:80300028"},
		"80300032": {verdict: channels.Refused, reason: "bad-request:80300032"},
		"80300036": {verdict: channels.Throttled, reason: "credentials", stale: true},
		"80300037": {verdict: channels.Refused, reason: "bad-request:80300037"},
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
		{401, ``, outcome{verdict: channels.Throttled, reason: "credentials", stale: true}},
		{404, `not found`, outcome{verdict: channels.Refused, reason: "bad-request"}},
		{429, ``, outcome{verdict: channels.Throttled, reason: "throttled"}},
		{500, fine, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{502, `{"code":"80999999"}`, outcome{verdict: channels.Unknown, reason: "no-answer"}},
		{503, ``, outcome{verdict: channels.Throttled, reason: "throttled"}},
		{503, `{"code":"80000001"}`, outcome{verdict: channels.Throttled, reason: "throttled"}},
		{200, `{"code":"80300007","msg":"All the tokens are invalid."}`, outcome{verdict: channels.Refused, reason: "all-tokens-rejected"}},
		{200, `{"code":"80300007","msg":"{\"failure\":1,\"illegalTokens\":{\"noPushTypeRight\":[\"a\"]}}"}`,
			outcome{verdict: channels.Refused, reason: "all-tokens-rejected:noPushTypeRight"}},
		{200, `{"code":"80300007","msg":"{\"failure\":1,\"illegalTokens\":{\"a\":[\"a\"]}}"}`,
			outcome{verdict: channels.Refused, reason: "all-tokens-rejected"}},
	} {
		if got := read(call.Answer{Status: x.status, Body: []byte(x.body)}); got != x.want {
			t.Errorf("%d %s: %+v, want %+v", x.status, x.body, got, x.want)
		}
	}
}

func TestPartialSuccess(t *testing.T) {
	c := channels.Command{Devices: []string{"a", "b", "c"}}
	refused := func(reason string) [2]string { return [2]string{string(channels.Refused), reason} }
	fine, open := [2]string{"accepted", ""}, [2]string{"unknown", "no-answer"}
	for _, x := range []struct {
		msg  string
		want [][2]string
	}{
		{`{"failure":1,"illegalTokens":{"tokenFormatError":["b"]}}`, [][2]string{fine, refused("dead-token"), fine}},
		{`{"failure":2,"illegalTokens":{"tokenFormatError":["b"],"noRight":["a"]}}`,
			[][2]string{refused("bad-request:noRight"), refused("dead-token"), fine}},
		{`{"failure":1,"illegalTokens":{"something new: b":["b"]}}`, [][2]string{fine, refused("bad-request"), fine}},
		{`{"failure":2,"illegalTokens":{"noRight":["a"]}}`, [][2]string{refused("bad-request:noRight"), open, open}},
		{`{"failure":1,"illegalTokens":{"noRight":["of-nobody"]}}`, [][2]string{open, open, open}},
		{`{"failure":3,"illegalTokens":{"tokenFormatError":["a","b","c"]}}`,
			[][2]string{refused("all-tokens-rejected"), refused("all-tokens-rejected"), refused("all-tokens-rejected")}},
		{`{"failure":1,"illegalTokens":{}}`, [][2]string{open, open, open}},
		{`Check Parameter Partial Success.`, [][2]string{open, open, open}},
	} {
		for _, code := range []string{partlySent, partlyRevoked} {
			o := read(call.Answer{Status: 200, Body: fmt.Appendf(nil, `{"code":%q,"msg":%q}`, code, x.msg)})
			var got [][2]string
			for _, r := range o.reply(c).Results {
				got = append(got, [2]string{string(r.Verdict), r.Reason})
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("%s %s: %s", code, x.msg, diff)
			}
		}
	}
}
