package api

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
	"github.com/recall-ledger/recall-ledger/ledger/replay"
)

// TestPastEqualsFresh is L3 for the past: whatever is asked as of a position is
// answered as by a node that got the events up to there and no more, to the byte;
// and as of the time of that position the same.
func TestPastEqualsFresh(t *testing.T) {
	for seed := range uint64(3) {
		parts := 1 + int(seed)
		t.Run(fmt.Sprintf("seed %d, %d partitions", seed, parts), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 20261120))
			w := newWorld(t, parts, nil, nil)
			recalls := w.wander(r, 160)
			var all []events.Message
			for _, l := range w.logs {
				all = append(all, l.Messages()...)
			}
			slices.SortFunc(all, func(a, b events.Message) int { return a.Time.Compare(b.Time) })
			asked := 0
			for _, n := range []int{1, 2 + r.IntN(20), 40 + r.IntN(60), len(all) - r.IntN(10)} {
				fresh := newWorld(t, parts, nil, nil)
				var at events.Positions
				for _, m := range all[:n] {
					at = at.Merge(events.Positions{m.Position})
					fresh.store(m.Time, m.Partition, events.Record{Subject: strip(m), Data: m.Data})
				}
				last := all[n-1]
				exact := full(at, parts)
				for _, moment := range []string{exact, "@" + last.Time.Format(time.RFC3339Nano), last.String()} {
					for _, app := range []string{"a", "b", "nobody"} {
						got, want := w.everything(app, moment, recalls), fresh.everything(app, "", recalls)
						if len(got) != len(want) {
							t.Errorf("as of %s: %d answers, want %d", moment, len(got), len(want))
						}
						for q, answer := range want {
							if asked++; got[q] != answer {
								t.Fatalf("as of %s, app %s: %s\nis answered  %s\nand by a fresh node %s", moment, app, q, got[q], answer)
							}
						}
					}
					a := w.get("GET", "/v1/pushes?as_of="+url.QueryEscape(moment), "")
					if h := a.Header(); h.Get(headerAsOf) != exact || h.Get(headerAsOfTime) != last.Time.Format(time.RFC3339Nano) ||
						h.Get(headerPosition) != w.set.Applied().String() {
						t.Errorf("as of %s: headers %v, want %s", moment, h, exact)
					}
				}
			}
			if asked < 1000 {
				t.Errorf("only %d answers were compared", asked)
			}
			if s := w.past.Stats(); s.Folds > 4*uint64(parts) || s.Failed > 0 {
				t.Errorf("4 moments of %d partitions took %+v", parts, s)
			}
		})
	}
}

// strip gives a stored message the subject under which it was published.
func strip(m events.Message) string {
	if e, err := events.Decode(m.Data); err == nil {
		channel := ""
		if c, ok := e.Data.(*events.Command); ok {
			channel = c.Channel
		}
		return events.Subject(m.Partition, e.App, e.Kind, e.Push, channel)
	}
	for i := range 9 {
		app := strings.Split(m.Subject, ".")[3]
		push := fmt.Sprintf("p%d", i)
		if strings.HasSuffix(m.Subject, fmt.Sprintf(".%d", events.Bucket(push))) {
			return events.Subject(m.Partition, app, events.PushSent, push, "")
		}
	}
	panic("no push has the subject " + m.Subject)
}

// full names every partition.
func full(at events.Positions, parts int) string {
	list := make(events.Positions, parts)
	for i := range list {
		list[i] = events.Position{Partition: i, Seq: at.Of(i)}
	}
	return list.String()
}

