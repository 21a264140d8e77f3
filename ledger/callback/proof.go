package callback

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MaxSkew is how far a signed time may be off, both ways. Standard Webhooks asks
// for some bound; Huawei states none.
const MaxSkew = 5 * time.Minute

const (
	headerSignature = "Webhook-Signature"
	headerHuawei    = "X-Huawei-Callback-Id"

	// maxMessageID bounds webhook-id, in bytes.
	maxMessageID = 256
)

// proven reports whether a request proves that it is the account's. It does the
// same work for an account that is not known (L10).
func (h *Handler) proven(r *http.Request, f Form, a Account, body []byte) bool {
	switch {
	case r.Header.Get(headerSignature) != "" || f.Proof == Signature:
		return signed(r.Header, a, body, h.c.Clock())
	case f.Proof == Huawei:
		return h.huaweiSigned(r.Header, a, body)
	}
	return holdsToken(r, a)
}

// signed checks the signature of Standard Webhooks. It covers the body, and facts
// count once, so a repetition within MaxSkew changes nothing and none is remembered.
func signed(header http.Header, a Account, body []byte, now time.Time) bool {
	id, at := header.Get("Webhook-Id"), header.Get("Webhook-Timestamp")
	mac := hmac.New(sha256.New, a.key())
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	sum, holds := mac.Sum(nil), false
	for _, s := range strings.Fields(header.Get(headerSignature)) {
		text, v1 := strings.CutPrefix(s, "v1,")
		given, err := base64.StdEncoding.DecodeString(text)
		holds = hmac.Equal(given, sum) && v1 && err == nil || holds
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	return holds && err == nil && id != "" && len(id) <= maxMessageID && !strings.Contains(id, ".") && fresh(time.Unix(seconds, 0), now)
}

func fresh(at, now time.Time) bool { return now.Sub(at).Abs() <= MaxSkew }

// holdsToken checks the token of an address. Given twice, none is right.
func holdsToken(r *http.Request, a Account) bool {
	given := r.URL.Query()["token"]
	if len(given) != 1 {
		given = []string{""}
	}
	want, got := sha256.Sum256([]byte(a.Secret)), sha256.Sum256([]byte(given[0]))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && given[0] != ""
}

// huaweiSigned checks Huawei's header: "timestamp=..;nonce=..;value=..", where
// value is the base64 HMAC-SHA256 of timestamp, nonce and user name. It does not
// cover the body, so a nonce stays bound to the body it first came with, and what
// was signed before this memory began is not taken.
func (h *Handler) huaweiSigned(header http.Header, a Account, body []byte) bool {
	fields := map[string]string{}
	for part := range strings.SplitSeq(header.Get(headerHuawei), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	mac := hmac.New(sha256.New, []byte(a.Secret))
	mac.Write([]byte(fields["timestamp"] + fields["nonce"] + a.User))
	given, err := base64.StdEncoding.DecodeString(fields["value"])
	holds := hmac.Equal(given, mac.Sum(nil)) && err == nil && fields["nonce"] != ""
	stamp, err := strconv.ParseInt(fields["timestamp"], 10, 64)
	at, now := time.Unix(seconds(stamp), 0), h.c.Clock()
	if !holds || err != nil || a.Secret == "" || !fresh(at, now) || at.Before(h.nonces.since) {
		return false
	}
	return h.nonces.bind(a.String()+" "+fields["nonce"], sha256.Sum256(body), now)
}
