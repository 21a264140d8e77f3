package webpush

import (
	"context"
	"net/url"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many calls of one command are under way at once.
const parallel = 16

// Emitter implements channels.Emitter.
type Emitter struct {
	hosts  []string
	base   *url.URL
	call   call.Client
	signer *signer
}

// Emit carries out a command, with one call for each subscription.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Overwrite: call.BySlot(channels.SlotWord)},
		Forced:  true,
		Fits:    func(c channels.Command) bool { return messageOf(c).record() <= maxRecord },
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	m := messageOf(c)
	return call.Each(ctx, c, parallel, func(ctx context.Context, device string) call.Result {
		return e.one(ctx, m, device)
	}), nil
}

// one sends to a subscription.
func (e *Emitter) one(ctx context.Context, m message, device string) call.Result {
	s, ok := parse(device)
	switch {
	case !ok:
		return call.Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest + ":subscription"}
	case !s.among(e.hosts):
		return call.Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest + ":host"}
	}
	r, err := call.Authorized(ctx, e.signer.tokens(s.origin()), func(token string) (call.Result, bool) {
		return e.send(ctx, m, s, token)
	})
	if err != nil {
		return call.Untouched(err)
	}
	return r
}

// send makes one call and reports whether the VAPID token was rejected.
func (e *Emitter) send(ctx context.Context, m message, s subscription, token string) (call.Result, bool) {
	req, err := e.request(ctx, m, s)
	if err != nil {
		return call.Failure(call.ErrUnmade), false
	}
	req.Header.Set("Authorization", token)
	a, err := e.call.Do(req)
	if err != nil {
		return call.Failure(err), false
	}
	return e.judge(a)
}
