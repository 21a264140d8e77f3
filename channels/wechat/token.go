package wechat

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// mint gets an access token, which holds for at most two hours.
func (e *Emitter) mint(ctx context.Context) (call.Token, error) {
	q := url.Values{"grant_type": {"client_credential"}, "appid": {e.c.AppID}, "secret": {e.c.AppSecret}}
	a, err := e.call.Ask(ctx, call.Request{Method: http.MethodGet, URL: e.c.TokenURL + "?" + q.Encode()})
	if err != nil {
		return call.Token{}, err
	}
	var said answer
	if a.Refusal().Verdict != "" || !a.JSON(&said) {
		return call.Token{}, a.NoToken()
	}
	if said.Code != nil && *said.Code != 0 {
		m := means(*said.Code)
		return call.Token{}, a.Denied(call.Result{Verdict: m.verdict, Reason: m.reason}, strconv.Itoa(*said.Code))
	}
	t, ok := e.call.Granted(said.Token, said.Expires)
	if !ok {
		return call.Token{}, a.NoToken()
	}
	return t, nil
}
