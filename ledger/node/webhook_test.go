package node

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// TestWebhooks: the transitions of a recall at the URL of the configuration, with
// the node's own planner and workers.
func TestWebhooks(t *testing.T) {
	got := make(chan string, 10)
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var e struct{ Type, Subject, Source string }
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil || r.Header.Get("webhook-signature") == "" {
			t.Errorf("came %v (%v)", r.Header, err)
		}
		got <- e.Type + " " + e.Source + " " + e.Subject
	}))
	defer service.Close()
	c := testConfig(t)
	c.Webhooks = []WebhookConfig{{App: "shop", URL: service.URL, Secret: "twenty-four bytes or more"}}
	_, client, stop := start(t, c)
	publish(t, client,
		`{"kind":"push.created","push":"p1","data":{"audience":{"kind":"all"}}}`,
		`{"kind":"display.shown","push":"p1","data":{"channel":"sms","devices":["a","b"]}}`)
	request := api.RecallRequest{Push: "p1", Action: channels.Recall}
	a, err := client.Recall(context.Background(), request, "")
	if err != nil {
		t.Fatal(err)
	}
	next := func(want string) {
		t.Helper()
		select {
		case e := <-got:
			if e != want+" /apps/shop p1" {
				t.Fatalf("came %s, want %s", e, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s never came", want)
		}
	}
	next("recall.requested")
	next("recall.settled")
	if _, err := client.Recall(context.Background(), request, ""); err == nil {
		t.Fatal("a second recall was accepted")
	}
	next("recall.refused")
	if err := client.Abort(context.Background(), a.Recall, "enough"); err != nil {
		t.Fatal(err)
	}
	next("recall.aborted")
	stop()
}

func TestBadWebhooksAreRefused(t *testing.T) {
	c := testConfig(t)
	c.Webhooks = []WebhookConfig{{App: "shop", URL: "ftp://user:hush@b", Secret: "hush", Events: []string{"recall.done"}}}
	_, err := Start(context.Background(), c)
	for _, want := range []string{"webhooks[0].url: is not a URL", "webhooks[0].secret: is 4 bytes long", "webhooks[0].events[0]: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Start = %v, want %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hush") {
		t.Errorf("the error tells the URL or the secret: %v", err)
	}
}
