package tpns

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// newest returns the app's newest push.
func (n *node) newest(app string) string {
	n.T.Helper()
	n.Find(app, "0") // waits for the log's end
	list, _, err := n.Part.Local.Pushes(app, projections.Page{Limit: 1}, n.Now())
	if err != nil || len(list) != 1 {
		n.T.Fatalf("the newest push of %s: %v, %v", app, list, err)
	}
	return list[0].Push
}

func TestRecordByID(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "tag", `,"tag_list":{"tags":["test68","b"],"op":"OR"},"expire_time":86400,"multi_pkg":true,"environment":"dev","upload_id":9`)
	at := n.Push("shop", push).Start.In(beijing)
	got := n.expect(codeOK, recordPath, `{"pushId":"`+push+`"}`, shop())
	want := fmt.Sprintf(`{"retCode":0,"errMsg":"NO_ERROR","pushRecordData":[{"date":%q,"pushId":%q,"title":"Sale","content":"50 %% off","status":"PUSH_STARTED",`+
		`"pushType":"tag","targetList":null,"tagSet":{"op":"OR","tagWithType":[{"tagTypeName":"xg_user_define","tagValue":"b"},{"tagTypeName":"xg_user_define","tagValue":"test68"}]},`+
		`"uploadId":9,"groupId":"tpns_%s","expireTime":86400,"messageType":"notify","xgMediaResources":"","environment":"dev","collapseID":%d,`+
		`"pushConfig":{"android":null,"ios":null},"multiPkg":true,"source":"api"}]}`,
		at.Format(time.DateTime), push, at.Format("20060102"), collapseOf(push, n.Now()))
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	n.expect(codeUnknown, recordPath, `{"pushId":"`+push+`"}`, bank())
	n.expect(codeUnknown, statPath, `{"pushId":"`+push+`"}`, bank())

	// What nobody got has failed; what came in another way has a record too.
	n.Fact("shop", push, events.PushFailed, "huawei", "a")
	if got, want := n.recordOf(shop(), push).Status, "PUSH_FAILED"; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	n.Fact("shop", "native", events.PushSent, "huawei", "a")
	if got := n.recordOf(shop(), "native"); got.Status != "PUSH_FINISHED" || got.CollapseID != 0 {
		t.Errorf("the record is %+v", got)
	}
}

func TestRecordsOfATime(t *testing.T) {
	n := start(t)
	today := n.Now().In(beijing).Format(time.DateOnly)
	n.Fact("shop", "native", events.PushSent, "huawei", "a")
	n.send(bank(), "all", "")
	pushes := []string{
		n.send(shop(), "all", ""), n.send(shop(), "token", `,"token_list":["t"]`), n.send(shop(), "token_list", `,"token_list":["t"]`),
		n.send(shop(), "account", `,"account_list":["a"]`), n.send(shop(), "account_list", `,"account_list":["a"]`),
	}
	n.expect(codeOK, appPath, `{"audience_type":"all","message_type":"message","message":{"content":"silent"}}`, shop())
	pushes = append(pushes, n.newest("shop"))
	later := n.Now().Add(48 * time.Hour)
	n.send(shop(), "all", `,"send_time":"`+later.In(beijing).Format(time.DateTime)+`"`)
	for _, tt := range []struct {
		extra string
		count int
		want  []int
	}{
		{"", 6, []int{5, 4, 3, 2, 1, 0}},
		{`,"limit":2`, 6, []int{5, 4}},
		{`,"limit":2,"offset":3`, 6, []int{2, 1}},
		{`,"offset":6`, 6, nil},
		{`,"limit":1000,"msgType":"","pushType":""`, 6, []int{5, 4, 3, 2, 1, 0}},
		{`,"msgType":"message"`, 1, []int{5}},
		{`,"pushType":"all","msgType":"notify"`, 1, []int{0}},
		{`,"pushType":"token"`, 2, []int{2, 1}},
		{`,"pushType":"account"`, 2, []int{4, 3}},
		{`,"pushType":"tag"`, 0, nil},
	} {
		answer := n.expect(codeOK, recordPath, `{"startDate":"`+today+`","endDate":"`+n.Now().In(beijing).Format(time.DateOnly)+`"`+tt.extra+`}`, shop())
		var a recordAnswer
		if err := json.Unmarshal([]byte(answer), &a); err != nil || a.Count == nil || *a.Count != tt.count || len(a.Records) != len(tt.want) {
			t.Errorf("with %s answered %s", tt.extra, answer)
			continue
		}
		for i, at := range tt.want {
			if a.Records[i].PushID != pushes[at] {
				t.Errorf("with %s record %d is %s, want %s", tt.extra, i, a.Records[i].PushID, pushes[at])
			}
		}
	}
	day := later.In(beijing).Format(time.DateOnly)
	if got := n.expect(codeOK, recordPath, `{"startDate":"`+day+`","endDate":"`+day+`"}`, shop()); !strings.Contains(got, `"count":1,`) {
		t.Errorf("answered %s", got)
	}
	for body, want := range map[string]int{
		`{"startDate":"2026-11-20"}`:                                    codeMissing,
		`{"endDate":"2026-11-20"}`:                                      codeMissing,
		`{"startDate":"20261120","endDate":"20261120"}`:                 codeDate,
		`{"startDate":"2026-11-20","endDate":"2026-11-19"}`:             codeDate,
		`{"startDate":"2026-11-20","endDate":"2026-11-20","limit":-1}`:  codeInvalid,
		`{"startDate":"2026-11-20","endDate":"2026-11-20","limit":"x"}`: codeParse,
	} {
		n.expect(want, recordPath, body, shop())
	}
}

