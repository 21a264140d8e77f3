package demo

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// tryPlay is a play without a node, on books of 1,000 devices.
func tryPlay(t *testing.T) *play {
	t.Helper()
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	p := &play{
		c:   Config{Clock: func() time.Time { now = now.Add(time.Millisecond); return now }, Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }, Out: &bytes.Buffer{}},
		dir: t.TempDir(), state: &state{Seed: 1, Devices: 1000, Phones: phonesMin, Began: now, Runs: 1},
		campaign: newCampaign(1, 1000),
	}
	p.show = newDisplay(p.c)
	p.books = newBooks(p.campaign)
	p.phones = newPhones(phonesMin, p.c.Clock)
	p.vendors = newVendors(p.campaign, p.now, p.c.Wait)
	var err error
	if p.receipts, err = openJournal(filepath.Join(p.dir, fileReceipts), p.books.remember); err != nil {
		t.Fatal(err)
	}
	if p.vendors.journal, err = openJournal(filepath.Join(p.dir, fileCalls), p.vendors.remember); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// call has a vendor called for devices of its lane.
func (p *play) call(t *testing.T, lane int, asOf events.Seq, devices ...int) channels.Reply {
	t.Helper()
	channel := p.campaign.lanes[lane].channel
	row, _ := channels.Lookup(channels.Native, channel)
	cmd := channels.Command{
		App: appName, Push: pushName, Recall: "r1", Channel: channel, Action: channels.Recall, Method: row.Recall, Slot: slotName, AsOf: asOf,
	}
	for _, d := range devices {
		cmd.Devices = append(cmd.Devices, p.campaign.name(lane, d))
	}
	reply, err := p.vendors.list[lane].Emit(context.Background(), cmd)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// TestVendorsRemember checks that vendors made anew from their journal know what
// they did, and repeat nothing.
func TestVendorsRemember(t *testing.T) {
	p := tryPlay(t)
	for round := range 2 {
		for lane, v := range p.vendors.list {
			if v == nil {
				continue
			}
			l := p.campaign.lanes[lane]
			for d := l.first + round; d < l.first+l.count; d += 2 {
				p.call(t, lane, events.Seq(10+round), d)
			}
			p.call(t, lane, 20, l.first, l.first+1)
		}
	}
	again := newVendors(p.campaign, p.now, p.c.Wait)
	j, err := openJournal(filepath.Join(p.dir, fileCalls), again.remember)
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	if !slices.Equal(again.calls, p.vendors.calls) || !slices.Equal(again.answers, p.vendors.answers) ||
		!slices.Equal(again.asOf, p.vendors.asOf) || !slices.Equal(again.at, p.vendors.at) {
		t.Error("the vendors do not remember what they were asked, answered or when")
	}
	for lane, v := range p.vendors.list {
		if v == nil {
			continue
		}
		devices, calls, touched, most := p.vendors.tally(lane)
		devicesNow, callsNow, touchedNow, mostNow := again.tally(lane)
		if devices != devicesNow || calls != callsNow || touched != touchedNow || most != mostNow {
			t.Errorf("lane %d: %d devices, %d calls, %d touched at most %d times; remembered are %d, %d, %d, %d",
				lane, devices, calls, touched, most, devicesNow, callsNow, touchedNow, mostNow)
		}
		if most != 1 || touched == 0 {
			t.Errorf("lane %d: %d phones were touched, at most %d times", lane, touched, most)
		}
	}
	if !slices.Contains(again.answers, refused) || !slices.Contains(again.answers, open) {
		t.Error("no vendor refused, or none left a call open; the campaign needs both")
	}
}

// TestVendorHasItsOwnDevices checks that nobody is called who is not the
// vendor's (L9).
func TestVendorHasItsOwnDevices(t *testing.T) {
	p := tryPlay(t)
	_, err := p.vendors.list[0].Emit(context.Background(), channels.Command{
		Recall: "r1", Channel: "apns", Method: channels.Remove, Slot: slotName, Devices: []string{"apns-0000001", "fcm-0000400"},
	})
	if err == nil || p.vendors.calls[1] != 0 {
		t.Errorf("a foreign device was called: %v", err)
	}
}

// TestViolationsAreFound checks that the demo would say it if a vendor were
// called wrongly.
func TestViolationsAreFound(t *testing.T) {
	clickOf := func(p *play, lane int) int {
		for i, k := range p.campaign.packets {
			if k.fact == clicked && int(k.lane) == lane {
				return i
			}
		}
		t.Fatal("nobody clicks")
		return 0
	}
	for _, tt := range []struct {
		name string
		asOf events.Seq
		mark mark
		want int
	}{
		{"after its click was known", 100, planned, 1},
		{"just before its click", 99, planned, 0},
		{"without being a holder", 99, unmarked, 1},
	} {
		p := tryPlay(t)
		packet := clickOf(p, 0)
		device := int(p.campaign.members(p.campaign.packets[packet])[0])
		if err := p.receipt(packet, packet+1, 100); err != nil {
			t.Fatal(err)
		}
		p.books.enter(packet)
		p.books.marks[device] = tt.mark
		p.call(t, 0, tt.asOf, device)
		p.checkVendors(&tally{})
		if len(p.found.list) != tt.want {
			t.Errorf("a call %s: found %q, want %d findings", tt.name, p.found.list, tt.want)
		}
	}
}
