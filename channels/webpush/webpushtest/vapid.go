package webpushtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// applicationServer names the key the browsers subscribed with.
const applicationServer = "key of the application server"

// PrivateKey is the VAPID key the browsers subscribed with, as base64url.
func PrivateKey() string { return encode(keyOf(applicationServer).Bytes()) }

// OtherPrivateKey is a VAPID key that no browser subscribed with.
func OtherPrivateKey() string { return encode(keyOf("key of somebody else").Bytes()) }

// Tokens returns how many different VAPID tokens were accepted.
func (s *Server) Tokens() int {
	s.guards.mu.Lock()
	defer s.guards.mu.Unlock()
	return len(s.guards.seen)
}

// Reject makes the server reject the VAPID tokens it accepted so far.
func (s *Server) Reject() {
	s.guards.mu.Lock()
	defer s.guards.mu.Unlock()
	for v := range s.guards.seen {
		s.guards.seen[v] = true
	}
}

func (g *guards) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if status, errno := g.check(r.Header.Get("Authorization")); errno != 0 {
			refuse(w, status, errno)
			return
		}
		h(w, r)
	}
}

// check returns a status and a number against an Authorization header (RFC 8292,
// sections 2 to 4).
func (g *guards) check(authorization string) (status, errno int) {
	rest, ok := strings.CutPrefix(authorization, "vapid t=")
	value, key, found := strings.Cut(rest, ", k=")
	public := keyOf(applicationServer).PublicKey().Bytes()
	switch {
	case !ok || !found:
		return http.StatusUnauthorized, 109
	case key != encode(public):
		return http.StatusForbidden, 109
	}
	known, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		panic(err) // the double's own key is on the curve
	}
	var claims jwt.RegisteredClaims
	_, err = jwt.ParseWithClaims(value, &claims, func(*jwt.Token) (any, error) { return known, nil },
		jwt.WithValidMethods([]string{"ES256"}), jwt.WithTimeFunc(g.clock), jwt.WithExpirationRequired(), jwt.WithAudience(Origin))
	contact := strings.HasPrefix(claims.Subject, "mailto:") || strings.HasPrefix(claims.Subject, "https:")
	if err != nil || !contact || claims.ExpiresAt.Sub(g.clock()) > 24*time.Hour {
		return http.StatusUnauthorized, 109
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen[value] {
		return http.StatusUnauthorized, 109
	}
	g.seen[value] = false
	return 0, 0
}
