package timpush

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	record "github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

const (
	pushPath  = "/v4/timpush/push"
	batchPath = "/v4/timpush/batch"
	// needed are the fields that every push has.
	needed = `"From_Account":"admin","MsgRandom":1398167786,"OfflinePushInfo":{"Title":"Sale","Desc":"1 yuan"}`
)

func TestPushIsRecorded(t *testing.T) {
	n := start(t)
	title := func(a record.Audience, labels map[string]string) record.Created {
		labels["From_Account"] = "admin"
		return record.Created{Title: "Sale", Body: "1 yuan", Audience: a, Labels: labels}
	}
	all, none := record.Audience{Kind: record.AudienceAll}, map[string]string{}
	for _, c := range []struct {
		what, path, body, form string
		want                   record.Created
	}{
		{"everybody", pushPath, `{` + needed + `}`, `^[0-9a-f]{8}_535658ea_[0-9a-f]{24}$`, title(all, maps.Clone(none))},
		{"nulls are absent", pushPath, `{` + needed + `,"Condition":{"TagsAnd":null,"TagsOr":null},"DataId":null,"MsgLifeTime":null,"OnlineOnlyFlag":null}`,
			`^[0-9a-f]{8}_535658ea_`, title(all, maps.Clone(none))},
		{"tags", pushPath, `{` + needed + `,"Condition":{"TagsOr":["vip","上海"],"TagsAnd":["ios"]},"DataId":"d-1","OnlineOnlyFlag":1}`, `_535658ea_`,
			title(record.Audience{Kind: record.AudienceTag, Names: []string{"ios", "vip", "上海"}}, map[string]string{"DataId": "d-1", "OnlineOnlyFlag": "1"})},
		{"attributes", pushPath, `{` + needed + `,"Condition":{"AttrsAnd":{"sex":"f","city":"sh"}}}`, `_535658ea_`,
			title(record.Audience{Kind: record.AudienceTag, Names: []string{"city=sh", "sex=f"}}, maps.Clone(none))},
		{"a condition not known here", pushPath, `{` + needed + `,"Condition":{"TagsNot":["x"]}}`, `_535658ea_`,
			title(record.Audience{Kind: record.AudienceTag}, maps.Clone(none))},
		{"a message", pushPath, `{"From_Account":"admin","MsgRandom":0,"MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hi"}}]}`, `_00000000_`,
			record.Created{Body: "hi", Audience: all, Labels: map[string]string{"From_Account": "admin"}}},
		{"one account", batchPath, `{` + needed + `,"To_Account":["u1"]}`, `^batch_[0-9a-f]{8}_535658ea_`,
			title(record.Audience{Kind: record.AudienceUser, Names: []string{"u1"}}, maps.Clone(none))},
		{"accounts", batchPath, `{` + needed + `,"To_Account":["u1","u2"]}`, `^batch_`, title(record.Audience{Kind: record.AudienceList}, maps.Clone(none))},
	} {
		a := n.do("POST", c.path, n.shop(), c.body)
		var got struct{ TaskID string }
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || !regexp.MustCompile(c.form).MatchString(got.TaskID) {
			t.Errorf("%s: %v: %s", c.what, err, a.Body)
			continue
		}
		n.expect(c.what, a, fmt.Sprintf(`{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"TaskId":%q}`, got.TaskID))
		p := n.Push("shop", got.TaskID).Created
		if !channels.SlotInteger.Fits(p.Slot) {
			t.Errorf("%s: slot %q", c.what, p.Slot)
		}
		c.want.Slot, c.want.SlotAuto, c.want.Profile = p.Slot, true, "timpush"
		if diff := cmp.Diff(&c.want, p); diff != "" {
			t.Errorf("%s: recorded otherwise (-want +got):\n%s", c.what, diff)
		}
	}
}

// TestPushTwiceInASecond: what differs in nothing is one push; a second later
// it is another.
func TestPushTwiceInASecond(t *testing.T) {
	n := start(t)
	// Early in a second, so that three requests fit.
	n.Set(time.Now().Truncate(time.Second).Add(10 * time.Second))
	first, again, other := n.send(n.shop(), ""), n.send(n.shop(), ""), n.send(n.shop(), `"DataId":"x"`)
	n.Advance(time.Minute)
	if later := n.send(n.shop(), ""); first != again || first == other || first == later {
		t.Errorf("TaskIds %s, %s, %s, %s", first, again, other, later)
	}
}

func TestPushLifeTime(t *testing.T) {
	n := start(t)
	before := n.Now().Add(-time.Second)
	p := n.Push("shop", n.send(n.shop(), `"MsgLifeTime":3600`)).Created
	if p.ExpireAt == nil || p.ExpireAt.Before(before.Add(time.Hour)) || p.ExpireAt.After(n.Now().Add(time.Hour)) {
		t.Errorf("expires at %v", p.ExpireAt)
	}
}

