package fcm

import (
	"context"
	"encoding/json"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many calls of one command are under way at once.
const parallel = 32

// Emitter implements channels.Emitter, for both channels: a command's channel says
// which form its messages have.
type Emitter struct {
	c       Config
	call    call.Client
	tokens  *call.Tokens
	account account
	sendURL string
}

// Emit carries out a command, with one call for each device.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	f := formOf(c.Channel)
	terms := call.Terms{Methods: map[channels.Method]call.Target{}, Forced: len(f.methods) > 0}
	for _, m := range f.methods {
		terms.Methods[m] = call.BySlot(channels.SlotText)
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	m := f.message(c)
	if m.size() > maxPayload {
		return channels.All(c, channels.Refused, channels.ReasonTooLarge), nil
	}
	// Asked for once here, a token that cannot be had is not asked for by every call.
	if _, err := e.tokens.Get(ctx); err != nil {
		return call.Untouched(err).All(c), nil
	}
	return call.Each(ctx, c, parallel, func(ctx context.Context, device string) call.Result {
		m := m
		m.Token = device
		body, _ := json.Marshal(request{m}) // plain strings always marshal
		r, err := call.Authorized(ctx, e.tokens, func(token string) (call.Result, bool) {
			return e.send(ctx, body, token)
		})
		if err != nil {
			return call.Untouched(err)
		}
		return r
	}), nil
}

// send makes one call and reports whether Google rejected the access token.
func (e *Emitter) send(ctx context.Context, body []byte, token string) (call.Result, bool) {
	a, err := e.call.Send(ctx, call.Request{
		URL: e.sendURL, Type: call.TypeJSON, Body: body, Header: map[string]string{"Authorization": "Bearer " + token},
	})
	if err != nil {
		return call.Failure(err), false
	}
	return judge(a)
}
