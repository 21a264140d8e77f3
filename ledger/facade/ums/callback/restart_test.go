package callback

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// TestProbe: nothing is sent to a URL that does not pass its test.
func TestProbe(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	push := w.send(a, "/v1/sent", message)
	w.delivered("shop", push, names("d", 100)...)
	refusals := []func(http.ResponseWriter, *http.Request){
		func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) },
		func(rw http.ResponseWriter, r *http.Request) {
			rw.WriteHeader(http.StatusAccepted)
			fmt.Fprint(rw, r.URL.Query().Get("echostr"))
		},
		func(http.ResponseWriter, *http.Request) {},
		func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "another text") },
		func(rw http.ResponseWriter, r *http.Request) {
			fmt.Fprint(rw, r.URL.Query().Get("echostr"), strings.Repeat("x", 10*MaxAnswer))
		},
		func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	s.answers(refusals[0])
	w.call(a)
	for _, next := range append(refusals[1:], nil) {
		refused := w.waiting(Pause)
		s.answers(next)
		refused.ring <- time.Now()
	}
	if diff := cmp.Diff(names("d", 100), devices(s.next())); diff != "" {
		t.Errorf("after the test was passed (-want +got):\n%s", diff)
	}
	s.nothing()
	log := w.Logged()
	for _, want := range []string{"HTTP 403", "HTTP 202", "0 bytes is not the echostr", "12 bytes is not the echostr", "4096 bytes is not the echostr", "no answer", "passed its test"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q: %s", want, log)
		}
	}
	if strings.Contains(log, s.url) || strings.Contains(log, "another text") {
		t.Errorf("the log tells the URL or the answer: %s", log)
	}
}

// TestRestart: what was under way when the caller stopped comes again, and what
// was done does not.
func TestRestart(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	push := w.send(a, "/v1/sent", message)
	stop := w.call(a)
	w.delivered("shop", push, names("done", 100)...)
	s.next()
	// Of the next message all batches were refused once; of another one a batch
	// is still open.
	s.answers(status(http.StatusServiceUnavailable))
	refused, opened, stopped := names("refused", 300), names("opened", 50), names("stopped", 50)
	w.delivered("shop", push, refused...)
	for range 3 {
		s.next()
	}
	w.delivered("shop", push, opened...)
	for range 5 { // each batch asks for its time when it begins
		w.waiting(Gather)
	}
	stop()
	w.delivered("shop", push, stopped...)
	s.answers(nil)
	s.nothing()
	stop = w.call(a)
	want := slices.Concat(refused, opened, stopped)
	slices.Sort(want)
	if diff := cmp.Diff(want, devices(s.next(), s.next(), s.next(), s.next())); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	stop()
	s.nothing()
}

// TestRestartInside: a message of which a part was delivered comes again whole.
func TestRestartInside(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	push := w.send(a, "/v1/sent", message)
	var calls atomic.Int32
	s.answers(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && calls.Add(1) > 1 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
		fmt.Fprint(rw, r.URL.Query().Get("echostr"))
	})
	stop := w.call(a)
	all := names("part", 300)
	w.delivered("shop", push, all...)
	for range 3 {
		s.next()
	}
	stop()
	if sent, dropped := w.counts(); sent != 100 || dropped != 0 {
		t.Errorf("%d sent and %d dropped before the restart, want 100 and none", sent, dropped)
	}
	s.answers(nil)
	w.call(a)
	if diff := cmp.Diff(all, devices(s.next(), s.next(), s.next())); diff != "" {
		t.Errorf("after the restart (-want +got):\n%s", diff)
	}
}

// TestStopFinishesCalls: a call under way when the caller stops is answered, so
// its items do not come again.
func TestStopFinishesCalls(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	push := w.send(a, "/v1/sent", message)
	entered, release := make(chan bool), make(chan bool)
	s.answers(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			entered <- true
			<-release
		}
		fmt.Fprint(rw, r.URL.Query().Get("echostr"))
	})
	ctx, stop := context.WithCancel(w.ctx)
	stopped := make(chan error)
	go func() { stopped <- w.caller(a).Run(ctx) }()
	seq := w.delivered("shop", push, names("under way", 100)...)
	<-entered
	stop()
	close(release)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	s.next()
	if sent, _ := w.counts(); sent != 100 || !w.hasEnded(seq) {
		t.Errorf("%d items were delivered when the caller stopped, and the message was ended: %v", sent, w.hasEnded(seq))
	}
}

// TestEnds: a message is ended once all of its items are delivered or dropped,
// and not before; one without items at once.
func TestEnds(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	push := w.send(a, "/v1/sent", message)
	s.answers(status(http.StatusBadGateway))
	w.call(a)
	refused := w.delivered("shop", push, names("d", 200)...)
	s.next()
	s.next()
	w.waitEnded(w.put("shop", push, events.DisplayShown, &events.Fact{Channel: "jpush", Devices: []string{"d"}}))
	w.waitEnded(w.delivered("shop", "unknown", "d"))
	w.waitEnded(w.delivered("shop", "not of UMS", "d"))
	if w.hasEnded(refused) {
		t.Error("a message was ended with all of its items on their way")
	}
	first, second := w.waiting(Pause), w.waiting(Pause)
	s.answers(nil)
	first.ring <- time.Now()
	s.next()
	w.waitEnded(w.delivered("shop", "unknown", "another"))
	if w.hasEnded(refused) {
		t.Error("a message was ended with half of its items on their way")
	}
	s.answers(status(http.StatusBadGateway))
	second.ring <- time.Now()
	s.next()
	for range Retries - 1 {
		w.ring(Pause)
		s.next()
	}
	w.waitEnded(refused)
	if sent, dropped := w.counts(); sent != 100 || dropped != 100 {
		t.Errorf("%d sent and %d dropped, want 100 each", sent, dropped)
	}
}

// TestForeignMessages: what the projection sets aside as no event is none here
// either, and holds nothing up.
func TestForeignMessages(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	push := w.send(a, "/v1/sent", message)
	on := func(k events.Kind, body string) {
		t.Helper()
		r := events.Record{Subject: events.Subject(0, "shop", k, push, ""), Data: []byte(body)}
		if _, err := w.Part.Log.Append(w.ctx, []events.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	head := fmt.Sprintf(`{"v":1,"app":"shop","push":%q,"time":"2026-11-20T09:41:35Z"`, push)
	for _, body := range []string{
		"", "{", `{"v":1}`,
		head + `,"kind":"click.clicked","data":{"channel":"jpush","devices":["d"]}}`,
		head + `,"kind":"delivery.delivered","data":{"channel":"jpush","devices":[]}}`,
		strings.Replace(head, "shop", "bank", 1) + `,"kind":"delivery.delivered","data":{"channel":"jpush","devices":["d"]}}`,
	} {
		on(events.DeliveryDelivered, body)
	}
	on(events.PushSent, head+`,"kind":"push.sent","data":{"channel":"jpush","devices":["d","e"],"users":["u"]}}`)
	w.call(a)
	good := names("good", 100)
	w.waitEnded(w.delivered("shop", push, good...))
	if diff := cmp.Diff(good, devices(s.next())); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	for seq := events.Seq(2); seq < 9; seq++ {
		w.waitEnded(seq)
	}
	s.nothing()
}
