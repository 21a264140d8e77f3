package projections

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// weeks writes four weeks with two pushes each: one to a few devices, one to
// enough for a dense page; each with a running recall, sends and users.
func weeks(t tester) *fixture {
	f := newFixture(t)
	f.keep = 3 * week
	for i := range 4 {
		f.now = monday.Add(time.Duration(i)*week + time.Hour)
		small, large := fmt.Sprintf("small%d", i), fmt.Sprintf("large%d", i)
		f.put(events.PushSent, small, &events.Fact{Channel: "wecom", Devices: []string{"d1", "d2"}, Users: []string{"u1", "u2"}, Send: "m" + small})
		f.fact(events.PushSent, large, "fcm", block(0, 600)...)
		f.sent(large, "wecom", "m"+large, "d1")
		if i > 0 {
			f.fact(events.DeliveryDelivered, fmt.Sprintf("small%d", i-1), "fcm", "late") // counts for the week before
		}
		for _, id := range []string{small, large} {
			f.put(events.RecallRequested, id, &events.Requested{Recall: "r" + id, Action: "recall", Deadline: f.now.Add(week)})
		}
		f.command(large, "r"+large, "fcm", block(0, 100)...)
	}
	return f
}

// turn writes the first event of a week.
func (f *fixture) turn(n int) {
	f.t.Helper()
	f.now = monday.Add(time.Duration(n) * week)
	f.fact(events.PushSent, fmt.Sprintf("turn%d", n), "fcm", "d1")
}

// settled checkpoints, and fails if the store still has rows of weeks before
// floor, or not those of the others.
func settled(t tester, p *Projection, floor uint16) {
	t.Helper()
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if p.dropped != (span{}) {
		t.Fatalf("after a checkpoint %+v is still to be dropped", p.dropped)
	}
	rows, err := p.store.scan(scanOptions{from: []byte{0}, to: []byte{0xff}})
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint16]string{}
	for _, r := range rows {
		var no uint16
		switch {
		case r.key[0] == rowPushNumber:
			no = numberPeriod(rowNumber(r))
		case strings.Contains(periodRows, string(r.key[:1])):
			no = binary.BigEndian.Uint16(r.key[1:])
		default:
			continue
		}
		if no < floor {
			t.Fatalf("row %q of period %d is still there", r.key, no)
		}
		if !strings.Contains(found[no], string(r.key[:1])) {
			found[no] += string(r.key[:1])
		}
	}
	for _, period := range p.periods {
		if period.no < 2904 && found[period.no] != "ijnoprst" {
			t.Fatalf("of period %d there are rows %q, want all kinds", period.no, found[period.no])
		}
	}
}

// What is forgotten is not known any more, by any question, whether it was in
// memory, unwritten or in the store; and everything else is as it was.
func TestForgetting(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory int
		before func(p *Projection) error
	}{
		{"never written", 1 << 30, func(*Projection) error { return nil }},
		{"written and in memory", 1 << 30, (*Projection).Checkpoint},
		{"only in the store", 1, func(p *Projection) error { return errors.Join(p.Checkpoint(), p.store.db.Flush()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := weeks(t)
			fs := vfs.NewMem()
			config := f.config(fs)
			config.Memory = c.memory
			p := f.open(config)
			f.catchUp(p)
			if err := c.before(p); err != nil {
				t.Fatal(err)
			}
			for i := range 4 {
				f.turn(4 + i) // the pushes of weeks 0..i are older than Keep
				f.catchUp(p)
				for j := range 4 {
					id := fmt.Sprintf("large%d", j)
					if got := must(p.Recall(testApp, "r"+id))(t); (got != nil) != (j > i) {
						t.Fatalf("in week %d the recall of %s is known: %t", 4+i, id, got != nil)
					}
				}
				if i%2 == 0 {
					compare(t, p, f.model(0))
				}
				settled(t, p, uint16(2901+i))
				closeNow(t, p)
				p = f.open(config)
				compare(t, p, f.model(0))
			}
			if open := must(p.Open())(t); len(open) != 0 {
				t.Errorf("recalls of forgotten pushes still run: %+v", open)
			}
			if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
				t.Error("the content differs from a fold at once")
			}
			closeNow(t, p)
		})
	}
}

