package jetstream_test

import (
	"context"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// TestLostLeader: a leader that its peers have lost, and that does not know
// it, is not believed when another one has stored more.
func TestLostLeader(t *testing.T) {
	t.Parallel()
	c := clustertest.Start(t, clustertest.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	defer cancel()
	put(t, open(t, jetstream.Config{Conn: dial(t, c), Settings: three}), 1)
	c.WaitCurrent("LEDGER")
	leader := c.Leader("LEDGER")
	at := open(t, jetstream.Config{Conn: dialTo(t, c.URL(leader)), Settings: three, Timeout: 2 * time.Second})
	elsewhere := open(t, jetstream.Config{Conn: dialTo(t, c.URL((leader+1)%3)), Settings: three})

	c.CutPeers(leader)
	appendUntilKnown(ctx, t, elsewhere, 2, "a", "b")
	if end, err := at.End(ctx); err == nil && end.Seq < 3 {
		t.Errorf("End = %v by a leader that was cut off, and sequence 3 was acknowledged before", end)
	}
	found := ""
	read := func() error {
		return at.ReadSubject(ctx, events.KeySubject(0, "shop", "push-2"), func(m events.Message) error {
			found += string(m.Data)
			return nil
		})
	}
	if err := read(); err == nil && found != "b" {
		t.Errorf("ReadSubject found %q by a leader that was cut off, and b was acknowledged before", found)
	}
	c.Heal(leader)
	for {
		end, err := at.End(ctx)
		if err == nil && end.Seq == 3 {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("End = %v, %v after the cut was mended, want sequence 3", end, err)
		}
	}
	found = ""
	if err := read(); err != nil || found != "b" {
		t.Errorf("ReadSubject found %q, %v after the cut was mended, want b", found, err)
	}
}
