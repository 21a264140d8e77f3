package clients

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/mpaas"
)

// The vendor's own names for the app.
const (
	appID     = "ONEX570DA892117"
	workspace = "PROD"
)

// rpc is the vendor's client for signature v1.
type rpc struct{ *mpaas.Client }

func newRPC(t *testing.T, id, key string) rpc {
	t.Helper()
	c, err := mpaas.NewClientWithOptions("cn-hangzhou", sdk.NewConfig().WithScheme("HTTP"), credentials.NewAccessKeyCredential(id, key))
	if err != nil {
		t.Fatal(err)
	}
	c.Domain = strings.TrimPrefix(api, "http://")
	t.Cleanup(c.Shutdown)
	return rpc{c}
}

// simple is a push to one device, whose text has all that encodings differ in.
func simple(message, target string) *mpaas.PushSimpleRequest {
	r := mpaas.CreatePushSimpleRequest()
	r.AppId, r.WorkspaceId = appID, workspace
	r.TaskName, r.Title, r.Content = "促销", "半价 50%", "Today only: a/b * c ~ d, it's (really) cheap!"
	r.DeliveryType, r.ExpiredSeconds = requests.NewInteger(1), requests.NewInteger(3600)
	pair, err := json.Marshal(map[string]string{target: message})
	if err != nil {
		panic(err) // two texts always marshal
	}
	r.TargetMsgkey = string(pair)
	return r
}

func (c rpc) push(t *testing.T, r *mpaas.PushSimpleRequest) {
	t.Helper()
	a, err := c.PushSimple(r)
	if err != nil {
		t.Fatalf("push: %v", err)
	}
	if a.ResultCode != "OK" || !a.PushResult.Success {
		t.Fatalf("push = %s %s %+v", a.ResultCode, a.ResultMessage, a.PushResult)
	}
}

// outcome is what a client made of an answer.
type outcome struct {
	code    string
	success bool
	reason  string
}

func (c rpc) revoke(message, target string) (outcome, error) {
	r := mpaas.CreateRevokePushMessageRequest()
	r.AppId, r.WorkspaceId, r.MessageId, r.TargetId = appID, workspace, message, target
	a, err := c.RevokePushMessage(r)
	if err != nil {
		return outcome{}, err
	}
	return outcome{a.ResultCode, a.PushResult.Success, a.PushResult.ResultMsg}, nil
}

func (c rpc) revokeTask(task string) (outcome, error) {
	r := mpaas.CreateRevokePushTaskRequest()
	r.AppId, r.WorkspaceId, r.TaskId = appID, workspace, task
	a, err := c.RevokePushTask(r)
	if err != nil {
		return outcome{}, err
	}
	return outcome{a.ResultCode, a.PushResult.Success, a.PushResult.ResultMsg}, nil
}

// want checks an outcome; reason must be part of its reason.
func want(t *testing.T, what string, o outcome, err error, code, reason string) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	t.Logf("%s: %s %v %q", what, o.code, o.success, o.reason)
	if o.code != code || o.success != (code == "OK") || !strings.Contains(o.reason, reason) {
		t.Errorf("%s = %+v, want %s with %q", what, o, code, reason)
	}
}

// The business codes that the tests meet.
const (
	ok         = "OK"
	invalid    = "3028"
	noTemplate = "3022"
)

// TestRPCRevoke recalls a message with the vendor's client (signature v1).
func TestRPCRevoke(t *testing.T) {
	c, id := newRPC(t, keyID, secret), unique("rpc")
	c.push(t, simple(id, "设备 1/*~"))
	c.push(t, simple(id, "设备 1/*~")) // as after an answer that got lost
	o, err := c.revoke(id, "somebody")
	want(t, "another target", o, err, invalid, "never went to that device")
	o, err = c.revokeTask(id)
	want(t, "as a task", o, err, invalid, "no push")
	o, err = newRPC(t, otherID, secret).revoke(id, "设备 1/*~")
	want(t, "another app", o, err, invalid, "no push")
	o, err = c.revoke(id, "设备 1/*~")
	want(t, "revoke", o, err, ok, "")
	o, err = c.revoke(id, "设备 1/*~")
	want(t, "repeat", o, err, invalid, "already taken back")
	o, err = c.revoke("rpc-nothing", "设备 1/*~")
	want(t, "unknown", o, err, invalid, "no push")
	o, err = c.revokeTask("20842863")
	want(t, "unknown task", o, err, invalid, "no push")
}

// TestRPCErrors reads the gateway's errors as the vendor's client does.
func TestRPCErrors(t *testing.T) {
	for _, c := range []struct {
		what, id, key string
		status        int
		code          string
		recommend     string
	}{
		// The client says so only if the node signed the same text as it did.
		{"wrong secret", keyID, "wrong", http.StatusBadRequest, "SignatureDoesNotMatch", "InvalidAccessKeySecret"},
		{"unknown key", "nobody", secret, http.StatusNotFound, "InvalidAccessKeyId.NotFound", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			o, err := newRPC(t, c.id, c.key).revoke("rpc-error", "a b/*~'()!促")
			var server *sdkerrors.ServerError
			if !errors.As(err, &server) {
				t.Fatalf("revoke = %+v, %v, want a ServerError", o, err)
			}
			t.Logf("%d %s, recommend %q, request %s", server.HttpStatus(), server.ErrorCode(), server.Recommend(), server.RequestId())
			if server.HttpStatus() != c.status || server.ErrorCode() != c.code || !strings.Contains(server.Recommend(), c.recommend) || server.RequestId() == "" {
				t.Errorf("revoke = %d %s %q, want %d %s %q", server.HttpStatus(), server.ErrorCode(), server.Recommend(), c.status, c.code, c.recommend)
			}
		})
	}
	t.Run("not offered", func(t *testing.T) {
		_, err := newRPC(t, keyID, secret).QueryPushAnalysisCoreIndex(mpaas.CreateQueryPushAnalysisCoreIndexRequest())
		var server *sdkerrors.ServerError
		if !errors.As(err, &server) || server.ErrorCode() != "InvalidApi.NotFound" {
			t.Errorf("an action that is not offered = %v, want InvalidApi.NotFound", err)
		}
	})
}

