package facadetest

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Config is what differs from the usual node.
type Config struct {
	Credentials []facade.Credential
	// Log needs no connection, Committer no log.
	Log       jetstream.Config
	Committer events.CommitterConfig
	// Partitions is how many the ledger has. Default 1.
	Partitions int
	// Stuck leaves the committer standing: what is published waits.
	Stuck bool
	// ReadTimeout is that of the http.Server; 0 is none.
	ReadTimeout time.Duration
}

// Node is a whole ledger in the process.
type Node struct {
	T testing.TB
	*Clock
	Desk *facade.Desk
	// Part is the ledger's first partition, as a rule its only one.
	Part *partition.Part
	// HTTP is what Serve started.
	HTTP *httptest.Server
	// StopCommitter, CloseLog and StopServer take away what writes, the
	// connection to the log, and the server that keeps it.
	StopCommitter, CloseLog, StopServer func()

	readTimeout time.Duration
	lines       lines
	// broken is true once the log was taken away: its readers may fail.
	broken atomic.Bool
	// named are the values of the placeholders in recorded exchanges.
	named map[string]string
}

// Must returns what a call returned, which must not be an error.
func Must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// NewID makes an id that sorts by time.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Start runs a node until the test ends.
func Start(t testing.TB, c Config) *Node {
	t.Helper()
	n := &Node{T: t, Clock: &Clock{}, readTimeout: c.ReadTimeout, named: map[string]string{}}
	server := Must(embedded.Start(embedded.Config{Dir: t.TempDir()}))(t)
	n.StopServer = sync.OnceFunc(func() { n.broken.Store(true); server.Stop() })
	t.Cleanup(n.StopServer)
	conn := Must(server.Connect("test"))(t)
	n.CloseLog = func() { n.broken.Store(true); conn.Close() }
	t.Cleanup(n.CloseLog)

	c.Log.Conn = conn
	var parts []*partition.Part
	for _, log := range Must(jetstream.OpenAll(context.Background(), c.Log, max(c.Partitions, 1)))(t) {
		projection := Must(projections.Open(context.Background(), projections.Config{Dir: t.TempDir(), Log: log, Cache: 8 << 20}))(t)
		c.Committer.Log = log
		committer := events.NewCommitter(c.Committer)
		n.run(projection, committer, c.Stuck)
		parts = append(parts, &partition.Part{Log: log, Queue: log, Local: projection, Committer: committer})
	}
	n.Part = parts[0]

	credentials := Must(facade.OpenCredentials(t.TempDir()))(t)
	for _, k := range c.Credentials {
		if err := credentials.Put(k); err != nil {
			t.Fatal(err)
		}
	}
	ledger := Must(partition.New(partition.Config{
		Parts: parts, Decision: decision.Config{Clock: n.Now, NewID: NewID, RefusalsPerSecond: 1000},
	}))(t)
	n.Desk = facade.NewDesk(facade.Config{
		Ledger: ledger, Credentials: credentials, Clock: n.Now, Random: rand.Uint32,
		Logger: slog.New(slog.NewTextHandler(&n.lines, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	return n
}

// run starts what works in the background, and stops it when the test ends.
func (n *Node) run(p *projections.Projection, c *events.Committer, stuck bool) {
	ctx, cancel := context.WithCancel(context.Background())
	committing, stop := context.WithCancel(ctx)
	var folding, writing sync.WaitGroup
	part := func(ctx context.Context, run func(context.Context) error) func() {
		return func() {
			if err := run(ctx); err != nil && !n.broken.Load() {
				n.T.Error(err)
			}
		}
	}
	folding.Go(part(ctx, p.Run))
	if !stuck {
		writing.Go(part(committing, c.Run))
	}
	stopped, before := func() { stop(); writing.Wait() }, n.StopCommitter
	n.StopCommitter = func() {
		stopped()
		if before != nil {
			before()
		}
	}
	n.T.Cleanup(func() {
		stopped()
		cancel()
		folding.Wait()
		if err := p.Close(); err != nil {
			n.T.Error(err)
		}
	})
}

// Serve answers HTTP with a handler until the test ends.
func (n *Node) Serve(h http.Handler) {
	n.HTTP = httptest.NewUnstartedServer(h)
	n.HTTP.Config.ReadTimeout = n.readTimeout
	n.HTTP.Start()
	n.T.Cleanup(n.HTTP.Close)
}

// Logged returns what the node logged, down to debug.
func (n *Node) Logged() string { return n.lines.text() }

// lines collects what several parts log at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
