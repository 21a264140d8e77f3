package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
)

// TestOddIDs sends ids with every awkward character through every path.
func TestOddIDs(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	c := n.client("", "")
	for _, id := range []string{
		"v:1t:1603707455p:27133n:2", "a/b", "/", "//", "a//b", "/gate", "gate", ".", "..", "...", "a.b", "with space", " ", "中文推送", "100%", "%2F", "%00",
		"a?b=c", "a#b", "a+b", "a&b", `a"b\c`, "é", "ä", "a;b", "[x]", "{push}", "~", "😀", "&lt;", strings.Repeat("中", 42),
	} {
		t.Run(id, func(t *testing.T) {
			n.publish("", "", created(id, `"slot":"s"`),
				fmt.Sprintf(`{"kind":"push.sent","push":%s,"data":{"channel":"fcm","devices":[%s],"users":[%s]}}`, quote(id), quote(id), quote(id)))
			v, err := c.Push(ctx, id, ReadOptions{})
			if err != nil || v.Push != id {
				t.Fatalf("push %+v, %v", v, err)
			}
			var holders []Holder
			if err := c.Holders(ctx, id, HoldersOptions{}, func(h Holder) error { holders = append(holders, h); return nil }); err != nil || len(holders) != 1 || holders[0].Device != id {
				t.Errorf("holders %+v, %v", holders, err)
			}
			a, err := c.Notification(ctx, id, id, "fcm", ReadOptions{})
			if err != nil || len(a.Notifications) != 1 || a.Notifications[0].Device != id || len(a.History) != 2 {
				t.Errorf("notification %+v, %v", a, err)
			}
			list, err := c.Device(ctx, id, "fcm", true)
			if err != nil || len(list) != 1 || list[0].Push != id {
				t.Errorf("device %+v, %v", list, err)
			}
			if list, err = c.User(ctx, id, false); err != nil || len(list) != 1 || list[0].Push != id {
				t.Errorf("user %+v, %v", list, err)
			}
			r, err := c.Recall(ctx, RecallRequest{Push: id, Action: "recall", Scope: events.Scope{Device: id}}, "key "+id)
			if err != nil {
				t.Fatal(err)
			}
			g, err := c.Gate(ctx, id, id, "fcm", id)
			if err != nil || g.Open || g.Recall != r.Recall {
				t.Errorf("gate %+v, %v", g, err)
			}
			d, err := c.DeviceCredential(ctx, id)
			if err != nil || d.User != "default/"+id {
				t.Errorf("credential %+v, %v", d, err)
			}
		})
	}
}

func TestLists(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	c := n.client("", "")
	for i := range 5 {
		n.publish("", "", created(fmt.Sprint("p", i), ""), fact("push.sent", fmt.Sprint("p", i), "fcm", "d"))
	}
	n.publish("", "", fact("click.clicked", "p0", "fcm", "d"))
	var got []string
	o := ListOptions{Limit: 2}
	for {
		l, err := c.Pushes(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range l.Pushes {
			got = append(got, p.Push)
		}
		if o.Cursor = l.Next; l.Next == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"p4", "p3", "p2", "p1", "p0"}, got); diff != "" {
		t.Error(diff)
	}
	held, err := c.Device(ctx, "d", "", false)
	if err != nil || len(held) != 4 {
		t.Errorf("%d held, %v", len(held), err)
	}
	if all, err := c.Device(ctx, "d", "fcm", true); err != nil || len(all) != 5 {
		t.Errorf("%d in all, %v", len(all), err)
	}
	if none, err := c.Device(ctx, "nobody", "", true); err != nil || none == nil || len(none) != 0 {
		t.Errorf("an unknown device has %v, %v", none, err)
	}
}

