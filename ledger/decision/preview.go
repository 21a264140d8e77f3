package decision

import (
	"context"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// Preview is what a recall would do now.
type Preview struct {
	Push   string          `json:"push"`
	Action channels.Action `json:"action"`
	Scope  events.Scope    `json:"scope,omitzero"`
	// Refusal is why the recall would be refused; absent when it would be accepted.
	Refusal *PreviewRefusal `json:"refusal,omitempty"`
	// Position is where the log was; the preview is at least as new.
	Position events.Position `json:"position"`
	// WindowLeft is how long the push can still be recalled, in seconds.
	WindowLeft int64            `json:"window_left_seconds"`
	Channels   []PreviewChannel `json:"channels"`
	Total      PreviewCounts    `json:"total"`
}

// PreviewRefusal is the refusal a recall would get.
type PreviewRefusal struct {
	Code    ledger.Code `json:"code"`
	Message string      `json:"message"`
	First   string      `json:"first,omitempty"`
}

// PreviewChannel is what a recall would do on one channel.
type PreviewChannel struct {
	Channel string `json:"channel"`
	channels.Plan
	PreviewCounts
}

// PreviewCounts count devices.
type PreviewCounts struct {
	// Certain and Possible are the devices a command would be issued for.
	Certain  uint32 `json:"certain"`
	Possible uint32 `json:"possible"`
	// Vanish would lose the notification silently, Notice would see another
	// text in its place, Withheld would not get it if it is still on its way,
	// Unreachable hold it and the channel offers no way back.
	Vanish      uint32 `json:"vanish"`
	Notice      uint32 `json:"notice"`
	Withheld    uint32 `json:"withheld"`
	Unreachable uint32 `json:"unreachable"`
	// Ended do not hold it any more and are left alone; Clicked of them clicked.
	Ended   uint32 `json:"ended"`
	Clicked uint32 `json:"clicked"`
}

// Preview says exactly what Recall would do now, and does nothing. An unknown
// push is ErrNotFound.
func (d *Decider) Preview(ctx context.Context, r ledger.Request) (*Preview, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if err := d.catchUp(ctx); err != nil {
		return nil, err
	}
	// Everything below is at least as new as this.
	position := d.c.Views.Applied()
	s, err := d.c.Views.State(r.App, r.Push, r.Scope)
	if err != nil {
		return nil, err
	}
	if !s.Push.Known() {
		return nil, ErrNotFound
	}
	c, err := d.circumstances(ctx, &r, s, "")
	if err != nil {
		return nil, err
	}
	v := &Preview{
		Push: r.Push, Action: r.Action, Scope: r.Scope, Position: position, Channels: []PreviewChannel{},
		WindowLeft: max(0, int64(s.Push.Start().Add(c.Rules.Window).Sub(c.Now)/time.Second)),
	}
	if _, refusal := ledger.Decide(&s.Push, &r, c); refusal != nil {
		v.Refusal = &PreviewRefusal{Code: refusal.Code, Message: refusal.Message}
		if refusal.First != nil {
			v.Refusal.First = refusal.First.Recall
		}
	}
	targets, err := d.c.Views.Targets(r.App, r.Push, r.Action, r.Scope)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		p := PreviewChannel{
			Channel: t.Channel,
			Plan:    channels.Resolve(ask(&r, &s.Push, t)),
			PreviewCounts: PreviewCounts{
				Certain: t.Certain, Possible: t.Possible, Ended: t.Ended, Clicked: t.Clicked,
			},
		}
		switch n := t.Certain + t.Possible; p.Method {
		case channels.Remove:
			p.Vanish = n
		case channels.Overwrite:
			p.Notice = n
		case channels.Withhold:
			p.Withheld, p.Unreachable = t.Undelivered, n-t.Undelivered
		default:
			p.Unreachable = n
		}
		v.Channels = append(v.Channels, p)
		v.Total = v.Total.add(p.PreviewCounts)
	}
	return v, nil
}

func (c PreviewCounts) add(o PreviewCounts) PreviewCounts {
	return PreviewCounts{
		Certain: c.Certain + o.Certain, Possible: c.Possible + o.Possible, Vanish: c.Vanish + o.Vanish,
		Notice: c.Notice + o.Notice, Withheld: c.Withheld + o.Withheld, Unreachable: c.Unreachable + o.Unreachable,
		Ended: c.Ended + o.Ended, Clicked: c.Clicked + o.Clicked,
	}
}
