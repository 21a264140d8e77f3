package tpns

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// TestFailedAuthenticationsAreLimited: known, unknown and disabled keys are told
// the same at the same time, and nothing is looked at beyond the limit.
func TestFailedAuthenticationsAreLimited(t *testing.T) {
	n := start(t)
	n.Freeze(n.Now()) // however long the guesses take, none comes back
	body := byID(n.send(bank(), "all", ""))
	for _, id := range []string{shopID, "1500009999", offID} {
		// Both ways to authenticate share what is allowed.
		for i := range facade.MaxGuesses {
			headers := []header{basicHeader(id, offSecret)}
			if i%2 == 1 {
				headers = signHeaders(id, "wrong", n.Now(), body)
			}
			n.expect(codeAuth, stopPath, body, headers...)
		}
		n.expect(codeFast, stopPath, body, basicHeader(id, "wrong"))
		n.expect(codeFast, appPath, body, signHeaders(id, "wrong", n.Now(), body)...)
	}
	n.expect(codeFast, recordPath, body, shop())
	n.expect(codeFast, recordPath, body, signHeaders(shopID, shopSecret, n.Now(), body)...)
	n.expect(codeOK, recordPath, body, bank())
	n.expect(codeAuth, stopPath, body) // without a key nothing is guessed
	n.Advance(2 * time.Second)
	n.expect(codeUnknown, recordPath, body, shop())
}

// A key that is to sign takes no Basic, and says so to nobody.
func TestSignOnly(t *testing.T) {
	n := start(t)
	const id, secret = "1500001060", "a secret that is never sent"
	k := facade.Credential{Facade: facade.TPNS, ID: id, App: "shop", Secret: secret, SignOnly: true}
	if err := n.Desk.Credentials.Put(k); err != nil {
		t.Fatal(err)
	}
	body := byID("1")
	refused := n.expect(codeAuth, recordPath, body, basicHeader(id, secret))
	if wrong := n.expect(codeAuth, recordPath, body, basicHeader(id, "wrong")); wrong != refused {
		t.Errorf("the right secret is answered %s, a wrong one %s", refused, wrong)
	}
	n.expect(codeUnknown, recordPath, body, signHeaders(id, secret, n.Now(), body)...)
	// The option is taken back as it was given.
	k.SignOnly = false
	if err := n.Desk.Credentials.Put(k); err != nil {
		t.Fatal(err)
	}
	n.expect(codeUnknown, recordPath, body, basicHeader(id, secret))
}

// Of a secret that is not kept there is no signature, least of all the one that
// anybody could make without a secret.
func TestBasicOnly(t *testing.T) {
	n := start(t)
	const id, secret = "1500001061", "a secret that is only compared"
	k := facade.Credential{Facade: facade.TPNS, ID: id, App: "shop", Secret: secret, BasicOnly: true}
	if err := n.Desk.Credentials.Put(k); err != nil {
		t.Fatal(err)
	}
	kept, _ := n.Desk.Credentials.Find(facade.TPNS, id)
	body := byID("1")
	n.expect(codeUnknown, recordPath, body, basicHeader(id, secret))
	for _, signing := range []string{"", secret, string(kept.Hash)} {
		n.expect(codeAuth, recordPath, body, signHeaders(id, signing, n.Now(), body)...)
	}
	n.expect(codeAuth, recordPath, body, basicHeader(id, ""))
}

func TestBusy(t *testing.T) {
	for _, path := range []string{stopPath, appPath, recordPath, "/v3/push/nowhere"} {
		w := httptest.NewRecorder()
		New(Config{}).Busy(w, httptest.NewRequest(http.MethodPost, path, nil))
		if got := code(t, path, w.Body.String()); w.Code != http.StatusOK || got != codeFast || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s is answered %d %s", path, w.Code, w.Body)
		}
	}
}
