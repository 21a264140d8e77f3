package tpns

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// skew is how far TimeStamp may be from the node's clock. The vendor documents
// no limit; five minutes is ours.
const skew = 5 * time.Minute

// The headers of a signed request.
const (
	headerAccess = "AccessId"
	headerTime   = "TimeStamp"
	headerSign   = "Sign"
)

// unauthenticated is the one answer to every credential that does not hold, so
// that it tells nothing.
func unauthenticated() error { return fail(codeAuth, "authentication failed") }

// authenticate finds who calls, by Sign where there is one and by Basic
// otherwise.
func (h *Handler) authenticate(header http.Header, e endpoint, c *call) error {
	if header.Get(headerSign) != "" {
		return h.signed(header, e, c)
	}
	id, secret := basic(header)
	return h.check(id, c, func(k facade.Credential) bool { return k.Matches(secret) && !k.SignOnly })
}

// check asks whether a key holds, unless too many of its id did not. A key that
// is refused for another reason counts as a wrong one, as it answers as one.
func (h *Handler) check(id string, c *call, holds func(facade.Credential) bool) error {
	if id == "" {
		return unauthenticated() // nothing is guessed
	}
	var k facade.Credential
	verdict := h.guard.Check(id, c.remote, c.now, func() bool {
		var known bool
		k, known = h.c.Desk.Credentials.Find(facade.TPNS, id)
		return holds(k) && known && !k.Disabled
	})
	switch verdict {
	case facade.Limited:
		return fail(codeFast, "too many requests that failed to authenticate; try again later")
	case facade.Wrong:
		return unauthenticated()
	case facade.Right:
	}
	c.app, c.by = k.App, k.String()
	return nil
}

// basic returns what stands in the Authorization header, nothing when it cannot
// be read. The standard library's own takes the scheme the same way.
func basic(header http.Header) (id, secret string) {
	if len(header.Values("Authorization")) != 1 {
		return "", ""
	}
	id, secret, _ = (&http.Request{Header: header}).BasicAuth()
	return id, secret
}

// signed checks a signature, then its time, then that it is new.
func (h *Handler) signed(header http.Header, e endpoint, c *call) error {
	id, stamp := one(header, headerAccess), one(header, headerTime)
	given, readable := base64.StdEncoding.Strict().DecodeString(one(header, headerSign))
	at, ok := seconds(stamp)
	err := h.check(id, c, func(k facade.Credential) bool {
		// Without the secret there is no signature, and that of an empty one
		// anybody can make.
		same := hmac.Equal(given, sign(k.Secret, stamp, id, c.body))
		return same && readable == nil && ok && digits(id) && !k.BasicOnly && k.Secret != ""
	})
	if off := c.now.Sub(at); err == nil && (off > skew || off < -skew) {
		err = fail(codeAuth, "TimeStamp is more than %s off", skew)
	}
	if err == nil {
		err = h.once(e, id+" "+string(given), at, c.now)
	}
	if err != nil {
		c.app, c.by = "", "" // who is refused is nobody
	}
	return err
}

// once refuses a signed request that changes something and was used before.
func (h *Handler) once(e endpoint, nonce string, at, now time.Time) error {
	if !e.changes {
		// A signature covers no path: what was signed to look at a push must not
		// serve to take it back. It is only noted here, so looking twice in a
		// second works, and a memory full of looks keeps no recall out.
		h.looked.Use(nonce, now)
		return nil
	}
	used := h.sent
	if e.urgent {
		used = h.recalled
	}
	switch {
	case at.Before(used.Since()):
		return fail(codeAuth, "the request was signed before this node started; sign it again")
	case h.looked.Seen(nonce) || used.Seen(nonce):
	case used.Use(nonce, now):
		return nil
	case !used.Seen(nonce):
		return fail(codeFast, "too many signed requests to remember them all; try again later")
	}
	return fail(codeAuth, "the signed request was used before; sign it again with a new TimeStamp")
}

// sign is what the vendor puts into base64: the lower-case hexadecimal digits of
// the HMAC, not its bytes (tencentcloud.com/document/api/1024/34213, checked
// 2026-11-20).
func sign(secret, stamp, id string, body []byte) []byte {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(stamp + id))
	m.Write(body)
	sum := m.Sum(nil)
	b := make([]byte, hex.EncodedLen(len(sum)))
	hex.Encode(b, sum)
	return b
}

// one returns the only value of a header; a header that is given twice has none.
func one(header http.Header, name string) string {
	if v := header.Values(name); len(v) == 1 {
		return v[0]
	}
	return ""
}

// seconds reads a time as the vendor writes it: ten digits.
func seconds(s string) (time.Time, bool) {
	if len(s) != 10 || !digits(s) {
		return time.Time{}, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return time.Unix(n, 0), err == nil
}

// digits keeps the parts of the signed string apart: it has no separators, so
// the time has a fixed length and the id must not look like a body.
func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
