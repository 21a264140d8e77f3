package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	// childMember is set in the environment of a process that is a node of a
	// cluster: what memberConfig says.
	childMember = "RECALL_NODE_CHILD_MEMBER"
	memberLog   = "node.log"
	// partitions is how many the log of the cluster has.
	partitions = 2
	// restartPause is after how long a node that ended by itself is started again,
	// as systemd does.
	restartPause = 200 * time.Millisecond
)

// memberConfig is what a node of the cluster is told.
type memberConfig struct {
	Dir, ID, URL string
	Vendors      []VendorConfig
}

// config is the node's configuration.
func (m memberConfig) config() Config {
	c := Default()
	c.Data = filepath.Join(m.Dir, "data")
	c.HTTP.Listen = "127.0.0.1:0"
	c.Node.ID = m.ID
	c.NATS = NATSConfig{URL: m.URL, Replicas: 3}
	c.Log.Partitions = partitions
	c.Log.MaxBytes = 1 << 30
	c.Vendors = m.Vendors
	return c
}

// serveMember runs a node of a cluster until it is told to stop or killed. It says
// on standard output where it serves.
func serveMember(text string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// The test holds the other end: its death ends the node where the kernel does
	// not see to that.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	var m memberConfig
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return err
	}
	c := m.config()
	c.Logger = slog.New(quiet{slog.NewTextHandler(os.Stderr, nil)})
	n, err := Start(ctx, c)
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // told to stop before it served, as recall serve does
	}
	if err != nil {
		return err
	}
	fmt.Println(n.Address())
	return n.Run(ctx)
}

// quiet leaves the line of every request out of a log.
type quiet struct{ slog.Handler }

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == "request" && r.Level < slog.LevelError {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(list []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(list)} }

func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

// member is a node of the cluster under test: its processes, one after the other.
type member struct {
	index  int
	config memberConfig
	links  []*link

	mu   sync.Mutex
	life *life
	// ended is true once no further process is wanted.
	ended bool
	// exits are the ends nobody asked for, failures the starts that failed.
	exits, failures []string
	starts          int
	// pauses are when it was stopped by a signal or cut off.
	pauses []span
}

// span is a time from begin to end; the zero end is still to come.
type span struct{ from, to time.Time }

// life is one process.
type life struct {
	cmd   *exec.Cmd
	stdin io.Closer
	// url is where it serves, "" before it does.
	url string
	// asked is true when its end was asked for.
	asked bool
	// gone is closed when it ended, with err.
	gone chan struct{}
	err  error
}

// start starts a process, and the next one whenever that ends by itself. It does
// not wait until it serves.
func (m *member) start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended || m.life != nil {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	text, err := json.Marshal(m.config)
	if err != nil {
		return err
	}
	report, err := os.OpenFile(filepath.Join(m.config.Dir, memberLog), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer report.Close()
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childMember+"="+string(text))
	cmd.SysProcAttr = dieWithParent()
	cmd.Stderr = report
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	l := &life{cmd: cmd, stdin: in, gone: make(chan struct{})}
	m.life = l
	m.starts++
	go m.watch(l, out)
	return nil
}

// watch follows a process to its end.
func (m *member) watch(l *life, out io.Reader) {
	line, err := bufio.NewReader(out).ReadString('\n')
	m.mu.Lock()
	if err == nil {
		l.url = "http://" + strings.TrimSpace(line)
	}
	m.mu.Unlock()
	ended := l.cmd.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	l.err, m.life = ended, nil
	if !l.asked {
		text := fmt.Sprintf("%s: %v: %s", m.config.ID, ended, lastLine(m.log()))
		if l.url == "" {
			m.failures = append(m.failures, text)
		} else {
			m.exits = append(m.exits, text)
		}
		// An error shows as a node that is not there.
		time.AfterFunc(restartPause, func() { _ = m.start() })
	}
	close(l.gone)
}

// url is where the node serves, "" when it does not.
func (m *member) url() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life == nil {
		return ""
	}
	return m.life.url
}

// end sends a signal to the process, waits for its end and returns how it ended.
func (m *member) end(sig syscall.Signal) error {
	m.mu.Lock()
	l := m.life
	if l != nil {
		l.asked = true
		_ = l.cmd.Process.Signal(sig) // one that has just ended is what was asked for
	}
	m.mu.Unlock()
	if l == nil {
		return nil
	}
	<-l.gone
	_ = l.stdin.Close()
	return l.err
}

// close ends the node for good.
func (m *member) close() {
	m.mu.Lock()
	m.ended = true
	m.mu.Unlock()
	_ = m.end(syscall.SIGKILL)
}

// pause stops the process as it is; resume lets it go on.
func (m *member) pause() { m.signal(syscall.SIGSTOP); m.away() }

func (m *member) resume() { m.signal(syscall.SIGCONT); m.back() }

// cut cuts the node off from all servers; heal restores the links.
func (m *member) cut() {
	m.away()
	for _, l := range m.links {
		l.cut()
	}
}

func (m *member) heal() {
	for _, l := range m.links {
		l.heal()
	}
	m.back()
}

func (m *member) signal(sig syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.life != nil {
		_ = m.life.cmd.Process.Signal(sig) // one that has ended is not stopped
	}
}

func (m *member) away() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pauses = append(m.pauses, span{from: time.Now()})
}

func (m *member) back() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.pauses); n > 0 && m.pauses[n-1].to.IsZero() {
		m.pauses[n-1].to = time.Now()
	}
}

// wasAway reports whether the node was stopped or cut off at any time between.
func (m *member) wasAway(from, to time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.pauses {
		if s.from.Before(to) && (s.to.IsZero() || s.to.After(from)) {
			return true
		}
	}
	return false
}

// is reports whether a holder of leases is a process of this node.
func (m *member) is(holder string) bool { return strings.HasPrefix(holder, m.config.ID+"-") }

func (m *member) log() string {
	b, err := os.ReadFile(filepath.Join(m.config.Dir, memberLog))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// errAway is a node that does not serve at present.
var errAway = errors.New("the node does not serve")

// startMember makes a node of the cluster and starts it.
func startMember(t *testing.T, index int, servers []string, vendors []VendorConfig) *member {
	t.Helper()
	m := &member{index: index}
	var urls []string
	for _, s := range servers {
		l := newLink(t, s)
		m.links = append(m.links, l)
		urls = append(urls, l.url())
	}
	id := fmt.Sprintf("node%d", index)
	m.config = memberConfig{Dir: filepath.Join(t.ArtifactDir(), id), ID: id, URL: strings.Join(urls, ","), Vendors: vendors}
	if err := os.MkdirAll(m.config.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.close()
		if t.Failed() {
			lines := strings.Split(strings.TrimSpace(m.log()), "\n")
			t.Logf("%s, the end of its log:\n%s", m.config.ID, strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	})
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	return m
}
