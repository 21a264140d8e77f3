package dingtalk

import (
	"context"
	"net/http"
	"net/url"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// mint gets an access token, which holds for two hours.
func (e *Emitter) mint(ctx context.Context) (call.Token, error) {
	q := url.Values{"appkey": {e.c.AppKey}, "appsecret": {e.c.AppSecret}}
	a, err := e.call.Ask(ctx, call.Request{Method: http.MethodGet, URL: e.c.TokenURL + "?" + q.Encode()})
	if err != nil {
		return call.Token{}, err
	}
	var said answer
	readable := a.Refusal().Verdict == "" && a.JSON(&said)
	switch {
	case readable && said.barred():
		return call.Token{}, a.Denied(bar(), "")
	case !readable || said.Code == nil:
		return call.Token{}, a.NoToken()
	case *said.Code != 0:
		m := e.judge(said.name())
		return call.Token{}, a.Denied(call.Result{Verdict: m.verdict, Reason: m.reason}, said.name())
	}
	t, ok := e.call.Granted(said.Token, said.Expires)
	if !ok {
		return call.Token{}, a.NoToken()
	}
	return t, nil
}
