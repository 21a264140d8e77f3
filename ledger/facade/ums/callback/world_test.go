package callback

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failSafe ends a test that hangs; no test waits for it.
const failSafe = 60 * time.Second

// world is a ledger behind the facade, on a real log on a real disk. Callers are
// the test's to start and stop.
type world struct {
	*facadetest.Node
	ctx    context.Context
	alarms alarms
	// at is when all facts happened.
	at time.Time

	mu      sync.Mutex
	dropped int
	sent    int
	// ended counts how often the message at a sequence was ended.
	ended   map[events.Seq]int
	changed *sync.Cond
}

func newWorld(t testing.TB) *world {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), failSafe)
	t.Cleanup(cancel)
	w := &world{
		Node: facadetest.Start(t, facadetest.Config{Credentials: []facade.Credential{shopKey(), bankKey()}}),
		ctx:  ctx, at: time.Now().UTC(), alarms: alarms{asked: make(chan alarm, 100_000)},
		ended: map[events.Seq]int{},
	}
	w.changed = sync.NewCond(&w.mu)
	return w
}

func shopKey() facade.Credential {
	return facade.Credential{Facade: facade.UMS, ID: "shopkey", App: "shop", Secret: "shop master secret"}
}

func bankKey() facade.Credential {
	return facade.Credential{Facade: facade.UMS, ID: "bank key/7.*", App: "bank", Secret: "bank master secret"}
}

// background runs a part and returns what stops it, at the latest when the test
// ends.
func (w *world) background(run func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.T.Errorf("Run = %v, want nil after its context ended", err)
		}
	})
	w.T.Cleanup(stop)
	return stop
}

// call starts a Caller for the accounts and returns what stops it.
func (w *world) call(accounts ...Account) (stop func()) {
	w.T.Helper()
	return w.background(w.caller(accounts...).Run)
}

func (w *world) caller(accounts ...Account) *Caller {
	w.T.Helper()
	return facadetest.Must(New(Config{
		Partition: w.Part.Log.Partition(), Queue: watched{w.queue(), w}, Projection: w.Part.Local, Accounts: accounts,
		Client: &http.Client{Transport: &http.Transport{}}, After: w.alarms.after, Random: rand.Uint32, Logger: w.Desk.Logger,
		Observer: Observer{Ended: func(_ string, delivered bool, items int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if delivered {
				w.sent += items
			} else {
				w.dropped += items
			}
		}},
	}))(w.T)
}

// queue is the log as the queue that it is.
func (w *world) queue() events.Queue { return w.Part.Log.(events.Queue) }

// watched is a queue that notes which messages were ended.
type watched struct {
	events.Queue
	w *world
}

func (q watched) Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, events.Delivery)) error {
	return q.Queue.Consume(ctx, name, filter, workers, func(ctx context.Context, d events.Delivery) { handle(ctx, watchedDelivery{d, q.w}) })
}

type watchedDelivery struct {
	events.Delivery
	w *world
}

func (d watchedDelivery) Ack(ctx context.Context) error {
	err := d.Delivery.Ack(ctx)
	if err == nil {
		d.w.mu.Lock()
		defer d.w.mu.Unlock()
		d.w.ended[d.Message().Seq]++
		d.w.changed.Broadcast()
	}
	return err
}

// hasEnded reports whether the message at a sequence was ended.
func (w *world) hasEnded(seq events.Seq) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended[seq] > 0
}

// waitEnded waits until the message at a sequence was ended.
func (w *world) waitEnded(seq events.Seq) {
	w.T.Helper()
	stop := context.AfterFunc(w.ctx, w.changed.Broadcast)
	defer stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.ended[seq] == 0 {
		if w.ctx.Err() != nil {
			w.T.Fatalf("message %d was never ended", seq)
		}
		w.changed.Wait()
	}
}

func (w *world) counts() (sent, dropped int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent, w.dropped
}

// send sends a message through the facade and returns its msgid.
func (w *world) send(a Account, path, body string) string {
	w.T.Helper()
	req := httptest.NewRequestWithContext(w.ctx, http.MethodPost, path, strings.NewReader(body))
	req.SetBasicAuth(a.Key.ID, a.Key.Secret)
	rec := httptest.NewRecorder()
	ums.New(ums.Config{Desk: w.Desk, Receivers: Receivers([]Account{a})}).ServeHTTP(rec, req)
	var got struct{ MsgID string }
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != http.StatusOK {
		w.T.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
	}
	return got.MsgID
}

const message = `{"aud_userid":["u1","u2"],"msg_app":[{"notification":{"alert":"wrong price"}}]}`

