package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// storeFlags say where the log is that is backed up, restored or verified.
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

// registerSettings adds what the log's settings are, for commands that open it as a
// node does.
func (f *storeFlags) registerSettings(c *cobra.Command) {
	l := c.Flags()
	l.String("replicas", "", "copies of the log that the cluster keeps (RECALL_NATS_REPLICAS, default 1)")
	l.String("max-age", "", "how long the log keeps events (RECALL_LOG_MAX_AGE, default 30d)")
	l.String("max-bytes", "", "the size limit of the log, of all partitions together (RECALL_LOG_MAX_BYTES, default 64GiB)")
}

// open opens the log that the flags name, for reading. The configuration says what
// else the command may need of the node.
func (f *storeFlags) open(cmd *cobra.Command) (*store, *serveConfig, error) {
	c, err := nodeConfig(cmd, f.config)
	if err != nil {
		return nil, nil, err
	}
	s, err := openStore(c, cmd)
	return s, c, err
}

// external reports whether the log is in a cluster.
func external(c *serveConfig) bool { return c.node.NATS.URL != "" || c.node.NATS.Context != "" }

// store is a connection to the server that keeps the log.
type store struct {
	// name is what the server shows of the connection.
	name   string
	conn   *jetstream.Conn
	server *embedded.Server
	lock   *os.File
}

// openStore opens a log that is there, for every command that reads one without
// asking a node: in a cluster, where it stays in use, or in the folder of a node that
// is stopped.
func openStore(c *serveConfig, cmd *cobra.Command) (*store, error) {
	s := &store{name: storeName(cmd)}
	if external(c) {
		if err := s.dial(c); err != nil {
			return nil, err
		}
		return s, nil
	}
	data := node.Folder(c.node.Data)
	if missing(data.Log()) {
		return nil, exitf(exitNotFound, "there is no log in %s; name the node's folder with --data, or its configuration with --config", data)
	}
	var err error
	if s.lock, err = data.Lock(); err == nil {
		err = s.start(embedded.Config{Dir: data.Log()})
	}
	if err != nil {
		return nil, errors.Join(offlineProblem(err), s.close())
	}
	return s, nil
}

func storeName(cmd *cobra.Command) string { return "recall-" + cmd.Name() }

// dialTimeout is how long an external server is tried.
const dialTimeout = 10 * time.Second

// dial connects to an external cluster.
func (s *store) dial(c *serveConfig) (err error) {
	n := c.node.NATS
	s.conn, err = jetstream.Dial(jetstream.DialConfig{
		URL: n.URL, Name: s.name, Context: n.Context, Creds: n.Creds, NKey: n.NKey, User: n.User, Password: n.Password,
		Token: n.Token, CA: n.CA, Cert: n.Cert, Key: n.Key, Wait: dialTimeout, Patient: true,
	})
	return err
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

// start starts a server in the process on a folder, whose lock the store has.
func (s *store) start(c embedded.Config) error {
	c.MaxStore, c.Logger = maxStore, slog.New(slog.DiscardHandler)
	var err error
	if s.server, err = embedded.Start(c); err != nil {
		return err
	}
	s.conn, err = s.server.Connect(s.name)
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

// partitions is how many the log has; that there is none is an error.
func (s *store) partitions(ctx context.Context) (int, error) {
	n, err := jetstream.Partitions(ctx, jetstream.Config{Conn: s.conn})
	if err == nil && n == 0 {
		err = exitf(exitNotFound, "there is no log: stream %s does not exist", jetstream.StreamName(0))
	}
	return n, err
}

// logs opens all partitions for reading. The log must have the settings of the
// configuration, as a node wants it.
func (s *store) logs(ctx context.Context, c *serveConfig) ([]events.Log, error) {
	n, err := s.partitions(ctx)
	if err != nil {
		return nil, err
	}
	logs, err := s.openLogs(ctx, n, jetstream.Settings{
		Replicas: c.node.NATS.Replicas, MaxAge: c.node.Log.MaxAge, MaxBytes: c.node.Log.MaxBytes / int64(n), Partitions: n,
	})
	return logs, offlineProblem(err)
}

func (s *store) openLogs(ctx context.Context, partitions int, settings jetstream.Settings) ([]events.Log, error) {
	var logs []events.Log
	for i := range partitions {
		log, err := jetstream.Open(ctx, jetstream.Config{Conn: s.conn, Partition: i, Settings: settings, MustExist: true})
		if err != nil {
			return nil, err
		}
		logs = append(logs, log)
	}
	return logs, nil
}

// walkLogs checks the logs that a backup holds, up to its end, where they are.
func (s *store) walkLogs(ctx context.Context, metadata []jetstream.Metadata, settings jetstream.Settings, known []audit.Anchor, m *meter) ([]*audit.Report, error) {
	logs, err := s.openLogs(ctx, len(metadata), settings)
	if err != nil {
		return nil, err
	}
	grown, err := grownOf(logs)
	if err != nil {
		return nil, err
	}
	for i, log := range logs {
		logs[i] = upTo{log, events.Seq(metadata[i].Last)}
	}
	reports, err := audit.WalkAll(ctx, logs, audit.Config{Grown: grown, Anchors: known, Progress: m.count})
	m.end(err)
	return reports, err
}
