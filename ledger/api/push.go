package api

import (
	"context"
	"errors"

	"github.com/danielgtaylor/huma/v2"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// listInput are the parameters of a list.
type listInput struct {
	Cursor string `query:"cursor" doc:"The next of the page before"`
	Limit  string `query:"limit" doc:"Entries of a page; 50 unless told, at most 1000"`
}

func (s *Server) pushes(ctx context.Context, in *listInput) (*output[PushList], error) {
	page, err := pageOf(in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	var a PushList
	a.Pushes, a.Next, err = s.ledger(ctx).Pushes(from(ctx).caller.app, page, s.now(ctx))
	return answer(a, err)
}

type pushInput struct {
	Push string `path:"push" maxLength:"128" doc:"The push id, percent-encoded"`
}

func unknownPush(push string) *Problem {
	return problem(string(ledger.UnknownPush), "no push %q is known to this app", push)
}

func (s *Server) push(ctx context.Context, in *pushInput) (*output[*projections.Push], error) {
	if err := events.CheckID("push", in.Push, events.MaxPush); err != nil {
		return nil, err
	}
	v, err := s.ledger(ctx).Push(from(ctx).caller.app, in.Push, s.now(ctx))
	if err == nil && v == nil {
		err = unknownPush(in.Push)
	}
	return answer(v, err)
}

type holdersInput struct {
	Push      string `path:"push" maxLength:"128" doc:"The push id, percent-encoded"`
	Channel   string `query:"channel" doc:"Only holders on this channel"`
	Certainty string `query:"certainty" enum:"certain,possible" doc:"Only holders of this certainty"`
	Cursor    string `query:"cursor" doc:"Resume after the holder with this cursor"`
	Limit     string `query:"limit" doc:"At most this many; all unless told"`
}

// errEnough ends a list at its limit.
var errEnough = errors.New("enough")

func (s *Server) holders(ctx context.Context, in *holdersInput) (*huma.StreamResponse, error) {
	limit, err := limitOf(in.Limit)
	if err == nil {
		err = events.CheckID("push", in.Push, events.MaxPush)
	}
	if err == nil {
		err = s.checkChannel(in.Channel)
	}
	if err == nil {
		err = oneOf("certainty", in.Certainty, ledger.Displayed.Certainty(), ledger.Arrived.Certainty())
	}
	if err != nil {
		return nil, err
	}
	h := projections.Holders{Channel: in.Channel, Certainty: in.Certainty, Cursor: in.Cursor}
	return s.stream(ctx, TypeNDJSON, func(out *stream) error {
		n := 0
		known, err := s.ledger(ctx).EachHolder(ctx, from(ctx).caller.app, in.Push, h, func(d projections.Device) error {
			out.buf = appendHolder(out.buf, d.Channel, d.Device, d.Certainty, d.Cursor)
			if err := out.line(); err != nil {
				return err
			}
			if n++; n == limit {
				return errEnough
			}
			return nil
		})
		if err == nil && !known {
			return unknownPush(in.Push)
		}
		return enough(err)
	}), nil
}

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// maxNotifications bounds the notifications of one answer (L11).
const maxNotifications = 5000

func notificationList(list []projections.Notification, err error) (*output[NotificationList], error) {
	a := NotificationList{Notifications: list[:min(len(list), maxNotifications)], Truncated: len(list) > maxNotifications}
	return answer(a, err)
}

type deviceInput struct {
	Device  string `path:"device" maxLength:"512" doc:"The device's token, percent-encoded"`
	Channel string `query:"channel" doc:"Only on this channel"`
	All     string `query:"all" doc:"Also what it does not hold any more"`
}

func (s *Server) device(ctx context.Context, in *deviceInput) (*output[NotificationList], error) {
	all, err := flagOf("all", in.All)
	if err == nil {
		err = events.CheckID("device", in.Device, events.MaxDevice)
	}
	if err == nil {
		err = s.checkChannel(in.Channel)
	}
	if err != nil {
		return nil, err
	}
	return notificationList(s.ledger(ctx).DeviceNotifications(from(ctx).caller.app, in.Channel, in.Device, !all))
}

type userInput struct {
	User string `path:"user" maxLength:"128" doc:"The user id, percent-encoded"`
	All  string `query:"all" doc:"Also what they do not hold any more"`
}

func (s *Server) user(ctx context.Context, in *userInput) (*output[NotificationList], error) {
	all, err := flagOf("all", in.All)
	if err == nil {
		err = events.CheckID("user", in.User, events.MaxUser)
	}
	if err != nil {
		return nil, err
	}
	return notificationList(s.ledger(ctx).UserNotifications(from(ctx).caller.app, in.User, !all))
}

type gateInput struct {
	Push    string `path:"push" maxLength:"128" doc:"The push id, percent-encoded"`
	Device  string `query:"device" required:"true" doc:"The device the push is about to be handed over to"`
	Channel string `query:"channel" doc:"The channel; without it a recall of the device on any channel closes the gate"`
	User    string `query:"user" doc:"The device's user; without it a recall of one user is not seen"`
}

// gate answers from the log itself: a recall closes it as soon as it is accepted.
func (s *Server) gate(ctx context.Context, in *gateInput) (*output[GateAnswer], error) {
	err := events.CheckID("device", in.Device, events.MaxDevice)
	if err == nil {
		err = s.checkChannel(in.Channel)
	}
	if err == nil {
		err = events.CheckText("user", in.User, events.MaxUser)
	}
	if err != nil {
		return nil, err
	}
	app := from(ctx).caller.app
	at, err := s.c.Ledger.Of(ctx, app, in.Push)
	if err != nil {
		return nil, err
	}
	p, err := events.NewPublisher(events.PublisherConfig{
		Log: at.Log, Committer: at.Committer, App: app, Home: func(string) int { return at.Number() },
	})
	if err != nil {
		return nil, err
	}
	var a GateAnswer
	a.Open, a.Recall, err = p.Gate(ctx, in.Push, in.Device, in.Channel, in.User)
	return answer(a, err)
}
