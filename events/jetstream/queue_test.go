package jetstream_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// taken is a delivery that a handler holds until the test says what to do.
type taken struct {
	events.Delivery
	name string
	end  chan func(context.Context, events.Delivery)
}

func (k taken) String() string { return fmt.Sprintf("%s attempt %d", k.name, k.Attempt()) }

// consumer is one Consume call under way.
type consumer struct {
	t     *testing.T
	took  chan taken
	stop  context.CancelFunc
	ended chan error
}

// consume starts a consumer of all commands on channel apns.
func consume(t *testing.T, log *jetstream.Log, workers int) *consumer {
	t.Helper()
	ctx, cancel := context.WithCancel(testContext(t))
	c := &consumer{t: t, took: make(chan taken, 100), stop: cancel, ended: make(chan error, 1)}
	go func() {
		c.ended <- log.Consume(ctx, "emit-0-apns", events.CommandFilter(0, "apns"), workers, func(ctx context.Context, d events.Delivery) {
			k := taken{d, string(d.Message().Data), make(chan func(context.Context, events.Delivery), 1)}
			c.took <- k
			select {
			case f := <-k.end:
				f(ctx, d)
			case <-ctx.Done():
			}
		})
	}()
	return c
}

func (c *consumer) next() taken {
	c.t.Helper()
	select {
	case k := <-c.took:
		return k
	case <-time.After(failSafe):
		c.t.Fatal("no message came")
		return taken{}
	}
}

// quit ends the consumer and waits until it has returned.
func (c *consumer) quit() {
	c.t.Helper()
	c.stop()
	if err := <-c.ended; err != nil {
		c.t.Errorf("Consume = %v, want nil after its context ended", err)
	}
}

func (k taken) ack(t *testing.T) {
	t.Helper()
	k.tell(t, "Ack", func(ctx context.Context) error { return k.Ack(ctx) })
}

func (k taken) retry(t *testing.T, after time.Duration) {
	t.Helper()
	k.tell(t, "Retry", func(ctx context.Context) error { return k.Retry(ctx, after) })
}

// tell makes the message's handler end it, and waits until it has.
func (k taken) tell(t *testing.T, what string, end func(context.Context) error) {
	t.Helper()
	done := make(chan error, 1)
	k.end <- func(ctx context.Context, _ events.Delivery) { done <- end(ctx) }
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s of %s = %v", what, k, err)
		}
	case <-time.After(failSafe):
		t.Fatalf("%s of %s: its handler has gone", what, k)
	}
}

// put appends messages m1, m2, ... each as a command of a push of its own.
func put(t *testing.T, log events.Log, n int) {
	t.Helper()
	for i := range n {
		name := "m" + strconv.Itoa(i+1)
		subject := events.Subject(0, "shop", events.CommandIssued, name, "apns")
		if _, err := log.Append(testContext(t), []events.Record{{Subject: subject, Data: []byte(name)}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestQueueRetry: what is put back comes again, later, and counts its attempts
// without an end; meanwhile others pass.
func TestQueueRetry(t *testing.T) {
	s := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: s.conn})
	put(t, log, 2)
	c := consume(t, log, 1)
	first := c.next()
	if first.name != "m1" || first.Attempt() != 1 || first.Message().Seq != 1 {
		t.Fatalf("first came %s at %v", first, first.Message().Position)
	}
	first.retry(t, time.Hour)
	second := c.next()
	if second.name != "m2" {
		t.Fatalf("after m1 was put back came %s, want m2", second)
	}
	asked := time.Now()
	second.retry(t, 300*time.Millisecond)
	for attempt := 2; attempt < 25; attempt++ {
		k := c.next()
		// No machine is too slow for that.
		if attempt == 2 && time.Since(asked) < 300*time.Millisecond {
			t.Errorf("m2 came again after %s, want 300 ms", time.Since(asked))
		}
		if k.name != "m2" || k.Attempt() != attempt {
			t.Fatalf("came %s, want m2 attempt %d", k, attempt)
		}
		k.retry(t, 0)
	}
	c.next().ack(t)
	c.quit()
}

// TestQueueRemembersAcks: over a restart of the server, what was ended stays
// ended and what was not comes again soon: a server that starts looks for it
// after 0.5 to 1.5 seconds, at a resolution of a second.
func TestQueueRemembersAcks(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	log := open(t, jetstream.Config{Conn: s.conn})
	put(t, log, 6)
	c := consume(t, log, 6)
	held := map[string]bool{}
	for range 6 {
		k := c.next()
		if n := k.Message().Seq; n%2 == 1 {
			k.ack(t)
			continue
		}
		held[k.name] = true
	}
	c.quit()
	s.stop()

	s = start(t, dir)
	log = open(t, jetstream.Config{Conn: s.conn})
	c = consume(t, log, 6)
	restarted := time.Now()
	for range 3 {
		k := c.next()
		if !held[k.name] || k.Attempt() != 2 {
			t.Errorf("came %s, want one of %v once more", k, held)
		}
		delete(held, k.name)
		k.ack(t)
	}
	t.Logf("what was not ended came again %s after the restart", time.Since(restarted))
	c.quit()
	if n := len(c.took); n != 0 {
		t.Errorf("%d messages more came", n)
	}
}

// TestQueueCrash: a message whose handler died comes again soon, one whose
// handler still works does not, however long that takes.
func TestQueueCrash(t *testing.T) {
	s := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: s.conn})
	put(t, log, 4)
	works := consume(t, log, 1)
	slow := works.next()

	conn, err := s.srv.Connect("victim")
	if err != nil {
		t.Fatal(err)
	}
	dies := consume(t, open(t, jetstream.Config{Conn: conn}), 1)
	lost := dies.next()
	conn.Close()
	died := time.Now()
	dies.stop()
	<-dies.ended

	other := consume(t, log, 1)
	for {
		k := other.next()
		if k.name == slow.name {
			t.Fatalf("%s came while its handler works", k)
		}
		if k.name != lost.name && k.Attempt() != 1 {
			t.Errorf("came %s, which nobody had", k)
		}
		k.ack(t)
		if k.name == lost.name {
			break
		}
	}
	// The slow one was taken before the lost one, so its time was over first.
	t.Logf("what a crash left came again after %s", time.Since(died))
	slow.ack(t)
	other.quit()
	works.quit()
}

