package scripted

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// The reason codes of results; a refusal has the script's own.
const (
	reasonNoMethod     = "no-method"
	reasonNoSlot       = "no-slot"
	reasonOtherChannel = "other-channel"
	reasonTooMany      = "too-many-devices"
	reasonThrottled    = channels.ReasonThrottled
	reasonUnknown      = "no-answer"
)

// Behaviour is what the vendor and one device do. The zero Behaviour is a vendor
// that accepts at once and a device that obeys and confirms nothing. The steps
// come in the order of the fields: first the throttled calls, then the unknown
// ones, then Refuse, then Loss.
type Behaviour struct {
	// Delay is how long the vendor takes to answer; a call takes as long as
	// its slowest device.
	Delay time.Duration
	// Throttle is how many calls for the device, over all pushes, are answered
	// Throttled before it works; RetryAfter is what the vendor then asks for.
	Throttle   int
	RetryAfter time.Duration
	// Unknown is how many calls for the device, after those, have an unknown
	// result. UnknownAfterEffect says that the device did it nevertheless.
	Unknown            int
	UnknownAfterEffect bool
	// Refuse is the reason with which the vendor refuses; empty: it does not.
	Refuse string
	// Loss is true when the vendor accepts and the device never does it.
	Loss bool
	// Confirms is true when the device confirms what it did, ConfirmAfter
	// after the call.
	Confirms     bool
	ConfirmAfter time.Duration
}

// Config configures an emitter. Every field is optional.
type Config struct {
	// Channel is the channel it stands for; commands for another are refused.
	// Empty: it takes all.
	Channel string
	// Row tells how the channel behaves: with NeedsSlot a command without a
	// slot is refused, and with Repeatable the same recall repeated on a
	// device is no second effect. The zero Row needs nothing and counts each.
	Row channels.Row
	// Behave says what a device does. It is called once per device and call,
	// possibly concurrently, and must return the same for the same device.
	Behave func(device string) Behaviour
	// Clock gives the time of calls.
	Clock func() time.Time
	// Wait passes a delay, or returns early with ctx's error. Without it no
	// time passes.
	Wait func(ctx context.Context, d time.Duration) error
	// Confirm is called for each device that would confirm a recall, after
	// the effect and before Emit returns. It must not call the emitter.
	Confirm func(app, recall, push, device string, after time.Duration)
}

func (c *Config) setDefaults() {
	if c.Channel == "" {
		c.Channel = c.Row.Channel
	}
	if c.Behave == nil {
		c.Behave = func(string) Behaviour { return Behaviour{} }
	}
	if c.Clock == nil {
		c.Clock = func() time.Time { return time.Time{} }
	}
	if c.Wait == nil {
		c.Wait = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	}
	if c.Confirm == nil {
		c.Confirm = func(string, string, string, string, time.Duration) {}
	}
}

// Call is one call of Emit that reached the vendor.
type Call struct {
	App, Push, Recall string
	Action            channels.Action
	Method            channels.Method
	// Devices is how many devices the call named.
	Devices int
	Attempt int
	At      time.Time
}

// Emitter implements channels.Emitter. It is safe for concurrent use. It tells
// pushes and devices apart by their ids, not by app.
type Emitter struct {
	config Config

	mu       sync.Mutex
	phones   phones
	calls    []Call
	verdicts map[channels.Verdict]int
}

// New returns an emitter.
func New(c Config) *Emitter {
	c.setDefaults()
	return &Emitter{config: c, phones: newPhones(), verdicts: make(map[channels.Verdict]int)}
}

// Emit does what the script says. When ctx ends during the delay the call was
// made and nothing came of it.
func (e *Emitter) Emit(ctx context.Context, c channels.Command) (channels.Reply, error) {
	if err := ctx.Err(); err != nil {
		return channels.Reply{}, err
	}
	if len(c.Devices) == 0 {
		return channels.Reply{}, nil
	}
	if v, reason := e.turnAway(c); v != "" {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.verdicts[v] += len(c.Devices)
		return channels.All(c, v, reason), nil
	}
	behave := make([]Behaviour, len(c.Devices))
	var delay time.Duration
	for i, d := range c.Devices {
		behave[i] = e.config.Behave(d)
		delay = max(delay, behave[i].Delay)
	}
	e.record(c)
	if delay > 0 {
		if err := e.config.Wait(ctx, delay); err != nil {
			return channels.Reply{}, err
		}
	}
	reply, obeyed := e.act(c, behave)
	for _, i := range obeyed {
		if behave[i].Confirms {
			e.config.Confirm(c.App, c.Recall, c.Push, c.Devices[i], behave[i].ConfirmAfter)
		}
	}
	return reply, nil
}

