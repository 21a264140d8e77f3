package xiaomi

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many sends of one command are stopped at once.
const parallel = 4

// Emitter implements channels.Emitter.
type Emitter struct {
	c     Config
	call  call.Client
	codes []meaning
}

// Emit carries out a command, with one call for each kind of target and as many
// targets as a call takes, or where sends are stopped with one for each send.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	slot := call.BySlot(channels.SlotInteger)
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Remove: slot, channels.Overwrite: slot},
		Forced:  true, Fits: fits,
	}
	if e.c.StopWholeSends {
		terms.Methods[channels.Withhold] = call.BySend
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	if c.Method == channels.Withhold {
		return call.Sends(ctx, c, parallel, func(ctx context.Context, send string) call.Result {
			r, _ := e.one(ctx, e.c.stop(send))
			return r
		}), nil
	}
	request := e.c.revoke
	if c.Method == channels.Overwrite {
		request = e.c.overwrite
	}
	// What is in no batch cannot be named.
	reply := channels.All(c, channels.Refused, channels.ReasonBadRequest)
	for _, b := range e.c.batches(c.Devices) {
		r, bad := e.one(ctx, request(c, b))
		reply.RetryAfter = max(reply.RetryAfter, r.RetryAfter)
		for i, x := range b.results(r, bad) {
			reply.Results[b.at[i]].Verdict, reply.Results[b.at[i]].Reason = x.Verdict, x.Reason
		}
	}
	return reply, nil
}

// answer is the form of every answer. Code tells one from what something else than
// MiPush says.
type answer struct {
	Result string          `json:"result"`
	Code   *int            `json:"code"`
	Data   json.RawMessage `json:"data"`
}

// one makes a call. It returns what came of it, and the targets that were rejected
// all the same.
func (e *Emitter) one(ctx context.Context, request call.Request) (call.Result, []string) {
	a, err := e.call.Send(ctx, request)
	if err != nil {
		return call.Failure(err), nil
	}
	var said answer
	readable := a.JSON(&said) && said.Code != nil
	if readable {
		if i := slices.IndexFunc(e.codes, func(m meaning) bool { return m.code == *said.Code }); i >= 0 {
			r := e.codes[i].result()
			r.RetryAfter = a.RetryAfter
			return r, nil
		}
	}
	if r := a.Refusal(); r.Verdict != "" {
		return r, nil
	}
	switch {
	case !readable || *said.Code == 0 && said.Result == "error":
		return call.NoAnswer(), nil
	case *said.Code != 0:
		return call.Result{Verdict: channels.Refused, Reason: channels.ReasonBadRequest}.Coded(strconv.Itoa(*said.Code)), nil
	}
	return call.Result{Verdict: channels.Accepted}, e.bad(said.Data)
}

// bad reads the list of rejected targets.
func (e *Emitter) bad(data json.RawMessage) []string {
	var inner string
	if json.Unmarshal(data, &inner) == nil { // public source also has the data as JSON within a string
		data = json.RawMessage(inner)
	}
	var fields map[string]any
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	list, _ := fields[e.c.Unverified.Bad].(string)
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// results says what came of a call for each of its targets: r, but for those that
// were rejected all the same.
func (b batch) results(r call.Result, bad []string) []channels.Result {
	dead := make(map[string]bool, len(bad))
	for _, target := range bad {
		dead[target] = true
	}
	results := make([]channels.Result, len(b.targets))
	for i, target := range b.targets {
		results[i] = channels.Result{Verdict: r.Verdict, Reason: r.Reason}
		if dead[target] {
			results[i] = channels.Result{Verdict: channels.Refused, Reason: channels.ReasonDeadToken}
		}
	}
	call.Doubt(results)
	return results
}