// TestPastTenants is L10: what another app has is not there in the past either.
func TestPastTenants(t *testing.T) {
	keyA, tokenA := NewKey("a", []string{RoleAdmin})
	keyB, tokenB := NewKey("b", []string{RoleAdmin})
	w := newWorld(t, 3, []Key{keyA, keyB}, nil)
	secret := ids{push: "secret-push-of-a", device: "secret-device-of-a", user: "secret-user-of-a", recall: "secret-recall-of-a"}
	w.put("a", secret.push, events.PushCreated, &events.Created{Title: "t", Slot: "s", Audience: events.Audience{Kind: events.AudienceAll}})
	w.put("a", secret.push, events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{secret.device}, Users: []string{secret.user}})
	w.put("a", secret.push, events.RecallRequested, &events.Requested{Recall: secret.recall, Action: "recall", Deadline: w.now.Add(time.Hour)})
	nobody := ids{push: "absent-push-of-c", device: "absent-device-of-c", user: "absent-user-of-c", recall: "absent-recall-of-c"}
	cut := func(s string) string {
		for _, i := range []ids{secret, nobody} {
			s = strings.NewReplacer(i.push, "P", i.device, "D", i.user, "U", i.recall, "R").Replace(s)
		}
		return s
	}
	seen := 0
	for _, rt := range routes() {
		if !rt.past {
			continue
		}
		ask := func(i ids, token string) (*httptest.ResponseRecorder, string) {
			c := tenantCases(i)[rt.id]
			a := w.get(rt.method, c.path+"?as_of=@now", c.body, "Authorization", "Bearer "+token)
			return a, cut(a.Body.String())
		}
		foreign, body := ask(secret, tokenB)
		_, same := ask(nobody, tokenB)
		if want := tenantCases(secret)[rt.id].foreign; foreign.Code != want || body != same {
			t.Errorf("%s: another app gets %d %s\nfor nothing it is %s", rt.id, foreign.Code, body, same)
		}
		if own, _ := ask(secret, tokenA); own.Code != 200 {
			t.Errorf("%s: the app itself gets %d %s", rt.id, own.Code, own.Body)
		}
		seen++
	}
	if seen < 14 {
		t.Errorf("only %d routes ask the past", seen)
	}
}

