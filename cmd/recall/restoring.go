package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events/embedded"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// restoring is a restore under way.
type restoring struct {
	o       *globalOptions
	cmd     *cobra.Command
	f       *restoreFlags
	file    *os.File
	b       *bundle
	limits  limits
	anchors []audit.Anchor
	checked int
}

// restoringFolder is where a log is made until it is whole.
const restoringFolder = "log.restoring"

// toFolder makes the log of a node that is stopped, beside its place, and moves it
// there when it is whole.
func (r *restoring) toFolder(ctx context.Context, data string) (err error) {
	folder := node.Folder(data)
	place, made := folder.Log(), filepath.Join(data, restoringFolder)
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	s := &store{name: storeName(r.cmd)}
	if s.lock, err = folder.Lock(); err != nil {
		return offlineProblem(err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if entries, err := os.ReadDir(place); err == nil && len(entries) > 0 {
		return fmt.Errorf("there is a log in %s: %w", place, jetstream.ErrExists)
	}
	// What a restore that was killed left behind is nothing to anybody.
	if err := os.RemoveAll(made); err != nil {
		return err
	}
	// An fsync for each event takes many times as long as one at the end.
	// A crash before it leaves a folder that the next restore removes.
	if err = s.start(embedded.Config{Dir: made, SyncLater: true}); err == nil {
		err = r.all(ctx, s, 1)
	}
	s.stop()
	if err == nil {
		err = embedded.Sync(made)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(made))
	}
	if err := os.Rename(made, place); err != nil {
		return err
	}
	return syncFolder(data)
}

// toCluster makes the log in a cluster that has none.
func (r *restoring) toCluster(ctx context.Context, c *serveConfig) (err error) {
	s := &store{name: storeName(r.cmd)}
	if err := s.dial(c); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	have, err := jetstream.Partitions(ctx, jetstream.Config{Conn: s.conn})
	if err != nil {
		return err
	}
	if have > 0 {
		return fmt.Errorf("stream %s: %w", jetstream.StreamName(0), jetstream.ErrExists)
	}
	replicas := 0
	if from := c.from["nats.replicas"]; from != "" && from != "default" {
		replicas = c.node.NATS.Replicas
	}
	return r.all(ctx, s, replicas)
}

// all restores all partitions and reads them. What it made is removed when it
// fails.
func (r *restoring) all(ctx context.Context, s *store, replicas int) (err error) {
	var made []string
	defer func() {
		if err != nil {
			err = errors.Join(err, removeStreams(ctx, s.conn, made))
		}
	}()
	// The first partition says that there is a log and how many partitions it has,
	// so it comes last: a restore that was killed leaves no log.
	for _, part := range [][2]int{{1, len(r.b.logs)}, {0, 1}} {
		if err := r.some(ctx, s, replicas, part[0], part[1], &made); err != nil {
			return err
		}
	}
	if r.f.noVerify {
		return nil
	}
	reports, err := s.walkLogs(ctx, r.b.metadata, r.settings(replicas), r.anchors, r.o.meter(r.cmd, "Reading"))
	if err != nil {
		return fmt.Errorf("read what was restored: %w", err)
	}
	for i, report := range reports {
		if report.Last.Seq == 0 && r.b.logs[i].Messages > 0 {
			r.o.printer(r.cmd).note("Every event of %s is past its age.", r.b.logs[i].Stream)
			continue
		}
		if v := damage(report); v != nil {
			return exitf(exitError, "what was restored is not what was backed up (%s): %s %s; it is removed", v.Check, v.Position, v.Text)
		}
		if v := report.Worst; v != nil {
			r.o.printer(r.cmd).note("The log that was backed up breaks a promise (%s): %s %s. It is restored as it was.", v.Check, v.Position, v.Text)
		}
		r.checked += report.Checked
	}
	return nil
}

// settings are those of the restored streams.
func (r *restoring) settings(replicas int) jetstream.Settings {
	s := r.limits.Settings
	if replicas != 0 {
		s.Replicas = replicas
	}
	return s
}

// some restores the partitions from one up to another.
func (r *restoring) some(ctx context.Context, s *store, replicas, from, to int, made *[]string) error {
	if _, err := r.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	b, err := newBundleReader(r.file)
	if err != nil {
		return err
	}
	for i := range to {
		inner := b.log(i)
		if i >= from {
			o := jetstream.RestoreOptions{Replicas: replicas, Progress: r.o.bytesMeter(r.cmd, "Restoring "+jetstream.StreamName(i))}
			done, err := jetstream.Restore(ctx, s.conn, inner, o)
			if err != nil {
				return err
			}
			*made = append(*made, done.Stream)
			if err := r.limits.limit(ctx, s.conn, done.Stream); err != nil {
				return err
			}
		}
		if _, err := io.Copy(io.Discard, inner); err != nil {
			return err
		}
	}
	return nil
}

// removeStreams removes what this restore made.
func removeStreams(ctx context.Context, conn *jetstream.Conn, names []string) error {
	if len(names) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), defaultTimeout)
	defer cancel()
	return jetstream.Unmake(ctx, conn, names)
}

// limits are those of each restored stream.
type limits struct {
	jetstream.Settings
	// changed says that they are not those the log had.
	changed bool
}

// limits are those the log had, or the flags'.
func (b *bundle) limits(cmd *cobra.Command, c *serveConfig) (limits, error) {
	s, err := jetstream.SettingsOf(b.metadata[0].Config, len(b.logs))
	if err != nil {
		return limits{}, err
	}
	l := limits{Settings: s}
	if cmd.Flags().Changed("max-age") {
		l.MaxAge, l.changed = c.node.Log.MaxAge, true
	}
	if cmd.Flags().Changed("max-bytes") {
		l.MaxBytes, l.changed = c.node.Log.MaxBytes/int64(len(b.logs)), true
	}
	for i := range b.metadata {
		if m := &b.metadata[i]; l.MaxBytes > 0 && m.Bytes > uint64(l.MaxBytes) {
			return l, usagef("--max-bytes is %s for each of %s, and %s holds %s", size(l.MaxBytes), plural(len(b.logs), "partition", "partitions"), m.Stream, size(m.Bytes))
		}
	}
	return l, nil
}

// flags are those of recall serve with which a node takes the log.
func (l *limits) flags(partitions int) string {
	age, _ := findSetting("log.max_age")
	text := fmt.Sprintf("--partitions %d --max-age %s", partitions, age.show(l.MaxAge))
	if l.MaxBytes > 0 {
		text += " --max-bytes " + exactSize(l.MaxBytes*int64(partitions))
	}
	return text
}

// limit gives a stream that was just made its new limits.
func (l *limits) limit(ctx context.Context, conn *jetstream.Conn, name string) error {
	if !l.changed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	return jetstream.Relimit(ctx, conn, name, l.MaxAge, l.MaxBytes)
}
