package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/events/memlog"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/replay"
	"github.com/recall-ledger/recall-ledger/projections"
)

// world is a ledger on logs in memory, so that the times at which events are
// stored are the test's.
type world struct {
	t     *testing.T
	now   time.Time
	logs  []*memlog.Log
	gate  *gate
	set   *partition.Set
	past  *replay.Replays
	dir   string
	serve http.Handler
}

// gate holds up who reads a log, while it is shut.
type gate struct {
	events.Log
	mu   sync.Mutex
	open chan struct{}
}

func (g *gate) shut() (open func()) {
	c := make(chan struct{})
	g.mu.Lock()
	g.open = c
	g.mu.Unlock()
	return func() { close(c) }
}

func (g *gate) Read(ctx context.Context, r events.Range, f func(events.Message) error) error {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	// One event is what is read to find times.
	if open != nil && r.From != r.To {
		select {
		case <-open:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return g.Log.Read(ctx, r, f)
}

// newWorld makes an empty one; change may change how the past is kept.
func newWorld(t *testing.T, parts int, keys []Key, change func(*replay.Config, *Config)) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), dir: t.TempDir()}
	var list []*partition.Part
	for i := range parts {
		l := memlog.New(memlog.Config{Partition: i, Now: func() time.Time { return w.now }})
		w.logs = append(w.logs, l)
		var log events.Log = l
		if i == 0 {
			w.gate = &gate{Log: l}
			log = w.gate
		}
		p := facadetest.Must(projections.Open(t.Context(), projections.Config{Dir: t.TempDir(), Log: log, Cache: 1 << 20}))(t)
		t.Cleanup(func() { p.Close() })
		committer := events.NewCommitter(events.CommitterConfig{Log: log})
		list = append(list, &partition.Part{Log: log, Local: p, Committer: committer})
	}
	d := decision.Config{Clock: func() time.Time { return w.now }, NewID: facadetest.NewID}
	w.set = facadetest.Must(partition.New(partition.Config{Parts: list, Decision: d}))(t)
	rc := replay.Config{Ledger: w.set, Dir: w.dir, Clock: d.Clock, Decision: d, Wait: 20 * time.Second}
	c := Config{Ledger: w.set, Clock: d.Clock, NewID: facadetest.NewID, Keys: keys}
	if change != nil {
		change(&rc, &c)
	}
	w.past = facadetest.Must(replay.New(rc))(t)
	t.Cleanup(func() {
		if err := w.past.Close(); err != nil {
			t.Error(err)
		}
	})
	c.Past = w.past
	s := facadetest.Must(New(c))(t)
	t.Cleanup(s.Close)
	w.serve = s.Handler()
	return w
}

// store puts a record into a log at a time and folds it.
func (w *world) store(at time.Time, part int, r events.Record) {
	w.t.Helper()
	w.now = at
	if _, err := w.logs[part].Append(context.Background(), []events.Record{r}); err != nil {
		w.t.Fatal(err)
	}
	m := w.logs[part].Messages()
	if err := w.set.Parts()[part].Local.Apply(m[len(m)-1]); err != nil {
		w.t.Fatal(err)
	}
}

// put stores an event of an app half a second after the one before.
func (w *world) put(app, push string, kind events.Kind, data events.Data) events.Position {
	w.t.Helper()
	at := w.now.Add(500 * time.Millisecond)
	e := &events.Event{Header: events.Header{Kind: kind, App: app, Push: push, Time: at.Add(-time.Second)}, Data: data}
	part := facadetest.Must(w.set.Of(w.t.Context(), app, push))(w.t).Number()
	w.store(at, part, logtest.Record(w.t, part, e))
	return w.set.Parts()[part].Views.Applied()
}

// get asks by hand.
func (w *world) get(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", TypeJSON)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	a := httptest.NewRecorder()
	w.serve.ServeHTTP(a, r)
	return a
}

// refused asks for a moment that must be refused, and returns why.
func (w *world) refused(target, moment string, status int, code string) *Problem {
	w.t.Helper()
	a := w.get("GET", target+"?as_of="+url.QueryEscape(moment), "")
	p := &Problem{}
	if err := json.Unmarshal(a.Body.Bytes(), p); err != nil || a.Code != status || p.Code != code {
		w.t.Fatalf("%s as of %q: %d %s", target, moment, a.Code, a.Body)
	}
	return p
}

