package remote_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/logtest"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/remote"
	"github.com/recall-ledger/recall-ledger/projections"
)

// devicesOf reads a list of devices of a ledger.
func devicesOf(each func(func(projections.Device) error) (bool, error)) ([]any, error) {
	var list []any
	found, err := each(func(d projections.Device) error { list = append(list, d); return nil })
	return append(list, found), err
}

// views are all questions, each of which returns all it is answered.
func views(v partition.Views, ctx context.Context, push, recall string, now time.Time) map[string]func() ([]any, error) {
	page := projections.Page{Limit: 1}
	one := func(a any, err error) ([]any, error) { return []any{a}, err }
	list := map[string]func() ([]any, error){
		"targets": func() ([]any, error) { return one(v.Targets(app, push, channels.Recall, events.Scope{})) },
		"key":     func() ([]any, error) { return one(v.Key(app, "key-"+push)) },
		"no key":  func() ([]any, error) { return one(v.Key(app, "none")) },
		"recall":  func() ([]any, error) { return one(v.Recall(app, recall)) },
		"no recall": func() ([]any, error) {
			return one(v.Recall("other", recall))
		},
		"recall state": func() ([]any, error) {
			p, r, err := v.RecallState(app, recall)
			return []any{p, r}, err
		},
		"no recall state": func() ([]any, error) {
			p, r, err := v.RecallState(app, "none")
			return []any{p, r}, err
		},
		"last recall":    func() ([]any, error) { return one(v.LastRecall(app)) },
		"no last recall": func() ([]any, error) { return one(v.LastRecall("none")) },
		"push":           func() ([]any, error) { return one(v.Push(app, push, now)) },
		"no push":        func() ([]any, error) { return one(v.Push("other", push, now)) },
		"pushes": func() ([]any, error) {
			l, next, err := v.Pushes(app, page, now)
			return []any{l, next}, err
		},
		"pushes of nobody": func() ([]any, error) {
			l, next, err := v.Pushes("none", projections.Page{}, now)
			return []any{l, next}, err
		},
		"push bounds": func() ([]any, error) {
			a, b, err := v.PushBounds(app, push)
			return []any{a, b}, err
		},
		"notifications":        func() ([]any, error) { return one(v.Notifications(app, push, "", "d1")) },
		"device notifications": func() ([]any, error) { return one(v.DeviceNotifications(app, "fcm", "d1", false)) },
		"held":                 func() ([]any, error) { return one(v.DeviceNotifications(app, "", "d0", true)) },
		"user notifications":   func() ([]any, error) { return one(v.UserNotifications(app, "nobody", false)) },
		"recalls": func() ([]any, error) {
			l, next, err := v.Recalls(app, page)
			return []any{l, next}, err
		},
		"quarantined": func() ([]any, error) {
			l, next, n, err := v.Quarantined(page)
			return []any{l, next, n}, err
		},
		"bad cursor": func() ([]any, error) {
			l, next, err := v.Pushes(app, projections.Page{Cursor: "?"}, now)
			return []any{l, next}, err
		},
		"open":    func() ([]any, error) { return one(v.Open()) },
		"apps":    func() ([]any, error) { return one(v.Apps()) },
		"applied": func() ([]any, error) { return one(v.Applied(), nil) },
		"stats": func() ([]any, error) {
			s, err := v.Stats()
			s.DiskBytes = 0 // differs from one moment to the next
			return one(s, err)
		},
		"no holders": func() ([]any, error) {
			return devicesOf(func(f func(projections.Device) error) (bool, error) {
				return v.EachHolder(ctx, "other", push, projections.Holders{}, f)
			})
		},
		"recalled": func() ([]any, error) {
			return devicesOf(func(f func(projections.Device) error) (bool, error) {
				return v.EachRecalled(ctx, app, recall, "", "", f)
			})
		},
		"recalled by outcome": func() ([]any, error) {
			return devicesOf(func(f func(projections.Device) error) (bool, error) {
				return v.EachRecalled(ctx, app, recall, "confirmed", "", f)
			})
		},
	}
	for name, s := range map[string]events.Scope{"": {}, " of a device": {Device: "d1"}, " of nobody": {User: "u"}} {
		list["state"+name] = func() ([]any, error) { return one(v.State(app, push, s)) }
	}
	for name, h := range map[string]projections.Holders{
		"": {}, " by channel": {Channel: "fcm"}, " of no channel": {Channel: "apns"}, " certain": {Certainty: "certain"}, " bad": {Cursor: "?"},
	} {
		list["holders"+name] = func() ([]any, error) {
			return devicesOf(func(f func(projections.Device) error) (bool, error) { return v.EachHolder(ctx, app, push, h, f) })
		}
	}
	return list
}

