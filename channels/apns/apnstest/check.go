package apnstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TeamID and KeyID are what the server knows of the app's owner.
const (
	TeamID = "TEAM123456"
	KeyID  = "KEY1234567"
)

// Apple's limits for provider tokens.
const (
	tokenLife  = time.Hour
	tokenLeast = 20 * time.Minute
)

var key = sync.OnceValue(NewKey)

// NewKey makes a signing key.
func NewKey() *ecdsa.PrivateKey {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the system's randomness does not fail
	}
	return k
}

// PEM writes a signing key as Apple's .p8 files do.
func PEM(k *ecdsa.PrivateKey) string {
	b, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err) // a key on P-256 always marshals
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}))
}

// Key is the signing key whose tokens the server accepts, as PEM.
func Key() string { return PEM(key()) }

// Updates returns how many different provider tokens were accepted.
func (s *Server) Updates() int {
	s.keeper.mu.Lock()
	defer s.keeper.mu.Unlock()
	return len(s.keeper.seen)
}

// RejectCurrent makes the server call the provider token it accepted last expired.
func (s *Server) RejectCurrent() {
	s.keeper.mu.Lock()
	defer s.keeper.mu.Unlock()
	s.keeper.seen[s.keeper.last] = true
}

func (k *keeper) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if reason := k.check(r.Header.Get("authorization")); reason != "" {
			status := http.StatusForbidden
			if reason == "TooManyProviderTokenUpdates" {
				status = http.StatusTooManyRequests
			}
			refuse(w, status, reason)
			return
		}
		h(w, r)
	}
}

// check returns Apple's reason against an authorization, "" for none.
func (k *keeper) check(authorization string) string {
	value, ok := strings.CutPrefix(authorization, "bearer ")
	if !ok {
		return "MissingProviderToken"
	}
	now := k.clock()
	var claims jwt.RegisteredClaims
	t, err := jwt.ParseWithClaims(value, &claims, func(t *jwt.Token) (any, error) {
		if t.Header["kid"] != KeyID {
			return nil, errors.New("unknown key id")
		}
		return &key().PublicKey, nil
	}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(k.clock))
	switch {
	case err != nil || !t.Valid || claims.Issuer != TeamID || claims.IssuedAt == nil:
		return "InvalidProviderToken"
	case now.Sub(claims.IssuedAt.Time) > tokenLife:
		return "ExpiredProviderToken"
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	rejected, known := k.seen[value]
	switch {
	case rejected:
		return "ExpiredProviderToken"
	case known:
		return ""
	case k.last != "" && now.Sub(k.changed) < tokenLeast:
		return "TooManyProviderTokenUpdates"
	}
	k.last, k.changed, k.seen[value] = value, now, false
	return ""
}

// read returns the payload, or a status and Apple's reason against it.
func read(r *http.Request) ([]byte, int, string) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxPayload+1))
	switch {
	case err != nil || len(b) == 0:
		return nil, http.StatusBadRequest, "PayloadEmpty"
	case len(b) > maxPayload:
		return nil, http.StatusRequestEntityTooLarge, "PayloadTooLarge"
	}
	return b, 0, ""
}

// headers returns a status and Apple's reason against the headers of a push.
func headers(r *http.Request) (int, string) {
	h := r.Header
	reason := ""
	switch {
	case h.Get("apns-topic") == "":
		reason = "MissingTopic"
	case h.Get("apns-topic") != Topic:
		reason = "TopicDisallowed"
	case h.Get("apns-push-type") != "alert" && h.Get("apns-push-type") != "background":
		reason = "InvalidPushType"
	case len(h.Get("apns-collapse-id")) > 64:
		reason = "BadCollapseId"
	case h.Get("apns-priority") != "" && h.Get("apns-priority") != "10" && h.Get("apns-priority") != "5" && h.Get("apns-priority") != "1":
		reason = "BadPriority"
	case h.Get("apns-expiration") != "":
		if n, err := strconv.ParseInt(h.Get("apns-expiration"), 10, 64); err != nil || n < 0 {
			reason = "BadExpirationDate"
		}
	}
	return http.StatusBadRequest, reason
}

// hexadecimal reports whether a device token has Apple's form.
func hexadecimal(s string) bool {
	return len(s) >= 64 && len(s)%2 == 0 && strings.Trim(s, "0123456789abcdefABCDEF") == ""
}
