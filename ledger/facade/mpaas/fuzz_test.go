package mpaas

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// fuzzNow is when everything in the fuzz targets happens.
var fuzzNow = time.Date(2026, 11, 20, 10, 34, 23, 0, time.UTC)

// A query and a form of a recorded request.
const (
	fuzzQuery = "AccessKeyId=testid&Action=PushMultiple&Format=JSON&RegionId=cn-hangzhou&Signature=YPjpFAk2H6PBDJgiSl3Vv8JRQvc%3D&SignatureMethod=HMAC-SHA1&SignatureNonce=49cdb343adac7b21d188ca8ef1db3281&SignatureType=&SignatureVersion=1.0&Timestamp=2026-11-20T10%3A34%3A22Z&Version=2020-10-28"
	fuzzForm  = "AppId=ONEX570DA89211721&DeliveryType=3&ExpiredSeconds=300&TargetMsg.1.MsgKey=k1&TargetMsg.1.Target=u1&TargetMsg.1.TemplateKeyValue=%7B%22money%22%3A%221%22%2C%22name%22%3A%22A%22%7D&TargetMsg.2.MsgKey=k2&TargetMsg.2.Target=u2&TargetMsg.2.TemplateKeyValue=%7B%22money%22%3A%222%22%2C%22name%22%3A%22B%22%7D&TaskName=m&TemplateName=Test+template&WorkspaceId=default"
)

// fuzzRequest is a request as the server hands it over.
func fuzzRequest(method, query, body string) *http.Request {
	return &http.Request{
		Method: method, Host: "127.0.0.1:18080", URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body)),
	}
}

// What is read of query and form is both of them, each name once, and the
// canonical form holds all of it.
func FuzzParameters(f *testing.F) {
	f.Add(fuzzQuery, fuzzForm)
	f.Add("", "a=1&a=2")
	f.Add("a=1", "a=1")
	f.Add("a=%zz", "")
	f.Add("=", "a+b=%F0%28~*")
	f.Fuzz(func(t *testing.T, query, form string) {
		first, err := parse(query, nil)
		if err != nil {
			return
		}
		before := maps.Clone(first)
		second, errForm := parse(form, nil)
		all, err := parse(form, first)
		if !maps.Equal(before, first) {
			t.Error("what was read before was changed")
		}
		if err != nil {
			if len(all) != 0 {
				t.Errorf("failed with %v and %d values", err, len(all))
			}
			return
		}
		want := maps.Clone(first)
		maps.Copy(want, second)
		if errForm != nil || !maps.Equal(all, want) || len(all) != len(first)+len(second) {
			t.Errorf("%q and %q are %q", first, second, all)
		}
		if again, err := parse(canonical(all), nil); err != nil || !maps.Equal(all, again) {
			t.Errorf("%q written and read is %q: %v", all, again, err)
		}
	})
}

// The canonical encoding of a text is the one of RFC 3986 and decodes to the text.
func FuzzEncode(f *testing.F) {
	f.Add("50% off's ~today~ (now!)")
	f.Add("您好 a/b*c & d=e")
	f.Add("\x00\xff+%2B")
	f.Fuzz(func(t *testing.T, s string) {
		e := encode(s)
		if got, err := url.PathUnescape(e); err != nil || got != s {
			t.Errorf("%q is %q, which is %q: %v", s, e, got, err)
		}
		if want := escape(s); e != want {
			t.Errorf("%q is %q, want %q", s, e, want)
		}
		if len(e) > 3*len(s) {
			t.Errorf("%d bytes became %d", len(s), len(e))
		}
	})
}

