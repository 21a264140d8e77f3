package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// TestLongestWait: of several calls for one command the vendor that asks to wait
// longest says when it is tried again.
func TestLongestWait(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{Behave: func(d string) scripted.Behaviour {
		b := scripted.Behaviour{Throttle: 1 << 20}
		if d == "d-0000" {
			b.RetryAfter = time.Hour
		}
		return b
	}})
	queue := &handing{w.queue, make(chan time.Duration, 10)}
	// One device for each call, and one call after the other.
	w.work("apns", emitter, func(c *dispatch.WorkerConfig) { c.Queue, c.Calls = queue, 1 })
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", names("d", 3)...)
	w.recall("p1", channels.Recall)
	select {
	case after := <-queue.back:
		if after < time.Hour {
			t.Errorf("the command is tried again after %s, the vendor wants an hour", after)
		}
	case <-w.ctx.Done():
		t.Fatal("the command was not put back")
	}
	if n := len(emitter.Calls()); n != 3 {
		t.Errorf("%d calls, want 3", n)
	}
}

// TestDeadTokensOfNobody: while no call for an app has worked, a vendor that calls
// tokens dead may mean that its configuration is wrong; afterwards it means them.
func TestDeadTokensOfNobody(t *testing.T) {
	w := newWorld(t)
	w.work("apns", scripted.New(scripted.Config{Behave: func(d string) scripted.Behaviour {
		if d == "dead" {
			return scripted.Behaviour{Refuse: channels.ReasonDeadToken}
		}
		return scripted.Behaviour{}
	}}))
	w.plan()
	for _, x := range []struct{ push, device, want string }{
		{"p1", "dead", "refused " + channels.ReasonAllTokensBad},
		{"p2", "alive", "accepted"},
		{"p3", "dead", "refused " + channels.ReasonDeadToken},
	} {
		w.create(x.push)
		w.fact(events.PushSent, x.push, "apns", x.device)
		id := w.recall(x.push, channels.Recall)
		w.settled(id)
		w.ended(id, "apns", []string{x.device}, x.want)
	}
}

// TestFactsElsewhereFirst: who shows the new push of an override is on the log of that
// push's partition before the outcome is on its own, so that a crash between the two
// leaves no holder nobody knows of (L8).
func TestFactsElsewhereFirst(t *testing.T) {
	w := newWorld(t)
	storing, store := make(chan struct{}, 10), make(chan struct{})
	elsewhere := memlog.New(memlog.Config{Partition: 1, Fault: func([]events.Record) memlog.Fault {
		storing <- struct{}{}
		<-store
		return memlog.Fault{}
	}})
	committer := events.NewCommitter(events.CommitterConfig{Log: elsewhere})
	w.run(committer.Run)
	w.work("apns", scripted.New(scripted.Config{}), func(c *dispatch.WorkerConfig) {
		c.Home = func(context.Context, string, string) (int, *events.Committer, error) { return 1, committer, nil }
	})
	w.plan()
	w.create("p1")
	w.fact(events.DisplayShown, "p1", "apns", "d")
	id := w.recall("p1", channels.Override, func(r *ledger.Request) { r.Replacement = &events.Replacement{Title: "New"} })
	select {
	case <-storing:
	case <-w.ctx.Done():
		t.Fatal("nothing is stored elsewhere")
	}
	if n := len(w.entries(events.OutcomeAccepted)); n != 0 {
		t.Errorf("%d outcomes are on the log before the fact is elsewhere", n)
	}
	close(store)
	w.settled(id)
	w.ended(id, "apns", []string{"d"}, "accepted")
	if list := elsewhere.Messages(); len(list) != 1 {
		t.Errorf("%d events are elsewhere, want 1", len(list))
	}
}

// TestNotMine: a worker that may have lost its channel to another node makes no call,
// and puts the command back for whoever has it.
func TestNotMine(t *testing.T) {
	w := newWorld(t)
	emitter := scripted.New(scripted.Config{})
	queue := &handing{w.queue, make(chan time.Duration, 1<<16)}
	first := w.work("apns", emitter, func(c *dispatch.WorkerConfig) {
		c.Queue, c.Mine = queue, func() bool { return false }
	})
	w.plan()
	w.create("p1")
	w.fact(events.PushSent, "p1", "apns", "d")
	id := w.recall("p1", channels.Recall)
	select {
	case after := <-queue.back:
		if after != 0 {
			t.Errorf("the command is put back for %s", after)
		}
	case <-w.ctx.Done():
		t.Fatal("the command was not put back")
	}
	first.halt(t)
	if n := len(emitter.Calls()); n != 0 {
		t.Errorf("%d calls were made by who has no right to", n)
	}
	w.work("apns", emitter)
	w.settled(id)
	w.ended(id, "apns", []string{"d"}, "accepted")
}
