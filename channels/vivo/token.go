package vivo

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// A token holds for 24 hours, and vivo asks that it be kept and renewed every one to
// two hours (API 2.9.2, section 1.1).
const (
	tokenLife  = 24 * time.Hour
	tokenEarly = 22 * time.Hour
)

// credentials is the request for an authToken. The timestamp is in milliseconds.
type credentials struct {
	AppID     json.Number `json:"appId"`
	AppKey    string      `json:"appKey"`
	Timestamp int64       `json:"timestamp"`
	Sign      string      `json:"sign"`
}

// mint gets an authToken.
func (e *Emitter) mint(ctx context.Context) (call.Token, error) {
	now := e.c.Clock()
	at := now.UnixMilli()
	// New has checked that the app id is a number, so it marshals.
	b, _ := json.Marshal(credentials{AppID: json.Number(e.c.AppID), AppKey: e.c.AppKey, Timestamp: at, Sign: e.sign(at)})
	a, err := e.call.Ask(ctx, call.Request{URL: e.c.BaseURL + e.c.Paths.Token, Type: call.TypeJSON, Body: b})
	if err != nil {
		return call.Token{}, err
	}
	var said struct {
		Result *int   `json:"result"`
		Token  string `json:"authToken"`
	}
	switch {
	case !a.JSON(&said) || said.Result == nil:
		return call.Token{}, a.NoToken()
	case *said.Result != 0:
		// The result of a wrong sign is on no page, so none tells credentials apart.
		return call.Token{}, a.Denied(result(e.codes, *said.Result, now), "")
	}
	t, ok := e.call.Granted(said.Token, int64(tokenLife/time.Second))
	if !ok {
		return call.Token{}, a.NoToken()
	}
	return t, nil
}

// sign is md5 of app id, app key, timestamp and app secret, in lower case. That it
// is md5 is vivo's choice.
func (e *Emitter) sign(at int64) string {
	sum := md5.Sum([]byte(e.c.AppID + e.c.AppKey + strconv.FormatInt(at, 10) + e.c.AppSecret))
	return hex.EncodeToString(sum[:])
}
