package webpush

import (
	"context"
	"crypto/ecdsa"
	"encoding/base64"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// A VAPID token may hold for 24 hours at most (RFC 8292, section 2). Half of that,
// replaced an hour before its end, leaves room for a clock that is wrong.
const (
	vapidLife  = 12 * time.Hour
	vapidEarly = time.Hour
)

// maxOrigins is for how many push services a token is kept. There are a handful;
// a setting like ".notify.windows.com" lets devices name any number.
const maxOrigins = 256

// signer makes the Authorization header for each push service.
type signer struct {
	key             *ecdsa.PrivateKey
	public, private string
	subject         string
	clock           func() time.Time

	mu      sync.Mutex
	origins map[string]*call.Tokens
}

func newSigner(key *ecdsa.PrivateKey, subject string, clock func() time.Time) *signer {
	s := &signer{key: key, subject: subject, clock: clock, origins: map[string]*call.Tokens{}}
	// The key was parsed from bytes on the curve, so it has them.
	private, _ := key.Bytes()
	public, _ := key.PublicKey.Bytes()
	s.private = base64.RawURLEncoding.EncodeToString(private)
	s.public = base64.RawURLEncoding.EncodeToString(public)
	return s
}

// tokens returns the keeper of the header for a push service, named by the scheme
// and host of its endpoints.
func (s *signer) tokens(origin string) *call.Tokens {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.origins[origin]
	if !ok {
		if len(s.origins) >= maxOrigins {
			clear(s.origins)
		}
		t = call.NewTokens(call.TokensConfig{
			Mint:  func(context.Context) (call.Token, error) { return s.mint(origin) },
			Early: vapidEarly, Clock: s.clock,
		})
		s.origins[origin] = t
	}
	return t
}

func (s *signer) mint(origin string) (call.Token, error) {
	end := s.clock().Add(vapidLife)
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"aud": origin, "exp": end.Unix(), "sub": s.subject})
	v, err := t.SignedString(s.key)
	if err != nil {
		return call.Token{}, &call.TokenError{Reason: channels.ReasonCredentials}
	}
	return call.Token{Value: "vapid t=" + v + ", k=" + s.public, Expires: end}, nil
}
