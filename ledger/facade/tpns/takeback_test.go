package tpns

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

const (
	stopPath   = "/v3/push/stop_push_msg"
	revokePath = "/v3/push/revoke_push_msg"
	cancelPath = "/v3/push/cancel_timing_task"
	appPath    = "/v3/push/app"
	recordPath = "/v3/statistics/get_push_record"
	statPath   = "/v3/statistics/get_push_task_stat_channel"
)

func TestTakeBack(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	if got, want := n.recordOf(shop(), push).Status, "PUSH_STARTED"; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	n.Fact("shop", push, events.PushSent, "huawei", "a", "b")
	if got, want := n.recordOf(shop(), push).Status, "PUSH_FINISHED"; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	// Another app's id does not exist.
	foreign := n.expect(codeUnknown, stopPath, byID(push), bank())
	unknown := n.expect(codeUnknown, stopPath, byID("150032"), bank())
	if strings.ReplaceAll(foreign, push, "ID") != strings.ReplaceAll(unknown, "150032", "ID") {
		t.Errorf("another app's push answers %s, an unknown one %s", foreign, unknown)
	}

	got := n.expect(codeOK, stopPath, byID(push), shop())
	if want := `{"ret_code":0,"err_msg":"","retCode":0,"errMsg":"NO_ERROR"}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	if got, want := n.recordOf(shop(), push).Status, "PUSH_DELETED_PUSH_MSG"; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	// A repetition is refused and names the first.
	again := n.expect(codeInvalid, stopPath, byID(push), shop())
	if first := n.Push("shop", push).Recalls[0].Recall; !strings.Contains(again, first) {
		t.Errorf("the repetition answers %s, which does not name recall %s", again, first)
	}
	// A stronger one may follow, and a number is taken as an id.
	n.expect(codeOK, revokePath, `{"pushId":`+push+`}`, shop())
	n.expect(codeInvalid, revokePath, byID(push), shop())
	n.expect(codeInvalid, stopPath, byID(push), shop())
	if got, want := n.recordOf(shop(), push).Status, "PUSH_REVOKED"; got != want {
		t.Errorf("status %s, want %s", got, want)
	}
	r := n.Push("shop", push).Recalls
	if len(r) != 2 || r[0].Action != "terminate" || r[1].Action != "recall" || r[1].By != "tpns/"+shopID {
		t.Errorf("the recalls are %+v", r)
	}
}

func TestWindow(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "tag", `,"tag_list":{"tags":["a"],"op":"AND"}`)
	n.Advance(72 * time.Hour)
	n.expect(codeInvalid, stopPath, byID(push), shop())
	n.expect(codeInvalid, revokePath, byID(push), shop())
	over := fmt.Sprintf(`{"audience_type":"tag","tag_list":{"tags":["a"],"op":"AND"},"message_type":"notify","message":{"title":"t"},"collapse_id":%d}`,
		collapseOf(push, n.Now()))
	if got := n.expect(codeInvalid, appPath, over, shop()); !strings.Contains(got, "could be recalled until") {
		t.Errorf("answered %s", got)
	}
}

// Only all, account lists and tags can be taken back; iOS cannot be stopped.
func TestAudiences(t *testing.T) {
	n := start(t)
	for _, tt := range []struct {
		audience, extra string
		want            int
	}{
		{"all", "", codeOK},
		{"tag", `,"tag_rules":[{"tag_items":[{"tags":["guangdong"],"is_not":false,"tags_operator":"OR","tag_type":"xg_auto_province"}],"operator":"OR","is_not":false}]`, codeOK},
		{"account_list", `,"account_list":["one","two"]`, codeOK},
		{"package_account_push", `,"upload_id":7`, codeOK},
		{"token", `,"token_list":["t1"]`, codeInvalid},
		{"account", `,"account_list":["one"]`, codeInvalid},
		{"token_list", `,"token_list":["t1","t2"]`, codeInvalid},
		{"package_token_push", `,"upload_id":"8"`, codeInvalid},
		{"all", `,"platform":"android"`, codeOK},
		{"all", `,"platform":"ios","environment":"product"`, codeInvalid},
	} {
		for _, path := range []string{stopPath, revokePath} {
			push := n.send(shop(), tt.audience, tt.extra)
			n.expect(tt.want, path, byID(push), shop())
			if got := len(n.Push("shop", push).Recalls); (got == 1) != (tt.want == codeOK) {
				t.Errorf("%s of %s%s left %d recalls", path, tt.audience, tt.extra, got)
			}
		}
	}
	// Where the message alone tells the platform.
	body := `{"audience_type":"all","message_type":"notify","environment":"dev","message":{"title":"t","ios":{"aps":{"badge_type":-1}},"android":{}}}`
	n.expect(codeOK, appPath, body, shop())
	n.expect(codeInvalid, stopPath, byID(n.newest("shop")), shop())
}

func TestCancel(t *testing.T) {
	n := start(t)
	at := n.Now().Add(time.Hour).In(beijing).Format(time.DateTime)
	timed := `,"send_time":"` + at + `"`
	for _, audience := range []string{"all", "tag", "package_account_push", "package_token_push"} {
		push := n.send(shop(), audience, timed+`,"upload_id":7,"tag_list":{"tags":["a"],"op":"OR"}`)
		r := n.recordOf(shop(), push)
		if r.Status != "PUSH_WAIT" || r.Date != at {
			t.Errorf("the record is %+v", r)
		}
		want, status := codeOK, "PUSH_CANCELED"
		if audience == "package_token_push" {
			want, status = codeInvalid, "PUSH_WAIT"
		}
		n.expect(want, cancelPath, byID(push), shop())
		if got := n.recordOf(shop(), push).Status; got != status {
			t.Errorf("%s: status %s, want %s", audience, got, status)
		}
		n.expect(codeInvalid, cancelPath, byID(push), shop())
	}
	n.expect(codeUnknown, cancelPath, byID("15003211"), shop())
	n.expect(codeInvalid, cancelPath, byID(n.send(shop(), "all", "")), shop()) // never scheduled
	started := n.send(shop(), "all", timed)
	n.Advance(time.Hour)
	n.expect(codeInvalid, cancelPath, byID(started), shop())
	n.expect(codeOK, stopPath, byID(started), shop())
}

func TestOneOfManyRecallsIsAccepted(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	collapse := fmt.Sprintf(`{"audience_type":"all","message_type":"notify","message":{"title":"t"},"collapse_id":%d}`, collapseOf(push, n.Now()))
	for _, tt := range []struct{ path, body string }{{stopPath, byID(push)}, {revokePath, byID(push)}, {appPath, collapse}} {
		var done atomic.Int32
		var all sync.WaitGroup
		for range 32 {
			all.Go(func() {
				switch got := code(t, tt.path, n.post(tt.path, tt.body, shop())); got {
				case codeOK:
					done.Add(1)
				case codeInvalid:
				default:
					t.Errorf("%s answered %d", tt.path, got)
				}
			})
		}
		all.Wait()
		want := int32(1)
		if tt.path == appPath {
			want = 0 // it was recalled before
		}
		if done.Load() != want {
			t.Errorf("%d of 32 requests to %s were accepted, want %d", done.Load(), tt.path, want)
		}
	}
}

func TestBadRequestsOfTheRecallFamily(t *testing.T) {
	n := start(t)
	for _, path := range []string{stopPath, revokePath, cancelPath, statPath, recordPath} {
		for body, want := range map[string]int{
			"": codeParse, "null": codeParse, "[]": codeParse, `"1"`: codeParse, `{"pushid":`: codeParse, `{"pushid":"1"} x`: codeParse,
			`{"pushid":{}}`: codeParse, `{"pushid":1.5}`: codeParse, `{"pushid":true}`: codeParse,
			`{}`: codeMissing, `{"pushid":""}`: codeMissing, `{"pushId":null}`: codeMissing,
			`{"pushid":"1","pushId":"2"}`:                      codeInvalid,
			`{"pushid":"` + strings.Repeat("1", 129) + `"}`:    codeInvalid,
			`{"pushid":"a\u0000b"}`:                            codeInvalid,
			`{"pushid":"` + strings.Repeat("1", 64<<10) + `"}`: codeInvalid, // larger than a body may be
			`{"pushid":"43214535"}`:                            codeUnknown,
			`{"pushid":"43214535","pushId":43214535}`:          codeUnknown,
		} {
			n.expect(want, path, body, shop())
		}
	}
}
