package api

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
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
			bodies[fmt.Sprint(a.Status, a.Header.Get("Location"), a.Header.Get("Content-Type"), a.Body)]++
			if a.Header.Get(headerReplayed) == "" {
				fresh++
			}
			if a.Status != http.StatusAccepted {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	crowd.Wait()
	if len(bodies) != 1 || fresh != 1 {
		t.Errorf("%d different answers, %d of them not marked as replayed: %v", len(bodies), fresh, bodies)
	}
	l, err := n.client("", "").Recalls(t.Context(), ListOptions{AtLeast: events.Positions{n.End()}})
	if err != nil || len(l.Recalls) != 1 {
		t.Fatalf("%d recalls, %v", len(l.Recalls), err)
	}

	before := n.End()
	for name, other := range map[string]string{
		"reason": `{"push":"p","action":"recall","reason":"another"}`,
		"action": `{"push":"p","action":"terminate","reason":"wrong <price> & 错误"}`,
		"push":   `{"push":"q","action":"recall","reason":"wrong <price> & 错误"}`,
		"scope":  `{"push":"p","action":"recall","reason":"wrong <price> & 错误","scope":{"device":"d"}}`,
	} {
		a := n.do("POST", "/v1/recalls", other, headerKey, "my-key")
		if a.Status != 422 || a.problem(t).Code != codeKeyReused {
			t.Errorf("another %s under the key: %d %s", name, a.Status, a.Body)
		}
	}
	// The order of fields is no other content.
	a := n.do("POST", "/v1/recalls", `{"reason":"wrong <price> & 错误", "action":"recall", "push":"p"}`, headerKey, "my-key")
	if a.Status != 202 || a.Header.Get(headerReplayed) != "true" {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if n.End() != before {
		t.Error("a replay moved the log")
	}
	// Another app has keys of its own.
	if a := n.do("POST", "/v1/recalls", body, headerKey, "my-key", headerApp, "b"); a.Status != 404 || a.Header.Get(headerReplayed) != "" {
		t.Errorf("another app's key: %d %s", a.Status, a.Body)
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
	if first.Status != 404 || first.problem(t).Code != string(ledger.UnknownPush) || first.Header.Get(headerReplayed) != "" {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	n.publish("", "", fact("push.sent", "later", "fcm", "d"))
	ask("taken", "k2")
	refused := ask("taken", "k3")
	if refused.Status != 409 {
		t.Fatalf("%d %s", refused.Status, refused.Body)
	}
	before := n.End()
	for key, want := range map[string]answered{"k1": first, "k3": refused} {
		push := map[string]string{"k1": "later", "k3": "taken"}[key]
		for range 3 {
			got := ask(push, key)
			if got.Status != want.Status || got.Body != want.Body || got.Header.Get(headerReplayed) != "true" || got.Header.Get("Content-Type") != typeProblem {
				t.Errorf("%s: %d %v %s, first %d %s", key, got.Status, got.Header, got.Body, want.Status, want.Body)
			}
		}
	}
	if n.End() != before {
		t.Error("a replay moved the log")
	}
	if a := ask("later", "k4"); a.Status != 202 {
		t.Errorf("under a new key: %d %s", a.Status, a.Body)
	}
	c, err := n.client("", "").Recall(t.Context(), RecallRequest{Push: "taken", Action: "recall"}, "k2")
	if err != nil || !c.Replayed || c.Position.Seq != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}
