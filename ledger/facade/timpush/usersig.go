package timpush

import (
	"bytes"
	"compress/zlib"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// The limits of a UserSig (L11): as sent, and as inflated.
const (
	MaxUserSig  = 2 << 10
	MaxInflated = 8 << 10
	// maxIdentifier bounds an account's name.
	maxIdentifier = 512
	// maxSkew is how far a client's clock may be ahead.
	maxSkew = 10 * time.Minute
)

// DefaultLife is how long a UserSig is valid at most, unless configured: what
// the vendor's own libraries ask for by default
// (tencentcloud.com/document/product/1047/33517, checked 2026-11-20).
const DefaultLife = 180 * 24 * time.Hour

// userSig is what a UserSig says, as TLSSigAPIv2 writes it.
type userSig struct {
	Version    string `json:"TLS.ver"`
	Identifier string `json:"TLS.identifier"`
	SDKAppID   uint64 `json:"TLS.sdkappid"`
	Time       int64  `json:"TLS.time"`
	Expire     int64  `json:"TLS.expire"`
	Sig        string `json:"TLS.sig"`
	UserBuf    string `json:"TLS.userbuf"`
}

var errUserSig = errors.New("not a UserSig")

// parseUserSig reads a UserSig; nothing in it is to be trusted yet.
func parseUserSig(s string) (userSig, error) {
	var u userSig
	if len(s) > MaxUserSig {
		return u, errUserSig
	}
	packed, err := base64.StdEncoding.DecodeString(strings.NewReplacer("*", "+", "-", "/", "_", "=").Replace(s))
	if err != nil {
		return u, errUserSig
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return u, errUserSig
	}
	// It ends here while it is inflated: 2 KiB can hold more than 1 MiB.
	plain, err := io.ReadAll(io.LimitReader(z, MaxInflated+1))
	if err != nil || len(plain) > MaxInflated || json.Unmarshal(plain, &u) != nil {
		return u, errUserSig
	}
	// The signed text is lines. A line break within a field would let a UserSig
	// given to one account be read as another's.
	if events.CheckID("identifier", u.Identifier, maxIdentifier) != nil || strings.ContainsAny(u.UserBuf, "\r\n") ||
		u.Version != "2.0" || u.Time < 0 || u.Expire < 0 || u.Time > 1<<40 || u.Expire > 1<<40 {
		return u, errUserSig
	}
	return u, nil
}

// signedBy reports whether the key made the signature.
func (u userSig) signedBy(key string) bool {
	m := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(m, "TLS.identifier:%s\nTLS.sdkappid:%d\nTLS.time:%d\nTLS.expire:%d\n", u.Identifier, u.SDKAppID, u.Time, u.Expire)
	if u.UserBuf != "" {
		fmt.Fprintf(m, "TLS.userbuf:%s\n", u.UserBuf)
	}
	got, err := base64.StdEncoding.DecodeString(u.Sig)
	return hmac.Equal(got, m.Sum(nil)) && err == nil
}

// valid returns codeOK if the UserSig holds at a time.
func (u userSig) valid(now time.Time, life time.Duration) code {
	made := time.Unix(u.Time, 0)
	switch {
	case made.After(now.Add(maxSkew)):
		return codeWrongSignature
	case now.Unix() > u.Time+u.Expire, now.Sub(made) > life:
		return codeExpired
	}
	return codeOK
}
