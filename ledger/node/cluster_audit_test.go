package node

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	laws "github.com/recall-ledger/recall-ledger/ledger/audit"
	"github.com/recall-ledger/recall-ledger/projections"
)

// chronicle is what the logs say, folded in the plainest way.
type chronicle struct {
	events   int
	created  map[string]bool
	facts    map[string]map[string]bool // push -> kind/channel/device
	requests map[string][]string        // push -> recalls
	// devices are the notifications by channel/device: no two pushes of the campaign
	// have a device in common.
	devices map[string]*notification
	// commandTimes are when commands were stored, by partition.
	commandTimes [partitions][]time.Time
}

// notification is what the log says of one push on one device.
type notification struct {
	push, channel string
	// holds is true once it was sent or shown, clicked where its click stands.
	holds   bool
	clicked events.Seq
	// clickedAt is when the click was stored.
	clickedAt time.Time
	// owed is true when a recall concerned it; commands are those it got.
	owed     bool
	commands []events.Seq
	// outcomes are those it got, ended is when the first was stored.
	outcomes map[events.Kind]bool
	// attempts are those of each delivery of the command; contradicts is true when
	// one delivery told two.
	attempts    map[int]events.Kind
	contradicts bool
	reasons     []string
	ended       time.Time
}

// chronicleOf reads all partitions.
func chronicleOf(t *testing.T, logs []*jetstream.Log) *chronicle {
	t.Helper()
	c := &chronicle{
		created: map[string]bool{}, facts: map[string]map[string]bool{}, requests: map[string][]string{}, devices: map[string]*notification{},
	}
	for _, l := range logs {
		err := l.Read(t.Context(), events.Range{}, func(m events.Message) error {
			e, err := events.Decode(m.Data)
			if err != nil {
				return err
			}
			c.take(e, m)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func (c *chronicle) take(e *events.Event, m events.Message) {
	c.events++
	switch d := e.Data.(type) {
	case *events.Created:
		c.created[e.Push] = true
	case *events.Fact:
		c.fact(e, d, m)
	case *events.Requested:
		c.requests[e.Push] = append(c.requests[e.Push], d.Recall)
		for _, n := range c.devices {
			if n.push == e.Push {
				n.owed = n.holds && n.clicked == 0
			}
		}
	case *events.Command:
		c.commandTimes[m.Partition] = append(c.commandTimes[m.Partition], m.Time)
		for _, device := range d.Devices {
			n := c.device(e.Push, d.Channel, device)
			n.commands = append(n.commands, m.Seq)
		}
	case *events.Outcome:
		for _, device := range d.Devices {
			n := c.device(e.Push, d.Channel, device)
			n.outcomes[e.Kind] = true
			if before, told := n.attempts[d.Attempt]; told && before != e.Kind {
				n.contradicts = true
			}
			n.attempts[d.Attempt] = e.Kind
			n.reasons = append(n.reasons, d.Reason)
			if n.ended.IsZero() {
				n.ended = m.Time
			}
		}
	}
}

// replacing begins the ids that the ledger gives to the new pushes of overrides: a
// device has such a push beside its own.
const replacing = "override-"

func (c *chronicle) fact(e *events.Event, d *events.Fact, m events.Message) {
	if c.facts[e.Push] == nil {
		c.facts[e.Push] = map[string]bool{}
	}
	if strings.HasPrefix(e.Push, replacing) {
		return
	}
	for _, device := range d.Devices {
		c.facts[e.Push][string(e.Kind)+"/"+d.Channel+"/"+device] = true
		n := c.device(e.Push, d.Channel, device)
		switch {
		case e.Kind == events.ClickClicked && n.clicked == 0:
			n.clicked, n.clickedAt = m.Seq, m.Time
		case e.Kind != events.ClickClicked:
			n.holds = true
			n.owed = n.owed || n.clicked == 0 && len(c.requests[e.Push]) > 0
		}
	}
}

func (c *chronicle) device(push, channel, device string) *notification {
	name := channel + "/" + device
	if c.devices[name] == nil {
		c.devices[name] = &notification{push: push, channel: channel, outcomes: map[events.Kind]bool{}, attempts: map[int]events.Kind{}}
	}
	return c.devices[name]
}

// auditRecord checks that everything acknowledged is on the log (L1), and one
// recall of each push (L5).
func auditRecord(t *testing.T, c *chronicle, b *books) {
	t.Helper()
	facts := 0
	for push := range b.created {
		if !c.created[push] {
			t.Errorf("L1: push %s was acknowledged and is not on the log", push)
		}
		for fact := range b.facts[push] {
			facts++
			if !c.facts[push][fact] {
				t.Errorf("L1: %s of %s was acknowledged and is not on the log", fact, push)
			}
		}
	}
	for push, a := range b.recalls {
		if got := c.requests[push]; !slices.Equal(got, []string{a.id}) {
			t.Errorf("L5: push %s has the recalls %v on the log, acknowledged was %s", push, got, a.id)
		}
	}
	for push, got := range c.requests {
		if _, ok := b.recalls[push]; !ok {
			t.Errorf("push %s has the recalls %v on the log, none was acknowledged", push, got)
		}
	}
	t.Logf("acknowledged: %d pushes, %d facts, %d recalls; the logs hold %d events", len(b.created), facts, len(b.recalls), c.events)
}

// auditCommands checks that everybody a recall concerns got one command and nobody
// else did (L8, L9), and that each ended once.
func auditCommands(t *testing.T, c *chronicle) {
	t.Helper()
	bad, overtaken := 0, 0
	for name, n := range c.devices {
		// A node that is held up between its call and the log tells the truth late,
		// when another has found a click meanwhile: two deliveries, two outcomes.
		if len(n.outcomes) > 1 && !n.contradicts {
			overtaken++
		}
		switch {
		case n.owed && len(n.commands) != 1:
			t.Errorf("L8: %s held %s and has the commands %v, want one", name, n.push, n.commands)
		case !n.owed && len(n.commands) != 0:
			t.Errorf("L9: %s did not hold %s and has the commands %v", name, n.push, n.commands)
		case n.owed && len(n.outcomes) == 0, n.contradicts:
			t.Errorf("L8: %s of %s has the outcomes %v (%q), want one", name, n.push, slices.Collect(maps.Keys(n.outcomes)), n.reasons)
		default:
			continue
		}
		if bad++; bad > 20 {
			t.Fatal("and so on")
		}
	}
	t.Logf("%d commands were told two outcomes by two deliveries", overtaken)
}

// auditVendors compares what the vendors were called for with the log.
//
// L7 is judged by the log alone: nobody is called whose click stands before the
// command. Whoever clicked between the command and the call may be called while
// the call is on its way; how late that was at most is told, not judged.
func auditVendors(t *testing.T, c *chronicle, v *vendors, members []*member) {
	t.Helper()
	calls := map[string]int{}
	late, stale := 0, 0
	var latest time.Duration
	for _, k := range v.list() {
		name := k.channel + "/" + k.device
		n := c.devices[name]
		calls[name]++
		switch {
		case n == nil || len(n.commands) == 0:
			t.Errorf("L2: the vendor was called for %s, which no command on the log names", name)
			continue
		case n.clicked != 0 && n.clicked < n.commands[0]:
			t.Errorf("L7: %s was called, its click stands at %d, before its command at %d", name, n.clicked, n.commands[0])
		case n.clicked != 0 && n.clickedAt.Before(k.at):
			late++
			latest = max(latest, k.at.Sub(n.clickedAt))
		}
		if !n.ended.IsZero() && k.at.After(n.ended) {
			if members[k.node].wasAway(n.ended.Add(-leaseTTL), k.at) {
				stale++
			} else {
				t.Errorf("%s was called by node %d %s after its outcome was on the log", name, k.node, k.at.Sub(n.ended))
			}
		}
	}
	repeated, unknown := 0, 0
	for name, n := range c.devices {
		row, _ := channels.Lookup(channels.Native, n.channel)
		switch times := calls[name]; {
		case times > 1 && (!row.Repeatable || n.channel == chanOld):
			t.Errorf("%s was called %d times on a channel whose calls may not be repeated", name, times)
		case times > 1:
			repeated++
		case n.outcomes[events.OutcomeAccepted] && times == 0:
			t.Errorf("%s is accepted on the log, but the vendor was never called", name)
		case n.outcomes[events.OutcomeRefused] && n.channel != chanOld:
			t.Errorf("%s was refused: %q", name, n.reasons)
		case n.outcomes[events.OutcomeRefused]:
			unknown++
		}
		// Shown once, and changed once by the vendor however often it was called.
		if changes := v.tray(n.channel).Changes(strings.TrimPrefix(name, n.channel+"/")); n.clicked == 0 && n.owed && changes > 2 {
			t.Errorf("the screen of %s was changed %d times", name, changes-1)
		}
	}
	t.Logf("vendors: %d devices called, %d of them repeatedly where that is harmless, %d calls by nodes that came back from a pause after the outcome, "+
		"%d left as unknown where a repeat could do harm; %d calls came after a click that was stored behind the command, at most %s after it",
		len(calls), repeated, stale, unknown, late, latest.Round(time.Millisecond))
}

// auditAccount compares the account of every recall with the log, at every node.
func auditAccount(t *testing.T, c *campaign, b *books) map[string]uint64 {
	t.Helper()
	sum := map[string]uint64{}
	answers := map[string]string{}
	for push, a := range b.recalls {
		for i := range c.members {
			for _, path := range []string{"/v1/recalls/" + a.id, "/v1/pushes/" + push} {
				got, err := c.ask(t.Context(), i, request{http.MethodGet, path, "", "", nil})
				if err != nil || got.status != http.StatusOK {
					t.Fatalf("node %d, %s: %d %s, %v", i, path, got.status, got.body, err)
				}
				if first, ok := answers[path]; ok && first != string(got.body) {
					t.Errorf("%s: node %d says\n%s\nnode 0 says\n%s", path, i, got.body, first)
				}
				answers[path] = string(got.body)
			}
		}
		r := recallOf(t, answers["/v1/recalls/"+a.id])
		n := r.Total
		if n.Open() != 0 || n.Planned+n.Late != n.Done() {
			t.Errorf("recall %s of %s: planned %d and late %d, but %d are open and %d done", a.id, push, n.Planned, n.Late, n.Open(), n.Done())
		}
		for name, x := range map[string]uint32{
			"planned": n.Planned, "late": n.Late, "accepted": n.Accepted, "confirmed": n.Confirmed, "refused": n.Refused,
			"skipped": n.Skipped, "unsupported": n.Unsupported, "expired": n.Expired,
		} {
			sum[name] += uint64(x)
		}
	}
	return sum
}

func recallOf(t *testing.T, body string) projections.Recall {
	t.Helper()
	var r projections.Recall
	decodeJSON(t, []byte(body), &r)
	return r
}

// auditKeys asks every key again at every node: its answer is the first one (L6).
func auditKeys(t *testing.T, c *campaign, b *books) {
	t.Helper()
	asked := 0
	for push, a := range b.recalls {
		if asked++; asked > 50 {
			break
		}
		body := fmt.Sprintf(`{"action":"recall","push":%q}`, push)
		for i := range c.members {
			r := request{http.MethodPost, "/v1/recalls", api.TypeJSON, a.key, []byte(body)}
			got, err := c.ask(t.Context(), i, r)
			if err == nil && got.status == http.StatusUnprocessableEntity {
				continue // an override, which this is not
			}
			if err != nil || got.status != http.StatusAccepted || !bytes.Equal(got.body, []byte(a.body)) || got.header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("L6: key %s at node %d: %d %s, %v; first it was %s", a.key, i, got.status, got.body, err, a.body)
			}
		}
	}
}

// auditWalk has the ledger's own auditor check every partition, and compares the
// sums of the account with its own.
func auditWalk(t *testing.T, logs []*jetstream.Log, account map[string]uint64) {
	t.Helper()
	sum := map[string]uint64{}
	for _, l := range logs {
		r, err := laws.Walk(t.Context(), laws.Config{Log: l})
		if err != nil {
			t.Fatal(err)
		}
		for check, v := range r.Found {
			t.Errorf("partition %d, %s, %d times; the first: %s %s", l.Partition(), check, r.Violations[check], v.Position, v.Text)
		}
		if r.Unreadable != 0 || r.Owed != 0 {
			t.Errorf("partition %d: %d events are unreadable, %d commands are owed", l.Partition(), r.Unreadable, r.Owed)
		}
		sum["planned"] += r.Planned
		sum["late"] += r.Late
		for name, n := range r.Outcomes {
			sum[name] += n
		}
		t.Logf("partition %d: %d events, %d recalls, no violation of %d checks", l.Partition(), r.Events, r.Recalls, len(laws.Checks()))
	}
	for name, n := range account {
		if sum[name] != n {
			t.Errorf("the account says %d %s, the log %d", n, name, sum[name])
		}
	}
	t.Logf("the account: %v", account)
}

// auditProjections compares the projections that lived through the campaign with
// each other and with one folded anew (L3).
func auditProjections(t *testing.T, logs []*jetstream.Log, members []*member) {
	t.Helper()
	for _, l := range logs {
		want := digestOf(t, l, t.TempDir())
		for _, m := range members {
			conf := m.config.config()
			if got := digestOf(t, l, conf.folder().Projection(l.Partition())); got != want {
				t.Errorf("L3: the projection of partition %d at %s has digest %s, folded anew it is %s", l.Partition(), m.config.ID, got, want)
			}
		}
	}
}

func digestOf(t *testing.T, l *jetstream.Log, dir string) string {
	t.Helper()
	end, err := l.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err := projections.Open(t.Context(), projections.Config{Dir: dir, Log: l})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var run sync.WaitGroup
	run.Go(func() {
		if err := p.Run(ctx); err != nil {
			t.Errorf("%s: %v", filepath.Base(dir), err)
		}
	})
	if err := p.Wait(ctx, end.Seq); err != nil {
		t.Errorf("%s: %v", filepath.Base(dir), err)
	}
	cancel()
	run.Wait()
	sum, err := p.Digest()
	if err != nil {
		t.Error(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	return sum
}
