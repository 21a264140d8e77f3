package tpns

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys of the tests: two apps and a disabled key of the first.
const (
	shopID, shopSecret = "1500001048", "1452fcebae9f3115ba794fb0fff2fd73"
	bankID, bankSecret = "1500001049", "a secret of the bank's"
	offID, offSecret   = "1500001050", "a secret of a disabled key"
)

// node is the facade on a whole ledger.
type node struct {
	*facadetest.Node
	handler *Handler
}

// start runs a node until the test ends.
func start(t *testing.T) *node {
	t.Helper()
	n := &node{Node: facadetest.Start(t, facadetest.Config{Credentials: []facade.Credential{
		{Facade: facade.TPNS, ID: shopID, App: "shop", Secret: shopSecret},
		{Facade: facade.TPNS, ID: bankID, App: "bank", Secret: bankSecret},
		{Facade: facade.TPNS, ID: offID, App: "shop", Secret: offSecret, Disabled: true},
		{Facade: facade.UMS, ID: "1500001051", App: "shop", Secret: shopSecret},
	}})}
	// Sign has whole seconds: a node that started within this one takes no
	// signature of it.
	n.handler = New(Config{Desk: n.Desk, Logger: n.Desk.Logger, Started: time.Now().Add(-time.Hour)})
	n.Serve(n.handler)
	return n
}

// startedAt replaces the handler by one that started at a time.
func (n *node) startedAt(at time.Time) {
	n.handler = New(Config{Desk: n.Desk, Started: at})
	n.HTTP.Config.Handler = n.handler
}

// header is a pair of name and value.
type header [2]string

func basicHeader(id, secret string) header {
	return header{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}
}

// signHeaders signs a body as a client does.
func signHeaders(id, secret string, at time.Time, body string) []header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return []header{
		{"AccessId", id}, {"TimeStamp", stamp},
		{"Sign", base64.StdEncoding.EncodeToString(sign(secret, stamp, id, []byte(body)))},
	}
}

// shop and bank are the Basic credentials of the apps.
func shop() header { return basicHeader(shopID, shopSecret) }
func bank() header { return basicHeader(bankID, bankSecret) }

// do makes a request and returns the answer, which must be HTTP 200 and JSON.
func (n *node) do(method, path string, body io.Reader, headers ...header) string {
	n.T.Helper()
	var pairs []string
	for _, h := range headers {
		pairs = append(pairs, h[0], h[1])
	}
	a := n.Call(method, path, body, pairs...)
	if kind := a.Header.Get("Content-Type"); a.Status != http.StatusOK || kind != "application/json" {
		n.T.Fatalf("%s answered %d as %q: %s", path, a.Status, kind, a.Body)
	}
	return a.Body
}

func (n *node) post(path, body string, headers ...header) string {
	n.T.Helper()
	return n.do(http.MethodPost, path, strings.NewReader(body), headers...)
}

// answered are the fields of any answer.
type answered struct {
	RetCode *int    `json:"ret_code"`
	ErrMsg  *string `json:"err_msg"`
	Code    *int    `json:"retCode"`
	Message *string `json:"errMsg"`
	PushID  string  `json:"push_id"`
}

// code returns the code of an answer and checks its names.
func code(t testing.TB, path, answer string) int {
	t.Helper()
	var a answered
	if err := json.Unmarshal([]byte(answer), &a); err != nil {
		t.Fatalf("%s answered %s: %v", path, answer, err)
	}
	snakes, camels := path == "/v3/push/app", strings.HasPrefix(path, "/v3/statistics/get_")
	if snakes == (a.Code != nil) || camels == (a.RetCode != nil) || (a.Code == nil) != (a.Message == nil) {
		t.Fatalf("%s answered under wrong names: %s", path, answer)
	}
	if a.RetCode == nil {
		return *a.Code
	}
	if a.Code != nil && *a.Code != *a.RetCode {
		t.Fatalf("%s answered two codes: %s", path, answer)
	}
	if *a.RetCode != 0 && (a.ErrMsg == nil || *a.ErrMsg == "") {
		t.Fatalf("%s answered no text: %s", path, answer)
	}
	return *a.RetCode
}

// expect posts and checks the code.
func (n *node) expect(want int, path, body string, headers ...header) string {
	n.T.Helper()
	answer := n.post(path, body, headers...)
	if got := code(n.T, path, answer); got != want {
		n.T.Errorf("%s with %.200s answered %s, want code %d", path, body, answer, want)
	}
	return answer
}

// send records a push and returns its id; extra are more fields.
func (n *node) send(by header, audience, extra string) string {
	n.T.Helper()
	body := `{"audience_type":"` + audience + `","message_type":"notify","message":{"title":"Sale","content":"50 % off","android":{"ring":1}}` + extra + `}`
	var a answered
	answer := n.post("/v3/push/app", body, by)
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.RetCode == nil || *a.RetCode != 0 || a.PushID == "" {
		n.T.Fatalf("%s answered %s", body, answer)
	}
	return a.PushID
}

// byID names a push.
func byID(push string) string { return `{"pushid":"` + push + `"}` }

// recordOf asks for the record of a push.
func (n *node) recordOf(by header, push string) pushRecord {
	n.T.Helper()
	var a recordAnswer
	answer := n.expect(codeOK, "/v3/statistics/get_push_record", `{"pushId":"`+push+`"}`, by)
	if err := json.Unmarshal([]byte(answer), &a); err != nil || len(a.Records) != 1 {
		n.T.Fatalf("the record of %s is %s", push, answer)
	}
	return a.Records[0]
}
