package harmony

import (
	"context"
	"encoding/json"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Emitter implements channels.Emitter for one app.
type Emitter struct {
	c                  Config
	call               call.Client
	tokens             *call.Tokens
	account            account
	revokeURL, sendURL string
}

// Emit carries out a command with one call for all its devices.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	slot := call.BySlot(channels.SlotInteger)
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Withhold: slot, channels.Remove: slot, channels.Overwrite: slot},
		Forced:  true,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	address, v := e.revokeURL, any(revocation{notifyID(c), c.Devices})
	if c.Method == channels.Overwrite {
		address, v = e.sendURL, e.request(c)
	}
	body, err := json.Marshal(v)
	if err != nil { // plain strings and numbers always marshal
		return channels.Reply{}, err
	}
	reply, err := call.Authorized(ctx, e.tokens, func(token string) (channels.Reply, bool) {
		return e.send(ctx, c, address, token, body)
	})
	if err != nil {
		return call.Untouched(err).All(c), nil
	}
	return reply, nil
}

// send makes one call and reports whether Huawei rejected the signed token.
func (e *Emitter) send(ctx context.Context, c channels.Command, address, token string, body []byte) (channels.Reply, bool) {
	a, err := e.call.Send(ctx, call.Request{
		URL: address, Type: call.TypeJSON, Body: body,
		Header: map[string]string{"Authorization": "Bearer " + token, "push-type": pushType},
	})
	if err != nil {
		return call.Failure(err).All(c), false
	}
	o := read(a)
	reply := o.reply(c)
	reply.RetryAfter = a.RetryAfter
	return reply, o.stale
}
