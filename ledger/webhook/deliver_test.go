package webhook

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// TestSignature compares with the example of the reference libraries
// (github.com/standard-webhooks/standard-webhooks), checked with openssl.
func TestSignature(t *testing.T) {
	got := sign(Receiver{Secret: secret}.key(), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
	if got := (Receiver{Secret: "a secret without the prefix"}).key(); string(got) != "a secret without the prefix" {
		t.Errorf("the key of a plain secret is %q", got)
	}
}

// TestStory: every transition once, in its order, and nothing of another app.
func TestStory(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	w.tell(s.receiver())
	w.push("shop", "p", "a", "b")
	w.push("bank", "p", "a")
	w.accept("bank", "p")
	at := w.accept("shop", "p")
	c := s.next(s.got, Requested, "p")
	want := fmt.Sprintf(`"data":{"recall":"recall-of-p","action":"recall","by":"ops","reason":"wrong price","deadline":%q,"position":"0-%d"}}`,
		c.Data.Deadline.Format(time.RFC3339Nano), at)
	if !strings.HasSuffix(c.raw, want) || c.Source != "/apps/shop" || c.SpecVersion != "1.0" || c.DataContentType != "application/json" {
		t.Errorf("came %s, want it to end with %s", c.raw, want)
	}
	w.command("shop", "p", "a", "b")
	w.outcome("shop", "p", "a")
	w.waiting("for the second device", func(d time.Duration) bool { return d >= lookMin && d <= lookMax })
	s.nothing()
	w.put("shop", "p", events.RecallRefused, &events.Refused{Action: "recall", By: "else", Code: "already-recalled", First: "recall-of-p"})
	refused := s.next(s.got, Refused, "p")
	if d := refused.Data; d.Code != "already-recalled" || d.First != "recall-of-p" || d.By != "else" || d.Recall != "" {
		t.Errorf("came %s", refused.raw)
	}
	w.outcome("shop", "p", "b")
	settled := s.next(s.got, Settled, "p")
	if d := settled.Data; d.Total == nil || d.Total.Planned != 2 || d.Total.Accepted != 2 || *d.Percent != 100 || d.State != "running" {
		t.Errorf("came %s", settled.raw)
	}
	// A late device unsettles the recall, which is told no second time.
	w.put("shop", "p", events.DisplayShown, &events.Fact{Channel: "vivo", Devices: []string{"late"}})
	w.command("shop", "p", "late")
	w.outcome("shop", "p", "late")
	w.end("shop", "p", events.RecallCompleted)
	completed := s.next(s.got, Completed, "p")
	if d := completed.Data; d.Total == nil || d.Total.Accepted != 3 || d.Total.Late != 1 || d.State != "completed" || d.By != "night shift" {
		t.Errorf("came %s", completed.raw)
	}
	ids := map[string]bool{}
	for _, c := range []call{c, refused, settled, completed} {
		ids[c.ID] = true
		if strings.ContainsAny(c.ID, ". ") || strings.Contains(c.raw, "nobody else may see") {
			t.Errorf("came %s", c.raw)
		}
	}
	if len(ids) != 4 {
		t.Errorf("four events have the ids %v", ids)
	}
	s.nothing()
}

// TestAborted: who stops a recall hears of it without waiting for the rest.
func TestAborted(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	w.tell(s.receiver())
	w.push("shop", "p", "a")
	w.accept("shop", "p")
	s.next(s.got, Requested, "p")
	w.command("shop", "p", "a")
	w.end("shop", "p", events.RecallAborted)
	aborted := s.next(s.got, Aborted, "p")
	if d := aborted.Data; d.By != "night shift" || d.Total != nil {
		t.Errorf("came %s", aborted.raw)
	}
	w.put("shop", "p", events.OutcomeSkipped, &events.Outcome{Recall: "recall-of-p", Channel: "vivo", Devices: []string{"a"}})
	if c := s.next(s.got, Settled, "p"); c.Data.State != "aborted" || c.Data.Total.Skipped != 1 {
		t.Errorf("came %s", c.raw)
	}
}

// TestChosen: only what a receiver asked for is told.
func TestChosen(t *testing.T) {
	w := newWorld(t)
	s, all := w.listen(), w.listen()
	w.tell(s.receiver(Completed, Refused), all.receiver())
	w.push("shop", "p")
	w.accept("shop", "p")
	w.end("shop", "p", events.RecallCompleted)
	s.next(s.got, Completed, "p")
	for _, kind := range []string{Requested, Settled, Completed} {
		all.next(all.got, kind, "p")
	}
	s.nothing()
}

// TestRetries: what is refused comes again with the same id, after longer and
// longer waits, and holds up nobody but its own recall.
func TestRetries(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	answers := []func(rw http.ResponseWriter){
		func(rw http.ResponseWriter) { rw.WriteHeader(http.StatusInternalServerError) },
		func(rw http.ResponseWriter) {
			rw.Header().Set("Location", elsewhere.URL)
			rw.WriteHeader(http.StatusTemporaryRedirect)
		},
		func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		func(rw http.ResponseWriter) {
			rw.Header().Set("Retry-After", "600")
			rw.WriteHeader(http.StatusServiceUnavailable)
		},
		func(rw http.ResponseWriter) {
			rw.Header().Set("Retry-After", "99999999")
			rw.WriteHeader(http.StatusTooManyRequests)
		},
	}
	n := 0 // calls of one push follow one another
	ids := map[string]bool{}
	s.answers(func(rw http.ResponseWriter, c call) bool {
		if c.Subject != "slow" || c.Type != Requested {
			return true
		}
		ids[c.ID] = true
		if n++; n > len(answers) {
			return true
		}
		answers[n-1](rw)
		return false
	})
	w.tell(s.receiver(Requested, Completed))
	w.push("shop", "slow")
	w.push("shop", "quick")
	w.accept("shop", "slow")
	w.end("shop", "slow", events.RecallCompleted)
	s.next(s.got, Requested, "slow")
	s.next(s.got, Completed, "slow")
	w.accept("shop", "quick")
	s.next(s.got, Requested, "quick")
	if len(ids) != 1 {
		t.Errorf("the repetitions have the ids %v", ids)
	}
	for _, want := range []time.Duration{10 * time.Minute, BackoffMax} {
		w.waiting("as long as was asked for", func(d time.Duration) bool { return d == want })
	}
	log := w.Logged()
	for _, want := range []string{"HTTP 500", "HTTP 307", "no answer", "HTTP 503", "HTTP 429", "try=5"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q: %s", want, log)
		}
	}
	if strings.Contains(log, s.url) || strings.Contains(log, "127.0.0.1") || strings.Contains(log, "whsec_") {
		t.Errorf("the log tells the URL or the secret: %s", log)
	}
}

