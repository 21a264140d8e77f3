package partition

import (
	"context"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Push is as Projection.Push.
func (s *Set) Push(app, push string, now time.Time) (*projections.Push, error) {
	v, err := s.view(app, push)
	if err != nil {
		return nil, err
	}
	return v.Push(app, push, now)
}

// State is as Projection.State.
func (s *Set) State(app, push string, scope events.Scope) (projections.State, error) {
	v, err := s.view(app, push)
	if err != nil {
		return projections.State{}, err
	}
	return v.State(app, push, scope)
}

// PushBounds is as Projection.PushBounds; the sequences are of the push's partition.
func (s *Set) PushBounds(app, push string) (first, last events.Seq, err error) {
	v, err := s.view(app, push)
	if err != nil {
		return 0, 0, err
	}
	return v.PushBounds(app, push)
}

// Notifications is as Projection.Notifications.
func (s *Set) Notifications(app, push, channel, device string) ([]projections.Notification, error) {
	v, err := s.view(app, push)
	if err != nil {
		return nil, err
	}
	return v.Notifications(app, push, channel, device)
}

// EachHolder is as Projection.EachHolder.
func (s *Set) EachHolder(ctx context.Context, app, push string, h projections.Holders, f func(projections.Device) error) (bool, error) {
	p, err := s.Of(ctx, app, push)
	if err != nil {
		return false, err
	}
	return p.Views.EachHolder(ctx, app, push, h, f)
}

// EachRecalled is as Projection.EachRecalled.
func (s *Set) EachRecalled(ctx context.Context, app, recall, outcome, cursor string, f func(projections.Device) error) (bool, error) {
	p, err := s.OfRecall(app, recall)
	if err != nil || p == nil {
		return false, err
	}
	return p.Views.EachRecalled(ctx, app, recall, outcome, cursor, f)
}

// Recall is as Projection.Recall.
func (s *Set) Recall(app, recall string) (*projections.Recall, error) {
	for _, p := range s.parts {
		if v, err := p.Views.Recall(app, recall); err != nil || v != nil {
			return v, err
		}
	}
	return nil, nil
}

// DeviceNotifications is as Projection.DeviceNotifications, partition by partition.
func (s *Set) DeviceNotifications(app, channel, device string, heldOnly bool) ([]projections.Notification, error) {
	return s.notifications(func(v Views) ([]projections.Notification, error) {
		return v.DeviceNotifications(app, channel, device, heldOnly)
	})
}

// UserNotifications is as Projection.UserNotifications, partition by partition.
func (s *Set) UserNotifications(app, user string, heldOnly bool) ([]projections.Notification, error) {
	return s.notifications(func(v Views) ([]projections.Notification, error) {
		return v.UserNotifications(app, user, heldOnly)
	})
}

func (s *Set) notifications(read func(Views) ([]projections.Notification, error)) ([]projections.Notification, error) {
	lists := make([][]projections.Notification, len(s.parts))
	err := s.each(func(p *Part) (err error) {
		lists[p.Number()], err = read(p.Views)
		return err
	})
	if len(lists) == 1 {
		return lists[0], err
	}
	return append([]projections.Notification{}, slices.Concat(lists...)...), err
}

// Open is as Projection.Open.
func (s *Set) Open() ([]projections.Work, error) {
	var all []projections.Work
	for _, p := range s.parts {
		list, err := p.Views.Open()
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// Apps lists the apps the logs have named.
func (s *Set) Apps() ([]string, error) {
	var all []string
	for _, p := range s.parts {
		list, err := p.Views.Apps()
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Stats sums the figures of all partitions. An app or a device counts once for
// each partition that knows it; Applied is that of partition 0 and AppliedTime
// the oldest.
func (s *Set) Stats() (projections.Stats, error) {
	sum, err := s.parts[0].Views.Stats()
	if err != nil {
		return sum, err
	}
	for _, p := range s.parts[1:] {
		v, err := p.Views.Stats()
		if err != nil {
			return projections.Stats{}, err
		}
		sum.Apps = max(sum.Apps, v.Apps)
		sum.Pushes += v.Pushes
		sum.Devices += v.Devices
		sum.Notifications += v.Notifications
		sum.Quarantined += v.Quarantined
		sum.DiskBytes += v.DiskBytes
		if v.AppliedTime.Before(sum.AppliedTime) {
			sum.AppliedTime = v.AppliedTime
		}
	}
	return sum, nil
}
