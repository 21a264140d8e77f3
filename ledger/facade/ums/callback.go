package ums

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The limits of a callback (L11). The vendor sends up to 100 items.
const (
	MaxItems = 1000
	MaxEcho  = 256
)

// item is what is read of one status of one target (see status.go for the source).
type item struct {
	Type       int    `json:"type"`
	ChannelKey string `json:"channelkey"`
	MsgID      string `json:"msgid"`
	UserID     string `json:"userid"`
	SenderID   string `json:"sender_id"`
	Sender     int    `json:"sender"`
	SentTime   int64  `json:"sent_time"`
	Error      struct {
		Code json.RawMessage `json:"code"`
	} `json:"error"`
}

// callback takes in statuses, and answers the probe that tests the address.
func (h *Handler) callback(ctx context.Context, c *call) answer {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		echo := c.r.URL.Query().Get("echostr")
		if echo == "" || len(echo) > MaxEcho {
			return say(codeInvalid, "echostr is missing or too long")
		}
		return answer{echo: &echo}
	}
	var raw []json.RawMessage
	if c.r.Method != http.MethodPost || json.Unmarshal(c.body, &raw) != nil {
		return say(codeInvalid, "the body is not a JSON array")
	}
	if len(raw) > MaxItems {
		return say(codeInvalid, "the array has more than "+strconv.Itoa(MaxItems)+" items")
	}
	in := facade.NewGather(c.key.App, h.c.Desk.Clock())
	for _, r := range raw {
		add(in, c.key, r)
	}
	if _, err := h.c.Desk.Facts(ctx, c.key.App, in.Events()...); err != nil {
		// Not answered with 200, the vendor sends it all again; facts count once.
		return h.failed(ctx, c, err)
	}
	for why, n := range in.Ignored() {
		// An answer of 400 would only bring the same items back.
		h.c.Logger.WarnContext(ctx, "status items ignored", slog.String("facade", facade.UMS), slog.String("app", c.key.App),
			slog.String("reason", why), slog.Int("items", n))
	}
	return say(codeSuccess, "")
}

// add takes one item. What states no fact is counted as ignored.
func add(in *facade.Gather, key facade.Credential, raw json.RawMessage) {
	var i item
	if json.Unmarshal(raw, &i) != nil {
		in.Ignore("not of the documented form")
		return
	}
	kind, isFact := kindOf(i.Type)
	channel, hasChannel := channelOf(i.Sender)
	switch {
	case i.ChannelKey != "" && i.ChannelKey != key.ID:
		in.Ignore("another channelkey") // L10
		return
	case i.Type == StatusRetracted || i.Type == StatusRetractFailed:
		in.Ignore("result of a retract")
		return
	case i.Type == StatusValidTarget:
		in.Ignore("target valid")
		return
	case !isFact:
		in.Ignore("unknown type")
		return
	case !hasChannel:
		in.Ignore("sender without a channel")
		return
	}
	r := facade.Report{Kind: kind, Push: i.MsgID, Channel: channel, Device: cmp.Or(i.SenderID, i.UserID), User: i.UserID, Seconds: i.SentTime}
	if kind == events.PushFailed {
		r.Reason, _ = text(i.Error.Code)
	}
	in.Add(r)
}
