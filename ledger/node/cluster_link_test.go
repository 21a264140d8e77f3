package node

import (
	"context"
	"net"
	"sync"
	"testing"
)

// link is one node's way to one server. Cut, it stops in silence, as a network
// does: nobody gets an error, and what was under way arrives when it is healed.
type link struct {
	listener net.Listener
	target   string
	all      sync.WaitGroup

	mu sync.Mutex
	// carries is closed while bytes pass, and replaced when they stop.
	carries chan struct{}
	conns   map[net.Conn]bool
	ended   bool
}

func newLink(t *testing.T, target string) *link {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, target: target, carries: make(chan struct{}), conns: map[net.Conn]bool{}}
	close(l.carries)
	l.all.Go(l.accept)
	t.Cleanup(l.close)
	return l
}

func (l *link) url() string { return "nats://" + l.listener.Addr().String() }

func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.carries:
		l.carries = make(chan struct{})
	default:
	}
}

func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.carries:
	default:
		close(l.carries)
	}
}

func (l *link) close() {
	l.listener.Close()
	l.mu.Lock()
	l.ended = true
	for c := range l.conns {
		c.Close()
	}
	l.mu.Unlock()
	l.heal()
	l.all.Wait()
}

func (l *link) accept() {
	for {
		c, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.all.Go(func() { l.carry(c) })
	}
}

// keep remembers a connection, so that close ends it.
func (l *link) keep(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.conns[c] = true
	}
	return !l.ended
}

func (l *link) drop(c net.Conn) {
	c.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// wait returns once the link carries.
func (l *link) wait() {
	l.mu.Lock()
	carries := l.carries
	l.mu.Unlock()
	<-carries
}

func (l *link) carry(from net.Conn) {
	defer l.drop(from)
	if !l.keep(from) {
		return
	}
	l.wait()
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", l.target)
	if err != nil {
		return
	}
	defer l.drop(to)
	if !l.keep(to) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { l.pump(to, from) })
	both.Go(func() { l.pump(from, to) })
	both.Wait()
}

// pump carries bytes one way. An end is news as well: it waits like the bytes.
func (l *link) pump(to, from net.Conn) {
	defer func() {
		l.wait()
		to.Close()
		from.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			l.wait()
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