// TestPastRefused: what is no moment is refused by name, and says what is.
func TestPastRefused(t *testing.T) {
	w := newWorld(t, 2, nil, nil)
	empty := w.refused("/v1/pushes", "@now", 400, codeBadRequest)
	if empty.Field != "as_of" || !strings.Contains(empty.Detail, "keeps no events") {
		t.Errorf("an empty log: %v", empty)
	}
	for i := range 20 {
		w.put("default", fmt.Sprintf("p%d", i), events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d"}})
	}
	ends := w.set.Applied()
	future := events.Position{Partition: 1, Seq: ends.Of(1) + 1}.String()
	for moment, part := range map[string]string{
		"":                           "leave it out",
		"yesterday":                  "none of RFC 3339",
		"1742":                       "no positions such as 0-1742",
		"0-1,0-2":                    "named twice",
		"7-1":                        "names partition 7; this ledger has 2, numbered from 0",
		future:                       "is in the future: the log of partition 1 ends at",
		"@2026-11-20T10:00:00Z":      "is in the future: it is 2026-11-20T09:00:10Z now",
		"2026-11-20T09:00:00 01:00":  "written %2B",
		"2026-11-20T08:00:00Z":       "is before the first event; the log begins at 0-1 of 2026-11-20T09:00:0",
		"0-0":                        "is before the first event",
		"0-99999999999999999999":     "the sequence is not a number",
		strings.Repeat("1-1,", 2000): "the limit is 4096",
		"@-5m":                       "before the first event",
	} {
		if p := w.refused("/v1/pushes", moment, 400, codeBadRequest); p.Field != "as_of" || !strings.Contains(p.Detail, part) {
			t.Errorf("%.40q: %v", moment, p)
		}
	}
	for _, rt := range routes() {
		if rt.roles == nil || rt.past {
			continue
		}
		a := w.get(rt.method, wildcards.ReplaceAllString(rt.path, "x")+"?as_of=0-1", "")
		if a.Code != 400 || !strings.Contains(a.Body.String(), "is about the present only") || !strings.Contains(a.Body.String(), `"field":"as_of"`) {
			t.Errorf("%s takes as_of: %d %s", rt.id, a.Code, a.Body)
		}
	}
	for _, good := range []string{"@-1s", "-1s", "now", "0-1", "1-1", "0-1,1-0", ends.String()} {
		if a := w.get("GET", "/v1/pushes?as_of="+url.QueryEscape(good), ""); a.Code != 200 {
			t.Errorf("as of %s: %d %s", good, a.Code, a.Body)
		}
	}
	if entries := folders(t, w.dir); len(entries) == 0 {
		t.Error("nothing was folded in the folder of the test, so that the tests of it see nothing")
	}
}

// folders are those of folds.
func folders(t *testing.T, dir string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, "replay-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestPastAged: a log that lost its begin answers for what it keeps, says from
// where on, and refuses what it cannot answer whole.
func TestPastAged(t *testing.T) {
	w := newWorld(t, 1, nil, nil)
	for i := range 20 {
		w.put("default", fmt.Sprintf("p%d", i/3), events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{fmt.Sprintf("d%d", i)}})
	}
	w.logs[0].Expire(5) // p0 is gone, p1 lost its first event
	for _, moment := range []string{"0-4", "0-1", "2026-11-20T09:00:02Z", "0-0"} {
		if p := w.refused("/v1/pushes", moment, 400, codeBadRequest); !strings.Contains(p.Detail, "incomplete") || !strings.Contains(p.Detail, "it begins at 0-5 of 2026-11-20T09:00:02.5Z") {
			t.Errorf("as of %s: %v", moment, p)
		}
	}
	for _, path := range []string{"", "/holders", "/timeline", "/devices/d4"} {
		p := w.refused("/v1/pushes/p1"+path, "0-15", 400, codeBadRequest)
		if !strings.Contains(p.Detail, "the push began at 0-4, and the log keeps nothing before 0-5") {
			t.Errorf("p1%s: %v", path, p)
		}
		if a := w.get("GET", strings.Replace("/v1/pushes/p2"+path, "d4", "d7", 1)+"?as_of=0-15", ""); a.Code != 200 {
			t.Errorf("p2%s: %d %s", path, a.Code, a.Body)
		}
	}
	a := w.get("GET", "/v1/pushes?as_of=0-15", "")
	if a.Code != 200 || a.Header().Get(headerAsOfFrom) != "0-5" || a.Header().Get(headerAsOf) != "0-15" {
		t.Errorf("%d %v", a.Code, a.Header())
	}
	w.logs[0].Expire(21) // nothing is left
	if p := w.refused("/v1/pushes", "0-15", 400, codeBadRequest); p.Field != "as_of" {
		t.Error(p)
	}
	if a := w.get("GET", "/v1/pushes?as_of=now", ""); a.Code != 400 {
		t.Errorf("a log without events: %d %s", a.Code, a.Body)
	}
}

// TestPastGone: a partition of which nothing is kept stands in no other's way, at
// moments from which on it had nothing more.
func TestPastGone(t *testing.T) {
	w := newWorld(t, 2, nil, nil)
	var stored []time.Time
	next := 0
	for _, part := range []int{0, 1, 1, 0} {
		for ; facadetest.Must(w.set.Of(t.Context(), "default", fmt.Sprintf("p%d", next)))(t).Number() != part; next++ {
		}
		w.put("default", fmt.Sprintf("p%d", next), events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d"}})
		stored, next = append(stored, w.now), next+1
	}
	w.logs[1].Expire(3)
	for i, at := range stored {
		moment := at.Format(time.RFC3339Nano)
		if i < 2 { // an event that is gone came after it
			if p := w.refused("/v1/pushes", moment, 400, codeBadRequest); !strings.Contains(p.Detail, "incomplete") && !strings.Contains(p.Detail, "before the first event") {
				t.Errorf("as of event %d: %v", i+1, p)
			}
			continue
		}
		if a := w.get("GET", "/v1/pushes?as_of="+url.QueryEscape(moment), ""); a.Code != 200 {
			t.Errorf("as of event %d: %d %s", i+1, a.Code, a.Body)
		}
	}
}

// TestPastKept: questions about one moment are folded once; what is folded is
// dropped when nobody asks, and what a crash left is deleted at the start.
func TestPastKept(t *testing.T) {
	w := newWorld(t, 2, nil, func(c *replay.Config, _ *Config) { c.Kept = 2 })
	for i := range 20 {
		w.put("default", fmt.Sprintf("p%d", i), events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d"}})
	}
	part := facadetest.Must(w.set.Of(t.Context(), "default", "p0"))(t).Number()
	moment := full(events.Positions{{Partition: 0, Seq: 3}, {Partition: 1, Seq: 3}}, 2)
	counted := func(what string, folds, hits uint64) {
		t.Helper()
		text := w.get("GET", "/metrics", "").Body.String()
		for name, want := range map[string]uint64{"folds": folds, "hits": hits} {
			if line := fmt.Sprintf("recall_ledger_past_%s_total %d\n", name, want); !strings.Contains(text, line) {
				t.Errorf("%s: the metrics lack %q: %+v", what, line, w.past.Stats())
			}
		}
	}
	w.get("GET", "/v1/pushes/p0?as_of="+moment, "")
	counted("a push needs its partition alone", 1, 0)
	w.get("GET", "/v1/pushes/p0/holders?as_of="+moment, "")
	counted("it is there", 1, 1)
	w.get("GET", "/v1/pushes?as_of="+moment, "")
	counted("a list needs all", 2, 2)
	w.get("GET", "/v1/devices/d?as_of="+moment, "")
	counted("all are there", 2, 4)
	for seq := range events.Seq(5) {
		w.get("GET", fmt.Sprintf("/v1/pushes/p0?as_of=%d-%d", part, seq+1), "")
	}
	if s := w.past.Stats(); s.Kept > 4+1 || len(folders(t, w.dir)) != s.Kept {
		t.Errorf("%+v are kept in %d folders, the limit is 2 moments", s, len(folders(t, w.dir)))
	}
	w.now = w.now.Add(time.Hour)
	w.get("GET", "/v1/pushes/p0?as_of="+moment, "")
	if s := w.past.Stats(); s.Kept != 1 || len(folders(t, w.dir)) != 1 {
		t.Errorf("after an hour %+v, %v", s, folders(t, w.dir))
	}
	// Another one on the same folder is what a start after a crash is.
	for _, name := range []string{"replay-left", "replayed", "projection"} {
		if err := os.MkdirAll(filepath.Join(w.dir, name, "inside"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := replay.New(replay.Config{Ledger: w.set, Dir: w.dir, Clock: time.Now}); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(w.dir)
	if err != nil || len(left) != 2 || left[0].Name() != "projection" || left[1].Name() != "replayed" {
		t.Errorf("after a start there are %v, %v", left, err)
	}
}

// TestPastBounded: so many moments are folded at once, and questions wait no longer
// than they may; others are told when to come again.
func TestPastBounded(t *testing.T) {
	w := newWorld(t, 1, nil, func(c *replay.Config, _ *Config) { c.Slots, c.Wait = 1, time.Millisecond })
	for i := range 20 {
		w.put("default", fmt.Sprintf("p%d", i), events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d"}})
	}
	open := w.gate.shut()
	p := w.refused("/v1/pushes", "0-5", 503, codeFolding)
	if p.RetryAfter == 0 || p.Progress == nil || p.Progress.Done != 0 || p.Progress.Total > 5 {
		t.Errorf("%+v", p)
	}
	// The same moment waits for the same fold, another has no slot.
	w.refused("/v1/recalls", "0-5", 503, codeFolding)
	if p := w.refused("/v1/pushes", "0-6", 429, codeTooManyPasts); p.RetryAfter == 0 {
		t.Errorf("without a retry: %+v", p)
	}
	if s := w.past.Stats(); s.Folds != 1 || s.Running != 1 || s.Busy != 1 {
		t.Errorf("%+v", s)
	}
	if a := w.get("GET", "/v1/pushes", ""); a.Code != 200 {
		t.Errorf("the present waits for the past: %d", a.Code)
	}
	open()
	until(t, "the fold is done", func() bool { return w.past.Stats().Running == 0 })
	for _, moment := range []string{"0-5", "0-6"} {
		until(t, "it is answered", func() bool { return w.get("GET", "/v1/pushes?as_of="+moment, "").Code == 200 })
	}
}

// TestPastInFlight: questions that wait for the past hold slots of their own.
func TestPastInFlight(t *testing.T) {
	w := newWorld(t, 1, nil, func(_ *replay.Config, c *Config) { c.PastInFlight, c.InFlight = 1, 1 })
	w.put("default", "p", events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d"}})
	open := w.gate.shut()
	answered := make(chan int)
	go func() { answered <- w.get("GET", "/v1/pushes?as_of=0-1", "").Code }()
	until(t, "the question waits", func() bool { return w.past.Stats().Running == 1 })
	for _, target := range []string{"/v1/pushes", "/v1/pushes/p/holders", "/v1/pushes/p/timeline"} {
		if p := w.refused(target, "0-1", 429, codeTooManyPasts); p.Limit != 1 || p.RetryAfter == 0 {
			t.Errorf("%s: %+v", target, p)
		}
	}
	for _, target := range []string{"/v1/pushes", "/v1/pushes/p/holders"} {
		if a := w.get("GET", target, ""); a.Code != 200 {
			t.Errorf("%s of the present: %d %s", target, a.Code, a.Body)
		}
	}
	open()
	if code := <-answered; code != 200 {
		t.Errorf("the question got %d", code)
	}
}

// TestPastGivenUp: a fold nobody waits for ends, and gives its slot and its folder
// back.
func TestPastGivenUp(t *testing.T) {
	w := newWorld(t, 1, nil, func(c *replay.Config, _ *Config) { c.Slots, c.Wait = 1, time.Millisecond })
	for i := range 5 {
		w.put("default", fmt.Sprintf("p%d", i), events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d"}})
	}
	open := w.gate.shut()
	defer open()
	w.refused("/v1/pushes", "0-3", 503, codeFolding)
	w.now = w.now.Add(time.Minute)
	w.refused("/v1/pushes", "0-4", 429, codeTooManyPasts) // whoever asks has it looked after
	until(t, "the slot is free", func() bool { return w.past.Stats().Running == 0 })
	if s := w.past.Stats(); s.Failed != 1 || len(folders(t, w.dir)) != 0 {
		t.Errorf("%+v, %v", s, folders(t, w.dir))
	}
	w.refused("/v1/pushes", "0-3", 503, codeFolding)
}

// TestPastLimits: a fold that takes too long or too much room ends with a clear
// word, and leaves nothing.
func TestPastLimits(t *testing.T) {
	for _, c := range []struct {
		code   string
		status int
		change func(*replay.Config)
	}{
		{codePastTooLong, http.StatusGatewayTimeout, func(c *replay.Config) { c.Timeout = time.Nanosecond }},
		{codePastTooLarge, http.StatusInsufficientStorage, func(c *replay.Config) { c.Bytes = 1 }},
	} {
		w := newWorld(t, 1, nil, func(r *replay.Config, _ *Config) { c.change(r) })
		w.put("default", "p", events.PushSent, &events.Fact{Channel: "fcm", Devices: []string{"d"}})
		for range 2 {
			if p := w.refused("/v1/pushes", "0-1", c.status, c.code); !strings.Contains(p.Detail, "recall export") {
				t.Errorf("%s: %v", c.code, p)
			}
		}
		if len(folders(t, w.dir)) != 0 {
			t.Errorf("%s: %v are left", c.code, folders(t, w.dir))
		}
	}
}

// TestPastAbsent: a node without a past says so.
func TestPastAbsent(t *testing.T) {
	n := start(t, options{})
	a := n.do("GET", "/v1/pushes?as_of=0-1", "")
	if p := a.problem(t); a.Status != 400 || p.Field != "as_of" || !strings.Contains(p.Detail, "the present only") {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// TestPastClient: a client that asks for the past waits until it is folded, is
// told which moment that is, and can change nothing.
func TestPastClient(t *testing.T) {
	w := newWorld(t, 1, nil, func(c *replay.Config, _ *Config) { c.Wait = time.Millisecond })
	w.put("default", "p", events.PushCreated, &events.Created{Title: "t", Slot: "s", Audience: events.Audience{Kind: events.AudienceAll}})
	w.put("default", "p", events.DisplayShown, &events.Fact{Channel: "fcm", Devices: []string{"d1", "d2"}})
	at := w.now
	w.put("default", "p", events.ClickClicked, &events.Fact{Channel: "fcm", Devices: []string{"d1"}})
	server := httptest.NewServer(w.serve)
	defer server.Close()
	c := facadetest.Must(NewClient(ClientConfig{URL: server.URL}))(t)
	open := w.gate.shut()
	var moment Moment
	var once sync.Once
	waited := false
	past := c.AsOf("@-500ms", PastOptions{
		Moment:  func(m Moment) { moment = m },
		Folding: func(Progress) { waited = true; once.Do(open) },
	})
	v, err := past.Preview(t.Context(), RecallRequest{Push: "p", Action: channels.Recall})
	if err != nil || v.Total.Certain != 2 || v.Total.Clicked != 0 {
		t.Fatalf("the preview is %+v, %v", v, err)
	}
	if !waited || moment.Positions.String() != "0-2" || !moment.Time.Equal(at) || moment.From != nil {
		t.Errorf("waited %t for %+v", waited, moment)
	}
	var held []string
	if err := past.Holders(t.Context(), "p", HoldersOptions{}, func(h Holder) error { held = append(held, h.Device); return nil }); err != nil || len(held) != 2 {
		t.Errorf("holders then: %v, %v", held, err)
	}
	if err := past.Abort(t.Context(), "r", ""); err == nil || !strings.Contains(err.Error(), "about the present only") {
		t.Errorf("the past was aborted: %v", err)
	}
	if _, err := c.AsOf("0-9", PastOptions{}).Pushes(t.Context(), ListOptions{}); err == nil {
		t.Error("the future was told")
	}
}
