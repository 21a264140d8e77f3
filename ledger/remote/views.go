package remote

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// State implements decision.Views.
func (c *Client) State(app, push string, scope events.Scope) (projections.State, error) {
	return ask[projections.State](c, "state", question{App: app, Push: push, Scope: scope})
}

// Targets implements decision.Views.
func (c *Client) Targets(app, push string, action channels.Action, scope events.Scope) ([]projections.Target, error) {
	return ask[[]projections.Target](c, "targets", question{App: app, Push: push, Action: action, Scope: scope})
}

// Key implements decision.Views.
func (c *Client) Key(app, key string) (*events.Key, error) {
	return ask[*events.Key](c, "key", question{App: app, Key: key})
}

// Recall implements decision.Views.
func (c *Client) Recall(app, recall string) (*projections.Recall, error) {
	return ask[*projections.Recall](c, "recall", question{App: app, Recall: recall})
}

// RecallState implements decision.Views.
func (c *Client) RecallState(app, recall string) (*ledger.Push, *ledger.Recall, error) {
	push, err := ask[*ledger.Push](c, "recall-state", question{App: app, Recall: recall})
	if err != nil || push == nil {
		return nil, nil, err
	}
	return push, push.Find(recall), nil
}

// LastRecall implements partition.Views.
func (c *Client) LastRecall(app string) (time.Time, error) {
	return ask[time.Time](c, "last-recall", question{App: app})
}

// Push implements partition.Views.
func (c *Client) Push(app, push string, now time.Time) (*projections.Push, error) {
	return ask[*projections.Push](c, "push", question{App: app, Push: push, Now: now})
}

// Pushes implements partition.Views.
func (c *Client) Pushes(app string, g projections.Page, now time.Time) ([]projections.Push, string, error) {
	p, err := ask[page[projections.Push]](c, "pushes", question{App: app, Cursor: g.Cursor, Limit: g.Limit, Now: now})
	return p.List, p.Next, err
}

// PushBounds implements partition.Views.
func (c *Client) PushBounds(app, push string) (first, last events.Seq, err error) {
	b, err := ask[bounds](c, "push-bounds", question{App: app, Push: push})
	return b.First, b.Last, err
}

// Notifications implements partition.Views.
func (c *Client) Notifications(app, push, channel, device string) ([]projections.Notification, error) {
	return ask[[]projections.Notification](c, "notifications", question{App: app, Push: push, Channel: channel, Device: device})
}

// DeviceNotifications implements partition.Views.
func (c *Client) DeviceNotifications(app, channel, device string, heldOnly bool) ([]projections.Notification, error) {
	return ask[[]projections.Notification](c, "device-notifications", question{App: app, Channel: channel, Device: device, HeldOnly: heldOnly})
}

// UserNotifications implements partition.Views.
func (c *Client) UserNotifications(app, user string, heldOnly bool) ([]projections.Notification, error) {
	return ask[[]projections.Notification](c, "user-notifications", question{App: app, User: user, HeldOnly: heldOnly})
}

// Recalls implements partition.Views.
func (c *Client) Recalls(app string, g projections.Page) ([]projections.Recall, string, error) {
	p, err := ask[page[projections.Recall]](c, "recalls", question{App: app, Cursor: g.Cursor, Limit: g.Limit})
	return p.List, p.Next, err
}

// Quarantined implements partition.Views.
func (c *Client) Quarantined(g projections.Page) (list []projections.Quarantined, next string, total uint64, err error) {
	p, err := ask[page[projections.Quarantined]](c, "quarantined", question{Cursor: g.Cursor, Limit: g.Limit})
	return p.List, p.Next, p.Total, err
}

// Open implements partition.Views.
func (c *Client) Open() ([]projections.Work, error) {
	return ask[[]projections.Work](c, "open", question{})
}

// Apps implements partition.Views.
func (c *Client) Apps() ([]string, error) { return ask[[]string](c, "apps", question{}) }

// Stats implements partition.Views.
func (c *Client) Stats() (projections.Stats, error) {
	return ask[projections.Stats](c, "stats", question{})
}

// EachHolder implements partition.Views.
func (c *Client) EachHolder(ctx context.Context, app, push string, h projections.Holders, f func(projections.Device) error) (bool, error) {
	q := question{App: app, Push: push, Channel: h.Channel, Certainty: h.Certainty, Cursor: h.Cursor}
	return c.each(ctx, "holders", q, f)
}

// EachRecalled implements partition.Views.
func (c *Client) EachRecalled(ctx context.Context, app, recall, outcome, cursor string, f func(projections.Device) error) (bool, error) {
	return c.each(ctx, "recalled", question{App: app, Recall: recall, Outcome: outcome, Cursor: cursor}, f)
}

// errEmpty is a part of a list from which nobody can go on.
var errEmpty = errors.New("a part of the list is empty, and there is more")

// each reads a list of devices part by part. A part that does not come is asked
// for again behind the last device, of whichever node answers.
func (c *Client) each(ctx context.Context, method string, q question, f func(projections.Device) error) (bool, error) {
	found := false
	for {
		part, node, err := c.part(ctx, method, q)
		if err != nil || !part.Known {
			return found, err
		}
		found = true
		var list []device
		if err := json.Unmarshal(part.List, &list); err != nil {
			return true, c.wrap(err)
		}
		for _, d := range list {
			if err := ctx.Err(); err != nil {
				return true, err
			}
			d.Device.Facts, d.Device.Mark = d.Facts, d.Mark
			if err := f(d.Device); err != nil {
				return true, err
			}
		}
		if !part.More {
			return true, nil
		}
		if len(list) == 0 {
			return true, c.wrap(errEmpty)
		}
		q.Cursor, q.Node = list[len(list)-1].Cursor, node
	}
}

func (c *Client) part(ctx context.Context, method string, q question) (devices, string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.c.Timeout)
	defer cancel()
	return askIn[devices](ctx, c, method, q)
}
