package mpaas

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// recorded is when the requests in testdata were made, by the clients named in
// their file names: alibaba-cloud-sdk-go 1.63.107 (go_v1), pop-core 1.8.0
// (node_v1), darabonba-openapi 2.1.13 (go_acs3), openapi-client 0.4.15
// (node_acs3), with the key testid and the secret testsecret.
var recorded = time.Date(2026, 11, 20, 10, 34, 23, 0, time.UTC)

func startRecorded(t *testing.T) *node {
	t.Helper()
	return start(t, time.Until(recorded), func(c *Config) { c.Started = recorded.Add(-time.Hour) })
}

func (n *node) replay(name string) answered {
	n.T.Helper()
	return n.read(n.Send(facadetest.Must(os.ReadFile(filepath.Join("testdata", name+".http")))(n.T)))
}

// Every stock client's own bytes are understood, in every placement.
func TestRecordedRequests(t *testing.T) {
	n := startRecorded(t)
	const again = "is already taken back"
	for _, tt := range []struct{ name, code, reason string }{
		{"go_v1_revoke_task", resultInvalid, `no push "20842863" is known to this app`},
		{"go_v1_push_simple", resultOK, ""},
		{"node_v1_push_post", resultOK, ""}, // the same push once more, from others
		{"go_acs3_push_form", resultOK, ""},
		{"node_acs3_push", resultOK, ""},
		{"go_v1_revoke_message", resultOK, ""},
		{"node_v1_revoke_post", resultInvalid, again},
		{"node_v1_revoke_get", resultInvalid, again},
		{"go_acs3_revoke_form", resultInvalid, again},
		{"go_acs3_revoke_query", resultInvalid, again},
		{"node_acs3_revoke", resultInvalid, again},
		{"go_v1_push_template", resultOK, ""},
		{"go_v1_push_multiple", resultOK, ""},
		{"go_v1_push_broadcast", resultOK, ""},
		{"go_v1_list", resultOK, ""},
		{"go_v1_cancel", resultOK, ""},
	} {
		a := n.replay(tt.name)
		if a.Status != http.StatusOK || a.fields.ResultCode != tt.code || !strings.Contains(a.fields.PushResult.ResultMsg, tt.reason) {
			t.Errorf("%s: %d %s", tt.name, a.Status, a.Body)
		}
		if tt.name == "go_v1_list" && !strings.Contains(a.Body, `"TotalCount":2,`) {
			t.Errorf("the list is %s", a.Body)
		}
		if got := n.replay(tt.name); got.fields.Code != codeNonceUsed {
			t.Errorf("%s replayed: %d %s", tt.name, got.Status, got.Body)
		}
	}
	c := n.Push(appShop, "1578807462788").Created
	got := []string{c.Title, c.Body, string(c.Audience.Kind), strings.Join(c.Audience.Names, " "), c.Profile}
	want := []string{"50% off's ~today~ (now!)", "您好 a/b*c & d=e", "user", "user1024", "mpaas"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("the recorded push differs (-want +got):\n%s", d)
	}
	for _, id := range []string{"msg-1", "msg-2"} {
		if p := n.Push(appShop, id); p.Status != "cancelled" || p.Created.Title != "For John" {
			t.Errorf("%s is %s with title %q", id, p.Status, p.Created.Title)
		}
	}
}

