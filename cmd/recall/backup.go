package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
)

// backupFlags are the flags of recall backup.
type backupFlags struct {
	store     storeFlags
	write     string
	noAnchors bool
}

func newBackupCommand(o *globalOptions) *cobra.Command {
	var f backupFlags
	c := &cobra.Command{
		Use:   "backup FILE|-",
		Short: "Write a backup of the whole log to a file",
		Long: `Write the log of all partitions into one file, with sequences, times and settings,
by the snapshots of JetStream itself; - writes it to standard output. The log of a
cluster (--nats, --nats-context) stays in use meanwhile; that of a node with a server of
its own is read from its folder (--data), and the node must be stopped.

A backup holds anchors, hashes of everything up to its end, which the log is read
twice for; --no-anchors leaves them out. Keep a copy of them elsewhere
(--write-anchors): recall verify and recall restore compare with them.

It holds the log and nothing else. Projections are rebuilt from it; the rest of a
node's data folder (device.secret, credentials of facades) and its configuration
are to be kept by other means.`,
		Example: `  recall backup --data /var/lib/recall monday.backup --write-anchors monday.anchors
  recall backup --nats-context recall-operator /backup/2026-11-20.backup
  recall backup --nats nats://a,nats://b,nats://c - | zstd > monday.backup.zst`,
		Args: arguments("FILE"),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := o.bounded(cmd)
		defer cancel()
		return o.storeProblem(o.backup(ctx, cmd, &f, args[0]))
	}
	f.store.register(c)
	c.Flags().StringVar(&f.write, "write-anchors", "", "file to write the anchors of the backup to as well")
	c.Flags().BoolVar(&f.noAnchors, "no-anchors", false, "do not read the log for anchors")
	return c
}

// backedUp is what recall backup prints.
type backedUp struct {
	File  string       `json:"file"`
	Bytes int64        `json:"bytes"`
	Logs  []bundledLog `json:"logs"`
}

func (o *globalOptions) backup(ctx context.Context, cmd *cobra.Command, f *backupFlags, file string) (err error) {
	p := o.printer(cmd)
	if f.noAnchors && f.write != "" {
		return usagef("--no-anchors and --write-anchors exclude each other")
	}
	out, done, err := backupTarget(file, cmd.OutOrStdout())
	if err != nil {
		return err
	}
	defer func() { err = done(err) }()
	if file == "-" {
		p.out, p.color = p.errs, false
	}
	s, _, err := f.store.open(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	count := &counter{w: out}
	logs, anchors, err := o.bundle(ctx, cmd, f, s, count)
	if err != nil {
		return err
	}
	if f.write != "" {
		if err := writeAnchors(f.write, anchors); err != nil {
			return fmt.Errorf("write the anchors: %w", err)
		}
	}
	a := backedUp{File: file, Bytes: count.n, Logs: logs}
	return p.value(a, func() error { return p.backedUp(&a) })
}

// bundle writes the backup.
func (o *globalOptions) bundle(ctx context.Context, cmd *cobra.Command, f *backupFlags, s *store, w io.Writer) ([]bundledLog, []audited, error) {
	partitions, err := s.partitions(ctx)
	if err != nil {
		return nil, nil, err
	}
	b, err := newBundleWriter(w, partitions, time.Now().UTC())
	if err != nil {
		return nil, nil, err
	}
	var metadata []jetstream.Metadata
	var logs []bundledLog
	for i := range partitions {
		if err := b.next(); err != nil {
			return nil, nil, err
		}
		m, err := jetstream.Backup(ctx, s.conn, jetstream.StreamName(i), b, o.bytesMeter(cmd, "Backing up "+jetstream.StreamName(i)))
		if err != nil {
			return nil, nil, err
		}
		metadata, logs = append(metadata, m), append(logs, bundled(i, &m))
	}
	var found []audited
	if !f.noAnchors {
		settings, err := jetstream.SettingsOf(metadata[0].Config, partitions)
		if err != nil {
			return nil, nil, err
		}
		reports, err := s.walkLogs(ctx, metadata, settings, nil, o.meter(cmd, "Hashing"))
		if err != nil {
			return nil, nil, fmt.Errorf("compute the anchors: %w", err)
		}
		var anchors []audit.Anchor
		for i, r := range reports {
			if v := damage(r); v != nil {
				return nil, nil, exitf(exitError, "the log is damaged (%s): %s %s", v.Check, v.Position, v.Text)
			}
			if n := len(r.Anchors); n > 0 {
				logs[i].Anchor = r.Anchors[n-1].Hash
			}
			anchors, found = append(anchors, r.Anchors...), append(found, audited{Report: r})
		}
		if len(anchors) > 0 {
			if err := b.anchors(anchors); err != nil {
				return nil, nil, err
			}
		}
	}
	return logs, found, b.end(logs)
}

// damage is the first thing a walk found that concerns the log itself, not what
// the ledger did in it, which a backup keeps as it is.
func damage(r *audit.Report) *audit.Violation {
	for _, c := range []audit.Check{audit.Gap, audit.Chain} {
		if v, ok := r.Found[c]; ok {
			return &v
		}
	}
	return nil
}

// backupTarget opens where a backup goes. done completes it, or removes what there
// is of one that failed.
func backupTarget(name string, stdout io.Writer) (w io.Writer, done func(error) error, err error) {
	if name == "-" {
		if isTerminal(stdout) {
			return nil, nil, usagef("a backup is not for a terminal; name a file, or redirect the output")
		}
		return stdout, func(err error) error { return err }, nil
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, nil, exitf(exitPrecondition, "%s exists and is not overwritten; choose another name", name)
	}
	if err != nil {
		return nil, nil, err
	}
	return file, func(err error) error {
		if err == nil {
			err = file.Sync()
		}
		if err = errors.Join(err, file.Close()); err == nil {
			err = syncFolder(filepath.Dir(name))
		}
		if err != nil {
			return errors.Join(err, os.Remove(name))
		}
		return nil
	}, nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// bytesMeter tells now and then how much of something was moved. How much there
// is in all is not known: a snapshot is compressed.
func (o *globalOptions) bytesMeter(cmd *cobra.Command, name string) jetstream.Progress {
	p := o.printer(cmd)
	if o.noProgress || o.quiet {
		return nil
	}
	start := time.Now()
	next := start.Add(progressLinesEvery)
	return func(n int64) {
		now := time.Now()
		if now.Before(next) {
			return
		}
		next = now.Add(progressLinesEvery)
		p.note("%s: %s, %s/s", name, size(n), size(int64(float64(n)/now.Sub(start).Seconds())))
	}
}

// backedUp prints what a backup holds.
func (p *printer) backedUp(a *backedUp) error {
	if err := p.logs(a.Logs); err != nil {
		return err
	}
	for _, l := range a.Logs {
		if l.Anchor != "" {
			if err := p.say("anchor %s %s", l.Last, l.Anchor); err != nil {
				return err
			}
		}
	}
	where := a.File
	if where == "-" {
		where = "standard output"
	}
	p.note("Backed up to %s, %s.", where, size(a.Bytes))
	return nil
}

func (p *printer) logs(list []bundledLog) error {
	g := p.grid(column{name: "stream"}, column{name: "first"}, column{name: "last"}, column{name: "events", right: true}, column{name: "last stored"})
	for _, l := range list {
		stored := "-"
		if l.Messages > 0 {
			stored = instant(l.LastTime)
		}
		g.row(l.Stream, l.First.String(), l.Last.String(), l.Messages, stored)
	}
	return g.render(p.out)
}
