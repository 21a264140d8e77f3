package projections

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// A fact on one channel too many makes no push: what is quarantined leaves
// nothing behind that a restart would forget (L3).
func TestFoldChannelLimit(t *testing.T) {
	f := newFixture(t)
	for i := range maxChannels {
		f.fact(events.PushSent, "p", fmt.Sprintf("c%d", i), "d")
	}
	f.fact(events.PushSent, "ghost", "one-too-many", "d")
	f.fact(events.PushSent, "next", "c0", "d")
	p := f.folded()
	if got := reasons(t, p); len(got) != 1 || !strings.Contains(got[0], "the limit") {
		t.Errorf("quarantined %q, want the channel limit", got)
	}
	if got := must(p.Push(testApp, "ghost", epoch))(t); got != nil {
		t.Errorf("a quarantined fact made the push %+v", got)
	}
	if got := p.Stats().Pushes; got != 2 {
		t.Errorf("%d pushes, want 2", got)
	}
	list, _, err := p.Pushes(testApp, Page{}, epoch)
	if err != nil || len(list) != 2 {
		t.Errorf("listed %d pushes, %v; want 2", len(list), err)
	}
	// A restart between the two must not change what comes after.
	fs := vfs.NewMem()
	q := f.open(f.config(fs))
	f.foldTo(q, maxChannels+1)
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	q = f.open(f.config(fs))
	closeAfter(t, q)
	f.catchUp(q)
	if got, want := must(q.Digest())(t), must(p.Digest())(t); got != want {
		t.Error("a restart after a quarantined fact changed the content")
	}
}

// A recall id names one recall of the app for good.
func TestFoldRecallIDTaken(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	f.fact(events.PushSent, "b", "fcm", "d2", "d3")
	f.recall("a", "r", "recall", events.Scope{})
	f.recall("b", "r", "recall", events.Scope{})
	p := f.folded()
	if got := must(p.Recall(testApp, "r"))(t); got == nil || got.Push != "a" {
		t.Errorf("recall r is %+v, want that of push a", got)
	}
	if got := reasons(t, p); len(got) != 1 {
		t.Errorf("quarantined %q, want the second recall r", got)
	}
}

// The end of a recall that does not exist is a bad event, not a silent one (L12).
func TestFoldClosedUnknown(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	f.put(events.RecallCompleted, "a", &events.Closed{Recall: "none"})
	p := f.folded()
	if got := reasons(t, p); len(got) != 1 || got[0] != errUnknownRecall.Error() {
		t.Errorf("quarantined %q, want %q", got, errUnknownRecall)
	}
}

// What the fold passes over stands on the subject all the same: the fences must
// follow, or no later decision or command could be appended.
func TestFoldFences(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	f.recall("a", "r", "recall", events.Scope{})
	decision := f.recall("a", "r", "recall", events.Scope{})
	f.fact(events.PushSent, "b", "fcm", "d1")
	closed := f.put(events.RecallAborted, "b", &events.Closed{Recall: "none"})
	command := f.command("a", "none", "fcm", "d1")
	f.fact(events.PushSent, "a", "apns", "x")
	f.fact(events.ClickClicked, "c", "huawei", "y")
	f.recall("c", "rc", "recall", events.Scope{})
	idle := f.command("c", "rc", "huawei", "y") // the recall has nothing there
	p := f.folded()
	if got := must(p.State(testApp, "a", events.Scope{}))(t).Push.Decision; got != decision {
		t.Errorf("decision fence of a is %d, want %d", got, decision)
	}
	if got := must(p.State(testApp, "b", events.Scope{}))(t).Push.Decision; got != closed {
		t.Errorf("decision fence of b is %d, want %d", got, closed)
	}
	if got := must(p.LastCommand(testApp, "a", "fcm"))(t); got != command {
		t.Errorf("command fence of a on fcm is %d, want %d", got, command)
	}
	if got := must(p.LastCommand(testApp, "a", "apns"))(t); got != 0 {
		t.Errorf("command fence of a on apns is %d, want 0", got)
	}
	if got := must(p.LastCommand(testApp, "c", "huawei"))(t); got != idle {
		t.Errorf("command fence of c on huawei is %d, want %d", got, idle)
	}
}

// A scope that names nothing known widens to nothing (L9).
func TestFoldEmptyScope(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	f.recall("a", "r", "recall", events.Scope{Channel: "fcm"})
	f.fact(events.PushSent, "a", "fcm", "d2")
	p := f.folded()
	if got := must(p.Recall(testApp, "r"))(t).Total; got != (RecallCounts{}) {
		t.Errorf("a recall of no device concerns %+v", got)
	}
}