// A request that is accepted has an operation of the table, what is bounded is,
// and the string to sign under v1 holds every parameter but the signature.
func FuzzReadV1(f *testing.F) {
	f.Add(false, fuzzQuery, fuzzForm)
	f.Add(true, fuzzQuery+"&"+fuzzForm, "")
	f.Add(false, "", fuzzQuery+"&"+fuzzForm)
	f.Add(false, strings.Replace(fuzzQuery, "HMAC-SHA1", "HMAC-SHA256", 1), "")
	f.Add(false, strings.Replace(fuzzQuery, "YPj", "!", 1), "")
	f.Fuzz(func(t *testing.T, get bool, query, body string) {
		method := http.MethodPost
		if get {
			method = http.MethodGet
		}
		var c call
		o, fault := read(httptest.NewRecorder(), fuzzRequest(method, query, body), &c)
		if fault != nil {
			if fault.status < 400 || fault.code == "" {
				t.Errorf("refused with %+v", fault)
			}
			return
		}
		if _, ok := findOperation(o.name); !ok || o.name != c.action || len(c.nonce) > MaxNonce || len(body) > o.limit || c.key == "" {
			t.Errorf("accepted %+v", c)
		}
		rest, ok := strings.CutPrefix(c.proof.toSign, method+"&%2F&")
		text, err := url.PathUnescape(rest)
		if !ok || err != nil || strings.ContainsAny(rest, "&=+ ") {
			t.Fatalf("the string to sign is %q: %v", c.proof.toSign, err)
		}
		signed, err := parse(text, nil)
		want := maps.Clone(c.values)
		delete(want, paramSignature)
		if err != nil || !maps.Equal(signed, want) {
			t.Errorf("signed is %q, want %q: %v", signed, want, err)
		}
		if m := mismatch(c.proof.toSign); len(m.message) > MaxEcho+200 {
			t.Errorf("the answer has %d bytes", len(m.message))
		}
		if err := c.check(); err != nil {
			if business, f := translate(err); business == nil || f != nil {
				t.Errorf("a caller's mistake is %v", err)
			}
		}
	})
}

// An ACS3 header that is accepted names a key and signs what must be signed, and
// holds for no other body.
func FuzzReadACS3(f *testing.F) {
	const (
		names = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
		good  = "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=" + names + ",Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
		empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	)
	f.Add(good, empty, "ImageId=win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd&RegionId=cn-shanghai", "")
	f.Add(good, strings.ToUpper(empty), "", "")
	f.Add(strings.Replace(good, "host;", "", 1), empty, "", "")
	f.Add("ACS3-RSA-SHA256 Credential=a", empty, "", "a=b")
	f.Add("ACS3-HMAC-SHA256 , ==,;", empty, "", "a=b")
	f.Fuzz(func(t *testing.T, authorization, bodyHash, query, body string) {
		r := fuzzRequest(http.MethodPost, query, body)
		for name, v := range map[string]string{
			"Authorization": authorization, headerAction: "PushSimple", headerVersion: apiVersion, headerDate: "2026-11-20T10:34:23Z",
			headerNonce: "3156853299f313e23d1673dc12e1703d", headerBodyHash: bodyHash,
		} {
			r.Header[name] = []string{v}
		}
		values, err := parse(query, nil)
		if err != nil {
			return
		}
		var c call
		if fault := c.readACS3(r, values, []byte(body)); fault != nil {
			return
		}
		if c.key == "" || !strings.HasPrefix(authorization, algorithm+" ") || !strings.Contains(authorization, c.key) {
			t.Errorf("the key of %q is %q", authorization, c.key)
		}
		for name := range strings.SplitSeq(names, ";") {
			if !strings.Contains(authorization, name) {
				t.Errorf("accepted without %s: %q", name, authorization)
			}
		}
		if len(c.proof.toSign) != len(algorithm)+1+64 || c.proof.holds("a secret") {
			t.Errorf("the string to sign is %q", c.proof.toSign)
		}
		var other call
		if fault := other.readACS3(r, values, []byte(body+"x")); fault != nil || c.proof.intact && other.proof.intact {
			t.Errorf("the hash %q holds for two bodies: %v", bodyHash, fault)
		}
	})
}

// A push that is accepted is one that the ledger takes, or refuses for what the caller said.
func FuzzSchedule(f *testing.F) {
	f.Add("1", `{"fixedTime":1795167663000}`, "300")
	f.Add("1", `{"fixedTime":"1795167663000"}`, "2592000")
	f.Add("1", `{"fixedTime":9223372036854775807}`, "1")
	f.Add("1", `{"fixedTime":1e3}`, "0")
	f.Add("2", `{"circleType":1}`, "-1")
	f.Add("", "", "9223372036854775807")
	h := New(Config{Desk: facade.NewDesk(facade.Config{Clock: func() time.Time { return fuzzNow }})})
	f.Fuzz(func(t *testing.T, strategy, content, expiry string) {
		c := &call{app: "shop", values: simple("m1", "d1").with("AppId", "APP", "WorkspaceId", "default",
			"StrategyType", strategy, "StrategyContent", content, "ExpiredSeconds", expiry)}
		d, err := h.draft(c, methodSimple)
		if err != nil {
			if business, fault := translate(err); business == nil || fault != nil {
				t.Errorf("a caller's mistake is %v", err)
			}
			return
		}
		if d.expiry <= 0 || d.expiry > MaxExpiry {
			t.Errorf("it expires after %s", d.expiry)
		}
		p := d.created(Template{"t", "c"}, events.Audience{Kind: events.AudienceDevice, Names: []string{"d1"}})
		checkPush(t, p)
	})
}

