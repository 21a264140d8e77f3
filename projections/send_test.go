package projections

import (
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/recall-ledger/recall-ledger/events"
)

// sent appends that a send of the vendor reached devices.
func (f *fixture) sent(push, channel, send string, devices ...string) {
	f.t.Helper()
	f.put(events.PushSent, push, &events.Fact{Channel: channel, Devices: devices, Send: send})
}

func sendsOf(t *testing.T, p *Projection, push, channel string, devices ...string) [][]string {
	t.Helper()
	list, err := p.SendsOf(testApp, push, channel, devices)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSends: the sends of a device are a set, by push and channel, and are there
// after a checkpoint and a start as well.
func TestSends(t *testing.T) {
	f := newFixture(t)
	f.sent("a", "wecom", "m2", "d1", "d2")
	f.sent("a", "wecom", "m1", "d1")
	f.sent("a", "wecom", "m2", "d2", "d1") // again, in another order
	f.fact(events.PushSent, "a", "wecom", "d3")
	f.sent("a", "dingtalk", "t1", "d1")
	f.sent("b", "wecom", "m3", "d1")
	f.sent("a", "apns", "x1", "d1") // no channel of whole sends: nobody needs it
	c := f.config(vfs.NewMem())
	p := f.open(c)
	f.catchUp(p)
	want := [][]string{{"m1", "m2"}, {"m2"}, nil, nil}
	check := func(p *Projection) {
		t.Helper()
		if diff := cmp.Diff(sendsOf(t, p, "a", "wecom", "d1", "d2", "d3", "nobody"), want); diff != "" {
			t.Errorf("(-got +want):\n%s", diff)
		}
		for _, none := range [][2]string{{"a", "apns"}, {"a", "fcm"}, {"absent", "wecom"}} {
			if got := sendsOf(t, p, none[0], none[1], "d1"); got[0] != nil {
				t.Errorf("push %s on %s has the sends %q", none[0], none[1], got[0])
			}
		}
		targets, err := p.Targets(testApp, "a", "recall", events.Scope{})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range targets {
			if x.Sends != (x.Channel != "apns") {
				t.Errorf("%s: sends known %v", x.Channel, x.Sends)
			}
		}
	}
	check(p)
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	check(p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := f.open(c)
	closeAfter(t, again)
	check(again)
}

// TestSendsAreTheSameOnEveryReplay: whatever the checkpoints, the content is the
// same (L3), also over several pages of devices.
func TestSendsAreTheSameOnEveryReplay(t *testing.T) {
	f := newFixture(t)
	for i := range 12 {
		var devices []string
		for n := range events.MaxDevices {
			devices = append(devices, fmt.Sprintf("d%05d", (i*700+n)%9000))
		}
		f.sent("a", "wecom", fmt.Sprintf("m%d", i%5), devices...)
	}
	whole := f.folded()
	parts := f.open(f.config(vfs.NewMem()))
	closeAfter(t, parts)
	for i, m := range f.log.Messages() {
		if err := parts.Apply(m); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			if err := parts.Checkpoint(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := must(parts.Digest())(t), must(whole.Digest())(t); got != want {
		t.Errorf("digest %s with checkpoints, %s without", got, want)
	}
}

// TestSlotOfTheLedgerIsKept: a slot the ledger gave is the same after a start.
func TestSlotOfTheLedgerIsKept(t *testing.T) {
	f := newFixture(t)
	f.fact(events.PushSent, "other", "apns", "d1")
	f.put(events.PushCreated, "a", &events.Created{Audience: events.Audience{Kind: events.AudienceAll}, SlotAuto: true})
	f.put(events.PushCreated, "a", &events.Created{Audience: events.Audience{Kind: events.AudienceAll}, SlotAuto: true})
	c := f.config(vfs.NewMem())
	p := f.open(c)
	f.catchUp(p)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	again := f.open(c)
	closeAfter(t, again)
	f.catchUp(again)
	v := must(again.Push(testApp, "a", f.now))(t)
	if v.Created.Slot != "2" || len(reasons(t, again)) != 0 {
		t.Errorf("slot %q, quarantined %q", v.Created.Slot, reasons(t, again))
	}
}
