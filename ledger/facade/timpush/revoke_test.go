package timpush

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// send records a push and returns its TaskId; extra are more fields.
func (n *node) send(query, extra string) string {
	n.T.Helper()
	if extra != "" {
		extra = "," + extra
	}
	a := n.do("POST", "/v4/timpush/push", query, `{"From_Account":"admin","MsgRandom":1,"OfflinePushInfo":{"PushFlag":0,"Title":"Sale","Desc":"1 yuan"}`+extra+`}`)
	var got struct{ TaskID string }
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 200 || got.TaskID == "" {
		n.T.Fatalf("push: %d %s", a.Status, a.Body)
	}
	return got.TaskID
}

// later lets the second of the rate limit pass.
func (n *node) later() { n.Advance(time.Second) }

func body(task, info string) string {
	if info != "" {
		info = `,"OfflinePushInfo":` + info
	}
	return fmt.Sprintf(`{"TaskId":%q%s}`, task, info)
}

const info = `{"PushFlag":0,"Title":"Recall Title","Desc":"The other party has recalled a message"}`

func TestRevokeOfAPush(t *testing.T) {
	n := start(t)
	task := n.send(n.shop(), "")
	n.expect("first", n.do("POST", revokePath, n.shop(), body(task, info)), ok)
	n.expect("at once again", n.do("POST", revokePath, n.shop(), body(task, info)), fails(codeTooOften))
	n.later()
	n.expect("a second later", n.do("POST", revokePath, n.shop(), body(task, info)), fails(codeRepeated))
	n.expect("without OfflinePushInfo", n.do("POST", revokePath, n.shop(), body(task, "")), fails(codeRepeated))
	p := n.Push("shop", task)
	if len(p.Recalls) != 1 || p.Recalls[0].Action != "recall" || p.Recalls[0].By != "timpush/"+shopID {
		t.Errorf("recalls are %+v", p.Recalls)
	}
	s, err := n.Part.Local.State("shop", task, p.Recalls[0].Scope)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Push.Recalls[0].Notice, "Recall Title: The other party has recalled a message"; got != want {
		t.Errorf("notice %q, want %q", got, want)
	}
}

// TestRecordedRevoke sends what a client with the vendor's own UserSig library
// (npm tls-sig-api-v2 1.0.2) sent, byte for byte.
func TestRecordedRevoke(t *testing.T) {
	for _, c := range []struct{ file, action string }{
		{"node_revoke.http", "recall"},         // no content type
		{"node_revoke_null.http", "terminate"}, // null is absent; %2A may stand for an asterisk
	} {
		t.Run(c.file, func(t *testing.T) {
			n := start(t)
			made := time.Unix(1795171059, 0) // as the UserSig says
			n.Set(made.Add(time.Minute))
			const task = "660cc447_537ed82a_200000cd7ee17f5_84035729_bc614e"
			n.record("shop", task)
			raw := facadetest.Must(os.ReadFile("testdata/" + c.file))(t)
			n.expect(c.file, n.Send(raw), ok)
			if r := n.Push("shop", task).Recalls; len(r) != 1 || r[0].Action != c.action {
				t.Errorf("recalls are %+v", r)
			}
		})
	}
}

// TestOfflinePushInfo is the table of the rules that the package comment states.
func TestOfflinePushInfo(t *testing.T) {
	n := start(t)
	for i, c := range []struct{ flag, info, want, action string }{
		{"", "", ok, "terminate"},
		{"", "null", ok, "terminate"},
		{"", `{"PushFlag":1,"Title":"t"}`, ok, "terminate"},
		{"", `{"PushFlag":0,"Title":"t"}`, ok, "recall"},
		{"", `{"PushFlag":null,"Desc":"d","Ext":null}`, ok, "recall"},
		{"", `{}`, ok, "recall"},
		{"", `{"PushFlag":2}`, fails(codeBadJSON), ""},
		{"", `"x"`, fails(codeBadJSON), ""},
		{`"OnlineOnlyFlag":0`, "", fails(codeNoOfflineInfo), ""},
		{`"OnlineOnlyFlag":0`, "null", fails(codeNoOfflineInfo), ""},
		{`"OnlineOnlyFlag":0`, `{"PushFlag":1}`, ok, "terminate"},
		{`"OnlineOnlyFlag":0`, info, ok, "recall"},
		{`"OnlineOnlyFlag":1`, "", ok, "terminate"},
		{`"OnlineOnlyFlag":null`, "", ok, "terminate"},
	} {
		task := n.send(n.shop(), c.flag)
		what := fmt.Sprintf("%d: push %q, recall %q", i, c.flag, c.info)
		n.expect(what, n.do("POST", revokePath, n.shop(), body(task, c.info)), c.want)
		got := ""
		for _, r := range n.Push("shop", task).Recalls {
			got += r.Action
		}
		if got != c.action {
			t.Errorf("%s: action %q, want %q", what, got, c.action)
		}
		n.later()
	}
}

// TestReplacementComesLast: what comes before it in the ledger's order.
func TestReplacementComesLast(t *testing.T) {
	n := start(t)
	task := n.send(n.shop(), `"OnlineOnlyFlag":0`)
	n.expect("recall", n.do("POST", revokePath, n.shop(), body(task, info)), ok)
	n.expect("rate first", n.do("POST", revokePath, n.shop(), body(task, "")), fails(codeTooOften))
	n.later()
	n.expect("repetition first", n.do("POST", revokePath, n.shop(), body(task, "")), fails(codeRepeated))
	n.Advance(ledger.Day)
	n.expect("window first", n.do("POST", revokePath, n.shop(), body(task, "")), fails(codeWindowClosed))
}

