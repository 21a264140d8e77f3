package mpaas

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// business reports what is wrong with a business answer.
func (n *node) business(t *testing.T, what string, a answered, code, reason string) {
	t.Helper()
	f := a.fields
	ok := a.Status == http.StatusOK && f.Code == "" && f.ResultCode == code && f.ResultMessage == resultText(code) &&
		f.PushResult.Success == (code == resultOK) && strings.Contains(f.PushResult.ResultMsg, reason)
	if !ok {
		t.Errorf("%s: got %d %s, want %s %s", what, a.Status, a.Body, code, reason)
	}
}

// recalls returns the accepted recalls of a push as "action scope".
func (n *node) recalls(app, push string) []events.Requested {
	n.T.Helper()
	p := n.Find(app, push)
	if p == nil {
		return nil
	}
	var list []events.Requested
	for _, r := range p.Recalls {
		list = append(list, events.Requested{Action: r.Action, Scope: r.Scope, By: r.By})
	}
	return list
}

func TestRevokeMessage(t *testing.T) {
	n := start(t, 0)
	n.business(t, "push", n.call("PushSimple", simple("m1", "d1")), resultOK, "")
	n.business(t, "another target", n.call("RevokePushMessage", revoke("m1", "d2")), resultInvalid, "never went to that device")
	n.business(t, "another app's key", n.callBy(keyOther, "RevokePushMessage", revoke("m1", "d1")), resultInvalid, `no push "m1" is known to this app`)
	n.business(t, "another AppId", n.call("RevokePushMessage", revoke("m1", "d1").with("AppId", "APP2")), resultInvalid, `no push "m1" is known to this app`)
	n.business(t, "another workspace", n.call("RevokePushMessage", revoke("m1", "d1").with("WorkspaceId", "test")), resultInvalid, `no push "m1" is known to this app`)
	n.business(t, "as a task", n.call("RevokePushTask", params{"TaskId": "m1"}), resultInvalid, `no push "m1" is known to this app`)
	n.business(t, "unknown", n.call("RevokePushMessage", revoke("m2", "d1")), resultInvalid, `no push "m2" is known to this app`)
	if got := n.recalls(appShop, "m1"); got != nil {
		t.Fatalf("a miss was recalled: %+v", got)
	}
	n.business(t, "done", n.call("RevokePushMessage", revoke("m1", "d1")), resultOK, "")
	n.business(t, "again", n.call("RevokePushMessage", revoke("m1", "d1")), resultInvalid, "already taken back")
	got := n.recalls(appShop, "m1")
	if len(got) != 1 || got[0].Action != "recall" || !got[0].Scope.Whole() || got[0].By != "mpaas/"+keyShop {
		t.Errorf("the recalls are %+v", got)
	}
	n.business(t, "a user", n.call("PushSimple", simple("m3", "u1").with("DeliveryType", "3")), resultOK, "")
	n.business(t, "another user", n.call("RevokePushMessage", revoke("m3", "u2")), resultInvalid, "never went to that device or user")
	n.business(t, "the user", n.call("RevokePushMessage", revoke("m3", "u1")), resultOK, "")
}

// Of a push nobody announced the target's dimension is what the facts say.
func TestRevokeKnownByFactsOnly(t *testing.T) {
	n := start(t, 0)
	n.shown("f1", "d1", "d2")
	n.Append(appShop, "f2", events.PushSent, &events.Fact{Channel: "apns", Devices: []string{"d1", "d2"}, Users: []string{"u1", "u2"}})
	n.business(t, "nobody's", n.call("RevokePushMessage", revoke("f1", "d3")), resultInvalid, "never went to that device")
	n.business(t, "a device", n.call("RevokePushMessage", revoke("f1", "d1")), resultOK, "")
	n.business(t, "it again", n.call("RevokePushMessage", revoke("f1", "d1")), resultInvalid, "already taken back")
	n.business(t, "the other", n.call("RevokePushMessage", revoke("f1", "d2")), resultOK, "")
	n.business(t, "a user", n.call("RevokePushMessage", revoke("f2", "u2")), resultOK, "")
	n.business(t, "a long name", n.call("RevokePushMessage", revoke("f2", strings.Repeat("u", 600))), resultInvalid, "the limit is")
	if got := n.recalls(appShop, "f1"); len(got) != 2 || got[0].Scope != (events.Scope{Device: "d1"}) || got[1].Scope != (events.Scope{Device: "d2"}) {
		t.Errorf("f1: %+v", got)
	}
	if got := n.recalls(appShop, "f2"); len(got) != 1 || got[0].Scope != (events.Scope{User: "u2"}) {
		t.Errorf("f2: %+v", got)
	}
}

