package tpns

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

const tokenPath = "/v3/toolbox/getPushListByToken"

// listed asks for the pushes of a token.
func (n *node) listed(want int, body string, by header) []pushTask {
	n.T.Helper()
	var a recordAnswer
	answer := n.post(tokenPath, body, by)
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.RetCode != want || (want == codeOK) != (a.Tasks != nil) {
		n.T.Fatalf("%s answered %s, want code %d", body, answer, want)
	}
	return a.Tasks
}

func TestPushListByToken(t *testing.T) {
	n := start(t)
	// What happens here must lie in the past, since the log's time bounds it, and on
	// one day of Beijing's.
	at := n.Now().In(beijing).Add(-time.Minute)
	if at.Day() != at.Add(time.Minute).Day() {
		at = at.Add(-time.Minute)
	}
	n.Set(at)
	const body = `{"token":"t1"}`
	if got := n.listed(codeOK, body, shop()); len(got) != 0 {
		t.Errorf("a token without pushes has %+v", got)
	}
	tag := n.send(shop(), "tag", `,"tag_list":{"tags":["a"],"op":"OR"}`)
	n.Fact("shop", tag, events.PushSent, "xiaomi", "t1", "t2")
	n.Fact("shop", tag, events.ClickClicked, "xiaomi", "t1")
	n.Advance(10 * time.Second)
	all := n.send(shop(), "all", "")
	n.Fact("shop", all, events.PushSent, "xiaomi", "t1")
	n.Fact("shop", all, events.PushSent, "selfbuilt", "t1")
	// Not of this facade, of another token, of another app.
	n.Record("shop", "12345", "ums")
	n.Fact("shop", "12345", events.PushSent, "jpush", "t1")
	n.Fact("shop", n.send(shop(), "all", ""), events.PushSent, "xiaomi", "t2")
	n.Fact("bank", n.send(bank(), "all", ""), events.PushSent, "xiaomi", "t1")

	got := n.listed(codeOK, body, shop())
	var ids []string
	for _, task := range got {
		ids = append(ids, fmt.Sprint(task.PushID, task.TargetType))
	}
	if want := tag + "TAG_PUSH " + all; strings.Join(ids, " ") != want || got[1].PushTime-got[0].PushTime != 10 {
		t.Errorf("t1 has %+v, want %s", got, want)
	}
	if got := n.listed(codeOK, body, bank()); len(got) != 1 {
		t.Errorf("the bank's t1 has %+v", got)
	}
	n.Advance(24 * time.Hour)
	if got := n.listed(codeOK, body, shop()); len(got) != 0 {
		t.Errorf("on the next day t1 has %+v", got)
	}
}

func TestPushListByTokenRefusals(t *testing.T) {
	n := start(t)
	for body, code := range map[string]int{
		`{}`: codeMissing, `{"token":null}`: codeMissing, `{"token":["t"]}`: codeParse, `[]`: codeParse,
		`{"token":"` + strings.Repeat("t", events.MaxDevice+1) + `"}`: codeToken,
	} {
		n.listed(code, body, shop())
	}
	n.listed(codeAuth, `{"token":"t"}`, basicHeader(shopID, "wrong"))
}
