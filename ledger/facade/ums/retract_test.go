package ums

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

const (
	success       = `{"code":0,"message":"success"}`
	already       = `{"code":1015055,"message":"消息已经被撤回"}`
	unknown       = `{"code":4004,"message":"msgid is unknown"}`
	unauthorized  = `{"code":4005,"message":"auth failed"}`
	theMsgID      = "v:1t:1603707455p:27133n:2"
	theRetraction = "/v1/retract/" + theMsgID
)

// send sends a message and returns its msgid.
func (n *node) send(as string) string {
	n.T.Helper()
	a := n.do("POST", "/v1/sent", `{"aud_userid":["u1"],"msg_app":[{"notification":{"alert":"wrong price"}}]}`, as)
	var got struct{ MsgID string }
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 200 || got.MsgID == "" {
		n.T.Fatalf("send: %d %s", a.Status, a.Body)
	}
	return got.MsgID
}

func TestRetractOfASentMessage(t *testing.T) {
	n := start(t)
	path := "/v1/retract/" + n.send(shop)
	n.expect("first", n.do("POST", path, "null", shop), 200, success)
	n.expect("repeat", n.do("POST", path, "null", shop), 400, already)
}

// TestRecordedRetract sends what a public client sends, byte for byte.
func TestRecordedRetract(t *testing.T) {
	n := start(t)
	n.Record("shop", theMsgID, facade.UMS)
	head := "POST " + theRetraction + " HTTP/1.1\r\nHost: api.ums.jiguang.cn\r\nUser-Agent: Go-http-client/1.1\r\n" +
		"Authorization: " + basic(shop) + "\r\n"
	for i, raw := range []string{
		head + "Content-Length: 4\r\nContent-Type: application/json;charset=UTF-8\r\nAccept-Encoding: gzip\r\n\r\nnull",
		// The same in chunks and without a type.
		head + "Transfer-Encoding: chunked\r\n\r\n4\r\nnull\r\n0\r\n\r\n",
		// The same with the colons escaped is the same message.
		strings.Replace(head, theMsgID, strings.ReplaceAll(theMsgID, ":", "%3A"), 1) + "Content-Length: 0\r\n\r\n",
	} {
		want, status := success, 200
		if i > 0 {
			want, status = already, 400
		}
		n.expect(fmt.Sprint("request ", i), n.Send([]byte(raw)), status, want)
	}
	r := n.Push("shop", theMsgID).Recalls
	if len(r) != 1 || r[0].Action != "recall" || r[0].By != "ums/shopkey" {
		t.Errorf("recalls are %+v", r)
	}
}

func TestRetractRefusals(t *testing.T) {
	n := start(t)
	n.Record("shop", "mine", facade.UMS)
	n.Record("bank", "theirs", facade.UMS)
	for _, c := range []struct {
		what, method, path, body, as string
		status                       int
		want                         string
	}{
		{"unknown", "POST", "/v1/retract/nothing", "null", shop, 400, unknown},
		{"another app's", "POST", "/v1/retract/theirs", "null", shop, 400, unknown},
		{"no id", "POST", "/v1/retract/", "null", shop, 400, unknown},
		{"id too long", "POST", "/v1/retract/" + strings.Repeat("x", 129), "null", shop, 400, unknown},
		{"id with a control character", "POST", "/v1/retract/a%00b", "null", shop, 400, unknown},
		{"a path below the id", "POST", "/v1/retract/mine/more", "null", shop, 400, unknown},
		{"dots are no path", "POST", "/v1/retract/x/../mine", "null", shop, 400, unknown},
		{"conditions nobody reads", "POST", "/v1/retract/mine", `{"aud_userid":["u1"]}`, shop, 400,
			`{"code":4004,"message":"a retract takes no parameters beside the msgid"}`},
		{"bad JSON", "POST", "/v1/retract/mine", `{`, shop, 400, `{"code":4004,"message":"a retract takes no parameters beside the msgid"}`},
		{"method", "GET", "/v1/retract/mine", "", shop, 400, `{"code":4004,"message":"the method must be POST"}`},
		{"too large", "POST", "/v1/retract/mine", strings.Repeat(" ", MaxRecallBody+1), shop, 400,
			`{"code":4004,"message":"the body is longer than 65536 bytes"}`},
		{"no credential", "POST", "/v1/retract/mine", "null", "", 401, unauthorized},
		{"wrong secret", "POST", "/v1/retract/mine", "null", "shopkey:wrong", 401, unauthorized},
		{"no secret", "POST", "/v1/retract/mine", "null", "shopkey:", 401, unauthorized},
		{"unknown key", "POST", "/v1/retract/mine", "null", "nokey:shop master secret", 401, unauthorized},
		{"another facade's key", "POST", "/v1/retract/mine", "null", "14000:tim secret", 401, unauthorized},
		{"disabled key", "POST", "/v1/retract/mine", "null", "oldkey:old master secret", 403, `{"code":1015005,"message":"channel closed"}`},
		{"disabled key, wrong secret", "POST", "/v1/retract/mine", "null", "oldkey:wrong", 401, unauthorized},
		{"a stranger's too large body", "POST", "/v1/retract/mine", strings.Repeat(" ", MaxRecallBody+1), "", 401, unauthorized},
		{"after all that", "POST", "/v1/retract/mine", "", shop, 200, success},
	} {
		n.expect(c.what, n.do(c.method, c.path, c.body, c.as), c.status, c.want)
	}
	if log := n.Logged(); strings.Contains(log, "master secret") || strings.Contains(log, "nokey") || strings.Contains(log, "wrong") {
		t.Errorf("the log tells what was sent: %s", log)
	}
}

