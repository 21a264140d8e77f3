package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// What the first of the real devices do; the others stay connected and wait.
const (
	phoneClicks = iota
	phoneLosesLine
	phoneComesLater
	phonesMin
)

// phones are the real devices: clients of the self-built channel with
// credentials of their own, each behind a line that can be cut.
type phones struct {
	list    []*phone
	changed chan struct{}
	clock   func() time.Time
}

type phone struct {
	id     string
	line   *line
	device *selfbuilt.Device
}

func newPhones(n int, clock func() time.Time) *phones {
	p := &phones{changed: make(chan struct{}, 1), clock: clock}
	for i := range n {
		p.list = append(p.list, &phone{id: fmt.Sprintf("phone-%d", i+1)})
	}
	return p
}

// ids returns all device ids.
func (p *phones) ids() []string {
	var list []string
	for _, f := range p.list {
		list = append(list, f.id)
	}
	return list
}

// connect switches a phone on.
func (p *phones) connect(ctx context.Context, client *api.Client, i int) error {
	f := p.list[i]
	cred, err := client.DeviceCredential(ctx, f.id)
	if err != nil {
		return fmt.Errorf("credential of %s: %w", f.id, err)
	}
	u, err := url.Parse(cred.URL)
	if err != nil {
		return err
	}
	if f.line, err = openLine(u.Host); err != nil {
		return err
	}
	u.Host = f.line.address()
	f.device, err = selfbuilt.Dial(ctx, selfbuilt.DeviceConfig{
		URL: u.String(), App: appName, Device: f.id, Password: cred.Password, Clock: p.clock, OnChange: p.poke,
	})
	if err != nil {
		return fmt.Errorf("%s: %w", f.id, err)
	}
	return nil
}

func (p *phones) poke() {
	select {
	case p.changed <- struct{}{}:
	default:
	}
}

// close switches all phones off.
func (p *phones) close() {
	for _, f := range p.list {
		if f.device != nil {
			f.device.Close()
		}
		if f.line != nil {
			f.line.close()
		}
	}
}

// patience bounds how long a phone may take to do what it should.
const patience = time.Minute

// await waits until every phone that is switched on is as asked.
func (p *phones) await(ctx context.Context, what string, is func(i int, f *phone) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("it took too long"))
	defer cancel()
	for {
		missing := ""
		for i, f := range p.list {
			if f.device != nil && !is(i, f) {
				missing = f.id
			}
		}
		if missing == "" {
			return nil
		}
		select {
		case <-p.changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s to %s: %w", missing, what, context.Cause(ctx))
		}
	}
}

// shows reports whether a push is on the phone's screen.
func (f *phone) shows(push string) bool {
	for _, n := range f.device.Screen() {
		if n.Push == push {
			return true
		}
	}
	return false
}

// saw reports whether a push was ever on the phone's screen.
func (f *phone) saw(push string) bool {
	for _, s := range f.device.Seen() {
		if s == push {
			return true
		}
	}
	return false
}

// quiet reports whether the phone has told everything and knows everything.
func (f *phone) quiet() bool {
	reports, synced := f.device.Pending()
	return reports == 0 && synced
}

// line is the connection between a phone and the node, which can be cut.
type line struct {
	to       string
	listener net.Listener

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
	done  sync.WaitGroup
}

func openLine(to string) (*line, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	n := &line{to: to, listener: l, conns: map[net.Conn]struct{}{}}
	n.done.Go(n.accept)
	return n, nil
}

func (l *line) address() string { return l.listener.Addr().String() }

func (l *line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.done.Go(func() { l.relay(near) })
	}
}

// relay passes bytes both ways until one side ends or the line is cut.
func (l *line) relay(near net.Conn) {
	defer shut(near)
	if !l.hold(near) {
		return
	}
	defer l.drop(near)
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer shut(far)
	if !l.hold(far) {
		return
	}
	defer l.drop(far)
	var back sync.WaitGroup
	back.Go(func() {
		// A broken line ends the copy; that is what it is for.
		_, _ = io.Copy(near, far)
		shut(near)
	})
	_, _ = io.Copy(far, near)
	shut(far)
	back.Wait()
}

// shut closes one end of the line: that it fails says only that it was closed.
func shut(c io.Closer) { _ = c.Close() }

// hold notes a connection; false when the line is down.
func (l *line) hold(c net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *line) drop(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
}

// cut ends all connections and lets none through until mend.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	for c := range l.conns {
		shut(c)
	}
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = false
}

func (l *line) close() {
	shut(l.listener)
	l.cut()
	l.done.Wait()
}
