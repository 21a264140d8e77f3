package webpush

import (
	"fmt"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/webpush/webpushtest"
)

// clock is set by hand.
type clock struct{ now time.Time }

func (c *clock) read() time.Time { return c.now }

// TestToken: one VAPID token serves a push service for eleven hours, by the clock
// that was given, and is replaced once when it is rejected.
func TestToken(t *testing.T) {
	c := &clock{time.Unix(1_790_000_000, 0)}
	e, s := startAt(t, webpushtest.PrivateKey(), c.read)
	notice := command(channels.Recall)
	notice.Devices = append(notice.Devices, webpushtest.Device(2), webpushtest.Device(3))
	step := func(after time.Duration, tokens int) {
		t.Helper()
		c.now = c.now.Add(after)
		r, err := e.Emit(t.Context(), notice)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range r.Results {
			if x.Verdict != channels.Accepted {
				t.Errorf("%s (%s)", x.Verdict, x.Reason)
			}
		}
		if n := s.Tokens(); n != tokens {
			t.Errorf("%d VAPID tokens, want %d", n, tokens)
		}
	}
	step(0, 1)
	step(vapidLife-vapidEarly-time.Second, 1)
	step(time.Second, 2)
	s.Reject()
	step(time.Minute, 3)
}

// TestOriginsAreBounded: devices cannot make the node keep any number of tokens.
func TestOriginsAreBounded(t *testing.T) {
	e, _ := start(t, webpushtest.PrivateKey())
	first := e.signer.tokens("https://0.example")
	for i := range 3 * maxOrigins {
		e.signer.tokens(fmt.Sprintf("https://%d.example", i))
		if n := len(e.signer.origins); n > maxOrigins {
			t.Fatalf("%d origins", n)
		}
	}
	if e.signer.tokens("https://0.example") == first {
		t.Error("the first origin was never dropped")
	}
	if a := e.signer.tokens("https://a.example"); a != e.signer.tokens("https://a.example") {
		t.Error("a push service has two tokens")
	}
}