// TestEqual: every question is answered as at home, and fails as there.
func TestEqual(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	w.serve("a", home.Parts(), 300) // so that lists of devices come in many parts
	away := w.elsewhere(remote.Config{})
	recalls := make([]string, numbers)
	for n := range numbers {
		for i := range 3 {
			push := in(n, i)
			w.publish(home, w.created(app, push, ""))
			for d := range 20 {
				w.publish(home, w.fact(app, push, events.DisplayShown, fmt.Sprintf("d%d", d)))
			}
			w.publish(home, w.fact(app, push, events.ClickClicked, "d0"))
		}
		// One that contradicts is quarantined.
		other := w.created(app, in(n, 0), "")
		other.Data.(*events.Created).Title = "another"
		w.publish(home, other)
		r := request(in(n, 0))
		r.Reason, r.Scope = "because \"<é>\"", events.Scope{}
		a, err := home.Decide(t.Context(), r, "key-"+in(n, 0), render)
		if err != nil || a.Requested == nil {
			t.Fatal(a.Refusal, err)
		}
		recalls[n] = a.Requested.Recall
	}
	// What decides stands at the end of the log.
	if err := errors.Join(home.CatchUp(t.Context()), away.CatchUp(t.Context())); err != nil {
		t.Fatal(err)
	}
	for n := range numbers {
		here := views(home.Parts()[n].Views, t.Context(), in(n, 0), recalls[n], w.at)
		for name, there := range views(away.Parts()[n].Views, t.Context(), in(n, 0), recalls[n], w.at) {
			want, wantErr := here[name]()
			got, err := there()
			if !reflect.DeepEqual(got, want) {
				t.Errorf("partition %d, %s:\n got %+v\nwant %+v", n, name, got, want)
			}
			if wantErr != nil && (!errors.Is(err, projections.ErrCursor) || !strings.Contains(err.Error(), wantErr.Error())) || wantErr == nil && err != nil {
				t.Errorf("partition %d, %s: %v, want %v", n, name, err, wantErr)
			}
		}
	}
	stop := errors.New("enough")
	if found, err := away.EachHolder(t.Context(), app, in(0, 0), projections.Holders{}, func(projections.Device) error { return stop }); !found || !errors.Is(err, stop) {
		t.Errorf("a reader that has enough: %t, %v", found, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := away.EachHolder(gone, app, in(0, 0), projections.Holders{}, func(projections.Device) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a reader that went: %v", err)
	}
}

// TestRace: of one push recalled at once at home and elsewhere one request wins,
// and a key has one answer wherever it is repeated (L5, L6).
func TestRace(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	w.serve("a", home.Parts(), 0)
	nodes := []*partition.Set{home, w.elsewhere(remote.Config{}), w.elsewhere(remote.Config{})}
	for i := range 20 {
		push := in(i%numbers, i)
		w.publish(nodes[1], w.created(app, push, ""), w.fact(app, push, events.DisplayShown, "d"))
		answers := make([]decision.Answer, 2*len(nodes))
		var all sync.WaitGroup
		for j := range answers {
			all.Go(func() {
				key := ""
				if j%2 == 0 {
					key = "key-" + push
				}
				var err error
				if answers[j], err = nodes[j/2].Decide(t.Context(), request(push), key, render); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		won := map[string]bool{}
		keyed := map[string]bool{}
		for j, a := range answers {
			if a.Status == 202 {
				won[string(a.Body)] = true
			} else if a.Refusal != nil && a.Refusal.Code != ledger.AlreadyRecalled {
				t.Errorf("%s: refused as %s", push, a.Refusal.Code)
			}
			if j%2 == 0 {
				keyed[string(a.Body)] = true
			}
		}
		if len(won) != 1 || len(keyed) != 1 {
			t.Errorf("%s: the recalls %v won, and the key has the answers %v", push, won, keyed)
		}
		again, err := nodes[i%len(nodes)].Decide(t.Context(), request(push), "key-"+push, render)
		if err != nil || !again.Replayed || !keyed[string(again.Body)] {
			t.Errorf("%s: the retry got %q, replayed %t, %v", push, again.Body, again.Replayed, err)
		}
		other := request(push)
		other.Reason = "another"
		if _, err := nodes[(i+1)%len(nodes)].Decide(t.Context(), other, "key-"+push, render); !errors.Is(err, decision.ErrKeyReused) {
			t.Errorf("%s: another request under the key: %v", push, err)
		}
	}
}

// TestLag: of two nodes one is behind. No answer is older than what was waited
// for or seen, whoever gives it, and no decision is made on an old state (L5).
func TestLag(t *testing.T) {
	w := newWorld(t)
	home, old := w.local(), w.stuck()
	w.serve("new", home.Parts(), 0)
	w.serve("old", old.Parts(), 0)
	away := w.elsewhere(remote.Config{Wait: time.Millisecond})
	push := in(1, 0)
	w.publish(home, w.created(app, push, ""), w.fact(app, push, events.DisplayShown, "d"))
	if a, err := home.Decide(t.Context(), request(push), "", render); err != nil || a.Requested == nil {
		t.Fatal(a, err)
	}
	if err := home.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The control: without the sequence in the request the old node answers, and
	// knows nothing.
	w.until(func() bool {
		a, err := w.raw(1, "apps", `{"wire":1}`)
		return err == nil && a.Node == "old" && string(a.Result) == "[]" && a.Applied == 0
	})
	part := must(away.Of(t.Context(), app, push))(t)
	end, err := part.Log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := away.Wait(t.Context(), events.Positions{end}); err != nil {
		t.Fatal(err)
	}
	if got := part.Views.Applied(); got != end {
		t.Errorf("after the wait applied is %s, want %s", got, end)
	}
	for range 50 {
		s, err := away.State(app, push, events.Scope{})
		if err != nil || len(s.Push.Recalls) != 1 || s.Push.Decision == 0 {
			t.Fatalf("the state after the wait is %+v, %v", s, err)
		}
	}
	for range 10 {
		a, err := away.Decide(t.Context(), request(push), "", render)
		if err != nil || a.Refusal == nil || a.Refusal.Code != ledger.AlreadyRecalled {
			t.Fatalf("a second recall: %+v, %v", a, err)
		}
	}
	// What was only seen binds as well: a client that never waited.
	fresh := w.client(remote.Config{Wait: time.Millisecond}, 1)
	w.until(func() bool { return must(fresh.Apps())(w) != nil && fresh.Applied().Seq >= end.Seq })
	for range 30 {
		if p, err := fresh.Push(app, push, w.at); err != nil || p == nil || len(p.Recalls) != 1 {
			t.Fatalf("after a newer answer the push is %+v, %v", p, err)
		}
	}
	// Beyond the end of the log nobody is: the wait goes on until its context ends.
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err = part.Views.Wait(short, end.Seq+1000)
	if !errors.Is(err, context.DeadlineExceeded) || part.Views.Applied().Seq >= end.Seq+1000 {
		t.Errorf("a wait for what is not there: %v, applied %s", err, part.Views.Applied())
	}
}

// aged is a log that has lost its first events, as any log does in time.
type aged struct{ *projectedLog }

type projectedLog struct{ events.Log }

func (a aged) Info(ctx context.Context) (events.Info, error) {
	i, err := a.Log.Info(ctx)
	i.First = 2
	return i, err
}

// TestResume: a list of devices goes on at another node when the one that gave
// it stops, with every device once. Where the nodes may count devices in another
// way it ends with an error instead.
func TestResume(t *testing.T) {
	w := newWorld(t)
	first, second := w.local(), w.local()
	push := in(0, 0)
	var want []string
	for d := range 500 {
		want = append(want, fmt.Sprintf("d%03d", d))
	}
	at := w.publish(first, w.fact(app, push, events.DisplayShown, want...))
	if err := errors.Join(first.Wait(t.Context(), at), second.Wait(t.Context(), at)); err != nil {
		t.Fatal(err)
	}
	read := func(stop func()) ([]string, error) {
		var got []string
		client := w.client(remote.Config{Timeout: time.Second, Absent: time.Millisecond}, 0)
		_, err := client.EachHolder(t.Context(), app, push, projections.Holders{}, func(d projections.Device) error {
			if got = append(got, d.Device); len(got) == 100 {
				stop()
			}
			return nil
		})
		return got, err
	}
	stop := w.serve("first", first.Parts(), 1000)
	got, err := read(func() {
		w.serve("second", second.Parts(), 1000)
		stop()
	})
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d devices of %d, %v", len(got), len(want), err)
	}
	// Now only the second is there, whose log may age.
	old := *second.Parts()[0]
	old.Log = aged{&projectedLog{old.Log}}
	third := w.serve("third", []*partition.Part{&old}, 1000)
	stays, err := read(func() {})
	if err != nil || !slices.Equal(stays, want) {
		t.Errorf("beside a node that cannot go on: %d devices, %v", len(stays), err)
	}
	third()
}

// TestAged: no node goes on with another's list once the log has aged.
func TestAged(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	push := in(0, 0)
	if err := home.Wait(t.Context(), w.publish(home, w.fact(app, push, events.DisplayShown, "d0", "d1", "d2"))); err != nil {
		t.Fatal(err)
	}
	part := *home.Parts()[0]
	part.Log = aged{&projectedLog{part.Log}}
	stop := w.serve("a", []*partition.Part{&part}, 1)
	n := 0
	_, err := w.client(remote.Config{Timeout: 300 * time.Millisecond}, 0).EachHolder(t.Context(), app, push, projections.Holders{}, func(projections.Device) error {
		if n++; n == 2 {
			stop()
			w.serve("b", []*partition.Part{&part}, 1)
		}
		return nil
	})
	if err == nil || n != 2 || !strings.Contains(err.Error(), "begin again") {
		t.Errorf("%d devices, %v", n, err)
	}
}

// TestUnserved: where nobody serves a partition that is said by its number, and
// nothing is answered from memory.
func TestUnserved(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	stop := w.serve("a", home.Parts(), 0)
	away := w.elsewhere(remote.Config{Absent: time.Millisecond})
	at := w.publish(home, w.fact(app, in(1, 0), events.DisplayShown, "d"))
	if err := away.Wait(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	stop()
	for n := range numbers {
		v := away.Parts()[n].Views
		for name, ask := range views(v, t.Context(), in(n, 0), "r", w.at) {
			got, err := ask()
			if name == "applied" {
				continue // it asks nobody
			}
			if !errors.Is(err, partition.ErrUnserved) || !strings.Contains(err.Error(), fmt.Sprintf("partition %d: ", n)) {
				t.Errorf("%s: %v, %v", name, got, err)
			}
		}
	}
	if _, err := away.Parts()[1].Redrive(t.Context(), app, "r", w.at); !errors.Is(err, partition.ErrUnserved) {
		t.Errorf("a re-drive: %v", err)
	}
	if _, err := away.Decide(t.Context(), request(in(1, 0)), "", render); !errors.Is(err, partition.ErrUnserved) {
		t.Errorf("a decision: %v", err)
	}
	if err := away.Wait(t.Context(), at); err != nil {
		t.Errorf("what was waited for before: %v", err)
	}
	// Somebody comes: who asks meanwhile is answered.
	patient := w.client(remote.Config{Absent: time.Minute}, 1)
	var asked sync.WaitGroup
	asked.Go(func() {
		if p, err := patient.Push(app, in(1, 0), w.at); err != nil || p == nil {
			t.Errorf("who was asked for while nobody served: %v, %v", p, err)
		}
	})
	w.serve("b", home.Parts(), 0)
	asked.Wait()
}

// TestRedrive: a re-drive is carried out where the partition is, and fails as there.
func TestRedrive(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	w.serve("a", home.Parts(), 0)
	away := w.elsewhere(remote.Config{})
	push := in(1, 0)
	w.publish(home, w.created(app, push, ""), w.fact(app, push, events.DisplayShown, "d0", "d1"))
	a, err := away.Decide(t.Context(), request(push), "", render)
	if err != nil || a.Requested == nil {
		t.Fatal(a, err)
	}
	id := a.Requested.Recall
	at := w.command(home, push, id, "d0", "d1")
	w.publish(home, &events.Event{
		Header: events.Header{Kind: events.OutcomeRefused, App: app, Push: push, Time: w.at},
		Data:   &events.Outcome{Recall: id, Channel: "fcm", Devices: []string{"d0", "d1"}, Command: at.Seq, Reason: "no"},
	})
	if n, err := away.Redrive(t.Context(), app, id, w.at); err != nil || n != 2 {
		t.Errorf("%d devices, %v", n, err)
	}
	if n, err := away.Redrive(t.Context(), app, id, w.at); err != nil || n != 0 {
		t.Errorf("once more: %d devices, %v", n, err)
	}
	if _, err := away.Redrive(t.Context(), "other", id, w.at); !errors.Is(err, decision.ErrNotFound) {
		t.Errorf("of another app: %v", err)
	}
	if _, err := away.Abort(t.Context(), app, id, "me", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := away.Redrive(t.Context(), app, id, w.at); !errors.Is(err, dispatch.ErrNotRunning) {
		t.Errorf("of a recall that was aborted: %v", err)
	}
	// Whether it was carried out is not known without an answer.
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := away.Parts()[1].Redrive(ended, app, id, w.at); !errors.Is(err, events.ErrUnknown) {
		t.Errorf("without an answer: %v", err)
	}
}

// TestRedriveCutOff: a re-drive that a node could not finish is not asked of another:
// some of its commands may be on the log.
func TestRedriveCutOff(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	part := *home.Parts()[1]
	var asked atomic.Int64
	began := make(chan struct{}, 10)
	part.Redrive = func(ctx context.Context, _, _ string, _ time.Time) (int, error) {
		asked.Add(1)
		began <- struct{}{}
		<-ctx.Done()
		return 0, ctx.Err()
	}
	stop := w.serve("a", []*partition.Part{&part}, 0)
	client := w.client(remote.Config{}, 1)
	result := make(chan error, 1)
	go func() {
		_, err := client.Redrive(t.Context(), app, "r", w.at)
		result <- err
	}()
	<-began
	w.run(remote.NewServer(remote.ServerConfig{Conn: w.conn, Node: "b", Parts: []*partition.Part{&part}}).Run)
	stop()
	if err := <-result; !errors.Is(err, events.ErrUnknown) || asked.Load() != 1 {
		t.Errorf("%v, asked %d times; want ErrUnknown of one", err, asked.Load())
	}
}

// command puts a command on the log, as the planner does.
func (w *world) command(set *partition.Set, push, recall string, devices ...string) events.Position {
	w.Helper()
	return logtest.Append(w, must(set.Of(w.Context(), app, push))(w).Log, &events.Event{
		Header: events.Header{Kind: events.CommandIssued, App: app, Push: push, Time: w.at},
		Data:   &events.Command{Recall: recall, Channel: "fcm", Devices: devices, Action: "recall", Method: "remove", Slot: "s", Deadline: w.at.Add(time.Hour)},
	})
}

// TestMoved: all who wait share one channel and one poll, and are woken by the
// next event; a poll nobody waits for ends.
func TestMoved(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	w.serve("a", home.Parts(), 0)
	client := w.client(remote.Config{}, 0)
	for i := range 5 {
		moved := client.Moved()
		if client.Moved() != moved {
			t.Error("who comes second waits for something else")
		}
		at := w.publish(home, w.fact(app, in(0, i), events.DisplayShown, "d"))
		<-moved
		// It may have been closed for an event before: then the next one is for this.
		w.until(func() bool {
			moved := client.Moved()
			if client.Applied().Seq >= at.Of(0) {
				return true
			}
			<-moved
			return false
		})
	}
	w.until(func() bool { return client.Folded() == must(home.Parts()[0].Log.End(t.Context()))(w).Seq })

	// An answer that is no newer is no move.
	still := w.client(remote.Config{}, 0)
	before := must(still.Apps())(w)
	moved := still.Moved()
	if again := must(still.Apps())(w); !slices.Equal(before, again) {
		t.Errorf("the apps were %v and are %v", before, again)
	}
	select {
	case <-moved:
		t.Error("a move was told, and nothing moved")
	default:
	}

	idle := w.client(remote.Config{Idle: 10 * time.Millisecond}, 0)
	w.until(func() bool { return must(idle.Apps())(w) != nil })
	<-idle.Moved() // nothing moves, and whoever still waits looks again
	nobody := w.client(remote.Config{Idle: 10 * time.Millisecond, Absent: time.Millisecond}, numbers)
	<-nobody.Moved()
}

// TestPolls: who waits while nothing moves asks once, and the question stands; while
// nobody answers it asks once in a while. When the client ends, all who wait go.
func TestPolls(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	if err := home.Wait(t.Context(), w.publish(home, w.fact(app, in(0, 0), events.DisplayShown, "d"))); err != nil {
		t.Fatal(err)
	}
	w.serve("a", home.Parts(), 0)
	sent := func(c *remote.Client) uint64 {
		before := w.conn.Stats().OutMsgs
		<-c.Moved()
		return w.conn.Stats().OutMsgs - before
	}
	// The fold may confirm a position meanwhile; a poll without a pause sends hundreds.
	const few = 10
	waiting := w.client(remote.Config{Idle: 300 * time.Millisecond}, 0)
	must(waiting.Apps())(w)
	if n := sent(waiting); n > few {
		t.Errorf("who waits sent %d messages", n)
	}
	if n := sent(w.client(remote.Config{Idle: 300 * time.Millisecond, Absent: time.Millisecond}, numbers)); n > few {
		t.Errorf("who finds nobody sent %d messages", n)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		client := remote.NewClient(remote.Config{Conn: w.conn})
		moved := client.Moved()
		if err := client.Run(ended); err != nil {
			t.Error(err)
		}
		select {
		case <-moved:
		default:
			t.Fatal("who waits is not let go")
		}
	}
}

// TestHostile: whatever a request holds, it is answered by an error or as nothing
// known, and the node goes on.
func TestHostile(t *testing.T) {
	w := newWorld(t)
	home := w.local()
	w.serve("a", home.Parts(), 0)
	at := w.publish(home, w.created(app, in(0, 0), ""), w.fact(app, in(0, 0), events.DisplayShown, "d"))
	if err := home.Wait(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 40<<10)
	for _, method := range []string{
		"wait", "moved", "state", "targets", "key", "recall", "recall-state", "last-recall", "push", "pushes", "push-bounds", "notifications",
		"device-notifications", "user-notifications", "recalls", "quarantined", "open", "apps", "stats", "holders", "recalled",
	} {
		for body, want := range map[string]string{
			``: "bad-request", `{`: "bad-request", `[]`: "bad-request", `{"wire":1}{}`: "bad-request", `{"wire":1,"narrow":true}`: "bad-request",
			`{"wire":1,"at":-1}`: "bad-request", `{"wire":1,"limit":"x"}`: "bad-request", "\x00\xff": "bad-request", `null`: "wire", `{"wire":2}`: "wire",
			`{"wire":1,"at":18446744073709551615,"wait_ms":-5}`: "behind", strings.Repeat(" ", 65<<10): "too-large",
		} {
			if _, err := w.raw(0, method, body); code(err) != want {
				t.Errorf("%s %.40q: %v, want %s", method, body, err, want)
			}
		}
		for _, body := range []string{
			`{"wire":1}`, `{"wire":1,"limit":-9223372036854775808,"cursor":"-"}`, `{"wire":1,"app":"shop","push":"` + long + `","recall":"` + long[:9] + `"}`,
			`{"wire":1,"app":"shop","push":"` + in(0, 0) + `","cursor":"\u0000","scope":{"device":"` + long[:900] + `"},"action":"none"}`,
			`{"wire":1,"app":"` + long + `","device":"","user":"","channel":"*","key":"","node":"x","after":18446744073709551615}`,
			`{"wire":1,"app":"sh\u0000op","now":"0001-01-01T00:00:00Z","limit":9223372036854775807}`,
		} {
			if a, err := w.raw(0, method, body); err != nil && code(err) != "cursor" {
				t.Errorf("%s %.60q: %s, %v", method, body, a.Result, err)
			}
		}
	}
	for _, body := range []string{``, `{"wire":1,"app":"shop","recall":"none"}`, `{"wire":1}`} {
		b, err := w.command0(body)
		if want := map[bool]string{true: "bad-request"}[body == ""]; code(err) != want || err == nil && !strings.Contains(string(b), `"result":0`) {
			t.Errorf("redrive %q: %s, %v", body, b, err)
		}
	}
	for _, subject := range []string{"recall.query.0.none", "recall.query.2.state", "recall.query.x.state", "recall.query.0", "recall.command.0.none"} {
		if _, err := w.call(subject, `{"wire":1}`); !errors.Is(err, errNobody) {
			t.Errorf("%s: %v", subject, err)
		}
	}
	if _, err := home.Push(app, in(0, 0), w.at); err != nil {
		t.Errorf("after all that: %v", err)
	}
}
