package mpaas

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

func template(id, device string) params {
	return simple(id, device).with("Title", "", "Content", "", "TemplateName", "Test template", "TemplateKeyValue", `{"name":"John","money":"200"}`)
}

func multiple(pairs ...string) params {
	p := params{"TemplateName": "Test template", "DeliveryType": "3", "ExpiredSeconds": "60"}
	for i := 0; i < len(pairs); i += 2 {
		prefix := fmt.Sprintf("TargetMsg.%d.", i/2+1)
		p[prefix+"Target"], p[prefix+"MsgKey"] = pairs[i], pairs[i+1]
		p[prefix+"TemplateKeyValue"] = `{"name":"John","money":"200"}`
	}
	return p
}

func broadcast(key string) params {
	return template("", "").with("TargetMsgkey", "", "Msgkey", key)
}

// decimal reports whether a task id is one as the vendor's are.
func decimal(id string) bool {
	return id != "" && len(id) <= 19 && strings.Trim(id, "0123456789") == ""
}

func TestPushIsRecorded(t *testing.T) {
	n := start(t, 0)
	p := simple("m1", "d1").with("TaskName", "the\r task", "Uri", "https://x", "Silent", "1", "Content", "a\r\nb")
	n.business(t, "push", n.call("PushSimple", p), resultOK, "")
	got := n.Push(appShop, "m1").Created
	if d := time.Until(*got.ExpireAt); d < 290*time.Second || d > 300*time.Second {
		t.Errorf("it expires in %s", d)
	}
	want := &events.Created{
		Title: "t", Body: "a\nb", Audience: events.Audience{Kind: events.AudienceDevice, Names: []string{"d1"}},
		Slot: got.Slot, SlotAuto: true, ExpireAt: got.ExpireAt, Profile: "mpaas",
		Labels: map[string]string{
			"app_id": "APP", "workspace_id": "default", "method": "0", "delivery_type": "1", "expired_seconds": "300",
			"task_name": "the task", "uri": "https://x", "silent": "1",
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the push differs (-want +got):\n%s", d)
	}
	if !channels.SlotInteger.Fits(got.Slot) {
		t.Errorf("the slot is %q", got.Slot)
	}
	n.Advance(time.Minute)
	n.business(t, "a minute later", n.call("PushSimple", p), resultOK, "")
	n.business(t, "other content", n.call("PushSimple", p.with("Title", "other")), resultInvalid, "was used before with other content")
	n.business(t, "another's", n.callBy(keyOther, "PushSimple", p.with("Title", "other")), resultOK, "")
	two := simple("", "").with("TargetMsgkey", `{"u1":"m2","u2":3}`, "DeliveryType", "3")
	n.business(t, "two users", n.call("PushSimple", two), resultOK, "")
	for id, user := range map[string]string{"m2": "u1", "3": "u2"} {
		if a := n.Push(appShop, id).Created.Audience; a.Kind != events.AudienceUser || a.Names[0] != user {
			t.Errorf("%s went to %+v", id, a)
		}
	}
	if q := n.Part.Local.Stats().Quarantined; q != 0 {
		t.Errorf("%d messages are quarantined", q)
	}
}

func TestTemplates(t *testing.T) {
	n := start(t, 0)
	n.business(t, "push", n.call("PushTemplate", template("m1", "d1")), resultOK, "")
	if c := n.Push(appShop, "m1").Created; c.Title != "For John" || c.Body != "John won 200 yuan, #1 of many" || c.Labels["template"] != "Test template" {
		t.Errorf("the push is %+v", c)
	}
	for _, tt := range []struct {
		what         string
		p            params
		code, reason string
	}{
		{"no name", template("m2", "d1").with("TemplateName", ""), resultNeedTemplate, ""},
		{"no template", template("m2", "d1").with("TemplateName", "other"), resultNoTemplate, ""},
		{"no values", template("m2", "d1").with("TemplateKeyValue", ""), resultTemplateValues, "#name#"},
		{"a value missing", template("m2", "d1").with("TemplateKeyValue", `{"name":"x"}`), resultTemplateValues, "#money#"},
		{"a value too many", template("m3", "d1").with("TemplateKeyValue", `{"name":"x","money":1.5,"more":true}`), resultOK, ""},
		{"no text in a value", template("m2", "d1").with("TemplateKeyValue", `{"name":{}}`), resultInvalid, "TemplateKeyValue"},
		{"no JSON", template("m2", "d1").with("TemplateKeyValue", `{"name"`), resultInvalid, "TemplateKeyValue"},
		{"a placeholder in a value", template("m4", "d1").with("TemplateKeyValue", `{"name":"#money#","money":""}`), resultOK, ""},
	} {
		n.business(t, tt.what, n.call("PushTemplate", tt.p), tt.code, tt.reason)
	}
	n.business(t, "another app's template", n.callBy(keyOther, "PushTemplate", template("m2", "d1")), resultNoTemplate, "")
	if c := n.Push(appShop, "m4").Created; c.Title != "For #money#" || c.Body != "#money# won  yuan, #1 of many" {
		t.Errorf("the push is %+v", c)
	}
	if n.Find(appShop, "m2") != nil {
		t.Error("a refused push is known")
	}
}

func TestTasks(t *testing.T) {
	n := start(t, 0)
	push := func(action string, p params) string {
		t.Helper()
		a := n.call(action, p)
		n.business(t, action, a, resultOK, "")
		if !decimal(a.fields.PushResult.Data) {
			t.Errorf("the task id is %q", a.fields.PushResult.Data)
		}
		return a.fields.PushResult.Data
	}
	first := push("PushBroadcast", broadcast("k1"))
	n.Advance(time.Minute)
	if again := push("PushBroadcast", broadcast("k1")); again != first {
		t.Errorf("repeated it is task %s, not %s", again, first)
	}
	if other := push("PushBroadcast", broadcast("k2")); other == first {
		t.Error("two broadcasts have one id")
	}
	if other := push("PushBroadcast", broadcast("k1").with("WorkspaceId", "test")); other == first {
		t.Error("two workspaces share a broadcast")
	}
	changed := broadcast("k1").with("TemplateKeyValue", `{"name":"x","money":"y"}`)
	n.business(t, "other content", n.call("PushBroadcast", changed), resultInvalid, "was used before with other content")
	if c := n.Push(appShop, first).Created; c.Audience.Kind != events.AudienceAll || c.Title != "For John" || c.Labels["msg_key"] != "k1" {
		t.Errorf("the broadcast is %+v", c)
	}

	batch := push("PushMultiple", multiple("u1", "k1", "u2", "k2"))
	if again := push("PushMultiple", multiple("u1", "k1", "u2", "k2")); again != batch {
		t.Errorf("repeated it is task %s, not %s", again, batch)
	}
	if c := n.Push(appShop, batch).Created; c.Audience.Kind != events.AudienceList || c.Title != "For John" {
		t.Errorf("the batch is %+v", c)
	}
	personal := push("PushMultiple", multiple("u1", "k1", "u2", "k2").with("TargetMsg.2.TemplateKeyValue", `{"name":"x","money":"y"}`))
	if c := n.Push(appShop, personal).Created; personal == batch || c.Title != "For #name#" {
		t.Errorf("task %s after %s is %+v", personal, batch, c)
	}
	n.business(t, "the batch is recalled", n.call("RevokePushTask", params{"TaskId": batch}), resultOK, "")
}

func TestPushParameters(t *testing.T) {
	n := start(t, 0)
	eleven := `{"a":"1","b":"2","c":"3","d":"4","e":"5","f":"6","g":"7","h":"8","i":"9","j":"10","k":"11"}`
	many := make([]string, 0, 2*MaxBatch+2)
	for i := range MaxBatch + 1 {
		many = append(many, fmt.Sprint("u", i), fmt.Sprint("k", i))
	}
	good := simple("m", "d")
	for _, tt := range []struct {
		action       string
		p            params
		code, reason string
	}{
		{"PushSimple", good.with("DeliveryType", ""), resultDeliveryType, ""},
		{"PushSimple", good.with("DeliveryType", "4"), resultDeliveryType, ""},
		{"PushSimple", good.with("DeliveryType", "x"), resultInvalid, "DeliveryType"},
		{"PushSimple", good.with("ExpiredSeconds", ""), resultExpiry, ""},
		{"PushSimple", good.with("ExpiredSeconds", "0"), resultExpiry, ""},
		{"PushSimple", good.with("ExpiredSeconds", "soon"), resultExpiry, ""},
		{"PushSimple", good.with("ExpiredSeconds", "9000000000"), resultExpiryTooLong, ""},
		{"PushSimple", good.with("Title", ""), resultInvalid, "mandatory"},
		{"PushSimple", good.with("Content", ""), resultInvalid, "mandatory"},
		{"PushSimple", good.with("Title", strings.Repeat("t", 513)), resultTooLong, "title"},
		{"PushSimple", good.with("Content", strings.Repeat("c", 4097)), resultTooLong, "body"},
		{"PushSimple", good.with("TargetMsgkey", ""), resultNeedTarget, ""},
		{"PushSimple", good.with("TargetMsgkey", "", "DeliveryType", "3"), resultNeedUser, ""},
		{"PushSimple", good.with("TargetMsgkey", "{}"), resultNeedTarget, ""},
		{"PushSimple", good.with("TargetMsgkey", `{"":"m"}`), resultNeedTarget, ""},
		{"PushSimple", good.with("TargetMsgkey", `{"d":""}`), resultInvalid, "without a message id"},
		{"PushSimple", good.with("TargetMsgkey", `{"d":"m","e":"m"}`), resultInvalid, "a message id twice"},
		{"PushSimple", good.with("TargetMsgkey", `{"d":"m","d":"n"}`), resultInvalid, "a key twice"},
		{"PushSimple", good.with("TargetMsgkey", `{"d":null}`), resultInvalid, "not a JSON object"},
		{"PushSimple", good.with("TargetMsgkey", `["d"]`), resultInvalid, "not a JSON object"},
		{"PushSimple", good.with("TargetMsgkey", `{"d":"m"} {}`), resultInvalid, "not a JSON object"},
		{"PushSimple", good.with("TargetMsgkey", `{"d":"m"`), resultInvalid, "not a JSON object"},
		{"PushSimple", good.with("TargetMsgkey", eleven), resultTooManyTargets, ""},
		{"PushSimple", good.with("TargetMsgkey", `{"d":"`+strings.Repeat("m", 129)+`"}`), resultInvalid, "push"},
		{"PushSimple", good.with("StrategyType", "2", "StrategyContent", `{"circleType":1}`), resultInvalid, "StrategyType 2"},
		{"PushSimple", good.with("StrategyType", "1"), resultInvalid, "StrategyContent"},
		{"PushSimple", good.with("StrategyType", "1", "StrategyContent", `{"startTime":1}`), resultInvalid, "fixedTime"},
		{"PushSimple", good.with("StrategyType", "1", "StrategyContent", `{"fixedTime":1}`), resultInvalid, "schedule_at"},
		{"PushMultiple", multiple(), resultNeedUser, ""},
		{"PushMultiple", multiple("", "k1"), resultNeedUser, ""},
		{"PushMultiple", multiple("u1", ""), resultInvalid, "TargetMsg.1.MsgKey"},
		{"PushMultiple", multiple("u1", "k", "u2", "k"), resultInvalid, "named before"},
		{"PushMultiple", multiple("u1", "k").with("TargetMsg.x.Target", "u"), resultInvalid, "TargetMsg.x.Target"},
		{"PushMultiple", multiple("u1", "k").with("TargetMsg.1.TemplateKeyValue", ""), resultTemplateValues, ""},
		{"PushMultiple", multiple("u1", "k").with("TargetMsg.1.TemplateKeyValue", "[]"), resultInvalid, "TargetMsg.1.TemplateKeyValue"},
		{"PushMultiple", multiple("u1", "k").with("DeliveryType", "5"), resultDeliveryType, ""},
		{"PushMultiple", multiple("u1", "k").with("TemplateName", "no"), resultNoTemplate, ""},
		{"PushMultiple", multiple(many...), resultTooManyTargets, ""},
		{"PushBroadcast", broadcast(""), resultInvalid, "Msgkey"},
		{"PushBroadcast", broadcast("k").with("DeliveryType", "3"), resultBroadcastUsers, ""},
		{"PushBroadcast", broadcast("k").with("DeliveryType", "5"), resultDeliveryType, ""},
		{"PushBroadcast", broadcast("k").with("TemplateName", ""), resultNeedTemplate, ""},
	} {
		n.business(t, fmt.Sprint(tt.action, " ", tt.reason), n.call(tt.action, tt.p), tt.code, tt.reason)
	}
	if n.Find(appShop, "m") != nil {
		t.Error("a refused push is known")
	}
}
