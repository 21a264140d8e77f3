package jetstream

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events/embedded"
)

// TestReceive: a snapshot of which a piece is missing, or that the server broke off,
// is no backup.
func TestReceive(t *testing.T) {
	s, err := embedded.Start(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	conn, err := s.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	piece := func(reply string) *nats.Msg { return &nats.Msg{Reply: reply, Data: []byte("1234")} }
	end := func(status string) *nats.Msg { return &nats.Msg{Header: nats.Header{"Status": {status}}} }
	for _, test := range []struct {
		name   string
		pieces []*nats.Msg
		bytes  int64
		broken bool
		words  string
	}{
		{"whole", []*nats.Msg{piece("ack.4.1"), piece("ack.4.2"), end("204")}, 8, false, ""},
		{"with what stood in the pipe", []*nats.Msg{piece("ack.4.1"), piece(""), end("204")}, 8, false, ""},
		{"the first is missing", []*nats.Msg{piece("ack.4.2"), end("204")}, 0, false, "piece 1 "},
		{"one is missing", []*nats.Msg{piece("ack.4.1"), piece("ack.4.3"), end("204")}, 4, false, "piece 2 "},
		{"one came twice", []*nats.Msg{piece("ack.4.1"), piece("ack.4.1"), end("204")}, 4, false, "piece 2 "},
		{"broken off", []*nats.Msg{piece("ack.4.1"), end("408")}, 4, true, "408"},
		{"broken off before it began", []*nats.Msg{end("500")}, 0, true, "500"},
	} {
		sub, err := conn.SubscribeSync(conn.NewInbox())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range test.pieces {
			m.Subject = sub.Subject
			if err := conn.PublishMsg(m); err != nil {
				t.Fatal(err)
			}
		}
		b := &backup{conn: conn, w: &bytes.Buffer{}}
		err = b.receive(ctx, sub)
		if (err == nil) != (test.words == "") || err != nil && !strings.Contains(err.Error(), test.words) || errors.Is(err, errBrokeOff) != test.broken {
			t.Errorf("%s: receive = %v, want an error with %q", test.name, err, test.words)
		}
		if written := b.archive; written != nil && written.bytes != test.bytes || written == nil && test.bytes > 0 {
			t.Errorf("%s: the backup is %+v, want %d bytes", test.name, written, test.bytes)
		}
	}
}
