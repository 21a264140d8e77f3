package channelstest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// promptly is how long an adapter may take to notice that its context ended.
const promptly = 5 * time.Second

// Harness is what the suite needs of an adapter. New is required; the checks
// whose maker is nil are left out, because the channel cannot be in that state.
type Harness struct {
	// Row is what the matrix says about the channel.
	Row channels.Row
	// New makes an emitter whose vendor is in good health. What it needs is
	// released by t.Cleanup; this goes for all makers.
	New func(t *testing.T) channels.Emitter
	// Refusing makes one whose vendor refuses every device for good.
	Refusing func(t *testing.T) channels.Emitter
	// Throttling makes one whose vendor asks to come back later.
	Throttling func(t *testing.T) channels.Emitter
	// Stalled makes one whose vendor never answers; entered gets a value, or
	// is closed, when a call has reached it.
	Stalled func(t *testing.T) (e channels.Emitter, entered <-chan struct{})
	// Denies are the methods the adapter has under no profile: it answers them
	// Unsupported, as it does None.
	Denies []channels.Method
	// Device makes the i-th token in the vendor's form. Optional.
	Device func(i int) string
	// App and Slot are used in commands. Optional.
	App, Slot string
	// Sends are the vendor's ids of sends in commands. Optional.
	Sends []string
}

func (h *Harness) setDefaults() {
	if h.Device == nil {
		h.Device = func(i int) string { return fmt.Sprintf("token-%04d-of-a-device", i) }
	}
	if h.App == "" {
		h.App = "shop"
	}
	if h.Slot == "" {
		h.Slot = "42"
	}
	if len(h.Sends) == 0 && h.Row.NeedsSend {
		h.Sends = []string{"send-1"}
	}
}

// Run runs the contract.
func Run(t *testing.T, h Harness) {
	t.Helper()
	h.setDefaults()
	t.Run("methods", func(t *testing.T) { h.methods(t) })
	t.Run("denied", func(t *testing.T) { h.denied(t) })
	t.Run("slot", func(t *testing.T) { h.slot(t) })
	t.Run("concurrent", func(t *testing.T) { h.concurrent(t) })
	t.Run("cancelled before", func(t *testing.T) { h.cancelledBefore(t) })
	if h.Stalled != nil {
		t.Run("cancelled during", func(t *testing.T) { h.cancelledDuring(t) })
	}
	if h.Refusing != nil {
		t.Run("refusing", func(t *testing.T) { h.refusing(t) })
	}
	if h.Throttling != nil {
		t.Run("throttling", func(t *testing.T) { h.throttling(t) })
	}
}

// command makes a command for n devices.
func (h Harness) command(a channels.Action, m channels.Method, push string, n int) channels.Command {
	c := channels.Command{
		App: h.App, Push: push, Recall: "recall-of-" + push, Channel: h.Row.Channel,
		Action: a, Method: m, Slot: h.Slot, Sends: h.Sends, Attempt: 1,
		Devices:  make([]string, n),
		Deadline: time.Date(2026, 11, 27, 9, 41, 0, 0, time.UTC),
	}
	for i := range c.Devices {
		c.Devices[i] = h.Device(i)
	}
	if m == channels.Overwrite {
		c.Title, c.Body = "Message revoked", "The sender took this message back."
	}
	if a == channels.Override {
		c.Replacement = "new-" + push
	}
	return c
}

// claimed returns an action for which the row has a method, the strongest first.
func (h Harness) claimed() (channels.Action, channels.Method, bool) {
	for _, a := range []channels.Action{channels.Recall, channels.Override, channels.Terminate} {
		if m := h.Row.Method(a); m != channels.None {
			return a, m, true
		}
	}
	return channels.Recall, channels.None, false
}

// methods: every action does what the row says, for one device and for as many
// as a command may name.
func (h Harness) methods(t *testing.T) {
	for _, a := range channels.Actions() {
		for _, n := range []int{1, events.MaxCommandDevices} {
			t.Run(fmt.Sprintf("%s/%d", a, n), func(t *testing.T) {
				m := h.Row.Method(a)
				c := h.command(a, m, fmt.Sprintf("push-%s-%d", a, n), n)
				r := h.emit(t, h.New(t), c)
				for _, x := range r.Results {
					switch {
					case m == channels.None && x.Verdict != channels.Unsupported:
						t.Fatalf("verdict %q for method none, want unsupported", x.Verdict)
					case m != channels.None && x.Verdict != channels.Accepted && x.Verdict != channels.Confirmed:
						t.Fatalf("verdict %q (%s) for method %s of the row, want accepted or confirmed", x.Verdict, x.Reason, m)
					}
				}
			})
		}
	}
}

// denied: None, what the adapter cannot do, and what nobody knows are unsupported.
func (h Harness) denied(t *testing.T) {
	for _, m := range append([]channels.Method{channels.None, "", "vaporize"}, h.Denies...) {
		r := h.emit(t, h.New(t), h.command(channels.Recall, m, "push-denied", 3))
		for _, x := range r.Results {
			if x.Verdict != channels.Unsupported {
				t.Errorf("verdict %q for method %q, want unsupported", x.Verdict, m)
			}
		}
	}
}

// slot: a channel that needs a slot takes nothing back without one.
func (h Harness) slot(t *testing.T) {
	a, m, ok := h.claimed()
	if !ok || m == channels.Withhold {
		return
	}
	c := h.command(a, m, "push-slot", 2)
	c.Slot = ""
	for _, x := range h.emit(t, h.New(t), c).Results {
		done := x.Verdict == channels.Accepted || x.Verdict == channels.Confirmed
		switch {
		case h.Row.NeedsSlot && x.Verdict != channels.Refused && x.Verdict != channels.Unsupported:
			t.Errorf("verdict %q without a slot, want refused or unsupported", x.Verdict)
		case !h.Row.NeedsSlot && !done:
			t.Errorf("verdict %q (%s) without a slot on a channel that needs none", x.Verdict, x.Reason)
		}
	}
}

