package callback

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// TestItems: what a service gets of every fact, field by field.
func TestItems(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url + "?a=b"}}
	push := w.send(a, "/v1/sent", `{"aud_userid":["u1","u2"],"msg_app":[{"notification":{"alert":"x"}}],"callback":{"params":{"name":"joe","age":26}}}`)
	w.call(a)
	fact := func(k events.Kind, f events.Fact) { w.put("shop", push, k, &f) }
	fact(events.PushSent, events.Fact{Channel: "jpush", Devices: []string{"d1", "d2"}, Users: []string{"u1", ""}})
	fact(events.PushFailed, events.Fact{Channel: "sms", Devices: []string{"d3"}, Reason: "1011"})
	fact(events.PushFailed, events.Fact{Channel: "apns", Devices: []string{"d4"}, Reason: "Unregistered"})
	fact(events.DeliveryDelivered, events.Fact{Channel: "wecom", Devices: []string{"d5"}})
	fact(events.DeliveryExpired, events.Fact{Channel: "huawei", Devices: []string{"d6"}})
	fact(events.DisplayShown, events.Fact{Channel: "jpush", Devices: []string{"d1"}})
	fact(events.DisplayCleared, events.Fact{Channel: "jpush", Devices: []string{"d1"}})
	fact(events.ClickClicked, events.Fact{Channel: "jpush", Devices: []string{"d1"}})
	// A push of another facade, and one that nobody knows, are none of UMS's.
	w.put("shop", "native", events.PushCreated, &events.Created{Audience: events.Audience{Kind: events.AudienceAll}})
	w.delivered("shop", "native", "d1")
	w.delivered("shop", "unknown", "d1")
	// The rest is one batch of 100.
	w.delivered("shop", push, names("more", 93)...)
	var got []map[string]any
	for _, i := range s.next() {
		if !strings.HasPrefix(i["sender_id"].(string), "more") {
			got = append(got, i)
		}
	}
	slices.SortFunc(got, func(x, y map[string]any) int {
		return strings.Compare(fmt.Sprint(x["sender_id"], x["type"]), fmt.Sprint(y["sender_id"], y["type"]))
	})
	common := fmt.Sprintf(`"channelkey":"shopkey","msgid":%q,"sent_time":%d,"params":{"name":"joe","age":26}`, push, w.at.Unix())
	var want []map[string]any
	if err := json.Unmarshal([]byte(`[
		{"type":2,"userid":"u1","sender_id":"d1","sender":1,"app_sender":0,`+common+`},
		{"type":6,"userid":"","sender_id":"d1","sender":1,"app_sender":0,`+common+`},
		{"type":2,"userid":"","sender_id":"d2","sender":1,"app_sender":0,`+common+`},
		{"type":3,"userid":"","sender_id":"d3","sender":5,"error":{"code":1011,"message":"1011"},`+common+`},
		{"type":1,"userid":"","sender_id":"d4","sender":1,"app_sender":8,"error":{"code":4004,"message":"Unregistered"},`+common+`},
		{"type":4,"userid":"","sender_id":"d5","sender":10,`+common+`},
		{"type":5,"userid":"","sender_id":"d6","sender":1,"app_sender":1,"error":{"code":5000,"message":"expired"},`+common+`}]`), &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
}

func TestBatches(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	// To one user: every item names that user.
	push := w.send(a, "/v1/sent", `{"aud_userid":["u1"],"msg_sms":[{"x":1}]}`)
	w.call(a)
	many := names("many", 250)
	w.delivered("shop", push, many...)
	full := [][]map[string]any{s.next(), s.next()}
	if len(full[0]) != 100 || len(full[1]) != 100 {
		t.Errorf("batches of %d and %d items, want 100", len(full[0]), len(full[1]))
	}
	s.nothing()
	// Each batch began a wait; those of the full ones ring in vain.
	for range 3 {
		w.ring(Gather)
	}
	rest := s.next()
	if diff := cmp.Diff(many, devices(full[0], full[1], rest)); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
	if u := rest[0]["userid"]; u != "u1" {
		t.Errorf("the user is %v", u)
	}
	// A hundred messages of one device are a batch as well.
	single := names("single", 100)
	for _, d := range single {
		w.delivered("shop", push, d)
	}
	if diff := cmp.Diff(single, devices(s.next())); diff != "" {
		t.Errorf("devices (-want +got):\n%s", diff)
	}
}

