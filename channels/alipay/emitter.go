package alipay

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"net/url"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many messages are recalled at once; Alipay limits the rate of
// calls to a number it does not state.
const parallel = 4

// Emitter implements channels.Emitter.
type Emitter struct {
	c        Config
	call     call.Client
	private  *rsa.PrivateKey
	public   *rsa.PublicKey
	meanings map[string]meaning
}

// Emit carries out a command, with one call for each send.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{Methods: map[channels.Method]call.Target{channels.Remove: call.BySend}}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	return call.Sends(ctx, c, parallel, e.remove), nil
}

// remove recalls one send.
func (e *Emitter) remove(ctx context.Context, send string) call.Result {
	body, err := e.request(send)
	if err != nil { // a key of a good size signs every text
		return call.Failure(call.ErrUnmade)
	}
	a, err := e.call.Send(ctx, call.Request{
		URL: e.c.BaseURL + e.c.GatewayPath, Type: call.TypeForm + ";charset=utf-8", Body: body,
	})
	if err != nil {
		return call.Failure(err)
	}
	r := a.Refusal()
	if r.Verdict != "" {
		return r
	}
	text, s, signature, ok := parse(e.c.Method, a.Body)
	// The gateway signs every success, and not every failure.
	if ok && e.public != nil && (signature != "" || s.Code == done) {
		ok = verify(e.public, text, signature)
	}
	if !ok {
		return call.NoAnswer()
	}
	m := e.judge(s)
	r.Verdict, r.Reason = m.verdict, m.reason
	return r
}

// request puts all parameters into the body, where no proxy logs them.
func (e *Emitter) request(send string) ([]byte, error) {
	content, err := json.Marshal(recall{send})
	if err != nil {
		return nil, err
	}
	parameters := map[string]string{
		"app_id": e.c.AppID, "method": e.c.Method, "format": "JSON", "charset": "utf-8", "sign_type": "RSA2",
		"timestamp": beijing(e.c.Clock()), "version": "1.0", "app_auth_token": e.c.AuthToken, "biz_content": string(content),
	}
	signature, err := sign(e.private, signed(parameters))
	if err != nil {
		return nil, err
	}
	form := url.Values{"sign": {signature}}
	for name, v := range parameters {
		if v != "" {
			form.Set(name, v)
		}
	}
	return []byte(form.Encode()), nil
}
