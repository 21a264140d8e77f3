package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// shortTTL is short enough to wait for. A node that has it may lose what it holds at
// any time on a busy machine, so no test relies on that it does not.
const shortTTL = 600 * time.Millisecond

// TestLeaseExclusive: hundreds of hand-overs between four nodes, each forced in
// one of three ways, and never two at work under one lease.
func TestLeaseExclusive(t *testing.T) {
	s := newStage(t)
	const nodes, leases, handOvers = 4, 10, 30
	players := map[string]*player{}
	for i := range nodes {
		p := s.node(jetstream.LeaseConfig{Node: fmt.Sprint("node-", i), TTL: 10 * time.Second})
		players[p.name] = p
	}
	holds := map[string]func() error{}
	for i := range leases {
		lease := fmt.Sprint("planner-", i)
		for _, p := range players {
			holds[p.name+lease] = p.hold(lease)
		}
	}
	failed := errors.New("failed")
	count, last := map[string]int{}, map[string]string{}
	for range leases * handOvers {
		k := s.next()
		key, p := k.node+k.lease, players[k.node]
		if !p.Held(k.lease) {
			// Lost already, as on a machine that stood still: then it is told so.
			s.told(k)
		}
		// Who had it before does not ask for it again before now.
		if before := last[k.lease]; before == k.node {
			t.Errorf("%s took %s again, which it did not ask for", k.node, k.lease)
		} else if before != "" {
			holds[before+k.lease] = players[before].hold(k.lease)
		}
		var want error
		count[k.lease]++
		switch count[k.lease] % 3 {
		case 0:
			k.end <- nil
			s.over(k)
		case 1:
			want = failed
			k.end <- failed
			s.over(k)
		}
		if err := holds[key](); !errors.Is(err, want) {
			t.Errorf("Hold = %v, want %v", err, want)
		}
		if p.Held(k.lease) {
			t.Errorf("%s holds %s after it gave it back", k.node, k.lease)
		}
		last[k.lease] = k.node
	}
	s.exclusive()
}

// TestLeaseOrderly: a node that stops hands over at once, since the TTL is longer
// than the test; and only when its work has returned.
func TestLeaseOrderly(t *testing.T) {
	s := newStage(t)
	a, b := s.node(jetstream.LeaseConfig{Node: "a"}), s.node(jetstream.LeaseConfig{Node: "b"})
	a.hold("channel-fcm")
	first := s.by(a)
	b.hold("channel-fcm")
	s.eventually("b is there", func() bool { return len(a.present()) == 2 })
	asked := time.Now()
	a.stop()
	second := s.by(b)
	t.Logf("taken %s after the stop", second.at.Sub(asked))
	s.over(first)
	if err := <-a.ran; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if got := b.present(); !slices.Equal(got, []string{"b"}) {
		t.Errorf("there is %v, want b alone", got)
	}
	if a.Held("channel-fcm") || !b.Held("channel-fcm") {
		t.Errorf("a holds %v, b holds %v, want only b", a.Held("channel-fcm"), b.Held("channel-fcm"))
	}
	s.exclusive()
}

// TestLeaseStopWaits: while work winds down, its lease is renewed: the node gives
// it back only then.
func TestLeaseStopWaits(t *testing.T) {
	s := newStage(t)
	// Long enough not to be lost on a busy machine, and to wait for.
	a, b := s.node(jetstream.LeaseConfig{Node: "a", TTL: 3 * time.Second}), s.node(jetstream.LeaseConfig{Node: "b"})
	told, finish := make(chan struct{}), make(chan struct{})
	result := make(chan error, 1)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	go func() {
		result <- a.Hold(ctx, "planner-0", func(ctx context.Context) error {
			s.began <- tenure{node: "a", lease: "planner-0"}
			<-ctx.Done()
			close(told)
			select {
			case <-finish:
			case <-s.ctx.Done():
			}
			if !a.Held("planner-0") {
				return errors.New("the lease was not kept while work was winding down")
			}
			return nil
		})
	}()
	s.by(a)
	b.hold("planner-0")
	a.stop()
	<-told
	// More than a TTL passes: there are three renewals in one.
	renewed := 0
	for last := s.revision("lease.planner-0"); renewed < 4; renewed++ {
		s.eventually("a renews the lease", func() bool { return s.revision("lease.planner-0") > last })
		last = s.revision("lease.planner-0")
	}
	close(finish)
	s.by(b)
	if err := <-a.ran; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	cancel()
	if err := <-result; err != nil {
		t.Errorf("Hold = %v, want nil", err)
	}
}

