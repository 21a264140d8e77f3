package demo

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// TestCampaignRepeats checks that a campaign follows from its seed alone.
func TestCampaignRepeats(t *testing.T) {
	a, b, other := newCampaign(7, 5000), newCampaign(7, 5000), newCampaign(8, 5000)
	if diff := cmp.Diff(a, b, cmp.AllowUnexported(campaign{}, lane{}, habits{}, packet{})); diff != "" {
		t.Errorf("the same seed made another campaign (-first +second):\n%s", diff)
	}
	if cmp.Equal(a.order, other.order) {
		t.Error("another seed made the same campaign")
	}
}

// TestCampaignIsWhole checks that every report of every story is in one packet,
// that packets keep their limits and their order, and that the campaign has what
// the demo is about.
func TestCampaignIsWhole(t *testing.T) {
	c := newCampaign(1, 20_000)
	type told struct {
		device, tick int
		fact         fact
	}
	want := map[told]int{}
	c.each(func(device, _ int, f fact, tick int) { want[told{device, tick, f}]++ })
	tick, repeated := 0, 0
	for i, p := range c.packets {
		if n := len(c.members(p)); n == 0 || n > packed {
			t.Fatalf("packet %d names %d devices", i, n)
		}
		if int(p.tick) < tick || (int(p.tick) >= recallTick) != (i >= c.cut) {
			t.Fatalf("packet %d of tick %d is out of order", i, p.tick)
		}
		tick = int(p.tick)
		for _, d := range c.members(p) {
			k := told{int(d), int(p.tick), p.fact}
			if want[k]--; want[k] < 0 {
				t.Fatalf("device %d: %s is told too often at tick %d", d, p.fact, p.tick)
			}
		}
	}
	for k, n := range want {
		if n != 0 {
			t.Fatalf("device %d: %s of tick %d is in no packet", k.device, k.fact, k.tick)
		}
	}
	b := newBooks(c)
	for i := range c.packets {
		for _, d := range c.members(c.packets[i]) {
			if b.had[d]&(1<<c.packets[i].fact) != 0 {
				repeated++
			}
		}
		b.enter(i)
	}
	if repeated == 0 {
		t.Error("nothing is reported twice")
	}
	for l := range c.lanes {
		n := b.counts(l)
		if n.facts[sent] != uint32(c.lanes[l].count) {
			t.Errorf("%s: %d of %d devices were sent to", c.lanes[l].channel, n.facts[sent], c.lanes[l].count)
		}
		if n.facts[clicked] == 0 || n.facts[failed] == 0 || n.possible == 0 {
			t.Errorf("%s: nobody clicked, failed or is a possible holder", c.lanes[l].channel)
		}
		if shows := c.lanes[l].habits.shows > 0; shows != (n.certain > 0) {
			t.Errorf("%s: %d certain holders", c.lanes[l].channel, n.certain)
		}
	}
}

func TestDeviceNames(t *testing.T) {
	c := newCampaign(1, 3000)
	for l := range c.lanes {
		for _, d := range []int{c.lanes[l].first, c.lanes[l].first + c.lanes[l].count - 1} {
			if n, ok := c.number(l, c.name(l, d)); !ok || n != d {
				t.Errorf("%s is read as %d, %t", c.name(l, d), n, ok)
			}
		}
	}
	for _, name := range []string{"", "apns", "apns-", "apns-x", "apns-9999999", "apns-1", "apns-00000001", "fcm-0000001", "apns--000001"} {
		if n, ok := c.number(0, name); ok {
			t.Errorf("%q is read as %d", name, n)
		}
	}
}

// TestPacketsAreEvents checks that the ledger's own reader takes every packet.
func TestPacketsAreEvents(t *testing.T) {
	c := newCampaign(3, 3000)
	began := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	for i, p := range c.packets {
		b, err := c.append(nil, p, appName, pushName, began)
		if err != nil {
			t.Fatal(err)
		}
		e, err := events.DecodeStrict(b)
		if err != nil {
			t.Fatalf("packet %d: %v", i, err)
		}
		f := e.Data.(*events.Fact)
		if e.Kind != p.fact.kind() || !e.Kind.Public() || f.Channel != c.lanes[p.lane].channel || len(f.Devices) != len(c.members(p)) {
			t.Fatalf("packet %d became %s on %s for %d devices", i, e.Kind, f.Channel, len(f.Devices))
		}
	}
}

func BenchmarkCampaign(b *testing.B) {
	for b.Loop() {
		newCampaign(1, 1_000_000)
	}
}