// TestRPCTask sends by template, before and after there is one, and recalls the
// tasks: its own, and one that another sender recorded for this facade.
func TestRPCTask(t *testing.T) {
	c := newRPC(t, keyID, secret)
	b := mpaas.CreatePushBroadcastRequest()
	b.AppId, b.WorkspaceId, b.Msgkey, b.TemplateName = appID, workspace, "broadcast-1", "Test template"
	b.DeliveryType, b.ExpiredSeconds = requests.NewInteger(1), requests.NewInteger(3600)
	broadcast, err := c.PushBroadcast(b)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "broadcast", outcome{broadcast.ResultCode, broadcast.PushResult.Success, broadcast.PushResult.ResultMsg}, nil, noTemplate, "Test template")
	m := mpaas.CreatePushMultipleRequest()
	m.AppId, m.WorkspaceId, m.TemplateName = appID, workspace, "Test template"
	m.DeliveryType, m.ExpiredSeconds = requests.NewInteger(1), requests.NewInteger(3600)
	m.TargetMsg = &[]mpaas.PushMultipleTargetMsg{{Target: "device-1", MsgKey: "multiple-1"}}
	multiple, err := c.PushMultiple(m)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "multiple", outcome{multiple.ResultCode, multiple.PushResult.Success, multiple.PushResult.ResultMsg}, nil, noTemplate, "Test template")

	if status, err := call(app, http.MethodPut, "/v1/templates/Test%20template", "application/json", `{"title":"#what# for less","body":"Today"}`, &json.RawMessage{}); err != nil || status != http.StatusOK {
		t.Fatalf("store the template: %d, %v", status, err)
	}
	b.Msgkey, b.TemplateKeyValue = unique("broadcast"), `{"what":"Shoes"}`
	if broadcast, err = c.PushBroadcast(b); err != nil {
		t.Fatal(err)
	}
	want(t, "broadcast with its template", outcome{broadcast.ResultCode, broadcast.PushResult.Success, broadcast.PushResult.ResultMsg}, nil, ok, "")
	o, err := c.revokeTask(broadcast.PushResult.Data)
	want(t, "revoke the broadcast", o, err, ok, "")
	o, err = c.revokeTask(broadcast.PushResult.Data)
	want(t, "revoke the broadcast again", o, err, invalid, "already taken back")

	task := strconv.FormatInt(time.Now().UnixNano(), 10)
	publish(t, app, `{"kind":"push.created","push":"`+task+`","data":{"title":"Sale","profile":"mpaas","slot":"s1",`+
		`"audience":{"kind":"all"},"labels":{"app_id":"`+appID+`","workspace_id":"`+workspace+`"}}}`)
	o, err = c.revokeTask(task)
	want(t, "revoke task", o, err, ok, "")
	o, err = c.revokeTask(task)
	want(t, "repeat", o, err, invalid, "already taken back")
}

// TestRPCSchedule lists and cancels a scheduled push.
func TestRPCSchedule(t *testing.T) {
	c, id := newRPC(t, keyID, secret), unique("scheduled")
	at := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	p := simple(id, "device-1")
	p.StrategyType, p.StrategyContent = requests.NewInteger(1), `{"fixedTime":`+string(requests.NewInteger64(at.UnixMilli()))+`}`
	c.push(t, p)
	list := func() mpaas.Data {
		t.Helper()
		r := mpaas.CreateQueryPushSchedulerListRequest()
		r.AppId, r.WorkspaceId = appID, workspace
		r.StartTime, r.EndTime = requests.NewInteger64(at.Add(-time.Minute).UnixMilli()), requests.NewInteger64(at.Add(time.Minute).UnixMilli())
		a, err := c.QueryPushSchedulerList(r)
		if err != nil {
			t.Fatal(err)
		}
		if a.ResultCode != ok {
			t.Fatalf("list = %s %s", a.ResultCode, a.ResultMessage)
		}
		return a.ResultContent.Data
	}
	cancel := func() outcome {
		t.Helper()
		r := mpaas.CreateCancelPushSchedulerRequest()
		r.AppId, r.WorkspaceId, r.UniqueIds = appID, workspace, id
		a, err := c.CancelPushScheduler(r)
		if err != nil {
			t.Fatal(err)
		}
		return outcome{a.ResultCode, a.ResultCode == ok, a.ResultContent}
	}
	d := list()
	if d.TotalCount != 1 || len(d.List) != 1 {
		t.Fatalf("list = %d, %+v, want one push", d.TotalCount, d.List)
	}
	if e := d.List[0]; e.UniqueId != id || e.PushTime != at.UnixMilli() || e.PushTitle != "半价 50%" || e.StrategyType != 1 || e.DeliveryType != 1 {
		t.Errorf("list has %+v", e)
	}
	want(t, "cancel", cancel(), nil, ok, "")
	if d := list(); d.TotalCount != 0 || len(d.List) != 0 {
		t.Errorf("list after the cancel = %d, %+v, want nothing", d.TotalCount, d.List)
	}
	want(t, "cancel again", cancel(), nil, invalid, "already taken back")
}
