package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// refusing publishes pushes that cannot be recalled, each for another reason, and
// returns the recall that stands in the way of push taken.
func refusing(t *testing.T, n *node) RecallAnswer {
	t.Helper()
	ctx, c := context.Background(), n.client("", "")
	old := time.Now().Add(-8 * ledger.Day).UTC().Format(time.RFC3339)
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	n.publish("", "", fact("push.sent", "plain", "fcm", "d"), fact("push.sent", "taken", "fcm", "d"), created("scheduled", `"schedule_at":"`+soon+`"`),
		created("started", `"schedule_at":"`+soon+`"`), fact("push.sent", "started", "fcm", "d"),
		strings.Replace(created("old", ""), `"push":`, `"time":"`+old+`","push":`, 1),
		created("im1", `"profile":"timpush"`), created("im2", `"profile":"timpush"`), fact("push.sent", "many", "fcm", "d"),
		`{"kind":"push.sent","push":"work","data":{"channel":"wecom","devices":["d"],"send":"m1"}}`,
		`{"kind":"push.created","push":"single","data":{"audience":{"kind":"device","names":["d"]},"profile":"tpns"}}`)
	records := make([]events.Record, 0, ledger.MaxRecalls)
	for i := range ledger.MaxRecalls {
		b := facadetest.Must(events.Encode(&events.Event{
			Header: events.Header{Kind: events.RecallRequested, App: "default", Push: "many", Time: time.Now()},
			Data:   &events.Requested{Recall: fmt.Sprint("r", i), Action: "recall", Scope: events.Scope{Device: fmt.Sprint("x", i)}, Deadline: time.Now()},
		}))(t)
		records = append(records, events.Record{Subject: events.Subject(0, "default", events.RecallRequested, "many", ""), Data: b})
	}
	if _, err := n.Part.Log.Append(ctx, records); err != nil {
		t.Fatal(err)
	}
	first, err := c.Recall(ctx, RecallRequest{Push: "taken", Action: "recall"}, "")
	if err != nil {
		t.Fatal(err)
	}
	// The limit is per app, whatever the profile of the other recall.
	n.Freeze(time.Now().Add(2 * time.Second))
	im, err := c.Recall(ctx, RecallRequest{Push: "im1", Action: "recall"}, "")
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.GetRecall(ctx, im.Recall)
	if err != nil {
		t.Fatal(err)
	}
	n.Freeze(v.At.Add(200 * time.Millisecond))
	return first
}

