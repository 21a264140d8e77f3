package projections

import (
	"context"
	"errors"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// exercise calls every query for everything the projection lists, and for what
// it does not know, and returns what failed.
func exercise(ctx context.Context, p *Projection) error {
	var errs []error
	check := func(err error) { errs = append(errs, err) }
	ignore := func(Device) error { return nil }
	p.Stats()
	_, _, _, err := p.Quarantined(Page{})
	check(err)
	_, err = p.Owed()
	check(err)
	_, err = p.Open()
	check(err)
	for _, app := range append(p.Apps(), "nobody") {
		_, err = p.Key(app, "key-0")
		check(err)
		_, err = p.UserNotifications(app, "u1", false)
		check(err)
		pushes, _, err := p.Pushes(app, Page{}, epoch)
		check(err)
		for _, v := range append(pushes, Push{Push: "unknown"}) {
			check(exercisePush(ctx, p, app, v.Push))
		}
		recalls, _, err := p.Recalls(app, Page{})
		check(err)
		for _, r := range recalls {
			_, err = p.Recall(app, r.Recall)
			check(err)
			_, err = p.EachRecalled(ctx, app, r.Recall, "", "", ignore)
			check(err)
			_, _, err = p.RecallState(app, r.Recall)
			check(err)
			for _, c := range r.Channels {
				_, _, err = p.DueDevices(app, r.Recall, c.Channel, 500)
				check(err)
				_, _, err = p.Touches(app, r.Recall, c.Channel, []string{"d1", "d2", "unknown"})
				check(err)
			}
		}
	}
	return errors.Join(errs...)
}

func exercisePush(ctx context.Context, p *Projection, app, id string) error {
	v, err := p.Push(app, id, epoch)
	errs := []error{err}
	check := func(err error) { errs = append(errs, err) }
	_, err = p.EachHolder(ctx, app, id, Holders{}, func(d Device) error { return nil })
	check(err)
	var devices []Device
	_, err = p.EachNotification(ctx, app, id, "", "", func(d Device) error {
		if len(devices) < 3 {
			devices = append(devices, d)
		}
		return nil
	})
	check(err)
	for _, d := range devices {
		_, err = p.Notifications(app, id, d.Channel, d.Device)
		check(err)
		_, err = p.DeviceNotifications(app, d.Channel, d.Device, true)
		check(err)
		_, err = p.SendsOf(app, id, d.Channel, []string{d.Device})
		check(err)
		_, err = p.State(app, id, events.Scope{Device: d.Device})
		check(err)
	}
	_, err = p.Targets(app, id, channels.Recall, events.Scope{})
	check(err)
	_, err = p.Targets(app, id, channels.Recall, events.Scope{User: "u1"})
	check(err)
	_, _, err = p.PushBounds(app, id)
	check(err)
	if v != nil {
		for _, c := range v.Channels {
			_, err = p.LastCommand(app, id, c.Channel)
			check(err)
		}
	}
	return errors.Join(errs...)
}