// TestBadReads checks that what a read asks for is not guessed at.
func TestBadReads(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", fact("push.sent", "p0", "fcm", "d"))
	for path, field := range map[string]string{
		"/v1/pushes?limit=0":                        "limit",
		"/v1/pushes?limit=-1":                       "limit",
		"/v1/pushes?limit=many":                     "limit",
		"/v1/pushes?cursor=%21":                     "cursor",
		"/v1/pushes?page=2":                         "page",
		"/v1/pushes?limit=1&limit=2":                "limit",
		"/v1/pushes?at_least=tomorrow":              "at_least",
		"/v1/pushes?at_least=7-1":                   "at_least",
		"/v1/pushes/" + strings.Repeat("p", 129):    "push",
		"/v1/pushes/a%01b":                          "push",
		"/v1/pushes/p0/holders?channel=fcmm":        "channel",
		"/v1/pushes/p0/holders?certainty=maybe":     "certainty",
		"/v1/pushes/p0/holders?cursor=x":            "cursor",
		"/v1/pushes/p0/holders?limit=x":             "limit",
		"/v1/pushes/p0/devices/d?channel=fcmm":      "channel",
		"/v1/pushes/p0/gate":                        "device",
		"/v1/pushes/p0/gate?device=d&channel=x":     "channel",
		"/v1/devices/d?all=perhaps":                 "all",
		"/v1/devices/d?channel=fcmm":                "channel",
		"/v1/devices/" + strings.Repeat("d", 513):   "device",
		"/v1/users/" + strings.Repeat("u", 129):     "user",
		"/v1/users/u?channel=fcm":                   "channel",
		"/v1/recalls/" + strings.Repeat("r", 65):    "recall",
		"/v1/recalls/r/devices?outcome=great":       "outcome",
		"/v1/recalls/r/watch?until=tomorrow":        "until",
		"/v1/quarantine?cursor=x":                   "cursor",
		"/v1/dead-letters?limit=x":                  "limit",
		"/v1/pushes/p0/gate?device=d&user=%01":      "user",
		"/v1/pushes/p0/devices/d?channel=a&frist=1": "frist",
	} {
		a := n.do("GET", path, "")
		if p := a.problem(t); a.Status != 400 || p.Code != codeBadRequest || p.Field != field {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if a := n.do("GET", "/v1/pushes?limit=%zz", ""); a.Status != 400 {
		t.Errorf("a broken query: %d", a.Status)
	}
}

func TestUnknown(t *testing.T) {
	n := start(t, options{})
	n.publish("", "", fact("push.sent", "p0", "fcm", "d"))
	for path, code := range map[string]string{
		"/v1/pushes/absent":              "unknown-push",
		"/v1/pushes/absent/holders":      "unknown-push",
		"/v1/pushes/absent/devices/d":    "unknown-push",
		"/v1/pushes/p0/devices/absent":   "unknown-device",
		"/v1/recalls/absent":             codeUnknownRecall,
		"/v1/recalls/absent/devices":     codeUnknownRecall,
		"/v1/recalls/absent/watch":       codeUnknownRecall,
		"/v1/pushes/p0/devices/d%20":     "unknown-device",
		"/v1/pushes/p0%20/holders":       "unknown-push",
		"/v1/pushes/p0/devices/d/notice": codeNotFound,
	} {
		a := n.do("GET", path, "")
		if p := a.problem(t); a.Status != 404 || p.Code != code {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
}

// TestAtLeast checks that a read waits for a position and says which one it is
// at least as new as.
func TestAtLeast(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{change: func(c *Config) { c.Wait = 50 * time.Millisecond }})
	c := n.client("", "")
	for i := range 20 {
		push := fmt.Sprint("p", i)
		a, err := c.Publish(ctx, TypeNDJSON, strings.NewReader(created(push, "")))
		if err != nil {
			t.Fatal(err)
		}
		if v, err := c.Push(ctx, push, ReadOptions{AtLeast: a.Position}); err != nil || v.Push != push {
			t.Fatalf("a read does not see the write before it: %v", err)
		}
	}
	for _, headers := range [][]string{{"Recall-Position", n.End().String()}, nil} {
		a := n.do("GET", "/v1/pushes/p1", "", headers...)
		if a.Status != 200 || a.Header.Get("Recall-Position") != n.End().String() {
			t.Errorf("%d, position %q", a.Status, a.Header.Get("Recall-Position"))
		}
	}
	_, err := c.Push(ctx, "p1", ReadOptions{AtLeast: events.Positions{{Seq: 1000}}})
	var p *Problem
	if !errors.As(err, &p) || p.Status != 503 || p.Code != codeBehind || p.RetryAfter == 0 {
		t.Errorf("a position not reached: %#v", err)
	}
	if a := n.do("GET", "/v1/pushes", "", "Recall-Position", "x"); a.Status != 400 || a.problem(t).Field != "Recall-Position" {
		t.Errorf("a bad header: %d %s", a.Status, a.Body)
	}
}

// TestHolders resumes a list of 10,000 holders at every page boundary and at
// odd places, and compares it with the list read at once.
func TestHolders(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	c := n.client("", "")
	var lines []string
	for _, ch := range []string{"fcm", "apns"} {
		for i := 0; i < 5000; i += 500 {
			devices := make([]string, 500)
			for j := range devices {
				devices[j] = fmt.Sprintf("%s-中-%d", ch, i+j)
			}
			lines = append(lines, fact("push.sent", "p", ch, devices...), fact("display.shown", "p", ch, devices[:100]...), fact("click.clicked", "p", ch, devices[400:]...))
		}
	}
	n.publish("", "", lines...)
	read := func(o HoldersOptions) []Holder {
		t.Helper()
		var list []Holder
		if err := c.Holders(ctx, "p", o, func(h Holder) error { list = append(list, h); return nil }); err != nil {
			t.Fatal(err)
		}
		return list
	}
	all := read(HoldersOptions{})
	seen := map[string]bool{}
	for _, h := range all {
		seen[h.Channel+h.Device] = true
	}
	if len(all) != 8000 || len(seen) != 8000 {
		t.Fatalf("%d holders, %d of them different", len(all), len(seen))
	}
	if certain, possible := read(HoldersOptions{Certainty: "certain"}), read(HoldersOptions{Certainty: "possible", Channel: "apns"}); len(certain) != 2000 || len(possible) != 3000 {
		t.Errorf("%d certain, %d possible on apns", len(certain), len(possible))
	}
	for _, step := range []int{777, 4096, 7999, 8000} {
		var paged []Holder
		o := HoldersOptions{Limit: step}
		for {
			part := read(o)
			paged = append(paged, part...)
			if len(part) < step {
				break
			}
			o.Cursor = part[len(part)-1].Cursor
		}
		if diff := cmp.Diff(all, paged); diff != "" {
			t.Fatalf("in steps of %d: %s", step, diff)
		}
	}
	// A reader that stops is no error, and leaves its slot.
	stop := errors.New("stop")
	for range 3 * cap(n.server.slots.stream.free) {
		if err := c.Holders(ctx, "p", HoldersOptions{Limit: 1}, func(Holder) error { return stop }); !errors.Is(err, stop) {
			t.Fatal(err)
		}
	}
	until(t, "all streams end", func() bool { return len(n.server.slots.stream.free) == 0 })
}

func TestHistory(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{})
	c := n.client("", "")
	n.publish("", "", created("p", `"slot":"s"`), fact("push.sent", "p", "fcm", "d", "e"), fact("push.sent", "p", "apns", "d"),
		fact("display.shown", "p", "fcm", "e"), fact("display.shown", "p", "fcm", "d"))
	// Another push of the same bucket of subjects is no part of the history.
	for i := range 200 {
		n.publish("", "", fact("display.shown", fmt.Sprint("other", i), "fcm", "d"))
	}
	a, err := c.Recall(ctx, RecallRequest{Push: "p", Action: "recall", Reason: "wrong price"}, "")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Recall(ctx, RecallRequest{Push: "p", Action: "recall"}, "")
	command := n.Append("default", "p", events.CommandIssued, &events.Command{
		Recall: a.Recall, Channel: "fcm", Action: "recall", Method: "overwrite", Devices: []string{"d", "e"}, Deadline: a.Deadline,
	})
	n.Append("default", "p", events.OutcomeAccepted, &events.Outcome{Recall: a.Recall, Channel: "fcm", Devices: []string{"d"}, Command: command.Seq})
	n.Append("default", "p", events.OutcomeRefused, &events.Outcome{Recall: a.Recall, Channel: "fcm", Devices: []string{"e"}, Command: command.Seq, Reason: "gone"})
	if err := c.Abort(ctx, a.Recall, "enough"); err != nil {
		t.Fatal(err)
	}
	kinds := func(device, channel string) []string {
		got, err := c.Notification(ctx, "p", device, channel, ReadOptions{AtLeast: events.Positions{n.End()}})
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		var last events.Seq
		for _, e := range got.History {
			if e.Position.Seq <= last || e.Stored.IsZero() || e.Time.IsZero() {
				t.Errorf("entry %+v after %d", e, last)
			}
			last = e.Position.Seq
			list = append(list, strings.TrimRight(fmt.Sprintf("%s %s %s", e.Kind, e.Channel, e.Reason), " "))
		}
		return list
	}
	if diff := cmp.Diff([]string{
		"push.created", "push.sent fcm", "push.sent apns", "display.shown fcm", "recall.requested  wrong price", "recall.refused  already-recalled",
		"command.issued fcm overwrite", "outcome.accepted fcm", "recall.aborted  enough",
	}, kinds("d", "")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{
		"push.created", "push.sent fcm", "display.shown fcm", "recall.requested  wrong price", "recall.refused  already-recalled",
		"command.issued fcm overwrite", "outcome.refused fcm gone", "recall.aborted  enough",
	}, kinds("e", "fcm")); diff != "" {
		t.Error(diff)
	}
}

func TestGate(t *testing.T) {
	ctx := context.Background()
	n := start(t, options{node: facadetest.Config{Log: jetstream.Config{Timeout: 500 * time.Millisecond}}})
	c := n.client("", "")
	n.publish("", "", fact("push.sent", "p", "fcm", "d", "e"))
	gate := func(push, device string, open bool, recall string) {
		t.Helper()
		if g, err := c.Gate(ctx, push, device, "fcm", ""); err != nil || g.Open != open || g.Recall != recall {
			t.Errorf("gate of %s for %s: %+v, %v", push, device, g, err)
		}
	}
	gate("p", "d", true, "")
	gate("never-heard-of", "d", true, "")
	one, err := c.Recall(ctx, RecallRequest{Push: "p", Action: "recall", Scope: events.Scope{Device: "d"}}, "")
	if err != nil {
		t.Fatal(err)
	}
	gate("p", "d", false, one.Recall)
	gate("p", "e", true, "")
	if err := c.Abort(ctx, one.Recall, ""); err != nil {
		t.Fatal(err)
	}
	gate("p", "d", true, "")
	all, err := c.Recall(ctx, RecallRequest{Push: "p", Action: "recall"}, "")
	if err != nil {
		t.Fatal(err)
	}
	gate("p", "e", false, all.Recall)
	// The sender is told the same way however new its view is: an answer at
	// all is from the log.
	n.StopServer()
	if g, err := c.Gate(ctx, "p", "e", "fcm", ""); err == nil || g.Open {
		t.Errorf("without the log the gate is %+v", g)
	}
}