// TestRefusals checks the status and code of every refusal, with and without an
// idempotency key, and that the preview tells the same.
func TestRefusals(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	c := n.client("", "")
	first := refusing(t, n)
	for _, r := range []struct {
		code   ledger.Code
		status int
		ask    RecallRequest
		field  string
	}{
		{ledger.UnknownPush, 404, RecallRequest{Push: "absent", Action: "recall"}, ""},
		{ledger.UnknownDevice, 404, RecallRequest{Push: "plain", Action: "recall", Scope: events.Scope{Device: "absent"}}, ""},
		{ledger.UnknownDevice, 404, RecallRequest{Push: "plain", Action: "recall", Scope: events.Scope{User: "absent"}}, ""},
		{ledger.NotScheduled, 409, RecallRequest{Push: "plain", Action: "cancel"}, ""},
		{ledger.AlreadyStarted, 409, RecallRequest{Push: "started", Action: "cancel"}, ""},
		{ledger.WindowClosed, 410, RecallRequest{Push: "old", Action: "recall"}, ""},
		{ledger.RateLimited, 429, RecallRequest{Push: "im2", Action: "recall"}, ""},
		{ledger.AlreadyRecalled, 409, RecallRequest{Push: "taken", Action: "terminate"}, ""},
		{ledger.TooManyRecalls, 409, RecallRequest{Push: "many", Action: "recall", Scope: events.Scope{Device: "d"}}, ""},
		{ledger.AudienceNotAllowed, 422, RecallRequest{Push: "single", Action: "recall"}, ""},
		{ledger.ReplacementMissing, 422, RecallRequest{Push: "plain", Action: "override"}, "replacement"},
		{ledger.WholeSends, 422, RecallRequest{Push: "work", Action: "recall"}, "whole_sends"},
		{ledger.ReplacementPushTaken, 409, RecallRequest{Push: "plain", Action: "override", Replacement: &events.Replacement{Push: "taken", Body: "b"}}, "replacement.push"},
	} {
		t.Run(string(r.code), func(t *testing.T) {
			for _, key := range []string{"", "key of " + string(r.code) + r.ask.Scope.User} {
				before, err := c.Recalls(ctx, ListOptions{})
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Recall(ctx, r.ask, key)
				var p *Problem
				if !errors.As(err, &p) || p.Status != r.status || p.Code != string(r.code) || p.Field != r.field || p.Detail == "" {
					t.Fatalf("%#v", err)
				}
				if (p.RetryAfter > 0) != (r.status == 429) {
					t.Errorf("retry after %d", p.RetryAfter)
				}
				if (p.First != nil) != (r.code == ledger.AlreadyRecalled) || p.First != nil && (p.First.Recall != first.Recall || p.First.Action != "recall" || p.First.At.IsZero()) {
					t.Errorf("first %+v", p.First)
				}
				after, err := c.Recalls(ctx, ListOptions{AtLeast: events.Positions{n.End()}})
				if err != nil || len(after.Recalls) != len(before.Recalls) {
					t.Errorf("a refused recall left %d recalls, before %d, %v", len(after.Recalls), len(before.Recalls), err)
				}
			}
			preview, err := c.Preview(ctx, r.ask)
			if r.code == ledger.UnknownPush {
				var p *Problem
				if !errors.As(err, &p) || p.Code != string(r.code) {
					t.Errorf("preview: %v", err)
				}
			} else if err != nil || preview.Refusal == nil || preview.Refusal.Code != r.code {
				t.Errorf("preview %+v, %v", preview, err)
			}
		})
	}
}

// TestBadRecalls checks requests that are no recalls: nothing may come of them.
func TestBadRecalls(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", fact("push.sent", "p", "fcm", "d"))
	before := n.End()
	for name, c := range map[string]struct{ body, code, field string }{
		"empty":                 {``, "", ""},
		"no JSON":               {`push`, codeBadJSON, ""},
		"cut off":               {`{"push":"p"`, codeBadJSON, ""},
		"an array":              {`[]`, codeBadJSON, ""},
		"a tail":                {`{"push":"p","action":"recall"} {}`, codeBadJSON, ""},
		"no UTF-8":              {"{\"push\":\"p\xff\",\"action\":\"recall\"}", codeBadJSON, ""},
		"deep":                  {strings.Repeat(`{"a":`, 30) + "1" + strings.Repeat("}", 30), codeBadJSON, ""},
		"no push":               {`{"action":"recall"}`, codeBadRequest, "push"},
		"number":                {`{"push":1,"action":"recall"}`, codeBadRequest, "push"},
		"no action":             {`{"push":"p"}`, codeBadRequest, "action"},
		"bad action":            {`{"push":"p","action":"withdraw"}`, codeBadRequest, "action"},
		"misspelt scope":        {`{"push":"p","action":"recall","scpoe":{"device":"d"}}`, codeBadRequest, "scpoe"},
		"misspelt device":       {`{"push":"p","action":"recall","scope":{"devise":"d"}}`, codeBadRequest, "scope.devise"},
		"empty scope":           {`{"push":"p","action":"recall","scope":{}}`, codeBadRequest, "scope"},
		"null scope":            {`{"push":"p","action":"recall","scope":null}`, codeBadRequest, "scope"},
		"empty device":          {`{"push":"p","action":"recall","scope":{"device":""}}`, codeBadRequest, "scope"},
		"text scope":            {`{"push":"p","action":"recall","scope":"d"}`, codeBadRequest, "scope"},
		"number in scope":       {`{"push":"p","action":"recall","scope":{"device":1}}`, codeBadRequest, "scope.device"},
		"scope twice":           {`{"push":"p","action":"recall","scope":{"device":"d"},"scope":{"device":"e"}}`, codeBadRequest, "scope"},
		"twice in other case":   {`{"push":"p","Push":"q","action":"recall"}`, codeBadRequest, "Push"},
		"device and user":       {`{"push":"p","action":"recall","scope":{"device":"d","user":"u"}}`, codeBadRequest, "scope"},
		"channel alone":         {`{"push":"p","action":"recall","scope":{"channel":"fcm"}}`, codeBadRequest, "scope.device"},
		"cancel of a device":    {`{"push":"p","action":"cancel","scope":{"device":"d"}}`, codeBadRequest, "scope"},
		"replacement of recall": {`{"push":"p","action":"recall","replacement":{"body":"b"}}`, codeBadRequest, "replacement"},
		"replaced by itself":    {`{"push":"p","action":"override","replacement":{"push":"p","body":"b"}}`, codeBadRequest, "replacement.push"},
		"long reason":           {`{"push":"p","action":"recall","reason":"` + strings.Repeat("x", 300) + `"}`, codeBadRequest, "reason"},
		"app in the body":       {`{"push":"p","action":"recall","app":"b"}`, codeBadRequest, "app"},
	} {
		for _, path := range []string{"/v1/recalls", "/v1/preview"} {
			a := n.do("POST", path, c.body, "Content-Type", TypeJSON)
			p := a.problem(t)
			if name == "empty" {
				c.code = codeBadJSON
			}
			if a.Status != 400 || p.Code != c.code || p.Field != c.field {
				t.Errorf("%s at %s: %d %s", name, path, a.Status, a.Body)
			}
		}
	}
	if n.End() != before {
		t.Errorf("the log moved from %s to %s", before, n.End())
	}
}