// put stores an event of a push and returns its sequence.
func (w *world) put(app, push string, k events.Kind, d events.Data) events.Seq {
	w.T.Helper()
	e := &events.Event{Header: events.Header{Kind: k, App: app, Push: push, Time: w.at}, Data: d}
	return facadetest.Must(w.Desk.Facts(w.ctx, app, e))(w.T)[0].Seq
}

// delivered stores the delivery to devices, in one event.
func (w *world) delivered(app, push string, devices ...string) events.Seq {
	w.T.Helper()
	return w.put(app, push, events.DeliveryDelivered, &events.Fact{Channel: "jpush", Devices: devices})
}

func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("%s-%03d", prefix, i)
	}
	return list
}

// alarms stand for time: nothing is over until the test says so.
type alarms struct {
	asked chan alarm
	// aside are those asked for that the test did not look for.
	aside []alarm
}

type alarm struct {
	d    time.Duration
	ring chan time.Time
}

func (a *alarms) after(d time.Duration) <-chan time.Time {
	c := make(chan time.Time, 1)
	a.asked <- alarm{d, c}
	return c
}

// waiting waits until somebody waits for d.
func (w *world) waiting(d time.Duration) alarm {
	w.T.Helper()
	a := &w.alarms
	if i := slices.IndexFunc(a.aside, func(x alarm) bool { return x.d == d }); i >= 0 {
		x := a.aside[i]
		a.aside = slices.Delete(a.aside, i, i+1)
		return x
	}
	for {
		select {
		case x := <-a.asked:
			if x.d == d {
				return x
			}
			a.aside = append(a.aside, x)
		case <-w.ctx.Done():
			w.T.Fatalf("nobody waits for %s", d)
		}
	}
}

// ring ends a wait of d, once somebody waits for it.
func (w *world) ring(d time.Duration) {
	w.T.Helper()
	w.waiting(d).ring <- time.Now()
}

// service is a receiver.
type service struct {
	w   *world
	url string
	// got are the batches that came, whatever was answered.
	got chan []map[string]any

	mu sync.Mutex
	// answer, if set, answers a request instead of what is right; nil again ends it.
	answer func(w http.ResponseWriter, r *http.Request)
	probes int
}

// listen starts a receiver whose requests must carry the credential.
func (w *world) listen(key facade.Credential) *service {
	s := &service{w: w, got: make(chan []map[string]any, 1000)}
	srv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if id, secret, ok := r.BasicAuth(); !ok || id != key.ID || secret != key.Secret {
			w.T.Errorf("%s %s came as %q", r.Method, r.URL.Path, id)
		}
		s.serve(rw, r)
	}))
	w.T.Cleanup(srv.Close)
	s.url = srv.URL + "/status"
	return s
}

func (s *service) serve(rw http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	answer := s.answer
	if r.Method == http.MethodGet {
		s.probes++
	}
	s.mu.Unlock()
	if r.Method == http.MethodPost {
		b, err := io.ReadAll(r.Body)
		var items []map[string]any
		if err == nil {
			err = json.Unmarshal(b, &items)
		}
		if err != nil || len(items) == 0 || len(items) > 100 || r.Header.Get("Content-Type") != "application/json; charset=utf-8" {
			s.w.T.Errorf("came %d items, type %q (%v)", len(items), r.Header.Get("Content-Type"), err)
		}
		defer func() { s.got <- items }()
	}
	switch {
	case answer != nil:
		answer(rw, r)
	case r.Method == http.MethodGet:
		fmt.Fprint(rw, r.URL.Query().Get("echostr"))
	}
}

// answers sets what the receiver answers from now on; nil is what is right.
func (s *service) answers(f func(http.ResponseWriter, *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = f
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.WriteHeader(code)
			return
		}
		fmt.Fprint(w, r.URL.Query().Get("echostr"))
	}
}

// next waits for the next batch.
func (s *service) next() []map[string]any {
	s.w.T.Helper()
	select {
	case b := <-s.got:
		return b
	case <-s.w.ctx.Done():
		s.w.T.Fatalf("no batch came; the log says %s", s.w.Logged())
		return nil
	}
}

// nothing fails when a batch came that nobody waited for.
func (s *service) nothing() {
	s.w.T.Helper()
	select {
	case b := <-s.got:
		s.w.T.Errorf("came %v, want nothing", b)
	default:
	}
}

// devices returns the devices of batches, sorted.
func devices(batches ...[]map[string]any) []string {
	var list []string
	for _, b := range batches {
		for _, i := range b {
			list = append(list, i["sender_id"].(string))
		}
	}
	slices.Sort(list)
	return list
}