// wander stores random events: everything that a ledger has, of two apps, good
// and bad.
func (w *world) wander(r *rand.Rand, n int) (recalls []string) {
	type running struct{ app, push, id, channel string }
	var open []running
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	devices := func() []string {
		list := []string{}
		for i := range 12 {
			if r.IntN(3) == 0 {
				list = append(list, fmt.Sprintf("d%d", i))
			}
		}
		return append(list, "d")
	}
	facts := []events.Kind{events.PushSent, events.DeliveryDelivered, events.DisplayShown, events.DisplayCleared, events.ClickClicked, events.PushFailed}
	for i := range n {
		app, push, channel := pick("a", "a", "b"), fmt.Sprintf("p%d", r.IntN(9)), pick("fcm", "apns", "sms")
		switch k := r.IntN(20); {
		case k < 3:
			c := &events.Created{Title: pick("one", "two"), Slot: "s", Profile: pick("", "timpush"), Audience: events.Audience{Kind: events.AudienceList}}
			if r.IntN(2) == 0 {
				at := w.now.Add(time.Duration(r.IntN(20)) * time.Second)
				c.ScheduleAt = &at
			}
			w.put(app, push, events.PushCreated, c)
		case k < 12:
			f := &events.Fact{Channel: channel, Devices: devices()}
			if r.IntN(3) == 0 {
				f.Users = make([]string, len(f.Devices))
				for j := range f.Users {
					f.Users[j] = fmt.Sprintf("u%d", r.IntN(3))
				}
			}
			kind := events.PushSent
			if f.Users == nil {
				kind = facts[r.IntN(len(facts))]
			}
			w.put(app, push, kind, f)
		case k < 14:
			q := &events.Requested{Recall: fmt.Sprintf("r-%04d", i), Action: pick("recall", "terminate"), By: "k", Reason: "because", Deadline: w.now.Add(time.Hour)}
			if r.IntN(3) == 0 {
				q.Scope = events.Scope{User: fmt.Sprintf("u%d", r.IntN(3))}
			}
			w.put(app, push, events.RecallRequested, q)
			open = append(open, running{app, push, q.Recall, channel})
			recalls = append(recalls, q.Recall)
		case k < 15:
			part := r.IntN(len(w.logs))
			w.store(w.now.Add(time.Second), part, events.Record{Subject: events.Subject(part, app, events.PushSent, push, ""), Data: []byte("{")})
		case len(open) > 0 && k < 17:
			o := open[r.IntN(len(open))]
			w.put(o.app, o.push, events.CommandIssued, &events.Command{
				Recall: o.id, Channel: o.channel, Action: "recall", Method: "overwrite", Devices: devices(), Deadline: w.now.Add(time.Hour),
			})
		case len(open) > 0 && k < 19:
			o := open[r.IntN(len(open))]
			kind := []events.Kind{events.OutcomeAccepted, events.OutcomeConfirmed, events.OutcomeRefused}[r.IntN(3)]
			w.put(o.app, o.push, kind, &events.Outcome{Recall: o.id, Channel: o.channel, Devices: devices(), Command: events.Seq(1 + i/2)})
		case len(open) > 0:
			o := open[r.IntN(len(open))]
			w.put(o.app, o.push, events.RecallAborted, &events.Closed{Recall: o.id, Reason: "enough"})
		}
	}
	return recalls
}

// everything asks all there is to ask of an app, of a moment or of the present,
// and returns the answers by question.
func (w *world) everything(app, moment string, recalls []string) map[string]string {
	w.t.Helper()
	answers := map[string]string{}
	ask := func(method, path, body string) string {
		target := path
		if moment != "" {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			target += sep + "as_of=" + url.QueryEscape(moment)
		}
		a := w.get(method, target, body, headerApp, app)
		answers[method+" "+path+" "+body] = fmt.Sprintf("%d %s\n%s", a.Code, a.Header().Get("Content-Type"), a.Body)
		return a.Body.String()
	}
	for _, list := range []string{"pushes", "recalls", "quarantine", "dead-letters"} {
		for cursor, page := "", 0; page == 0 || cursor != ""; page++ {
			var next struct{ Next string }
			b := ask("GET", "/v1/"+list+"?limit=2&cursor="+url.QueryEscape(cursor), "")
			if err := json.Unmarshal([]byte(b), &next); err != nil {
				w.t.Fatal(err, b)
			}
			cursor = next.Next
		}
	}
	for i := range 10 {
		p := fmt.Sprintf("/v1/pushes/p%d", i)
		ask("GET", p, "")
		ask("GET", p+"/timeline", "")
		ask("GET", p+"/holders", "")
		ask("GET", p+"/holders?channel=fcm&certainty=certain&limit=3", "")
		ask("GET", p+"/devices/d3", "")
		ask("POST", "/v1/preview", fmt.Sprintf(`{"push":"p%d","action":"recall"}`, i))
		ask("POST", "/v1/preview", fmt.Sprintf(`{"push":"p%d","action":"recall","scope":{"user":"u1"}}`, i))
	}
	for _, d := range []string{"d", "d1", "d5", "nobody"} {
		ask("GET", "/v1/devices/"+d, "")
		ask("GET", "/v1/devices/"+d+"?all=true", "")
	}
	for i := range 4 {
		ask("GET", fmt.Sprintf("/v1/users/u%d?all=true", i), "")
	}
	for _, id := range append(recalls, "none") {
		ask("GET", "/v1/recalls/"+id, "")
		ask("GET", "/v1/recalls/"+id+"/devices", "")
	}
	var a PositionsAnswer
	if err := json.Unmarshal([]byte(ask("GET", "/v1/positions", "")), &a); err != nil {
		w.t.Fatal(err)
	}
	for i := range a.Partitions {
		a.Partitions[i].LogBytes, a.Partitions[i].Stats.DiskBytes = 0, 0
	}
	answers["GET /v1/positions "] = fmt.Sprintf("%+v", a)
	return answers
}
