package meizu

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// saying answers every call with one body and keeps the last request.
type saying struct {
	body string
	got  string
}

func (s *saying) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(b))
	s.got = fmt.Sprintf("%s %s\n%s\n", r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"))
	for _, k := range []string{"appId", "pushType", "taskId", "pushIds", "messageJson", "sign"} {
		if form.Has(k) {
			s.got += k + "=" + form.Get(k) + "\n"
		}
	}
	_, _ = io.WriteString(w, s.body)
}

func against(t *testing.T, body string) (*Emitter, *saying) {
	t.Helper()
	h := &saying{body: body}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL, AppID: "10000", AppSecret: "app-secret", HTTP: s.Client(), Clock: noon})
	if err != nil {
		t.Fatal(err)
	}
	return e, h
}

// TestSign: the signatures of these tests were computed by another program, from
// the document's description.
func TestSign(t *testing.T) {
	got := sign(map[string]string{
		"pushIds": "RA50c6348036344485d01776773577c64740465480a6b", "appId": "10000",
		"messageJson": `{"title":"title"}`,
	}, "app-secret")
	if want := "06a3083d788d650acd0797741b88c1eb"; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestRequests(t *testing.T) {
	forced := overwrite("a", "b")
	forced.Forced, forced.Slot = true, ""
	for _, x := range []struct {
		name string
		c    channels.Command
		want string
	}{
		{"withhold", channels.Command{Method: channels.Withhold, Devices: []string{"a"}, Sends: []string{"20457"}},
			"POST /garcia/api/server/push/pushTask/cancel\napplication/x-www-form-urlencoded;charset=UTF-8\n" +
				"appId=10000\npushType=0\ntaskId=20457\nsign=c133ef27c46527058640c650625986ab\n"},
		{"overwrite", overwrite("a", "b"),
			"POST /garcia/api/server/push/varnished/pushByPushId\napplication/x-www-form-urlencoded;charset=UTF-8\n" +
				"appId=10000\npushIds=a,b\n" +
				`messageJson={"noticeBarInfo":{"title":"Message revoked","content":"It was wrong."},` +
				`"pushTimeInfo":{"offLine":1,"validTime":30},"advanceInfo":{"notifyKey":"42"}}` + "\nsign=212454a2ff48ddfeaec1a128d5a77053\n"},
		{"forced", forced,
			"POST /garcia/api/server/push/varnished/pushByPushId\napplication/x-www-form-urlencoded;charset=UTF-8\n" +
				"appId=10000\npushIds=a,b\n" +
				`messageJson={"noticeBarInfo":{"title":"Message revoked","content":"It was wrong."},` +
				`"pushTimeInfo":{"offLine":1,"validTime":30}}` + "\nsign=03fa027a6cffe9400af9e51c540ce160\n"},
	} {
		e, h := against(t, `{"code":"200","message":"","value":{"result":true}}`)
		emit(t, e, x.c)
		if h.got != x.want {
			t.Errorf("%s:\n%swant\n%s", x.name, h.got, x.want)
		}
	}
}

func TestCallCodes(t *testing.T) {
	for code, want := range callCodes() {
		e, _ := against(t, `{"code":"`+code+`","message":"no","value":""}`)
		r := emit(t, e, overwrite("a"))[0]
		if r.Verdict != want.verdict || r.Reason != want.reason {
			t.Errorf("code %s: %q (%s), want %q (%s)", code, r.Verdict, r.Reason, want.verdict, want.reason)
		}
	}
}

func TestDeviceCodes(t *testing.T) {
	for code, want := range deviceCodes() {
		e, _ := against(t, `{"code":200,"message":"","value":{"`+code+`":["b"]}}`)
		r := emit(t, e, overwrite("a", "b"))
		if r[0].Verdict != channels.Accepted || r[1].Verdict != want.verdict || r[1].Reason != want.reason {
			t.Errorf("code %s: %q and %q (%s), want accepted and %q (%s)", code, r[0].Verdict, r[1].Verdict, r[1].Reason, want.verdict, want.reason)
		}
	}
}

// TestOddAnswers: what cannot be read leaves the command open.
func TestOddAnswers(t *testing.T) {
	withhold := channels.Command{Method: channels.Withhold, Devices: []string{"a"}, Sends: []string{"1"}}
	for _, x := range []struct {
		name, body string
		c          channels.Command
		want       channels.Verdict
		reason     string
	}{
		{"not JSON", "<html>", overwrite("a"), channels.Unknown, "no-answer"},
		{"no code", `{"value":{}}`, overwrite("a"), channels.Unknown, "no-answer"},
		{"a code that is text", `{"code":"token-0001"}`, overwrite("a"), channels.Unknown, "no-answer"},
		{"a new code", `{"code":"110099"}`, overwrite("a"), channels.Unknown, "no-answer:110099"},
		{"no list of failures", `{"code":"200","value":[1]}`, overwrite("a"), channels.Unknown, "no-answer"},
		{"an empty text for none", `{"code":"200","value":""}`, overwrite("a"), channels.Accepted, ""},
		{"a new device code", `{"code":"200","value":{"999":["a"]}}`, overwrite("a"), channels.Unknown, "no-answer:999"},
		{"a device code that is text", `{"code":"200","value":{"a":["a"]}}`, overwrite("a"), channels.Unknown, "no-answer"},
		{"not cancelled", `{"code":"200","value":{"result":false}}`, withhold, channels.Unknown, "no-answer"},
		{"over", `{"code":"500","message":"任务已完成，无法取消"}`, withhold, channels.Accepted, channels.ReasonAlready},
		{"other failure", `{"code":"500","message":"error"}`, withhold, channels.Unknown, "no-answer"},
	} {
		e, _ := against(t, x.body)
		if r := emit(t, e, x.c)[0]; r.Verdict != x.want || r.Reason != x.reason {
			t.Errorf("%s: %q (%s), want %q (%s)", x.name, r.Verdict, r.Reason, x.want, x.reason)
		}
	}
}

func TestHours(t *testing.T) {
	for left, want := range map[time.Duration]int{
		-time.Hour: 1, 0: 1, time.Minute: 1, time.Hour: 1, 61 * time.Minute: 2, 72 * time.Hour: 72, 168 * time.Hour: 72,
	} {
		if got := hours(channels.Command{Deadline: noon().Add(left)}, noon()); got != want {
			t.Errorf("%s before the window closes: %d hours, want %d", left, got, want)
		}
	}
	if got := hours(channels.Command{}, noon()); got != 24 {
		t.Errorf("without a deadline: %d hours", got)
	}
}

// TestHTTPStatus: where a proxy answers in place of the vendor.
func TestHTTPStatus(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(s.Close)
	e, err := New(Config{BaseURL: s.URL, AppID: "1", AppSecret: "s", HTTP: s.Client(), Clock: noon})
	if err != nil {
		t.Fatal(err)
	}
	r, err := e.Emit(t.Context(), overwrite("a"))
	if err != nil || r.RetryAfter != 3*time.Second || r.Results[0].Verdict != channels.Throttled || r.Results[0].Reason != channels.ReasonBusy {
		t.Errorf("%+v, %v", r, err)
	}
}
