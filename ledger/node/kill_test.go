package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

var (
	kills = flag.Int("kills", 20, "how often the node is killed")
	seed  = flag.Uint64("seed", 1, "seed of the moments at which the node is killed")
)

// killChannels are the channels of the test, two whose calls may be repeated and one
// that replaces nothing: a call there is one of a forced override, whose repetition
// shows the new text once more.
func killChannels() []string { return []string{"fcm", "huawei", "huawei-emui9"} }

// acked is the outside record of what the node said is durable.
type acked struct {
	mu      sync.Mutex
	facts   map[string]map[string]bool // push -> channel/device
	recalls map[string]string          // push -> recall
}

// TestKill kills a node again and again while it takes facts and carries out
// recalls, and then checks L1 (what was acknowledged is there), L3 (the
// projection is what a rebuild gives), L5 (one recall for each push), L7, L8
// (one command per device), that no command with an outcome was repeated, and that
// no call was repeated that may do harm.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	record := &acked{facts: map[string]map[string]bool{}, recalls: map[string]string{}}
	rng := rand.New(rand.NewPCG(*seed, 0))
	for round := range *kills {
		p := startChild(t, dir)
		ctx, cancel := context.WithCancel(context.Background())
		acks := make(chan struct{}, 1)
		var writers sync.WaitGroup
		for w := range 3 {
			writers.Go(func() { write(ctx, p.client, record, fmt.Sprintf("push-%d-%d", round, w), takeBack(w), acks) })
		}
		live(t, acks, rng)
		p.kill()
		cancel()
		writers.Wait()
	}
	p := startChild(t, dir)
	settle(t, p.client, record)
	p.stop()
	t.Logf("seed %d: %d kills, %d pushes, %d recalls", *seed, *kills, len(record.facts), len(record.recalls))
	if len(record.recalls) == 0 {
		t.Fatal("no recall was acknowledged: the test shows nothing")
	}
	audit(t, dir, record)
}

// live returns when the node has lived long enough: after a number of
// acknowledgements, which a slow machine reaches too, and a moment more, so that
// the kill comes at any point of the next one's way.
func live(t *testing.T, acks <-chan struct{}, rng *rand.Rand) {
	t.Helper()
	stuck := time.NewTimer(time.Minute)
	defer stuck.Stop()
	for range rng.IntN(120) {
		select {
		case <-acks:
		case <-stuck.C:
			t.Fatal("the node acknowledges nothing")
		}
	}
	<-time.After(time.Duration(rng.IntN(20_000)) * time.Microsecond)
}

// takeBack is how a writer takes its pushes back.
func takeBack(writer int) api.RecallRequest {
	if writer == 0 {
		return api.RecallRequest{Action: channels.Recall}
	}
	return api.RecallRequest{Action: channels.Override, Replacement: &events.Replacement{Title: "Sorry", Body: "Without price", Force: true}}
}

// write publishes facts of one push and takes it back half way, remembering what
// was acknowledged. It ends when the node dies.
func write(ctx context.Context, c *api.Client, record *acked, push string, how api.RecallRequest, acks chan<- struct{}) {
	created := fmt.Sprintf(`{"kind":"push.created","push":%q,"data":{"slot":"s1","audience":{"kind":"all"}}}`, push)
	if err := publishPatiently(ctx, c, created); err != nil {
		return
	}
	names := killChannels()
	how.Push = push
	for n := 0; ctx.Err() == nil; n++ {
		channel := names[n%len(names)]
		kind := []string{"push.sent", "display.shown"}[n/len(names)%2]
		var devices []string
		for i := range 50 {
			devices = append(devices, fmt.Sprintf("d%d", n/6*50+i))
		}
		list, err := json.Marshal(devices)
		if err != nil {
			return
		}
		body := fmt.Sprintf(`{"kind":%q,"push":%q,"data":{"channel":%q,"devices":%s}}`, kind, push, channel, list)
		if err := publishPatiently(ctx, c, body); err != nil {
			return
		}
		record.mu.Lock()
		if record.facts[push] == nil {
			record.facts[push] = map[string]bool{}
		}
		for _, d := range devices {
			record.facts[push][channel+"/"+d] = true
		}
		record.mu.Unlock()
		select {
		case acks <- struct{}{}:
		default: // counted late, or the kill is decided
		}
		if n != 20 {
			continue
		}
		a, err := c.Recall(ctx, how, "key-"+push)
		if err != nil {
			return
		}
		record.mu.Lock()
		record.recalls[push] = a.Recall
		record.mu.Unlock()
	}
}

