package callback

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// TestBadBodies: a body that is not of the form is refused with what is wrong,
// and nothing of it is stored.
func TestBadBodies(t *testing.T) {
	n := start(t, facadetest.Config{})
	oppo, xiaomi := "/callbacks/oppo/shop?token="+oppoKey, "/callbacks/xiaomi?token=xiaomi-token-0123456789"
	vivo, honor := "/callbacks/vivo?token=vivo-token-0123456789", "/callbacks/honor?token=honor-token-0123456789"
	arrive := anArrive[1 : len(anArrive)-1]
	since := n.End()
	for _, c := range []struct {
		path, body string
		status     int
		want       string
	}{
		{oppo, ``, 400, "the body is not a JSON array"},
		{oppo, `{}`, 400, "the body is not a JSON array"},
		{oppo, `[` + arrive, 400, "the body ends too early"},
		{oppo, `[` + arrive + `,`, 400, "item 1 cannot be read as JSON"},
		{oppo, `[` + arrive + `] x`, 400, "there is text after the JSON value"},
		{oppo, "[\"\xff\"]", 400, "the body is not valid UTF-8"},
		{oppo, `[` + strings.Repeat(`{},`, MaxItems) + `{}]`, 413, "more than 1000 items"},
		{oppo, `[` + strings.Replace(arrive, `"d"`, `"`+strings.Repeat("d,", MaxDevices)+`d"`, 1) + `]`, 413, "more than 10000 devices"},
		{oppo, `[` + arrive + strings.Repeat(" ", MaxBody) + `]`, 413, `"limit":1048576`},
		{xiaomi, ``, 400, "neither a JSON object nor a form"},
		{xiaomi, `other=1`, 400, "neither a JSON object nor a form"},
		{xiaomi, `data=%7B%7D&data=%7B%7D`, 400, "neither a JSON object nor a form"},
		{xiaomi, `data=[]`, 400, "the body is not a JSON object"},
		{xiaomi, `data=%ff`, 400, "the field data is not valid UTF-8"},
		{xiaomi, `{"a":{"type":1}`, 400, "the body ends too early"},
		{vivo, `[]`, 400, "the body is not a JSON object"},
		{vivo, `{"a":}`, 400, "entry 0 cannot be read as JSON"},
		{vivo, `{` + strings.Repeat(`"a":{},`, MaxItems) + `"a":{}}`, 413, "more than 1000 items"},
		{honor, `[]`, 400, "no array of statuses"},
		{honor, `{"statuses":{}}`, 400, "no array of statuses"},
		{honor, `{}`, 400, "no array of statuses"},
	} {
		got := n.call(c.path, c.body)
		if got.Status != c.status || !strings.Contains(got.Body, c.want) || got.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.60q: got %d %s, want %d %s", c.body, got.Status, got.Body, c.status, c.want)
		}
	}
	n.unchanged("what was refused", since)
}

// TestBadFacts: the generic form is strict, names what is wrong, and stores
// nothing of the call.
func TestBadFacts(t *testing.T) {
	n := start(t, facadetest.Config{})
	many := strings.Repeat(`"d",`, events.MaxDevices) + `"d"`
	// A line separator takes three bytes in a body and six in an event.
	escaped := func(separators int) string {
		list := make([]string, events.MaxDevices)
		for i := range list {
			list[i] = fmt.Sprintf(`"%03d%s"`, i, strings.Repeat("\u2028", separators))
		}
		return "[" + strings.Join(list, ",") + "]"
	}
	since := n.End()
	for body, want := range map[string]string{
		``:                                       "holds no fact",
		` `:                                      "holds no fact",
		`[]`:                                     "holds no fact",
		`7`:                                      `"field":"[1].fact"`,
		`null`:                                   `"field":"[1].fact"`,
		`{`:                                      "item 1 cannot be read as JSON",
		`{"kind":"push.created","push":"p"}`:     `"field":"[1].kind"`,
		`{"kind":"recall.requested","push":"p"}`: `"field":"[1].kind"`,
		`{"push":"p","devices":["d"]}`:           `"field":"[1].kind"`,
		`{"kind":7,"push":"p","devices":["d"]}`:  `"field":"[1].kind"`,
		`{"kind":"click.clicked","devices":["d"]}`:                                                   `"field":"[1].push"`,
		`{"kind":"click.clicked","push":"` + strings.Repeat("p", 129) + `","devices":["d"]}`:         "the limit is 128",
		`{"kind":"click.clicked","push":"p"}`:                                                        `"field":"[1].devices"`,
		`{"kind":"click.clicked","push":"p","devices":"d"}`:                                          `"field":"[1].devices"`,
		`{"kind":"click.clicked","push":"p","devices":[` + many + `]}`:                               "more than 1000 entries",
		`{"kind":"click.clicked","push":"p","devices":["a","` + strings.Repeat("d", 513) + `"]}`:     `"field":"[1].devices[1]"`,
		`{"kind":"click.clicked","push":"p","devices":["\ud83d"]}`:                                   "surrogate",
		`{"kind":"click.clicked","push":"p","devices":["d"],"time":"noon"}`:                          `"field":"[1].time"`,
		`{"kind":"click.clicked","push":"p","devices":["d"],"time":"1999-01-01T00:00:00Z"}`:          "expected 2000 to 2199",
		`{"kind":"click.clicked","push":"p","devices":["d"],"users":["u"]}`:                          `"field":"[1].users"`,
		`{"kind":"push.sent","push":"p","devices":["d"],"users":["u","v"]}`:                          `"field":"[1].users"`,
		`{"kind":"click.clicked","push":"p","devices":["d"],"send":"s"}`:                             `"field":"[1].send"`,
		`{"kind":"click.clicked","push":"p","devices":["d"],"device":"d"}`:                           `"field":"[1].device"`,
		`{"kind":"click.clicked","push":"p","devices":["d"],"channel":"sms"}`:                        `"field":"[1].channel"`,
		`{"kind":"click.clicked","push":"p","devices":["d"],"data":{}}`:                              `"field":"[1].data"`,
		`{"kind":"push.sent","push":"p","devices":` + escaped(169) + `,"users":` + escaped(41) + `}`: `"field":"[1].event"`,
	} {
		if strings.HasPrefix(want, `"field":"[1]`) || strings.Contains(want, "item 1") {
			body = aFact + "\n" + body // the good one is not stored either
		}
		got := n.call("/callbacks/apns", body, sign(signKey, "m", noon(), body)...)
		if got.Status != 400 || !strings.Contains(got.Body, want) {
			t.Errorf("%.90q: got %d %s, want %s", body, got.Status, got.Body, want)
		}
	}
	for body, want := range map[string]string{
		`{"event":7}`: `"field":"[0].row"`,
		`{"event":"MESSAGE_DELIVERED","event_timestamp":"noon"}`: `"field":"[0].event_timestamp"`,
		`{"evnt":"MESSAGE_DELIVERED"}`:                           `"field":"[0].kind"`,
		``:                                                       "neither a row nor a fact",
	} {
		in := newIntake(Account{App: "shop", Channel: "fcm"}, noon(), nil)
		if err := parseFCM(in, []byte(body)); err == nil || !strings.Contains(asText(asProblem(err)), want) {
			t.Errorf("%s: got %v, want %s", body, err, want)
		}
	}
	n.unchanged("what was refused", since)
}

