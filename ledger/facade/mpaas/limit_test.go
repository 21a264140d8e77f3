package mpaas

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// TestFailedAuthenticationsAreLimited: nothing is looked at beyond the limit,
// known keys and unknown ones alike.
func TestFailedAuthenticationsAreLimited(t *testing.T) {
	n := start(t, 0)
	n.Freeze(n.Now()) // however long the guesses take, none comes back
	by := func(key, secret string) answered {
		return n.post(n.signedBy(key, secret, http.MethodPost, "RevokePushMessage", revoke("m", "d").values()).Encode())
	}
	for key, code := range map[string]string{keyShop: codeSignature, "unknownid": codeKeyUnknown} {
		for range facade.MaxGuesses {
			n.gateway(t, key, by(key, "wrong"), code)
		}
		a := by(key, "wrong")
		n.gateway(t, key+" once more", a, codeThrottledUser)
		if after := a.Header.Get("Retry-After"); after != "1" {
			t.Errorf("Retry-After is %q", after)
		}
	}
	n.gateway(t, "a good one meanwhile", by(keyShop, secret), codeThrottledUser)
	if a := by(keyOther, secret); a.fields.ResultCode != resultInvalid {
		t.Errorf("another key is answered %s", a.Body)
	}
	n.Advance(2 * time.Second)
	if a := by(keyShop, secret); a.fields.ResultCode != resultInvalid {
		t.Errorf("a good one afterwards is answered %s", a.Body)
	}
}

func TestBusy(t *testing.T) {
	w := httptest.NewRecorder()
	New(Config{}).Busy(w, httptest.NewRequest(http.MethodPost, "/", nil))
	var a gatewayAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusBadRequest || w.Header().Get("Retry-After") != "1" ||
		a.Code != codeThrottled || a.Message == "" || a.RequestID == "" || a.HostID == "" {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}
