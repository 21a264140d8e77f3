package jpush

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// saying gives cids and answers every other call with one status and body.
func saying(t *testing.T, status int, body string) (e *Emitter, requests *[]string) {
	t.Helper()
	requests = &[]string{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		*requests = append(*requests, fmt.Sprintf("%s %s %s %s%s", r.Method, r.URL.RequestURI(), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), b))
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"cidlist":["key-c1"]}`)
			return
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL, AppKey: "key", MasterSecret: "secret", HTTP: s.Client(), Clock: noon})
	if err != nil {
		t.Fatal(err)
	}
	return e, requests
}

func TestRequests(t *testing.T) {
	const auth = "Basic a2V5OnNlY3JldA== "
	const cids = "GET /v3/push/cid?count=10&type=push " + auth
	withdraw := channels.Command{Method: channels.Remove, Devices: []string{"a"}, Sends: []string{"7"}}
	withhold, forced, notice := withdraw, overwrite("a", "b"), overwrite("a", "b")
	withhold.Method = channels.Withhold
	forced.Forced, forced.Sends = true, nil
	notice.Body = ""
	for _, x := range []struct {
		name     string
		collapse bool
		c        channels.Command
		want     []string
	}{
		{"remove", false, withdraw, []string{"DELETE /v3/push/7 " + auth}},
		{"withhold", false, withhold, []string{"DELETE /v3/push/7 " + auth}},
		{"overwrite", false, overwrite("a", "b"), []string{cids, "POST /v3/push " + auth +
			`application/json{"cid":"key-c1","platform":["android"],"audience":{"registration_id":["a","b"]},` +
			`"notification":{"android":{"alert":"It was wrong.","title":"Message revoked"}},"options":{"override_msg_id":7}}`}},
		{"overwrite by a title", false, notice, []string{cids, "POST /v3/push " + auth +
			`application/json{"cid":"key-c1","platform":["android"],"audience":{"registration_id":["a","b"]},` +
			`"notification":{"android":{"alert":"Message revoked"}},"options":{"override_msg_id":7}}`}},
		{"overwrite on iOS too", true, overwrite("a", "b"), []string{cids, "POST /v3/push " + auth +
			`application/json{"cid":"key-c1","platform":["android","ios"],"audience":{"registration_id":["a","b"]},` +
			`"notification":{"android":{"alert":"It was wrong.","title":"Message revoked"},` +
			`"ios":{"alert":{"title":"Message revoked","body":"It was wrong."}}},` +
			`"options":{"override_msg_id":7,"apns_collapse_id":"42"}}`}},
		{"forced", false, forced, []string{cids, "POST /v3/push " + auth +
			`application/json{"cid":"key-c1","platform":["android","ios"],"audience":{"registration_id":["a","b"]},` +
			`"notification":{"android":{"alert":"It was wrong.","title":"Message revoked"},` +
			`"ios":{"alert":{"title":"Message revoked","body":"It was wrong."}}}}`}},
	} {
		e, got := saying(t, http.StatusOK, `{"sendno":"0","msg_id":"1"}`)
		e.c.APNsCollapse = x.collapse
		if r := emit(t, e, x.c); r.Verdict != channels.Accepted {
			t.Errorf("%s: %q (%s)", x.name, r.Verdict, r.Reason)
		}
		if !slices.Equal(*got, x.want) {
			t.Errorf("%s: requests\n%s\nwant\n%s", x.name, strings.Join(*got, "\n"), strings.Join(x.want, "\n"))
		}
	}
}

func TestCodes(t *testing.T) {
	for code, want := range codes() {
		e, _ := saying(t, http.StatusBadRequest, fmt.Sprintf(`{"error":{"code":%d,"message":"no"}}`, code))
		if r := emit(t, e, overwrite("a")); r.Verdict != want.verdict || r.Reason != want.reason {
			t.Errorf("code %d: %q (%s), want %q (%s)", code, r.Verdict, r.Reason, want.verdict, want.reason)
		}
	}
}

// TestOtherAnswers: code 1003 by the call, codes that are new by the HTTP status,
// and what cannot be read.
func TestOtherAnswers(t *testing.T) {
	remove := channels.Command{Method: channels.Remove, Devices: []string{"a"}, Sends: []string{"7"}}
	forced, empty := overwrite("a"), overwrite("a")
	forced.Forced = true
	empty.Title, empty.Body = "", ""
	const absent = `{"error":{"code":1003,"message":"msgid doesn't exist"}}`
	for _, x := range []struct {
		name   string
		status int
		body   string
		c      channels.Command
		want   channels.Verdict
		reason string
	}{
		{"remove 1003", 400, absent, remove, channels.Accepted, "not-found"},
		{"replace 1003", 400, absent, overwrite("a"), channels.Refused, "expired:1003"},
		{"forced 1003", 400, absent, forced, channels.Refused, "bad-request:1003"},
		{"a new code", 400, `{"error":{"code":2099}}`, remove, channels.Refused, "bad-request:2099"},
		{"a new code of a failure", 503, `{"error":{"code":2099}}`, remove, channels.Throttled, "vendor-busy"},
		{"a new code of a success", 200, `{"error":{"code":2099}}`, remove, channels.Unknown, "no-answer:2099"},
		{"no code", 502, `<html>`, remove, channels.Unknown, "no-answer"},
		{"nothing", 200, ``, remove, channels.Accepted, ""},
		{"a welcome", 200, `<html>`, remove, channels.Unknown, "no-answer"},
		{"no send named", 200, `{}`, overwrite("a"), channels.Unknown, "no-answer"},
		{"no text to show", 200, `{}`, empty, channels.Refused, "bad-request"},
	} {
		e, _ := saying(t, x.status, x.body)
		if r := emit(t, e, x.c); r.Verdict != x.want || r.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, r.Verdict, r.Reason, x.want, x.reason)
		}
	}
}

func TestReset(t *testing.T) {
	for _, x := range []struct {
		status int
		header string
		want   time.Duration
	}{
		{429, "7", 7 * time.Second}, {429, "59000", time.Minute}, {429, "-1", 0}, {429, "", 0}, {429, "soon", 0}, {200, "7", 0},
	} {
		if got := reset(x.status, http.Header{"X-Rate-Limit-Reset": {x.header}}); got != x.want {
			t.Errorf("status %d, reset %q: %s, want %s", x.status, x.header, got, x.want)
		}
	}
}
