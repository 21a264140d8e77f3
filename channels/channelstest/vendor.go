package channelstest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
)

// Vendor is an adapter beside the double of its vendor, as RunVendor needs them.
type Vendor struct {
	// Row is what the matrix says about the channel.
	Row channels.Row
	// New makes a double in good health and an adapter for it. What they need
	// is released by t.Cleanup; this goes for Wrong as well.
	New func(t *testing.T) (channels.Emitter, *double.Server)
	// Wrong makes an adapter whose credentials the double rejects.
	Wrong func(t *testing.T) (channels.Emitter, *double.Server)
	// NamesDead is true where the vendor tells dead tokens apart.
	NamesDead bool
	// Denies, Device, Slot and Sends are as in Harness.
	Denies []channels.Method
	Device func(i int) string
	Slot   string
	Sends  []string
	// ID is under what the double shows the notification of a command. Default:
	// the slot, or the first send on a channel that needs no slot.
	ID func(c channels.Command) string
	// Forced is true where a forced override is shown beside the old
	// notification.
	Forced bool
}

const (
	oldText = "the wrong notification"
	newText = "the right notification"
)

// RunVendor runs the whole contract against the vendor's double: what Run
// checks, and what every vendor does wrong sooner or later.
func RunVendor(t *testing.T, v Vendor) {
	t.Helper()
	h := Harness{
		Row: v.Row, Denies: v.Denies, Device: v.Device, Slot: v.Slot, Sends: v.Sends,
		New: func(t *testing.T) channels.Emitter { e, _ := v.New(t); return e },
		Throttling: func(t *testing.T) channels.Emitter {
			e, s := v.New(t)
			s.Always(double.Throttle)
			return e
		},
		Stalled: func(t *testing.T) (channels.Emitter, <-chan struct{}) {
			e, s := v.New(t)
			s.Always(double.Stall)
			return e, s.Entered()
		},
	}
	h.setDefaults()
	if v.ID == nil {
		v.ID = func(c channels.Command) string {
			if v.Row.NeedsSlot {
				return c.Slot
			}
			return c.Sends[0]
		}
	}
	Run(t, h)
	w := vendorRun{v, h}
	for _, a := range channels.Actions() {
		m := v.Row.Method(a)
		if m == channels.None {
			continue
		}
		t.Run(string(a), func(t *testing.T) {
			t.Run("screen", func(t *testing.T) { w.screen(t, a, m) })
			t.Run("again", func(t *testing.T) { w.again(t, a, m) })
			t.Run("not found", func(t *testing.T) { w.notFound(t, a, m) })
			t.Run("throttled", func(t *testing.T) { w.throttled(t, a, m) })
			t.Run("nothing done", func(t *testing.T) { w.nothingDone(t, a, m) })
			t.Run("no answer", func(t *testing.T) { w.noAnswer(t, a, m) })
			t.Run("slow", func(t *testing.T) { w.slow(t, a, m) })
			t.Run("wrong credentials", func(t *testing.T) { w.wrong(t, a, m) })
			if v.NamesDead && v.Row.Names(m) == channels.PerDevice {
				t.Run("dead token", func(t *testing.T) { w.dead(t, a, m) })
			}
			if v.Row.NeedsSend && v.Row.Names(m) == channels.PerTask {
				t.Run("no send", func(t *testing.T) { w.noSend(t, a, m) })
			}
		})
	}
	if v.Forced {
		t.Run("forced", w.forced)
	}
}

type vendorRun struct {
	v Vendor
	h Harness
}

// given puts the notification of a command on every screen, or where the command
// withholds into what waits for the devices.
func (w vendorRun) given(s *double.Server, c channels.Command) {
	id := w.v.ID(c)
	for _, d := range c.Devices {
		if c.Method == channels.Withhold {
			s.Tray.Wait(d, id, oldText)
		} else {
			s.Tray.Show(d, id, oldText)
		}
		for _, send := range c.Sends {
			s.Tray.Sent(send, d, id)
		}
	}
}

func (w vendorRun) command(a channels.Action, m channels.Method, n int) channels.Command {
	c := w.h.command(a, m, "push-1", n)
	if a == channels.Override {
		c.Body = newText
	}
	return c
}

