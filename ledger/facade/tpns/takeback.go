package tpns

import (
	"context"
	"fmt"
	"slices"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/projections"
)

// maxChain bounds how many overrides are followed back to the push that was
// sent first.
const maxChain = 64

// errChain is a push of which the first it goes back to is too far away.
var errChain = fail(codeInvalid, "the push goes back over more than %d overrides", maxChain)

// idRequest is the body of everything that names one push. The page's table says
// pushId and its sample pushid.
type idRequest struct {
	PushID text `json:"pushId"`
	Sample text `json:"pushid"`
}

func (q idRequest) id() (string, error) {
	id := q.PushID
	switch {
	case id == "":
		id = q.Sample
	case q.Sample != "" && q.Sample != id:
		return "", fail(codeInvalid, "pushId and pushid name two pushes")
	}
	if id == "" {
		return "", fail(codeMissing, "pushId is missing")
	}
	return string(id), events.CheckID("pushId", string(id), events.MaxPush)
}

func (h *Handler) terminate(ctx context.Context, c *call) (any, error) {
	return h.takeBack(ctx, c, channels.Terminate)
}

func (h *Handler) recall(ctx context.Context, c *call) (any, error) {
	return h.takeBack(ctx, c, channels.Recall)
}

func (h *Handler) cancel(ctx context.Context, c *call) (any, error) {
	return h.takeBack(ctx, c, channels.Cancel)
}

func (h *Handler) takeBack(ctx context.Context, c *call, action channels.Action) (any, error) {
	var q idRequest
	if err := parse(c.body, &q); err != nil {
		return nil, err
	}
	id, err := q.id()
	if err != nil {
		return nil, err
	}
	p, err := h.c.Desk.Push(ctx, c.app, id)
	if err != nil {
		return nil, err
	}
	// An unknown push is the ledger's to refuse.
	if p != nil {
		labels, err := h.labels(c, p)
		if err != nil {
			return nil, err
		}
		if err := allowed(action, labels); err != nil {
			return nil, err
		}
	}
	_, no, err := h.c.Desk.Recall(ctx, ledger.Request{App: c.app, Push: id, Action: action, By: c.by})
	switch {
	case err != nil:
		return nil, err
	case no != nil:
		return nil, refused(no)
	}
	return result{Message: noError}, nil
}

// labels are the vendor's words of a push. A push that replaced another one has
// those of the first: its own are not stored. One that came in another way has
// none that mean anything here.
func (h *Handler) labels(c *call, p *projections.Push) (map[string]string, error) {
	for range maxChain {
		n := p.Created
		if n == nil || n.Profile != facade.TPNS {
			return nil, nil
		}
		if n.Replaces == "" {
			return n.Labels, nil
		}
		older, err := h.c.Desk.Ledger.Push(c.app, n.Replaces, c.now)
		if err != nil {
			return nil, err
		}
		if older == nil {
			return nil, nil
		}
		p = older
	}
	return nil, errChain
}

// allowed holds what the ledger cannot know: iOS cannot be terminated, which is
// the least that a recall does, and the audiences of one kind differ
// (tencentcloud.com/document/product/1024/39003, checked 2026-11-20).
func allowed(action channels.Action, labels map[string]string) error {
	if labels[labelPlatform] == ios && (action == channels.Terminate || action == channels.Recall) {
		return fail(codeInvalid, "a push to iOS cannot be stopped or revoked; override it")
	}
	if k, known := kindOf(labels[labelAudience]); known && !slices.Contains(k.allows, action) {
		return fail(codeInvalid, "TPNS cannot %s a push to audience_type %s", action, k.name)
	}
	return nil
}

// override replaces the push with the request's collapse_id by a new one.
func (h *Handler) override(ctx context.Context, c *call, q *pushRequest, s *sending) (string, error) {
	if err := q.checkOverride(s); err != nil {
		return "", err
	}
	old, err := h.find(ctx, c, uint32(q.CollapseID))
	if err != nil {
		return "", err
	}
	if old == nil {
		return "", fail(codeUnknown, "no push with collapse_id %d is known to this app", q.CollapseID)
	}
	labels, err := h.labels(c, old)
	if err != nil {
		return "", err
	}
	if err := allowed(channels.Override, labels); err != nil {
		return "", err
	}
	mine := s.created.Labels
	for _, name := range []string{labelTarget, labelPlatform} {
		if labels[name] != "" && mine[name] != "" && labels[name] != mine[name] {
			return "", fail(codeInvalid, "an override goes to the audience and platform of the push it replaces; this one names another %s", name)
		}
	}
	for range maxTries {
		id, err := h.newCollapsible(ctx, c)
		if err != nil {
			return "", err
		}
		_, no, err := h.c.Desk.Recall(ctx, ledger.Request{
			App: c.app, Push: old.Push, Action: channels.Override, By: c.by,
			Replacement: &events.Replacement{Push: id, Title: s.created.Title, Body: s.created.Body, Force: bool(q.ForceCollapse)},
		})
		switch {
		case err != nil:
			return "", err
		case no == nil:
			return id, nil
		case no.Code == ledger.ReplacementPushTaken:
			continue
		case no.Code == ledger.AlreadyRecalled && no.First.Replacement != nil:
			// Each override has a collapse_id of its own: whoever repeats a
			// request is refused (L5), whoever corrects the correction names it.
			return "", fail(codeInvalid, "%s; it was replaced by push %s, which has collapse_id %d",
				no.Message, no.First.Replacement.Push, collapseOf(no.First.Replacement.Push, c.now))
		}
		return "", refused(no)
	}
	return "", fmt.Errorf("no free push number in %d tries", maxTries)
}

// checkOverride refuses what an override cannot do, so that it does not do more,
// or earlier, than was asked for (L9).
func (q *pushRequest) checkOverride(s *sending) error {
	switch {
	case q.CollapseID < 0 || q.CollapseID > 1<<32-1:
		return fail(codeInvalid, "collapse_id is no uint32")
	case !s.kind.collapsible:
		return fail(codeInvalid, "a push to audience_type %s cannot override another one", s.kind.name)
	case s.created.ScheduleAt != nil || !q.LoopParam.empty():
		return fail(codeInvalid, "an override takes effect at once; it cannot have send_time or loop_param")
	}
	for _, r := range q.ChannelRules {
		if r.Disable {
			return fail(codeInvalid, "an override goes to the channels of the push it replaces; channel_rules cannot disable one")
		}
	}
	if s.created.Title == "" && s.created.Body == "" {
		return fail(codeMissing, "message.title and message.content are missing; an override needs one of them")
	}
	return nil
}
