package jetstream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// TestAppendNotTaken: an append that was certainly not taken is not made uncertain
// by offering it again when there is no time left for an answer (L1).
func TestAppendNotTaken(t *testing.T) {
	s := start(t, t.TempDir())
	log := open(t, jetstream.Config{Conn: s.conn, Timeout: time.Second})
	// In place of the stream there is a server that has no leader, and then says
	// nothing any more.
	if err := api(t, s).DeleteStream(testContext(t), jetstream.StreamName(0)); err != nil {
		t.Fatal(err)
	}
	answered := false
	if _, err := s.conn.Subscribe("recall.decision.0.>", func(m *nats.Msg) {
		if m.Reply == "" || answered {
			return
		}
		answered = true
		if err := m.Respond([]byte(`{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`)); err != nil {
			t.Error(err)
		}
	}); err != nil {
		t.Fatal(err)
	}
	record := events.Record{Subject: events.DecisionFilter(0, "shop", "p"), Data: []byte("x")}
	if _, err := log.Append(testContext(t), []events.Record{record}); !errors.Is(err, events.ErrOverloaded) {
		t.Errorf("Append = %v, want ErrOverloaded", err)
	}
}
