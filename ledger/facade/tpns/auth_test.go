package tpns

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The vendor's own sample, with the body that its Sign was made of.
const (
	sampleBody = `{"audience_type": "account","platform": "android","message": {"title": "test title","content": "test content","android": { "action": {"action_type": 3,"intent": "xgscheme://com.xg.push/notify_detail?param1=xg"}}},"message_type": "notify","account_list": ["5822f0eee44c3625ef0000bb"] }`
	sampleTime = 1565314789
	sampleSign = "Y2QyMDc3NDY4MmJmNzhiZmRiNDNlMTdkMWQ1ZDU2YjNlNWI3ODlhMTY3MGZjMTUyN2VmNTRjNjVkMmQ3Yjc2ZA=="
)

func TestSampleOfTheVendor(t *testing.T) {
	n := start(t)
	// Its clock stands where the sample was signed.
	n.Set(time.Unix(sampleTime, 0))
	n.startedAt(time.Unix(sampleTime-1, 0))
	signed := []header{{"AccessId", shopID}, {"TimeStamp", strconv.Itoa(sampleTime)}, {"Sign", sampleSign}, {"Content-Type", "application/json"}}
	got := n.expect(codeOK, appPath, sampleBody, signed...)
	push := got[strings.Index(got, `"push_id":"`)+11:]
	push = push[:strings.Index(push, `"`)]
	if want := `{"seq":0,"push_id":"` + push + `","ret_code":0,"environment":"product","err_msg":"","result":"[0]"}`; got != want {
		t.Errorf("answered %s, want %s", got, want)
	}
	p := n.Push("shop", push)
	if p.Created.Title != "test title" || p.Created.Audience.Kind != "user" || p.Created.Audience.Names[0] != "5822f0eee44c3625ef0000bb" {
		t.Errorf("the push is %+v", p)
	}
	// The current page shows the body without platform and kept the Sign.
	n.expect(codeAuth, appPath, strings.Replace(sampleBody, `"platform": "android",`, "", 1), signed...)
}

func TestWrongCredentials(t *testing.T) {
	n := start(t)
	body := byID(n.send(shop(), "all", ""))
	now := time.Now()
	good := signHeaders(shopID, shopSecret, now, body)
	with := func(i int, value string) []header {
		list := append([]header(nil), good...)
		list[i][1] = value
		return list
	}
	raw, err := base64.StdEncoding.DecodeString(good[2][1])
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{}
	for name, headers := range map[string][]header{
		"none":                   nil,
		"basic wrong":            {basicHeader(shopID, "wrong")},
		"basic unknown":          {basicHeader("1500009999", shopSecret)},
		"basic disabled":         {basicHeader(offID, offSecret)},
		"basic of another kind":  {basicHeader("1500001051", shopSecret)},
		"basic empty":            {basicHeader("", "")},
		"basic no colon":         {{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(shopID))}},
		"basic no base64":        {{"Authorization", "Basic !"}},
		"basic twice":            {shop(), shop()},
		"bearer":                 {{"Authorization", "Bearer " + shopSecret}},
		"sign wrong":             signHeaders(shopID, "wrong", now, body),
		"sign unknown":           signHeaders("1500009999", shopSecret, now, body),
		"sign disabled":          signHeaders(offID, offSecret, now, body),
		"sign of another body":   signHeaders(shopID, shopSecret, now, body+" "),
		"sign no base64":         with(2, "!"),
		"sign hex only":          with(2, string(raw)),
		"sign upper case":        with(2, base64.StdEncoding.EncodeToString([]byte(strings.ToUpper(string(raw))))),
		"sign over raw digest":   with(2, "zSB3RoK/eL/bQ+F9HV1Ws+W3iaFnD8FSfvVMZdLXt20="),
		"sign twice":             append(with(2, good[2][1]), good[2]),
		"other time":             with(1, strconv.FormatInt(now.Unix()+1, 10)),
		"no time":                with(1, ""),
		"time in milliseconds":   signHeaders(shopID, shopSecret, time.Unix(now.UnixMilli(), 0), body),
		"access id of a body":    signHeaders(shopID+"{", shopSecret, now, body),
		"sign beside good basic": append(signHeaders(shopID, "wrong", now, body), shop()),
	} {
		answers[name] = n.expect(codeAuth, stopPath, body, headers...)
	}
	for name, answer := range answers {
		if answer != answers["none"] {
			t.Errorf("%s answers %s, none answers %s", name, answer, answers["none"])
		}
	}
	for _, off := range []time.Duration{-skew - 2*time.Second, skew + 2*time.Second} {
		n.expect(codeAuth, stopPath, body, signHeaders(shopID, shopSecret, now.Add(off), body)...)
	}
	if got := len(n.Push("shop", body[11:len(body)-2]).Recalls); got != 0 {
		t.Errorf("%d recalls were accepted", got)
	}
	n.expect(codeOK, stopPath, body, good...)
	// A failure has the form of its path.
	n.expect(codeAuth, appPath, body)
	n.expect(codeAuth, recordPath, body)
	n.expect(codeAuth, "/v3/push/nowhere", body)
}

