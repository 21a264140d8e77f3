package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/audit"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// restoreFlags are the flags of recall restore.
type restoreFlags struct {
	store    storeFlags
	anchors  string
	older    bool
	noVerify bool
}

func newRestoreCommand(o *globalOptions) *cobra.Command {
	var f restoreFlags
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make the log anew from a backup",
		Long: `Make the log of a stopped node (--data), or of a cluster without one (--nats,
--nats-context), from a file that recall backup wrote. A log that is there is never
overwritten: move its folder away, or delete its streams, first. No node may run.

The whole file is checked before anything is made. With --anchors, a backup that
ends before a known anchor is refused, since events that were acknowledged would
be missing, and commands that were carried out be carried out again; --older
accepts that. What was restored is read and compared with the anchors.

The server gives the log a new identity, so projections do not belong to it: a
node refuses to start until its projection folders, which are named at the end,
are deleted, and then folds them anew. NATS servers with one copy of the log fsync
every event by itself, which takes its time. The limits of a log are fixed when it
is made: --max-bytes and --max-age make it with others.`,
		Example: `  recall restore --data /var/lib/recall monday.backup --anchors monday.anchors
  recall restore --nats-context recall-admin --replicas 3 monday.backup`,
		Args: arguments("FILE"),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, cancel := o.bounded(cmd)
		defer cancel()
		return o.storeProblem(o.restore(ctx, cmd, &f, args[0]))
	}
	f.store.register(c)
	l := c.Flags()
	l.String("replicas", "", "copies of the log in the cluster: 1, 3 or 5 (RECALL_NATS_REPLICAS; default: as many as it had)")
	l.String("max-bytes", "", "another size than the log had, for all partitions together, such as 128GiB")
	l.String("max-age", "", "another age than the log had, such as 30d")
	l.StringVar(&f.anchors, "anchors", "", "file of anchors that the log must reach and have")
	l.BoolVar(&f.older, "older", false, "accept a backup that ends before the anchors, and lose what came after")
	l.BoolVar(&f.noVerify, "no-verify", false, "do not read what was restored")
	return c
}

// restored is what recall restore prints.
type restored struct {
	Logs []bundledLog `json:"logs"`
	// Lost says what the anchors know and the backup does not hold.
	Lost []string `json:"lost,omitempty"`
	// Checked is how many anchors were compared.
	Checked int `json:"anchors_checked"`
	// Projections are the folders to delete, as far as they are known here.
	Projections []string `json:"delete_projections,omitempty"`
	// Settings are the flags of recall serve that the log needs.
	Settings string `json:"settings"`
}

func (o *globalOptions) restore(ctx context.Context, cmd *cobra.Command, f *restoreFlags, name string) error {
	known, err := readAnchors(f.anchors)
	if err != nil {
		return err
	}
	c, err := nodeConfig(cmd, f.store.config)
	if err != nil {
		return err
	}
	file, err := openBackup(name)
	if err != nil {
		return err
	}
	defer file.Close()
	b, err := checkBundle(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	limits, err := b.limits(cmd, c)
	if err != nil {
		return err
	}
	lost, err := b.compare(known)
	if err != nil {
		return err
	}
	if len(lost) > 0 && !f.older {
		return exitf(exitPrecondition, "%s is older than the anchors: %s; nothing was changed. Restore a newer backup, or accept the loss with --older", name, strings.Join(lost, "; "))
	}
	r := &restoring{o: o, cmd: cmd, f: f, file: file, b: b, limits: limits, anchors: append(b.reached(known), b.anchors...)}
	if external(c) {
		err = r.toCluster(ctx, c)
	} else {
		err = r.toFolder(ctx, c.node.Data)
	}
	switch {
	case errors.Is(err, jetstream.ErrExists):
		return exitf(exitPrecondition, "%w", err)
	case err != nil:
		return err
	}
	projections, err := node.Folder(c.node.Data).Projections()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	a := restored{Logs: b.logs, Lost: lost, Checked: r.checked, Projections: projections}
	a.Settings = limits.flags(len(b.logs))
	p := o.printer(cmd)
	return p.value(a, func() error { return p.restored(&a, external(c)) })
}

// openBackup opens a file that can be read twice: once to check it, and once to
// restore it.
func openBackup(name string) (*os.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, exitf(exitNotFound, "%w", err)
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = usagef("%s is not a file; a backup is checked before it is restored, so it cannot come from a pipe", name)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// compare compares a backup with known anchors: lost says where it ends before
// them, and an error that it is of another log, or was changed.
func (b *bundle) compare(known []audit.Anchor) (lost []string, err error) {
	own := map[events.Position]audit.Anchor{}
	for _, a := range b.anchors {
		own[events.Position{Partition: a.Partition, Seq: a.Seq}] = a
	}
	ends := map[int]events.Seq{}
	var order []int
	for _, a := range known {
		at := events.Position{Partition: a.Partition, Seq: a.Seq}
		if o, ok := own[at]; ok && o.From == a.From && o.Hash != a.Hash {
			return nil, exitf(exitError, "the backup has another hash at %s than the anchors: it is of another log, or one of them was changed; nothing was changed", at)
		}
		if _, ok := ends[a.Partition]; !ok {
			order = append(order, a.Partition)
		}
		ends[a.Partition] = a.Seq
	}
	for _, n := range order {
		if n >= len(b.logs) {
			lost = append(lost, fmt.Sprintf("partition %d is not in it", n))
			continue
		}
		if l := b.logs[n]; ends[n] > l.Last.Seq {
			lost = append(lost, fmt.Sprintf("partition %d ends at %s, stored %s, and the anchors know %s, so at least %s would be lost",
				n, l.Last, l.LastTime.UTC().Format(time.RFC3339), events.Position{Partition: n, Seq: ends[n]}, plural(ends[n]-l.Last.Seq, "event", "events")))
		}
	}
	return lost, nil
}

// reached are those of the anchors that the backup holds.
func (b *bundle) reached(known []audit.Anchor) []audit.Anchor {
	var list []audit.Anchor
	for _, a := range known {
		if a.Partition < len(b.logs) && a.Seq <= b.logs[a.Partition].Last.Seq {
			list = append(list, a)
		}
	}
	return list
}

// restored prints what was restored and what is to be done now.
func (p *printer) restored(a *restored, cluster bool) error {
	if err := p.logs(a.Logs); err != nil {
		return err
	}
	for _, l := range a.Lost {
		p.note("Lost: %s.", l)
	}
	if a.Checked > 0 {
		p.note("Read and compared with %s.", plural(a.Checked, "anchor", "anchors"))
	}
	p.note("Start nodes with %s.", a.Settings)
	switch {
	case cluster:
		p.note("The log has a new identity. On every node delete the folders projection* in its data folder first: the node refuses to start with them, and rebuilds them.")
	case len(a.Projections) > 0:
		p.note("The log has a new identity. First delete %s: the node refuses to start with it, and rebuilds it.", strings.Join(a.Projections, " "))
	}
	return nil
}