// turnAway says what is answered without a vendor call; "" when one is made.
func (e *Emitter) turnAway(c channels.Command) (v channels.Verdict, reason string) {
	switch c.Method {
	case channels.Withhold, channels.Remove, channels.Overwrite:
	default:
		return channels.Unsupported, reasonNoMethod
	}
	switch {
	case e.config.Channel != "" && c.Channel != e.config.Channel:
		return channels.Refused, reasonOtherChannel
	case len(c.Devices) > events.MaxCommandDevices:
		return channels.Refused, reasonTooMany
	case e.config.Row.NeedsSlot && c.Slot == "" && c.Method != channels.Withhold:
		return channels.Refused, reasonNoSlot
	}
	return "", ""
}

// record notes the call, and which devices it is for.
func (e *Emitter) record(c channels.Command) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.calls = append(e.calls, Call{
		App: c.App, Push: c.Push, Recall: c.Recall, Action: c.Action, Method: c.Method,
		Devices: len(c.Devices), Attempt: c.Attempt, At: e.config.Clock(),
	})
	for _, d := range c.Devices {
		e.phones.called(c.Push, d)
	}
}

// act decides the verdicts and lets the devices obey; obeyed are the indexes of
// those that carried the command out.
func (e *Emitter) act(c channels.Command, behave []Behaviour) (reply channels.Reply, obeyed []int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	reply = channels.All(c, channels.Accepted, "")
	for i, d := range c.Devices {
		b, r := behave[i], &reply.Results[i]
		obeys := !b.Loss
		switch {
		case e.phones.spend(d, throttled, b.Throttle):
			r.Verdict, r.Reason, obeys = channels.Throttled, reasonThrottled, false
			reply.RetryAfter = max(reply.RetryAfter, b.RetryAfter)
		case e.phones.spend(d, unknown, b.Unknown):
			r.Verdict, r.Reason, obeys = channels.Unknown, reasonUnknown, b.UnknownAfterEffect
		case b.Refuse != "":
			r.Verdict, r.Reason, obeys = channels.Refused, b.Refuse, false
		}
		e.verdicts[r.Verdict]++
		if obeys && e.phones.obey(c, d, e.config.Row.Repeatable) {
			obeyed = append(obeyed, i)
		}
	}
	return reply, obeyed
}

// Shown puts a notification on a simulated screen, as a push that arrived. A
// push that was withheld or taken back before is not shown; it reports whether it is.
func (e *Emitter) Shown(push, device, text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.phones.show(push, device, text)
}

// Clicked takes a notification off a simulated screen by the user's tap. From
// then on every call for it is counted by CallsAfterClick.
func (e *Emitter) Clicked(push, device string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.phones.click(push, device)
}

// Screen returns what a simulated device shows, in the order in which the
// pushes first became known.
func (e *Emitter) Screen(device string) []Item {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.phones.screen(device)
}

// Calls returns the calls that reached the vendor, in order.
func (e *Emitter) Calls() []Call {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.calls)
}

// CallsFor returns how many vendor calls named the device for the push.
func (e *Emitter) CallsFor(push, device string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return int(e.phones.at(push, device).calls)
}

// CallsAfterClick returns how many times a vendor call named a device that had
// clicked; L7 holds when it is 0.
func (e *Emitter) CallsAfterClick() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.phones.callsAfterClick
}

// Effects returns how often a device removed, overwrote or replaced the push's
// notification because of a command.
func (e *Emitter) Effects(push, device string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return int(e.phones.at(push, device).effects)
}

// EffectsMax returns the largest value Effects has for any notification; nobody
// was touched twice when it is at most 1.
func (e *Emitter) EffectsMax() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.phones.effectsMax
}

// Touched returns how many notifications of a push had at least one effect.
func (e *Emitter) Touched(push string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.phones.touched(push)
}

// Verdicts returns how many device results had each verdict, over all commands.
func (e *Emitter) Verdicts() map[channels.Verdict]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.verdicts)
}
