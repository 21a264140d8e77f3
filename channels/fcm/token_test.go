package fcm

import (
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
)

// clock is set by hand.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// TestAccessToken: one token serves until shortly before its end, and is replaced
// once when Google rejects it.
func TestAccessToken(t *testing.T) {
	c := &clock{time.Unix(1_790_000_000, 0)}
	e, s := start(t, false, c.read)
	remove := command(Data, channels.Remove, channels.Recall)
	remove.Devices = []string{"t1", "t2", "t3"}
	step := func(after time.Duration, minted int) {
		t.Helper()
		c.now = c.now.Add(after)
		r, err := e.Emit(t.Context(), remove)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range r.Results {
			if x.Verdict != channels.Accepted {
				t.Errorf("%+v", x)
			}
		}
		if n := s.Minted(); n != minted {
			t.Errorf("%d access tokens, want %d", n, minted)
		}
	}
	step(0, 1)
	step(58*time.Minute, 1)
	step(time.Minute, 2)
	s.Revoke()
	step(time.Minute, 3)
}

// TestRejectedTwice: a new access token that is rejected as well ends the call.
func TestRejectedTwice(t *testing.T) {
	a := &answer{status: 401, body: `{"error":{"status":"UNAUTHENTICATED"}}`}
	e := a.emitter(t)
	x := emit(t, e, command(Data, channels.Remove, channels.Recall))
	if x.Verdict != channels.Throttled || x.Reason != channels.ReasonCredentials {
		t.Errorf("%+v", x)
	}
	// Within a second of the first token no other is asked for.
	if a.calls > 2 {
		t.Errorf("%d calls, want 2 at most", a.calls)
	}
}

// TestNoAccessToken: without one nothing is sent, and nothing of it is told.
func TestNoAccessToken(t *testing.T) {
	e, s := start(t, false, time.Now)
	for _, c := range []struct {
		status int
		reason string
	}{
		{400, channels.ReasonCredentials},
		{404, channels.ReasonCredentials},
		{429, channels.ReasonThrottled},
		{500, channels.ReasonBusy},
		{204, channels.ReasonCredentials},
	} {
		s.FailTokens(c.status)
		if x := emit(t, e, command(Data, channels.Remove, channels.Recall)); x.Verdict != channels.Throttled || x.Reason != c.reason {
			t.Errorf("%d: %+v, want throttled (%s)", c.status, x, c.reason)
		}
	}
	if n := len(s.Calls()); n != 0 {
		t.Errorf("%d messages were sent", n)
	}
	s.FailTokens(0)
	if x := emit(t, e, command(Data, channels.Remove, channels.Recall)); x.Verdict != channels.Accepted {
		t.Errorf("%+v", x)
	}
}

// TestNobodyListens: a host for access tokens that is away did nothing.
func TestNobodyListens(t *testing.T) {
	e, s := start(t, false, time.Now)
	s.Close()
	if x := emit(t, e, command(Data, channels.Remove, channels.Recall)); x.Verdict != channels.Throttled || x.Reason != channels.ReasonUnreachable {
		t.Errorf("%+v", x)
	}
}
