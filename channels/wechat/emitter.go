package wechat

import (
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many sends of one command are deleted at once.
const parallel = 4

// Emitter implements channels.Emitter.
type Emitter struct {
	c      Config
	call   call.Client
	tokens *call.Tokens
}

// Emit carries out a command, with one call for each send.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{Methods: map[channels.Method]call.Target{channels.Remove: call.BySend}}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	// Asked for once here, a token that cannot be had is not asked for by every send.
	if _, err := e.tokens.Get(ctx); err != nil {
		return call.Untouched(err).All(c), nil
	}
	return call.Sends(ctx, c, parallel, e.remove), nil
}

// remove deletes one send.
func (e *Emitter) remove(ctx context.Context, send string) call.Result {
	msg, err := strconv.ParseInt(send, 10, 64)
	if err != nil || msg <= 0 {
		return call.Result{Verdict: channels.Refused, Reason: channels.ReasonNoSend}
	}
	body, err := json.Marshal(deletion{Message: msg})
	if err != nil { // numbers always marshal
		return call.Failure(call.ErrUnmade)
	}
	r, err := call.Authorized(ctx, e.tokens, func(token string) (call.Result, bool) {
		return e.once(ctx, token, body)
	})
	if err != nil {
		return call.Untouched(err)
	}
	return r
}

// once makes the call and reports whether WeChat rejected the access token.
func (e *Emitter) once(ctx context.Context, token string, body []byte) (call.Result, bool) {
	a, err := e.call.Send(ctx, call.Request{
		URL:  e.c.BaseURL + e.c.DeletePath + "?access_token=" + url.QueryEscape(token),
		Type: call.TypeJSON, Body: body,
	})
	if err != nil {
		return call.Failure(err), false
	}
	r := a.Refusal()
	if r.Verdict != "" {
		return r, false
	}
	var said answer
	if !a.JSON(&said) || said.Code == nil {
		return call.NoAnswer(), false
	}
	m := means(*said.Code)
	r.Verdict, r.Reason = m.verdict, m.reason
	return r, m.stale
}
