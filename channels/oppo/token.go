package oppo

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// tokenLife is how long an auth token holds, as both documentation and field text
// say. It is counted by our clock: the answer's create_time is by OPPO's, ten
// minutes off at most.
const tokenLife = 24 * time.Hour

// mint gets an auth token from one of the addresses.
func (e *Emitter) mint(ctx context.Context, base string) (call.Token, error) {
	at := strconv.FormatInt(e.c.Clock().UnixMilli(), 10)
	form := url.Values{"app_key": {e.c.AppKey}, "timestamp": {at}, "sign": {e.sign(at)}}
	a, err := e.call.Ask(ctx, call.Request{URL: base + e.c.TokenPath, Type: call.TypeForm, Body: []byte(form.Encode())})
	if err != nil {
		return call.Token{}, err
	}
	var said struct {
		Code *int `json:"code"`
		Data struct {
			Token string `json:"auth_token"`
		} `json:"data"`
	}
	switch {
	case !a.JSON(&said) || said.Code == nil:
		return call.Token{}, a.NoToken()
	case *said.Code != success:
		return call.Token{}, a.Denied(result(e.codes, *said.Code), strconv.Itoa(*said.Code))
	}
	t, ok := e.call.Granted(said.Data.Token, int64(tokenLife/time.Second))
	if !ok {
		return call.Token{}, a.NoToken()
	}
	return t, nil
}

// sign is sha256 of app key, timestamp in milliseconds and master secret.
func (e *Emitter) sign(at string) string {
	sum := sha256.Sum256([]byte(e.c.AppKey + at + e.c.MasterSecret))
	return hex.EncodeToString(sum[:])
}
