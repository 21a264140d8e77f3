package ums

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

const tooOften = `{"code":1015030,"message":"api rate limit exceeded"}`

// TestFailedAuthenticationsAreLimited: known and unknown keys are told the same
// at the same time, and nothing is looked at beyond the limit.
func TestFailedAuthenticationsAreLimited(t *testing.T) {
	n := start(t)
	n.Freeze(n.Now()) // however long the guesses take, none comes back
	for _, as := range []string{"shopkey:wrong", "nokey:wrong"} {
		for range facade.MaxGuesses {
			n.expect(as, n.do("POST", "/v1/retract/x", "null", as), 401, `{"code":4005,"message":"auth failed"}`)
		}
		got := n.do("POST", "/v1/retract/x", "null", as)
		n.expect(as, got, 400, tooOften)
		if after := got.Header.Get("Retry-After"); after != "1" {
			t.Errorf("Retry-After is %q", after)
		}
	}
	n.expect("a good one meanwhile", n.do("POST", "/v1/retract/x", "null", shop), 400, tooOften)
	n.expect("another key", n.do("POST", "/v1/retract/x", "null", bank), 400, `{"code":4004,"message":"msgid is unknown"}`)
	n.expect("no credentials", n.do("POST", "/v1/retract/x", "null", ""), 401, `{"code":4005,"message":"auth failed"}`)
	// Callbacks are apart from that.
	n.expect("a callback", n.do("POST", "/callbacks/ums", "[]", shop), 200, `{"code":0,"message":"success"}`)
	n.Advance(2 * time.Second)
	n.expect("a good one afterwards", n.do("POST", "/v1/retract/x", "null", shop), 400, `{"code":4004,"message":"msgid is unknown"}`)
}

// What is kept of a secret does not open what the secret does.
func TestSecretIsNotKept(t *testing.T) {
	n := start(t)
	k, _ := n.Desk.Credentials.Find(facade.UMS, "shopkey")
	if k.Secret != "" || len(k.Hash) == 0 {
		t.Errorf("kept of the secret is %q and %d bytes of its hash", k.Secret, len(k.Hash))
	}
	for _, as := range []string{"shopkey:", "shopkey:" + string(k.Hash)} {
		n.expect("the hash", n.do("POST", "/v1/retract/x", "null", as), 401, `{"code":4005,"message":"auth failed"}`)
	}
}

func TestBusy(t *testing.T) {
	w := httptest.NewRecorder()
	New(Config{}).Busy(w, httptest.NewRequest(http.MethodPost, "/v1/sent", nil))
	if w.Code != 400 || w.Body.String() != tooOften || w.Header().Get("Retry-After") != "1" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
