package node

import (
	"crypto/rand"
	"net"
	"net/http"

	"github.com/recall-ledger/recall-ledger/ledger/console"
)

// newConsole makes the pages for operators on the native API.
func (n *Node) newConsole(native http.Handler) (*console.Console, error) {
	open := len(n.c.Keys) == 0
	host, _, err := net.SplitHostPort(n.c.HTTP.Listen)
	if err != nil {
		return nil, err
	}
	return console.New(console.Config{
		API: native, Open: open, Clock: n.c.Clock, Random: rand.Text, Logger: n.c.Logger,
		// A proxy in front speaks https to browsers, and answers to names of its own.
		Secure:   n.c.HTTP.TLSCert != "" || n.c.HTTP.BehindProxy,
		Loopback: open && loopback(host) && !n.c.HTTP.BehindProxy,
	})
}
