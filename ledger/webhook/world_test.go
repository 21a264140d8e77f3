package webhook

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failSafe ends a test that hangs; no test waits for it.
const failSafe = 60 * time.Second

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// world is a ledger on a real log on a real disk, without planner and workers:
// the test writes what they would.
type world struct {
	*facadetest.Node
	ctx context.Context
	// waits are the times for which messages were put back. They come back at once.
	waits chan time.Duration
	// results are what became of events, as type and result.
	results chan string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), failSafe)
	t.Cleanup(cancel)
	return &world{
		Node: facadetest.Start(t, facadetest.Config{}), ctx: ctx,
		waits: make(chan time.Duration, 100_000), results: make(chan string, 1000),
	}
}

// tell starts a Caller and returns what stops it.
func (w *world) tell(list ...Receiver) (stop func()) {
	w.T.Helper()
	c := facadetest.Must(New(Config{
		Partition: w.Part.Log.Partition(), Queue: hasty{w.Part.Log.(events.Queue), w}, Projection: w.Part.Local, Receivers: list,
		Client: &http.Client{Transport: &http.Transport{}}, Clock: w.Now, Logger: w.Desk.Logger,
		Observer: Observer{Ended: func(kind, result string) { w.results <- kind + " " + result }},
	}))(w.T)
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := c.Run(ctx); err != nil {
			w.T.Errorf("Run = %v, want nil after its context ended", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); run.Wait() })
	w.T.Cleanup(stop)
	return stop
}

// hasty is the log as a queue, on which nobody waits as long as was asked for.
type hasty struct {
	events.Queue
	w *world
}

func (q hasty) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	return q.Queue.Consume(ctx, name, filter, workers, func(ctx context.Context, d events.Delivery) { handle(ctx, hastyDelivery{d, q.w}) })
}

type hastyDelivery struct {
	events.Delivery
	w *world
}

func (d hastyDelivery) Retry(ctx context.Context, after time.Duration) error {
	d.w.waits <- after
	return d.Delivery.Retry(ctx, time.Millisecond)
}

// put stores an event and returns its sequence.
func (w *world) put(app, push string, k events.Kind, d events.Data) events.Seq {
	w.T.Helper()
	return logtest.Append(w.T, w.Part.Log, &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: w.Now()}, Data: d}).Seq
}

// push stores a push that devices have.
func (w *world) push(app, push string, devices ...string) {
	w.T.Helper()
	w.put(app, push, events.PushCreated, &events.Created{Title: "a text nobody else may see", Audience: events.Audience{Kind: events.AudienceAll}})
	if len(devices) > 0 {
		w.put(app, push, events.DisplayShown, &events.Fact{Channel: "vivo", Devices: devices})
	}
}

// accept stores an accepted recall with the push's name.
func (w *world) accept(app, push string) events.Seq {
	w.T.Helper()
	return w.put(app, push, events.RecallRequested, &events.Requested{
		Recall: "recall-of-" + push, Action: "recall", By: "ops", Reason: "wrong price", Deadline: w.Now().Add(time.Hour).UTC(),
	})
}

func (w *world) command(app, push string, devices ...string) events.Seq {
	w.T.Helper()
	return w.put(app, push, events.CommandIssued, &events.Command{
		Recall: "recall-of-" + push, Channel: "vivo", Action: "recall", Method: "remove", Devices: devices, Deadline: w.Now().Add(time.Hour),
	})
}

func (w *world) outcome(app, push string, devices ...string) {
	w.T.Helper()
	w.put(app, push, events.OutcomeAccepted, &events.Outcome{Recall: "recall-of-" + push, Channel: "vivo", Devices: devices})
}

func (w *world) end(app, push string, k events.Kind) events.Seq {
	w.T.Helper()
	return w.put(app, push, k, &events.Closed{Recall: "recall-of-" + push, By: "night shift"})
}

// waiting waits until a message was put back for a time that fits.
func (w *world) waiting(what string, fits func(time.Duration) bool) {
	w.T.Helper()
	for {
		select {
		case d := <-w.waits:
			if fits(d) {
				return
			}
		case <-w.ctx.Done():
			w.T.Fatalf("nobody waits %s; the log says %s", what, w.Logged())
		}
	}
}

// result waits for what became of an event.
func (w *world) result(want string) {
	w.T.Helper()
	select {
	case got := <-w.results:
		if got != want {
			w.T.Fatalf("%s, want %s; the log says %s", got, want, w.Logged())
		}
	case <-w.ctx.Done():
		w.T.Fatalf("never %s; the log says %s", want, w.Logged())
	}
}

// service is a receiver that verifies what it gets.
type service struct {
	w   *world
	url string
	// got are the calls it took, refused those it did not.
	got, refused chan call

	mu     sync.Mutex
	answer func(http.ResponseWriter, call) bool
}

type call struct {
	notice
	raw string
}

func (w *world) listen() *service {
	s := &service{w: w, got: make(chan call, 10_000), refused: make(chan call, 10_000)}
	srv := httptest.NewServer(http.HandlerFunc(s.serve))
	w.T.Cleanup(srv.Close)
	s.url = srv.URL + "/recalls?of=shop"
	return s
}

func (s *service) serve(rw http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	var c call
	if err == nil {
		err = json.Unmarshal(b, &c.notice)
	}
	c.raw = string(b)
	h := r.Header
	if err != nil || r.Method != http.MethodPost || h.Get("Content-Type") != "application/cloudevents+json" || h.Get("webhook-id") != c.ID ||
		!slices.Contains(strings.Fields(h.Get("webhook-signature")), sign(Receiver{Secret: secret}.key(), c.ID, h.Get("webhook-timestamp"), b)) {
		s.w.T.Errorf("came %s %v %q (%v)", r.Method, h, b, err)
	}
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	if answer != nil && !answer(rw, c) {
		s.refused <- c
		return
	}
	s.got <- c
}

// answers sets what answers from now on and says whether that takes the call; nil
// takes everything.
func (s *service) answers(f func(http.ResponseWriter, call) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

// status refuses calls of some types, of all if none is named.
func status(code int, kinds ...string) func(http.ResponseWriter, call) bool {
	return func(rw http.ResponseWriter, c call) bool {
		if len(kinds) > 0 && !slices.Contains(kinds, c.Type) {
			return true
		}
		rw.WriteHeader(code)
		return false
	}
}

// next waits for the next call of a list and checks what it is about.
func (s *service) next(from chan call, kind, push string) call {
	s.w.T.Helper()
	select {
	case c := <-from:
		if c.Type != kind || c.Subject != push {
			s.w.T.Fatalf("came %s, want %s of %s", c.raw, kind, push)
		}
		return c
	case <-s.w.ctx.Done():
		s.w.T.Fatalf("no %s of %s came; the log says %s", kind, push, s.w.Logged())
		return call{}
	}
}

// nothing fails when a call was taken that nobody waited for.
func (s *service) nothing() {
	s.w.T.Helper()
	select {
	case c := <-s.got:
		s.w.T.Errorf("came %s, want nothing", c.raw)
	default:
	}
}

func (s *service) receiver(kinds ...string) Receiver {
	return Receiver{App: "shop", URL: s.url, Secret: secret, Events: kinds}
}