// untouched checks that every screen is as it was given.
func (w vendorRun) untouched(t *testing.T, s *double.Server, c channels.Command) {
	t.Helper()
	for i, d := range c.Devices {
		s.Tray.Deliver(d)
		got := s.Tray.Screen(d)
		if len(got) != 1 || got[0].Text != oldText {
			t.Errorf("device %d shows %q, want the old notification alone", i, got)
		}
		if c.Method == channels.Withhold {
			// To look it was delivered, and what is shown cannot be withheld.
			for _, x := range got {
				s.Tray.Remove(d, x.ID)
				s.Tray.Wait(d, x.ID, x.Text)
			}
		}
	}
}

// done checks that every screen is as the command wants it.
func (w vendorRun) done(t *testing.T, s *double.Server, c channels.Command) {
	t.Helper()
	for i, d := range c.Devices {
		s.Tray.Deliver(d)
		got := s.Tray.Screen(d)
		if c.Method != channels.Overwrite {
			if len(got) != 0 {
				t.Errorf("device %d shows %q, want nothing", i, got)
			}
			continue
		}
		if len(got) != 1 || got[0].Text != c.Body {
			t.Errorf("device %d shows %q, want %q alone", i, got, c.Body)
		}
	}
}

// want checks that all results have one of the verdicts, and returns the reply.
func (w vendorRun) want(t *testing.T, e channels.Emitter, c channels.Command, verdicts ...channels.Verdict) channels.Reply {
	t.Helper()
	r := w.h.emit(t, e, c)
	for i, x := range r.Results {
		if !slices.Contains(verdicts, x.Verdict) {
			t.Errorf("device %d: verdict %q (%s), want one of %q", i, x.Verdict, x.Reason, verdicts)
		}
		if x.Verdict != channels.Accepted && x.Verdict != channels.Confirmed && x.Reason == "" {
			t.Errorf("device %d: verdict %q without a reason", i, x.Verdict)
		}
	}
	return r
}

// screen: what the row promises is what devices show, and a device that is not
// in the command shows what it did.
func (w vendorRun) screen(t *testing.T, a channels.Action, m channels.Method) {
	e, s := w.v.New(t)
	c := w.command(a, m, 3)
	w.given(s, c)
	other := w.h.Device(700)
	s.Tray.Show(other, w.v.ID(c), oldText)
	w.want(t, e, c, channels.Accepted, channels.Confirmed)
	w.done(t, s, c)
	if got, _ := s.Tray.Text(other, w.v.ID(c)); got != oldText {
		t.Errorf("a device that is not in the command shows %q", got)
	}
}

// again: taking back what is taken back changes nothing and is not an error.
func (w vendorRun) again(t *testing.T, a channels.Action, m channels.Method) {
	e, s := w.v.New(t)
	c := w.command(a, m, 2)
	w.given(s, c)
	w.want(t, e, c, channels.Accepted, channels.Confirmed)
	before := s.Tray.Changes(c.Devices[0])
	c.Attempt = 2
	w.want(t, e, c, channels.Accepted, channels.Confirmed)
	w.done(t, s, c)
	if n := s.Tray.Changes(c.Devices[0]); n != before {
		t.Errorf("a repeated command changed the screen %d times more", n-before)
	}
}

// notFound: a notification the vendor does not know ends the command.
func (w vendorRun) notFound(t *testing.T, a channels.Action, m channels.Method) {
	e, _ := w.v.New(t)
	w.want(t, e, w.command(a, m, 2), channels.Accepted, channels.Confirmed, channels.Refused)
}

// throttled: what the vendor puts off did not happen, and its Retry-After, where
// it gives one, is passed on.
func (w vendorRun) throttled(t *testing.T, a channels.Action, m channels.Method) {
	e, s := w.v.New(t)
	s.Always(double.Throttle)
	c := w.command(a, m, 2)
	w.given(s, c)
	if r := w.want(t, e, c, channels.Throttled); r.RetryAfter != 0 && r.RetryAfter != double.RetryAfter {
		t.Errorf("retry after %s, the vendor said %s", r.RetryAfter, double.RetryAfter)
	}
	w.untouched(t, s, c)
	s.Always(double.None)
	w.want(t, e, c, channels.Accepted, channels.Confirmed)
	w.done(t, s, c)
}

// nothingDone: where the vendor fails or the connection breaks before the
// effect, the command stays open, and works when it is tried again.
func (w vendorRun) nothingDone(t *testing.T, a channels.Action, m channels.Method) {
	for _, f := range []double.Fault{double.Fail, double.DropBefore} {
		t.Run(string(f), func(t *testing.T) {
			e, s := w.v.New(t)
			s.Always(f)
			c := w.command(a, m, 2)
			w.given(s, c)
			w.wantOpen(t, e, c)
			w.untouched(t, s, c)
			s.Always(double.None)
			w.want(t, e, c, channels.Accepted, channels.Confirmed)
			w.done(t, s, c)
		})
	}
}

