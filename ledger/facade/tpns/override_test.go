package tpns

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// overriding is the body of an override of a push to all devices.
func overriding(collapse uint32, extra string) string {
	return fmt.Sprintf(`{"audience_type":"all","message_type":"notify","message":{"title":"Sorry","content":"5 %% off"},"collapse_id":%d%s}`, collapse, extra)
}

func TestOverride(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", `,"platform":"android","expire_time":86400,"group_id":"g"`)
	n.Fact("shop", push, events.DisplayShown, "xiaomi", "a")
	collapse := n.recordOf(shop(), push).CollapseID
	if collapse == 0 || n.Push("shop", push).Created.Labels[labelCollapse] != fmt.Sprint(collapse) {
		t.Fatalf("collapse_id %d of push %s with labels %v", collapse, push, n.Push("shop", push).Created.Labels)
	}
	// It is nobody else's.
	n.expect(codeUnknown, appPath, overriding(collapse, ""), bank())
	n.expect(codeUnknown, appPath, overriding(collapse^1, ""), shop())

	var a pushAnswer
	answer := n.expect(codeOK, appPath, overriding(collapse, `,"platform":"android","force_collapse":true,"seq":3`), shop())
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.PushID == "" || a.PushID == push || a.Seq != 3 {
		t.Fatalf("answered %s", answer)
	}
	if got, want := n.recordOf(shop(), push).Status, "PUSH_COLLAPSED"; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	r := n.Push("shop", push).Recalls
	if len(r) != 1 || r[0].Replaces == nil || *r[0].Replaces != (events.Replacement{Push: a.PushID, Title: "Sorry", Body: "5 % off", Force: true}) {
		t.Fatalf("the recalls are %+v", r)
	}
	// The new push has a record, with what only the first one says.
	got := n.recordOf(shop(), a.PushID)
	if got.Title != "Sorry" || got.PushType != "all" || got.GroupID != "g" || got.ExpireTime != 86400 || got.CollapseID == 0 || got.CollapseID == collapse {
		t.Errorf("the record is %+v", got)
	}
	// A repetition is refused and names the collapse_id of the one that won.
	again := n.expect(codeInvalid, appPath, overriding(collapse, ""), shop())
	if !strings.Contains(again, fmt.Sprintf("push %s, which has collapse_id %d", a.PushID, got.CollapseID)) {
		t.Errorf("the repetition answers %s", again)
	}
	// The correction is corrected, and still knows what it is.
	n.expect(codeInvalid, appPath, overriding(got.CollapseID, `,"platform":"ios","environment":"dev"`), shop())
	n.expect(codeOK, appPath, overriding(got.CollapseID, ""), shop())
}