// TestBadRequests checks what is wrong around the body.
func TestBadRequests(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", fact("push.sent", "p", "fcm", "d"))
	before := n.End()
	good := `{"push":"p","action":"recall"}`
	for name, c := range map[string]struct {
		path, body string
		status     int
		headers    []string
	}{
		"text":            {"/v1/recalls", good, 415, []string{"Content-Type", "text/plain"}},
		"no type":         {"/v1/recalls", good, 415, []string{"Content-Type", ""}},
		"too large":       {"/v1/recalls", `{"push":"p","action":"recall","reason":"` + strings.Repeat("x", maxRequestBody) + `"}`, 413, nil},
		"dry run":         {"/v1/recalls?dry_run=true", good, 400, nil},
		"empty key":       {"/v1/recalls", good, 400, []string{headerKey, ""}},
		"long key":        {"/v1/recalls", good, 400, []string{headerKey, strings.Repeat("k", 256)}},
		"body of redrive": {"/v1/recalls/r/redrive", `{"devices":["d"]}`, 400, nil},
		"abort misspelt":  {"/v1/recalls/r/abort", `{"raeson":"x"}`, 400, nil},
		"abort unknown":   {"/v1/recalls/r/abort", ``, 404, nil},
		"redrive unknown": {"/v1/recalls/r/redrive", ``, 404, nil},
		"abort long":      {"/v1/recalls/r/abort", `{"reason":"` + strings.Repeat("x", 300) + `"}`, 400, nil},
	} {
		if a := n.do("POST", c.path, c.body, c.headers...); a.Status != c.status {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if n.End() != before {
		t.Errorf("the log moved from %s to %s", before, n.End())
	}
}

// TestOneRecall asks 64 times at once: one is accepted and the others name it (L5).
func TestOneRecall(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", fact("push.sent", "p", "fcm", "d"))
	var mu sync.Mutex
	var accepted []string
	refused := map[string]int{}
	var crowd sync.WaitGroup
	for i := range 64 {
		crowd.Go(func() {
			key := ""
			if i%2 == 0 {
				key = fmt.Sprint("key", i)
			}
			a, err := n.client("", "").Recall(context.Background(), RecallRequest{Push: "p", Action: channels.Recall, Reason: fmt.Sprint(i)}, key)
			mu.Lock()
			defer mu.Unlock()
			var p *Problem
			switch {
			case err == nil:
				accepted = append(accepted, a.Recall)
			case errors.As(err, &p) && p.Status == 409 && p.Code == string(ledger.AlreadyRecalled) && p.First != nil:
				refused[p.First.Recall]++
			default:
				t.Error(err)
			}
		})
	}
	crowd.Wait()
	if len(accepted) != 1 || refused[accepted[0]] != 63 {
		t.Errorf("accepted %v, refused in favour of %v", accepted, refused)
	}
}

// TestRecallLife follows a recall from its request to its end.
func TestRecallLife(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	c := n.client("", "")
	n.publish("", "", created("p", `"slot":"s"`), fact("push.sent", "p", "fcm", "d1", "d2", "d3", "d4"), fact("click.clicked", "p", "fcm", "d4"))
	a := n.do("POST", "/v1/recalls", `{"push":"p","action":"override","replacement":{"title":"new"}}`)
	if a.Status != 202 || !strings.HasPrefix(a.Header.Get("Location"), "/v1/recalls/") || a.Header.Get(headerReplayed) != "" || a.Header.Get(headerPosition) == "" {
		t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
	}
	id := strings.TrimPrefix(a.Header.Get("Location"), "/v1/recalls/")
	for _, want := range []string{`"recall":"` + id, `"state":"running"`, `"deadline":"`, `"replacement":"override-` + id, `"watch":"/v1/recalls/` + id + `/watch"`} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("the answer lacks %s: %s", want, a.Body)
		}
	}
	if n, err := c.Redrive(ctx, id); n != 0 || err != nil {
		t.Errorf("nothing to re-drive: %d, %v", n, err)
	}
	v, err := c.GetRecall(ctx, id)
	if err != nil || v.Total.Planned != 3 || v.Total.Waiting != 3 || v.State != ledger.Running {
		t.Fatalf("%+v, %v", v, err)
	}
	command := n.Append("default", "p", events.CommandIssued, &events.Command{
		Recall: id, Channel: "fcm", Action: "override", Method: "overwrite", Devices: []string{"d1", "d2", "d3"}, Deadline: v.Deadline,
	})
	n.Append("default", "p", events.OutcomeAccepted, &events.Outcome{Recall: id, Channel: "fcm", Devices: []string{"d1"}, Command: command.Seq})
	n.Append("default", "p", events.OutcomeRefused, &events.Outcome{Recall: id, Channel: "fcm", Devices: []string{"d2", "d3"}, Command: command.Seq})
	list := func(o RecallDevicesOptions) (words []string) {
		if err := c.RecallDevices(ctx, id, o, func(d RecallDevice) error {
			words = append(words, d.Device+" "+d.Outcome+" "+strings.Join(d.Facts, "+"))
			if !d.Commanded || d.Late || d.Channel != "fcm" || d.Cursor == "" {
				t.Errorf("%+v", d)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return words
	}
	if got := list(RecallDevicesOptions{}); !slices.Equal(got, []string{"d1 accepted sent", "d2 refused sent", "d3 refused sent"}) {
		t.Errorf("%q", got)
	}
	if got := list(RecallDevicesOptions{Outcome: "refused", Limit: 1}); !slices.Equal(got, []string{"d2 refused sent"}) {
		t.Errorf("%q", got)
	}
	dead, err := c.DeadLetters(ctx, ListOptions{})
	if err != nil || len(dead.Recalls) != 1 || dead.Recalls[0].Total.Refused != 2 || dead.Next != "" {
		t.Errorf("%+v, %v", dead, err)
	}
	if n, err := c.Redrive(ctx, id); n != 2 || err != nil {
		t.Errorf("re-driven %d, %v", n, err)
	}
	if err := c.Abort(ctx, id, "stop"); err != nil {
		t.Fatal(err)
	}
	for _, again := range []func() error{func() error { return c.Abort(ctx, id, "") }, func() error { _, err := c.Redrive(ctx, id); return err }} {
		var p *Problem
		if err := again(); !errors.As(err, &p) || p.Status != 409 || p.Code != codeNotRunning {
			t.Errorf("%#v", err)
		}
	}
	if v, err = c.GetRecall(ctx, id); err != nil || v.State != ledger.Aborted {
		t.Errorf("%+v, %v", v, err)
	}
}
