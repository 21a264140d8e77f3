package node

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestCallbacks: a message sent through the facade of UMS, and what became of it
// at the URL of the configuration.
func TestCallbacks(t *testing.T) {
	type item struct {
		Type  int    `json:"type"`
		MsgID string `json:"msgid"`
	}
	got := make(chan []item, 10)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "shopkey" || secret != "master secret" {
			t.Errorf("%s came as %q", r.Method, id)
		}
		if r.Method == http.MethodGet {
			fmt.Fprint(w, r.URL.Query().Get("echostr"))
			return
		}
		var items []item
		if err := json.NewDecoder(r.Body).Decode(&items); err != nil {
			t.Error(err)
		}
		got <- items
	}))
	defer service.Close()
	c := testConfig(t)
	c.Facades = []FacadeConfig{
		{Facade: "tpns", ID: "1500000000", App: "shop", Secret: "another secret"},
		{Facade: "ums", ID: "shopkey", App: "shop", Secret: "master secret", Callbacks: []string{service.URL}},
	}
	n, client, stop := start(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.Address()+"/v1/sent",
		strings.NewReader(`{"aud_tag":["t"],"msg_app":[{"notification":{"alert":"x"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth("shopkey", "master secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var sent struct{ MsgID string }
	if err := json.NewDecoder(resp.Body).Decode(&sent); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("send: %d (%v)", resp.StatusCode, err)
	}
	devices, err := json.Marshal(strings.Fields(strings.Repeat("d ", 99) + "e")) // a full batch needs no waiting
	if err != nil {
		t.Fatal(err)
	}
	publish(t, client, fmt.Sprintf(`{"kind":"delivery.delivered","push":%q,"data":{"channel":"jpush","devices":%s}}`, sent.MsgID, devices))
	select {
	case items := <-got:
		if len(items) != 100 || items[0] != (item{4, sent.MsgID}) {
			t.Errorf("came %d items, the first %+v", len(items), items[0])
		}
	case <-ctx.Done():
		t.Fatal("nothing came")
	}
	stop()
}

func TestBadCallbacksAreRefused(t *testing.T) {
	c := testConfig(t)
	c.Facades = []FacadeConfig{
		{Facade: "tpns", ID: "1500000000", App: "shop", Secret: "s", Callbacks: []string{"https://a"}},
		{Facade: "ums", ID: "k", App: "shop", Secret: "s", Callbacks: []string{"https://a", "ftp://user:password@b"}},
	}
	_, err := Start(context.Background(), c)
	for _, want := range []string{"facades[0].callbacks: belong to ums", "facades[1].callbacks[1]: is not a URL"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start = %v, want %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "password") {
		t.Errorf("the error tells the URL: %v", err)
	}
}