// revision returns the revision of a key of the bucket.
func (s *stage) revision(key string) uint64 {
	s.t.Helper()
	e, err := s.bucket().Get(s.ctx, key)
	if err != nil {
		s.t.Fatal(err)
	}
	return e.Revision()
}

func (s *stage) bucket() js.KeyValue {
	s.t.Helper()
	a, err := js.New(s.outsider())
	if err != nil {
		s.t.Fatal(err)
	}
	kv, err := a.KeyValue(s.ctx, "RECALL-LEASES")
	if err != nil {
		s.t.Fatal(err)
	}
	return kv
}

// outsider is a connection of no node.
func (s *stage) outsider() *nats.Conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		s.conn = s.dial(s.srv.DeviceAddress())
	}
	return s.conn
}

// TestLeaseClosed: a connection closed for good ends Run and the work; another
// node takes over when the lease has expired.
func TestLeaseClosed(t *testing.T) {
	s := newStage(t)
	a, b := s.node(jetstream.LeaseConfig{Node: "a", TTL: shortTTL}), s.node(jetstream.LeaseConfig{Node: "b"})
	stop := a.hold("webhooks")
	first := s.by(a)
	b.hold("webhooks")
	cut := time.Now()
	a.conn.Close()
	s.over(first)
	if err := <-a.ran; !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("Run = %v, want %v", err, nats.ErrConnectionClosed)
	}
	second := s.by(b)
	t.Logf("taken %s after the cut, TTL %s", second.at.Sub(cut), shortTTL)
	s.exclusive()
	if err := stop(); err != nil {
		t.Errorf("Hold = %v, want nil", err)
	}
	s.eventually("a has expired", func() bool { return slices.Equal(b.present(), []string{"b"}) })
	if err := a.Run(s.ctx); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("Run on a closed connection = %v, want %v", err, nats.ErrConnectionClosed)
	}
}

// TestLeaseSilence: a node that the network has cut off stops before another
// takes over, and takes part again when the network is back.
func TestLeaseSilence(t *testing.T) {
	for name, f := range map[string]struct{ fail, heal func(*proxy) }{
		"all bytes are held back":         {(*proxy).pause, (*proxy).resume},
		"what the node says is held back": {func(p *proxy) { p.up.set(false) }, (*proxy).resume},
		"what it hears is held back":      {func(p *proxy) { p.down.set(false) }, (*proxy).resume},
		"the connection breaks meanwhile": {(*proxy).pause, func(p *proxy) {
			p.cut()
			p.resume()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			line := newProxy(s)
			a := s.node(jetstream.LeaseConfig{Node: "a", TTL: shortTTL, Conn: s.dial(line.address)})
			b := s.node(jetstream.LeaseConfig{Node: "b"})
			a.hold("planner-3")
			first := s.by(a)
			stop := b.hold("planner-3")
			s.eventually("both are there", func() bool { return len(b.present()) == 2 })
			cut := time.Now()
			f.fail(line)
			s.over(first)
			stopped := time.Now()
			second := s.by(b)
			t.Logf("a stopped %s after the cut, b began after %s, TTL %s", stopped.Sub(cut), second.at.Sub(cut), shortTTL)
			if a.Held("planner-3") || !b.Held("planner-3") {
				t.Errorf("a holds %v, b holds %v, want only b", a.Held("planner-3"), b.Held("planner-3"))
			}
			f.heal(line)
			s.eventually("a is there again", func() bool { return len(b.present()) == 2 })
			if err := stop(); err != nil {
				t.Errorf("Hold = %v, want nil", err)
			}
			s.by(a)
			s.exclusive()
		})
	}
}

