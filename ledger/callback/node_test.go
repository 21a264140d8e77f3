package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when everything happens: the recorded signatures are of this time.
func noon() time.Time { return time.Date(2026, 11, 20, 9, 41, 0, 0, time.UTC) }

const (
	push    = "order-4711"
	signKey = "the shop's signing secret"
	hwKey   = "huawei callback key"
	oppoKey = "oppo-shop-token-0123"
	bankKey = "oppo-bank-token-0123"
)

func accounts() []Account {
	return []Account{
		{App: "shop", Channel: "huawei", ID: "main", Secret: hwKey, User: "receipts"},
		{App: "shop", Channel: "harmony", ID: "shop", Secret: "harmony callback key", User: "receipts"},
		{App: "bank", Channel: "harmony", ID: "bank", Secret: "another callback key", User: "receipts"},
		{App: "shop", Channel: "honor", Secret: "honor-token-0123456789"},
		{App: "shop", Channel: "xiaomi", Secret: "xiaomi-token-0123456789"},
		{App: "shop", Channel: "oppo", ID: "shop", Secret: oppoKey},
		{App: "bank", Channel: "oppo", ID: "bank", Secret: bankKey},
		{App: "shop", Channel: "vivo", Secret: "vivo-token-0123456789"},
		{App: "shop", Channel: "fcm", Secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
		{App: "shop", Channel: "jpush", Secret: "jpush signing secret"},
		{App: "shop", Channel: "apns", Secret: signKey},
	}
}

// node is the handler on a whole ledger, whose time stands still.
type node struct{ *facadetest.Node }

func start(t *testing.T, c facadetest.Config) *node {
	t.Helper()
	n := &node{facadetest.Start(t, c)}
	n.Freeze(noon().Add(-time.Minute))
	h := New(Config{
		Accounts: accounts(), Ledger: n.Desk.Ledger, Clock: n.Now, Logger: n.Desk.Logger,
	})
	n.Freeze(noon())
	n.Serve(h)
	return n
}

// call posts a body; headers are pairs of name and value.
func (n *node) call(path, body string, headers ...string) facadetest.Answer {
	n.T.Helper()
	return n.Call("POST", path, strings.NewReader(body), headers...)
}

// sign makes the headers of the generic form.
func sign(key, id string, at time.Time, body string) []string {
	stamp := fmt.Sprint(at.Unix())
	return []string{"webhook-id", id, "webhook-timestamp", stamp, "webhook-signature", "v1," + mac(key, id+"."+stamp+"."+body)}
}

// huawei makes the vendor's header.
func huawei(key, user, nonce string, at time.Time) []string {
	stamp := fmt.Sprint(at.UnixMilli())
	return []string{"X-HUAWEI-CALLBACK-ID", "timestamp=" + stamp + "; nonce=" + nonce + "; value=" + mac(key, stamp+nonce+user)}
}

func mac(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func (n *node) status(what string, got facadetest.Answer, status int) {
	n.T.Helper()
	if got.Status != status {
		n.T.Errorf("%s: got %d %s, want %d", what, got.Status, got.Body, status)
	}
}

// unchanged fails the test when something was written since.
func (n *node) unchanged(what string, since events.Position) {
	n.T.Helper()
	if end := n.End(); end != since {
		n.T.Errorf("%s: the log went from %v to %v", what, since, end)
	}
}
