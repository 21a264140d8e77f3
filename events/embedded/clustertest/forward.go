package clustertest

import (
	"context"
	"net"
	"sync"
)

// forwarder is one link: connections to its address go on to a target, which may
// change when a server comes back on another port.
type forwarder struct {
	listener net.Listener
	all      sync.WaitGroup

	mu sync.Mutex
	// target is "" until the server behind it is known for the first time.
	target string
	// cut stops everything in silence; down refuses new connections.
	cut, down bool
	// open is closed while the link carries, and replaced when it stops.
	open  chan struct{}
	ended bool
	conns map[net.Conn]bool
}

func newForwarder() (*forwarder, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &forwarder{listener: l, open: make(chan struct{}), conns: map[net.Conn]bool{}}
	f.all.Go(f.accept)
	return f, nil
}

func (f *forwarder) address() string { return f.listener.Addr().String() }

// set changes the link's state.
func (f *forwarder) set(change func(*forwarder)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
	carries := f.ended || !f.cut && (f.target != "" || f.down)
	select {
	case <-f.open:
		if !carries {
			f.open = make(chan struct{})
		}
	default:
		if carries {
			close(f.open)
		}
	}
}

// close ends the link and everything on it.
func (f *forwarder) close() {
	f.set(func(f *forwarder) { f.ended = true })
	_ = f.listener.Close()
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.all.Wait()
}

func (f *forwarder) accept() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.all.Go(func() { f.link(c) })
	}
}

// wait returns once the link carries, with where to; "" when there is nowhere.
func (f *forwarder) wait() (target string) {
	for {
		f.mu.Lock()
		open := f.open
		f.mu.Unlock()
		<-open
		f.mu.Lock()
		same, ended, down, target := open == f.open, f.ended, f.down, f.target
		f.mu.Unlock()
		switch {
		case ended || same && down:
			return ""
		case same:
			return target
		}
	}
}

// keep remembers a connection, so that close ends it.
func (f *forwarder) keep(c net.Conn) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.ended {
		f.conns[c] = true
	}
	return !f.ended
}

func (f *forwarder) drop(c net.Conn) {
	_ = c.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.conns, c)
}

func (f *forwarder) link(from net.Conn) {
	defer f.drop(from)
	if !f.keep(from) {
		return
	}
	target := f.wait()
	if target == "" {
		return
	}
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", target)
	if err != nil {
		return
	}
	defer f.drop(to)
	if !f.keep(to) {
		return
	}
	var both sync.WaitGroup
	pump := func(dst, src net.Conn) {
		f.pump(dst, src)
		// An end is news as well: it waits at the cut like the bytes before it.
		f.hold()
		_ = dst.Close()
		_ = src.Close()
	}
	both.Go(func() { pump(to, from) })
	both.Go(func() { pump(from, to) })
	both.Wait()
}

// hold returns once the link is not cut.
func (f *forwarder) hold() { f.wait() }

func (f *forwarder) pump(dst, src net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := src.Read(buffer)
		if n > 0 {
			f.hold()
			if _, err := dst.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
