package timpush

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// TestFailedAuthenticationsAreLimited: known and unknown SDKAppIDs are told the
// same at the same time, and nothing is looked at beyond the limit.
func TestFailedAuthenticationsAreLimited(t *testing.T) {
	n := startCalled(t)
	n.Freeze(n.Now()) // however long the guesses take, none comes back
	n.record("shop", "task")
	const body = `{"TaskId":"task"}`
	for _, id := range []string{shopID, "1400000008"} {
		wrong := n.as(id, "wrong key", "administrator")
		for range facade.MaxGuesses {
			n.expect("a wrong UserSig", n.do("POST", "/v4/timpush/revoke", wrong, body), fails(codeWrongSignature))
		}
		got := n.do("POST", "/v4/timpush/revoke", wrong, body)
		n.expect("one too many", got, fails(codeTooManyFailures))
		if after := got.Header.Get("Retry-After"); after != "1" {
			t.Errorf("Retry-After is %q", after)
		}
	}
	n.expect("a good one meanwhile", n.do("POST", "/v4/timpush/revoke", n.shop(), body), fails(codeTooManyFailures))
	n.expect("another SDKAppID", n.do("POST", "/v4/timpush/revoke", n.bank(), body), fails(codeUnknownTask))
	// Callbacks are apart from that, and come again when they are limited.
	n.expect("a callback", n.do("POST", callback, callbackQuery(shopID, shopToken), eventList()), ok)
	n.Advance(2 * time.Second)
	n.expect("a good one afterwards", n.do("POST", "/v4/timpush/revoke", n.shop(), body), ok)
}

func TestCallbackGuessesAreLimited(t *testing.T) {
	n := startCalled(t)
	n.Freeze(n.Now()) // however long the guesses take, none comes back
	for range facade.MaxGuesses {
		n.expect("a wrong token", n.do("POST", callback, callbackQuery(shopID, "wrong"), eventList()), fails(codeCallback))
	}
	got := n.do("POST", callback, callbackQuery(shopID, shopToken), eventList())
	if got.Status != http.StatusServiceUnavailable || got.Body != fails(codeCallback) || got.Header.Get("Retry-After") != "1" {
		t.Errorf("beyond the limit a callback is answered %d %s, want 503 so that it comes again", got.Status, got.Body)
	}
	n.expect("a client", n.do("POST", "/v4/timpush/revoke", n.shop(), `{"TaskId":"task"}`), fails(codeUnknownTask))
	n.Advance(2 * time.Second)
	n.expect("a callback", n.do("POST", callback, callbackQuery(shopID, shopToken), eventList()), ok)
}

func TestBusy(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		code   code
	}{"/v4/timpush/revoke": {200, codeInternal}, callback: {503, codeCallback}, "/v4/timpush/other": {200, codeInternal}} {
		w := httptest.NewRecorder()
		New(Config{}).Busy(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}")))
		if w.Code != want.status || w.Body.String() != fails(want.code) || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s is answered %d %s", path, w.Code, w.Body)
		}
	}
}
