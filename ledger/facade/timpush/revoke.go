package timpush

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// offlineInfo is what the ledger reads of an OfflinePushInfo.
type offlineInfo struct {
	PushFlag int
	Title    string
	Desc     string
}

// labelOnlineOnly is the label that keeps a push's OnlineOnlyFlag.
const labelOnlineOnly = "OnlineOnlyFlag"

// revokeRequest is what the ledger reads of a recall.
type revokeRequest struct {
	TaskID          *string      `json:"TaskId"`
	OfflinePushInfo *offlineInfo `json:"OfflinePushInfo"`
}

func parseRevoke(body []byte) (*revokeRequest, code) {
	var r revokeRequest
	if !object(body) || json.Unmarshal(body, &r) != nil {
		return nil, codeBadJSON
	}
	if r.TaskID == nil {
		return nil, codeUnknownTask
	}
	if info := r.OfflinePushInfo; info != nil && info.PushFlag != 0 && info.PushFlag != 1 {
		return nil, codeBadJSON
	}
	return &r, codeOK
}

// revoke takes a push back.
func (h *Handler) revoke(ctx context.Context, c *call) answer {
	r, bad := parseRevoke(c.body)
	if bad != codeOK {
		return say(bad)
	}
	q := ledger.Request{App: c.key.App, Push: *r.TaskID, By: c.key.String()}
	var err error
	if q.Action, err = h.action(ctx, q, r.OfflinePushInfo); err != nil {
		return h.failed(ctx, c, err)
	}
	if q.Action == channels.Recall {
		q.Notice = r.OfflinePushInfo.notice()
	}
	_, refusal, err := h.c.Desk.Recall(ctx, q)
	var field *events.FieldError
	switch {
	case errors.As(err, &field):
		return say(codeUnknownTask) // what cannot be an id is unknown
	case err != nil:
		return h.failed(ctx, c, err)
	case refusal != nil:
		return refused(refusal)
	}
	return say(codeOK)
}

// action says what a recall asks of the ledger: see the package comment.
func (h *Handler) action(ctx context.Context, q ledger.Request, info *offlineInfo) (channels.Action, error) {
	switch {
	case info != nil && info.PushFlag == 0:
		return channels.Recall, nil
	case info != nil:
		return channels.Terminate, nil
	}
	p, err := h.c.Desk.Push(ctx, q.App, q.Push)
	if err != nil {
		return "", err
	}
	if p != nil && p.Created != nil && p.Created.Labels[labelOnlineOnly] == "0" {
		// An override without a replacement, for the ledger to refuse in its turn.
		return channels.Override, nil
	}
	return channels.Terminate, nil
}

// notice is the text that takes a notification's place; "" leaves it to the ledger.
func (i *offlineInfo) notice() string {
	title, desc := strings.TrimSpace(i.Title), strings.TrimSpace(i.Desc)
	if title != "" && desc != "" {
		title += ": "
	}
	return facade.Clean(title+desc, events.MaxTitle)
}

// object reports whether a body can be a JSON object; null and [] are none.
func object(body []byte) bool {
	return strings.HasPrefix(strings.TrimLeft(string(body), " \t\r\n"), "{")
}
