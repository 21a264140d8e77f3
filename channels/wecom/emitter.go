package wecom

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many sends are recalled at once; WeCom limits concurrent calls
// to a number it does not state.
const parallel = 4

// Emitter implements channels.Emitter.
type Emitter struct {
	c        Config
	call     call.Client
	tokens   *call.Tokens
	meanings map[int]meaning
}

// Emit carries out a command: one call for each send, or one for a forced
// override. The devices of a command are userids.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Remove: call.BySend},
		Forced:  true, Fits: fits,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	// Asked for once here, a token that cannot be had is not asked for by every send.
	if _, err := e.tokens.Get(ctx); err != nil {
		return call.Untouched(err).All(c), nil
	}
	if c.Method == channels.Overwrite {
		return e.send(ctx, c), nil
	}
	return call.Sends(ctx, c, parallel, func(ctx context.Context, msgid string) call.Result {
		return e.ask(ctx, e.c.RecallPath, recall{msgid}).Result
	}), nil
}

// send gives every device what came of the call that named all of them.
func (e *Emitter) send(ctx context.Context, c channels.Command) channels.Reply {
	users := slices.DeleteFunc(slices.Clone(c.Devices), wide)
	if len(users) == 0 {
		return channels.All(c, channels.Refused, channels.ReasonBadRequest)
	}
	came := e.ask(ctx, e.c.SendPath, message{
		ToUser: strings.Join(users, "|"), MsgType: "text", AgentID: e.c.AgentID, Text: text{content(c)},
		Check: 1, Seconds: duplicateSeconds,
	})
	came.Send = came.MsgID
	invalid := map[string]bool{}
	for id := range strings.SplitSeq(strings.ToLower(came.Invalid), "|") {
		invalid[id] = true
	}
	reply := came.All(c)
	for i := range reply.Results {
		switch x := &reply.Results[i]; {
		case wide(x.Device):
			x.Verdict, x.Reason = channels.Refused, channels.ReasonBadRequest
		case x.Verdict == channels.Accepted && invalid[strings.ToLower(x.Device)]:
			x.Verdict, x.Reason = channels.Refused, channels.ReasonBadRequest+":invaliduser"
		}
	}
	return reply
}

// wide reports whether a userid would name others than one user (L9).
func wide(device string) bool { return device == "@all" || !call.Single(device, "|") }

// said is an answer and what it means.
type said struct {
	answer
	call.Result
}

// ask makes a call.
func (e *Emitter) ask(ctx context.Context, path string, body any) said {
	b, err := call.Encode(body)
	if err != nil { // plain strings always encode
		return said{Result: call.Failure(call.ErrUnmade)}
	}
	s, err := call.Authorized(ctx, e.tokens, func(token string) (said, bool) { return e.once(ctx, path, token, b) })
	if err != nil {
		return said{Result: call.Untouched(err)}
	}
	return s
}

// once makes a call and reports whether WeCom rejected the access token.
func (e *Emitter) once(ctx context.Context, path, token string, body []byte) (s said, rejected bool) {
	a, err := e.call.Send(ctx, call.Request{
		URL: e.c.BaseURL + path + "?access_token=" + url.QueryEscape(token), Type: call.TypeJSON, Body: body,
	})
	if err != nil {
		s.Result = call.Failure(err)
		return s, false
	}
	if s.Result = a.Refusal(); s.Verdict != "" {
		return s, false
	}
	if !a.JSON(&s.answer) || s.Code == nil {
		return said{Result: call.NoAnswer()}, false
	}
	m := e.judge(*s.Code)
	s.Verdict, s.Reason = m.verdict, m.reason
	return s, m.stale
}
