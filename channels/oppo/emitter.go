package oppo

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// perCall is how many devices one call takes (OPPO's page on single sends).
const perCall = 1000

// Emitter implements channels.Emitter.
type Emitter struct {
	c        Config
	call     call.Client
	codes    []meaning
	home     region
	overseas region
}

// region is an address and the token it gave.
type region struct {
	base   string
	tokens *call.Tokens
}

// Emit carries out a command, with one call for each region.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	terms := call.Terms{
		Methods: map[channels.Method]call.Target{channels.Overwrite: call.BySlot(channels.SlotInteger)},
		Forced:  true, Fits: fits,
	}
	if r := terms.Check(c); r.Verdict != "" {
		return r.All(c), nil
	}
	var home, overseasAt []int
	for i, d := range c.Devices {
		if overseas(d) {
			overseasAt = append(overseasAt, i)
		} else {
			home = append(home, i)
		}
	}
	reply := channels.All(c, channels.Refused, channels.ReasonBadRequest)
	n := e.notification(c)
	e.send(ctx, e.home, n, home, &reply)
	e.send(ctx, e.overseas, n, overseasAt, &reply)
	return reply, nil
}

// send notifies the devices that stand at these places of a reply, and enters what
// came of it.
func (e *Emitter) send(ctx context.Context, r region, n notification, places []int, reply *channels.Reply) {
	for at := range slices.Chunk(places, perCall) {
		devices := make([]string, len(at))
		for i, place := range at {
			devices[i] = reply.Results[place].Device
		}
		part, err := call.Authorized(ctx, r.tokens, func(token string) (channels.Reply, bool) {
			return e.batch(ctx, r.base, token, n, devices)
		})
		if err != nil {
			part = call.Untouched(err).All(channels.Command{Devices: devices})
		}
		reply.RetryAfter = max(reply.RetryAfter, part.RetryAfter)
		for i, place := range at {
			reply.Results[place] = part.Results[i]
		}
	}
}

// answer is the form of every answer. Code tells one from what something else than
// OPPO says.
type answer struct {
	Code *int            `json:"code"`
	Data json.RawMessage `json:"data"`
}

// item is what an answer says of one device.
type item struct {
	Device string `json:"registrationId"`
	Code   int    `json:"errorCode"`
}

// batch makes one call and reports whether OPPO rejected the auth token.
func (e *Emitter) batch(ctx context.Context, base, token string, n notification, devices []string) (channels.Reply, bool) {
	all := channels.Command{Devices: devices}
	form := url.Values{"auth_token": {token}, "messages": {string(messages(n, devices))}}
	a, err := e.call.Send(ctx, call.Request{URL: base + e.c.SendPath, Type: call.TypeForm, Body: []byte(form.Encode())})
	if err != nil {
		return call.Failure(err).All(all), false
	}
	var said answer
	readable := a.JSON(&said) && said.Code != nil
	r := a.Refusal()
	switch {
	case readable && *said.Code == badDevice:
		r.Verdict, r.Reason = channels.Refused, channels.ReasonAllTokensBad
	case readable && *said.Code == duplicate: // of which device is not said
		r.Verdict, r.Reason = channels.Unknown, channels.ReasonNoAnswer
	case readable && *said.Code != success:
		known := result(e.codes, *said.Code)
		r.Verdict, r.Reason = known.Verdict, known.Reason
	case r.Verdict != "":
	case !readable:
		r = call.NoAnswer()
	default:
		return e.each(said.Data, all), false
	}
	return r.All(all), readable && (*said.Code == badAuthToken || *said.Code == noAuthToken)
}

// each reads what an answer says of each device. A device it does not name may have
// got the message or not.
func (e *Emitter) each(data json.RawMessage, all channels.Command) channels.Reply {
	var items []item
	if json.Unmarshal(data, &items) != nil {
		items = nil
	}
	named := make(map[string]call.Result, len(items))
	for _, i := range items {
		named[i.Device] = result(e.codes, i.Code)
	}
	return call.Named(all, call.NoAnswer(), named, 0)
}
