package clustertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Cluster is a running cluster. Servers are numbered from 0. Its methods fail
// the test when something goes wrong and are called from the test's goroutine.
type Cluster struct {
	t       testing.TB
	c       Config
	servers []*serverProcess
	// clients lead to server i; routes[i][j] from server i to server j.
	clients []*forwarder
	routes  [][]*forwarder
}

// Start starts a cluster and waits until it is whole: it has a leader, and every
// server is a current member.
func Start(t testing.TB, c Config) *Cluster {
	t.Helper()
	c.setDefaults()
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	k := &Cluster{t: t, c: c}
	t.Cleanup(k.stop)
	for i := range c.Servers {
		k.servers = append(k.servers, &serverProcess{name: fmt.Sprintf("n%d", i), dir: filepath.Join(c.Dir, fmt.Sprintf("n%d", i))})
	}
	for range c.Servers {
		k.clients = append(k.clients, k.forwarder())
		row := make([]*forwarder, c.Servers)
		for j := range row {
			row[j] = k.forwarder()
		}
		k.routes = append(k.routes, row)
	}
	for i := range k.servers {
		k.write(i)
		k.up(i)
	}
	k.WaitWhole()
	return k
}

func (k *Cluster) forwarder() *forwarder {
	k.t.Helper()
	f, err := newForwarder()
	k.must(err)
	return f
}

// write writes the server's configuration.
func (k *Cluster) write(i int) {
	k.t.Helper()
	s := k.servers[i]
	k.must(os.MkdirAll(s.dir, 0o700))
	var routes []string
	for j, f := range k.routes[i] {
		if j != i {
			routes = append(routes, f.address())
		}
	}
	s.config = filepath.Join(s.dir, "nats.conf")
	k.must(os.WriteFile(s.config, []byte(k.c.file(s, routes)), 0o600))
}

// to calls f with every link that leads to server i.
func (k *Cluster) to(i int, f func(*forwarder)) {
	k.clients[i].set(f)
	for from := range k.routes {
		k.routes[from][i].set(f)
	}
}

// up starts a server and leads its links to it.
func (k *Cluster) up(i int) {
	k.t.Helper()
	s := k.servers[i]
	if err := s.start(); err != nil {
		k.t.Fatal(err)
	}
	k.clients[i].set(func(f *forwarder) { f.target, f.down = s.at.Client, false })
	for from := range k.routes {
		k.routes[from][i].set(func(f *forwarder) { f.target, f.down = s.at.Cluster, false })
	}
}

func (k *Cluster) down(i int, sig syscall.Signal) {
	if !k.servers[i].running() {
		return
	}
	k.to(i, func(f *forwarder) { f.down = true })
	k.servers[i].end(sig)
}

// stop ends everything; what the servers logged is shown when the test failed.
func (k *Cluster) stop() {
	for i, s := range k.servers {
		if k.t.Failed() && s.dir != "" {
			k.t.Logf("server %s, the end of its log:\n%s", s.name, s.tail())
		}
		k.down(i, syscall.SIGKILL)
	}
	for _, f := range k.clients {
		f.close()
	}
	for _, row := range k.routes {
		for _, f := range row {
			f.close()
		}
	}
}

func (k *Cluster) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

// Size returns how many servers there are, running or not.
func (k *Cluster) Size() int { return len(k.servers) }

// URL returns where clients reach server i. It stays the same over restarts.
func (k *Cluster) URL(i int) string { return "nats://" + k.clients[i].address() }

// URLs returns where clients reach the servers.
func (k *Cluster) URLs() []string {
	var urls []string
	for i := range k.servers {
		urls = append(urls, k.URL(i))
	}
	return urls
}

// Addr returns host:port of URL(i).
func (k *Cluster) Addr(i int) string { return k.clients[i].address() }

// Monitor returns the base URL of server i's monitoring endpoints; another one
// after a restart. No forwarder is in between: a server that is cut off answers.
func (k *Cluster) Monitor(i int) string { return "http://" + k.servers[i].at.Monitor }

// Name returns the name server i has in the cluster.
func (k *Cluster) Name(i int) string { return k.servers[i].name }

// Index returns the number of the server with a name, -1 for none.
func (k *Cluster) Index(name string) int {
	for i, s := range k.servers {
		if s.name == name {
			return i
		}
	}
	return -1
}

// Dir returns the folder of server i: nats.conf, server.log and store.
func (k *Cluster) Dir(i int) string { return k.servers[i].dir }

// Running reports whether server i runs; a paused one does.
func (k *Cluster) Running(i int) bool { return k.servers[i].running() }

// Log returns the end of server i's log.
func (k *Cluster) Log(i int) string { return k.servers[i].tail() }

// Kill ends server i by SIGKILL. Clients and peers see their connections end and
// new ones refused.
func (k *Cluster) Kill(i int) { k.down(i, syscall.SIGKILL) }

// Stop ends server i by SIGTERM and waits until it has closed its files.
func (k *Cluster) Stop(i int) { k.down(i, syscall.SIGTERM) }

// Restart starts server i on the files it left, after a SIGTERM if it runs. It
// returns when the server takes connections; WaitWhole and WaitCurrent wait for
// more.
func (k *Cluster) Restart(i int) {
	k.t.Helper()
	k.Stop(i)
	k.up(i)
}

// Pause stops server i as it is (SIGSTOP): its connections stay, and nothing
// answers. A paused server can be killed.
func (k *Cluster) Pause(i int) {
	k.t.Helper()
	if k.servers[i].running() {
		k.must(k.servers[i].signal(syscall.SIGSTOP))
		k.servers[i].paused = true
	}
}

// Resume lets server i go on (SIGCONT).
func (k *Cluster) Resume(i int) {
	k.t.Helper()
	if k.servers[i].running() {
		k.must(k.servers[i].signal(syscall.SIGCONT))
		k.servers[i].paused = false
	}
}

// Cut cuts server i off from its peers and from its clients, in silence.
func (k *Cluster) Cut(i int) {
	k.CutPeers(i)
	k.CutClients(i)
}

// CutPeers cuts server i off from its peers; clients still reach it.
func (k *Cluster) CutPeers(i int) {
	for j := range k.servers {
		k.CutLink(i, j)
		k.CutLink(j, i)
	}
}

// CutClients cuts server i off from its clients.
func (k *Cluster) CutClients(i int) { k.clients[i].set(func(f *forwarder) { f.cut = true }) }

// CutLink stops the connections that server from opened to server to; those that
// server to opened stay. A cut in one direction of all traffic is not possible.
func (k *Cluster) CutLink(from, to int) { k.routes[from][to].set(func(f *forwarder) { f.cut = true }) }

// Heal restores all links of server i. What was under way arrives.
func (k *Cluster) Heal(i int) {
	whole := func(f *forwarder) { f.cut = false }
	k.to(i, whole)
	for _, f := range k.routes[i] {
		f.set(whole)
	}
}

// String names the servers and how they are, for the log of a campaign.
func (k *Cluster) String() string {
	var parts []string
	for _, s := range k.servers {
		state := "up"
		switch {
		case !s.running():
			state = "down"
		case s.paused:
			state = "paused"
		}
		parts = append(parts, s.name+" "+state)
	}
	return strings.Join(parts, ", ")
}

// PID returns the process id of server i, 0 when it does not run.
func (k *Cluster) PID(i int) int {
	if !k.servers[i].running() {
		return 0
	}
	return k.servers[i].cmd.Process.Pid
}