func TestSignedRequestWorksOnce(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	now := time.Now()
	body := `{"pushId":"` + push + `"}`
	look := signHeaders(shopID, shopSecret, now, body)
	for range 3 { // looking twice in a second is no replay
		n.expect(codeOK, recordPath, body, look...)
		n.expect(codeOK, statPath, body, look...)
	}
	// What was signed to look does not serve to take back.
	n.expect(codeAuth, stopPath, body, look...)
	stop := signHeaders(shopID, shopSecret, now.Add(time.Second), body)
	n.expect(codeOK, stopPath, body, stop...)
	n.expect(codeAuth, stopPath, body, stop...)
	n.expect(codeAuth, revokePath, body, stop...)

	send := `{"audience_type":"all","message_type":"notify","message":{"title":"t"}}`
	signed := signHeaders(shopID, shopSecret, now, send)
	n.expect(codeOK, appPath, send, signed...)
	n.expect(codeAuth, appPath, send, signed...)
	n.expect(codeOK, appPath, send, signHeaders(shopID, shopSecret, now.Add(time.Second), send)...)
	// Another app may use the same second and the same body.
	n.expect(codeOK, appPath, send, signHeaders(bankID, bankSecret, now, send)...)

	// Nothing that changes something is taken from before the start.
	n.startedAt(now)
	before := signHeaders(shopID, shopSecret, now.Add(-time.Second), body)
	n.expect(codeAuth, revokePath, body, before...)
	n.expect(codeOK, recordPath, body, before...)
	n.expect(codeOK, revokePath, body, signHeaders(shopID, shopSecret, now.Add(2*time.Second), body)...)
}

// What clients really send around the body.
func TestTransport(t *testing.T) {
	n := start(t)
	push := n.send(shop(), "all", "")
	mime := header{"Content-type", "application/json;charset='utf-8'"} // a PHP client
	n.expect(codeOK, recordPath, byID(push), shop(), mime)
	// Without a length and a type.
	chunked := struct{ io.Reader }{strings.NewReader(byID(push))}
	if got := code(t, stopPath, n.do(http.MethodPost, stopPath, chunked, shop())); got != codeOK {
		t.Errorf("a chunked body is answered %d", got)
	}
	// With a query and an upper-case scheme.
	n.expect(codeInvalid, stopPath+"?x=1", byID(push), header{"Authorization", strings.Replace(shop()[1], "Basic", "BASIC", 1)})
	if got := code(t, stopPath, n.do(http.MethodGet, stopPath, nil, shop())); got != codeInvalid {
		t.Errorf("GET is answered %d", got)
	}
	if a := n.Call(http.MethodHead, stopPath, nil); a.Status != http.StatusOK || a.Body != "" {
		t.Errorf("HEAD is answered %d with %q", a.Status, a.Body)
	}
	n.expect(codeInvalid, "/v3/toolbox/nowhere", `{"token":"t"}`, shop())

	// Neither secrets nor contents are logged.
	n.expect(codeOK, appPath, sampleBody, signHeaders(shopID, shopSecret, time.Now(), sampleBody)...)
	for _, secret := range []string{shopSecret, shop()[1][6:], "test title", "5822f0eee44c3625ef0000bb", "x=1", "Sign"} {
		if strings.Contains(n.Logged(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestMatch(t *testing.T) {
	h := New(Config{})
	for path, want := range map[string]bool{
		stopPath: true, appPath: true, recordPath: true, "/v3/push/": true, "/v3/toolbox/getPushListByToken": true,
		"/": false, "/v3": false, "/v3/timpush/x": false, "/v1/pushes": false, "/v4/timpush/push": false, "/v3/pushes": false,
	} {
		if got := h.Match(httptest.NewRequest(http.MethodPost, path, nil)); got != want {
			t.Errorf("Match(%s) = %v, want %v", path, got, want)
		}
	}
}
