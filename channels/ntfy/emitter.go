package ntfy

import (
	"context"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many calls of one command are under way at once.
const parallel = 16

// Emitter implements channels.Emitter.
type Emitter struct {
	c    Config
	call call.Client
}

// Emit carries out a command, with one call for each topic.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	slot := call.BySlot(channels.SlotWord)
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Remove: slot, channels.Overwrite: slot},
		Forced:  true,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	return call.Each(ctx, c, parallel, func(ctx context.Context, topic string) call.Result {
		if topic == "" || topic == "." || topic == ".." {
			// In a path these name something else (L9).
			return call.Failure(call.ErrUnmade)
		}
		return e.send(ctx, e.request(c, topic))
	}), nil
}

// send makes one call. A 404 is a refusal like another: ntfy deletes an id it does
// not know without an error, so only an address that is no ntfy server, or one
// that is too old to delete, answers so.
func (e *Emitter) send(ctx context.Context, request call.Request) call.Result {
	a, err := e.call.Send(ctx, request)
	if err != nil {
		return call.Failure(err)
	}
	if r := a.Refusal(); r.Verdict != "" {
		return r
	}
	// Something else than ntfy answers 200 as well; ntfy answers with the message.
	var said struct {
		ID string `json:"id"`
	}
	if !a.JSON(&said) || said.ID == "" {
		return call.NoAnswer()
	}
	return call.Result{Verdict: channels.Accepted}
}
