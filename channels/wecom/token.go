package wecom

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// mint gets an access token, which holds for two hours.
func (e *Emitter) mint(ctx context.Context) (call.Token, error) {
	q := url.Values{"corpid": {e.c.CorpID}, "corpsecret": {e.c.CorpSecret}}
	a, err := e.call.Ask(ctx, call.Request{Method: http.MethodGet, URL: e.c.TokenURL + "?" + q.Encode()})
	if err != nil {
		return call.Token{}, err
	}
	var said answer
	switch {
	case a.Refusal().Verdict != "" || !a.JSON(&said) || said.Code == nil:
		return call.Token{}, a.NoToken()
	case *said.Code != 0:
		m := e.judge(*said.Code)
		return call.Token{}, a.Denied(call.Result{Verdict: m.verdict, Reason: m.reason}, strconv.Itoa(*said.Code))
	}
	t, ok := e.call.Granted(said.Token, said.Expires)
	if !ok {
		return call.Token{}, a.NoToken()
	}
	return t, nil
}