// What is answered is what the vendor answers, byte for byte.
func TestAnswerBytes(t *testing.T) {
	n := start(t, 0)
	for _, tt := range []struct {
		action string
		params params
		want   string
	}{
		{"PushSimple", simple("m1", "d1"), `{"RequestId":"ID","ResultCode":"OK","ResultMessage":"SUCCESS","PushResult":{"Success":true,"ResultMsg":"SUCCESS","Data":""}}`},
		{"RevokePushMessage", revoke("m1", "d1"), `{"RequestId":"ID","ResultCode":"OK","ResultMessage":"SUCCESS","PushResult":{"Success":true,"ResultMsg":"SUCCESS","Data":""}}`},
		{"RevokePushMessage", revoke("no", "d1"), `{"RequestId":"ID","ResultCode":"3028","ResultMessage":"param is invalid","PushResult":{"Success":false,"ResultMsg":"no push \"no\" is known to this app","Data":""}}`},
		{"CancelPushScheduler", params{"UniqueIds": "m1"}, `{"RequestId":"ID","ResultCode":"3028","ResultMessage":"param is invalid","ResultContent":"1 of 1 were not cancelled: push \"m1\" was not scheduled; terminate or recall it instead"}`},
		{"QueryPushSchedulerList", params{"StartTime": "1", "EndTime": "2"}, `{"RequestId":"ID","ResultCode":"OK","ResultMessage":"SUCCESS","ResultContent":{"Data":{"TotalCount":0,"List":[]}}}`},
		{"PushEverything", nil, `{"RequestId":"ID","HostId":"HOST","Code":"InvalidApi.NotFound","Message":"Specified api is not found, please check your url and method.","Recommend":""}`},
	} {
		a := n.call(tt.action, tt.params)
		got := strings.Replace(a.Body, a.fields.RequestID, "ID", 1)
		if a.fields.HostID != "" {
			got = strings.Replace(got, a.fields.HostID, "HOST", 1)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.action, d)
		}
	}
}

// The examples in the vendor's own documents of the two schemes, which differ
// in product and version only.
func TestVendorSignatureExamples(t *testing.T) {
	values := map[string]string{
		"AccessKeyId": "testid", "Action": "DescribeRegions", "Format": "XML", "SignatureMethod": "HMAC-SHA1",
		"SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf", "SignatureVersion": "1.0", "Timestamp": "2016-02-23T12:46:24Z",
		"Version": "2014-05-26", "Signature": "OLeaidS1JvxuMvnyHOwuJ+uX5qY=",
	}
	v1 := &call{values: values}
	if f := v1.readV1(http.MethodGet); f != nil || !v1.proof.holds("testsecret") {
		t.Errorf("v1: fault %v, string to sign %s", f, v1.proof.toSign)
	}
	r := &http.Request{Method: http.MethodPost, Host: "ecs.cn-shanghai.aliyuncs.com", Header: http.Header{}}
	for k, v := range map[string]string{
		"Authorization": "ACS3-HMAC-SHA256 Credential=YourAccessKeyId," +
			"SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version," +
			"Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0",
		headerAction: "RunInstances", headerVersion: "2014-05-26", headerDate: "2023-10-26T10:22:32Z", headerNonce: "3156853299f313e23d1673dc12e1703d",
		headerBodyHash: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	} {
		r.Header.Set(k, v)
	}
	query := map[string]string{"ImageId": "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd", "RegionId": "cn-shanghai"}
	v3 := &call{}
	if f := v3.readACS3(r, query, nil); f != nil || !v3.proof.holds("YourAccessKeySecret") {
		t.Errorf("ACS3: fault %v, string to sign %s", f, v3.proof.toSign)
	}
}

// The command line client puts all into the query of a POST without a body.
func TestAllInTheQuery(t *testing.T) {
	n := start(t, 0)
	v := n.signed(http.MethodPost, "PushSimple", simple("m1", "d1"))
	raw := "POST /?" + v.Encode() + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n"
	if a := n.read(n.Send([]byte(raw))); a.fields.ResultCode != resultOK {
		t.Errorf("got %s", a.Body)
	}
	if p := n.Push(appShop, "m1"); p.Created.Audience.Kind != events.AudienceDevice {
		t.Errorf("the push is %+v", p)
	}
}

// params are the business parameters of a call.
type params map[string]string

// with returns a copy with other values; an empty one takes a name away.
func (p params) with(pairs ...string) params {
	c := params{}
	for k, v := range p {
		c[k] = v
	}
	for i := 0; i < len(pairs); i += 2 {
		if c[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(c, pairs[i])
		}
	}
	return c
}

func (p params) values() url.Values {
	v := url.Values{"AppId": {"APP"}, "WorkspaceId": {"default"}}
	for k, x := range p {
		if v.Set(k, x); x == "" {
			v.Del(k)
		}
	}
	return v
}

func simple(id, device string) params {
	return params{"TargetMsgkey": `{"` + device + `":"` + id + `"}`, "DeliveryType": "1", "ExpiredSeconds": "300", "Title": "t", "Content": "c"}
}

func revoke(id, target string) params { return params{"MessageId": id, "TargetId": target} }
