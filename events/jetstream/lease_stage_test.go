package jetstream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/embedded/clustertest"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// stage is a server with a TCP listener, on which nodes compete for leases.
type stage struct {
	t       *testing.T
	ctx     context.Context
	srv     *embedded.Server
	began   chan tenure
	mu      sync.Mutex
	inside  map[string]string
	overlap []string
	conn    *nats.Conn
}

// tenure is work under way. It ends when told to, or when its context ends.
type tenure struct {
	node, lease string
	at          time.Time
	ctx         context.Context
	end         chan error
	ended       chan struct{}
}

// patience ends a test that hangs, also on a machine that is busy with much else.
func patience(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), clustertest.Patience)
	t.Cleanup(cancel)
	return ctx
}

func newStage(t *testing.T) *stage {
	t.Helper()
	all := []string{">"}
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Devices: &embedded.DeviceListener{
		Address: "127.0.0.1:0",
		Authenticate: func(string, string) (embedded.Grant, bool) {
			return embedded.Grant{Publish: all, Subscribe: all}, true
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(srv.Stop)
	return &stage{t: t, ctx: patience(t), srv: srv, began: make(chan tenure, 1000), inside: map[string]string{}}
}

// dial connects over TCP, to the server or to a proxy of it.
func (s *stage) dial(address string) *nats.Conn {
	s.t.Helper()
	nc, err := nats.Connect("ws://"+address, nats.UserInfo("node", "x"), nats.MaxReconnects(-1),
		nats.ReconnectWait(20*time.Millisecond), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// player is a node.
type player struct {
	*jetstream.Leases
	s    *stage
	name string
	conn *nats.Conn
	stop context.CancelFunc
	// ran is the result of Run, to be read once.
	ran chan error
	// wg is Run and all Holds.
	wg *sync.WaitGroup
}

// node starts one; an empty TTL is one that ends in no test, however slow the
// machine: what such a node holds it does not lose.
func (s *stage) node(c jetstream.LeaseConfig) *player {
	s.t.Helper()
	if c.Conn == nil {
		c.Conn = s.dial(s.srv.DeviceAddress())
	}
	if c.TTL == 0 {
		c.TTL = time.Minute
	}
	if c.Settle == 0 {
		c.Settle = time.Hour
	}
	l, err := jetstream.OpenLeases(s.ctx, c)
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.ctx)
	p := &player{Leases: l, s: s, name: c.Node, conn: c.Conn, stop: stop, ran: make(chan error, 1), wg: &sync.WaitGroup{}}
	p.wg.Go(func() { p.ran <- l.Run(ctx) })
	s.t.Cleanup(func() {
		stop()
		p.wg.Wait()
	})
	return p
}

// hold makes the node ask for a lease. What comes back ends the Hold and returns
// its result; the end of the test does so too.
func (p *player) hold(lease string) func() error {
	ctx, cancel := context.WithCancel(p.s.ctx)
	done := make(chan error, 1)
	p.wg.Go(func() { done <- p.Hold(ctx, lease, func(ctx context.Context) error { return p.work(ctx, lease) }) })
	p.s.t.Cleanup(cancel)
	return func() error {
		cancel()
		return <-done
	}
}

// work is in the stage's record for as long as it runs.
func (p *player) work(ctx context.Context, lease string) error {
	k := tenure{p.name, lease, time.Now(), ctx, make(chan error, 1), make(chan struct{})}
	s := p.s
	s.mu.Lock()
	if other := s.inside[lease]; other != "" {
		s.overlap = append(s.overlap, lease+" is held by "+other+" and "+p.name)
	}
	s.inside[lease] = p.name
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.inside, lease)
		close(k.ended)
	}()
	s.began <- k
	select {
	case err := <-k.end:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next waits for the next work to begin.
func (s *stage) next() tenure {
	s.t.Helper()
	select {
	case k := <-s.began:
		return k
	case <-s.ctx.Done():
		s.t.Fatal("nobody takes the lease")
		return tenure{}
	}
}

// by waits for work of that node to begin. Work of another must end by itself: on a
// machine that stood still a node loses its lease, and may take it again.
func (s *stage) by(p *player) tenure {
	s.t.Helper()
	for {
		k := s.next()
		if k.node == p.name {
			return k
		}
		s.over(k)
	}
}

// over waits until work has ended.
func (s *stage) over(k tenure) {
	s.t.Helper()
	select {
	case <-k.ended:
	case <-s.ctx.Done():
		s.t.Fatalf("the work of %s on %s goes on", k.node, k.lease)
	}
}

// told waits until work is told to end.
func (s *stage) told(k tenure) {
	s.t.Helper()
	select {
	case <-k.ctx.Done():
	case <-s.ctx.Done():
		s.t.Fatalf("%s works on %s without the lease", k.node, k.lease)
	}
}

// exclusive fails the test if two nodes ever worked under one lease at once.
func (s *stage) exclusive() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.overlap {
		s.t.Error(o)
	}
}

// eventually asks until the answer is yes.
func (s *stage) eventually(what string, ask func() bool) {
	s.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			s.t.Fatalf("not so in time: %s", what)
		}
	}
}

// holders returns who holds what, as the bucket says.
func (p *player) holders() map[string]string {
	list, err := p.List(p.s.ctx)
	if err != nil {
		p.s.t.Fatal(err)
	}
	m := map[string]string{}
	for _, l := range list {
		m[l.Name] = l.Node
	}
	return m
}

// present returns the names of the nodes that are there.
func (p *player) present() []string {
	list, err := p.Nodes(p.s.ctx)
	if err != nil {
		p.s.t.Fatal(err)
	}
	var names []string
	for _, m := range list {
		names = append(names, m.Node)
	}
	return names
}

// proxy passes bytes between a node and the server until told not to.
type proxy struct {
	address  string
	up, down gate
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

// gate lets bytes pass while it is open.
type gate struct {
	mu   sync.Mutex
	open chan struct{}
}

func (g *gate) set(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		if !open {
			g.open = make(chan struct{})
		}
	default:
		if open {
			close(g.open)
		}
	}
}

func (g *gate) wait() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.open
}

func newProxy(s *stage) *proxy {
	s.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	p := &proxy{address: listener.Addr().String(), conns: map[net.Conn]bool{}}
	p.up.open, p.down.open = make(chan struct{}), make(chan struct{})
	p.resume()
	target := s.srv.DeviceAddress()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			p.mu.Lock()
			p.conns[client], p.conns[server] = true, true
			p.mu.Unlock()
			wg.Go(func() { p.pass(client, server, &p.up) })
			wg.Go(func() { p.pass(server, client, &p.down) })
		}
	})
	s.t.Cleanup(func() {
		listener.Close()
		p.resume()
		p.cut()
		wg.Wait()
	})
	return p
}

func (p *proxy) pass(from, to net.Conn, g *gate) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		<-g.wait()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if errors.Is(err, io.EOF) || err != nil {
			return
		}
	}
}

// pause holds all bytes back; the connections stay.
func (p *proxy) pause() {
	p.up.set(false)
	p.down.set(false)
}

func (p *proxy) resume() {
	p.up.set(true)
	p.down.set(true)
}

// cut ends all connections; new ones are taken.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
		delete(p.conns, c)
	}
}