// concurrent: commands for several pushes at once each get their own results.
func (h Harness) concurrent(t *testing.T) {
	const callers, devices = 8, 20
	a, m, _ := h.claimed()
	e := h.New(t)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			c := h.command(a, m, fmt.Sprintf("push-concurrent-%d", i), devices)
			r, err := e.Emit(t.Context(), c)
			if err != nil {
				t.Errorf("emit: %v", err)
				return
			}
			if err := h.fits(c, r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// cancelledBefore: nothing is done for a context that has ended.
func (h Harness) cancelledBefore(t *testing.T) {
	a, m, ok := h.claimed()
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := h.command(a, m, "push-cancelled", 3)
	h.open(t, c, h.start(ctx, h.New(t), c))
}

// cancelledDuring: a call that hangs ends with its context, and its result is open.
func (h Harness) cancelledDuring(t *testing.T) {
	a, m, ok := h.claimed()
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	e, entered := h.Stalled(t)
	c := h.command(a, m, "push-stalled", 3)
	answers := h.start(ctx, e, c)
	select {
	case <-entered:
	case a := <-answers:
		t.Fatalf("emit returned before its vendor was called: %+v, %v", a.reply, a.err)
	case <-time.After(promptly):
		t.Fatal("the vendor was not called")
	}
	cancel()
	h.open(t, c, answers)
}

// refusing: a refusal is terminal, has a reason, and the reason names no device.
func (h Harness) refusing(t *testing.T) {
	a, m, _ := h.claimed()
	for _, x := range h.emit(t, h.Refusing(t), h.command(a, m, "push-refused", 3)).Results {
		if x.Verdict != channels.Refused && x.Verdict != channels.Unsupported || x.Reason == "" {
			t.Errorf("verdict %q with reason %q, want refused with a reason", x.Verdict, x.Reason)
		}
	}
}

// throttling: it is not the end of the command.
func (h Harness) throttling(t *testing.T) {
	a, m, ok := h.claimed()
	if !ok { // nothing is called
		return
	}
	for _, x := range h.emit(t, h.Throttling(t), h.command(a, m, "push-throttled", 3)).Results {
		if x.Verdict != channels.Throttled {
			t.Errorf("verdict %q (%s), want throttled", x.Verdict, x.Reason)
		}
	}
}

type answer struct {
	reply channels.Reply
	err   error
}

func (h Harness) start(ctx context.Context, e channels.Emitter, c channels.Command) <-chan answer {
	answers := make(chan answer, 1)
	go func() {
		r, err := e.Emit(ctx, c)
		answers <- answer{r, err}
	}()
	return answers
}

// open waits for an answer to a cancelled call: an error, or results that leave
// the command open.
func (h Harness) open(t *testing.T, c channels.Command, answers <-chan answer) {
	t.Helper()
	var a answer
	select {
	case a = <-answers:
	case <-time.After(promptly):
		t.Fatalf("emit did not return within %s of the end of its context", promptly)
	}
	if a.err != nil {
		if err := h.discreet(c, "error", a.err.Error()); err != nil {
			t.Error(err)
		}
		return
	}
	if err := h.fits(c, a.reply); err != nil {
		t.Error(err)
	}
	for _, x := range a.reply.Results {
		if x.Verdict.Terminal() {
			t.Errorf("verdict %q for a cancelled call, want unknown or throttled", x.Verdict)
		}
	}
}

// emit calls the adapter and checks what holds for every reply.
func (h Harness) emit(t *testing.T, e channels.Emitter, c channels.Command) channels.Reply {
	t.Helper()
	devices := slices.Clone(c.Devices)
	r, err := e.Emit(t.Context(), c)
	if err != nil {
		t.Fatalf("emit: %v", err)
	}
	if !slices.Equal(devices, c.Devices) {
		t.Fatal("the adapter changed the devices of the command")
	}
	if err := h.fits(c, r); err != nil {
		t.Fatal(err)
	}
	return r
}

// fits checks one known result per device in order, and discreet reasons.
func (h Harness) fits(c channels.Command, r channels.Reply) error {
	if len(r.Results) != len(c.Devices) {
		return fmt.Errorf("%d results for %d devices", len(r.Results), len(c.Devices))
	}
	if r.RetryAfter < 0 {
		return fmt.Errorf("retry after %s", r.RetryAfter)
	}
	for i, x := range r.Results {
		if x.Device != c.Devices[i] {
			return fmt.Errorf("result %d is for another device than the command's", i)
		}
		if !x.Verdict.Terminal() && x.Verdict != channels.Throttled && x.Verdict != channels.Unknown {
			return fmt.Errorf("result %d has the unknown verdict %q", i, x.Verdict)
		}
		if err := events.CheckText("reason", x.Reason, events.MaxReason); err != nil {
			return err
		}
		if err := h.discreet(c, "reason", x.Reason); err != nil {
			return err
		}
	}
	return nil
}

// discreet checks that a text holds no token and no payload.
func (h Harness) discreet(c channels.Command, what, text string) error {
	if text == "" {
		return nil
	}
	for _, d := range c.Devices {
		if strings.Contains(text, d) {
			return fmt.Errorf("the %s holds a device token", what)
		}
	}
	if c.Body != "" && strings.Contains(text, c.Body) {
		return fmt.Errorf("the %s holds the text of the notification", what)
	}
	return nil
}
