package node

import (
	"crypto/tls"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// connect opens the log's connection: to a server in the process, or to an
// external one.
func (n *Node) connect() error {
	if n.c.NATS.URL != "" {
		return n.connectExternal()
	}
	c := embedded.Config{Dir: n.c.logDir(), Logger: n.c.Logger, MaxStore: n.c.Log.MaxBytes + n.c.Log.MaxBytes/8}
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

func (n *Node) connectExternal() error {
	c := n.c.NATS
	var err error
	n.conn, err = jetstream.Dial(jetstream.DialConfig{
		URL: c.URL, Name: "recall-node", Creds: c.Creds, NKey: c.NKey, User: c.User, Password: c.Password,
		CA: c.CA, Cert: c.Cert, Key: c.Key,
	})
	return err
}
