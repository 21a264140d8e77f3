package ums

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// hear registers receivers for the shop at a running node.
func (n *node) hear(urls ...string) {
	n.HTTP.Config.Handler = New(Config{Desk: n.Desk, Logger: n.Desk.Logger, Receivers: map[string][]string{"shopkey": urls}})
}

const (
	defaultURL = "https://shop.example/status"
	secondURL  = "https://shop.example/second?token=t0ken"
)

func TestSendKeepsItsReceiver(t *testing.T) {
	n := start(t)
	n.hear(defaultURL, secondURL)
	// 1000 bytes of JSON, the most that surely fits.
	most := fmt.Sprintf(`{"a":%q}`, strings.Repeat("价", 330)+"xx")
	for _, tt := range []struct {
		what, as, callback string
		labels             map[string]string
		params             string
	}{
		{"nothing asked", shop, `null`, map[string]string{LabelKey: "shopkey"}, ""},
		{"empty", shop, `{"url":"","params":{}}`, map[string]string{LabelKey: "shopkey"}, ""},
		{"the default", shop, `{"url":"` + defaultURL + `"}`, map[string]string{LabelKey: "shopkey", LabelURL: URLHash(defaultURL)}, ""},
		{"another", shop, `{"url":"` + secondURL + `","params":null}`, map[string]string{LabelKey: "shopkey", LabelURL: URLHash(secondURL)}, ""},
		{"not registered", shop, `{"url":"https://evil.example/"}`, map[string]string{LabelKey: "shopkey"}, ""},
		{"params", shop, `{"params": {"name": "joe", "age": 26, "big": 12345678901234567890}}`, map[string]string{LabelKey: "shopkey"},
			`{"name":"joe","age":26,"big":12345678901234567890}`},
		{"params of every kind", shop, `{"params":{"a<&>":[1,{"b":null}],"c":"\u0001` + "\x7f\u2028\xff" + `"}}`, map[string]string{LabelKey: "shopkey"},
			`{"a<&>":[1,{"b":null}],"c":"\u0001\u007f` + "\u2028\uFFFD" + `"}`},
		{"long params", shop, `{"params":` + most + `}`, map[string]string{LabelKey: "shopkey"}, most},
		{"a key without receivers", bank, `{"url":"` + defaultURL + `","params":{"a":1}}`, nil, ""},
		{"a key without receivers, bad form", bank, `7`, nil, ""},
	} {
		a := n.do("POST", "/v1/sent", `{"aud_tag":["t"],"msg_app":[{"x":1}],"rule_id":1,"option":{"sendno":"s","owner":"o"},"callback":`+tt.callback+`}`, tt.as)
		var got struct{ MsgID string }
		if err := json.Unmarshal([]byte(a.Body), &got); err != nil || a.Status != 200 {
			t.Errorf("%s: %d %s", tt.what, a.Status, a.Body)
			continue
		}
		app := map[string]string{shop: "shop", bank: "bank"}[tt.as]
		labels := maps.Clone(n.Push(app, got.MsgID).Created.Labels)
		if params := string(Params(labels)); params != tt.params {
			t.Errorf("%s: params are %s, want %s", tt.what, params, tt.params)
		}
		want := map[string]string{"messages": "app", "rule_id": "1", "sendno": "s", "owner": "o"}
		maps.Copy(want, tt.labels)
		maps.DeleteFunc(labels, func(name, _ string) bool { return strings.HasPrefix(name, labelParams) })
		if diff := cmp.Diff(want, labels); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", tt.what, diff)
		}
	}
	log := n.Logged()
	if strings.Count(log, "callback URL that is not registered") != 1 {
		t.Errorf("the log does not tell once of the URL that is not registered: %s", log)
	}
	if strings.Contains(log, "evil") || strings.Contains(log, "t0ken") {
		t.Errorf("the log tells a URL: %s", log)
	}
}

func TestSendRefusesBadReceivers(t *testing.T) {
	n := start(t)
	n.hear(defaultURL)
	for _, tt := range []struct{ callback, want string }{
		{`7`, "callback is not an object with the text url and the object params"},
		{`"` + defaultURL + `"`, "callback is not an object with the text url and the object params"},
		{`{"url":7}`, "callback is not an object with the text url and the object params"},
		{`{"params":7}`, "callback.params is not an object"},
		{`{"params":["a"]}`, "callback.params is not an object"},
		{fmt.Sprintf(`{"params":{"a":%q}}`, strings.Repeat("x", MaxParams)), "callback.params is longer than 1000 bytes"},
	} {
		body := `{"aud_userid":["u"],"msg_app":[{"x":1}],"callback":` + tt.callback + `}`
		n.expect(tt.callback, n.do("POST", "/v1/sent", body, shop), 400, fmt.Sprintf(`{"code":4004,"message":%q}`, tt.want))
	}
	pushes, _, err := n.Part.Local.Pushes("shop", projections.Page{}, n.Now())
	if err != nil || len(pushes) != 0 {
		t.Errorf("%d pushes were recorded (%v)", len(pushes), err)
	}
}

// TestLabelsFit: a send with everything there is keeps to the limit of labels.
func TestLabelsFit(t *testing.T) {
	const others = 4 // messages or template_id, rule_id, owner, sendno
	if n := others + 2 + maxParamLabels; n > events.MaxLabels {
		t.Errorf("a send needs %d labels, the limit is %d", n, events.MaxLabels)
	}
}

// TestDamagedParams: labels that are no JSON object give none.
func TestDamagedParams(t *testing.T) {
	for _, labels := range []map[string]string{nil, {"callback_params0": `{"a":`}, {"callback_params1": `"a"}`}, {"callback_params0": `"text"`}} {
		if p := Params(labels); p != nil {
			t.Errorf("%v: got %s", labels, p)
		}
	}
}
