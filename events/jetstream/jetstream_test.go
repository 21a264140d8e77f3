package jetstream_test

import (
	"context"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/events/logtest"
)

func TestMain(m *testing.M) {
	clustertest.Main()
	goleak.VerifyTestMain(m)
}

// server is a real server and a connection to it.
type server struct {
	srv  *embedded.Server
	conn *nats.Conn
	stop func()
}

// start runs a server on a folder until the test ends or stop is called.
func start(t *testing.T, dir string) *server {
	t.Helper()
	return startWith(t, embedded.Config{Dir: dir})
}

func startWith(t *testing.T, c embedded.Config) *server {
	t.Helper()
	srv, err := embedded.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := srv.Connect("test")
	if err != nil {
		srv.Stop()
		t.Fatal(err)
	}
	s := &server{srv: srv, conn: nc, stop: sync.OnceFunc(func() {
		nc.Close()
		srv.Stop()
	})}
	t.Cleanup(s.stop)
	return s
}

func open(t *testing.T, c jetstream.Config) *jetstream.Log {
	t.Helper()
	log, err := jetstream.Open(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func TestContract(t *testing.T) {
	s := start(t, t.TempDir())
	// One server; every subtest gets the stream of another partition.
	partition := -1
	logtest.Run(t, func(t *testing.T) events.Log {
		partition++
		return open(t, jetstream.Config{Conn: s.conn, Partition: partition})
	})
}
