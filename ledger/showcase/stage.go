package showcase

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/double"
	"github.com/recall-ledger/recall-ledger/channels/selfbuilt"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// appName is the tenant of everything here.
const appName = "showcase"

// lane is one channel: its row of the matrix and who stands behind it.
type lane struct {
	vendor
	row    channels.Row
	server *double.Server // nil where nobody can be called
	tray   *double.Tray   // nil for the self-built channel
}

// calls is how many requests the lane's vendor got.
func (l *lane) calls() int {
	if l.server == nil {
		return 0
	}
	return len(l.server.Calls())
}

// stage is everything that runs: the doubles, the node, the phones.
type stage struct {
	c      Config
	dir    string
	lanes  []*lane
	phones *phones
	client *api.Client
	http   *http.Transport
	node   *node.Node
	stop   context.CancelFunc
	done   chan error
	// rounds counts what was played: each has devices of its own.
	rounds int
}

// open starts everything. What it has started when it fails it gives back.
func open(ctx context.Context, c Config) (*stage, error) {
	if c.Clock == nil {
		return nil, errors.New("showcase: Clock is needed")
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &stage{c: c, phones: newPhones(c.Clock), http: &http.Transport{}}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) start(ctx context.Context) error {
	var err error
	if s.dir, err = os.MkdirTemp("", "recall-showcase-"); err != nil {
		return err
	}
	conf := node.Default()
	conf.Data, conf.HTTP.Listen, conf.Devices.Listen = s.dir, "127.0.0.1:0", "127.0.0.1:0"
	conf.Clock, conf.Logger, conf.Version = s.c.Clock, s.c.Logger, s.c.Version
	if conf.Vendors, err = s.hire(); err != nil {
		return err
	}
	n, err := node.Start(ctx, conf)
	if err != nil {
		return err
	}
	// The node outlives the calls on it, so that nobody is left without answer.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.node, s.stop, s.done = n, stop, make(chan error, 1)
	go func() { s.done <- n.Run(running) }()
	s.client, err = api.NewClient(api.ClientConfig{URL: "http://" + n.Address(), App: appName, HTTP: &http.Client{Transport: s.http}})
	return err
}

// hire starts the doubles, and returns what the node is told of them.
func (s *stage) hire() ([]node.VendorConfig, error) {
	own, _ := channels.Lookup(channels.Native, selfbuilt.Channel)
	s.lanes = []*lane{{vendor: vendor{channel: selfbuilt.Channel, device: named("phone-%d")}, row: own}}
	var list []node.VendorConfig
	for _, v := range vendors() {
		row, _ := channels.Lookup(channels.Native, v.channel)
		l := &lane{vendor: v, row: row}
		s.lanes = append(s.lanes, l)
		if v.start == nil {
			l.tray = double.NewTray()
			continue
		}
		server, set, err := v.start(s.c.Clock)
		if err != nil {
			return nil, err
		}
		l.server, l.tray = server, server.Tray
		list = append(list, node.VendorConfig{App: appName, Channel: v.channel, Settings: set})
	}
	return list, nil
}

// lane returns a channel's.
func (s *stage) lane(channel string) *lane {
	return s.lanes[slices.IndexFunc(s.lanes, func(l *lane) bool { return l.channel == channel })]
}

// close gives everything back.
func (s *stage) close() error {
	s.phones.close()
	s.http.CloseIdleConnections()
	var err error
	if s.stop != nil {
		s.stop()
		err = <-s.done
	}
	for _, l := range s.lanes {
		if l.server != nil {
			l.server.Close()
		}
	}
	if s.dir != "" {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}

// patience bounds how long anything may take that is waited for.
const patience = time.Minute

var errSlow = errors.New("it took too long")

func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, patience, errSlow)
}