// Facts about a forgotten push make a push of its name, which has nothing of the
// old one; anything else about it is about a push that is not known.
func TestForgottenComesAgain(t *testing.T) {
	f := weeks(t)
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	f.turn(4)
	f.command("large0", "rlarge0", "fcm", "b1")
	f.outcome(events.OutcomeAccepted, "large0", "rlarge0", "fcm", "b1")
	f.put(events.RecallCompleted, "large0", &events.Closed{Recall: "rlarge0"})
	f.recall("large0", "other", "recall", events.Scope{})
	f.catchUp(p)
	if got := reasons(t, p); len(got) != 4 || got[0] != errUnknownPush.Error() || got[3] != got[0] {
		t.Errorf("quarantined %q, want 4 events about an unknown push", got)
	}
	f.fact(events.ClickClicked, "large0", "fcm", "b1", "b599")
	f.catchUp(p)
	v := must(p.Push(testApp, "large0", f.now))(t)
	if v == nil || len(v.Recalls) != 0 || len(v.Channels) != 1 || v.Channels[0].Notifications != 2 || v.Channels[0].Funnel["sent"] != 0 {
		t.Fatalf("the push is %+v, want 2 clicked devices and nothing else", v)
	}
	// The id of the recall is free again.
	f.recall("large0", "rlarge0", "recall", events.Scope{})
	f.fact(events.DisplayShown, "large0", "fcm", "b7")
	f.catchUp(p)
	if got := must(p.Recall(testApp, "rlarge0"))(t); got == nil || got.Total.Planned != 0 || got.Total.Late != 1 {
		t.Errorf("the second recall of that id is %+v, want one late device", got)
	}
	compare(t, p, f.model(0))
	settled(t, p, 2901)
	compare(t, p, f.model(0))
}

// A push expires while the checkpoint with its rows is on the way to the disk: it
// does not show up again, neither before nor after the next checkpoint.
func TestForgettingDuringCheckpoint(t *testing.T) {
	f := weeks(t)
	g := &gate{reached: make(chan struct{}), opened: make(chan struct{})}
	fs := vfs.NewMem()
	p := f.open(f.config(errorfs.Wrap(fs, g)))
	f.catchUp(p)
	g.armed.Store(true)
	done := make(chan error, 1)
	go func() { done <- p.Checkpoint() }()
	soon(t, g.reached)
	f.turn(4)
	f.fact(events.PushSent, "small0", "wecom", "d2")
	f.turn(5)
	f.catchUp(p)
	compare(t, p, f.model(0))
	close(g.opened)
	if err := soon(t, done); err != nil {
		t.Fatal(err)
	}
	compare(t, p, f.model(0))
	settled(t, p, 2902)
	compare(t, p, f.model(0))
	if got, want := must(p.Digest())(t), must(f.folded().Digest())(t); got != want {
		t.Error("the content differs from an undisturbed fold")
	}
	closeNow(t, p)
}

// A crash between a checkpoint and the next takes the forgetting back with the
// position, and it happens again.
func TestForgettingIsRedone(t *testing.T) {
	f := weeks(t)
	fs := vfs.NewCrashableMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	written := len(f.log.Messages())
	f.turn(4)
	f.catchUp(p)
	after := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := p.store.db.Close(); err != nil {
		t.Fatal(err)
	}
	p = f.open(f.config(after))
	closeAfter(t, p)
	compare(t, p, f.model(written))
	f.catchUp(p)
	compare(t, p, f.model(0))
	settled(t, p, 2901)
}

// What is forgotten leaves memory, with all that is counted for it.
func TestForgettingFreesMemory(t *testing.T) {
	f := weeks(t)
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	f.catchUp(p)
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	f.fact(events.ClickClicked, "large0", "apns", block(0, 600)...) // grown and not written
	before := p.cost
	f.turn(4)
	f.catchUp(p)
	for _, id := range []string{"small0", "large0"} {
		if inMemory(p, id) != nil {
			t.Errorf("%s is still in memory", id)
		}
	}
	if inMemory(p, "large1") == nil {
		t.Error("large1 is not in memory any more")
	}
	check := func() {
		t.Helper()
		total := 0
		for _, period := range p.periods {
			sum := 0
			for _, u := range period.pushes {
				sum += u.cost
			}
			if sum != period.cost {
				t.Errorf("the pushes of period %d cost %d, counted is %d", period.no, sum, period.cost)
			}
			total += sum
		}
		if total != p.cost {
			t.Errorf("pushes cost %d, counted is %d", total, p.cost)
		}
	}
	check()
	if p.cost > before*8/10 {
		t.Errorf("a quarter of the pushes went, but %d bytes of %d are counted", p.cost, before)
	}
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	check()
	f.turn(40)
	f.catchUp(p)
	if p.cost != 0 || len(p.periods) != 1 || len(p.periods[0].pushes) != 1 {
		t.Errorf("after a year %d bytes and %d weeks are left, want one push that is not weighed yet", p.cost, len(p.periods))
	}
	if owed := must(p.Owed())(t); len(owed) != 0 {
		t.Errorf("commands are owed for forgotten pushes: %+v", owed)
	}
}

