package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// storeFlags say where the log is that is backed up or restored.
type storeFlags struct{ config string }

func (f *storeFlags) register(c *cobra.Command) {
	l := c.Flags()
	l.StringVar(&f.config, "config", "", "configuration file of the node, YAML (RECALL_CONFIG)")
	l.String("data", node.Default().Data, "data folder of the node (RECALL_DATA)")
	l.String("nats", "", "the external NATS cluster that keeps the log (none: the node's folder)")
	l.String("nats-creds", "", "credentials file for it")
	l.String("nats-user", "", "user for it; the password comes from RECALL_NATS_PASSWORD")
	l.String("nats-context", "", "a context of the NATS CLI, by name or path, in place of --nats")
}

// load reads the node's configuration, of which only the place of the log counts.
func (f *storeFlags) load(cmd *cobra.Command) (*serveConfig, error) {
	path := f.config
	if path == "" {
		path = os.Getenv("RECALL_CONFIG")
	}
	config, err := loadConfig(path, os.Environ(), cmd.Flags())
	if err != nil {
		return nil, configProblem(err)
	}
	return config, nil
}

// external reports whether the log is in a cluster.
func external(c *serveConfig) bool { return c.node.NATS.URL != "" || c.node.NATS.Context != "" }

// store is a connection to the server that keeps the log.
type store struct {
	conn   *jetstream.Conn
	server *embedded.Server
	lock   *os.File
}

// dialTimeout is how long an external server is tried.
const dialTimeout = 10 * time.Second

// openCluster connects to an external cluster.
func openCluster(c *serveConfig) (*store, error) {
	n := c.node.NATS
	conn, err := jetstream.Dial(jetstream.DialConfig{
		URL: n.URL, Name: "recall-backup", Context: n.Context, Creds: n.Creds, NKey: n.NKey, User: n.User, Password: n.Password,
		Token: n.Token, CA: n.CA, Cert: n.Cert, Key: n.Key, Wait: dialTimeout, Patient: true,
	})
	if err != nil {
		return nil, err
	}
	return &store{conn: conn}, nil
}

// storeProblem explains a call that nobody answered: NATS servers are silent to who
// may not ask, or not hear the answer.
func (o *globalOptions) storeProblem(err error) error {
	if !errors.Is(err, context.DeadlineExceeded) || o.timeoutSet {
		return err
	}
	return exitf(exitTimeout, "the NATS servers gave no answer: %w; see that they have a leader, and that the user may use $JS.API.> and the inbox, which a --nats-context can name", err)
}

// maxStore is the limit of the server in the process: that of each stream holds,
// and one that is smaller than they are would not find them.
const maxStore = 1 << 50

// openFolder starts the server of a node that is stopped on its log.
func openFolder(data string) (*store, error) {
	lock, err := lockData(data)
	if err != nil {
		return nil, err
	}
	s := &store{lock: lock}
	if err := s.start(filepath.Join(data, logFolder)); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// start starts a server in the process on a folder, whose lock the store has.
func (s *store) start(folder string) error {
	var err error
	if s.server, err = embedded.Start(embedded.Config{Dir: folder, MaxStore: maxStore, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		return err
	}
	s.conn, err = s.server.Connect("recall-backup")
	return err
}

// close gives everything back; it may be called again.
func (s *store) close() error {
	s.stop()
	if s.lock == nil {
		return nil
	}
	err := s.lock.Close()
	s.lock = nil
	return err
}

// stop stops the server and keeps the lock.
func (s *store) stop() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
	if s.server != nil {
		s.server.Stop()
		s.server = nil
	}
}

// The folders in the data folder of a node, as package node has them.
const (
	logFolder         = "log"
	projectionFolders = "projection*"
	lockFile          = "lock"
)

// lockData takes a data folder as a node does, and so keeps one from starting: two
// servers on one log would ruin it. The folder must be there.
func lockData(data string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(data, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: a node runs on %s; stop it first", node.ErrLocked, data), file.Close())
	}
	return file, nil
}

// projectionsIn are the folders of the projections that a data folder holds.
func projectionsIn(data string) []string {
	list, err := filepath.Glob(filepath.Join(data, projectionFolders))
	if err != nil {
		return nil // the pattern is fixed; a name with a bracket in it matches nothing
	}
	return list
}

// missing reports whether a file or folder is not there.
func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// upTo is a log as it was when it was backed up: what came later is not there.
type upTo struct {
	events.Log
	last events.Seq
}

func (l upTo) Info(ctx context.Context) (events.Info, error) {
	i, err := l.Log.Info(ctx)
	if i.Last > l.last {
		i.Last = l.last
	}
	if i.Last < i.First {
		i.First, i.Last = 0, 0 // nothing of it is left, or it was empty
	}
	return i, err
}

// walkLogs checks the logs that a backup holds, up to its end, where they are.
func (s *store) walkLogs(ctx context.Context, metadata []jetstream.Metadata, settings jetstream.Settings, known []audit.Anchor, m *meter) ([]*audit.Report, error) {
	var logs []events.Log
	for i := range metadata {
		log, err := jetstream.Open(ctx, jetstream.Config{Conn: s.conn, Partition: i, Settings: settings, MustExist: true})
		if err != nil {
			return nil, err
		}
		logs = append(logs, upTo{log, events.Seq(metadata[i].Last)})
	}
	reports, err := audit.WalkAll(ctx, logs, audit.Config{Anchors: known, Progress: func(done, total uint64) {
		if done == 1 {
			m.span(1, total)
		}
		m.at(done)
	}})
	m.end(err)
	return reports, err
}
