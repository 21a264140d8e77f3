package mpaas

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// gateway reports what is wrong with a gateway error.
func (n *node) gateway(t *testing.T, what string, a answered, code string) {
	t.Helper()
	want := fault{code: code, status: http.StatusBadRequest}
	if param, ok := strings.CutPrefix(code, codeMissing); ok {
		want = *missing(param)
	} else {
		want = *fail(code)
	}
	f := a.fields
	if a.Status != want.status || f.Code != code || !strings.HasPrefix(f.Message, want.message) || f.HostID == "" || f.ResultCode != "" {
		t.Errorf("%s: got %d %s, want %d %s", what, a.Status, a.Body, want.status, code)
	}
}

func TestGatewayErrorsV1(t *testing.T) {
	n := start(t, 0)
	for _, tt := range []struct {
		what   string
		change func(url.Values)
		code   string
	}{
		{"no action", func(v url.Values) { v.Del("Action") }, "MissingAction"},
		{"no version", func(v url.Values) { v.Del("Version") }, "MissingVersion"},
		{"no key", func(v url.Values) { v.Del("AccessKeyId") }, "MissingAccessKeyId"},
		{"no method", func(v url.Values) { v.Del("SignatureMethod") }, "MissingSignatureMethod"},
		{"no signature version", func(v url.Values) { v.Del("SignatureVersion") }, "MissingSignatureVersion"},
		{"no nonce", func(v url.Values) { v.Del("SignatureNonce") }, "MissingSignatureNonce"},
		{"no time", func(v url.Values) { v.Del("Timestamp") }, "MissingTimestamp"},
		{"unknown action", func(v url.Values) { v.Set("Action", "PushNothing") }, codeNotFound},
		{"other version", func(v url.Values) { v.Set("Version", "2019-08-21") }, codeNotFound},
		{"other scheme", func(v url.Values) { v.Set("SignatureMethod", "HMAC-SHA256") }, codeAlgorithm},
		{"other scheme version", func(v url.Values) { v.Set("SignatureVersion", "2.0") }, codeAlgorithm},
		{"bearer", func(v url.Values) { v.Set("SignatureType", "BEARERTOKEN") }, codeAlgorithm},
		{"XML", func(v url.Values) { v.Set("Format", "XML") }, codeFormat},
		{"twice", func(v url.Values) { v.Add("MessageId", "m2") }, codeFormat},
		{"long nonce", func(v url.Values) { v.Set("SignatureNonce", strings.Repeat("n", MaxNonce+1)) }, codeFormat},
		{"unknown key", func(v url.Values) { v.Set("AccessKeyId", "nobody") }, codeKeyUnknown},
		{"disabled key", func(v url.Values) { v.Set("AccessKeyId", keyOff) }, codeKeyInactive},
		{"local time", func(v url.Values) { v.Set("Timestamp", "2026-11-20 10:34:23") }, codeTimeFormat},
		{"old", func(v url.Values) { v.Set("Timestamp", n.Now().UTC().Add(-16*time.Minute).Format(timeLayout)) }, codeTimeExpired},
		{"from tomorrow", func(v url.Values) { v.Set("Timestamp", n.Now().UTC().Add(16*time.Minute).Format(timeLayout)) }, codeTimeExpired},
	} {
		v := n.signed(http.MethodPost, "RevokePushMessage", revoke("m1", "d1"))
		tt.change(v)
		n.gateway(t, tt.what, n.post(sign(secret, http.MethodPost, v).Encode()), tt.code)
	}
	for _, form := range []string{"", "%zz=1", "a=b;c=d", "null", `{"Action":"RevokePushTask"}`} {
		if a := n.post(form); a.Status != http.StatusBadRequest || a.fields.Code == "" {
			t.Errorf("form %q: %d %s", form, a.Status, a.Body)
		}
	}
}

