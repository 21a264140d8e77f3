package ums

import (
	"encoding/base64"
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
	shop = "shopkey:shop master secret"
	bank = "bankkey:bank master secret"
)

// keys are the credentials every node of a test has.
func keys() []facade.Credential {
	return []facade.Credential{
		{Facade: facade.UMS, ID: "shopkey", App: "shop", Secret: "shop master secret"},
		{Facade: facade.UMS, ID: "bankkey", App: "bank", Secret: "bank master secret"},
		{Facade: facade.UMS, ID: "oldkey", App: "shop", Secret: "old master secret", Disabled: true},
		// The same id at another facade opens nothing here.
		{Facade: facade.TIMPush, ID: "14000", App: "shop", Secret: "tim secret"},
	}
}

// start runs a node until the test ends.
func start(t *testing.T) *node {
	t.Helper()
	n := facadetest.Start(t, facadetest.Config{Credentials: keys()})
	n.Serve(New(Config{Desk: n.Desk, Logger: n.Desk.Logger, Started: n.Now()}))
	return &node{n}
}

// basic is the Authorization of a key and its secret.
func basic(as string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(as)) }

// do makes a request; as is the key and its secret, "" for none.
func (n *node) do(method, path, body, as string) facadetest.Answer {
	n.T.Helper()
	var headers []string
	if as != "" {
		headers = []string{"Authorization", basic(as)}
	}
	return n.Call(method, path, strings.NewReader(body), headers...)
}

// expect compares an answer with what it must be, byte for byte.
func (n *node) expect(what string, got facadetest.Answer, status int, body string) {
	n.T.Helper()
	n.Expect(what, got, status, "application/json; charset=utf-8", body)
}