// publishPatiently publishes one event, as often as the node refuses it for now: it does so
// while it folds what it did not before it was killed.
func publishPatiently(ctx context.Context, c *api.Client, body string) error {
	for {
		_, err := c.Publish(ctx, "application/json", strings.NewReader(body))
		var p *api.Problem
		if !errors.As(err, &p) || p.RetryAfter == 0 {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle waits until every acknowledged recall has an outcome for every command.
func settle(t *testing.T, c *api.Client, record *acked) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for push, id := range record.recalls {
		if err := c.Watch(ctx, id, "settled", func(projections.Recall) error { return nil }); err != nil {
			r, _ := c.GetRecall(context.Background(), id)
			t.Fatalf("recall %s of %s does not settle: %v (%+v)", id, push, err, r)
		}
	}
}

// history is what the log says, read without any of the node's own state.
type history struct {
	facts     map[string]map[string]bool      // push -> channel/device
	requested map[string][]string             // push -> recalls
	commands  map[string]int                  // recall/channel/device -> commands
	ended     map[string]time.Time            // recall/channel/device -> first outcome
	outcomes  map[string]map[events.Kind]bool // recall/channel/device -> kinds
	messages  int
}

func audit(t *testing.T, dir string, record *acked) {
	t.Helper()
	ctx := context.Background()
	s, err := embedded.Start(embedded.Config{Dir: filepath.Join(dir, "data", "log")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	nc, err := s.Connect("audit")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	d := Default()
	l, err := jetstream.Open(ctx, jetstream.Config{Conn: nc, Settings: jetstream.Settings{MaxAge: d.Log.MaxAge, MaxBytes: d.Log.MaxBytes}})
	if err != nil {
		t.Fatal(err)
	}
	h := read(t, l)
	for push, devices := range record.facts {
		for device := range devices {
			if !h.facts[push][device] {
				t.Fatalf("L1: the fact of %s at %s was acknowledged and is not on the log", push, device)
			}
		}
	}
	for push, id := range record.recalls {
		if got := h.requested[push]; !slices.Equal(got, []string{id}) {
			t.Errorf("L5: push %s has the recalls %v on the log, acknowledged was %s", push, got, id)
		}
	}
	for key, n := range h.commands {
		if n != 1 {
			t.Errorf("L8: %s was commanded %d times", key, n)
		}
		if len(h.outcomes[key]) != 1 {
			t.Errorf("L8: %s has the outcomes %v, want one", key, slices.Collect(maps.Keys(h.outcomes[key])))
		}
	}
	for _, push := range slices.Sorted(maps.Keys(record.recalls)) {
		for device := range record.facts[push] {
			if h.commands[record.recalls[push]+"/"+device] != 1 {
				t.Errorf("L8: %s held %s when it was recalled or after and has no command", device, push)
			}
		}
	}
	auditCalls(t, dir, h)
	auditProjection(t, dir, l)
}

// read folds the log in the plainest way.
func read(t *testing.T, l events.Log) *history {
	t.Helper()
	h := &history{
		facts: map[string]map[string]bool{}, requested: map[string][]string{}, commands: map[string]int{},
		ended: map[string]time.Time{}, outcomes: map[string]map[events.Kind]bool{},
	}
	err := l.Read(context.Background(), events.Range{}, func(m events.Message) error {
		e, err := events.Decode(m.Data)
		if err != nil {
			return err
		}
		h.messages++
		switch d := e.Data.(type) {
		case *events.Fact:
			if h.facts[e.Push] == nil {
				h.facts[e.Push] = map[string]bool{}
			}
			for _, device := range d.Devices {
				h.facts[e.Push][d.Channel+"/"+device] = true
			}
		case *events.Requested:
			h.requested[e.Push] = append(h.requested[e.Push], d.Recall)
		case *events.Command:
			for _, device := range d.Devices {
				h.commands[d.Recall+"/"+d.Channel+"/"+device]++
			}
		case *events.Outcome:
			for _, device := range d.Devices {
				key := d.Recall + "/" + d.Channel + "/" + device
				if _, ok := h.ended[key]; !ok {
					h.ended[key] = m.Time
				}
				if h.outcomes[key] == nil {
					h.outcomes[key] = map[events.Kind]bool{}
				}
				h.outcomes[key][e.Kind] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// auditCalls compares the vendors' own record with the log.
func auditCalls(t *testing.T, dir string, h *history) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, callFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	called, forced, torn := map[string]int{}, map[string]bool{}, 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c vendorCall
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			// Killed in the middle of the write: a call that was never answered.
			torn++
			continue
		}
		for _, device := range c.Devices {
			key := c.Recall + "/" + c.Channel + "/" + device
			called[key]++
			forced[key] = c.Forced
			if h.commands[key] == 0 {
				t.Errorf("L2: the vendor was called for %s, which no command on the log names", key)
			}
			if end, ok := h.ended[key]; ok && c.At.After(end) {
				t.Errorf("the command for %s was repeated after its outcome was on the log", key)
			}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	// Each channel has a few calls under way at a kill.
	if limit := *kills * len(killChannels()); torn > limit {
		t.Errorf("%d lines of the vendors' record cannot be read, at most %d can be torn", torn, limit)
	}
	for key, n := range called {
		row, _ := channels.Lookup(channels.Native, strings.Split(key, "/")[1])
		if n > 1 && (forced[key] || !row.Repeatable) {
			t.Errorf("%s was called %d times, and its call may not be repeated", key, n)
		}
	}
	if !slices.Contains(slices.Collect(maps.Values(forced)), true) {
		t.Error("no call was made that may not be repeated: the test shows nothing of them")
	}
	for key, kinds := range h.outcomes {
		if kinds[events.OutcomeAccepted] && called[key] == 0 {
			t.Errorf("%s is accepted on the log, but the vendor was never called", key)
		}
	}
}

// auditProjection compares the projection that lived through the kills with
// one folded anew.
func auditProjection(t *testing.T, dir string, l *jetstream.Log) {
	t.Helper()
	lived, rebuilt := digestOf(t, l, filepath.Join(dir, "data", "projection")), digestOf(t, l, t.TempDir())
	if lived != rebuilt {
		t.Errorf("L3: the projection that was killed has digest %s, a rebuilt one %s", lived, rebuilt)
	}
}
