package dingtalk

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many calls of one command are under way at once. DingTalk allows
// an application 40 calls of one kind a second, as public source has it.
const parallel = 4

// Emitter implements channels.Emitter.
type Emitter struct {
	c        Config
	call     call.Client
	tokens   *call.Tokens
	meanings map[string]meaning
}

// Emit carries out a command: one call for each send, or for a forced override
// one for each maxUsers devices. The devices of a command are userids.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Remove: call.BySend},
		Forced:  true, Fits: fits,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	// Asked for once here, a token that cannot be had is not asked for by every call.
	if _, err := e.tokens.Get(ctx); err != nil {
		return call.Untouched(err).All(c), nil
	}
	if c.Method == channels.Overwrite {
		return e.send(ctx, c), nil
	}
	return call.Sends(ctx, c, parallel, func(ctx context.Context, task string) call.Result {
		id, err := strconv.ParseInt(task, 10, 64)
		if err != nil || id <= 0 {
			return call.Result{Verdict: channels.Refused, Reason: channels.ReasonNoSend}
		}
		return e.ask(ctx, e.c.RecallPath, recall{e.c.AgentID, id})
	}), nil
}

// send gives every device what came of the call that named it.
func (e *Emitter) send(ctx context.Context, c channels.Command) channels.Reply {
	m := messageOf(c)
	users := slices.DeleteFunc(slices.Clone(c.Devices), wide)
	chunks := slices.Collect(slices.Chunk(users, maxUsers))
	numbers := make([]string, len(chunks))
	for i := range chunks {
		numbers[i] = strconv.Itoa(i)
	}
	sends := call.Each(ctx, channels.Command{Devices: numbers}, parallel, func(ctx context.Context, number string) call.Result {
		i := slices.Index(numbers, number)
		return e.ask(ctx, e.c.SendPath, send{e.c.AgentID, strings.Join(chunks[i], ","), m})
	})
	reply := channels.Reply{RetryAfter: sends.RetryAfter}
	named := 0
	for _, d := range c.Devices {
		r := channels.Result{Device: d, Verdict: channels.Refused, Reason: channels.ReasonBadRequest}
		if !wide(d) {
			came := sends.Results[named/maxUsers]
			r.Verdict, r.Reason, r.Send = came.Verdict, came.Reason, came.Send
			named++
		}
		reply.Results = append(reply.Results, r)
	}
	return reply
}

// wide reports whether a userid would name others than one user (L9).
func wide(device string) bool { return !call.Single(device, ",") }

// ask makes a call.
func (e *Emitter) ask(ctx context.Context, path string, body any) call.Result {
	b, err := call.Encode(body)
	if err != nil { // plain strings and numbers always encode
		return call.Failure(call.ErrUnmade)
	}
	r, err := call.Authorized(ctx, e.tokens, func(token string) (call.Result, bool) { return e.once(ctx, path, token, b) })
	if err != nil {
		return call.Untouched(err)
	}
	return r
}

// once makes a call and reports whether DingTalk rejected the access token.
func (e *Emitter) once(ctx context.Context, path, token string, body []byte) (call.Result, bool) {
	a, err := e.call.Send(ctx, call.Request{
		URL: e.c.BaseURL + path + "?access_token=" + url.QueryEscape(token), Type: call.TypeJSON, Body: body,
	})
	if err != nil {
		return call.Failure(err), false
	}
	r := a.Refusal()
	if r.Verdict != "" {
		return r, false
	}
	var said answer
	readable := a.JSON(&said)
	switch {
	case readable && said.barred():
		return bar(), false
	case !readable || said.Code == nil:
		return call.NoAnswer(), false
	}
	m := e.judge(said.name())
	r.Verdict, r.Reason, r.Send = m.verdict, m.reason, said.TaskID.String()
	return r, m.stale
}