func asText(p *problem) string {
	w := httptest.NewRecorder()
	p.write(w)
	return w.Body.String()
}

// Items that no event can hold are passed over, and the others are stored.
func TestItemsOfNoUse(t *testing.T) {
	n := start(t, facadetest.Config{})
	n.Record("shop", push, "")
	body := fmt.Sprintf(`[%s,5,null,{},{"eventType":"push_arrive","param":"order-4711","registrationIds":""},
		{"eventType":"push_arrive","param":"%s","registrationIds":"d"},{"eventType":"push_arrive","param":"a\ud83d","registrationIds":"d"},
		{"eventType":"push_arrive","param":7,"registrationIds":"d"},{"eventType":"push_arrive","registrationIds":"d"}]`,
		anArrive[1:len(anArrive)-1], strings.Repeat("p", 129))
	n.Expect("the call", n.call("/callbacks/oppo/shop?token="+oppoKey, body), 200, "application/json",
		`{"accepted":1,"ignored":{"an id that is not UTF-8":1,"no event can hold it":2,"no push id":1,"not of the documented form":2,"unknown type":2}}`)
	if got := n.Funnels("shop", push)["oppo"]["delivered"]; got != 1 {
		t.Errorf("%d were delivered, want 1", got)
	}
}

// TestOverload: a call that finds the log's queue full changes nothing and is
// asked for again (L11).
func TestOverload(t *testing.T) {
	n := start(t, facadetest.Config{Stuck: true, Committer: events.CommitterConfig{Queue: 1}})
	ctx, cancel := context.WithCancel(context.Background())
	first := facadetest.Must(http.NewRequestWithContext(ctx, http.MethodPost, n.HTTP.URL+"/callbacks/oppo/shop?token="+oppoKey, strings.NewReader(anArrive)))(t)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if a, err := n.HTTP.Client().Do(first); err == nil {
			a.Body.Close()
			t.Errorf("the first call was answered with %d before it was stored", a.StatusCode)
		}
	})
	for n.Part.Committer.Waiting() == 0 {
		runtime.Gosched()
	}
	a := n.call("/callbacks/oppo/bank?token="+bankKey, anArrive)
	if a.Status != 503 || a.Header.Get("Retry-After") != "1" || !strings.Contains(a.Body, `"code":"overloaded"`) {
		t.Errorf("the second call = %d %s", a.Status, a.Body)
	}
	cancel()
	waiting.Wait()
}

// TestNotStored: whatever keeps facts from being stored, the call is asked for again.
func TestNotStored(t *testing.T) {
	n := start(t, facadetest.Config{})
	n.StopCommitter()
	a := n.call("/callbacks/oppo/shop?token="+oppoKey, anArrive)
	if a.Status != 503 || a.Header.Get("Retry-After") != "1" || !strings.Contains(a.Body, `"code":"stopping"`) {
		t.Errorf("a node that stops = %d %s", a.Status, a.Body)
	}
	for err, code := range map[error]string{
		events.ErrOverloaded: "overloaded", events.ErrFull: "log-full", events.ErrClosed: "stopping",
		events.ErrUnknown: "unknown-result", errors.New("other"): "internal",
	} {
		w := httptest.NewRecorder()
		commitProblem(fmt.Errorf("wrapped: %w", err)).write(w)
		if w.Code != 503 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), `"code":"`+code+`"`) {
			t.Errorf("%v = %d %s", err, w.Code, w.Body)
		}
	}
	w := httptest.NewRecorder()
	(&Handler{}).Busy(w, httptest.NewRequest(http.MethodPost, "/callbacks/oppo", nil))
	if w.Code != 503 || w.Header().Get("Retry-After") != "1" {
		t.Errorf("busy = %d %s", w.Code, w.Body)
	}
}