// noAnswer: where the answer is lost after the effect, the command stays open,
// and the repeated call, if the row allows it, does no harm.
func (w vendorRun) noAnswer(t *testing.T, a channels.Action, m channels.Method) {
	for _, f := range []double.Fault{double.DropAfter, double.Flood} {
		t.Run(string(f), func(t *testing.T) {
			e, s := w.v.New(t)
			s.Always(f)
			c := w.command(a, m, 2)
			w.given(s, c)
			w.want(t, e, c, channels.Unknown)
			s.Always(double.None)
			w.want(t, e, c, channels.Accepted, channels.Confirmed)
			w.done(t, s, c)
			if n := s.Tray.Changes(c.Devices[0]); n != 2 && c.Method != channels.Withhold {
				t.Errorf("the screen changed %d times, want the notification and the command's effect", n)
			}
		})
	}
}

// slow: a body that does not end is given up with the context.
func (w vendorRun) slow(t *testing.T, a channels.Action, m channels.Method) {
	e, s := w.v.New(t)
	s.Always(double.Stall)
	c := w.command(a, m, 1)
	w.given(s, c)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answers := w.h.start(ctx, e, c)
	select {
	case <-s.Entered():
	case <-time.After(promptly):
		t.Fatal("the vendor was not called")
	}
	cancel()
	w.h.open(t, c, answers)
}

// wrong: no token is called dead for the sake of a credential, and the command
// waits for somebody to mend it.
func (w vendorRun) wrong(t *testing.T, a channels.Action, m channels.Method) {
	e, s := w.v.Wrong(t)
	c := w.command(a, m, 2)
	w.given(s, c)
	r := w.want(t, e, c, channels.Throttled)
	for i, x := range r.Results {
		if x.Reason != channels.ReasonCredentials {
			t.Errorf("device %d: reason %q, want %q", i, x.Reason, channels.ReasonCredentials)
		}
	}
	w.untouched(t, s, c)
}

// dead: in a batch with a dead token the others are done.
func (w vendorRun) dead(t *testing.T, a channels.Action, m channels.Method) {
	e, s := w.v.New(t)
	c := w.command(a, m, 3)
	w.given(s, c)
	s.Kill(c.Devices[1])
	r := w.h.emit(t, e, c)
	for i, x := range r.Results {
		good := x.Verdict == channels.Accepted || x.Verdict == channels.Confirmed
		if i == 1 && (x.Verdict != channels.Refused || x.Reason != channels.ReasonDeadToken) {
			t.Errorf("the dead token: verdict %q (%s), want refused as %s", x.Verdict, x.Reason, channels.ReasonDeadToken)
		} else if i != 1 && !good {
			t.Errorf("device %d beside a dead one: verdict %q (%s)", i, x.Verdict, x.Reason)
		}
	}
	living := c
	living.Devices = []string{c.Devices[0], c.Devices[2]}
	w.done(t, s, living)
}

// noSend: without the vendor's id of the send nothing is called.
func (w vendorRun) noSend(t *testing.T, a channels.Action, m channels.Method) {
	e, s := w.v.New(t)
	c := w.command(a, m, 2)
	w.given(s, c)
	c.Sends = nil
	for i, x := range w.want(t, e, c, channels.Refused, channels.Unsupported).Results {
		if x.Reason != channels.ReasonNoSend {
			t.Errorf("device %d: reason %q, want %q", i, x.Reason, channels.ReasonNoSend)
		}
	}
	w.untouched(t, s, c)
}

// forced: a forced override is shown beside the old notification.
func (w vendorRun) forced(t *testing.T) {
	e, s := w.v.New(t)
	c := w.command(channels.Override, channels.Overwrite, 2)
	w.given(s, c)
	c.Forced = true
	w.want(t, e, c, channels.Accepted, channels.Confirmed)
	for i, d := range c.Devices {
		got := s.Tray.Screen(d)
		if len(got) != 2 || got[0].Text != oldText || got[1].Text != newText {
			t.Errorf("device %d shows %q, want the old notification and the new one", i, got)
		}
	}
}

// wantOpen checks that the command is left open, by results or by an error.
func (w vendorRun) wantOpen(t *testing.T, e channels.Emitter, c channels.Command) {
	t.Helper()
	w.want(t, e, c, channels.Throttled, channels.Unknown)
}