func TestStatistics(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	n.Fact("shop", push, events.PushSent, "selfbuilt", "a", "b", "c", "d")
	n.Fact("shop", push, events.PushFailed, "selfbuilt", "e")
	n.Fact("shop", push, events.DeliveryDelivered, "selfbuilt", "a", "b", "c")
	n.Fact("shop", push, events.DisplayShown, "selfbuilt", "a", "b")
	n.Fact("shop", push, events.ClickClicked, "selfbuilt", "a")
	n.Fact("shop", push, events.DisplayCleared, "selfbuilt", "b")
	n.Fact("shop", push, events.PushSent, "huawei", "f", "g")
	n.Fact("shop", push, events.PushSent, "huawei-emui9", "h")
	n.Fact("shop", push, events.DeliveryDelivered, "huawei-emui9", "h")
	n.Fact("shop", push, events.DisplayShown, "honor", "i")
	var a recordAnswer
	answer := n.expect(codeOK, statPath, `{"pushId":"`+push+`"}`, shop())
	if err := json.Unmarshal([]byte(answer), &a); err != nil || a.ErrMsg != noError {
		t.Fatalf("answered %s", answer)
	}
	got := map[string]pushState{}
	for _, s := range a.Stats {
		got[s.Channel] = s.State
	}
	want := map[string]pushState{
		"xg":    {Active: 5, Online: 4, Verify: 3, Callback: 0, Arrival: 3, Shown: 2, Clicked: 1, Cleared: 1},
		"hw":    {Active: 3, Online: 3, Verify: 3, Callback: 1, Arrival: 1},
		"honor": {Active: 1, Online: 1, Verify: 1, Callback: 1, Arrival: 1, Shown: 1},
		"all":   {Active: 9, Online: 8, Verify: 7, Callback: 2, Arrival: 5, Shown: 3, Clicked: 1, Cleared: 1},
	}
	if !reflect.DeepEqual(got, want) || a.Stats[len(a.Stats)-1].Channel != "all" {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if want := `{"channel":"hw","pushState":{"pushActiveUv":3,"pushOnlineUv":3,"verifySvcUv":3,"callbackVerifySvcUv":1,"arrivalUv":1,"verifyUv":0,"clickUv":0,"cleanupUv":0}}`; !strings.Contains(answer, want) {
		t.Errorf("answered %s, want %s in it", answer, want)
	}
	// Before anything is known there is the sum alone.
	empty := n.expect(codeOK, statPath, `{"pushId":"`+n.send(shop(), "all", "")+`"}`, shop())
	if !strings.Contains(empty, `"pushStatDataAll":[{"channel":"all",`) {
		t.Errorf("answered %s", empty)
	}
}

// Every refusal has a code of the vendor's.
func TestRefusals(t *testing.T) {
	for refusal, want := range map[ledger.Code]int{
		ledger.UnknownPush: 1008015, ledger.UnknownDevice: 1008015, ledger.NotScheduled: 1008007, ledger.AlreadyStarted: 1008007,
		ledger.WindowClosed: 1008007, ledger.RateLimited: 1008028, ledger.AlreadyRecalled: 1008007, ledger.TooManyRecalls: 1008007,
		ledger.AudienceNotAllowed: 1008007, ledger.ReplacementMissing: 1008002, ledger.ReplacementPushTaken: 1008004, "of another day": 1008004,
	} {
		f, own := failureOf(refused(&ledger.Refusal{Code: refusal, Message: "m"}))
		if f.code != want || f.message != "m" || own {
			t.Errorf("%s answers %d %q, want %d", refusal, f.code, f.message, want)
		}
	}
}
