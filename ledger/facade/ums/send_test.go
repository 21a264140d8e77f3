package ums

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
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

func TestSendIsRecorded(t *testing.T) {
	n := start(t)
	for _, c := range []struct {
		what, path, body string
		want             events.Created
		sendno           string
	}{
		{"one user", "/v1/sent", `{"aud_userid":["u1"],"aud_tag":[],"msg_app":[{"platform":"all","notification":{"alert":"wrong price",
			"android":{"title":"Sale"},"ios":{"alert":{"title":"iSale","body":"iBody"}}}}],
			"rule_id":7,"option":{"sendno":"test","owner":"team"},"callback":{"url":"http://x","params":{}}}`,
			events.Created{Title: "Sale", Body: "iBody", Audience: events.Audience{Kind: events.AudienceUser, Names: []string{"u1"}},
				Labels: map[string]string{"messages": "app", "rule_id": "7", "sendno": "test", "owner": "team"}}, "test"},
		{"users", "/v1/sent", `{"aud_userid":["u1","u2"],"msg_sms":[{"x":1}],"msg_app":[{"message":{"title":"T","msg_content":"C"}}]}`,
			events.Created{Title: "T", Body: "C", Audience: events.Audience{Kind: events.AudienceList}, Labels: map[string]string{"messages": "app,sms"}}, ""},
		{"tags", "/v1/sent", `{"aud_tag":["vip","上海"],"msg_email":[{"subject":"s"}],"option":{"sendno":12}}`,
			events.Created{Audience: events.Audience{Kind: events.AudienceTag, Names: []string{"vip", "上海"}},
				Labels: map[string]string{"messages": "email", "sendno": "12"}}, "12"},
		{"segment", "/v1/sent", `{"aud_segment":[1],"msg_app":[{"notification":{"alert":"a\u0000b"}}]}`,
			events.Created{Body: "ab", Audience: events.Audience{Kind: events.AudienceList}, Labels: map[string]string{"messages": "app"}}, ""},
		{"everybody", "/v1/broadcast", `{"msg_app":["not readable"],"aud_userid":null}`,
			events.Created{Audience: events.Audience{Kind: events.AudienceAll}, Labels: map[string]string{"messages": "app"}}, ""},
		{"template", "/v1/template/sent", `{"aud_userid":["u1"],"template_id":31,"template_para":{"a":"b"},"app_para":{"platform":"all"}}`,
			events.Created{Audience: events.Audience{Kind: events.AudienceUser, Names: []string{"u1"}}, Labels: map[string]string{"template_id": "31"}}, ""},
		{"template to everybody", "/v1/template/broadcast", `{"template_id":"t-1","app_para":{"platform":["ios"]}}`,
			events.Created{Audience: events.Audience{Kind: events.AudienceAll}, Labels: map[string]string{"template_id": "t-1"}}, ""},
		{"long texts", "/v1/sent", `{"aud_userid":["u1"],"msg_app":[{"notification":{"alert":"` + strings.Repeat("价", 2000) + `"}}]}`,
			events.Created{Body: strings.Repeat("价", 1365), Audience: events.Audience{Kind: events.AudienceUser, Names: []string{"u1"}},
				Labels: map[string]string{"messages": "app"}}, ""},
	} {
		a := n.do("POST", c.path, c.body, shop)
		var got struct{ MsgID string }
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
			t.Errorf("%s: %v: %s", c.what, err, a.Body)
			continue
		}
		if !regexp.MustCompile(`^v:1t:\d{10}p:\d+n:\d+$`).MatchString(got.MsgID) {
			t.Errorf("%s: msgid %q", c.what, got.MsgID)
		}
		sendno := ""
		if c.sendno != "" {
			sendno = fmt.Sprintf(`,"sendno":%q`, c.sendno)
		}
		n.expect(c.what, a, 200, fmt.Sprintf(`{"code":0,"message":"success","msgid":%q%s}`, got.MsgID, sendno))
		p := n.Push("shop", got.MsgID).Created
		if !channels.SlotInteger.Fits(p.Slot) || p.Profile != "ums" {
			t.Errorf("%s: slot %q, profile %q", c.what, p.Slot, p.Profile)
		}
		c.want.Slot, c.want.SlotAuto, c.want.Profile = p.Slot, true, "ums"
		if diff := cmp.Diff(&c.want, p); diff != "" {
			t.Errorf("%s: recorded otherwise (-want +got):\n%s", c.what, diff)
		}
	}
}

func TestSendLifetime(t *testing.T) {
	n := start(t)
	before := n.Now()
	a := n.do("POST", "/v1/sent", `{"aud_userid":["u1"],"msg_app":[{"notification":{"alert":"x"},"options":{"time_to_live":60}}]}`, shop)
	var got struct{ MsgID string }
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatal(err)
	}
	p := n.Push("shop", got.MsgID).Created
	if p.ExpireAt == nil || p.ExpireAt.Before(before.Add(time.Minute)) || p.ExpireAt.After(n.Now().Add(time.Minute)) {
		t.Errorf("expires at %v", p.ExpireAt)
	}
}

