package jetstream_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// What any NATS client in any language writes, by events/FORMAT.md alone.
const (
	foreignSubject = "recall.fact.0.shop.click.order-4711"
	foreignEvent   = `{"v":1,"kind":"click.clicked","app":"shop","push":"order-4711","time":"2026-11-20T09:41:35Z","data":{"channel":"apns","devices":["device-a"]}}`
)

// TestForeignClient publishes without any code of this module.
func TestForeignClient(t *testing.T) {
	for name, publish := range map[string]func(*testing.T, *nats.Conn) error{
		"JetStream": func(t *testing.T, nc *nats.Conn) error {
			js, err := nc.JetStream()
			if err != nil {
				return err
			}
			ack, err := js.Publish(foreignSubject, []byte(foreignEvent))
			if err == nil && (ack.Stream != "LEDGER" || ack.Sequence != 1) {
				t.Errorf("acknowledged as %s %d, want LEDGER 1", ack.Stream, ack.Sequence)
			}
			return err
		},
		"core NATS": func(_ *testing.T, nc *nats.Conn) error {
			return nc.Publish(foreignSubject, []byte(foreignEvent))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, t.TempDir())
			log := open(t, jetstream.Config{Conn: s.conn})
			if err := publish(t, s.conn); err != nil {
				t.Fatal(err)
			}
			done := errors.New("done")
			err := log.Follow(testContext(t), 1, func(m events.Message) error {
				e, err := events.DecodeStrict(m.Data)
				if err != nil {
					return err
				}
				if err := events.CheckSubject(m.Subject, 0, &e.Header); err != nil {
					return err
				}
				f, ok := e.Data.(*events.Fact)
				if !ok || e.Kind != events.ClickClicked || e.Push != "order-4711" || f.Devices[0] != "device-a" {
					t.Errorf("read %+v, want the click of device-a", e)
				}
				return done
			})
			if !errors.Is(err, done) {
				t.Errorf("Follow = %v, want the event", err)
			}
		})
	}
}

// TestBuckets: the server stores a fact where events.Bucket says, and where
// CheckSubject expects it; a decision stays on its own subject.
func TestBuckets(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	log := open(t, jetstream.Config{Conn: s.conn})
	pushes := []string{
		"order-4711", "v:1t:1603707455p:27133n:2", "a.b..c", "two words", "*", ">", "$JS", "100%", "%2E", "撤回",
		"tab\tnewline\n", "0", "63", strings.Repeat("撤", events.MaxPush/3), strings.Repeat("x", events.MaxPush),
	}
	for i := range 200 {
		pushes = append(pushes, "push-"+strconv.Itoa(i))
	}
	var records []events.Record
	for _, push := range pushes {
		records = append(records, events.Record{Subject: events.Subject(0, "shop", events.DisplayShown, push, ""), Data: []byte(push)})
	}
	if _, err := log.Append(ctx, records); err != nil {
		t.Fatal(err)
	}
	if err := log.Read(ctx, events.Range{}, func(m events.Message) error {
		push := string(m.Data)
		if want := "recall.fact.0.shop.display." + strconv.Itoa(events.Bucket(push)); m.Subject != want {
			t.Errorf("push %q is stored on %s, want %s", push, m.Subject, want)
		}
		return events.CheckSubject(m.Subject, 0, &events.Header{Kind: events.DisplayShown, App: "shop", Push: push})
	}); err != nil {
		t.Error(err)
	}
}

// TestCommitterOnJetStream: many writers on the real log, each with its own
// position.
func TestCommitterOnJetStream(t *testing.T) {
	s := start(t, t.TempDir())
	ctx := testContext(t)
	log := open(t, jetstream.Config{Conn: s.conn})
	c := events.NewCommitter(events.CommitterConfig{Log: log})
	run, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- c.Run(run) }()
	const writers = 300
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			data := strconv.Itoa(w)
			pos, err := c.Commit(ctx, []events.Record{{Subject: events.Subject(0, "shop", events.ClickClicked, data, ""), Data: []byte(data)}})
			if err == nil {
				err = log.Read(ctx, events.Range{From: pos.Seq, To: pos.Seq}, func(m events.Message) error {
					if string(m.Data) != data {
						t.Errorf("position %v of writer %s holds %s", pos, data, m.Data)
					}
					return nil
				})
			}
			errs <- err
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if end, err := log.End(ctx); err != nil || end.Seq != writers {
		t.Errorf("End = %v, %v, want %d", end, err, writers)
	}
}
