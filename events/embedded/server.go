package embedded

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures the server.
type Config struct {
	// Dir holds the streams. The caller has locked it.
	Dir string
	// MaxStore bounds all streams together, in bytes. Default 64 GiB: set, since
	// the server's own default is three quarters of what is free at start.
	MaxStore int64
	// SyncLater leaves all fsyncs to Sync, which is called after Stop, and makes
	// Start refuse the folder until then. It is for a log that is being restored,
	// message by message, in a folder of its own: nobody relies on it before it is
	// whole. A folder that holds streams is refused.
	SyncLater bool
	Logger    *slog.Logger
	// Devices opens a WebSocket listener for devices; nil opens no port.
	Devices *DeviceListener
}

// DeviceListener is where devices of the self-built channel connect.
type DeviceListener struct {
	// Address is host:port; port 0 takes a free one.
	Address string
	// TLS is required unless the listener is on loopback or something in front
	// of it ends TLS.
	TLS *tls.Config
	// Authenticate maps a device's user and password to what it may do. It
	// must take the same time whether or not the user exists.
	Authenticate func(user, password string) (Grant, bool)
	// MaxConnections bounds connected devices. Default 65,536.
	MaxConnections int
}

// Grant lists the subjects a device may use. An empty list grants nothing.
type Grant struct{ Publish, Subscribe []string }

// Server is a running server.
type Server struct {
	srv      *server.Server
	log      *logAdapter
	password string
	address  string
}

// readyTimeout is how long a server may take to recover its streams.
const readyTimeout = 2 * time.Minute

// internalUser is the user of the process's own connections.
const internalUser = "recall-internal"

// Start starts the server and waits until it takes connections.
func Start(c Config) (*Server, error) {
	if c.MaxStore == 0 {
		c.MaxStore = 64 << 30
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	o := &server.Options{
		ServerName:             "recall-embedded",
		DontListen:             true,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
		JetStream:              true,
		StoreDir:               c.Dir,
		SyncAlways:             !c.SyncLater,
		JetStreamMaxStore:      c.MaxStore,
		JetStreamMaxMemory:     64 << 20,
		MaxPayload:             events.MaxEventBytes + 64<<10,
		MaxPending:             256 << 20,
	}
	o.JetStreamLimits.MaxBatchSize = events.MaxBatch
	s := &Server{log: &logAdapter{l: c.Logger}, password: rand.Text()}
	a := &authenticator{password: s.password}
	if c.Devices != nil {
		var err error
		if s.address, err = c.Devices.open(o); err != nil {
			return nil, fmt.Errorf("device listener %q: %w", c.Devices.Address, err)
		}
		a.device = c.Devices.Authenticate
	}
	o.CustomClientAuthentication = a
	if err := checkSynced(c); err != nil {
		return nil, fmt.Errorf("start the NATS server in %s: %w", c.Dir, err)
	}
	k, err := keep(c.Dir)
	if err != nil {
		return nil, fmt.Errorf("start the NATS server in %s: %w", c.Dir, err)
	}
	srv, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("start the NATS server: %w", err)
	}
	srv.SetLoggerV2(s.log, false, false, false)
	s.srv = srv
	srv.Start()
	// After a fatal error the server would never be ready: do not wait for it.
	if s.log.fatal() != nil || !srv.ReadyForConnections(readyTimeout) || s.log.fatal() != nil {
		err := s.log.fatal()
		s.Stop()
		if err == nil {
			err = fmt.Errorf("not ready after %s", readyTimeout)
		}
		return nil, fmt.Errorf("start the NATS server in %s: %w", c.Dir, err)
	}
	if err := s.check(k); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start the NATS server in %s: %w", c.Dir, err)
	}
	if err := k.release(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start the NATS server in %s: %w", c.Dir, err)
	}
	return s, nil
}

// open adds the listener to the server's options and returns where it will be.
func (d *DeviceListener) open(o *server.Options) (address string, err error) {
	host, port, err := net.SplitHostPort(d.Address)
	if err != nil {
		return "", err
	}
	if port == "0" {
		if port, err = freePort(host); err != nil {
			return "", err
		}
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return "", fmt.Errorf("port: %w", err)
	}
	o.Websocket = server.WebsocketOpts{Host: host, Port: n, TLSConfig: d.TLS, NoTLS: d.TLS == nil}
	o.MaxConn = d.MaxConnections
	return net.JoinHostPort(host, port), nil
}

// freePort asks the system for a port nobody uses.
func freePort(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// DeviceAddress returns host:port of the device listener, "" without one.
func (s *Server) DeviceAddress() string { return s.address }

// Connect opens a connection in the process.
func (s *Server) Connect(name string) (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(s.srv), nats.Name(name),
		nats.UserInfo(internalUser, s.password), nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond),
		// Without a handler the client writes to standard error. What it tells
		// of is made good elsewhere: a reader asks again for what it missed.
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { s.log.client(err) }))
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS server in the process: %w", err)
	}
	return nc, nil
}

// Health returns an error when the server can no longer be relied on: a fatal
// error, a stream that cannot write, or messages missing inside a stream.
func (s *Server) Health() error {
	if err := s.log.fatal(); err != nil {
		return err
	}
	if h := s.srv.Healthz(nil); h.Error != "" {
		return errors.New(h.Error)
	}
	j, err := s.srv.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		return err
	}
	for _, a := range j.AccountDetails {
		for _, st := range a.Streams {
			// Nothing is ever deleted from a ledger stream but whole old ends;
			// a hole inside is damage the server keeps quiet about.
			if st.State.NumDeleted > 0 {
				return fmt.Errorf("stream %s lacks %d messages inside: its files are damaged; restore them from a backup", st.Name, st.State.NumDeleted)
			}
		}
	}
	return nil
}

// Watch returns when ctx ends, or with the error that makes the server useless.
func (s *Server) Watch(ctx context.Context, every time.Duration) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := s.Health(); err != nil {
				return fmt.Errorf("the embedded NATS server failed: %w", err)
			}
		}
	}
}

// Stop stops the server and waits until its files are closed. Close the
// connections first.
func (s *Server) Stop() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}

// authenticator lets the process in by a random password and devices by theirs.
type authenticator struct {
	password string
	device   func(user, password string) (Grant, bool)
}

// Check implements server.Authentication.
func (a *authenticator) Check(c server.ClientAuthentication) bool {
	o := c.GetOpts()
	if o.Username == internalUser {
		if subtle.ConstantTimeCompare([]byte(o.Password), []byte(a.password)) != 1 {
			return false
		}
		c.RegisterUser(&server.User{Username: internalUser})
		return true
	}
	if a.device == nil {
		return false
	}
	g, ok := a.device(o.Username, o.Password)
	if !ok {
		return false
	}
	c.RegisterUser(&server.User{
		Username: o.Username,
		Permissions: &server.Permissions{
			Publish:   only(g.Publish),
			Subscribe: only(g.Subscribe),
		},
	})
	return true
}

// only permits the subjects and no other. To the server no list at all means
// everything, which must not be what an empty grant becomes (L9).
func only(subjects []string) *server.SubjectPermission {
	if len(subjects) == 0 {
		return &server.SubjectPermission{Deny: []string{">"}}
	}
	return &server.SubjectPermission{Allow: subjects}
}