func TestRevokeTask(t *testing.T) {
	n := start(t, 0)
	broadcast := params{"Msgkey": "k", "TemplateName": "Test template", "TemplateKeyValue": `{"name":"n","money":1}`, "DeliveryType": "1", "ExpiredSeconds": "60"}
	id := n.call("PushBroadcast", broadcast).fields.PushResult.Data
	n.business(t, "another app's key", n.callBy(keyOther, "RevokePushTask", params{"TaskId": id}), resultInvalid, "is known to this app")
	n.business(t, "another AppId", n.call("RevokePushTask", params{"TaskId": id, "AppId": "APP2"}), resultInvalid, "is known to this app")
	n.business(t, "done", n.call("RevokePushTask", params{"TaskId": id}), resultOK, "")
	n.business(t, "again", n.call("RevokePushTask", params{"TaskId": id}), resultInvalid, "already taken back")
	if got := n.recalls(appShop, id); len(got) != 1 || !got[0].Scope.Whole() {
		t.Errorf("the recalls are %+v", got)
	}
	n.shown("native", "d1")
	n.business(t, "a push of others", n.call("RevokePushTask", params{"TaskId": "native"}), resultOK, "")
}

// Seven days after the push it is too late.
func TestWindow(t *testing.T) {
	n := start(t, 0)
	n.call("PushSimple", simple("m1", "d1"))
	n.call("PushSimple", simple("m2", "d1"))
	n.Advance(7*24*time.Hour - time.Minute)
	n.business(t, "just in time", n.call("RevokePushMessage", revoke("m1", "d1")), resultOK, "")
	n.Advance(time.Minute)
	n.business(t, "too late", n.call("RevokePushMessage", revoke("m2", "d1")), resultInvalid, "could be recalled until")
}

// A push that falls under a profile with a rate is refused under 8011.
func TestRate(t *testing.T) {
	n := start(t, 0)
	for _, id := range []string{"p1", "p2"} {
		n.Record(appShop, id, facade.TIMPush)
	}
	n.business(t, "first", n.call("RevokePushTask", params{"TaskId": "p1"}), resultOK, "")
	n.business(t, "at once", n.call("RevokePushTask", params{"TaskId": "p2"}), resultFlowControl, "1 recall per second")
	n.Advance(time.Second)
	n.business(t, "later", n.call("RevokePushTask", params{"TaskId": "p2"}), resultOK, "")
}

func TestRevokeParameters(t *testing.T) {
	n := start(t, 0)
	for _, tt := range []struct {
		action       string
		p            params
		code, reason string
	}{
		{"RevokePushMessage", params{"TargetId": "d1"}, resultInvalid, "MessageId is mandatory"},
		{"RevokePushMessage", params{"MessageId": "m1"}, resultInvalid, "TargetId is mandatory"},
		{"RevokePushMessage", params{"MessageId": strings.Repeat("m", 129), "TargetId": "d1"}, resultInvalid, "the limit is 128"},
		{"RevokePushMessage", params{"MessageId": "a\x00b", "TargetId": "d1"}, resultInvalid, "control character"},
		{"RevokePushMessage", params{"MessageId": "a\xffb", "TargetId": "d1"}, resultNotUTF8, "UTF-8"},
		{"RevokePushMessage", params{"AppId": strings.Repeat("A", 129)}, resultAppWrong, "AppId"},
		{"RevokePushTask", params{}, resultInvalid, "TaskId is mandatory"},
	} {
		n.business(t, tt.action, n.call(tt.action, tt.p), tt.code, tt.reason)
	}
	for _, name := range []string{"AppId", "WorkspaceId"} {
		v := n.signed(http.MethodPost, "RevokePushMessage", revoke("m1", "d1"))
		v.Del(name)
		n.business(t, "without "+name, n.post(sign(secret, http.MethodPost, v).Encode()), resultNeedApp, "are mandatory")
	}
}

// Many callers, one recall (L5).
func TestConcurrentRecalls(t *testing.T) {
	n := start(t, 0)
	n.call("PushSimple", simple("m1", "d1"))
	const callers = 32
	answers := make([]answered, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { answers[i] = n.call("RevokePushMessage", revoke("m1", "d1")) })
	}
	all.Wait()
	done := 0
	for _, a := range answers {
		if a.fields.ResultCode == resultOK {
			done++
			continue
		}
		n.business(t, "the others", a, resultInvalid, "already taken back")
	}
	if got := len(n.recalls(appShop, "m1")); done != 1 || got != 1 {
		t.Errorf("%d answers say done, %d recalls are on the log", done, got)
	}
}

// Every refusal of the ledger has an answer.
func TestRefusals(t *testing.T) {
	for _, code := range []ledger.Code{
		ledger.UnknownPush, ledger.UnknownDevice, ledger.NotScheduled, ledger.AlreadyStarted, ledger.WindowClosed, ledger.RateLimited,
		ledger.AlreadyRecalled, ledger.TooManyRecalls, ledger.AudienceNotAllowed, ledger.ReplacementMissing, ledger.ReplacementPushTaken,
	} {
		want := resultInvalid
		if code == ledger.RateLimited {
			want = resultFlowControl
		}
		f, fault := translate(refused(&ledger.Refusal{Code: code, Message: "why"}))
		if fault != nil || f.code != want || f.reason != "why" {
			t.Errorf("%s: %v, %v", code, f, fault)
		}
	}
}
