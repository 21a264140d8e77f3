package vivo

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Emitter implements channels.Emitter.
type Emitter struct {
	c        Config
	call     call.Client
	tokens   *call.Tokens
	codes    []meaning
	statuses []meaning
	// requests counts the requests, so that each has an id of its own.
	requests atomic.Uint64
}

// Emit carries out a command, with as many devices as a call takes.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	slot := call.BySlot(channels.SlotInteger)
	terms := call.Terms{Methods: map[channels.Method]call.Target{channels.Remove: slot}, Forced: true, Fits: fits}
	if e.c.Overwrite {
		terms.Methods[channels.Overwrite] = slot
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	size, do := e.c.Unverified.PerCall, e.remove
	if c.Method == channels.Overwrite {
		size, do = maxList, e.show
	}
	reply := channels.Reply{Results: make([]channels.Result, 0, len(c.Devices))}
	for devices := range slices.Chunk(c.Devices, size) {
		said, whole := do(ctx, c, devices)
		reply.RetryAfter = max(reply.RetryAfter, whole.RetryAfter)
		reply.Results = append(reply.Results, e.each(said, whole, devices).Results...)
	}
	return reply, nil
}

// remove recalls the notifications of some devices.
func (e *Emitter) remove(ctx context.Context, c channels.Command, devices []string) (answer, call.Result) {
	said, whole := e.post(ctx, e.c.Unverified.RecallPath, e.recall(c, devices))
	if said.status == http.StatusNotFound || said.status == http.StatusMethodNotAllowed {
		// The path is not vivo's. Nothing happened, and an operator can mend it.
		whole = call.Result{Verdict: channels.Throttled, Reason: channels.ReasonBadRequest + ":recall_path"}
	}
	return said, whole
}

// show sends the text of a command to some devices: to one at once, to several by a
// text that is saved first.
func (e *Emitter) show(ctx context.Context, c channels.Command, devices []string) (answer, call.Result) {
	n := e.notification(c)
	if len(devices) == 1 {
		n["regId"] = devices[0]
		return e.post(ctx, e.c.Paths.Send, n)
	}
	saved, whole := e.post(ctx, e.c.Paths.Save, n)
	switch {
	case whole.Verdict == channels.Unknown, whole.Verdict == channels.Accepted && !saved.hasTask():
		// A saved text shows nothing, so it is not the devices' state that is unknown.
		return answer{}, call.Result{Verdict: channels.Throttled, Reason: channels.ReasonNoAnswer, RetryAfter: whole.RetryAfter}
	case whole.Verdict != channels.Accepted:
		return answer{}, whole
	}
	return e.post(ctx, e.c.Paths.List, e.list(c, devices, saved.Task))
}

// answer is the form of every answer. Result tells one from what something else than
// vivo says.
type answer struct {
	Result *int            `json:"result"`
	Task   json.RawMessage `json:"taskId"`
	// Users and User are what is wrong with devices, in the answers to a list and
	// to a single send.
	Users json.RawMessage `json:"invalidUsers"`
	User  json.RawMessage `json:"invalidUser"`

	status int
}

// hasTask reports whether the answer names a saved text.
func (a answer) hasTask() bool { return len(a.Task) > 0 && string(a.Task) != "null" }

type invalid struct {
	Device string `json:"userid"`
	Status int    `json:"status"`
}

// said is an answer and what it means for the whole call.
type said struct {
	answer
	call.Result
}

// post makes a call.
func (e *Emitter) post(ctx context.Context, path string, body map[string]any) (answer, call.Result) {
	b, err := json.Marshal(body)
	if err != nil { // plain values always marshal
		return answer{}, call.Failure(call.ErrUnmade)
	}
	s, err := call.Authorized(ctx, e.tokens, func(token string) (said, bool) { return e.once(ctx, path, token, b) })
	if err != nil {
		return answer{}, call.Untouched(err)
	}
	return s.answer, s.Result
}

// once makes a call and reports whether vivo rejected the authToken.
func (e *Emitter) once(ctx context.Context, path, token string, body []byte) (s said, rejected bool) {
	a, err := e.call.Send(ctx, call.Request{
		URL: e.c.BaseURL + path, Type: call.TypeJSON, Body: body, Header: map[string]string{"authToken": token},
	})
	if err != nil {
		s.Result = call.Failure(err)
		return s, false
	}
	readable := a.JSON(&s.answer) && s.answer.Result != nil
	s.status, s.Result = a.Status, a.Refusal()
	switch {
	case readable && *s.answer.Result != 0:
		s.Result = result(e.codes, *s.answer.Result, e.c.Clock())
		s.RetryAfter = max(s.RetryAfter, a.RetryAfter)
		rejected = *s.answer.Result == e.c.Unverified.BadTokenCode
	case s.Verdict != "":
	case !readable:
		s.Result = call.NoAnswer()
	default:
		s.Result = call.Result{Verdict: channels.Accepted}
	}
	return s, rejected || a.Status == http.StatusUnauthorized
}

// each says of each device what came of the call.
func (e *Emitter) each(said answer, whole call.Result, devices []string) channels.Reply {
	named := map[string]call.Result{}
	if whole.Verdict == channels.Accepted {
		for d, status := range said.invalid() {
			named[d] = result(e.statuses, status, e.c.Clock())
		}
	}
	return call.Named(channels.Command{Devices: devices}, whole, named, 0)
}

// invalid reads what is wrong with which devices.
func (a answer) invalid() map[string]int {
	var list []invalid
	if json.Unmarshal(a.Users, &list) != nil {
		list = nil
	}
	var one invalid
	if json.Unmarshal(a.User, &one) == nil && one.Device != "" {
		list = append(list, one)
	}
	wrong := make(map[string]int, len(list))
	for _, i := range list {
		wrong[i.Device] = i.Status
	}
	return wrong
}
