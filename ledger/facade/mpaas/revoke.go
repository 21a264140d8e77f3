package mpaas

import (
	"context"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/projections"
)

// revokeMessage recalls what one target got under a message id.
func (h *Handler) revokeMessage(ctx context.Context, c *call) (any, error) {
	id, err := c.need("MessageId")
	if err != nil {
		return nil, err
	}
	target, err := c.need("TargetId")
	if err != nil {
		return nil, err
	}
	p, err := h.find(ctx, c, id)
	if err != nil {
		return nil, err
	}
	scope, err := h.scope(c, id, target, p)
	if err != nil {
		return nil, err
	}
	return nil, h.recall(ctx, c, id, channels.Recall, scope)
}

// scope says what of a push a target is. A message has one target, so naming it
// means all of the message; any other name stays a scope of its own, of which
// the decision then knows nothing (L9).
func (h *Handler) scope(c *call, id, target string, p *projections.Push) (events.Scope, error) {
	device, user := events.Scope{Device: target}, events.Scope{User: target}
	if p == nil {
		return device, nil
	}
	if p.Created != nil && len(p.Created.Audience.Names) > 0 {
		switch a := p.Created.Audience; a.Kind {
		case events.AudienceDevice:
			if a.Names[0] == target {
				return events.Scope{}, nil
			}
			return device, nil
		case events.AudienceUser:
			if a.Names[0] == target {
				return events.Scope{}, nil
			}
			return user, nil
		}
	}
	// Nobody said of what dimension the target is, but the facts do.
	s, err := h.c.Desk.Ledger.State(c.app, id, device)
	if err != nil || s.ScopeKnown {
		return device, err
	}
	return user, nil
}

// revokeTask recalls a task: what PushMultiple or PushBroadcast sent.
func (h *Handler) revokeTask(ctx context.Context, c *call) (any, error) {
	id, err := c.need("TaskId")
	if err != nil {
		return nil, err
	}
	p, err := h.find(ctx, c, id)
	if err != nil {
		return nil, err
	}
	if p != nil && p.Created != nil && single(p.Created) {
		// A message is recalled with its target only.
		return nil, unknownPush(id)
	}
	return nil, h.recall(ctx, c, id, channels.Recall, events.Scope{})
}

func single(c *events.Created) bool {
	return c.Audience.Kind == events.AudienceDevice || c.Audience.Kind == events.AudienceUser
}

// find returns a push, nil when nothing is known of it. A push recorded for
// another AppId or WorkspaceId under the same key does not exist either.
func (h *Handler) find(ctx context.Context, c *call, id string) (*projections.Push, error) {
	if err := events.CheckID("id", id, events.MaxPush); err != nil {
		return nil, err
	}
	p, err := h.c.Desk.Push(ctx, c.app, id)
	if err != nil || p == nil {
		return nil, err
	}
	if p.Created != nil && !c.owns(p.Created) {
		return nil, unknownPush(id)
	}
	return p, nil
}

// owns reports whether a push was recorded for the AppId and WorkspaceId of the
// call, or by somebody who knows of neither.
func (c *call) owns(p *events.Created) bool {
	return p.Profile != facade.MPaaS ||
		p.Labels[labelApp] == c.values["AppId"] && p.Labels[labelWorkspace] == c.values["WorkspaceId"]
}

// recall asks for the decision.
func (h *Handler) recall(ctx context.Context, c *call, id string, a channels.Action, s events.Scope) error {
	_, refusal, err := h.c.Desk.Recall(ctx, ledger.Request{App: c.app, Push: id, Action: a, Scope: s, By: c.by})
	if err != nil {
		return err
	}
	if refusal != nil {
		return refused(refusal)
	}
	return nil
}