// A list whose end is forgotten between two pages ends there, without an error.
func TestListsWhileForgetting(t *testing.T) {
	f := weeks(t)
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	f.catchUp(p)
	pushes, nextPush, err := p.Pushes(testApp, Page{Limit: 7}, f.now)
	recalls, nextRecall, err2 := p.Recalls(testApp, Page{Limit: 7})
	if err := errors.Join(err, err2); err != nil || len(pushes) != 7 || len(recalls) != 7 {
		t.Fatalf("%d pushes and %d recalls, %v; want 7 each", len(pushes), len(recalls), err)
	}
	f.turn(4)
	f.catchUp(p)
	pushes, more, err := p.Pushes(testApp, Page{Cursor: nextPush}, f.now)
	if err != nil || len(pushes) != 0 || more != "" {
		t.Errorf("%d pushes come after %s, then %q, %v; want the end", len(pushes), nextPush, more, err)
	}
	recalls, more, err = p.Recalls(testApp, Page{Cursor: nextRecall})
	if err != nil || len(recalls) != 0 || more != "" {
		t.Errorf("%d recalls come after %s, then %q, %v; want the end", len(recalls), nextRecall, more, err)
	}
	list, err := p.DeviceNotifications(testApp, "wecom", "d1", false)
	if err != nil || len(list) != 6 {
		t.Errorf("d1 has %d notifications, %v; want two of each of three weeks", len(list), err)
	}
}

// A reader that holds a push while it is forgotten reads on; and the recall it
// began with is not looked for in the push that came in its place.
func TestForgettingWhileReading(t *testing.T) {
	f := weeks(t)
	p := f.open(f.config(vfs.NewMem()))
	closeAfter(t, p)
	f.catchUp(p)
	n := 0
	known, err := p.EachRecalled(ctx(), testApp, "rlarge0", "", "", func(Device) error {
		if n++; n == 1 {
			f.turn(4)
			f.fact(events.PushSent, "large0", "fcm", "b1")
			f.catchUp(p)
		}
		return nil
	})
	if !known || err != nil || n != 601 {
		t.Errorf("read %d devices, known %t, %v; want 601", n, known, err)
	}
	known, err = p.each(ctx(), testApp, "large0", 1, "", "", func(byte) bool { return true }, nil)
	if known || err != nil {
		t.Errorf("the first recall of a push without recalls is known: %t, %v", known, err)
	}
}

// Periods that cannot be are damage (L12).
func TestDamagedPeriods(t *testing.T) {
	f, fs := damaged(t)
	for _, list := range []string{
		`[{"no":65535,"pushes":1,"notifications":1}]`,
		`[{"no":2,"pushes":1,"notifications":1},{"no":1,"pushes":1,"notifications":1}]`,
		`[{"no":2,"pushes":1,"notifications":1},{"no":2,"pushes":1,"notifications":1}]`,
		`[{"no":70000,"pushes":1,"notifications":1}]`,
		`[]`,
	} {
		err := afterDamage(t, f.config(copyOf(fs)), f, func(db *pebble.DB) error {
			v, closer, err := db.Get(metaKey())
			if err != nil {
				return err
			}
			defer closer.Close()
			var fields map[string]json.RawMessage
			if err := json.Unmarshal(v, &fields); err != nil {
				return err
			}
			fields["periods"] = json.RawMessage(list)
			b, err := json.Marshal(fields)
			return errors.Join(err, db.Set(metaKey(), b, nil))
		})
		if !errors.Is(err, errDamaged) {
			t.Errorf("periods %s: got %v", list, err)
		}
	}
}