func TestRetractWindow(t *testing.T) {
	n := start(t)
	n.Record("shop", "old", facade.UMS)
	n.Record("shop", "new", facade.UMS)
	n.Advance(ledger.Day - time.Minute)
	n.expect("a minute before", n.do("POST", "/v1/retract/new", "null", shop), 200, success)
	n.Advance(time.Minute)
	n.expect("a day later", n.do("POST", "/v1/retract/old", "null", shop), 400, `{"code":4004,"message":"msgid is older than 24 hours"}`)
}

// TestRetractTooOften: the profile of UMS states no rate, that of TIMPush does.
func TestRetractTooOften(t *testing.T) {
	n := start(t)
	n.Record("shop", "a", facade.TIMPush)
	n.Record("shop", "b", facade.TIMPush)
	n.expect("first", n.do("POST", "/v1/retract/a", "null", shop), 200, success)
	n.expect("at once", n.do("POST", "/v1/retract/b", "null", shop), 400, `{"code":1015030,"message":"api rate limit exceeded"}`)
}

func TestRetractOnce(t *testing.T) {
	n := start(t)
	path := "/v1/retract/" + n.send(bank)
	var all sync.WaitGroup
	got := make(chan string, 32)
	for range cap(got) {
		all.Go(func() {
			a := n.do("POST", path, "null", bank)
			got <- fmt.Sprint(a.Status, a.Body)
		})
	}
	all.Wait()
	close(got)
	count := map[string]int{}
	for g := range got {
		count[g]++
	}
	if count["200"+success] != 1 || count["400"+already] != 31 {
		t.Errorf("answers are %v", count)
	}
}

func TestOurFault(t *testing.T) {
	n := start(t)
	n.Record("shop", "known", facade.UMS)
	n.StopCommitter()
	const internal = `{"code":5000,"message":"server error"}`
	n.expect("send", n.do("POST", "/v1/broadcast", `{"msg_app":[{"message":{}}]}`, shop), 500, internal)
	n.expect("callback", n.do("POST", "/callbacks/ums", `[{"type":4,"msgid":"m","sender":5,"userid":"u"}]`, shop), 500, internal)
	n.CloseLog()
	n.expect("retract", n.do("POST", "/v1/retract/known", "null", shop), 500, internal)
	if log := n.Logged(); !strings.Contains(log, "a request failed") {
		t.Errorf("the log does not tell of it: %s", log)
	}
}

// TestPanic: even a fault of the program is answered in the vendor's form.
func TestPanic(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/v1/sent", nil)
	r.SetBasicAuth("shopkey", "shop master secret")
	New(Config{}).ServeHTTP(w, r)
	if got := w.Body.String(); w.Code != 500 || got != `{"code":5000,"message":"server error"}` {
		t.Errorf("got %d %s", w.Code, got)
	}
}