// TestLeaseUnknown: a try that was stored and whose answer was lost is the
// node's own, and it goes on with it.
func TestLeaseUnknown(t *testing.T) {
	s := newStage(t)
	line := newProxy(s)
	a := s.node(jetstream.LeaseConfig{Node: "a", TTL: 10 * time.Second, Conn: s.dial(line.address)})
	b := s.node(jetstream.LeaseConfig{Node: "b"})
	a.hold("first")
	s.by(a)
	line.down.set(false)
	a.hold("second")
	s.eventually("the try is stored", func() bool { return b.holders()["second"] == "a" })
	if a.Held("second") {
		t.Error("a holds a lease that nobody confirmed")
	}
	b.hold("second")
	line.resume()
	if k := s.by(a); k.lease != "second" {
		t.Errorf("a took %s, want second", k.lease)
	}
	s.exclusive()
}

// TestLeaseStolen: a revision that somebody else wrote ends the work at the next
// renewal, and the lease comes back once that has expired.
func TestLeaseStolen(t *testing.T) {
	for name, steal := range map[string]func(js.KeyValue) error{
		"by another node": func(kv js.KeyValue) error {
			_, err := kv.Put(t.Context(), "lease.planner-0", []byte(`{"node":"thief","ttl_ms":100}`))
			return err
		},
		"by a deletion": func(kv js.KeyValue) error { return kv.Delete(t.Context(), "lease.planner-0") },
		"by a purge":    func(kv js.KeyValue) error { return kv.Purge(t.Context(), "lease.planner-0") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t)
			a := s.node(jetstream.LeaseConfig{Node: "a", TTL: shortTTL})
			a.hold("planner-0")
			first := s.by(a)
			if err := steal(s.bucket()); err != nil {
				t.Fatal(err)
			}
			s.over(first)
			second := s.by(a)
			s.eventually("a holds the lease it took again, or is told that it has lost it", func() bool {
				return a.Held("planner-0") || second.ctx.Err() != nil
			})
			s.exclusive()
		})
	}
}

// TestLeaseOfAnother: who gives back a lease that another has taken leaves it there.
func TestLeaseOfAnother(t *testing.T) {
	s := newStage(t)
	a := s.node(jetstream.LeaseConfig{Node: "a"})
	stop := a.hold("planner-0")
	k := s.by(a)
	if _, err := s.bucket().Put(s.ctx, "lease.planner-0", []byte(`{"node":"thief","ttl_ms":60000}`)); err != nil {
		t.Fatal(err)
	}
	k.end <- nil
	s.over(k)
	if err := stop(); err != nil {
		t.Errorf("Hold = %v, want nil", err)
	}
	if held := a.holders(); held["planner-0"] != "thief" {
		t.Errorf("the leases are held so: %v, want planner-0 by the thief", held)
	}
}

// TestLeaseBlindWatch: a watch that died on the server is noticed and made anew.
func TestLeaseBlindWatch(t *testing.T) {
	s := newStage(t)
	said := make(said, 1000)
	a := s.node(jetstream.LeaseConfig{Node: "a"})
	b := s.node(jetstream.LeaseConfig{Node: "b", TTL: shortTTL, Logger: slog.New(slog.NewTextHandler(said, nil))})
	a.hold("planner-0")
	s.by(a)
	b.hold("planner-0")
	s.eventually("b is there", func() bool { return len(a.present()) == 2 })
	api, err := js.New(s.outsider())
	if err != nil {
		t.Fatal(err)
	}
	stream, err := api.Stream(s.ctx, "KV_RECALL-LEASES")
	if err != nil {
		t.Fatal(err)
	}
	names := stream.ConsumerNames(s.ctx)
	for name := range names.Name() {
		// One that only listed the nodes has gone by itself.
		if err := stream.DeleteConsumer(s.ctx, name); err != nil && !errors.Is(err, js.ErrConsumerNotFound) {
			t.Error(err)
		}
	}
	if err := names.Err(); err != nil {
		t.Fatal(err)
	}
	// The client would notice as well, later.
	s.eventually("b watches anew", func() bool {
		select {
		case line := <-said:
			return strings.Contains(line, "watched anew")
		default:
			return false
		}
	})
	a.stop()
	s.by(b)
	s.exclusive()
}

// said takes what is logged, for as long as there is room.
type said chan string

func (s said) Write(line []byte) (int, error) {
	select {
	case s <- string(line):
	default:
	}
	return len(line), nil
}

