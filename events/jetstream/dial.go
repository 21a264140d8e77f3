package jetstream

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Conn is a connection to a NATS server.
type Conn = nats.Conn

// DialConfig says how to connect to an external server. Empty fields are not used.
type DialConfig struct {
	// URL is one server or several, separated by commas.
	URL string
	// Name is what the server shows of the connection.
	Name string
	// Creds is a credentials file (JWT), NKey a seed file.
	Creds, NKey    string
	User, Password string
	// CA, Cert and Key are PEM files for TLS.
	CA, Cert, Key string
}

// Dial connects to an external server; the connection heals by itself.
func Dial(c DialConfig) (*Conn, error) {
	options := []nats.Option{nats.Name(c.Name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond)}
	if c.Creds != "" {
		options = append(options, nats.UserCredentials(c.Creds))
	}
	if c.User != "" {
		options = append(options, nats.UserInfo(c.User, c.Password))
	}
	if c.NKey != "" {
		o, err := nats.NkeyOptionFromSeed(c.NKey)
		if err != nil {
			return nil, fmt.Errorf("nats.nkey: %w", err)
		}
		options = append(options, o)
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Cert != "" {
		options = append(options, nats.ClientCert(c.Cert, c.Key))
	}
	nc, err := nats.Connect(c.URL, options...)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w; check nats.url and the credentials", c.URL, err)
	}
	return nc, nil
}
