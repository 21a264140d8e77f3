package dispatch_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// gate holds vendor calls until it is opened.
type gate struct {
	reached chan struct{}
	open    chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}), make(chan struct{})} }

// wait is a scripted.Config.Wait.
func (g *gate) wait(ctx context.Context, _ time.Duration) error {
	select {
	case g.reached <- struct{}{}:
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-g.open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gated is an emitter all of whose calls wait at a gate.
func gated(row channels.Row) (*scripted.Emitter, *gate) {
	g := newGate()
	return scripted.New(scripted.Config{
		Row: row, Wait: g.wait,
		Behave: func(string) scripted.Behaviour { return scripted.Behaviour{Delay: 1} },
	}), g
}

// TestClickWhileCallsRun: while the first call of a recall is under way, devices
// of its later parts and of later commands click. None of them is called (L7).
func TestClickWhileCallsRun(t *testing.T) {
	for _, channel := range []string{"apns", "fcm", "harmony"} {
		t.Run(channel, func(t *testing.T) {
			w := newWorld(t)
			emitter, gate := gated(channels.Row{})
			w.work(channel, emitter, func(c *dispatch.WorkerConfig) { c.Workers, c.Calls = 1, 1 })
			w.plan()
			w.create("p1")
			devices := names("d", 1100)
			w.fact(events.DisplayShown, "p1", channel, devices...)
			id := w.recall("p1", channels.Recall)
			<-gate.reached
			called := emitter.Calls()[0].Devices
			late := devices[1050:]
			if called == 1 {
				late = append(late, devices[3:7]...) // of the very same command
			}
			w.fact(events.ClickClicked, "p1", channel, late[1:]...)
			w.fact(events.DisplayCleared, "p1", channel, late[0])
			for _, d := range late[1:] {
				emitter.Clicked("p1", d)
			}
			close(gate.open)
			v := w.settled(id)
			w.balanced(v)
			w.ended(id, channel, late[1:], "skipped clicked")
			w.ended(id, channel, late[:1], "skipped cleared")
			if n := int(v.Total.Skipped); n != len(late) || emitter.CallsAfterClick() != 0 {
				t.Errorf("%d skipped, want %d; %d calls after a click, want none", n, len(late), emitter.CallsAfterClick())
			}
			if n := emitter.Touched("p1"); n != len(devices)-len(late) {
				t.Errorf("%d notifications were touched, want %d", n, len(devices)-len(late))
			}
		})
	}
}

// TestClickBeforeWorker: a click between command and call is seen, whenever the
// worker comes to it.
func TestClickBeforeWorker(t *testing.T) {
	w := newWorld(t)
	w.plan()
	w.create("p1")
	devices := names("d", 20)
	w.fact(events.PushSent, "p1", "apns", devices...)
	id := w.recall("p1", channels.Recall)
	w.await("commands", func() bool { return w.view(id).Total.Pending == 20 })
	w.fact(events.ClickClicked, "p1", "apns", devices...)
	emitter := scripted.New(scripted.Config{})
	w.work("apns", emitter)
	w.settled(id)
	w.ended(id, "apns", devices, "skipped clicked")
	if n := len(emitter.Calls()); n != 0 {
		t.Errorf("%d vendor calls, want none", n)
	}
}

// lagging is a log whose follower is held back before a sequence until somebody
// asks for the log's end after that.
type lagging struct {
	events.Log

	mu   sync.Mutex
	from events.Seq
	free chan struct{}
}

func newLagging(l events.Log) *lagging {
	free := make(chan struct{})
	close(free)
	return &lagging{Log: l, free: free}
}

// hold keeps back what follows a sequence.
func (l *lagging) hold(after events.Seq) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.from, l.free = after, make(chan struct{})
}

func (l *lagging) Follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	return l.Log.Follow(ctx, from, func(m events.Message) error {
		l.mu.Lock()
		free := l.free
		if m.Seq <= l.from {
			free = nil
		}
		l.mu.Unlock()
		if free != nil {
			select {
			case <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return handle(m)
	})
}

func (l *lagging) End(ctx context.Context) (events.Position, error) {
	pos, err := l.Log.End(ctx)
	l.mu.Lock()
	behind := pos.Seq > l.from
	l.mu.Unlock()
	if behind {
		l.release()
	}
	return pos, err
}

func (l *lagging) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.free:
	default:
		close(l.free)
	}
}

// TestProjectionLags: clicks that stand in the log are seen although the
// worker's projection does not know them yet: before the first call of a
// command, and before later ones.
func TestProjectionLags(t *testing.T) {
	w := newWorld(t)
	lag := newLagging(w.log)
	behind := w.projectOn(lag)
	emitter, gate := gated(channels.Row{})
	w.plan()
	w.create("p1")
	devices := names("d", 4)
	sent := w.fact(events.PushSent, "p1", "apns", devices...)
	if err := behind.Wait(w.ctx, sent); err != nil {
		t.Fatal(err)
	}
	lag.hold(sent)
	id := w.recall("p1", channels.Recall)
	w.await("commands", func() bool { return w.view(id).Total.Pending == 4 })
	w.fact(events.ClickClicked, "p1", "apns", devices[0])
	w.work("apns", emitter, func(c *dispatch.WorkerConfig) {
		c.Log, c.Projection, c.Workers, c.Calls = lag, behind, 1, 1
	})
	<-gate.reached // the call for the second device

	end, err := w.log.End(w.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := behind.Wait(w.ctx, end.Seq); err != nil {
		t.Fatal(err)
	}
	lag.hold(end.Seq)
	w.fact(events.ClickClicked, "p1", "apns", devices[2])
	w.advance(time.Second)
	close(gate.open)
	w.settled(id)
	w.ended(id, "apns", []string{devices[0], devices[2]}, "skipped clicked")
	w.ended(id, "apns", []string{devices[1], devices[3]}, "accepted")
}
