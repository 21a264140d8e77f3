package projections

import (
	"context"
	command "flag"
	"fmt"
	"hash/fnv"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/memlog"
)

// large is how many notifications TestLarge folds in each of its shapes; 20 million
// is the run that the budget for memory is about.
var large = command.Int("large", 200_000, "notifications of the large test")

// The memory limits of TestLarge: the Go limit, and what a node of 1 GiB could spare
// for a projection altogether.
const (
	largeGoLimit = 600 << 20
	largePeakKiB = 1 << 20
	largeMessage = 1000
	largeClicks  = 10 // every so many messages are clicked
	largeChannel = "fcm"
)

// flood is a log that makes its events as they are read: each push is sent to all
// devices, and every tenth block of them clicks.
type flood struct {
	devices, pushes int
}

// each calls f for every event: its kind, push and the first of its devices.
func (g flood) each(f func(k events.Kind, push, from int) error) error {
	for push := range g.pushes {
		for from := 0; from < g.devices; from += largeMessage {
			if err := f(events.PushSent, push, from); err != nil {
				return err
			}
			if from/largeMessage%largeClicks != 0 {
				continue
			}
			if err := f(events.ClickClicked, push, from); err != nil {
				return err
			}
		}
	}
	return nil
}

func floodPush(n int) string { return fmt.Sprintf("push-%02d", n) }

func (g flood) follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	seq := events.Seq(0)
	err := g.each(func(k events.Kind, push, first int) error {
		if seq++; seq < from {
			return nil
		}
		e := &events.Event{
			Header: events.Header{Kind: k, App: testApp, Push: floodPush(push), Time: epoch},
			Data:   &events.Fact{Channel: largeChannel, Devices: tokens(first, largeMessage)},
		}
		b, err := events.Encode(e)
		if err != nil {
			return err
		}
		// As stored: facts are on the subject of their push's bucket.
		subject, _ := strings.CutSuffix(subjectOf(e), events.SubjectToken(e.Push))
		subject += strconv.Itoa(events.Bucket(e.Push))
		return handle(events.Message{Position: events.Position{Seq: seq}, Subject: subject, Data: b, Time: epoch})
	})
	if err == nil {
		<-ctx.Done()
	}
	return err
}

// peak returns the most memory that the process has had, in KiB; 0 where the system
// does not say.
func peak() int {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	var n int
	for line := range strings.Lines(string(b)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &n); err == nil {
			return n
		}
	}
	return 0
}

// More devices than the budget holds, and more pages than it, are folded in bounded
// memory, with the exact account.
func TestLarge(t *testing.T) {
	if *large >= 1_000_000 {
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(largeGoLimit))
	}
	for _, g := range []flood{{*large / 20, 20}, {*large, 1}} {
		t.Run(fmt.Sprintf("%d devices, %d pushes", g.devices, g.pushes), func(t *testing.T) {
			g.check(t)
			if n := peak(); *large >= 1_000_000 && n > largePeakKiB {
				t.Errorf("the process took up to %d KiB, more than %d", n, largePeakKiB)
			}
		})
	}
}

func (g flood) check(t *testing.T) {
	end, clicked := events.Seq(0), uint32(0)
	want := uint64(0)
	if err := g.each(func(k events.Kind, _, from int) error {
		end++
		if k == events.ClickClicked {
			clicked += largeMessage
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	clicked /= uint32(g.pushes)
	for from := 0; from < g.devices; from += largeMessage {
		if from/largeMessage%largeClicks != 0 {
			for i := range largeMessage {
				want += digest(token(from + i))
			}
		}
	}
	p, err := Open(t.Context(), Config{
		Dir: t.TempDir(), Log: brokenLog{memlog.New(memlog.Config{}), g.follow},
		Cache: 64 << 20, Memory: 64 << 20, Dictionaries: 64 << 20, CheckpointFacts: 500_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	done := running(ctx, p)
	if err := p.Wait(t.Context(), end); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := soon(t, done); err != nil {
		t.Fatal(err)
	}
	if list := reasons(t, p); len(list) > 0 {
		t.Fatalf("%d events were quarantined: %s", len(list), list[0])
	}
	for push := range g.pushes {
		v := must(p.Push(testApp, floodPush(push), epoch))(t).Channels[0]
		if v.Notifications != uint32(g.devices) || v.Funnel["sent"] != uint32(g.devices) || v.Funnel["clicked"] != clicked ||
			v.Holders() != uint32(g.devices)-clicked {
			t.Errorf("push %d: got %+v", push, v)
		}
		holders, sum := uint32(0), uint64(0)
		if _, err := p.EachHolder(t.Context(), testApp, floodPush(push), Holders{}, func(d Device) error {
			holders++
			sum += digest(d.Device)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if holders != uint32(g.devices)-clicked || sum != want {
			t.Errorf("push %d is streamed to %d holders, or not to those that did not click", push, holders)
		}
	}
	if err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	s := p.Stats()
	if s.Devices != uint64(g.devices) {
		t.Errorf("%d devices, want %d", s.Devices, g.devices)
	}
	t.Logf("dictionaries %d KiB, disk %.1f B/device, peak %d KiB", p.devices.size>>10, float64(s.DiskBytes)/float64(g.devices), peak())
}

// digest is a hash of a device, to be summed in any order.
func digest(device string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(device))
	return h.Sum64()
}
