package api

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/recall-ledger/recall-ledger/ledger"
)

// TestSameAnswer asks 64 times at once under one key: everybody gets the same
// bytes, and there is one recall (L6).
func TestSameAnswer(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", fact("push.sent", "p", "fcm", "d"))
	const body = `{"push":"p","action":"recall","reason":"wrong <price> & 错误"}`
	var mu sync.Mutex
	bodies, fresh := map[string]int{}, 0
	var crowd sync.WaitGroup
	for range 64 {
		crowd.Go(func() {
			a := n.do("POST", "/v1/recalls", body, headerKey, "my-key")
			mu.Lock()
			defer mu.Unlock()
			bodies[fmt.Sprint(a.status, a.header.Get("Location"), a.header.Get("Content-Type"), a.body)]++
			if a.header.Get(headerReplayed) == "" {
				fresh++
			}
			if a.status != http.StatusAccepted {
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	crowd.Wait()
	if len(bodies) != 1 || fresh != 1 {
		t.Errorf("%d different answers, %d of them not marked as replayed: %v", len(bodies), fresh, bodies)
	}
	l, err := n.client("", "").Recalls(t.Context(), ListOptions{AtLeast: n.end()})
	if err != nil || len(l.Recalls) != 1 {
		t.Fatalf("%d recalls, %v", len(l.Recalls), err)
	}

	before := n.end()
	for name, other := range map[string]string{
		"reason": `{"push":"p","action":"recall","reason":"another"}`,
		"action": `{"push":"p","action":"terminate","reason":"wrong <price> & 错误"}`,
		"push":   `{"push":"q","action":"recall","reason":"wrong <price> & 错误"}`,
		"scope":  `{"push":"p","action":"recall","reason":"wrong <price> & 错误","scope":{"device":"d"}}`,
	} {
		a := n.do("POST", "/v1/recalls", other, headerKey, "my-key")
		if a.status != 422 || a.problem(t).Code != codeKeyReused {
			t.Errorf("another %s under the key: %d %s", name, a.status, a.body)
		}
	}
	// The order of fields is no other content.
	a := n.do("POST", "/v1/recalls", `{"reason":"wrong <price> & 错误", "action":"recall", "push":"p"}`, headerKey, "my-key")
	if a.status != 202 || a.header.Get(headerReplayed) != "true" {
		t.Errorf("%d %s", a.status, a.body)
	}
	if n.end() != before {
		t.Error("a replay moved the log")
	}
	// Another app has keys of its own.
	if a := n.do("POST", "/v1/recalls", body, headerKey, "my-key", headerApp, "b"); a.status != 404 || a.header.Get(headerReplayed) != "" {
		t.Errorf("another app's key: %d %s", a.status, a.body)
	}
}

// TestReplayedRefusal checks that a refusal under a key stays the answer, byte
// for byte, also when it would be accepted by now.
func TestReplayedRefusal(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", fact("push.sent", "taken", "fcm", "d"))
	ask := func(push, key string) answered {
		return n.do("POST", "/v1/recalls", `{"push":"`+push+`","action":"recall"}`, headerKey, key)
	}
	first := ask("later", "k1")
	if first.status != 404 || first.problem(t).Code != string(ledger.UnknownPush) || first.header.Get(headerReplayed) != "" {
		t.Fatalf("%d %s", first.status, first.body)
	}
	n.publish("", "", fact("push.sent", "later", "fcm", "d"))
	ask("taken", "k2")
	refused := ask("taken", "k3")
	if refused.status != 409 {
		t.Fatalf("%d %s", refused.status, refused.body)
	}
	before := n.end()
	for key, want := range map[string]answered{"k1": first, "k3": refused} {
		push := map[string]string{"k1": "later", "k3": "taken"}[key]
		for range 3 {
			got := ask(push, key)
			if got.status != want.status || got.body != want.body || got.header.Get(headerReplayed) != "true" || got.header.Get("Content-Type") != typeProblem {
				t.Errorf("%s: %d %v %s, first %d %s", key, got.status, got.header, got.body, want.status, want.body)
			}
		}
	}
	if n.end() != before {
		t.Error("a replay moved the log")
	}
	if a := ask("later", "k4"); a.status != 202 {
		t.Errorf("under a new key: %d %s", a.status, a.body)
	}
	c, err := n.client("", "").Recall(t.Context(), RecallRequest{Push: "taken", Action: "recall"}, "k2")
	if err != nil || !c.Replayed || c.Position.Seq != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
