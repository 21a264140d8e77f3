package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// connect opens the log's connection: to a server in the process, or to an
// external one.
func (n *Node) connect(ctx context.Context) error {
	if n.c.NATS.external() {
		return n.connectExternal(ctx)
	}
	c := embedded.Config{Dir: n.c.folder().Log(), Logger: n.c.Logger, MaxStore: n.c.Log.MaxBytes + n.c.Log.MaxBytes/8}
	if d := n.c.Devices; d.Listen != "" {
		l := &embedded.DeviceListener{Address: d.Listen, Authenticate: func(user, password string) (embedded.Grant, bool) {
			g, ok := n.secrets.Verify(user, password)
			return embedded.Grant{Publish: g.Publish, Subscribe: g.Subscribe}, ok
		}}
		if d.TLSCert != "" {
			cert, err := tls.LoadX509KeyPair(d.TLSCert, d.TLSKey)
			if err != nil {
				return fmt.Errorf("devices.tls_cert, devices.tls_key: %w", err)
			}
			l.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
		}
		c.Devices = l
	}
	var err error
	if n.server, err = embedded.Start(c); err != nil {
		return err
	}
	n.conn, err = n.server.Connect("recall-node")
	return err
}

// connectWait is how long a cluster may take to answer when the node starts, as when
// both start together.
const connectWait = 30 * time.Second

// connectExternal connects to a cluster and refuses one that may acknowledge what is
// not on disk (L1).
func (n *Node) connectExternal(ctx context.Context) error {
	c := n.c.NATS
	var err error
	n.conn, err = jetstream.Dial(jetstream.DialConfig{
		URL: c.URL, Name: "recall-node", Context: c.Context, Creds: c.Creds, NKey: c.NKey, User: c.User, Password: c.Password,
		Token: c.Token, CA: c.CA, Cert: c.Cert, Key: c.Key, Wait: connectWait, Logger: n.c.Logger,
	})
	if err != nil {
		return err
	}
	servers := jetstream.ServersConfig{Monitors: c.monitors()}
	if len(servers.Monitors) == 0 {
		// The servers may let the node's own user ask, as deploy/nats/accounts.conf does.
		servers.System = n.conn
	}
	n.servers = jetstream.NewServers(servers)
	if err := jetstream.CheckSync(ctx, n.servers, c.AcceptUnsynced, n.c.Logger); err != nil {
		return fmt.Errorf("nats.url: %w: let the node's user ask $SYS.REQ.SERVER.PING.JSZ, or set nats.monitors, or nats.accept_unsynced", err)
	}
	return nil
}

// monitors are the monitoring endpoints that the configuration names.
func (c NATSConfig) monitors() []string {
	var list []string
	for m := range strings.SplitSeq(c.Monitors, ",") {
		if m = strings.TrimSpace(m); m != "" {
			list = append(list, m)
		}
	}
	return list
}

// external reports whether the log is on servers of its own.
func (c NATSConfig) external() bool { return c.URL != "" || c.Context != "" }

// watchLog makes what looks for troubles of the cluster that NATS does not act upon.
// One node alone may move leaders; every node looks for itself whether it is cut off.
func (n *Node) watchLog() {
	if !n.c.NATS.external() {
		return
	}
	config := jetstream.WatchConfig{
		Conn: n.conn, Partitions: len(n.logs), Servers: n.servers, AcceptUnsynced: n.c.NATS.AcceptUnsynced, Clock: n.c.Clock,
	}
	mover := config
	mover.StepDown = true
	config.Logger = n.c.Logger
	n.watch, n.mover = jetstream.NewWatch(config), jetstream.NewWatch(mover)
}

// observe is told how long appends take.
func (n *Node) observe(partition int, took time.Duration) {
	if n.watch != nil {
		n.watch.Observe(partition, took)
		n.mover.Observe(partition, took)
	}
}

// trouble returns the worst finding about the log that keeps a node from being
// ready, nil when there is none.
func (n *Node) trouble() error {
	if n.watch == nil {
		return nil
	}
	for _, f := range n.watch.Findings() {
		if f.Severity == jetstream.Critical {
			return fmt.Errorf("%s; %s", f.Text, f.Remedy)
		}
	}
	return nil
}
