package webhook

import (
	"net/http"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// TestRestart: what was told is not told again, what was not is; only the
// beginning of what has not settled comes twice, and is recognised by its id.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	stop := w.tell(s.receiver())
	w.push("shop", "done")
	w.push("shop", "open", "a")
	w.push("shop", "away")
	w.accept("shop", "done")
	s.next(s.got, Requested, "done")
	s.next(s.got, Settled, "done")
	w.accept("shop", "open")
	first := s.next(s.got, Requested, "open")
	w.command("shop", "open", "a")
	w.waiting("for the device", func(d time.Duration) bool { return d >= lookMin })
	stop()
	w.outcome("shop", "open", "a")
	w.accept("shop", "away")
	w.end("shop", "done", events.RecallCompleted)
	stop = w.tell(s.receiver())
	got := map[string]string{}
	for range 5 {
		select {
		case c := <-s.got:
			got[c.Type+" "+c.Subject] = c.ID
		case <-w.ctx.Done():
			t.Fatalf("only %v came; the log says %s", got, w.Logged())
		}
	}
	for _, want := range []string{
		"recall.requested open", "recall.settled open", "recall.requested away", "recall.settled away", "recall.completed done",
	} {
		if got[want] == "" {
			t.Errorf("after the restart came %v, want %s", got, want)
		}
	}
	if got["recall.requested open"] != first.ID {
		t.Errorf("the repetition has the id %s, was %s", got["recall.requested open"], first.ID)
	}
	stop()
	s.nothing()
}

// TestUnknownBeginning: the end of a recall that this process did not see begin
// rests once, in which a beginning that is still open comes back.
func TestUnknownBeginning(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	s.answers(status(http.StatusServiceUnavailable))
	w.push("shop", "p")
	stop := w.tell(s.receiver(Requested, Aborted))
	w.accept("shop", "p")
	s.next(s.refused, Requested, "p")
	stop()
	w.end("shop", "p", events.RecallAborted)
	s.answers(nil)
	stop = w.tell(s.receiver(Requested, Aborted))
	s.next(s.got, Requested, "p")
	s.next(s.got, Aborted, "p")
	stop()
	// Nothing is open of this one, and that is found out by resting.
	w.push("shop", "q")
	stop = w.tell(s.receiver(Requested, Aborted))
	w.accept("shop", "q")
	s.next(s.got, Requested, "q")
	stop()
	for len(w.waits) > 0 {
		<-w.waits
	}
	w.tell(s.receiver(Requested, Aborted))
	w.end("shop", "q", events.RecallAborted)
	w.waiting("once", func(d time.Duration) bool { return d == rest })
	s.next(s.got, Aborted, "q")
	w.result("recall.requested delivered")
	s.nothing()
}

// TestForeignMessages: what the projection sets aside as no event is none here
// either, and holds nothing up.
func TestForeignMessages(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	w.push("shop", "p")
	subject := events.Subject(0, "shop", events.RecallRequested, "p", "")
	head := `{"v":1,"app":"shop","push":"p","time":"2026-11-20T09:41:35Z"`
	for _, body := range []string{
		"", "{", `{"v":1}`,
		head + `,"kind":"recall.requested","data":{"recall":"r","action":"sing","deadline":"2026-11-20T09:41:35Z"}}`,
		head + `,"kind":"recall.completed","data":{"recall":"unknown"}}`,
		`{"v":1,"app":"bank","push":"p","time":"2026-11-20T09:41:35Z","kind":"recall.aborted","data":{"recall":"r"}}`,
	} {
		if _, err := w.Part.Log.Append(w.ctx, []events.Record{{Subject: subject, Data: []byte(body)}}); err != nil {
			t.Fatal(err)
		}
	}
	w.tell(s.receiver())
	w.accept("shop", "p")
	s.next(s.got, Requested, "p")
	s.next(s.got, Settled, "p")
	// The same recall once more, and a second end, are none.
	w.accept("shop", "p")
	w.end("shop", "p", events.RecallAborted)
	s.next(s.got, Aborted, "p")
	w.end("shop", "p", events.RecallCompleted)
	w.push("shop", "q")
	w.accept("shop", "q")
	s.next(s.got, Requested, "q")
	s.next(s.got, Settled, "q")
	s.nothing()
}

// TestWaiting: of more recalls than can be waited for the settling is dropped and
// counted, and their other events are told.
func TestWaiting(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	w.push("shop", "p", "a")
	r := newReceiver(&Config{
		Projection: w.Part.Local, Clock: w.Now, Logger: w.Desk.Logger, Client: http.DefaultClient,
		Observer: Observer{Ended: func(kind, result string) { w.results <- kind + " " + result }},
	}, s.receiver(), 0)
	defer http.DefaultClient.CloseIdleConnections()
	for i := range Waiting {
		if !r.await(r.of(events.Seq(1_000_000 + i))) {
			t.Fatalf("recall %d of %d cannot be waited for", i, Waiting)
		}
	}
	m := handOut(w, w.accept("shop", "p"))
	if wait, err := r.tell(w.ctx, m); wait != 0 || err != nil {
		t.Errorf("tell = %s, %v; want the message ended", wait, err)
	}
	w.result("recall.requested delivered")
	w.result("recall.settled dropped")
	r.forget(1_000_000)
	if wait, err := r.tell(w.ctx, m); wait < lookMin || err != nil {
		t.Errorf("with a place free tell = %s, %v; want it to wait", wait, err)
	}
}

// first is a message of the log, handed out for the first time.
type first struct {
	events.Delivery
	m events.Message
}

func (d first) Message() events.Message { return d.m }
func (d first) Attempt() int            { return 1 }

// handOut hands out the message at a sequence.
func handOut(w *world, seq events.Seq) events.Delivery {
	w.T.Helper()
	var d first
	if err := w.Part.Log.Read(w.ctx, events.Range{From: seq, To: seq}, func(m events.Message) error { d.m = m; return nil }); err != nil {
		w.T.Fatal(err)
	}
	return d
}
