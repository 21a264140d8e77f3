package node

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// ask makes one plain HTTP request to the node.
func ask(t *testing.T, n *Node, method, path, body string, header ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+n.Address()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// TestFacadesShareOneLedger records a push through one facade and takes it back
// through two doors: the second caller is refused, whichever door it uses (L5).
func TestFacadesShareOneLedger(t *testing.T) {
	n, client, _ := start(t, testConfig(t))
	if status, body := ask(t, n, "PUT", "/v1/facades/ums/channel-key", `{"secret":"master-secret"}`, "Recall-App", "shop", "Content-Type", "application/json"); status != 200 {
		t.Fatalf("enter the key: %d %s", status, body)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("channel-key:master-secret"))
	send := func() string {
		status, body := ask(t, n, "POST", "/v1/broadcast", `{"msg_app":[{"notification":{"alert":"90 % off"}}]}`, "Authorization", basic, "Content-Type", "application/json")
		var sent struct{ MsgID string }
		if err := json.Unmarshal([]byte(body), &sent); err != nil || status != 200 || sent.MsgID == "" {
			t.Fatalf("broadcast: %d %s", status, body)
		}
		return sent.MsgID
	}
	retract := func(id string) (int, string) {
		return ask(t, n, "POST", "/v1/retract/"+id, "null", "Authorization", basic, "Content-Type", "application/json;charset=UTF-8")
	}

	first := send()
	if status, body := retract(first); status != 200 || !strings.Contains(body, `"code":0`) {
		t.Errorf("retract = %d %s, want 200 and code 0", status, body)
	}
	if status, body := retract(first); status != 400 || !strings.Contains(body, "1015055") {
		t.Errorf("retract again = %d %s, want 400 and 1015055", status, body)
	}
	if _, err := client.Recall(context.Background(), api.RecallRequest{Push: first, Action: channels.Recall}, ""); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("the native recall after the retract = %v, want a refusal", err)
	}

	second := send()
	if _, err := client.Recall(context.Background(), api.RecallRequest{Push: second, Action: channels.Recall}, ""); err != nil {
		t.Fatal(err)
	}
	if status, body := retract(second); status != 400 || !strings.Contains(body, "1015055") {
		t.Errorf("retract after the native recall = %d %s, want 400 and 1015055", status, body)
	}
	if status, _ := ask(t, n, "HEAD", "/", ""); status != 200 {
		t.Errorf("HEAD / = %d, want 200", status)
	}
	if status, body := ask(t, n, "POST", "/", "Action=RevokePushTask", "Content-Type", "application/x-www-form-urlencoded"); status != 400 || !strings.Contains(body, `"Code"`) {
		t.Errorf("an unsigned mPaaS call = %d %s, want the gateway's 400", status, body)
	}
	if status, body := ask(t, n, "GET", "/v1/nothing", ""); status != 404 || !strings.Contains(body, "not-found") {
		t.Errorf("an unknown path = %d %s, want the native 404", status, body)
	}
}

// occupy takes a slot of the vendors' clients: it begins a request that the
// node reads on, as its 100 Continue shows.
func occupy(t *testing.T, n *Node) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", n.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := io.WriteString(c, "POST /v1/sent HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("the node answered %q, %v", line, err)
	}
	return c
}

// TestBusyNodeAnswersAsTheVendor: clients read nothing but their vendor's form,
// and the native API has slots of its own.
func TestBusyNodeAnswersAsTheVendor(t *testing.T) {
	n, _, _ := start(t, testConfig(t))
	var last net.Conn
	for range vendorRequests {
		last = occupy(t, n)
	}
	busy := []struct {
		path   string
		status int
		body   string
	}{
		{"/v3/push/revoke_push_msg", 200, `"ret_code":1008028`},
		{"/v4/timpush/revoke", 200, `"ErrorCode":91000`},
		{"/v1/retract/1", 400, `"code":1015030`},
		{"/", 400, `"Code":"Throttling"`},
	}
	for _, b := range busy {
		if status, body := ask(t, n, "POST", b.path, "{}"); status != b.status || !strings.Contains(body, b.body) {
			t.Errorf("%s = %d %s, want %d %s", b.path, status, body, b.status, b.body)
		}
	}
	if status, body := ask(t, n, "GET", "/v1/pushes", "", "Recall-App", "shop"); status != 200 {
		t.Errorf("the native API meanwhile = %d %s", status, body)
	}
	// A request that is answered makes room for one.
	if _, err := io.WriteString(last, "{}"); err != nil {
		t.Fatal(err)
	}
	if resp, err := http.ReadResponse(bufio.NewReader(last), nil); err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("the last request = %v, %v, want 401", resp, err)
	}
	for _, b := range busy {
		if _, body := ask(t, n, "POST", b.path, "{}"); strings.Contains(body, b.body) {
			t.Errorf("%s = %s with a slot that is free", b.path, body)
		}
	}
}

// TestConfiguredCallback: TIMPush's callback is taken by the token that the
// configuration gives its key, and becomes facts.
func TestConfiguredCallback(t *testing.T) {
	const token = "0123456789-token"
	c := testConfig(t)
	c.Facades = []FacadeConfig{
		{Facade: "timpush", ID: "1400000001", App: "shop", Secret: "key", CallbackToken: token},
		{Facade: "timpush", ID: "1400000002", App: "shop", Secret: "key"},
	}
	n, client, _ := start(t, c)
	publish(t, client, `{"kind":"push.created","push":"task","data":{"title":"t","audience":{"kind":"all"},"profile":"timpush"}}`)
	call := func(query string) string {
		t.Helper()
		status, body := ask(t, n, "POST", "/callbacks/timpush?CallbackCommand=Push.AllMemberPush&contenttype=json&"+query,
			`{"Events":[{"CallbackCommand":"Push.AllMemberPush","EventType":1,"TaskId":"task","To_Account":"ann","PushPlatform":1,"PushStage":2,"ErrCode":0}]}`)
		if status != 200 {
			t.Errorf("%s = %d %s", query, status, body)
		}
		return body
	}
	for _, query := range []string{
		"SdkAppid=1400000001", "SdkAppid=1400000001&token=wrong", "SdkAppid=1400000002&token=", "SdkAppid=1400000002&token=" + token, "token=" + token,
	} {
		if body := call(query); !strings.Contains(body, `"ErrorCode":1`) {
			t.Errorf("%s = %s, want it refused", query, body)
		}
	}
	if body := call("SdkAppid=1400000001&token=" + token); body != `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}` {
		t.Errorf("the callback = %s", body)
	}
	end, err := n.ledger.End(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if err := n.ledger.Wait(context.Background(), end); err != nil {
		t.Fatal(err)
	}
	held, err := n.ledger.DeviceNotifications("shop", "apns", "ann", true)
	if err != nil || len(held) != 1 || held[0].Push != "task" {
		t.Errorf("ann holds %+v, %v, want the push", held, err)
	}
}

func TestFacadeOptionsAreChecked(t *testing.T) {
	for want, f := range map[string]FacadeConfig{
		"facades[0].sign_only":      {Facade: "ums", SignOnly: true},
		"facades[0].basic_only":     {Facade: "tpns", SignOnly: true, BasicOnly: true},
		"facades[0].callback_token": {Facade: "timpush", CallbackToken: "short"},
	} {
		f.ID, f.App, f.Secret = "1", "shop", "hush"
		c := testConfig(t)
		c.Facades = []FacadeConfig{f}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("Validate = %v, want it to name %s", err, want)
		}
	}
}