// TestSettledBeforeCompleted: that a recall settled is told as it was seen, and
// before its end, however long the receiver does not take it.
func TestSettledBeforeCompleted(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	s.answers(status(http.StatusServiceUnavailable, Settled))
	w.tell(s.receiver(Settled, Completed))
	w.push("shop", "p", "a")
	w.accept("shop", "p")
	w.command("shop", "p", "a")
	w.outcome("shop", "p", "a")
	first := s.next(s.refused, Settled, "p")
	late := w.put("shop", "p", events.DisplayShown, &events.Fact{Channel: "vivo", Devices: []string{"late"}})
	again := func(seq events.Seq) {
		t.Helper()
		if err := w.Part.Local.Wait(w.ctx, seq); err != nil {
			t.Fatal(err)
		}
		for len(s.refused) > 0 {
			<-s.refused
		}
		for range 3 { // one of them may have been under way
			s.next(s.refused, Settled, "p")
		}
	}
	again(late)
	again(w.end("shop", "p", events.RecallCompleted))
	s.nothing()
	s.answers(nil)
	if c := s.next(s.got, Settled, "p"); c.raw != first.raw {
		t.Errorf("came %s, before %s", c.raw, first.raw)
	}
	s.next(s.got, Completed, "p")
}

// TestDropped: after a day, or when the receiver says that it wants no more, an
// event is dropped, and what comes after it goes on.
func TestDropped(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	s.answers(status(http.StatusBadGateway, Requested))
	w.tell(s.receiver(Requested, Completed))
	w.push("shop", "p")
	w.accept("shop", "p")
	s.next(s.refused, Requested, "p")
	w.end("shop", "p", events.RecallCompleted)
	s.next(s.refused, Requested, "p")
	s.nothing() // the end waits for the beginning
	// By the log's clock, which stands where it was, the end is a day old as well.
	// It was tried, so it is told rather than passed over.
	w.Advance(Patience + time.Minute)
	w.result("recall.requested dropped")
	w.result("recall.completed delivered")
	s.next(s.got, Completed, "p")
	w.Set(time.Now())
	s.answers(status(http.StatusGone))
	w.push("shop", "q")
	w.accept("shop", "q")
	w.result("recall.requested dropped")
}

// TestOld: what a new receiver finds on the log from long ago is not told.
func TestOld(t *testing.T) {
	w := newWorld(t)
	s := w.listen()
	w.push("shop", "p")
	w.accept("shop", "p")
	w.end("shop", "p", events.RecallCompleted)
	w.put("shop", "p", events.RecallRefused, &events.Refused{Action: "recall", Code: "already-recalled"})
	w.Advance(Patience + time.Hour)
	w.tell(s.receiver(Requested, Settled, Refused))
	got := map[string]bool{<-w.results: true, <-w.results: true, <-w.results: true}
	want := map[string]bool{"recall.requested old": true, "recall.settled old": true, "recall.refused old": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	s.nothing()
}

// TestBackoff: the waits double up to their limit.
func TestBackoff(t *testing.T) {
	for tries, want := range map[int]time.Duration{
		1: BackoffMin, 2: 2 * BackoffMin, 5: 16 * BackoffMin, 12: 2048 * time.Second, 13: BackoffMax, 1 << 30: BackoffMax,
	} {
		if got := backoff(tries); got != want {
			t.Errorf("after try %d the wait is %s, want %s", tries, got, want)
		}
	}
}
