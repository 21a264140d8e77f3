package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/remote"
	"github.com/recall-ledger/recall-ledger/projections"
)

// openPartitions opens the log of every partition, and the projections of those
// that this node serves.
func (n *Node) openPartitions(ctx context.Context) error {
	if err := n.openLogs(ctx); err != nil {
		return err
	}
	n.watchLog()
	here, err := servedHere(n.c.Node.Partitions, len(n.logs))
	if err != nil {
		return err
	}
	grown, err := n.logs[0].Grown()
	if err != nil {
		return err
	}
	var parts []*partition.Part
	for _, log := range n.logs {
		open := n.openHere
		if !here[log.Partition()] {
			open = n.openElsewhere
		}
		p, err := open(ctx, log, len(here))
		if err != nil {
			for _, p := range parts {
				if p.Local != nil {
					err = errors.Join(err, p.Local.Close())
				}
			}
			return err
		}
		parts = append(parts, p)
	}
	n.ledger, err = partition.New(partition.Config{
		Parts: parts, Grown: grown, Shared: n.c.NATS.external(),
		Decision: n.decision(),
	})
	return err
}

// decision is what the deciders of all partitions have in common.
func (n *Node) decision() decision.Config {
	return decision.Config{
		Clock: n.c.Clock, NewID: newID, Window: n.c.Recall.Window,
		Notice: cmp.Or(n.c.Recall.Notice, ledger.Notice(n.c.Recall.Language)), Tracer: n.c.Tracer,
	}
}

// openHere opens a partition that this node serves, as one of several.
func (n *Node) openHere(ctx context.Context, log *jetstream.Log, of int) (*partition.Part, error) {
	p, err := projections.Open(ctx, n.c.projection(log, of))
	if err != nil {
		return nil, err
	}
	committer := events.NewCommitter(events.CommitterConfig{
		Log: log, Folded: func() events.Seq { return p.Applied().Seq }, Clock: n.c.Clock,
	})
	return &partition.Part{Log: log, Queue: log, Local: p, Committer: committer}, nil
}

// openElsewhere makes a partition that other nodes serve. What is written to it
// is written from here.
func (n *Node) openElsewhere(_ context.Context, log *jetstream.Log, _ int) (*partition.Part, error) {
	c := remote.NewClient(remote.Config{Conn: n.conn, Partition: log.Partition()})
	n.elsewhere = append(n.elsewhere, c)
	committer := events.NewCommitter(events.CommitterConfig{Log: log, Folded: c.Folded, Clock: n.c.Clock})
	return &partition.Part{Log: log, Views: c, Redrive: c.Redrive, Committer: committer}, nil
}

// servedHere reads node.partitions: by number, whether this node serves it. Only
// those it serves are in it.
func servedHere(text string, count int) (map[int]bool, error) {
	here := map[int]bool{}
	if text == "" {
		for i := range count {
			here[i] = true
		}
		return here, nil
	}
	wrong := func(format string, args ...any) (map[int]bool, error) {
		return nil, fmt.Errorf("node.partitions: "+format, args...)
	}
	for _, part := range strings.Split(text, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.ParseUint(from, 10, 16)
		last := first
		if err == nil && isRange {
			last, err = strconv.ParseUint(to, 10, 16)
		}
		switch {
		case err != nil || last < first:
			return wrong("%.80q is neither numbers nor ranges divided by commas; want for example 0,2-3", text)
		case last >= uint64(count):
			return wrong("%.80q names partition %d; there are at most %d, numbered from 0", text, last, count)
		}
		for i := first; i <= last; i++ {
			here[int(i)] = true
		}
	}
	return here, nil
}

func (n *Node) openLogs(ctx context.Context) error {
	c := jetstream.Config{Conn: n.conn, Observe: n.observe, Settings: jetstream.Settings{Replicas: n.c.NATS.Replicas, MaxAge: n.c.Log.MaxAge}}
	count := n.c.Log.Partitions
	if count == 0 {
		// The log's size is divided among them, so their number must be known first.
		have, err := jetstream.Partitions(ctx, c)
		if err != nil {
			return err
		}
		count = max(have, 1)
	}
	c.Settings.MaxBytes = n.c.Log.MaxBytes / int64(count)
	var err error
	if n.logs, err = jetstream.OpenAll(ctx, c, count); err != nil {
		var other *jetstream.PartitionsError
		if errors.As(err, &other) {
			err = fmt.Errorf("log.partitions: %w", err)
		}
	}
	return err
}

// logLimit is how many bytes the log of one partition may take.
func (n *Node) logLimit() int64 { return n.c.Log.MaxBytes / int64(len(n.logs)) }
