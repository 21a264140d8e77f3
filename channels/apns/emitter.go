package apns

import (
	"context"
	"crypto/ecdsa"
	"maps"
	"net/url"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many calls of one command are under way at once, on one HTTP/2
// connection.
const parallel = 32

// Emitter implements channels.Emitter.
type Emitter struct {
	c      Config
	call   call.Client
	tokens *call.Tokens
	key    *ecdsa.PrivateKey
}

// Emit carries out a command, with one call for each device.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Remove: bySlot, channels.Overwrite: bySlot},
		Forced:  true,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	p := pushOf(c)
	return call.Each(ctx, c, parallel, func(ctx context.Context, device string) call.Result {
		r, err := call.Authorized(ctx, e.tokens, func(token string) (call.Result, bool) {
			return e.send(ctx, p, device, token)
		})
		if err != nil {
			return call.Untouched(err)
		}
		return r
	}), nil
}

// send makes one call and reports whether Apple rejected the provider token.
func (e *Emitter) send(ctx context.Context, p push, device, token string) (call.Result, bool) {
	header := map[string]string{"authorization": "bearer " + token, "apns-topic": e.c.Topic}
	maps.Copy(header, p.header)
	a, err := e.call.Send(ctx, call.Request{
		URL: e.c.BaseURL + "/3/device/" + url.PathEscape(device), Type: call.TypeJSON, Body: p.body, Header: header,
	})
	if err != nil {
		return call.Failure(err), false
	}
	return judge(a)
}
