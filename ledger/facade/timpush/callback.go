package timpush

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"strconv"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// MaxEvents bounds a callback (L11). The vendor sends up to 100 events.
const MaxEvents = 1000

// command is the callback that is understood.
const command = "Push.AllMemberPush"

// What an event says. Source for everything in this file:
// trtc.io/document/67551, checked 2026-11-20.
const (
	eventOffline = 1
	eventOnline  = 2
	stageSent    = 1
	stageReached = 2
	stageClicked = 3
)

// channelOf returns the channel of an event. For an online push the vendor
// tells no platform: it went to the running app itself.
func channelOf(eventType, platform int) (string, bool) {
	switch eventType {
	case eventOnline:
		return "selfbuilt", true
	case eventOffline:
		c, ok := map[int]string{
			1: "apns", 2: "xiaomi", 3: "huawei", 4: "fcm", 5: "meizu", 6: "oppo", 7: "vivo", 8: "honor",
		}[platform]
		return c, ok
	}
	return "", false
}

// kindOf returns the fact a stage states. A click counts whatever else is said
// of it: nobody who clicked may be touched (L7).
func kindOf(stage, errCode int) (events.Kind, bool) {
	switch {
	case stage == stageClicked:
		return events.ClickClicked, true
	case stage != stageSent && stage != stageReached:
		return "", false
	case errCode != 0:
		return events.PushFailed, true
	case stage == stageReached:
		return events.DeliveryDelivered, true
	}
	return events.PushSent, true
}

// authenticateCallback checks the SDKAppID and the token of a callback's
// address. It does the same work for an SDKAppID that is not known (L10).
func (h *Handler) authenticateCallback(remote string, query url.Values) (facade.Credential, code) {
	if len(query["SdkAppid"]) != 1 || len(query["token"]) != 1 {
		return facade.Credential{}, codeWrongSignature // nothing is guessed
	}
	id := query.Get("SdkAppid")
	var key facade.Credential
	// Apart from the guesses of UserSigs: a callback that is set up wrong comes
	// often, and locks no client out.
	verdict := h.guard.Check("callback "+id, remote, h.c.Desk.Clock(), func() bool {
		var known bool
		key, known = h.c.Desk.Credentials.Find(facade.TIMPush, id)
		return key.TakesCallback(query.Get("token")) && known && !key.Disabled
	})
	switch verdict {
	case facade.Limited:
		return facade.Credential{}, codeTooManyFailures
	case facade.Wrong:
		return facade.Credential{}, codeWrongSignature
	case facade.Right:
	}
	return key, codeOK
}

// pushEvent is one event of a callback.
type pushEvent struct {
	CallbackCommand string
	EventType       int
	TaskID          string `json:"TaskId"`
	EventTime       int64
	To              string `json:"To_Account"`
	PushPlatform    int
	PushStage       int
	ErrCode         int
}

// callback takes in what happened to notifications.
func (h *Handler) callback(ctx context.Context, c *call) answer {
	var body struct{ Events []json.RawMessage }
	if !object(c.body) || json.Unmarshal(c.body, &body) != nil || len(body.Events) > MaxEvents {
		return say(codeCallback)
	}
	in := facade.NewGather(c.key.App, h.c.Desk.Clock())
	for _, raw := range body.Events {
		add(in, raw)
	}
	if _, err := h.c.Desk.Facts(ctx, c.key.App, in.Events()...); err != nil {
		return h.failed(ctx, c, err)
	}
	for why, n := range in.Ignored() {
		// Refusing them would only bring the same events back.
		h.c.Logger.WarnContext(ctx, "callback events ignored", slog.String("facade", facade.TIMPush), slog.String("app", c.key.App),
			slog.String("reason", why), slog.Int("events", n))
	}
	return say(codeOK)
}

// add takes one event. What states no fact is counted as ignored.
func add(in *facade.Gather, raw json.RawMessage) {
	var e pushEvent
	if json.Unmarshal(raw, &e) != nil {
		in.Ignore("not of the documented form")
		return
	}
	kind, isFact := kindOf(e.PushStage, e.ErrCode)
	channel, hasChannel := channelOf(e.EventType, e.PushPlatform)
	switch {
	case e.CallbackCommand != "" && e.CallbackCommand != command:
		in.Ignore("another callback")
		return
	case !isFact:
		in.Ignore("unknown stage")
		return
	case !hasChannel:
		in.Ignore("platform without a channel")
		return
	}
	// The vendor tells no device: an account on a channel is one.
	r := facade.Report{Kind: kind, Push: e.TaskID, Channel: channel, Device: e.To, User: e.To, Seconds: e.EventTime}
	if kind == events.PushFailed {
		r.Reason = strconv.Itoa(e.ErrCode)
	}
	in.Add(r)
}