// checkPush reports a push that neither the log takes nor the caller is to blame for.
func checkPush(t *testing.T, p *events.Created) {
	t.Helper()
	e := &events.Event{Header: events.Header{Kind: events.PushCreated, App: "shop", Push: "m1", Time: fuzzNow}, Data: p}
	err := events.Check(e)
	if err == nil {
		_, err = events.Encode(e)
	}
	if business, fault := translate(err); fault != nil || err != nil && business == nil {
		t.Errorf("%+v: %v", p, err)
	}
}

// Every key of a map is read once, and a map that is accepted is JSON.
func FuzzTargetMsgkey(f *testing.F) {
	f.Add(`{"user1024":"1578807462788"}`, int64(3))
	f.Add(`{"name":"John","money":200,"new":true}`, int64(1))
	f.Add(`{"a":"1","a":"2"}`, int64(1))
	f.Add(`{"a":{"b":"c"}}`, int64(1))
	f.Add(`{"a":"1"}{}`, int64(1))
	f.Add(`null`, int64(3))
	f.Add(`{"a":"1",}`, int64(1))
	f.Fuzz(func(t *testing.T, text string, delivery int64) {
		var refusal *failure
		list, err := pairs("TargetMsgkey", text)
		if err != nil {
			if !errors.As(err, &refusal) || list != nil {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		var all map[string]any
		if err := json.Unmarshal([]byte(text), &all); text != "" && (err != nil || len(all) != len(list)) {
			t.Errorf("%q has %d keys, read were %d: %v", text, len(all), len(list), err)
		}
		for _, p := range list {
			if s, ok := all[p.key].(string); ok && s != p.value {
				t.Errorf("%q is %q, want %q", p.key, p.value, s)
			}
		}
		got, err := (&call{values: map[string]string{"TargetMsgkey": text}}).targets(delivery)
		if err != nil {
			if !errors.As(err, &refusal) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if len(got) == 0 || len(got) > MaxTargets {
			t.Errorf("%d targets", len(got))
		}
		ids := map[string]bool{}
		for _, p := range got {
			if p.key == "" || p.value == "" || ids[p.value] {
				t.Errorf("%q is a target", p)
			}
			ids[p.value] = true
			checkPush(t, &events.Created{Audience: events.Audience{Kind: events.AudienceDevice, Names: []string{p.key}}})
		}
	})
}

// The entries of a PushMultiple are bounded, complete and told apart.
func FuzzTargetMsg(f *testing.F) {
	f.Add(fuzzForm)
	f.Add("TargetMsg.1.Target=u1")
	f.Add("TargetMsg.01.Target=u1&TargetMsg.01.MsgKey=k")
	f.Add("TargetMsg.-1.Target=u1")
	f.Add("TargetMsg.99999999999999999999.Target=u1")
	f.Fuzz(func(t *testing.T, form string) {
		values, err := parse(form, nil)
		if err != nil {
			return
		}
		list, err := (&call{values: values}).batch(deliveryUser)
		if err != nil {
			if business, fault := translate(err); business == nil || fault != nil {
				t.Errorf("a caller's mistake is %v", err)
			}
			return
		}
		if len(list) == 0 || len(list) > MaxBatch {
			t.Errorf("%d targets", len(list))
		}
		keys := map[string]bool{}
		for _, one := range list {
			if one.id == "" || one.key == "" || keys[one.key] {
				t.Errorf("%+v is an entry", one)
			}
			keys[one.key] = true
		}
	})
}

// A template is filled in once: what a value holds is text.
func FuzzTemplate(f *testing.F) {
	f.Add("Hello #name#, here are #money#", "name", `{"name":"John","money":"200"}`)
	f.Add("#a##b#", "#b#", `{"a":"#b#","b":1}`)
	f.Add("# #", "", `{}`)
	f.Fuzz(func(t *testing.T, text, value, given string) {
		values, err := pairs("TemplateKeyValue", given)
		if err == nil {
			_, err = Template{text, text}.render(values)
		}
		var refusal *failure
		if err != nil && !errors.As(err, &refusal) {
			t.Error(err)
		}
		got, err := Template{"#k#", "a#k#b"}.render([]pair{{"k", value}})
		if want := (Template{value, "a" + value + "b"}); err != nil || got != want {
			t.Errorf("got %q, want %q: %v", got, want, err)
		}
	})
}