func TestSendRefusals(t *testing.T) {
	n := start(t)
	many := func(count int) string { return strings.Repeat(`"u",`, count-1) + `"u"` }
	for _, c := range []struct{ what, path, body, want string }{
		{"bad JSON", "/v1/sent", `{`, `{"code":4004,"message":"the body is not a JSON object"}`},
		{"empty", "/v1/sent", ``, `{"code":4004,"message":"the body is not a JSON object"}`},
		{"null", "/v1/sent", `null`, `{"code":4004,"message":"the body is not a JSON object"}`},
		{"array", "/v1/sent", `[]`, `{"code":4004,"message":"the body is not a JSON object"}`},
		{"nobody", "/v1/sent", `{"msg_app":[{"x":1}]}`, `{"code":4004,"message":"no aud_ parameter says to whom the message goes"}`},
		{"no list", "/v1/sent", `{"aud_userid":"u1"}`, `{"code":4004,"message":"aud_userid is not an array of texts"}`},
		{"no texts", "/v1/sent", `{"aud_userid":[{}]}`, `{"code":4004,"message":"aud_userid is not an array of texts"}`},
		{"empty name", "/v1/sent", `{"aud_userid":[""]}`, `{"code":4004,"message":"aud_userid is not an array of texts"}`},
		{"control character", "/v1/sent", `{"aud_userid":["a\u0001"],"msg_app":[{"x":1}]}`,
			`{"code":4004,"message":"data.audience.names[0]: has the control character 0x01 at byte 1"}`},
		{"1001 users", "/v1/sent", `{"aud_userid":[` + many(1001) + `],"msg_app":[{"x":1}]}`, `{"code":1015004,"message":"more than 1000 userids"}`},
		{"21 tags", "/v1/sent", `{"aud_tag":[` + many(21) + `],"msg_app":[{"x":1}]}`, `{"code":4004,"message":"aud_tag has more than 20 entries"}`},
		{"nothing to say", "/v1/sent", `{"aud_userid":["u"],"msg_app":[]}`, `{"code":4004,"message":"no msg_ parameter says what to send"}`},
		{"everybody and one", "/v1/broadcast", `{"aud_userid":["u"],"msg_app":[{"x":1}]}`,
			`{"code":4004,"message":"a broadcast goes to everybody and takes no aud_ parameter"}`},
		{"no template", "/v1/template/sent", `{"aud_userid":["u"]}`, `{"code":1015031,"message":"template id missing"}`},
		{"bad template", "/v1/template/sent", `{"aud_userid":["u"],"template_id":[1]}`, `{"code":1015032,"message":"template id wrong"}`},
		{"template and message", "/v1/template/sent", `{"aud_userid":["u"],"template_id":1,"msg_app":[{"x":1}]}`,
			`{"code":1015094,"message":"template send must not carry msg_xxx"}`},
		{"no platform", "/v1/template/sent", `{"aud_userid":["u"],"template_id":1,"app_para":{"time_to_live":5}}`, `{"code":1015084,"message":"no app platform"}`},
		{"bad platform", "/v1/template/sent", `{"aud_userid":["u"],"template_id":1,"app_para":{"platform":5}}`, `{"code":1015085,"message":"bad app platform"}`},
		{"too large", "/v1/sent", `{"aud_userid":["` + strings.Repeat("u", MaxSendBody) + `"]}`, `{"code":4004,"message":"the body is longer than 1048576 bytes"}`},
	} {
		n.expect(c.what, n.do("POST", c.path, c.body, shop), 400, c.want)
	}
	n.expect("1000 users", n.do("POST", "/v1/sent", `{"aud_userid":[`+many(1000)+`]}`, shop), 400, `{"code":4004,"message":"no msg_ parameter says what to send"}`)
	n.expect("stranger", n.do("POST", "/v1/sent", `{"aud_userid":["u"]}`, "shopkey:no"), 401, unauthorized)
}

// TestRefusalsHaveCodes: every refusal of the ledger has an answer of the table.
func TestRefusalsHaveCodes(t *testing.T) {
	want := map[ledger.Code]code{
		ledger.UnknownPush: codeInvalid, ledger.UnknownDevice: codeInvalid, ledger.NotScheduled: codeInvalid,
		ledger.AlreadyStarted: codeInvalid, ledger.WindowClosed: codeInvalid, ledger.RateLimited: codeRateLimited,
		ledger.AlreadyRecalled: codeAlreadyRecalled, ledger.TooManyRecalls: codeRateLimited, ledger.AudienceNotAllowed: codeInvalid,
		ledger.ReplacementMissing: codeInvalid, ledger.ReplacementPushTaken: codeInvalid,
	}
	got := map[ledger.Code]code{}
	for c := range maps.Keys(want) {
		a := refused(&ledger.Refusal{Code: c})
		got[c] = a.Code
		if m, ok := meanings()[a.Code]; !ok || a.Message == "" || m.status != 400 {
			t.Errorf("%s is answered %+v", c, a)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestChannelsAreOfTheMatrix: a misspelt channel could never be recalled.
func TestChannelsAreOfTheMatrix(t *testing.T) {
	found := 0
	for sender := range 12 {
		if c, ok := channelOf(sender); ok {
			found++
			if !channels.Known(c) {
				t.Errorf("sender %d is %q, no channel of the matrix", sender, c)
			}
			if plan := channels.Resolve(channels.Ask{Profile: "ums", Channel: c, Action: channels.Recall, Slot: "42", Sends: true, WholeSends: true}); plan.Method == channels.None {
				t.Errorf("sender %d is %q, which profile ums cannot take back: %s", sender, c, plan.Why)
			}
		}
	}
	if found != 8 {
		t.Errorf("%d senders have a channel", found)
	}
}
