package apns

import (
	"context"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Apple refuses provider tokens older than an hour and more than one new one in 20
// minutes (page on token-based connections, checked 2026-11-20). Ten minutes before
// the end leave room for a clock that is wrong.
const (
	tokenLife  = time.Hour
	tokenEarly = 10 * time.Minute
	tokenLeast = 20 * time.Minute
)

// mint signs a provider token.
func (e *Emitter) mint(context.Context) (call.Token, error) {
	now := e.c.Clock()
	t := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": e.c.TeamID, "iat": now.Unix()})
	t.Header["kid"] = e.c.KeyID
	v, err := t.SignedString(e.key)
	if err != nil {
		return call.Token{}, &call.TokenError{Reason: channels.ReasonCredentials}
	}
	return call.Token{Value: v, Expires: now.Add(tokenLife)}, nil
}
