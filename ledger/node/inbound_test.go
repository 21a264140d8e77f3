package node

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// TestVendorCallback: what a configured vendor reports at the node's one listener
// is known to the native API, beside the facades' own callbacks.
func TestVendorCallback(t *testing.T) {
	c := testConfig(t)
	c.Callbacks = []CallbackConfig{
		{App: "shop", Channel: "oppo", ID: "shop", Secret: "0123456789-shop-token"},
		{App: "bank", Channel: "oppo", ID: "bank", Secret: "0123456789-bank-token"},
	}
	n, client, _ := start(t, c)
	publish(t, client, `{"kind":"push.created","push":"p1","data":{"title":"t","audience":{"kind":"all"}}}`)
	body := fmt.Sprintf(`[{"messageId":"m","registrationIds":"a,b","eventTime":"%d","param":"p1","eventType":"push_arrive"}]`, n.c.Clock().UnixMilli())
	for _, call := range []struct {
		path   string
		status int
		body   string
	}{
		{"/callbacks/oppo/shop?token=0123456789-shop-token", 200, `{"accepted":2}`},
		{"/callbacks/oppo/shop?token=0123456789-bank-token", 401, `"code":"unauthenticated"`},
		{"/callbacks/oppo?token=0123456789-shop-token", 401, `"code":"unauthenticated"`},
		{"/callbacks/vivo?token=0123456789-shop-token", 401, `"code":"unauthenticated"`},
		{"/callbacks/ums", 401, `"code":4005`},
		{"/callbacks/timpush", 200, `"ErrorCode":1`},
	} {
		if status, got := ask(t, n, "POST", call.path, body); status != call.status || !strings.Contains(got, call.body) {
			t.Errorf("%s = %d %s, want %d %s", call.path, status, got, call.status, call.body)
		}
	}
	end, err := n.ledger.End(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	p, err := client.Push(context.Background(), "p1", api.ReadOptions{AtLeast: end})
	if err != nil || len(p.Channels) != 1 || p.Channels[0].Channel != "oppo" || p.Channels[0].Funnel["delivered"] != 2 {
		t.Errorf("the push is %+v, %v, want 2 delivered on oppo", p, err)
	}
}

func TestBadVendorCallbacksAreRefused(t *testing.T) {
	c := testConfig(t)
	c.Callbacks = []CallbackConfig{{App: "shop", Channel: "huawei", Secret: "hush-hush-hush"}, {App: "shop", Channel: "pager", Secret: "hush"}}
	_, err := Start(context.Background(), c)
	for _, want := range []string{"callbacks[0].user: is missing", `callbacks[1].channel: "pager" is not a channel`, "callbacks[1].secret: is 4 bytes long"} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("Start = %v, want %q and no secret", err, want)
		}
	}
}
