package selfbuilt

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// flushTimeout bounds how long the server may take to have read what was published.
const flushTimeout = 5 * time.Second

// The reason codes of results.
const (
	reasonNoMethod   = "no-method"
	reasonBadCommand = "bad-command"
	reasonBadDevice  = "bad-device"
)

// Emitter hands instructions to the devices that are connected. It implements
// channels.Emitter and may be used concurrently.
type Emitter struct {
	Conn *nats.Conn
}

// Emit publishes one instruction per device. Accepted says that the instruction
// stands: a device that is away gets it when it asks on its return, since the
// ledger holds it. Repeating a command is harmless. An error says that it is not
// known which of the connected devices were reached.
func (e Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	if err := ctx.Err(); err != nil {
		return channels.Reply{}, err
	}
	switch c.Method {
	case channels.Withhold, channels.Remove, channels.Overwrite:
	default:
		return channels.All(c, channels.Unsupported, reasonNoMethod), nil
	}
	i := Instruction{
		Recall: c.Recall, Push: c.Push, Slot: c.Slot, Method: c.Method,
		Title: c.Title, Body: c.Body, Replacement: c.Replacement,
	}
	if i.Check() != nil || events.CheckApp("app", c.App) != nil || len(c.Devices) > events.MaxCommandDevices ||
		c.Channel != "" && c.Channel != Channel {
		return channels.All(c, channels.Refused, reasonBadCommand), nil //nolint:nilerr // a bad command is a verdict, not a failed call
	}
	data, err := encode(i)
	if err != nil {
		return channels.Reply{}, fmt.Errorf("encode an instruction: %w", err)
	}
	reply := channels.All(c, channels.Accepted, "")
	for n, d := range c.Devices {
		if events.CheckID("device", d, events.MaxDevice) != nil {
			reply.Results[n].Verdict, reply.Results[n].Reason = channels.Refused, reasonBadDevice
			continue
		}
		if err := e.Conn.Publish(Subject(c.App, d, LaneInstruction), data); err != nil {
			return channels.Reply{}, fmt.Errorf("publish instructions: %w", err)
		}
	}
	if err := flush(ctx, e.Conn); err != nil {
		return channels.Reply{}, fmt.Errorf("publish instructions: %w", err)
	}
	return reply, nil
}

// Sender hands a push to the devices that are connected. It may be used
// concurrently.
type Sender struct {
	Conn *nats.Conn
}

// Show publishes a notification to 1 to events.MaxDevices devices of an app. It
// returns when the server has it; a device that is away gets it when it asks on
// its return, if the backend knows that it was sent. A device shows a push once,
// so repeating is harmless. A wrong argument is an *events.FieldError, and then
// nothing was published.
func (s Sender) Show(ctx context.Context, app string, devices []string, n Notification) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := firstOf(events.CheckApp("app", app), n.Check()); err != nil {
		return err
	}
	if len(devices) == 0 || len(devices) > events.MaxDevices {
		return &events.FieldError{Field: "devices", Reason: fmt.Sprintf("has %d entries, name 1 to %d", len(devices), events.MaxDevices)}
	}
	for i, d := range devices {
		if err := events.CheckID(fmt.Sprintf("devices[%d]", i), d, events.MaxDevice); err != nil {
			return err
		}
	}
	data, err := encode(n)
	if err != nil {
		return fmt.Errorf("encode a notification: %w", err)
	}
	for _, d := range devices {
		if err := s.Conn.Publish(Subject(app, d, LaneShow), data); err != nil {
			return fmt.Errorf("publish notifications: %w", err)
		}
	}
	if err := flush(ctx, s.Conn); err != nil {
		return fmt.Errorf("publish notifications: %w", err)
	}
	return nil
}

// flush returns when the server has read what was published.
func flush(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	return nc.FlushWithContext(ctx)
}
