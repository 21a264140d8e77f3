package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

func TestPublishForms(t *testing.T) {
	n := start(t, options{})
	one, two := created("p", ""), fact("push.sent", "p", "fcm", "d1", "d2")
	cloud := func(kind, push, data string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"1","source":"/s","type":%q,"subject":%q,"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","partitionkey":"x","data":%s}`, kind, push, data)
	}
	sent := `{"channel":"fcm","devices":["d1"]}`
	for name, c := range map[string]struct {
		kind, body string
		want       int
	}{
		"object":      {TypeJSON, one, 1},
		"array":       {TypeJSON, "\n [" + one + "," + two + "]\n", 2},
		"charset":     {TypeJSON + "; charset=utf-8", one, 1},
		"lines":       {TypeNDJSON, one + "\n\n" + two, 2},
		"lines CRLF":  {TypeNDJSON, one + "\r\n" + two + "\r\n", 2},
		"long line":   {TypeNDJSON, fact("push.sent", "p", "fcm", strings.Split(strings.Repeat(strings.Repeat("x", 200)+" ", 1000), " ")[:1000]...) + "\n" + one, 2},
		"cloud event": {TypeCloudEvent, cloud("push.sent", "p", sent), 1},
		"cloud batch": {TypeCloudEvents, "[" + cloud("push.sent", "p", sent) + "," + cloud("click.clicked", "p", sent) + "]", 2},
	} {
		t.Run(name, func(t *testing.T) {
			before := n.End()
			a, err := n.client("", "").Publish(context.Background(), c.kind, strings.NewReader(c.body))
			if err != nil || a.Accepted != c.want || len(a.Refused) > 0 || a.Position.String() != n.End().String() || n.End().Seq != before.Seq+events.Seq(c.want) {
				t.Fatalf("%+v, %v; the log went from %s to %s", a, err, before, n.End())
			}
		})
	}
	v, err := n.client("", "").Push(context.Background(), "p", ReadOptions{AtLeast: events.Positions{n.End()}})
	if err != nil || v.Created == nil || v.Channels[0].Funnel["sent"] == 0 || v.Channels[0].Funnel["clicked"] != 1 {
		t.Fatalf("%+v, %v", v, err)
	}
}

// TestPublishRefused checks that each bad event is named by its place, and that
// only the good ones are stored.
func TestPublishRefused(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", created("known", `"body":"first"`))
	good := fact("push.sent", "p", "fcm", "d")
	for name, c := range map[string]struct{ line, field string }{
		"not JSON":            {`nonsense`, "event"},
		"cut off":             {`{"kind":`, "event"},
		"no kind":             {`{"push":"p","data":{}}`, "kind"},
		"unknown kind":        {`{"kind":"push.gone","push":"p","data":{}}`, "kind"},
		"the ledger's kind":   {`{"kind":"recall.aborted","push":"p","data":{"recall":"r"}}`, "kind"},
		"an outcome":          {`{"kind":"outcome.confirmed","push":"p","data":{"recall":"r","channel":"fcm","devices":["d"]}}`, "kind"},
		"a key":               {`{"kind":"key.claimed","push":"p","data":{"key":"k","fingerprint":"","status":1,"answer":""}}`, "kind"},
		"no push":             {`{"kind":"push.sent","data":{"channel":"fcm","devices":["d"]}}`, "push"},
		"long push":           {fact("push.sent", strings.Repeat("p", 129), "fcm", "d"), "push"},
		"misspelt field":      {`{"kind":"push.sent","push":"p","dta":{}}`, "dta"},
		"misspelt data":       {`{"kind":"push.sent","push":"p","data":{"chanel":"fcm","devices":["d"]}}`, "data.chanel"},
		"misspelt channel":    {fact("push.sent", "p", "fcmm", "d"), "data.channel"},
		"no devices":          {fact("push.sent", "p", "fcm"), "data.devices"},
		"foreign app":         {`{"kind":"push.sent","app":"b","push":"p","data":{"channel":"fcm","devices":["d"]}}`, "app"},
		"newer version":       {`{"v":2,"kind":"push.sent","push":"p","data":{"channel":"fcm","devices":["d"]}}`, "v"},
		"bad time":            {`{"kind":"push.sent","push":"p","time":"yesterday","data":{"channel":"fcm","devices":["d"]}}`, "time"},
		"bad profile":         {created("q", `"profile":"timpsh"`), "data.profile"},
		"another description": {created("known", `"body":"second"`), "push"},
		"users of a click":    {`{"kind":"click.clicked","push":"p","data":{"channel":"fcm","devices":["d"],"users":["u"]}}`, "data.users"},
		"bad audience":        {`{"kind":"push.created","push":"q","data":{"audience":{"kind":"some"}}}`, "data.audience.kind"},
	} {
		t.Run(name, func(t *testing.T) {
			before := n.End()
			a := n.do("POST", "/v1/events", c.line, "Content-Type", TypeNDJSON)
			p := a.problem(t)
			if a.Status != 422 || p.Code != codeEventsRefused || len(p.Refused) != 1 || p.Refused[0].Field != c.field || p.Refused[0].Reason == "" {
				t.Errorf("alone: %d %s", a.Status, a.Body)
			}
			if n.End() != before {
				t.Errorf("the log moved to %s", n.End())
			}
			a = n.do("POST", "/v1/events", good+"\n"+c.line+"\n"+good, "Content-Type", TypeNDJSON)
			var got PublishAnswer
			if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
				t.Fatal(err)
			}
			if a.Status != 207 || got.Accepted != 2 || len(got.Refused) != 1 || got.Refused[0].Index != 1 || got.Refused[0].Field != c.field || n.End().Seq != before.Seq+2 {
				t.Errorf("among good ones: %d %s", a.Status, a.Body)
			}
		})
	}
	// The same description again is a repetition, not a contradiction, also
	// within one request.
	n.publish("", "", created("known", `"body":"first"`), created("new", `"body":"1"`), created("new", `"body":"1"`))
	a := n.do("POST", "/v1/events", created("newer", `"body":"1"`)+"\n"+created("newer", `"body":"2"`), "Content-Type", TypeNDJSON)
	if a.Status != 207 || !strings.Contains(a.Body, `"index":1`) {
		t.Errorf("a contradiction within a request: %d %s", a.Status, a.Body)
	}
	if n.Part.Local.Stats().Quarantined != 0 {
		t.Error("something refused was stored and quarantined")
	}
}

func TestPublishBadCloudEvents(t *testing.T) {
	n := start(t, options{})
	before := n.End()
	for field, event := range map[string]string{
		"specversion":     `{"id":"1","source":"s","type":"push.sent","subject":"p","data":{}}`,
		"id":              `{"specversion":"1.0","source":"s","type":"push.sent","subject":"p","data":{}}`,
		"source":          `{"specversion":"1.0","id":"1","type":"push.sent","subject":"p","data":{}}`,
		"type":            `{"specversion":"1.0","id":"1","source":"s","type":"order.made","subject":"p","data":{}}`,
		"subject":         `{"specversion":"1.0","id":"1","source":"s","type":"push.sent","data":{"channel":"fcm","devices":["d"]}}`,
		"data":            `{"specversion":"1.0","id":"1","source":"s","type":"push.sent","subject":"p"}`,
		"datacontenttype": `{"specversion":"1.0","id":"1","source":"s","type":"push.sent","subject":"p","datacontenttype":"text/xml","data":"x"}`,
		"event":           `{"specversion":"1.0","id":"1","source":"s","type":"push.sent","subject":"p` + "\xff" + `","data":{}}`,
		"time":            `{"specversion":"1.0","id":"1","source":"s","type":"push.sent","subject":"p","time":"now","data":{"channel":"fcm","devices":["d"]}}`,
	} {
		for kind, body := range map[string]string{TypeCloudEvent: event, TypeCloudEvents: "[" + event + "]"} {
			a := n.do("POST", "/v1/events", body, "Content-Type", kind)
			// A body that is no UTF-8 may be refused as a whole.
			if a.Status != 422 || a.problem(t).Refused[0].Field != field {
				t.Errorf("%s as %s: %d %s", field, kind, a.Status, a.Body)
			}
		}
	}
	if n.End() != before {
		t.Error("the log moved")
	}
}

// TestPublishBadBody checks requests that are refused as a whole.
func TestPublishBadBody(t *testing.T) {
	n := start(t, options{change: func(c *Config) { c.MaxBody = 2 << 20 }})
	good := fact("push.sent", "p", "fcm", "d")
	many := strings.Repeat(`{"kind":"push.sent","push":"p","data":{"channel":"fcm","devices":["d"]}}`+"\n", MaxEvents+1)
	before := n.End()
	for name, c := range map[string]struct {
		kind, body string
		status     int
		code       string
		limit      int64
		headers    []string
	}{
		"no type":          {"", good, 415, codeMediaType, 0, nil},
		"text":             {"text/plain", good, 415, codeMediaType, 0, nil},
		"broken type":      {"application/json; charset", good, 415, codeMediaType, 0, nil},
		"other charset":    {"application/json; charset=latin1", good, 415, codeMediaType, 0, nil},
		"zipped":           {TypeJSON, good, 415, codeMediaType, 0, []string{"Content-Encoding", "gzip"}},
		"empty":            {TypeJSON, "", 400, codeBadJSON, 0, nil},
		"blank":            {TypeNDJSON, "\n \n", 400, codeBadRequest, 0, nil},
		"empty array":      {TypeJSON, "[]", 400, codeBadRequest, 0, nil},
		"no JSON":          {TypeJSON, "kind: push.sent", 400, codeBadJSON, 0, nil},
		"cut off":          {TypeJSON, good[:20], 400, codeBadJSON, 0, nil},
		"two objects":      {TypeJSON, good + good, 400, codeBadJSON, 0, nil},
		"open array":       {TypeJSON, "[" + good, 400, codeBadJSON, 0, nil},
		"tail":             {TypeJSON, "[" + good + "] x", 400, codeBadJSON, 0, nil},
		"bad element":      {TypeJSON, "[" + good + ",nonsense]", 400, codeBadJSON, 0, nil},
		"no batch":         {TypeCloudEvents, `{}`, 400, codeBadJSON, 0, nil},
		"too many":         {TypeNDJSON, many, 413, codeTooManyEvents, MaxEvents, nil},
		"too large":        {TypeNDJSON, strings.Repeat("x", 2<<20+1), 413, codeBodyTooLarge, 2 << 20, nil},
		"unknown option":   {TypeJSON, good, 400, codeBadRequest, 0, []string{"dry", "run"}},
		"too large, array": {TypeJSON, "[" + strings.Repeat(" ", 2<<20) + good + "]", 413, codeBodyTooLarge, 2 << 20, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/v1/events"
			if name == "unknown option" {
				path, c.headers = "/v1/events?dry_run=true", nil
			}
			a := n.do("POST", path, c.body, append([]string{"Content-Type", c.kind}, c.headers...)...)
			p := a.problem(t)
			if a.Status != c.status || p.Code != c.code || p.Limit != c.limit {
				t.Errorf("%d %s", a.Status, a.Body)
			}
		})
	}
	// The limit holds for a body whose length is not told, too.
	_, err := n.client("", "").Publish(context.Background(), TypeNDJSON, struct{ *strings.Reader }{strings.NewReader(strings.Repeat(good+"\n", 1) + strings.Repeat("x", 3<<20))})
	var p *Problem
	if !errors.As(err, &p) || p.Code != codeBodyTooLarge {
		t.Errorf("a body of unknown length: %v", err)
	}
	if n.End() != before {
		t.Errorf("the log moved from %s to %s", before, n.End())
	}
}

// TestPublishMost stores as many events as one request may hold.
func TestPublishMost(t *testing.T) {
	n := start(t, options{})
	lines := make([]string, MaxEvents)
	for i := range lines {
		lines[i] = fact("push.sent", fmt.Sprint("p", i), "fcm", "d")
	}
	n.publish("", "", lines...)
	l, err := n.client("", "").Pushes(context.Background(), ListOptions{Limit: 2, AtLeast: events.Positions{n.End()}})
	if err != nil || len(l.Pushes) != 2 || l.Next == "" {
		t.Fatalf("%+v, %v", l, err)
	}
	list, err := n.client("", "").Device(context.Background(), "d", "", false)
	if err != nil || len(list) != maxNotifications {
		t.Errorf("%d notifications, %v", len(list), err)
	}
	a := n.do("GET", "/v1/devices/d", "")
	if !strings.Contains(a.Body, `"truncated":true`) {
		t.Error("a list that was cut does not say so")
	}
	if diff := cmp.Diff(l.Pushes[0].Push, fmt.Sprint("p", MaxEvents-1)); diff != "" {
		t.Error(diff)
	}
}
