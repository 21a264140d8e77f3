package meizu

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// parallel is how many tasks of one command are cancelled at once.
const parallel = 4

// notificationBar is the pushType of a task that shows notifications.
const notificationBar = "0"

// Emitter implements channels.Emitter.
type Emitter struct {
	c    Config
	call call.Client
}

// Emit carries out a command: an overwrite with one call for all its devices, a
// withhold with one for each task.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{
			channels.Withhold: call.BySend, channels.Overwrite: call.BySlot(channels.SlotShort),
		},
		Forced: true, Fits: fits,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	if c.Method == channels.Withhold {
		return call.Sends(ctx, c, parallel, e.cancel), nil
	}
	return e.overwrite(ctx, c), nil
}

// cancel stops a task for everybody who has not got it. Only a send to all users
// has a task id, a number; pushByPushId answers with another id, which no call
// takes.
func (e *Emitter) cancel(ctx context.Context, task string) call.Result {
	if task == "" || strings.Trim(task, "0123456789") != "" {
		return call.Result{Verdict: channels.Unsupported, Reason: channels.ReasonHandedOver}
	}
	s := e.post(ctx, e.c.CancelPath, map[string]string{"pushType": notificationBar, "taskId": task})
	switch {
	case s.code == failed && strings.Contains(s.Message, overText):
		s.Verdict, s.Reason = channels.Accepted, channels.ReasonAlready
	case s.code == ok && !cancelled(s.Value):
		s.Verdict, s.Reason = channels.Unknown, channels.ReasonNoAnswer
	}
	return s.Result
}

// overwrite sends the new text to the command's push ids, under the old
// notification's key unless both are to be shown. One call takes 1,000 of them,
// more than a command has.
func (e *Emitter) overwrite(ctx context.Context, c channels.Command) channels.Reply {
	body, err := json.Marshal(messageOf(c, e.c.Clock()))
	ids := slices.DeleteFunc(slices.Clone(c.Devices), odd)
	if err != nil || len(ids) == 0 { // plain strings and numbers always marshal
		return channels.All(c, channels.Refused, channels.ReasonBadRequest)
	}
	s := e.post(ctx, e.c.PushPath, map[string]string{"pushIds": strings.Join(ids, ","), "messageJson": string(body)})
	reply := results(c, s)
	reply.RetryAfter = s.RetryAfter
	return reply
}

// odd reports whether a device is no push id: a comma in one would make it name
// other devices (L9).
func odd(device string) bool { return !call.Single(device, ",") }

// said is what came of one call.
type said struct {
	answer
	call.Result
	// code is Meizu's, "" where there was no usable answer.
	code string
}

// post makes a signed call. Its result is for the whole call.
func (e *Emitter) post(ctx context.Context, path string, parameters map[string]string) (s said) {
	parameters["appId"] = e.c.AppID
	form := url.Values{"sign": {sign(parameters, e.c.AppSecret)}}
	for k, v := range parameters {
		form.Set(k, v)
	}
	a, err := e.call.Send(ctx, call.Request{
		URL: e.c.BaseURL + path, Type: call.TypeForm + ";charset=UTF-8", Body: []byte(form.Encode()),
	})
	if err != nil {
		s.Result = call.Failure(err)
		return s
	}
	if s.Result = a.Refusal(); s.Verdict != "" {
		return s
	}
	if a.JSON(&s.answer) {
		s.code = s.answer.code()
	}
	m := means(callCodes(), s.code)
	s.Verdict, s.Reason = m.verdict, m.reason
	return s
}

// results says what came of a call for each of its devices: in a call that was
// taken Meizu lists those that failed by code, and every other has it.
func results(c channels.Command, s said) channels.Reply {
	reply := channels.All(c, s.Verdict, s.Reason)
	named := map[string]meaning{}
	if s.code == ok {
		lists, readable := failures(s.Value)
		if !readable {
			return channels.All(c, channels.Unknown, channels.ReasonNoAnswer)
		}
		for code, ids := range lists {
			for _, id := range ids {
				named[id] = means(deviceCodes(), digits(code))
			}
		}
	}
	for i := range reply.Results {
		r := &reply.Results[i]
		if m, found := named[r.Device]; found {
			r.Verdict, r.Reason = m.verdict, m.reason
		}
		if odd(r.Device) {
			r.Verdict, r.Reason = channels.Refused, channels.ReasonBadRequest
		}
	}
	call.Doubt(reply.Results)
	return reply
}
