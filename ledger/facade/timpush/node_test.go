package timpush

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// node is the facade on a whole ledger.
type node struct{ *facadetest.Node }

const (
	shopID, bankID, oldID = "1400000001", "1400000002", "1400000003"
	// shopKey is the one under which testdata was recorded.
	shopKey = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"
	bankKey = "bank key"
	oldKey  = "old key"
)

// keys are the credentials every node of a test has.
func keys() []facade.Credential {
	return []facade.Credential{
		{Facade: facade.TIMPush, ID: shopID, App: "shop", Secret: shopKey},
		{Facade: facade.TIMPush, ID: bankID, App: "bank", Secret: bankKey, Admins: []string{"root", "ops"}},
		{Facade: facade.TIMPush, ID: oldID, App: "shop", Secret: oldKey, Disabled: true},
		// The same number at another facade opens nothing here.
		{Facade: facade.UMS, ID: "1400000009", App: "shop", Secret: "ums secret"},
	}
}

// start runs a node until the test ends.
func start(t *testing.T) *node {
	t.Helper()
	n := facadetest.Start(t, facadetest.Config{Credentials: keys()})
	n.Serve(New(Config{Desk: n.Desk, Logger: n.Desk.Logger, Started: n.Now()}))
	return &node{n}
}

// do makes a request; query is without its question mark.
func (n *node) do(method, path, query, body string) facadetest.Answer {
	n.T.Helper()
	return n.Call(method, path+"?"+query, strings.NewReader(body))
}

// as is a query with a good UserSig.
func (n *node) as(id, key, identifier string) string {
	return query(id, identifier, sign(claims{identifier: identifier, id: id, at: n.Now().Unix(), expire: 86400}, key))
}

func (n *node) shop() string { return n.as(shopID, shopKey, "administrator") }
func (n *node) bank() string { return n.as(bankID, bankKey, "ops") }

func query(id, identifier, sig string) string {
	return url.Values{"sdkappid": {id}, "identifier": {identifier}, "usersig": {sig}, "random": {"99999999"}, "contenttype": {"json"}}.Encode()
}

const ok = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`

// fails is the answer of a code.
func fails(c code) string {
	return fmt.Sprintf(`{"ActionStatus":"FAIL","ErrorInfo":%q,"ErrorCode":%d}`, infos()[c], c)
}

// expect compares an answer with what it must be, byte for byte.
func (n *node) expect(what string, got facadetest.Answer, body string) {
	n.T.Helper()
	n.Expect(what, got, http.StatusOK, "application/json", body)
}

// record makes a push known under an id of the test's choice.
func (n *node) record(app, push string) {
	n.T.Helper()
	n.Record(app, push, facade.TIMPush)
}
