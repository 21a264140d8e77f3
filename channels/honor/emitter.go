package honor

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Emitter implements channels.Emitter for one app.
type Emitter struct {
	c       Config
	call    call.Client
	tokens  *call.Tokens
	sendURL string
}

// Emit carries out a command with one call for all its devices.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Overwrite: call.BySlot(channels.SlotText)},
		Forced:  true,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	body, err := json.Marshal(e.request(c))
	if err != nil { // plain strings and numbers always marshal
		return channels.Reply{}, err
	}
	reply, err := call.Authorized(ctx, e.tokens, func(token string) (channels.Reply, bool) {
		return e.send(ctx, c, token, body)
	})
	if err != nil {
		return call.Untouched(err).All(c), nil
	}
	return reply, nil
}

// send makes one call and reports whether Honor rejected the access token.
func (e *Emitter) send(ctx context.Context, c channels.Command, token string, body []byte) (channels.Reply, bool) {
	a, err := e.call.Send(ctx, call.Request{
		URL: e.sendURL, Type: "application/json; charset=UTF-8", Body: body,
		Header: map[string]string{
			"Authorization": "Bearer " + token,
			"timestamp":     strconv.FormatInt(e.c.Clock().UnixMilli(), 10), // in milliseconds
		},
	})
	if err != nil {
		return call.Failure(err).All(c), false
	}
	o := read(a)
	reply := o.reply(c)
	reply.RetryAfter = a.RetryAfter
	return reply, o.stale
}