// TestLeaseBalance: leases go to the nodes they belong to when one joins, and to
// those that stay when it leaves.
func TestLeaseBalance(t *testing.T) {
	s := newStage(t)
	const leases = 12
	join := func(name string) *player {
		p := s.node(jetstream.LeaseConfig{Node: name, TTL: 2 * time.Second, Settle: 50 * time.Millisecond, Pace: 5 * time.Millisecond})
		for i := range leases {
			p.hold(fmt.Sprint("planner-", i))
		}
		return p
	}
	settled := func(p *player, nodes ...string) {
		t.Helper()
		s.eventually("the leases are with "+strings.Join(nodes, ", "), func() bool {
			held := p.holders()
			for i := range leases {
				name := fmt.Sprint("planner-", i)
				if held[name] != jetstream.LeaseOwner(name, nodes...) {
					return false
				}
			}
			return true
		})
	}
	a := join("a")
	settled(a, "a")
	b := join("b")
	settled(a, "a", "b")
	c := join("c")
	settled(a, "a", "b", "c")
	b.stop()
	settled(a, "a", "c")
	c.conn.Close()
	settled(a, "a")
	s.exclusive()
}

// TestLeaseUnwanted: a node that does not ask for a lease does not get it, though
// it would belong to that node.
func TestLeaseUnwanted(t *testing.T) {
	s := newStage(t)
	a := s.node(jetstream.LeaseConfig{Node: "a"})
	s.node(jetstream.LeaseConfig{Node: "b", Info: "b:8080"})
	s.eventually("both are there", func() bool { return len(a.present()) == 2 })
	var name string
	for i := 0; name == "" || jetstream.LeaseOwner(name, "a", "b") != "b"; i++ {
		name = fmt.Sprint("planner-", i)
	}
	a.hold(name)
	s.by(a)
	nodes, err := a.Nodes(s.ctx)
	if err != nil || len(nodes) != 2 || nodes[1].Info != "b:8080" || nodes[1].Since.IsZero() {
		t.Errorf("Nodes = %v, %v, want a and b with its address", nodes, err)
	}
	list, err := a.List(s.ctx)
	if err != nil || len(list) != 1 || list[0].Name != name || list[0].Node != "a" || list[0].Since.IsZero() {
		t.Errorf("List = %v, %v, want %s held by a", list, err, name)
	}
}

// TestHoldEnds: how work ends is how Hold ends.
func TestHoldEnds(t *testing.T) {
	s := newStage(t)
	a := s.node(jetstream.LeaseConfig{Node: "a"})
	failed := errors.New("failed")
	for name, f := range map[string]struct {
		work func(context.Context) error
		want error
	}{
		"done":                 {func(context.Context) error { return nil }, nil},
		"failed":               {func(context.Context) error { return failed }, failed},
		"a context of its own": {func(context.Context) error { return context.Canceled }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			if err := a.Hold(s.ctx, "planner-0", f.work); !errors.Is(err, f.want) {
				t.Errorf("Hold = %v, want %v", err, f.want)
			}
			if a.Held("planner-0") || len(a.holders()) != 0 {
				t.Errorf("the lease is still held: %v", a.holders())
			}
		})
	}
	t.Run("told, and failed", func(t *testing.T) {
		ctx, cancel := context.WithCancel(s.ctx)
		if err := a.Hold(ctx, "planner-0", func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return failed
		}); !errors.Is(err, failed) {
			t.Errorf("Hold = %v, want %v", err, failed)
		}
	})
	t.Run("told", func(t *testing.T) {
		ctx, cancel := context.WithCancel(s.ctx)
		if err := a.Hold(ctx, "planner-0", func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return fmt.Errorf("append: %w", ctx.Err())
		}); err != nil {
			t.Errorf("Hold = %v, want nil", err)
		}
	})
	t.Run("claimed", func(t *testing.T) {
		a.hold("planner-0")
		s.by(a)
		if err := a.Hold(s.ctx, "planner-0", nil); !errors.Is(err, jetstream.ErrLeaseClaimed) {
			t.Errorf("a second Hold = %v, want %v", err, jetstream.ErrLeaseClaimed)
		}
		if err := a.Run(s.ctx); !errors.Is(err, jetstream.ErrLease) {
			t.Errorf("a second Run = %v, want %v", err, jetstream.ErrLease)
		}
	})
}

