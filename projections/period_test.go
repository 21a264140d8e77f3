package projections

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/recall-ledger/recall-ledger/events"
)

// monday is any beginning of a period; what it is called in a calendar does not
// matter.
var monday = time.Unix(2900*periodSeconds, 0).UTC()

func TestPeriodOf(t *testing.T) {
	for _, c := range []struct {
		at   time.Time
		want uint16
	}{
		{time.Unix(0, 0), 0},
		{time.Unix(periodSeconds-1, 999_999_999), 0},
		{time.Unix(periodSeconds, 0), 1},
		{monday.Add(-1), 2899},
		{monday, 2900},
		{monday.Add(week - 1).In(time.FixedZone("east", 14*60*60)), 2900},
		{time.Unix(-1, 0), 0},
		{time.Time{}, 0},
		{time.Unix(65535*periodSeconds, 0), 65535},
		{time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), 65535},
	} {
		if got := periodOf(c.at); got != c.want {
			t.Errorf("%s is in period %d, want %d", c.at, got, c.want)
		}
	}
	if last, first := pushNumber(2900, 1<<47), pushNumber(2901, 1); last >= first || numberPeriod(last) != 2900 || numberPeriod(first) != 2901 {
		t.Errorf("the last number of a period is %x, the first of the next %x", last, first)
	}
}

// A push goes with its whole week, when the first event of a new week is at least
// Keep later than the end of it, and by no other clock.
func TestKeep(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name string
		keep time.Duration
		// seen is when the log first saw the push, later are the events after.
		seen  time.Duration
		later []time.Duration
		kept  bool
	}{
		{"the same week", week, 0, []time.Duration{week - 1}, true},
		{"the week is not over for Keep", week, 0, []time.Duration{2*week - 1}, true},
		{"the week is over for Keep", week, 0, []time.Duration{2 * week}, false},
		{"just old enough", week, week - 1, []time.Duration{2 * week}, false},
		{"a moment too young", week + 1, 0, []time.Duration{2 * week}, true},
		{"old enough within a week", 8 * day, 0, []time.Duration{2 * week, 2*week + 2*day}, true},
		{"old enough as a week begins", 8 * day, 0, []time.Duration{2 * week, 3 * week}, false},
		{"the first event of the week counts", 8 * day, 0, []time.Duration{2*week + 2*day}, false},
		{"thirty days", 30 * day, 0, []time.Duration{4 * week, 5*week + 2*day - 1}, true},
		{"thirty days over", 30 * day, 0, []time.Duration{4 * week, 5*week + 2*day}, false},
		{"the clock is set back", week, 0, []time.Duration{week, -3 * day, week + day}, true},
		{"an old clock brings nothing back", week, 0, []time.Duration{2 * week, -3 * day}, false},
		{"for ever", 0, 0, []time.Duration{500 * week}, true},
		{"longer than there is time", 1<<63 - 1, 0, []time.Duration{500 * week}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.keep, f.now = c.keep, monday.Add(c.seen)
			f.fact(events.PushSent, "old", "fcm", "d1")
			for i, at := range c.later {
				f.now = monday.Add(at)
				f.fact(events.PushSent, fmt.Sprintf("p%d", i), "fcm", "d1")
			}
			p := f.folded()
			if got := must(p.Push(testApp, "old", f.now))(t); (got != nil) != c.kept {
				t.Errorf("the push is kept: %t, want %t", got != nil, c.kept)
			}
			compare(t, p, f.model(0))
		})
	}
}

// A push that comes while the clock is set back belongs to the newest week, not to
// one that may be forgotten already.
func TestKeepWhileClockIsBack(t *testing.T) {
	f := newFixture(t)
	f.keep, f.now = week, monday.Add(3*week)
	f.fact(events.PushSent, "a", "fcm", "d1")
	f.now = monday
	f.fact(events.PushSent, "b", "fcm", "d1")
	f.now = monday.Add(5*week - 1)
	f.fact(events.ClickClicked, "b", "fcm", "d1")
	fs := vfs.NewMem()
	p := f.open(f.config(fs))
	f.catchUp(p)
	closeNow(t, p)
	p = f.open(f.config(fs))
	closeAfter(t, p)
	if got := p.Stats(); got.Pushes != 2 || got.Notifications != 2 {
		t.Errorf("%d pushes with %d notifications, want 2 with 2", got.Pushes, got.Notifications)
	}
	compare(t, p, f.model(0))
}

func TestKeepRefused(t *testing.T) {
	f := newFixture(t)
	f.keep = -time.Second
	_, err := Open(t.Context(), f.config(vfs.NewMem()))
	if err == nil || !strings.Contains(err.Error(), "keep is -1s, at least 0") {
		t.Errorf("got %v", err)
	}
}