func TestPushRefusals(t *testing.T) {
	n := start(t)
	many := func(count int) string {
		list := make([]string, count)
		for i := range list {
			list[i] = fmt.Sprintf(`"t%d"`, i)
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	condition := func(c string) string { return `{` + needed + `,"Condition":` + c + `}` }
	for _, c := range []struct {
		what, body string
		want       code
	}{
		{"bad JSON", `{`, codeBadJSON},
		{"null", `null`, codeBadJSON},
		{"no From_Account", `{"MsgRandom":1,"OfflinePushInfo":{}}`, codeBadJSON},
		{"nothing to show", `{"From_Account":"a","MsgRandom":1}`, codeBadJSON},
		{"no MsgRandom", `{"From_Account":"a","OfflinePushInfo":{}}`, codeBadRandom},
		{"MsgRandom is a text", `{"From_Account":"a","MsgRandom":"1","OfflinePushInfo":{}}`, codeBadRandom},
		{"MsgRandom is too large", `{"From_Account":"a","MsgRandom":4294967296,"OfflinePushInfo":{}}`, codeBadRandom},
		{"OnlineOnlyFlag 2", `{` + needed + `,"OnlineOnlyFlag":2}`, codeBadJSON},
		{"DataId", `{` + needed + `,"DataId":"` + strings.Repeat("d", 65) + `"}`, codeLongDataID},
		{"MsgLifeTime", `{` + needed + `,"MsgLifeTime":604801}`, codeBadLifeTime},
		{"MsgLifeTime below 0", `{` + needed + `,"MsgLifeTime":-1}`, codeBadLifeTime},
		{"eleven tags", condition(`{"TagsOr":` + many(11) + `}`), codeTooManyTags},
		{"long tag", condition(`{"TagsOr":["` + strings.Repeat("t", 51) + `"]}`), codeLongTag},
		{"empty tag", condition(`{"TagsOr":[""]}`), codeEmptyTag},
		{"overlap", condition(`{"TagsOr":["a","b"],"TagsAnd":["b"]}`), codeTagOverlap},
		{"tags are no list", condition(`{"TagsOr":"a"}`), codeBadJSON},
		{"attributes are no object", condition(`{"AttrsOr":["a"]}`), codeBadAttribute},
		{"empty attribute", condition(`{"AttrsOr":{"a":""}}`), codeBadAttribute},
		{"tags and attributes", condition(`{"TagsOr":["a"],"AttrsOr":{"a":"b"}}`), codeAttrsAndTags},
		{"control character", condition(`{"TagsOr":["a\u0001"]}`), codeBadJSON},
		{"too large", strings.Repeat(" ", MaxSendBody+1), codeLargeBody},
	} {
		n.expect(c.what, n.do("POST", pushPath, n.shop(), c.body), fails(c.want))
	}
	failed := func(c code) string { return strings.Replace(fails(c), "}", `,"TaskId":""}`, 1) }
	for _, c := range []struct{ what, body, want string }{
		{"bad JSON", `{`, failed(codeBadJSON)},
		{"no accounts", `{` + needed + `}`, failed(codeBadJSON)},
		{"empty account", `{` + needed + `,"To_Account":["a",""]}`, failed(codeBadJSON)},
		{"501 accounts", `{` + needed + `,"To_Account":` + many(501) + `}`, failed(codeTooManyUsers)},
		{"no MsgRandom", `{"From_Account":"a","To_Account":["a"],"OfflinePushInfo":{}}`,
			`{"ActionStatus":"FAIL","ErrorInfo":"Invalid format of MsgRandom","ErrorCode":90001,"TaskId":""}`},
	} {
		n.expect("batch: "+c.what, n.do("POST", batchPath, n.shop(), c.body), c.want)
	}
	n.expect("stranger", n.do("POST", pushPath, n.as(shopID, "x", "administrator"), `{`+needed+`}`), fails(codeWrongSignature))
	n.expect("no administrator", n.do("POST", pushPath, n.as(shopID, shopKey, "alice"), `{`+needed+`}`), fails(codeNotAdmin))
}

// TestRefusalsHaveCodes: every refusal of the ledger has an answer of the table.
func TestRefusalsHaveCodes(t *testing.T) {
	want := map[ledger.Code]code{
		ledger.UnknownPush: codeUnknownTask, ledger.UnknownDevice: codeUnknownTask, ledger.NotScheduled: codeUnknownTask,
		ledger.AlreadyStarted: codeUnknownTask, ledger.WindowClosed: codeWindowClosed, ledger.RateLimited: codeTooOften,
		ledger.AlreadyRecalled: codeRepeated, ledger.TooManyRecalls: codeTooOften, ledger.AudienceNotAllowed: codeUnknownTask,
		ledger.ReplacementMissing: codeNoOfflineInfo, ledger.ReplacementPushTaken: codeUnknownTask,
	}
	got := map[ledger.Code]code{}
	for c := range maps.Keys(want) {
		a := refused(&ledger.Refusal{Code: c})
		got[c] = a.ErrorCode
		if a.ActionStatus != "FAIL" || a.ErrorInfo == "" {
			t.Errorf("%s is answered %+v", c, a)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
