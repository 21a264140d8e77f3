package mpaas

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// What a client does, written apart from what the facade does.

// signed returns the parameters of a call of the shop, signed under v1.
func (n *node) signed(method, action string, p params) url.Values {
	return n.signedBy(keyShop, secret, method, action, p.values())
}

func (n *node) signedBy(key, secret, method, action string, v url.Values) url.Values {
	for name, value := range map[string]string{
		"Action": action, "Version": "2020-10-28", "Format": "JSON", "AccessKeyId": key, "SignatureMethod": "HMAC-SHA1",
		"SignatureVersion": "1.0", "SignatureType": "", "SignatureNonce": rand.Text(), "Timestamp": n.Now().UTC().Format("2006-01-02T15:04:05Z"),
	} {
		if !v.Has(name) {
			v.Set(name, value)
		}
	}
	return sign(secret, method, v)
}

// sign sets the signature of parameters as they are.
func sign(secret, method string, v url.Values) url.Values {
	v.Del("Signature")
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(method + "&" + escape("/") + "&" + escape(escaped(v))))
	v.Set("Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return v
}

// escaped is the sorted query in the encoding of RFC 3986.
func escaped(v url.Values) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(v.Encode())
}

func escape(s string) string {
	return strings.NewReplacer("+", "%20", "*", "%2A", "%7E", "~").Replace(url.QueryEscape(s))
}

// call makes a call of the shop as a form.
func (n *node) call(action string, p params) answered {
	n.T.Helper()
	return n.post(n.signed(http.MethodPost, action, p).Encode())
}

// callBy makes a call with another key.
func (n *node) callBy(key, action string, p params) answered {
	n.T.Helper()
	return n.post(n.signedBy(key, secret, http.MethodPost, action, p.values()).Encode())
}

// post sends a form.
func (n *node) post(form string) answered {
	n.T.Helper()
	return n.read(n.Call(http.MethodPost, "/", strings.NewReader(form), "Content-Type", "application/x-www-form-urlencoded"))
}

// acs3 makes a call signed under ACS3; change may spoil the request
// after it was signed.
func (n *node) acs3(action, form string, change func(*http.Request)) answered {
	n.T.Helper()
	req, err := http.NewRequest(http.MethodPost, n.HTTP.URL+"/", strings.NewReader(form))
	if err != nil {
		n.T.Fatal(err)
	}
	sum := sha256.Sum256([]byte(form))
	names := []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}
	values := []string{req.URL.Host, action, hex.EncodeToString(sum[:]), n.Now().UTC().Format("2006-01-02T15:04:05Z"), rand.Text(), "2020-10-28"}
	lines := ""
	for i, name := range names {
		lines += name + ":" + values[i] + "\n"
		if name != "host" {
			req.Header.Set(name, values[i])
		}
	}
	request := sha256.Sum256([]byte("POST\n/\n\n" + lines + "\n" + strings.Join(names, ";") + "\n" + values[2]))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("ACS3-HMAC-SHA256\n" + hex.EncodeToString(request[:])))
	req.Header.Set("Authorization", "ACS3-HMAC-SHA256 Credential="+keyShop+",SignedHeaders="+strings.Join(names, ";")+",Signature="+hex.EncodeToString(mac.Sum(nil)))
	if change != nil {
		change(req)
	}
	return n.read(n.Do(req))
}
