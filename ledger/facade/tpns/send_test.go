package tpns

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// Requests as public clients write them.
const (
	// A Go client writes every field, empty or not.
	goBody = `{"audience_type":"all","platform":"","message":{"title":"t","content":"c","android":{"builder_id":0,"badge_type":-1,"ring":1,"ring_raw":"","vibrate":1,"lights":1,"clearable":1,"icon_type":0,"style_id":1,"show_type":2,"icon_color":0}},"message_type":"notify","environment":"","upload_id":0,"expire_time":0,"multi_pkg":false,"account_push_type":0,"account_type":0,"collapse_id":0,"push_speed":0,"tpns_online_push_type":0,"force_collapse":false,"ignore_invalid_token":0,"trace_id":""}`
	// A Java client writes null.
	javaBody = `{"audience_type":"token","platform":"android","message":{"title":"t","content":"c","accept_time":null,"android":{"n_id":0},"ios":null},"message_type":"notify","environment":"product","tag_list":null,"tag_rules":null,"token_list":["0250df875c93c555dd3a2ba536b54fc1xxxx"],"account_list":null,"send_time":"","group_id":null,"loop_times":0,"loop_param":null,"expire_time":259200,"multi_pkg":false,"collapse_id":null,"force_collapse":null,"seq":0}`
	// PHP makes lists of empty objects, and strings of numbers.
	phpBody = `{"audience_type":"account_list","message_type":"notify","message":{"title":"t","content":"c","android":[],"ios":[]},"account_list":["one",2],"token_list":[],"tag_list":[],"loop_param":[],"expire_time":"600","upload_id":"","multi_pkg":1,"collapse_id":"0","push_speed":"1000"}`
)

func TestPushesOfRealClients(t *testing.T) {
	n := start(t)
	for _, tt := range []struct {
		body, result string
		kind         events.AudienceKind
		names        []string
		labels       map[string]string
		keep         time.Duration
	}{
		{goBody, "", events.AudienceAll, nil,
			map[string]string{labelAudience: "all", labelPlatform: "android", labelMessage: "notify", labelEnvironment: "product", labelExpire: "0"}, minExpire},
		{javaBody, "[0]", events.AudienceDevice, []string{"0250df875c93c555dd3a2ba536b54fc1xxxx"},
			map[string]string{labelAudience: "token", labelPlatform: "android", labelMessage: "notify", labelEnvironment: "product", labelExpire: "259200"}, maxExpire},
		{phpBody, "", events.AudienceList, nil,
			map[string]string{labelAudience: "account_list", labelMessage: "notify", labelEnvironment: "product", labelExpire: "600", labelMulti: "true"}, minExpire},
	} {
		before := n.Now()
		var a pushAnswer
		answer := n.expect(codeOK, appPath, tt.body, shop())
		if err := json.Unmarshal([]byte(answer), &a); err != nil || a.Result != tt.result || strings.Contains(answer, "result") != (tt.result != "") {
			t.Errorf("answered %s", answer)
		}
		p := n.Push("shop", a.PushID)
		c := p.Created
		delete(c.Labels, labelTarget)
		if collapse := collapseOf(a.PushID, n.Now()); collapse != 0 {
			tt.labels[labelCollapse] = strconv.FormatUint(uint64(collapse), 10)
		}
		if c.Title != "t" || c.Body != "c" || c.Profile != "tpns" || c.Audience.Kind != tt.kind || !reflect.DeepEqual(c.Audience.Names, tt.names) {
			t.Errorf("created %+v", c)
		}
		if !reflect.DeepEqual(c.Labels, tt.labels) {
			t.Errorf("labels %v, want %v", c.Labels, tt.labels)
		}
		if !channels.SlotInteger.Fits(c.Slot) || c.ScheduleAt != nil || c.ExpireAt.Before(before.Add(tt.keep)) || c.ExpireAt.After(n.Now().Add(tt.keep)) {
			t.Errorf("slot %q, schedule %v, expiry %v", c.Slot, c.ScheduleAt, c.ExpireAt)
		}
	}
}

