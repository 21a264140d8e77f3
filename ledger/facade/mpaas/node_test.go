package mpaas

import (
	"encoding/json"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of the tests: two of one app, one of another, one disabled.
const (
	keyShop, keyOther, keyOff = "testid", "otherid", "offid"
	secret                    = "testsecret"
	appShop, appOther         = "shop", "other"
)

// node is the facade on a whole ledger.
type node struct {
	*facadetest.Node
	handler *Handler
}

// start runs a node until the test ends. change may alter the handler's
// configuration, ahead sets the clock.
func start(t *testing.T, ahead time.Duration, change ...func(*Config)) *node {
	t.Helper()
	n := &node{Node: facadetest.Start(t, facadetest.Config{Credentials: []facade.Credential{
		{Facade: facade.MPaaS, ID: keyShop, App: appShop, Secret: secret},
		{Facade: facade.MPaaS, ID: keyOther, App: appOther, Secret: secret},
		{Facade: facade.MPaaS, ID: keyOff, App: appShop, Secret: secret, Disabled: true},
	}})}
	n.Advance(ahead)
	c := Config{Desk: n.Desk, Logger: n.Desk.Logger, Started: n.Now(), Templates: templates}
	for _, f := range change {
		f(&c)
	}
	n.handler = New(c)
	n.Serve(n.handler)
	return n
}

func templates(app, name string) (Template, bool) {
	if app != appShop || name != "Test template" {
		return Template{}, false
	}
	return Template{Title: "For #name#", Content: "#name# won #money# yuan, #1 of many"}, true
}

// answered is what came back of a request.
type answered struct {
	facadetest.Answer
	fields answerFields
}

// answerFields are the fields that any answer may have, as clients read them.
type answerFields struct {
	RequestID     string `json:"RequestId"`
	HostID        string `json:"HostId"`
	Code          string
	Message       string
	ResultCode    string
	ResultMessage string
	PushResult    struct {
		Success   bool
		ResultMsg string
		Data      string
	}
	ResultContent json.RawMessage
}

// read reads an answer, which must be JSON and have a RequestId.
func (n *node) read(from facadetest.Answer) answered {
	n.T.Helper()
	a := answered{Answer: from}
	if got := a.Header.Get("Content-Type"); got != "application/json;charset=utf-8" {
		n.T.Errorf("content type %q", got)
	}
	if err := json.Unmarshal([]byte(a.Body), &a.fields); err != nil {
		n.T.Fatalf("the answer is not JSON: %v: %s", err, a.Body)
	}
	if a.fields.RequestID == "" {
		n.T.Errorf("the answer has no RequestId: %s", a.Body)
	}
	return a
}

// shown stores that a push was shown to devices.
func (n *node) shown(push string, devices ...string) {
	n.T.Helper()
	n.Fact(appShop, push, events.DisplayShown, "apns", devices...)
}