// An override must not reach more, or earlier, than was asked for (L9).
func TestOverrideDoesNotWiden(t *testing.T) {
	n := start(t)
	all := collapseOf(n.send(shop(), "all", ""), n.Now())
	tag := collapseOf(n.send(shop(), "tag", `,"tag_list":{"tags":["b","a"],"op":"OR"}`), n.Now())
	pack := collapseOf(n.send(shop(), "package_account_push", `,"upload_id":7`), n.Now())
	accounts := collapseOf(n.send(shop(), "account_list", `,"account_list":["one","two"]`), n.Now())
	rules := `"tag_rules":[{"tag_items":[{"tags":["a","b"],"tags_operator":"OR"}],"is_not":false}]`
	ruled := collapseOf(n.send(shop(), "tag", ","+rules), n.Now())
	later := n.Now().Add(time.Hour).In(beijing).Format(time.DateTime)
	body := func(collapse uint32, audience, extra string) string {
		return fmt.Sprintf(`{"audience_type":"%s","message_type":"notify","message":{"title":"t"},"collapse_id":%d%s}`, audience, collapse, extra)
	}
	for _, tt := range []struct {
		body string
		want int
	}{
		{body(all, "tag", `,"tag_list":{"tags":["a"],"op":"OR"}`), codeInvalid},
		{body(all, "token", `,"token_list":["t"]`), codeInvalid},
		{body(all, "token_list", `,"token_list":["t"]`), codeInvalid},
		{body(all, "account", `,"account_list":["one"]`), codeInvalid},
		{body(tag, "tag", `,"tag_list":{"tags":["a"],"op":"OR"}`), codeInvalid},
		{body(tag, "tag", `,"tag_list":{"tags":["a","b"],"op":"AND"}`), codeInvalid},
		{body(tag, "tag", ","+rules), codeInvalid},
		{body(tag, "all", ""), codeInvalid},
		{body(pack, "package_account_push", `,"upload_id":8`), codeInvalid},
		{body(pack, "package_token_push", `,"upload_id":7`), codeInvalid},
		{body(accounts, "account_list", `,"account_list":["one"]`), codeInvalid},
		{body(all, "all", `,"send_time":"`+later+`"`), codeInvalid},
		{body(all, "all", `,"loop_param":{"loopType":1}`), codeInvalid},
		{body(all, "all", `,"channel_rules":[{"channel":"hw","disable":true}]`), codeInvalid},
		{`{"audience_type":"all","message_type":"notify","message":{"android":{"ring":1}},"collapse_id":` + fmt.Sprint(all) + `}`, codeMissing},
		{`{"audience_type":"all","message_type":"notify","message":{"title":"t"},"collapse_id":-1}`, codeInvalid},
		{`{"audience_type":"all","message_type":"notify","message":{"title":"t"},"collapse_id":4294967296}`, codeInvalid},
		// The sample of the vendor's page is not JSON.
		{`{"audience_type":"all","message_type":"notify","message":{"title":"t"},"collapse_id": 0001}`, codeParse},
		{`{"audience_type":"all","message_type":"notify","message":{"title":"t"},"collapse_id":"0001"}`, codeUnknown},

		{body(all, "all", `,"send_time":"","loop_param":null,"channel_rules":[{"channel":"hw","disable":false}]`), codeOK},
		{body(tag, "tag", `,"tag_list":{"tags":["a","b"],"op":"or"}`), codeOK},
		{body(pack, "package_account_push", `,"upload_id":"7"`), codeOK},
		{body(accounts, "account_list", `,"account_list":["two","one"]`), codeOK},
		{body(ruled, "tag", ", "+strings.ReplaceAll(rules, ",", ", ")), codeOK},
	} {
		n.expect(tt.want, appPath, tt.body, shop())
	}
}

// iOS cannot be stopped, but it can be overridden, also where the vendor's
// channels have nobody yet.
func TestOverrideOfIOS(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", `,"platform":"ios","environment":"product"`)
	n.expect(codeOK, appPath, overriding(collapseOf(push, n.Now()), `,"platform":"ios","environment":"product"`), shop())
	next := n.Push("shop", push).Recalls[0].Replaces.Push
	n.expect(codeInvalid, stopPath, byID(next), shop())
}

func TestOneOfManyOverridesIsAccepted(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	var done atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			switch got := code(t, appPath, n.post(appPath, overriding(collapseOf(push, n.Now()), ""), shop())); got {
			case codeOK:
				done.Add(1)
			case codeInvalid:
			default:
				t.Errorf("answered %d", got)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 {
		t.Errorf("%d of 32 overrides were accepted", done.Load())
	}
}

// A push that starts as late as it may and is overridden as late as it may is
// found, in the period after the one in which it was made.
func TestCollapseIDOutlivesItsPeriod(t *testing.T) {
	n := start(t)
	at := n.Now().Add(maxAhead - time.Minute)
	push := n.send(shop(), "all", `,"send_time":"`+at.In(beijing).Format(time.DateTime)+`"`)
	collapse := collapseOf(push, n.Now())
	n.Advance(maxAhead + maxExpire - 2*time.Minute)
	if periods(n.Now())[1] != periods(at.Add(-maxAhead))[0] && periods(n.Now())[0] != periods(at.Add(-maxAhead))[0] {
		t.Fatal("more than one period passed")
	}
	n.expect(codeOK, appPath, overriding(collapse, ""), shop())
	if got := n.recordOf(shop(), push); got.Status != "PUSH_COLLAPSED" || got.CollapseID != collapse {
		t.Errorf("the record is %+v", got)
	}
}

func TestCollapseOf(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	no := periods(now)[0]
	for push, want := range map[string]uint32{
		pushNumber(no, 1): 1, pushNumber(no, math.MaxUint32): math.MaxUint32, pushNumber(no-1, 7): 7,
		pushNumber(no+1, 7): 0, "7": 0, "-7": 0, "": 0, "x": 0, "0" + pushNumber(no, 1): 0, "+" + pushNumber(no, 1): 0,
		"1877700000000000000": 0, "99999999999999999999": 0, // the ledger's own numbers, and none
	} {
		if got := collapseOf(push, now); got != want {
			t.Errorf("collapseOf(%q) = %d, want %d", push, got, want)
		}
	}
}