func TestRetryAndDrop(t *testing.T) {
	w := newWorld(t)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	first, second := w.send(a, "/v1/sent", message), w.send(a, "/v1/sent", message)
	stop := w.call(a)
	s.answers(status(500))
	batch := names("first", 100)
	w.delivered("shop", first, batch...)
	for try := range Retries + 1 {
		if try > 0 {
			w.ring(Pause)
		}
		if diff := cmp.Diff(batch, devices(s.next())); diff != "" {
			t.Fatalf("try %d (-want +got):\n%s", try+1, diff)
		}
	}
	// What comes after the dropped batch is taken at its second try: 201 is no 200.
	s.answers(status(201))
	other := names("second", 100)
	w.delivered("shop", second, other...)
	s.next()
	refused := w.waiting(Pause)
	s.answers(nil)
	refused.ring <- time.Now()
	if diff := cmp.Diff(other, devices(s.next())); diff != "" {
		t.Errorf("after the drop (-want +got):\n%s", diff)
	}
	stop()
	if sent, dropped := w.counts(); sent != 100 || dropped != 100 {
		t.Errorf("%d sent and %d dropped, want 100 each", sent, dropped)
	}
	log := w.Logged()
	if !strings.Contains(log, `msg="status items dropped"`) || !strings.Contains(log, "items=100 pushes=["+first+"]") {
		t.Errorf("the log does not tell of the drop: %s", log)
	}
	for _, secret := range []string{"first-0", "master secret", s.url} {
		if strings.Contains(log, secret) {
			t.Errorf("the log tells %q: %s", secret, log)
		}
	}
	// Neither comes again after a restart: what does is what is new.
	w.call(a)
	fresh := names("fresh", 100)
	w.delivered("shop", first, fresh...)
	if diff := cmp.Diff(fresh, devices(s.next())); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
}

// TestDeadReceiver: nobody answers there at all.
func TestDeadReceiver(t *testing.T) {
	w := newWorld(t)
	dead, alive, bank := w.listen(shopKey()), w.listen(shopKey()), w.listen(bankKey())
	a := Account{Key: shopKey(), URLs: []string{dead.url, alive.url}}
	b := Account{Key: bankKey(), URLs: []string{bank.url}}
	toDead := w.send(a, "/v1/sent", message)
	toAlive := w.send(a, "/v1/sent", strings.TrimSuffix(message, "}")+fmt.Sprintf(`,"callback":{"url":%q}}`, alive.url))
	banks := w.send(b, "/v1/sent", message)
	dead.answers(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprint(rw, r.URL.Query().Get("echostr"))
	})
	w.call(a, b)
	// More than a receiver holds and sends at once.
	for i := range Held + 10 {
		w.delivered("shop", toDead, names(fmt.Sprint("dead", i), Calls)...)
	}
	dead.next()
	for round := range 3 {
		list := names(fmt.Sprint("alive", round), 100)
		w.delivered("shop", toAlive, list...)
		if diff := cmp.Diff(list, devices(alive.next())); diff != "" {
			t.Errorf("the other URL of the app (-want +got):\n%s", diff)
		}
		w.delivered("bank", banks, list...)
		if diff := cmp.Diff(list, devices(bank.next())); diff != "" {
			t.Errorf("the other app (-want +got):\n%s", diff)
		}
	}
}

func TestOverride(t *testing.T) {
	w := newWorld(t)
	first, second, foreign := w.listen(shopKey()), w.listen(shopKey()), w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{first.url, second.url}}
	w.call(a)
	for _, tt := range []struct {
		what, url string
		to        *service
	}{
		{"none named", "", first}, {"the default", first.url, first}, {"another", second.url, second},
		{"not registered", foreign.url, first}, {"nearly registered", second.url + "/", first}, {"no URL", "file:///etc/passwd", first},
	} {
		push := w.send(a, "/v1/sent", strings.TrimSuffix(message, "}")+fmt.Sprintf(`,"callback":{"url":%q}}`, tt.url))
		w.delivered("shop", push, names("d", 100)...)
		if b := tt.to.next(); b[0]["msgid"] != push {
			t.Errorf("%s: got message %v, want %s", tt.what, b[0]["msgid"], push)
		}
	}
	for _, s := range []*service{first, second, foreign} {
		s.nothing()
	}
	if foreign.probes != 0 {
		t.Error("a URL that is not registered was called")
	}
}

// TestRedirect: a receiver sends nobody on to somewhere else.
func TestRedirect(t *testing.T) {
	w := newWorld(t)
	reached := make(chan string, 10)
	inside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.Method }))
	t.Cleanup(inside.Close)
	s := w.listen(shopKey())
	a := Account{Key: shopKey(), URLs: []string{s.url}}
	push := w.send(a, "/v1/sent", message)
	redirect := func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, inside.URL, http.StatusTemporaryRedirect)
	}
	s.answers(redirect)
	w.call(a)
	w.ring(Pause) // the test of the URL was redirected
	refused := w.waiting(Pause)
	s.answers(nil)
	refused.ring <- time.Now()
	w.delivered("shop", push, names("a", 100)...)
	s.next()
	s.answers(redirect)
	w.delivered("shop", push, names("b", 100)...)
	s.next()
	w.ring(Pause)
	s.next()
	if len(reached) > 0 {
		t.Errorf("the other server got a %s", <-reached)
	}
}