// TestLeaseRefused: what cannot be a name or a setting is named in the error.
func TestLeaseRefused(t *testing.T) {
	s := newStage(t)
	a := s.node(jetstream.LeaseConfig{Node: "a"})
	hostile := []string{
		"", ".", "..", "a.", ".a", "a..b", "*", ">", "a.*", "a.>", "a b", "a\tb", "a\n", "\x00", "$JS", "a/b", "a:b", "撤回", "\xff",
		strings.Repeat("x", 129),
	}
	good := jetstream.LeaseConfig{Conn: a.conn, Node: "b"}
	for _, name := range hostile {
		if err := a.Hold(s.ctx, name, nil); !errors.Is(err, jetstream.ErrLease) || !strings.Contains(err.Error(), "name") {
			t.Errorf("Hold(%q) = %v, want %v naming the field", name, err, jetstream.ErrLease)
		}
		c := good
		c.Node = name
		if _, err := jetstream.OpenLeases(s.ctx, c); !errors.Is(err, jetstream.ErrLease) || !strings.Contains(err.Error(), "node") {
			t.Errorf("node %q: %v, want %v naming the field", name, err, jetstream.ErrLease)
		}
	}
	for _, f := range []struct {
		field string
		set   func(*jetstream.LeaseConfig)
	}{
		{"conn", func(c *jetstream.LeaseConfig) { c.Conn = nil }},
		{"info has 1025 bytes, at most 1024", func(c *jetstream.LeaseConfig) { c.Info = strings.Repeat("x", 1025) }},
		{"replicas", func(c *jetstream.LeaseConfig) { c.Replicas = 6 }},
		{"replicas", func(c *jetstream.LeaseConfig) { c.Replicas = -1 }},
		{"ttl", func(c *jetstream.LeaseConfig) { c.TTL = 199 * time.Millisecond }},
		{"ttl", func(c *jetstream.LeaseConfig) { c.TTL = 61 * time.Second }},
		{"settle", func(c *jetstream.LeaseConfig) { c.Settle = -1 }},
		{"pace", func(c *jetstream.LeaseConfig) { c.Pace = -1 }},
	} {
		c := good
		f.set(&c)
		if _, err := jetstream.OpenLeases(s.ctx, c); !errors.Is(err, jetstream.ErrLease) || !strings.Contains(err.Error(), f.field) {
			t.Errorf("%s: %v, want %v naming it", f.field, err, jetstream.ErrLease)
		}
	}
}

// TestLeaseBucket: several nodes may make the bucket at once, one with other
// settings is refused with each difference, and stays as it is (L12).
func TestLeaseBucket(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if _, err := jetstream.OpenLeases(ctx, jetstream.LeaseConfig{Conn: s.conn, Node: fmt.Sprint("node-", i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	a := api(t, s)
	if err := a.DeleteStream(ctx, "KV_RECALL-LEASES"); err != nil {
		t.Fatal(err)
	}
	kv, err := a.CreateKeyValue(ctx, js.KeyValueConfig{
		Bucket: "RECALL-LEASES", TTL: time.Minute, History: 5, Storage: js.MemoryStorage, MaxBytes: 1 << 20, MaxValueSize: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(ctx, "lease.x", []byte("x")); err != nil {
		t.Fatal(err)
	}
	_, err = jetstream.OpenLeases(ctx, jetstream.LeaseConfig{Conn: s.conn, Node: "a"})
	var difference *jetstream.DifferenceError
	if !errors.As(err, &difference) || difference.Stream != "KV_RECALL-LEASES" {
		t.Fatalf("OpenLeases = %v, want a DifferenceError", err)
	}
	for _, want := range []string{
		"storage is memory, needed file", "max age is 1m0s, needed 0s", "history is 5, needed 1", "max bytes is 1048576, needed -1",
		"max message size is 100, needed -1", "message TTL is false, needed true", "delete marker TTL is 0s, needed 1m0s",
		"allow direct is true, needed false",
	} {
		if !slices.ContainsFunc(difference.Differences, func(d string) bool { return strings.EqualFold(d, want) }) {
			t.Errorf("%q is not among %q", want, difference.Differences)
		}
	}
	status, err := kv.Status(ctx)
	if err != nil || status.TTL() != time.Minute || status.Values() != 1 {
		t.Errorf("the bucket was changed: %v, %v", status, err)
	}
}
