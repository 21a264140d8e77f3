package partition_test

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
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/facade/facadetest"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

const (
	app   = "shop"
	parts = 4
)

// start runs a ledger of four partitions.
func start(t *testing.T) (*facadetest.Node, *partition.Set) {
	n := facadetest.Start(t, facadetest.Config{Partitions: parts})
	return n, n.Desk.Ledger
}

// pushIn returns the nth push id that belongs to a partition.
func pushIn(part, nth int) string {
	for i := 0; ; i++ {
		id := fmt.Sprintf("p%d", i)
		if events.PartitionOf(app, id, parts) != part {
			continue
		}
		if nth--; nth < 0 {
			return id
		}
	}
}

func render(q *events.Requested, r *ledger.Refusal) (int, []byte) {
	if r != nil {
		return 409, []byte(r.Code)
	}
	return 202, []byte(q.Recall)
}

func recall(push string) ledger.Request {
	return ledger.Request{App: app, Push: push, Action: channels.Recall, WholeSends: new(true)}
}

// TestPlace: a batch puts every event into the partition of its push, and says
// where in each.
func TestPlace(t *testing.T) {
	n, set := start(t)
	b := set.NewBatch()
	for i := range 40 {
		e := &events.Event{
			Header: events.Header{Kind: events.DisplayShown, App: app, Push: fmt.Sprintf("p%d", i), Time: n.Now()},
			Data:   &events.Fact{Channel: "apns", Devices: []string{"d"}},
		}
		if err := b.Add(e); err != nil {
			t.Fatal(err)
		}
	}
	at, err := b.Offer(t.Context())
	if err != nil || len(at) != parts {
		t.Fatalf("stored at %s, %v, want a position in each of %d partitions", at, err, parts)
	}
	if err := set.Wait(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	for _, p := range set.Parts() {
		err := p.Log.Read(t.Context(), events.Range{}, func(m events.Message) error {
			e, err := events.Decode(m.Data)
			if err == nil && events.PartitionOf(app, e.Push, parts) != p.Number() {
				t.Errorf("push %s stands in partition %d", e.Push, p.Number())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := set.Stats(); err != nil || got.Notifications != 40 || got.Pushes != 40 || got.Apps != 1 {
		t.Errorf("the sums are %+v", got)
	}
	held, err := set.DeviceNotifications(app, "", "d", true)
	if err != nil || len(held) != 40 {
		t.Errorf("the device holds %d notifications, %v, want 40", len(held), err)
	}
	if end, err := set.End(t.Context()); err != nil || end.String() != at.String() || set.Applied().String() != at.String() {
		t.Errorf("the end is %s (%v), applied is %s, want %s", end, err, set.Applied(), at)
	}
	if err := set.Wait(t.Context(), events.Positions{{Partition: parts, Seq: 1}}); err == nil {
		t.Error("a position in a partition that is not there was waited for")
	}
}

// TestLists: pages of any size give every entry once, in the order of one list.
func TestLists(t *testing.T) {
	n, set := start(t)
	const pushes = 23
	for i := range pushes {
		n.Record(app, fmt.Sprintf("p%d", i), "")
		n.Advance(time.Second)
		if a, err := set.Decide(t.Context(), recall(fmt.Sprintf("p%d", i)), "", render); err != nil || a.Requested == nil {
			t.Fatal(a, err)
		}
		n.Append(app, fmt.Sprintf("p%d", i), events.PushCreated, &events.Created{Title: "other", Audience: events.Audience{Kind: events.AudienceAll}})
	}
	for _, limit := range []int{1, 2, 3, 7, 22, 23, 24, 1000} {
		var ids, recalls, bad []string
		for g := (projections.Page{Limit: limit}); ; {
			list, next, err := set.Pushes(app, g, n.Now())
			if err != nil || len(list) > limit || len(list) == 0 && next != "" {
				t.Fatalf("%d pushes, next %q, %v", len(list), next, err)
			}
			for _, p := range list {
				ids = append(ids, p.Push)
			}
			if g.Cursor = next; next == "" {
				break
			}
		}
		for g := (projections.Page{Limit: limit}); ; {
			list, next, err := set.Recalls(app, g)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				recalls = append(recalls, r.Push)
			}
			if g.Cursor = next; next == "" {
				break
			}
		}
		for g := (projections.Page{Limit: limit}); ; {
			list, next, total, err := set.Quarantined(g)
			if err != nil || total != pushes {
				t.Fatalf("%d quarantined in all, %v", total, err)
			}
			for _, q := range list {
				bad = append(bad, q.Position.String())
			}
			if g.Cursor = next; next == "" {
				break
			}
		}
		want := make([]string, pushes)
		for i := range want {
			want[i] = fmt.Sprintf("p%d", pushes-1-i)
		}
		if !slices.Equal(ids, want) || !slices.Equal(recalls, want) {
			t.Errorf("pages of %d give %v and %v", limit, ids, recalls)
		}
		if slices.Sort(bad); len(slices.Compact(bad)) != pushes {
			t.Errorf("pages of %d give %d quarantined", limit, len(bad))
		}
	}
	for _, cursor := range []string{"x", "..", "....", "-.-.-.-.-", "?.-.-.-", strings.Repeat("-.", 100)} {
		if _, _, err := set.Pushes(app, projections.Page{Cursor: cursor}, n.Now()); !errors.Is(err, projections.ErrCursor) {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	}
}

// TestKeyOverPartitions: two requests under one key for pushes of different
// partitions cannot both win, and the winner's retry gets its answer (L6).
func TestKeyOverPartitions(t *testing.T) {
	n, set := start(t)
	var pushes []string
	for p := range parts {
		for i := range 2 {
			pushes = append(pushes, pushIn(p, i))
			n.Record(app, pushIn(p, i), "")
		}
	}
	for round := range 10 {
		key := fmt.Sprintf("key-%d", round)
		answers, errs := make([]decision.Answer, len(pushes)), make([]error, len(pushes))
		var wg sync.WaitGroup
		for i, push := range pushes {
			wg.Go(func() {
				r := recall(push)
				r.Reason = key // a later round is another request
				answers[i], errs[i] = set.Decide(context.Background(), r, key, render)
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner < 0:
				winner = i
			case err == nil:
				t.Fatalf("%s: %s and %s both have the key", key, pushes[winner], pushes[i])
			case !errors.Is(err, decision.ErrKeyReused):
				t.Fatalf("%s: %v", key, err)
			}
		}
		if winner < 0 {
			t.Fatalf("%s: nobody has it", key)
		}
		r := recall(pushes[winner])
		r.Reason = key
		again, err := set.Decide(t.Context(), r, key, render)
		if err != nil || !again.Replayed || string(again.Body) != string(answers[winner].Body) {
			t.Errorf("%s: the retry got %q, replayed %t, %v; first %q", key, again.Body, again.Replayed, err, answers[winner].Body)
		}
	}
}

// TestRateOverPartitions: an app's rate holds for pushes of all partitions.
func TestRateOverPartitions(t *testing.T) {
	n, set := start(t)
	var pushes []string
	for p := range parts {
		pushes = append(pushes, pushIn(p, 0), pushIn(p, 1))
		n.Record(app, pushIn(p, 0), "timpush")
		n.Record(app, pushIn(p, 1), "timpush")
	}
	n.Freeze(n.Now())
	for left := slices.Clone(pushes); len(left) > 0; n.Advance(1100 * time.Millisecond) {
		answers := make([]decision.Answer, len(left))
		var wg sync.WaitGroup
		for i, push := range left {
			wg.Go(func() {
				var err error
				if answers[i], err = set.Decide(context.Background(), recall(push), "", render); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var won []string
		for i, a := range answers {
			if a.Requested != nil {
				won = append(won, left[i])
			} else if a.Refusal == nil || a.Refusal.Code != ledger.RateLimited {
				t.Fatalf("%s: %+v", left[i], a.Refusal)
			}
		}
		if len(won) != 1 {
			t.Fatalf("within one second %v were accepted", won)
		}
		left = slices.DeleteFunc(left, func(p string) bool { return p == won[0] })
	}
}

// TestSuccessor: the new push of an override is put into its own partition, by
// the decision, by who asked, or later by the planner; never twice.
func TestSuccessor(t *testing.T) {
	n, set := start(t)
	for to := range parts {
		old, replacement := pushIn(0, to), pushIn(to, 10)
		n.Record(app, old, "")
		r := recall(old)
		r.Action, r.Replacement = channels.Override, &events.Replacement{Push: replacement, Title: "new", Body: "text"}
		var id string
		if to%2 == 0 {
			a, err := set.Decide(t.Context(), r, "", render)
			if err != nil || a.Requested == nil {
				t.Fatal(a.Refusal, err)
			}
			id = a.Requested.Recall
		} else {
			// As after a crash behind the decision.
			a, err := facadetest.Must(set.Of(t.Context(), app, old))(t).Decider.Recall(t.Context(), r, "", render)
			if err != nil || a.Requested == nil {
				t.Fatal(a.Refusal, err)
			}
			id = a.Requested.Recall
			if s, err := set.State(app, replacement, events.Scope{}); err != nil || s.Push.Known() {
				t.Fatalf("the new push is there already (%v)", err)
			}
		}
		for range 2 {
			if err := set.Succeed(t.Context(), app, id); err != nil {
				t.Fatal(err)
			}
		}
		s, err := set.State(app, replacement, events.Scope{})
		if err != nil || s.Push.Created == nil || s.Push.Created.Title != "new" || s.Push.Created.Replaces != old || s.Push.Created.Slot != "s" {
			t.Errorf("the new push is %+v, %v", s.Push.Created, err)
		}
		count := 0
		for _, p := range set.Parts() {
			if err := p.Log.Read(t.Context(), events.Range{}, func(m events.Message) error {
				if e, err := events.Decode(m.Data); err == nil && e.Push == replacement {
					count++
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if count != 1 {
			t.Errorf("the new push stands %d times on the log", count)
		}
		taken := recall(pushIn(3, 20))
		n.Record(app, taken.Push, "")
		taken.Action, taken.Replacement = channels.Override, &events.Replacement{Push: replacement, Title: "x"}
		if a, err := set.Decide(t.Context(), taken, "", render); err != nil || a.Refusal == nil || a.Refusal.Code != ledger.ReplacementPushTaken {
			t.Errorf("a second override by the same push: %+v, %v", a.Refusal, err)
		}
	}
}

// TestFindRecall: a recall is found, aborted and listed wherever it is, and what
// is none is not found anywhere (L9).
func TestFindRecall(t *testing.T) {
	n, set := start(t)
	for p := range parts {
		push := pushIn(p, 0)
		n.Fact(app, push, events.DisplayShown, "apns", "d1", "d2")
		a, err := set.Decide(t.Context(), recall(push), "", render)
		if err != nil || a.Requested == nil {
			t.Fatal(a.Refusal, err)
		}
		id := a.Requested.Recall
		if v, err := set.Recall(app, id); err != nil || v == nil || v.Push != push {
			t.Errorf("recall %s: %+v, %v", id, v, err)
		}
		if v, err := set.Recall("other", id); err != nil || v != nil {
			t.Errorf("another app finds %+v, %v", v, err)
		}
		waiting := 0
		if _, err := set.EachRecalled(t.Context(), app, id, "", "", func(projections.Device) error { waiting++; return nil }); err != nil || waiting != 2 {
			t.Errorf("%d devices, %v", waiting, err)
		}
		if open, err := set.Open(); err != nil || len(open) != 1 || open[0].Recall != id {
			t.Errorf("open: %+v, %v", open, err)
		}
		if _, err := set.Abort(t.Context(), "other", id, "", ""); !errors.Is(err, decision.ErrNotFound) {
			t.Errorf("another app's abort: %v", err)
		}
		if pos, err := set.Abort(t.Context(), app, id, "me", "enough"); err != nil || pos.Partition != p {
			t.Errorf("abort at %s, %v", pos, err)
		}
	}
	if _, err := set.Abort(t.Context(), app, "none", "", ""); !errors.Is(err, decision.ErrNotFound) {
		t.Errorf("abort of no recall: %v", err)
	}
	if _, err := set.Redrive(t.Context(), app, "none", n.Now()); !errors.Is(err, decision.ErrNotFound) {
		t.Errorf("redrive of no recall: %v", err)
	}
}

// TestMoved: an event of any partition wakes who waits.
func TestMoved(t *testing.T) {
	n, set := start(t)
	for p := range parts {
		moved := set.Moved()
		if set.Moved() != moved {
			t.Error("who comes second waits for something else")
		}
		n.Record(app, pushIn(p, 0), "")
		select {
		case <-moved:
		case <-t.Context().Done():
			t.Fatal("nobody was woken")
		}
	}
}