// A signature is compared before anything is told or remembered of a request.
func TestSignatureComesFirst(t *testing.T) {
	n := start(t, 0)
	p := revoke("m1", "d1")
	v := n.signedBy(keyShop, "wrong", http.MethodPost, "RevokePushMessage", p.values())
	v.Set("Timestamp", "never")
	wrong := n.post(sign("wrong", http.MethodPost, v).Encode())
	n.gateway(t, "wrong secret", wrong, codeSignature)
	// What the vendor's SDK compares with its own string to sign.
	_, got, _ := strings.Cut(wrong.fields.Message, "server string to sign is:")
	v.Del("Signature")
	if want := "POST&%2F&" + escape(escaped(v)); got != want {
		t.Errorf("string to sign: got %s, want %s", got, want)
	}
	v.Set("Timestamp", n.Now().UTC().Format(timeLayout))
	n.gateway(t, "wrong secret", n.post(sign("wrong", http.MethodPost, v).Encode()), codeSignature)
	if a := n.post(sign(secret, http.MethodPost, v).Encode()); a.fields.ResultCode != resultInvalid {
		t.Errorf("a stranger used up the nonce: %s", a.Body)
	}
	n.gateway(t, "the nonce again", n.post(v.Encode()), codeNonceUsed)
	v.Set("TargetId", "d2")
	n.gateway(t, "another target", n.post(v.Encode()), codeSignature)
	v = n.signedBy(keyOff, "wrong", http.MethodPost, "RevokePushMessage", p.values())
	n.gateway(t, "a disabled key with a wrong secret", n.post(v.Encode()), codeSignature)
	v = n.signed(http.MethodPost, "RevokePushMessage", p)
	v.Set("Signature", "not base64")
	n.gateway(t, "no base64", n.post(v.Encode()), codeSignature)
	v = n.signed(http.MethodPost, "PushSimple", simple("m1", "d1").with("Content", strings.Repeat("x", MaxEcho)))
	v.Set("Signature", "AAAA")
	if a := n.post(v.Encode()); len(a.Body) > 1000 {
		t.Errorf("a long request is echoed: %d bytes", len(a.Body))
	}
	// The same nonce of another key is another nonce.
	v = n.signedBy(keyShop, secret, http.MethodPost, "RevokePushMessage", p.values())
	first := n.post(v.Encode())
	v.Set("AccessKeyId", keyOther)
	if a := n.post(sign(secret, http.MethodPost, v).Encode()); first.fields.ResultCode != resultInvalid || a.fields.ResultCode != resultInvalid {
		t.Errorf("got %s and %s", first.Body, a.Body)
	}
}

func TestGatewayErrorsACS3(t *testing.T) {
	n := start(t, 0)
	form := revoke("m1", "d1").values().Encode()
	if a := n.acs3("RevokePushMessage", form, nil); a.fields.ResultCode != resultInvalid {
		t.Errorf("got %s", a.Body)
	}
	replace := func(old, by string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, by, 1))
		}
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, tt := range []struct {
		what   string
		change func(*http.Request)
		code   string
	}{
		{"other scheme", replace("HMAC-SHA256", "HMAC-SM3"), codeAlgorithm},
		{"no key", replace("Credential="+keyShop, "Credential="), "MissingAccessKeyId"},
		{"unknown key", replace("Credential="+keyShop, "Credential=nobody"), codeKeyUnknown},
		{"the body unsigned", replace("x-acs-content-sha256;", ""), codeIncomplete},
		{"the host unsigned", replace("host;", ""), codeIncomplete},
		{"no signature", replace("Signature=", "Signature=zz"), codeSignature},
		{"no nonce", set("x-acs-signature-nonce", ""), "MissingSignatureNonce"},
		{"no time", set("x-acs-date", ""), "MissingTimestamp"},
		{"no action", set("x-acs-action", ""), "MissingAction"},
		{"another action", set("x-acs-action", "RevokePushTask"), codeSignature},
		{"unknown action", set("x-acs-action", "RevokeAll"), codeNotFound},
		{"other version", set("x-acs-version", "2019-08-21"), codeNotFound},
		{"another hash", set("x-acs-content-sha256", strings.Repeat("0", 64)), codeSignature},
		{"another host", func(r *http.Request) { r.Host = "elsewhere" }, codeSignature},
		{"another query", func(r *http.Request) { r.URL.RawQuery = "PageSize=1" }, codeSignature},
		{"twice", func(r *http.Request) { r.URL.RawQuery = "MessageId=m2" }, codeFormat},
		{"another body", func(r *http.Request) {
			other := strings.Replace(form, "m1", "m2", 1)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(other)), int64(len(other))
		}, codeSignature},
	} {
		n.gateway(t, tt.what, n.acs3("RevokePushMessage", form, tt.change), tt.code)
	}
	var kept *http.Request
	n.acs3("RevokePushMessage", form, func(r *http.Request) { kept = r })
	again := kept.Clone(kept.Context())
	again.Body = io.NopCloser(strings.NewReader(form))
	n.gateway(t, "the nonce again", n.read(n.Do(again)), codeNonceUsed)
}