func TestRevokeRefusals(t *testing.T) {
	n := start(t)
	n.record("shop", "mine")
	n.record("bank", "theirs")
	for _, c := range []struct {
		what, method, path, body string
		want                     code
	}{
		{"bad JSON", "POST", revokePath, `{"TaskId":`, codeBadJSON},
		{"empty", "POST", revokePath, ``, codeBadJSON},
		{"null", "POST", revokePath, `null`, codeBadJSON},
		{"array", "POST", revokePath, `[]`, codeBadJSON},
		{"text behind", "POST", revokePath, `{"TaskId":"mine"} x`, codeBadJSON},
		{"TaskId is a number", "POST", revokePath, `{"TaskId":5}`, codeBadJSON},
		{"no TaskId", "POST", revokePath, `{}`, codeUnknownTask},
		{"TaskId null", "POST", revokePath, `{"TaskId":null}`, codeUnknownTask},
		{"TaskId empty", "POST", revokePath, `{"TaskId":""}`, codeUnknownTask},
		{"TaskId too long", "POST", revokePath, body(strings.Repeat("x", 129), ""), codeUnknownTask},
		{"TaskId too long, with info", "POST", revokePath, body(strings.Repeat("x", 129), info), codeUnknownTask},
		{"unknown", "POST", revokePath, body("nothing", info), codeUnknownTask},
		{"unknown, no info", "POST", revokePath, body("nothing", ""), codeUnknownTask},
		{"another app's", "POST", revokePath, body("theirs", info), codeUnknownTask},
		{"another app's, no info", "POST", revokePath, body("theirs", ""), codeUnknownTask},
		{"too large", "POST", revokePath, strings.Repeat(" ", MaxRecallBody+1), codeLargeBody},
		{"method", "GET", revokePath, "", codeBadHTTP},
		{"no such call", "POST", "/v4/timpush/get_history", `{}`, codeBadResource},
	} {
		n.expect(c.what, n.do(c.method, c.path, n.shop(), c.body), fails(c.want))
	}
	n.expect("a stranger's", n.do("POST", "/v4/timpush/get_history", n.as(shopID, "x", "administrator"), `{`), fails(codeWrongSignature))
	n.expect("after all that", n.do("POST", revokePath, n.shop(), body("mine", info)), ok)
}

func TestRevokeWindow(t *testing.T) {
	n := start(t)
	early, late := n.send(n.shop(), ""), n.send(n.shop(), `"DataId":"d"`)
	n.Advance(ledger.Day - time.Minute)
	n.expect("a minute before", n.do("POST", revokePath, n.shop(), body(early, info)), ok)
	n.Advance(time.Minute)
	n.expect("a day later", n.do("POST", revokePath, n.shop(), body(late, info)), fails(codeWindowClosed))
}

// TestRevokeRate: one a second for an app, whatever the push; other apps have their own.
func TestRevokeRate(t *testing.T) {
	n := start(t)
	for _, push := range []string{"a", "b"} {
		n.record("shop", push)
		n.record("bank", push)
	}
	n.expect("first", n.do("POST", revokePath, n.shop(), body("a", info)), ok)
	n.expect("second", n.do("POST", revokePath, n.shop(), body("b", info)), fails(codeTooOften))
	n.expect("the bank's", n.do("POST", revokePath, n.bank(), body("a", info)), ok)
	n.later()
	n.expect("a second later", n.do("POST", revokePath, n.shop(), body("b", info)), ok)
}

func TestRevokeOnce(t *testing.T) {
	n := start(t)
	task := n.send(n.bank(), "")
	var all sync.WaitGroup
	got := make(chan string, 32)
	as := n.bank()
	for range cap(got) {
		all.Go(func() { got <- n.do("POST", revokePath, as, body(task, info)).Body })
	}
	all.Wait()
	close(got)
	count := map[string]int{}
	for g := range got {
		count[g]++
	}
	if count[ok] != 1 || count[ok]+count[fails(codeTooOften)]+count[fails(codeRepeated)] != 32 {
		t.Errorf("answers are %v", count)
	}
}

func TestOurFault(t *testing.T) {
	n := startCalled(t)
	n.record("shop", "known")
	n.StopCommitter()
	n.expect("push", n.do("POST", "/v4/timpush/push", n.shop(), `{"From_Account":"a","MsgRandom":1,"OfflinePushInfo":{}}`), fails(codeInternal))
	a := n.do("POST", "/callbacks/timpush", callbackQuery(shopID, shopToken), eventList(`{"EventType":2,"TaskId":"known","To_Account":"u","PushStage":1}`))
	if a.Status != 503 || a.Body != fails(codeCallback) {
		t.Errorf("callback: %d %s", a.Status, a.Body)
	}
	n.CloseLog()
	n.expect("revoke", n.do("POST", revokePath, n.shop(), body("known", info)), fails(codeInternal))
	n.expect("revoke", n.do("POST", revokePath, n.shop(), body("known", "")), fails(codeInternal))
}

// TestPanic: even a fault of the program is answered in the vendor's form.
func TestPanic(t *testing.T) {
	w := httptest.NewRecorder()
	New(Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v4/timpush/push?"+query(shopID, "a", sign(claims{id: shopID}, "")), nil).WithContext(context.Background()))
	if got := w.Body.String(); w.Code != 200 || got != fails(codeBadUserSig) {
		t.Errorf("got %d %s", w.Code, got)
	}
	w = httptest.NewRecorder()
	New(Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v4/timpush/push?"+query(shopID, "a", sign(claims{identifier: "a", id: shopID}, "")), nil))
	if got := w.Body.String(); w.Code != 200 || got != fails(codeInternal) {
		t.Errorf("got %d %s", w.Code, got)
	}
}
