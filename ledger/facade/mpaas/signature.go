package mpaas

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // signature v1 is the vendor's
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The headers of ACS3.
const (
	headerAction    = "X-Acs-Action"
	headerVersion   = "X-Acs-Version"
	headerDate      = "X-Acs-Date"
	headerNonce     = "X-Acs-Signature-Nonce"
	headerBodyHash  = "X-Acs-Content-Sha256"
	algorithmPrefix = "ACS3-"
	algorithm       = "ACS3-HMAC-SHA256"
)

// timeLayout is how both schemes write the time of a request, in UTC.
const timeLayout = "2006-01-02T15:04:05Z"

// proof is what shows that the caller has the secret.
type proof struct {
	new func() hash.Hash
	// suffix is what the scheme appends to the secret.
	suffix string
	toSign string
	given  []byte
	// intact is false when the body is not the one that was signed.
	intact bool
}

// holds reports whether the secret made the signature.
func (p proof) holds(secret string) bool {
	mac := hmac.New(p.new, []byte(secret+p.suffix))
	mac.Write([]byte(p.toSign))
	return hmac.Equal(mac.Sum(nil), p.given) && p.intact
}

// admit checks signature, time and nonce, in this order: nothing is remembered
// of a stranger.
func (h *Handler) admit(c *call) *fault {
	now := h.c.Desk.Clock()
	var k facade.Credential
	var known bool
	verdict := h.guard.Check(c.key, c.remote, now, func() bool {
		k, known = h.c.Desk.Credentials.Find(facade.MPaaS, c.key)
		return c.proof.holds(k.Secret) && known
	})
	switch {
	case verdict == facade.Limited:
		return fail(codeThrottledUser)
	case !known:
		return fail(codeKeyUnknown)
	case verdict == facade.Wrong:
		return mismatch(c.proof.toSign)
	case k.Disabled:
		return fail(codeKeyInactive)
	}
	at, err := time.Parse(timeLayout, c.timestamp)
	if err != nil {
		return fail(codeTimeFormat)
	}
	// The time has whole seconds, so that of the start is not counted against it.
	if d := now.Sub(at); d > skew || d < -skew || at.Before(h.nonces.Since().Truncate(time.Second)) {
		return fail(codeTimeExpired)
	}
	sum := sha256.Sum256([]byte(c.key + "\x00" + c.nonce))
	if !h.nonces.Use(string(sum[:]), now) {
		return fail(codeNonceUsed)
	}
	c.app, c.by = k.App, k.String()
	return nil
}

// readV1 reads the RPC signature v1. It signs decoded values, because clients
// encode the same value differently: Go writes a space as +, pop-core as %20.
func (c *call) readV1(method string) *fault {
	for _, p := range []struct {
		name string
		to   *string
	}{
		{paramAction, &c.action},
		{paramVersion, &c.version},
		{paramKey, &c.key},
		{paramSignature, nil},
		{paramSignatureMethod, nil},
		{paramSignatureVersion, nil},
		{paramNonce, &c.nonce},
		{paramTimestamp, &c.timestamp},
	} {
		v := c.values[p.name]
		if v == "" {
			return missing(p.name)
		}
		if p.to != nil {
			*p.to = v
		}
	}
	// The scheme is never the client's choice. SignatureType names another
	// scheme; clients send it empty, and sign that.
	if c.values[paramSignatureMethod] != "HMAC-SHA1" || c.values[paramSignatureVersion] != "1.0" || c.values[paramSignatureType] != "" {
		return fail(codeAlgorithm)
	}
	signed := maps.Clone(c.values)
	delete(signed, paramSignature)
	given, err := base64.StdEncoding.Strict().DecodeString(c.values[paramSignature])
	c.proof = proof{
		new: sha1.New, suffix: "&", given: given, intact: err == nil,
		toSign: method + "&%2F&" + encode(canonical(signed)),
	}
	return nil
}

func isACS3(h http.Header) bool {
	return strings.HasPrefix(h.Get("Authorization"), algorithmPrefix)
}

// readACS3 reads an ACS3 signature. Only headers that are signed are looked at.
func (c *call) readACS3(r *http.Request, query map[string]string, body []byte) *fault {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != algorithm {
		return fail(codeAlgorithm)
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[k] = v
	}
	for _, p := range []struct {
		name, header string
		to           *string
	}{
		{paramAction, headerAction, &c.action},
		{paramVersion, headerVersion, &c.version},
		{paramNonce, headerNonce, &c.nonce},
		{paramTimestamp, headerDate, &c.timestamp},
	} {
		if *p.to = r.Header.Get(p.header); *p.to == "" {
			return missing(p.name)
		}
	}
	if c.key = fields["Credential"]; c.key == "" {
		return missing(paramKey)
	}
	signed := strings.Split(fields["SignedHeaders"], ";")
	for _, name := range []string{"Host", headerAction, headerVersion, headerDate, headerNonce, headerBodyHash} {
		if !slices.Contains(signed, strings.ToLower(name)) {
			return fail(codeIncomplete)
		}
	}
	sum := sha256.Sum256(body)
	bodyHash := r.Header.Get(headerBodyHash)
	var b strings.Builder
	b.WriteString(r.Method + "\n/\n" + canonical(query) + "\n")
	for _, name := range signed {
		value := r.Host
		if name != "host" {
			value = strings.Join(r.Header.Values(name), ",")
		}
		b.WriteString(name + ":" + strings.TrimSpace(value) + "\n")
	}
	b.WriteString("\n" + fields["SignedHeaders"] + "\n" + bodyHash)
	request := sha256.Sum256([]byte(b.String()))
	given, err := hex.DecodeString(fields["Signature"])
	c.proof = proof{
		new: sha256.New, given: given, toSign: algorithm + "\n" + hex.EncodeToString(request[:]),
		intact: err == nil && subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(strings.ToLower(bodyHash))) == 1,
	}
	return nil
}

// canonical writes parameters in the one form that is signed.
func canonical(values map[string]string) string {
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(encode(k) + "=" + encode(values[k]))
	}
	return b.String()
}

// encode percent-encodes all but the unreserved characters of RFC 3986.
func encode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	return b.String()
}
