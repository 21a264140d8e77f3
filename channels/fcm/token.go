package fcm

import (
	"context"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// What Google's page on service accounts demands of the exchange (checked
// 2026-11-20). An assertion may hold for an hour at most.
const (
	scope         = "https://www.googleapis.com/auth/firebase.messaging"
	grant         = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionLife = time.Hour
)

// mint exchanges a signed assertion for an access token.
func (e *Emitter) mint(ctx context.Context) (call.Token, error) {
	now := e.c.Clock()
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": e.account.email, "scope": scope, "aud": e.c.TokenURL,
		"iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	if e.account.keyID != "" {
		t.Header["kid"] = e.account.keyID
	}
	signed, err := t.SignedString(e.account.key)
	if err != nil {
		return call.Token{}, &call.TokenError{Reason: channels.ReasonCredentials}
	}
	return e.call.Exchange(ctx, e.c.TokenURL, url.Values{"grant_type": {grant}, "assertion": {signed}})
}