// What was signed before the node started may have been seen by the one before.
func TestNothingFromBeforeTheStart(t *testing.T) {
	n := start(t, 0)
	n.call("PushSimple", simple("m1", "d1"))
	v := n.signed(http.MethodPost, "RevokePushMessage", revoke("m1", "d1"))
	c := n.handler.c
	c.Started = n.Now().Add(5 * time.Second)
	second := New(c)
	n.HTTP.Config.Handler = second
	n.gateway(t, "signed before the start", n.post(v.Encode()), codeTimeExpired)
	n.Advance(6 * time.Second)
	if a := n.call("RevokePushMessage", revoke("m1", "d1")); a.fields.ResultCode != resultOK {
		t.Errorf("signed after the start: %s", a.Body)
	}
	// Repeated past a second restart it would still change nothing.
	v = n.signed(http.MethodPost, "RevokePushMessage", revoke("m1", "d1"))
	n.post(v.Encode())
	n.HTTP.Config.Handler = New(c)
	if a := n.post(v.Encode()); a.fields.ResultCode != resultInvalid || !strings.Contains(a.fields.PushResult.ResultMsg, "already taken back") {
		t.Errorf("a repetition nobody remembers: %s", a.Body)
	}
}

func TestBodyLimits(t *testing.T) {
	n := start(t, 0)
	long := strings.Repeat("x", MaxRecallBody)
	n.gateway(t, "a long recall", n.call("RevokePushMessage", revoke("m1", "d1").with("Reason", long)), codeBodyTooLarge)
	if a := n.call("PushSimple", simple("m1", "d1").with("ExtendedParams", long)); a.fields.ResultCode != resultOK {
		t.Errorf("a long push: %s", a.Body)
	}
	n.gateway(t, "a longer push", n.call("PushSimple", simple("m1", "d1").with("ExtendedParams", strings.Repeat("x", MaxPushBody))), codeBodyTooLarge)
}

func TestMatch(t *testing.T) {
	h := New(Config{})
	for _, tt := range []struct {
		method, target, header string
		want                   bool
	}{
		{"POST", "/", "", true},
		{"POST", "/?Action=RevokePushTask", "", true},
		{"GET", "/?Action=RevokePushTask", "", true},
		{"GET", "/?AccessKeyId=a", "", true},
		{"PUT", "/?Action=RevokePushTask", "", true},
		{"GET", "/", "Authorization", true},
		{"GET", "/", "", false},
		{"GET", "/?from=mail", "", false},
		{"HEAD", "/", "", false},
		{"POST", "/v1/retract/1", "", false},
		{"POST", "/v3/push/app", "Authorization", false},
	} {
		r := httptest.NewRequest(tt.method, tt.target, nil)
		if tt.header != "" {
			r.Header.Set(tt.header, "ACS3-HMAC-SHA256 Credential=a")
		}
		if got := h.Match(r); got != tt.want {
			t.Errorf("%s %s %s: got %v", tt.method, tt.target, tt.header, got)
		}
	}
}

// Errors of our own have the gateway's form too, and tell no one why.
func TestOurFault(t *testing.T) {
	n := start(t, 0, func(c *Config) {
		c.Templates = func(string, string) (Template, bool) { panic("a bug") }
	})
	push := simple("m1", "d1").with("TemplateName", "x")
	a := n.call("PushTemplate", push)
	n.gateway(t, "a panic", a, codeInternal)
	if strings.Contains(a.Body, "bug") || !strings.Contains(n.Logged(), "a bug") {
		t.Errorf("answer %s\nlog %s", a.Body, n.Logged())
	}
	n.gateway(t, "PUT", n.read(n.Call(http.MethodPut, "/?Action=PushSimple", nil)), codeMethod)
	n.StopCommitter()
	a = n.call("PushSimple", simple("m2", "d1"))
	n.gateway(t, "nothing is written any more", a, codeUnavailable)
	if a.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
	}
	if n.Find(appShop, "m2") != nil {
		t.Error("the push is known")
	}
}

// The log names the action and the app, and nothing a caller keeps to himself.
func TestLogHoldsNoSecrets(t *testing.T) {
	n := start(t, 0)
	v := n.signed(http.MethodPost, "PushSimple", simple("message-1", "device-1").with("Title", "title-1"))
	n.post(v.Encode())
	v.Set("SignatureNonce", "nonce-1")
	n.post(v.Encode())
	n.call("made-up\naction", nil)
	log := n.Logged()
	for _, s := range []string{secret, v.Get("Signature"), v.Get("SignatureNonce"), "message-1", "device-1", "title-1", "made-up", keyShop} {
		if strings.Contains(log, s) {
			t.Errorf("the log holds %q:\n%s", s, log)
		}
	}
	if !strings.Contains(log, "action=PushSimple app="+appShop+" status=200 code=OK") {
		t.Errorf("the log is\n%s", log)
	}
}