// A device belongs to its user also in facts that do not name the user (L8).
func TestFoldLateUser(t *testing.T) {
	sent := &events.Fact{Channel: "fcm", Devices: []string{"d"}, Users: []string{"u"}}
	for _, c := range []struct {
		name   string
		before func(f *fixture)
		after  func(f *fixture)
	}{
		{"failed and delivered after all", func(f *fixture) {
			f.put(events.PushSent, "a", sent)
			f.fact(events.PushFailed, "a", "fcm", "d")
		}, func(f *fixture) { f.fact(events.DeliveryDelivered, "a", "fcm", "d") }},
		{"known from another push", func(f *fixture) {
			f.fact(events.PushSent, "a", "fcm", "other")
			f.put(events.PushSent, "b", sent)
		}, func(f *fixture) { f.fact(events.DeliveryDelivered, "a", "fcm", "d") }},
		{"named after the fact", func(f *fixture) {
			f.fact(events.PushSent, "a", "fcm", "d")
		}, func(f *fixture) { f.put(events.PushSent, "a", sent) }},
		{"delivered before sent", func(f *fixture) {
			f.fact(events.PushSent, "a", "fcm", "other")
		}, func(f *fixture) {
			f.fact(events.DeliveryDelivered, "a", "fcm", "d")
			f.put(events.PushSent, "a", sent)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			c.before(f)
			f.recall("a", "r", "recall", events.Scope{User: "u"})
			c.after(f)
			got := must(f.folded().Recall(testApp, "r"))(t).Total
			if got.Planned != 0 || got.Late != 1 {
				t.Errorf("planned %d, late %d; want the device late", got.Planned, got.Late)
			}
		})
	}
}

// A recall that was aborted before it touched a device does not keep a later
// one away from it (L8); what it did touch is not touched twice.
func TestFoldAfterAbort(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "idle", "skipped", "done", "never")
	for i, d := range []string{"idle", "skipped", "done"} {
		f.recall("a", fmt.Sprintf("r%d", i), "recall", events.Scope{Device: d})
	}
	f.command("a", "r1", "fcm", "skipped")
	f.command("a", "r2", "fcm", "done")
	f.outcome(events.OutcomeAccepted, "a", "r2", "fcm", "done")
	for i := range 3 {
		f.put(events.RecallAborted, "a", &events.Closed{Recall: fmt.Sprintf("r%d", i)})
	}
	f.outcome(events.OutcomeSkipped, "a", "r1", "fcm", "skipped")
	p := f.folded()
	targets := must(p.Targets(testApp, "a", channels.Recall, events.Scope{}))(t)
	if len(targets) != 1 || targets[0].Possible != 3 {
		t.Errorf("the preview counts %+v, want 3 possible", targets)
	}
	f.recall("a", "all", "recall", events.Scope{})
	f.catchUp(p)
	planned, _, err := p.DueDevices(testApp, "all", "fcm", 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(planned, []string{"idle", "skipped", "never"}); diff != "" {
		t.Errorf("planned (-got +want):\n%s", diff)
	}
}

// The zone of the machine that reads the log is no part of the content (L3).
func TestFoldTimeZone(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "d1")
	f.recall("a", "r", "recall", events.Scope{})
	f.put(events.RecallAborted, "a", &events.Closed{Recall: "r"})
	utc := f.folded()
	east := f.open(f.config(vfs.NewMem()))
	closeAfter(t, east)
	for _, m := range f.log.Messages() {
		m.Time = m.Time.In(time.FixedZone("east", 2*60*60))
		if err := east.Apply(m); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := must(east.Digest())(t), must(utc.Digest())(t); got != want {
		t.Error("the content depends on the time zone")
	}
	got, want := must(east.Recall(testApp, "r"))(t), must(utc.Recall(testApp, "r"))(t)
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("recall in another zone (-got +want):\n%s", diff)
	}
	if got.ClosedAt.Location() != time.UTC || got.State != ledger.Aborted {
		t.Errorf("closed at %v in state %s", got.ClosedAt, got.State)
	}
}

// A claim on another key's subject was not fenced: it claims nothing (L6).
func TestFoldKeySubject(t *testing.T) {
	f := newFixture(t)
	e := &events.Event{
		Header: events.Header{Kind: events.KeyClaimed, App: testApp, Push: "a", Time: f.now},
		Data:   &events.Key{Key: "k", Fingerprint: "f", Status: 202, Answer: "{}"},
	}
	b, err := events.Encode(e)
	if err != nil {
		t.Fatal(err)
	}
	f.raw(events.KeySubject(0, testApp, "another"), b)
	p := f.folded()
	if k := must(p.Key(testApp, "k"))(t); k != nil {
		t.Errorf("key k is claimed: %+v", k)
	}
	if got := reasons(t, p); len(got) != 1 {
		t.Errorf("quarantined %q, want the claim", got)
	}
}

// A recall that ran beside the aborted one takes over what that one leaves (L8).
func TestFoldAbortReleases(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "a", "fcm", "idle", "done", "clicked", "other")
	for i, d := range []string{"idle", "done", "clicked"} {
		f.recall("a", fmt.Sprintf("r%d", i), "recall", events.Scope{Device: d})
	}
	f.recall("a", "all", "recall", events.Scope{})
	f.command("a", "r1", "fcm", "done")
	f.outcome(events.OutcomeAccepted, "a", "r1", "fcm", "done")
	f.fact(events.ClickClicked, "a", "fcm", "clicked")
	for i := range 3 {
		f.put(events.RecallAborted, "a", &events.Closed{Recall: fmt.Sprintf("r%d", i)})
	}
	p := f.folded()
	planned, late, err := p.DueDevices(testApp, "all", "fcm", 10)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{planned, late}, [][]string{{"other"}, {"idle"}}); diff != "" {
		t.Errorf("due (-got +want):\n%s", diff)
	}
}
