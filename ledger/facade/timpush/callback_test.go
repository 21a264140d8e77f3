package timpush

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
)

// The tokens of the callbacks' addresses.
const shopToken, bankToken, oldToken = "shop-callback-token", "bank-callback-token", "old-callback-token"

// startCalled runs a node whose keys take callbacks.
func startCalled(t *testing.T) *node {
	t.Helper()
	n := start(t)
	tokens := map[string]string{shopID: shopToken, bankID: bankToken, oldID: oldToken}
	for _, k := range keys() {
		k.CallbackToken = tokens[k.ID]
		if err := n.Desk.Credentials.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func callbackQuery(id, token string) string {
	return url.Values{"SdkAppid": {id}, "CallbackCommand": {command}, "contenttype": {"json"}, "token": {token}}.Encode()
}

func eventList(list ...string) string { return `{"Events":[` + strings.Join(list, ",") + `]}` }

const callback = "/callbacks/timpush"

func TestCallbackBecomesFacts(t *testing.T) {
	n := startCalled(t)
	n.record("shop", "task")
	event := func(rest string) string {
		return `{"CallbackCommand":"Push.AllMemberPush","TaskId":"task","DataId":"","TaskTime":1557481127,"ErrInfo":"OK",` + rest + `}`
	}
	body := eventList(
		event(`"EventType":1,"To_Account":"user2","PushPlatform":1,"PushStage":1,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user3","PushPlatform":1,"PushStage":1,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user2","PushPlatform":1,"PushStage":2,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user2","PushPlatform":1,"PushStage":3,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user4","PushPlatform":3,"PushStage":1,"ErrCode":80300007`),
		event(`"EventType":1,"To_Account":"user5","PushPlatform":8,"PushStage":3,"ErrCode":5`),
		event(`"EventType":2,"To_Account":"user6","PushPlatform":0,"DeviceType":3,"PushStage":2,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user7","PushPlatform":0,"PushStage":1,"ErrCode":0`),
		event(`"EventType":1,"To_Account":"user7","PushPlatform":1,"PushStage":4,"ErrCode":0`),
		`{"CallbackCommand":"Push.OfflinePush","TaskId":"task","EventType":1,"To_Account":"u","PushPlatform":1,"PushStage":1}`,
		event(`"EventType":1,"To_Account":"","PushPlatform":1,"PushStage":1`), `"no object"`,
	)
	// The vendor repeats what was answered too late: nothing may count twice.
	for range 2 {
		n.expect("callback", n.do("POST", callback, callbackQuery(shopID, shopToken), body), ok)
	}
	want := map[string]map[string]uint32{
		"apns": {"sent": 2, "delivered": 1, "clicked": 1}, "huawei": {"failed": 1}, "honor": {"clicked": 1}, "selfbuilt": {"delivered": 1},
	}
	if diff := cmp.Diff(want, n.Funnels("shop", "task")); diff != "" {
		t.Errorf("funnel (-want +got):\n%s", diff)
	}
	held, err := n.Part.Local.UserNotifications("shop", "user3", true)
	if err != nil || len(held) != 1 || held[0].Channel != "apns" {
		t.Errorf("user3 holds %+v (%v)", held, err)
	}
	log := n.Logged()
	for _, line := range []string{`reason="platform without a channel" events=1`, `reason="unknown stage" events=1`, `reason="another callback" events=1`,
		`reason="no event can hold it" events=1`, `reason="not of the documented form" events=1`} {
		if !strings.Contains(log, line) {
			t.Errorf("the log does not say %s: %s", line, log)
		}
	}
	if strings.Contains(log, "user") {
		t.Errorf("the log names an account: %s", log)
	}
}

func TestCallbackRefusals(t *testing.T) {
	n := startCalled(t)
	n.record("shop", "task")
	before := n.End()
	good, click := callbackQuery(shopID, shopToken), eventList(`{"EventType":2,"TaskId":"task","To_Account":"u","PushStage":3}`)
	for _, c := range []struct{ what, method, query, body string }{
		{"no query", "POST", "", click},
		{"no token", "POST", "SdkAppid=" + shopID, click},
		{"wrong token", "POST", callbackQuery(shopID, "x"), click},
		{"token of another app", "POST", callbackQuery(shopID, bankToken), click},
		{"an empty token", "POST", "SdkAppid=" + shopID + "&token=", click},
		{"two SDKAppIDs", "POST", good + "&SdkAppid=" + bankID, click},
		{"unknown SDKAppID", "POST", callbackQuery("1400000008", shopToken), click},
		{"another facade's", "POST", callbackQuery("1400000009", "ums secret"), click},
		{"disabled", "POST", callbackQuery(oldID, oldToken), click},
		{"a query that cannot be read", "POST", good + "&x=%zz", click},
		{"bad JSON", "POST", good, `{`},
		{"array", "POST", good, `[]`},
		{"too many", "POST", good, eventList(strings.TrimSuffix(strings.Repeat("{},", MaxEvents+1), ","))},
		{"too large", "POST", good, strings.Repeat(" ", MaxSendBody+1)},
		{"method", "GET", good, ""},
	} {
		n.expect(c.what, n.do(c.method, callback, c.query, c.body), fails(codeCallback))
	}
	if after := n.End(); after != before {
		t.Errorf("the log went from %v to %v", before, after)
	}
	// The app is the credential's: the bank's event is about the bank's push.
	n.expect("the bank's", n.do("POST", callback, callbackQuery(bankID, bankToken), click), ok)
	if got := n.Funnels("shop", "task"); len(got) != 0 {
		t.Errorf("the shop's push has %v", got)
	}
	if log := n.Logged(); strings.Contains(log, "token") {
		t.Errorf("the log tells a token: %s", log)
	}
}

// A key without a token takes no callback, whatever its address carries.
func TestCallbackNeedsAToken(t *testing.T) {
	n := start(t)
	for _, token := range []string{"", shopKey, shopToken} {
		n.expect("token "+token, n.do("POST", callback, callbackQuery(shopID, token), eventList()), fails(codeCallback))
	}
}

func TestMatch(t *testing.T) {
	h := New(Config{})
	for path, want := range map[string]bool{
		"/v4/timpush/revoke?sdkappid=1": true, "/v4/timpush/push": true, "/v4/timpush/batch": true, "/v4/timpush/other": true, callback + "?SdkAppid=1": true,
		"/": false, "/v4/timpush": false, "/v4/openim/sendmsg": false, "/callbacks/ums": false, "/v1/sent": false,
	} {
		if got := h.Match(httptest.NewRequest(http.MethodPost, path, nil)); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
}

// TestChannelsAreOfTheMatrix: a misspelt channel could never be recalled, and
// one that the profile does not reach would not be.
func TestChannelsAreOfTheMatrix(t *testing.T) {
	found := 0
	for eventType := range 4 {
		for platform := range 10 {
			c, has := channelOf(eventType, platform)
			if !has {
				continue
			}
			found++
			if row, known := channels.Lookup("timpush", c); !known || row.Outside {
				t.Errorf("type %d, platform %d is %q, which a recall does not reach", eventType, platform, c)
			}
		}
	}
	if found != 8+10 {
		t.Errorf("%d pairs have a channel", found)
	}
}
