package jpush

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many sends of one command are under way at once.
const parallel = 4

// Emitter implements channels.Emitter.
type Emitter struct {
	c    Config
	call call.Client
	cids *pool
}

// Emit carries out a command, with one call for each send. A forced overwrite is
// one new push, whatever is known of the old one.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{
			channels.Withhold: call.BySend, channels.Remove: call.BySend, channels.Overwrite: call.BySend,
		},
		Forced: true,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	switch {
	case c.Method != channels.Overwrite:
		return call.Sends(ctx, c, parallel, e.withdraw), nil
	case c.Forced:
		return e.replace(ctx, c, "").All(c), nil
	}
	return call.Sends(ctx, c, parallel, func(ctx context.Context, send string) call.Result {
		return e.replace(ctx, c, send)
	}), nil
}

// withdraw stops a send where it is undelivered and removes it where it is shown
// and unclicked.
func (e *Emitter) withdraw(ctx context.Context, send string) call.Result {
	if _, fits := msgID(send); !fits {
		return call.Result{Verdict: channels.Refused, Reason: channels.ReasonNoSend}
	}
	_, r := e.do(ctx, http.MethodDelete, e.c.PushPath+"/"+send, nil, toWithdraw)
	return r
}

// replace pushes the new text in place of a send, or beside it if that is forced.
func (e *Emitter) replace(ctx context.Context, c channels.Command, send string) call.Result {
	id, fits := msgID(send)
	if !fits && !c.Forced {
		return call.Result{Verdict: channels.Refused, Reason: channels.ReasonNoSend}
	}
	w, err := e.cids.take(ctx, work{c.Push, c.Recall, send}, c.Devices)
	if err != nil {
		return unpushed(err)
	}
	body, err := json.Marshal(replacement(c, w.value, id, e.c.APNsCollapse))
	if err != nil { // plain strings and numbers always marshal
		return call.Failure(call.ErrUnmade)
	}
	why := toReplace
	if c.Forced {
		why = toPush
	}
	a, r := e.do(ctx, http.MethodPost, e.c.PushPath, body, why)
	if r.Verdict == channels.Accepted && len(a.MsgID) == 0 {
		r = call.NoAnswer() // JPush names the new send
	}
	// Some answers have the number as a text.
	r.Send = strings.Trim(string(a.MsgID), `"`)
	if r.Verdict.Terminal() {
		e.cids.settle(w)
	}
	return r
}

// do makes one call.
func (e *Emitter) do(ctx context.Context, method, path string, body []byte, why purpose) (answer, call.Result) {
	request := call.Request{
		Method: method, URL: e.c.BaseURL + path, Body: body,
		Header: map[string]string{
			"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(e.c.AppKey+":"+e.c.MasterSecret)),
		},
	}
	if body != nil {
		request.Type = call.TypeJSON
	}
	got, err := e.call.Send(ctx, request)
	if err != nil {
		return answer{}, call.Failure(err)
	}
	var a answer
	said := got.JSON(&a)
	r := got.Refusal()
	switch {
	case said && a.Error != nil:
		m := means(a.Error.Code, r, why)
		r.Verdict, r.Reason = m.verdict, m.reason
	case r.Verdict != "":
	case !said && len(got.Body) > 0:
		// Something else than JPush answers 200 as well.
		r = call.NoAnswer()
	default:
		// Unverified: no page shows the body of a withdrawal that succeeded, so
		// none, and any JSON, is taken. One call in a test app would show it.
		r.Verdict = channels.Accepted
	}
	r.RetryAfter = max(r.RetryAfter, reset(got.Status, got.Header))
	return a, r
}

// errNoCID is an answer to the call for cids that has none.
var errNoCID = errors.New("JPush gave no cid")

// fetchError is why there is no cid. Nothing was pushed.
type fetchError struct{ call.Result }

func (e fetchError) Error() string { return "get cids of JPush: " + e.Reason }

// fetch gets new cids.
func (e *Emitter) fetch(ctx context.Context) ([]string, error) {
	a, r := e.do(ctx, http.MethodGet, e.c.CIDPath+"?count="+strconv.Itoa(cidBatch)+"&type=push", nil, toPush)
	if r.Verdict != channels.Accepted {
		return nil, fetchError{r}
	}
	return a.CIDs, nil
}

// unpushed is the result of a push for which there is no cid: nothing was pushed,
// so whatever is not for good may be tried again.
func unpushed(err error) call.Result {
	var f fetchError
	switch {
	case errors.As(err, &f) && f.Verdict == channels.Unknown:
		return call.Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy, RetryAfter: f.RetryAfter}
	case errors.As(err, &f):
		return f.Result
	case errors.Is(err, errNoCID):
		return call.Result{Verdict: channels.Throttled, Reason: channels.ReasonBusy}
	}
	return call.Result{Verdict: channels.Throttled, Reason: channels.ReasonUnreachable}
}
