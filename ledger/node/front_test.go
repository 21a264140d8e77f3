package node

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
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
