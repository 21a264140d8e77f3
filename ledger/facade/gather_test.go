package facade

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

func TestGather(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	g := NewGather("shop", now)
	sent := Report{Kind: events.PushSent, Push: "p", Channel: "apns", Seconds: now.Unix() - 5}
	for i := range events.MaxDevices + 1 {
		r := sent
		r.Device = fmt.Sprint("d", i)
		if i == 0 {
			r.User = "u"
		}
		if i == 1 {
			r.User = strings.Repeat("u", events.MaxUser+1)
		}
		g.Add(r)
	}
	g.Add(Report{Kind: events.PushFailed, Push: "p", Channel: "apns", Device: "d1", Reason: "a\x00b", Seconds: now.Unix() + 5})
	g.Add(Report{Kind: events.PushFailed, Push: "p", Channel: "apns", Device: "d2", Reason: "ab"})
	g.Add(Report{Kind: events.ClickClicked, Push: "p", Channel: "apns", Device: ""})
	g.Add(Report{Kind: events.ClickClicked, Push: "p", Channel: "no channel", Device: "d"})
	g.Ignore("other")
	list := g.Events()
	if len(list) != 3 {
		t.Fatalf("%d events, want 3", len(list))
	}
	for i, want := range []struct {
		devices int
		reason  string
		at      time.Time
	}{{1000, "", now.Add(-5 * time.Second)}, {1, "", now.Add(-5 * time.Second)}, {2, "ab", now}} {
		f := list[i].Data.(*events.Fact)
		if len(f.Devices) != want.devices || f.Reason != want.reason || !list[i].Time.Equal(want.at) {
			t.Errorf("event %d has %d devices, reason %q, time %s; want %+v", i, len(f.Devices), f.Reason, list[i].Time, want)
		}
		if err := events.Check(list[i]); err != nil {
			t.Errorf("event %d: %v", i, err)
		}
	}
	if u := list[0].Data.(*events.Fact).Users; u[0] != "u" || u[1] != "" {
		t.Errorf("users are %q", u[:2])
	}
	if i := g.Ignored(); len(i) != 2 || i["no event can hold it"] != 2 || i["other"] != 1 {
		t.Errorf("ignored are %v", i)
	}
}

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{{"a\x00b\nc", 9, "ab\nc"}, {"价价", 5, "价"}, {"a\xffb", 9, "a\uFFFDb"}, {"", 1, ""}} {
		got := Clean(c.in, c.limit)
		if got != c.want || events.CheckText("text", got, c.limit) != nil {
			t.Errorf("%q at %d: got %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

// Names that take twice their bytes in an event are split before the event's limit.
func TestGatherSplitsLongNames(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	g := NewGather("shop", now)
	long := strings.Repeat("\u2028", events.MaxDevice/3)
	for range events.MaxDevices {
		g.Add(Report{Kind: events.PushSent, Push: "p", Channel: "apns", Device: long, User: long[:events.MaxUser/3*3]})
	}
	devices := 0
	for _, e := range g.Events() {
		devices += len(e.Data.(*events.Fact).Devices)
		if _, err := events.Encode(e); err != nil {
			t.Error(err)
		}
	}
	if n := len(g.Events()); devices != events.MaxDevices || n != 3 {
		t.Errorf("%d devices in %d events", devices, n)
	}
}