func TestBadPushes(t *testing.T) {
	n := start(t)
	const rest = `"message_type":"notify","message":{"title":"t"}`
	many := `["` + strings.Repeat(`t","`, maxNames) + `t"]`
	tokens := `{"audience_type":"token_list","token_list":` + many + `,` + rest + `}`
	for _, tt := range []struct {
		body string
		want int
	}{
		{"", codeParse},
		{"null", codeParse},
		{`{"audience_type":["all"],` + rest + `}`, codeParse},
		{`{"audience_type":"all","expire_time":"soon",` + rest + `}`, codeParse},
		{`{"audience_type":"all","expire_time":1.5,` + rest + `}`, codeParse},
		{`{"audience_type":"all","multi_pkg":"maybe",` + rest + `}`, codeParse},
		{`{"audience_type":"tag","tag_list":["a"],` + rest + `}`, codeParse},
		{`{"audience_type":"all","message_type":"notify","message":"t"}`, codeParse},
		{`{` + rest + `}`, codeMissing},
		{`{"audience_type":"",` + rest + `}`, codeMissing},
		{`{"audience_type":"everybody",` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","message_type":"notify"}`, codeMissing},
		{`{"audience_type":"all","message_type":"notify","message":null}`, codeMissing},
		{`{"audience_type":"all","message_type":"notify","message":{ }}`, codeMissing},
		{`{"audience_type":"all","message":{"title":"t"}}`, codeMissing},
		{`{"audience_type":"all","message_type":"nornal","message":{"title":"t"}}`, codeInvalid},
		{`{"audience_type":"all","platform":"windows",` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","environment":"test",` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","platform":"ios",` + rest + `}`, codeMissing},
		{`{"audience_type":"all","message_type":"notify","message":{"title":"t","ios":{"aps":{}}}}`, codeMissing},
		{`{"audience_type":"all","group_id":"12345678901234567890123456",` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","plan_id":"` + strings.Repeat("p", 129) + `",` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","message_type":"notify","message":{"title":"` + strings.Repeat("t", 513) + `"}}`, codeInvalid},
		{`{"audience_type":"all","message_type":"notify","message":{"title":"a\u0000b"}}`, codeInvalid},
		{`{"audience_type":"tag",` + rest + `}`, codeMissing},
		{`{"audience_type":"tag","tag_list":{"tags":[],"op":"OR"},` + rest + `}`, codeMissing},
		{`{"audience_type":"tag","tag_rules":[{"tag_items":[]}],"tag_list":{"tags":["a"]},` + rest + `}`, codeMissing},
		{`{"audience_type":"tag","tag_list":{"tags":["a"],"op":"XOR"},` + rest + `}`, codeInvalid},
		{`{"audience_type":"package_account_push",` + rest + `}`, codeMissing},
		{`{"audience_type":"token","token_list":null,` + rest + `}`, codeNobody},
		{`{"audience_type":"account_list","account_list":[],` + rest + `}`, codeNobody},
		{`{"audience_type":"token","token_list":[""],` + rest + `}`, codeToken},
		{`{"audience_type":"token","token_list":["` + strings.Repeat("t", 37) + `"],` + rest + `}`, codeToken},
		{`{"audience_type":"account","account_list":[""],` + rest + `}`, codeInvalid},
		{tokens, codeInvalid},
		{strings.Replace(tokens, `"t",`, "", 1), codeOK},
		{`{"audience_type":"all","expire_time":-1,` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","expire_time":2147483648,` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","send_time":"2026-11-20",` + rest + `}`, codeInvalid},
		{`{"audience_type":"all","x":"` + strings.Repeat("x", 1<<20) + `",` + rest + `}`, codeInvalid},
		// Larger than a recall may be, not larger than a push may be.
		{`{"audience_type":"all","x":"` + strings.Repeat("x", 1<<19) + `",` + rest + `}`, codeOK},
		{`{"audience_type":"all","message_type":"notify","message":{"title":"a\r\nb\rc"}}`, codeOK},
	} {
		n.expect(tt.want, appPath, tt.body, shop())
	}
	if got := n.recordOf(shop(), n.newest("shop")).Title; got != "a\nb\nc" {
		t.Errorf("title %q", got)
	}
}

func TestSendTime(t *testing.T) {
	n := start(t)
	for _, tt := range []struct {
		ahead    time.Duration
		audience string
		want     int
		timed    bool
	}{
		{-11 * time.Minute, "all", codeTime, false},
		{-9 * time.Minute, "all", codeOK, false},
		{-9 * time.Minute, "account_list", codeOK, false},
		{time.Hour, "all", codeOK, true},
		{maxAhead - time.Minute, "all", codeOK, true},
		{maxAhead + time.Minute, "all", codeTime, false},
		{time.Hour, "account_list", codeInvalid, false},
		{time.Hour, "account", codeInvalid, false},
		{time.Hour, "token", codeInvalid, false},
		{time.Hour, "token_list", codeInvalid, false},
	} {
		at := n.Now().Add(tt.ahead).Truncate(time.Second)
		body := `{"audience_type":"` + tt.audience + `","account_list":["one"],"token_list":["t"],"message_type":"notify","message":{"title":"t"},"expire_time":3600,"send_time":"` +
			at.In(beijing).Format(time.DateTime) + `"}`
		n.expect(tt.want, appPath, body, shop())
		if tt.want != codeOK {
			continue
		}
		c := n.Push("shop", n.newest("shop")).Created
		if (c.ScheduleAt != nil) != tt.timed || tt.timed && (!c.ScheduleAt.Equal(at) || !c.ExpireAt.Equal(at.Add(time.Hour))) {
			t.Errorf("%s ahead: schedule %v, expiry %v", tt.ahead, c.ScheduleAt, c.ExpireAt)
		}
	}
}

// A single push goes to the first name only, as the vendor's does.
func TestSinglePushGoesToTheFirst(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "account", `,"account_list":["one","two"]`)
	if got, want := n.Push("shop", push).Created.Audience.Names, []string{"one"}; !reflect.DeepEqual(got, want) {
		t.Errorf("audience %v, want %v", got, want)
	}
	if n.recordOf(shop(), push).CollapseID != 0 {
		t.Error("a single push has a collapse_id")
	}
}
