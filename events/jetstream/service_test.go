package jetstream_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

const group, subject = "recall.query.3", "recall.query.3.echo"

// echo answers with what it was asked, as often as the first byte says.
func echo(_ context.Context, body []byte) ([]byte, error) {
	switch {
	case bytes.Equal(body, []byte("typed")):
		return nil, &jetstream.CallError{Code: "cursor", Text: "two\r\nlines"}
	case bytes.Equal(body, []byte("plain")):
		return nil, errors.New("it went wrong")
	case len(body) == 0:
		return nil, nil
	}
	return bytes.Repeat(body, int(body[0])*1000), nil
}

// serve runs a service until the test ends or stop is called, and returns once it
// answers.
func serve(t *testing.T, s jetstream.Service) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var run sync.WaitGroup
	run.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); run.Wait() })
	t.Cleanup(stop)
	for _, e := range s.Endpoints {
		for {
			_, err := jetstream.Call(t.Context(), s.Conn, e.Group+"."+e.Name, nil)
			if !errors.Is(err, jetstream.ErrNobody) {
				break
			}
		}
	}
	return stop
}

func service(conn *nats.Conn, handle func(context.Context, []byte) ([]byte, error)) jetstream.Service {
	return jetstream.Service{
		Conn: conn, Name: "recall-ledger", Version: "1.2.3",
		Endpoints: []jetstream.Endpoint{{Group: group, Name: "echo", Handle: handle}},
	}
}

// TestCall: answers of all sizes arrive whole, and every error as what it is.
func TestCall(t *testing.T) {
	s := start(t, t.TempDir())
	if _, err := jetstream.Call(t.Context(), s.conn, subject, nil); !errors.Is(err, jetstream.ErrNobody) {
		t.Fatalf("without a service: %v", err)
	}
	stop := serve(t, service(s.conn, echo))
	large := bytes.Repeat([]byte{200}, 30)
	for _, body := range [][]byte{{1, 2, 3}, large[:3], large[:10], large} {
		want := bytes.Repeat(body, int(body[0])*1000)
		got, err := jetstream.Call(t.Context(), s.conn, subject, body)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("a request whose answer has %d bytes: %d bytes, %v", len(want), len(got), err)
		}
	}
	for _, c := range []struct {
		body       []byte
		code, text string
	}{
		{[]byte("typed"), "cursor", "two  lines"},
		{[]byte("plain"), jetstream.CallFailed, "it went wrong"},
		{bytes.Repeat([]byte{200}, 180), jetstream.CallTooLarge, "the answer has 36000000 bytes, the limit is 33554432"},
	} {
		_, err := jetstream.Call(t.Context(), s.conn, subject, c.body)
		var e *jetstream.CallError
		if !errors.As(err, &e) || e.Code != c.code || e.Text != c.text {
			t.Errorf("%.10q: %#v, want %s: %s", c.body, err, c.code, c.text)
		}
	}
	if _, err := jetstream.Call(t.Context(), s.conn, subject, make([]byte, jetstream.MaxCall+1)); !errors.Is(err, jetstream.ErrCallSize) {
		t.Errorf("a request that is too large: %v", err)
	}
	m, err := s.conn.RequestWithContext(t.Context(), subject, make([]byte, jetstream.MaxCall+1))
	if err != nil || m.Header.Get(micro.ErrorCodeHeader) != jetstream.CallTooLarge {
		t.Errorf("the service says %v, %v of a request that is too large", m.Header, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := jetstream.Call(gone, s.conn, subject, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that went: %v", err)
	}
	stop()
	if _, err := jetstream.Call(t.Context(), s.conn, subject, nil); !errors.Is(err, jetstream.ErrNobody) {
		t.Errorf("after the service stopped: %v", err)
	}
	s.stop()
	if _, err := jetstream.Call(t.Context(), s.conn, subject, nil); !errors.Is(err, jetstream.ErrCallClosed) {
		t.Errorf("over a closed connection: %v", err)
	}
}

// TestServiceSlots: more than fit are refused and not kept, what nobody answers
// in time says so, and what is under way at the stop is finished.
func TestServiceSlots(t *testing.T) {
	s := start(t, t.TempDir())
	entered, leave := make(chan struct{}), make(chan struct{})
	c := service(s.conn, func(ctx context.Context, body []byte) ([]byte, error) {
		if len(body) == 0 {
			return nil, nil
		}
		entered <- struct{}{}
		<-ctx.Done()
		<-leave
		return body, nil
	})
	c.Slots = 1
	stop := serve(t, c)
	var calls sync.WaitGroup
	calls.Go(func() {
		if b, err := jetstream.Call(context.Background(), s.conn, subject, []byte("held")); err != nil || string(b) != "held" {
			t.Errorf("the request under way at the stop: %q, %v", b, err)
		}
	})
	<-entered
	var e *jetstream.CallError
	if _, err := jetstream.Call(t.Context(), s.conn, subject, nil); !errors.As(err, &e) || e.Code != jetstream.CallBusy {
		t.Errorf("with all slots taken: %v", err)
	}
	// Nobody waits for an answer to this, and no slot is spent on it.
	if err := s.conn.Publish(subject, []byte("x")); err != nil {
		t.Fatal(err)
	}
	close(leave)
	stop()
	calls.Wait()

	silent, err := s.conn.Subscribe("silent", func(*nats.Msg) {})
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Unsubscribe()
	short, cancel := context.WithTimeout(t.Context(), 1)
	defer cancel()
	if _, err := jetstream.Call(short, s.conn, "silent", nil); !errors.Is(err, jetstream.ErrCallTime) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody answers: %v", err)
	}
}

// TestServiceListed: the micro services protocol shows what is there, also under
// a version that it does not take.
func TestServiceListed(t *testing.T) {
	s := start(t, t.TempDir())
	for _, version := range []string{"1.2.3", "v1.2.3-dirty+x", ""} {
		c := service(s.conn, echo)
		c.Version = version
		stop := serve(t, c)
		m, err := s.conn.RequestWithContext(t.Context(), "$SRV.INFO.recall-ledger", nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"name":"recall-ledger"`, `"subject":"` + subject + `"`, version} {
			if !strings.Contains(string(m.Data), want) {
				t.Errorf("version %q: the service says %s, without %s", version, m.Data, want)
			}
		}
		stop()
	}
	bad := service(s.conn, echo)
	bad.Endpoints[0].Name = "no name"
	if err := bad.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "no name") {
		t.Errorf("a name that is none: %v", err)
	}
}