// TestQueueHandsBack: a consumer that stops gives what it holds to another at
// once, and returns only after its handlers did.
func TestQueueHandsBack(t *testing.T) {
	s := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: s.conn})
	put(t, log, 1)
	back, err := s.conn.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.MSG_NAKED.LEDGER.*")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(testContext(t))
	entered, release, ended := make(chan bool), make(chan bool), make(chan error, 1)
	go func() {
		ended <- log.Consume(ctx, "emit-0-apns", events.CommandFilter(0, "apns"), 1, func(context.Context, events.Delivery) {
			close(entered)
			<-release
		})
	}()
	<-entered
	stop()
	other := consume(t, log, 1)
	select {
	case err := <-ended:
		t.Fatalf("Consume = %v while its handler runs", err)
	case k := <-other.took:
		t.Fatalf("%s came while its handler runs", k)
	case <-time.After(50 * time.Millisecond): // only a chance to fail
	}
	close(release)
	if err := <-ended; err != nil {
		t.Errorf("Consume = %v", err)
	}
	// The server tells that it was given back; otherwise it would wait for a crash.
	if _, err := back.NextMsg(failSafe); err != nil {
		t.Fatalf("nothing was given back to the queue: %v", err)
	}
	k := other.next()
	if k.Attempt() != 2 {
		t.Errorf("came %s, want attempt 2", k)
	}
	k.ack(t)
	other.quit()
}

// TestQueueShare: consumers of one name share the messages.
func TestQueueShare(t *testing.T) {
	s := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: s.conn})
	const n = 60
	put(t, log, n)
	a, b := consume(t, log, 2), consume(t, log, 3)
	seen := map[string]int{}
	for range n {
		var k taken
		select {
		case k = <-a.took:
		case k = <-b.took:
		case <-time.After(failSafe):
			t.Fatalf("%d of %d messages came", len(seen), n)
		}
		seen[k.name]++
		k.ack(t)
	}
	a.quit()
	b.quit()
	if len(seen) != n || len(a.took)+len(b.took) > 0 {
		t.Errorf("%d of %d messages came, and %d twice", len(seen), n, len(a.took)+len(b.took))
	}
}

// TestQueueConnectionLost: a queue whose connection is closed says so; a worker
// must not end in silence.
func TestQueueConnectionLost(t *testing.T) {
	s := start(t, t.TempDir())
	conn, err := s.srv.Connect("lost")
	if err != nil {
		t.Fatal(err)
	}
	log := open(t, jetstream.Config{Conn: conn})
	put(t, log, 1)
	c := consume(t, log, 2)
	c.next().ack(t)
	conn.Close()
	if err := <-c.ended; err == nil {
		t.Error("Consume = nil on a closed connection, want an error")
	}
	c.stop()
}
