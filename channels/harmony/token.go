package harmony

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

const (
	// life is the advised life of a signed token, which may be used again while
	// it holds; Huawei refuses more than a day.
	life = time.Hour
	// early is how long before its end a signed token is replaced, in case the
	// clocks differ.
	early = 5 * time.Minute
	// minBits is the shortest key, in bits.
	minBits = 2048
)

// account is a service account that can sign.
type account struct {
	project, sub, kid string
	key               *rsa.PrivateKey
}

// readAccount reads the service account that a setting gave. What it notes holds nothing
// of the key: the parsers' errors may.
func readAccount(s *call.Settings, text, setting string) account {
	var file struct {
		Project string `json:"project_id"`
		Kid     string `json:"key_id"`
		Key     string `json:"private_key"`
		Sub     string `json:"sub_account"`
	}
	s.Need(setting, text)
	s.Want(json.Unmarshal([]byte(text), &file) == nil, setting, "is not JSON")
	for _, f := range []struct{ name, value string }{{"key_id", file.Kid}, {"private_key", file.Key}, {"sub_account", file.Sub}} {
		s.Want(f.value != "", setting, "has no "+f.name)
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(file.Key))
	s.Want(err == nil, setting, "private_key is not an RSA key in PEM form")
	// Shorter ones cannot sign (RFC 7518, section 3.5).
	s.Want(err != nil || key.N.BitLen() >= minBits, setting, "private_key has less than 2,048 bits")
	return account{project: file.Project, sub: file.Sub, kid: file.Kid, key: key}
}

// mint signs a token that holds from now.
func (e *Emitter) mint(context.Context) (call.Token, error) {
	now := e.c.Clock()
	t := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"iss": e.account.sub, "aud": e.c.Audience, "iat": now.Unix(), "exp": now.Add(life).Unix(),
	})
	t.Header["kid"] = e.account.kid
	v, err := t.SignedString(e.account.key)
	if err != nil {
		return call.Token{}, &call.TokenError{Reason: channels.ReasonCredentials}
	}
	return call.Token{Value: v, Expires: now.Add(life)}, nil
}
