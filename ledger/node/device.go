package node

import (
	"context"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// devices answers the devices of the self-built channel from the log and the
// projection. It implements selfbuilt.Backend.
type devices struct {
	ledger *partition.Set
	clock  func() time.Time
}

// Report puts what a device says on the log.
func (d *devices) Report(ctx context.Context, app, device string, reports []selfbuilt.Report) error {
	batch := d.ledger.NewBatch()
	for _, r := range reports {
		at := r.Time
		if at.IsZero() {
			at = d.clock()
		}
		e := events.Event{Header: events.Header{Kind: r.Fact, App: app, Push: r.Push, Time: at}}
		if r.Confirmed != "" {
			e.Kind = events.OutcomeConfirmed
			e.Data = &events.Outcome{Recall: r.Confirmed, Channel: selfbuilt.Channel, Devices: []string{device}}
		} else {
			e.Data = &events.Fact{Channel: selfbuilt.Channel, Devices: []string{device}}
		}
		if err := events.Check(&e); err != nil {
			return err
		}
		if err := batch.Add(&e); err != nil {
			return err
		}
	}
	_, err := batch.Commit(ctx)
	return err
}

// Sync tells a device what it should show and what it must take back, as of
// the logs' ends: a recall accepted before the call is in the answer.
func (d *devices) Sync(ctx context.Context, app, device string) (selfbuilt.State, error) {
	var s selfbuilt.State
	if err := d.ledger.CatchUp(ctx); err != nil {
		return s, err
	}
	list, err := d.ledger.DeviceNotifications(app, selfbuilt.Channel, device, true)
	if err != nil {
		return s, err
	}
	for _, n := range list {
		covered, instruction, err := d.instruction(app, n)
		switch {
		case err != nil:
			return s, err
		case instruction != nil:
			s.Instructions = append(s.Instructions, *instruction)
		case covered || n.Certainty == ledger.Displayed.Certainty():
			// Its command is on the way and comes live, or it is on the screen.
		default:
			show, err := d.notification(app, n.Push)
			if err != nil {
				return s, err
			}
			if show != nil {
				s.Notifications = append(s.Notifications, *show)
			}
		}
	}
	return s, nil
}

// notification returns what a device should show of a push, nil when nothing.
func (d *devices) notification(app, push string) (*selfbuilt.Notification, error) {
	s, err := d.ledger.State(app, push, events.Scope{})
	if err != nil {
		return nil, err
	}
	c := s.Push.Created
	if c == nil || c.ExpireAt != nil && !d.clock().Before(*c.ExpireAt) {
		return nil, nil
	}
	return &selfbuilt.Notification{Push: push, Slot: c.Slot, Title: c.Title, Body: c.Body}, nil
}

// instruction returns whether a recall covers the notification, and how the
// device must take it back. There is no instruction before there is a command:
// what a device confirms must answer one (L8).
func (d *devices) instruction(app string, n projections.Notification) (covered bool, in *selfbuilt.Instruction, err error) {
	if len(n.Recalls) == 0 {
		return false, nil, nil
	}
	s, err := d.ledger.State(app, n.Push, events.Scope{})
	if err != nil {
		return false, nil, err
	}
	for _, mark := range slices.Backward(n.Recalls) {
		r := s.Push.Find(mark.Recall)
		if r == nil || r.State == ledger.Aborted {
			continue
		}
		covered = true
		force := r.Replacement != nil && r.Replacement.Force
		plan := channels.Resolve(channels.Ask{
			Profile: s.Push.Profile(), Channel: selfbuilt.Channel, Action: channels.Action(r.Action), Slot: s.Push.Slot(), Force: force,
		})
		if !mark.Commanded || plan.Method == channels.None {
			continue
		}
		in = &selfbuilt.Instruction{Recall: r.Recall, Push: n.Push, Slot: s.Push.Slot(), Method: plan.Method}
		switch {
		case plan.Method != channels.Overwrite:
		case r.Replacement != nil:
			in.Title, in.Body, in.Replacement = r.Replacement.Title, r.Replacement.Body, r.Replacement.Push
		default:
			in.Title = r.Notice
		}
		return true, in, nil
	}
	return covered, nil, nil
}
