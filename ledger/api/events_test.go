package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// told writes what a reading told, one word per line of it.
func told(t *testing.T, n *node, o EventsOptions, app string) []string {
	t.Helper()
	list := []string{}
	err := n.client(app, "").Events(t.Context(), o, func(e LogEntry) error {
		list = append(list, word(t, e))
		return nil
	})
	if err != nil {
		t.Errorf("%+v: %v", o, err)
	}
	return list
}

func word(t *testing.T, e LogEntry) string {
	t.Helper()
	switch {
	case e.End != "":
		return fmt.Sprintf("%s end %s", e.Position, e.End)
	case e.Unreadable != "":
		return fmt.Sprintf("%s unreadable", e.Position)
	case e.Event == nil:
		return fmt.Sprintf("%s mark", e.Position)
	}
	v := facadetest.Must(events.Decode(e.Event))(t)
	if e.Stored.IsZero() {
		t.Errorf("%s has no time", e.Position)
	}
	return fmt.Sprintf("%s %s %s", e.Position, v.Kind, v.Push)
}

// fillLog writes events of two apps: those of app a are 1 to 7 but 3.
func fillLog(t *testing.T, n *node) {
	t.Helper()
	n.Append("a", "p", events.PushCreated, &events.Created{Title: "t", Audience: events.Audience{Kind: "all"}})
	n.Fact("a", "p", events.PushSent, "fcm", "d1", "d2")
	n.Fact("b", "secret", events.PushSent, "fcm", "d1")
	n.Fact("a", "q", events.PushSent, "sms", "d3")
	n.Fact("a", "p", events.ClickClicked, "fcm", "d1")
	a, err := n.client("a", "").Recall(t.Context(), RecallRequest{Push: "q", Action: "recall", Scope: events.Scope{Device: "d3", Channel: "sms"}}, "k")
	if err != nil {
		t.Fatal(err)
	}
	n.Fold(a.Position)
}

