package ums

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

func TestCallbackBecomesFacts(t *testing.T) {
	n := start(t)
	n.Record("shop", theMsgID, facade.UMS)
	sent := n.Now().Unix()
	item := func(typ int, rest string) string {
		return fmt.Sprintf(`{"type":%d,"channelkey":"shopkey","msgid":%q,"app_platform":1,"sent_time":%d,"params":{"a":1},%s}`, typ, theMsgID, sent, rest)
	}
	body := "[" + strings.Join([]string{
		item(0, `"userid":"u1","sender":0`),
		item(2, `"userid":"u1","sender_id":"reg1","sender":1,"app_sender":0`),
		item(2, `"userid":"","sender_id":"reg2","sender":1,"app_sender":0`),
		item(4, `"userid":"u1","sender_id":"reg1","sender":1,"app_sender":0`),
		item(6, `"userid":"u1","sender_id":"reg1","sender":1,"app_sender":0`),
		item(4, `"userid":"u2","sender_id":"token2","sender":1,"app_sender":8`),
		item(3, `"userid":"u3","sender":5,"error":{"code":1011,"message":"no such number"}`),
		item(5, `"userid":"u4","sender":5,"error":{"code":"x","message":"off"}`),
		item(4, `"userid":"u5","sender":10`),
		item(1, `"userid":"u6","sender":4,"error":{"code":1,"message":"no address"}`),
		item(7, `"userid":"u1","sender_id":"reg1","sender":1,"app_sender":0`),
		item(8, `"userid":"u1","sender_id":"reg1","sender":1,"app_sender":0,"error":{"code":2,"message":"late"}`),
	}, ",") + "]"
	// The vendor repeats what was answered too late: nothing may count twice.
	for range 2 {
		n.expect("callback", n.do("POST", "/callbacks/ums", body, shop), 200, success)
	}
	want := map[string]map[string]uint32{
		"jpush": {"sent": 2, "delivered": 2, "clicked": 1}, "sms": {"failed": 2},
		"wecom": {"delivered": 1}, "email": {"failed": 1},
	}
	if diff := cmp.Diff(want, n.Funnels("shop", theMsgID)); diff != "" {
		t.Errorf("funnel (-want +got):\n%s", diff)
	}
	log := n.Logged()
	for _, line := range []string{`reason="result of a retract" items=2`, `reason="target valid" items=1`} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not say %s: %s", line, log)
		}
	}
	if strings.Contains(log, "reg1") {
		t.Errorf("the log names a device: %s", log)
	}
	// The user of a device is known, so that a recall of one user finds it.
	held, err := n.Part.Local.UserNotifications("shop", "u1", false)
	if err != nil || len(held) != 1 || held[0].Device != "reg1" {
		t.Errorf("u1 holds %+v (%v)", held, err)
	}
}

// TestCallbackKeepsToItsApp: the app is the credential's, whatever the body says.
func TestCallbackKeepsToItsApp(t *testing.T) {
	n := start(t)
	n.Record("shop", "m", facade.UMS)
	body := `[{"type":6,"channelkey":"shopkey","msgid":"m","userid":"u","sender":5},{"type":4,"msgid":"m","userid":"u","sender":5}]`
	n.expect("the bank's", n.do("POST", "/callbacks/ums", body, bank), 200, success)
	if got := n.Funnels("shop", "m"); len(got) != 0 {
		t.Errorf("the shop's push has %v", got)
	}
	if diff := cmp.Diff(map[string]map[string]uint32{"sms": {"delivered": 1}}, n.Funnels("bank", "m")); diff != "" {
		t.Error(diff)
	}
}

func TestCallbackRefusals(t *testing.T) {
	n := start(t)
	const noArray = `{"code":4004,"message":"the body is not a JSON array"}`
	before := n.End()
	for _, c := range []struct {
		what, method, path, body, as string
		status                       int
		want                         string
	}{
		{"bad JSON", "POST", "/callbacks/ums", `[`, shop, 400, noArray},
		{"an object", "POST", "/callbacks/ums", `{}`, shop, 400, noArray},
		{"empty", "POST", "/callbacks/ums", ``, shop, 400, noArray},
		{"method", "PUT", "/callbacks/ums", `[]`, shop, 400, noArray},
		{"too many", "POST", "/callbacks/ums", "[" + strings.Repeat("{},", 1000) + "{}]", shop, 400, `{"code":4004,"message":"the array has more than 1000 items"}`},
		{"wrong secret", "POST", "/callbacks/ums", `[]`, "shopkey:x", 401, unauthorized},
		{"unknown key", "POST", "/callbacks/ums", `[]`, "x:x", 401, unauthorized},
		{"no credential", "GET", "/callbacks/ums?echostr=1", "", "", 401, unauthorized},
		{"probe without text", "GET", "/callbacks/ums", "", shop, 400, `{"code":4004,"message":"echostr is missing or too long"}`},
		{"probe with a long text", "GET", "/callbacks/ums?echostr=" + strings.Repeat("x", 257), "", shop, 400, `{"code":4004,"message":"echostr is missing or too long"}`},
		{"nothing", "POST", "/callbacks/ums", `[]`, shop, 200, success},
		{"items of no use", "POST", "/callbacks/ums", `[5,null,{"type":"4"},{"type":4,"sender":5},{"type":9,"sender":5},{"type":4,"sender":8,"userid":"u","msgid":"m"},
			{"type":4,"sender":5,"msgid":"m"},{"type":4,"sender":5,"userid":"u","msgid":"` + strings.Repeat("m", 129) + `"}]`, shop, 200, success},
	} {
		n.expect(c.what, n.do(c.method, c.path, c.body, c.as), c.status, c.want)
	}
	if after := n.End(); after != before {
		t.Errorf("the log went from %v to %v", before, after)
	}
}

func TestCallbackProbe(t *testing.T) {
	n := start(t)
	a := n.do("GET", "/callbacks/ums?echostr=a%3Cb%3E%20c", "", shop)
	if a.Status != 200 || a.Body != "a<b> c" || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("got %d %q %v", a.Status, a.Body, a.Header)
	}
}

func TestMatch(t *testing.T) {
	h := New(Config{})
	for path, want := range map[string]bool{
		"/v1/retract/v:1t:1603707455p:27133n:2": true, "/v1/retract/a%2Fb": true, "/v1/sent": true, "/v1/broadcast": true,
		"/v1/template/sent": true, "/v1/template/broadcast": true, "/callbacks/ums": true, "/callbacks/ums?echostr=x": true,
		"/": false, "/v1/sent/": false, "/v1/pushes": false, "/v1/recalls": false, "/v1/retract": false, "/callbacks/timpush": false,
	} {
		if got := h.Match(httptest.NewRequest(http.MethodPost, path, nil)); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}