func TestEvents(t *testing.T) {
	n := start(t, options{})
	fillLog(t, n)
	for name, c := range map[string]struct {
		o    EventsOptions
		want []string
	}{
		"everything": {EventsOptions{}, []string{
			"0-1 push.created p", "0-2 push.sent p", "0-4 push.sent q", "0-5 click.clicked p", "0-6 recall.requested q", "0-7 key.claimed q", "0-7 end log",
		}},
		"range":         {EventsOptions{Range: "2:4"}, []string{"0-2 push.sent p", "0-4 push.sent q", "0-4 end range"}},
		"foreign alone": {EventsOptions{Range: "3:3"}, []string{"0-3 end range"}},
		"longer range":  {EventsOptions{Range: "7:9"}, []string{"0-7 key.claimed q", "0-7 end log"}},
		"behind":        {EventsOptions{Range: "8"}, []string{"0-7 end log"}},
		"the end":       {EventsOptions{Range: "end"}, []string{"0-7 end log"}},
		"last":          {EventsOptions{Range: "-1"}, []string{"0-7 key.claimed q", "0-7 end log"}},
		"time":          {EventsOptions{Range: "@2000-01-02:@2001-01-01"}, []string{"0-0 end range"}},
		"limit":         {EventsOptions{Limit: 2}, []string{"0-1 push.created p", "0-2 push.sent p", "0-2 end limit"}},
		"limit reached": {EventsOptions{Limit: 1, Range: "2:2"}, []string{"0-2 push.sent p", "0-2 end limit"}},
		"push":          {EventsOptions{Push: "q"}, []string{"0-4 push.sent q", "0-6 recall.requested q", "0-7 key.claimed q", "0-7 end log"}},
		"families":      {EventsOptions{Families: []string{"click", "recall"}}, []string{"0-5 click.clicked p", "0-6 recall.requested q", "0-7 end log"}},
		"kind":          {EventsOptions{Kinds: []string{"click.clicked"}}, []string{"0-5 click.clicked p", "0-7 end log"}},
		"channel":       {EventsOptions{Channel: "sms"}, []string{"0-4 push.sent q", "0-6 recall.requested q", "0-7 end log"}},
		"device":        {EventsOptions{Device: "d1"}, []string{"0-2 push.sent p", "0-5 click.clicked p", "0-7 end log"}},
		"scope":         {EventsOptions{Device: "d3"}, []string{"0-4 push.sent q", "0-6 recall.requested q", "0-7 end log"}},
		"all of it":     {EventsOptions{Device: "d1", Channel: "fcm", Push: "p", Kinds: []string{"push.sent"}, Families: []string{"push"}}, []string{"0-2 push.sent p", "0-7 end log"}},
		"nothing":       {EventsOptions{Push: "p", Channel: "sms"}, []string{"0-7 end log"}},
		"follow":        {EventsOptions{Follow: true, Range: "2:4"}, []string{"0-2 push.sent p", "0-4 push.sent q", "0-4 end range"}},
		"follow limit":  {EventsOptions{Follow: true, Limit: 1}, []string{"0-1 push.created p", "0-1 end limit"}},
	} {
		if diff := cmp.Diff(c.want, told(t, n, c.o, "a")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if got := told(t, n, EventsOptions{}, "c"); len(got) != 1 {
		t.Errorf("an app without events is told %v", got)
	}
	var first, last events.Position
	told(t, n, EventsOptions{Range: "-3", Begun: func(f, l events.Position) { first, last = f, l }}, "a")
	if first.Seq != 5 || last.Seq != 7 {
		t.Errorf("the range began as %s to %s", first, last)
	}
	// Nothing above wrote anything: reading causes no command.
	if n.End().Seq != 7 {
		t.Errorf("the log ends at %s", n.End())
	}
}

func TestEventsRefused(t *testing.T) {
	n := start(t, options{})
	fillLog(t, n)
	for query, want := range map[string]string{
		"range=7:4":                          "range",
		"range=9":                            "range",
		"range=1-4":                          "range",
		"range=%4010:61":                     "range",
		"family=nothing":                     "family",
		"family=push,":                       "family",
		"kind=push":                          "kind",
		"channel=nothing":                    "channel",
		"limit=0":                            "limit",
		"device=" + strings.Repeat("x", 513): "device",
		"push=" + strings.Repeat("x", 129):   "push",
		"app=b":                              "app",
		"push=p&push=q":                      "push",
	} {
		for _, p := range []string{"/v1/events?", "/v1/events/follow?"} {
			a := n.do("GET", p+query, "", headerApp, "a")
			if a.Status != http.StatusBadRequest || a.problem(t).Field != want {
				t.Errorf("%s%s: %d %s", p, query, a.Status, a.Body)
			}
		}
	}
}

// What the ledger passed over is shown as such, never left out (L12), and what
// stands on several lines is one line.
func TestEventsAsStored(t *testing.T) {
	n := start(t, options{})
	subject := events.Subject(0, "a", events.PushSent, "p", "")
	for _, data := range []string{
		`not json`,
		"{\"v\":1,\n \"kind\":\"push.sent\",\"app\":\"a\",\"push\":\"p\",\"time\":\"2026-11-20T09:41:35Z\",\r\n\"data\":{\"channel\":\"fcm\",\"devices\":[\"d\"],\"new\":\"a b\"}}",
		`{"v":1,"kind":"push.sent","app":"b","push":"p","time":"2026-11-20T09:41:35Z","data":{"channel":"fcm","devices":["d"]}}`,
	} {
		n.Fold(facadetest.Must(n.Part.Log.Append(t.Context(), []events.Record{{Subject: subject, Data: []byte(data)}}))(t))
	}
	if diff := cmp.Diff([]string{"0-1 unreadable", "0-2 push.sent p", "0-3 unreadable", "0-3 end log"}, told(t, n, EventsOptions{}, "a")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"0-2 push.sent p", "0-3 end log"}, told(t, n, EventsOptions{Push: "p"}, "a")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"0-3 end log"}, told(t, n, EventsOptions{}, "b")); diff != "" {
		t.Error(diff)
	}
	err := n.client("a", "").Events(t.Context(), EventsOptions{Range: "2:2"}, func(e LogEntry) error {
		if e.Event != nil && !strings.Contains(string(e.Event), `"new":"a b"`) {
			t.Errorf("a field of a newer writer is lost: %s", e.Event)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A reading that finds little says how far it is.
func TestMarks(t *testing.T) {
	n := start(t, options{})
	var records []events.Record
	e := &events.Event{
		Header: events.Header{Kind: events.PushSent, App: "b", Push: "p", Time: time.Now()},
		Data:   &events.Fact{Channel: "fcm", Devices: []string{"d"}},
	}
	data := facadetest.Must(events.Encode(e))(t)
	for range events.MaxBatch {
		records = append(records, events.Record{Subject: events.Subject(0, "b", events.PushSent, "p", ""), Data: data})
	}
	for range markEvery/events.MaxBatch + 1 {
		facadetest.Must(n.Part.Log.Append(t.Context(), records))(t)
	}
	want := []string{fmt.Sprintf("0-%d mark", markEvery), fmt.Sprintf("0-%d end log", markEvery+events.MaxBatch)}
	if diff := cmp.Diff(want, told(t, n, EventsOptions{}, "a")); diff != "" {
		t.Error(diff)
	}
}

// Whoever follows gets what comes, each event once, up to the time asked for.
func TestFollowEvents(t *testing.T) {
	n := start(t, options{change: func(c *Config) { c.KeepAlive = 20 * time.Millisecond }})
	n.Fact("a", "p", events.PushSent, "fcm", "d0")
	until := time.Now().Add(2 * time.Second).UTC()
	var list []string
	marks := 0
	err := n.client("a", "").Events(t.Context(), EventsOptions{Follow: true, Range: "2:@" + until.Format(time.RFC3339Nano)}, func(e LogEntry) error {
		if e.Event == nil && e.End == "" {
			if marks++; marks <= 3 {
				n.Fact("a", "p", events.DisplayShown, "fcm", fmt.Sprint("d", marks))
			}
			return nil
		}
		list = append(list, word(t, e))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"0-2 display.shown p", "0-3 display.shown p", "0-4 display.shown p", "0-4 end range"}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if time.Now().Before(until) {
		t.Error("the reading ended before its time")
	}
}

// A node that stops breaks a reading off: its client goes on elsewhere.
func TestFollowStopped(t *testing.T) {
	n := start(t, options{})
	n.Fact("a", "p", events.PushSent, "fcm", "d0")
	seen := 0
	err := n.client("a", "").Events(t.Context(), EventsOptions{Follow: true}, func(LogEntry) error {
		seen++
		n.server.Close()
		return nil
	})
	if !errors.Is(err, ErrBrokenOff) || seen != 1 {
		t.Errorf("%d lines, then %v", seen, err)
	}
}

// A client takes nothing for a whole reading but one with its last line.
func TestEventsBrokenOff(t *testing.T) {
	line := facadetest.Must(json.Marshal(LogEntry{Position: events.Position{Seq: 1}, Event: json.RawMessage(`{}`)}))(t)
	for name, body := range map[string]string{
		"nothing": "", "no end": string(line) + "\n", "cut": string(line[:20]), "cut later": string(line) + "\n" + string(line[:20]),
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set(headerRange, "0-1:0-5")
			fmt.Fprint(w, body)
		}))
		c := facadetest.Must(NewClient(ClientConfig{URL: srv.URL}))(t)
		if err := c.Events(context.Background(), EventsOptions{}, func(LogEntry) error { return nil }); !errors.Is(err, ErrBrokenOff) {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
	// The handler's own error is handed on as it is.
	n := start(t, options{})
	n.Fact("a", "p", events.PushSent, "fcm", "d0")
	mine := errors.New("mine")
	if err := n.client("a", "").Events(t.Context(), EventsOptions{}, func(LogEntry) error { return mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
}
