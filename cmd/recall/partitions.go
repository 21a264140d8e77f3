package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/remote"
)

func newPartitionsCommand(o *globalOptions) *cobra.Command {
	return group(&cobra.Command{
		Use:   "partitions",
		Short: "Look at the partitions of a log and give it more of them",
		Long: `Every push lives in one partition of the log, which its id belongs to. A log is made
with a number of partitions (log.partitions) and can be given more: what has begun
stays where it is, what begins afterwards is spread over all. The commands read the
log itself: the folder of a node that is stopped (--data), or a cluster (--nats).`,
		Example: "  recall partitions list --data /var/lib/recall\n  recall partitions grow 4 --nats nats://a,nats://b,nats://c",
	}, newPartitionsListCommand(o), newPartitionsGrowCommand(o))
}

// partitionsShown is what the commands print.
type partitionsShown struct {
	Partitions []partitionShown `json:"partitions"`
	// Grown are the growths of the log, the oldest first.
	Grown []events.Growth `json:"grown,omitempty"`
}

type partitionShown struct {
	Partition int             `json:"partition"`
	Stream    string          `json:"stream"`
	First     events.Position `json:"first"`
	Last      events.Position `json:"last"`
	Bytes     uint64          `json:"bytes"`
}

func newPartitionsListCommand(o *globalOptions) *cobra.Command {
	var f storeFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the partitions of a log, and from how many it has grown",
		Example: "  recall partitions list --data /var/lib/recall\n  recall partitions list --nats nats://a,nats://b,nats://c -o json",
		Args:    arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := o.bounded(cmd)
		defer cancel()
		return o.storeProblem(o.listPartitions(ctx, cmd, &f))
	}
	f.register(c)
	f.registerSettings(c)
	return c
}

func (o *globalOptions) listPartitions(ctx context.Context, cmd *cobra.Command, f *storeFlags) (err error) {
	s, config, err := f.open(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	a, err := s.show(ctx, config)
	if err != nil {
		return err
	}
	return o.printer(cmd).partitions(a)
}

func newPartitionsGrowCommand(o *globalOptions) *cobra.Command {
	var f storeFlags
	c := &cobra.Command{
		Use:   "grow NUMBER",
		Short: "Give a log more partitions",
		Long: `Give a log more partitions: NUMBER is how many it has then. Nothing is moved. Pushes
that have begun keep their partition, with their facts, recalls and commands; pushes
that begin afterwards are spread over all partitions.

All nodes must be stopped. With --nats the command asks who answers, and refuses while
a node does; one that is cut off does not answer, so see yourself that none is left.
Afterwards start them as before: log.partitions, where it is set, must say the new
number, and log.max_bytes is divided among the new number of partitions.

Interrupted, it is finished by calling it again; until then no node starts. There is no
way back to fewer partitions but that of restoring a backup.`,
		Example: `  recall partitions grow 4 --data /var/lib/recall
  recall partitions grow 6 --config /etc/recall/recall.yaml`,
		Args: arguments("NUMBER"),
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		n, err := strconv.Atoi(args[0])
		if err != nil || n < 2 || n > jetstream.MaxPartitions {
			return usagef("NUMBER is %q; want how many partitions the log shall have, from 2 to %d", args[0], jetstream.MaxPartitions)
		}
		ctx, cancel := o.bounded(cmd)
		defer cancel()
		return o.storeProblem(o.grow(ctx, cmd, &f, n))
	}
	f.register(c)
	f.registerSettings(c)
	return c
}

// nodesAnswer is how long nodes have to say that they are there.
const nodesAnswer = 3 * time.Second

func (o *globalOptions) grow(ctx context.Context, cmd *cobra.Command, f *storeFlags, partitions int) (err error) {
	s, config, err := f.open(cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if external(config) {
		nodes, err := jetstream.Instances(ctx, s.conn, remote.Name, nodesAnswer)
		if err != nil {
			return err
		}
		if len(nodes) > 0 {
			return exitf(exitPrecondition, "%s on this log; stop all of them first", plural(len(nodes), "node runs", "nodes run"))
		}
	}
	have, err := s.partitions(ctx)
	if err != nil {
		return err
	}
	if partitions <= have {
		return exitf(exitPrecondition, "the log has %s; it can be given more, not %d", count(have), partitions)
	}
	n := config.node
	_, err = jetstream.Grow(ctx, jetstream.Config{Conn: s.conn, Settings: jetstream.Settings{
		Replicas: n.NATS.Replicas, MaxAge: n.Log.MaxAge, MaxBytes: n.Log.MaxBytes / int64(partitions),
	}}, partitions)
	if err != nil {
		return offlineProblem(err)
	}
	a, err := s.show(ctx, config)
	if err != nil {
		return err
	}
	p := o.printer(cmd)
	if err := p.partitions(a); err != nil {
		return err
	}
	p.note("The log has grown from %s to %d. Start the nodes%s.", count(have), partitions, setPartitions(config))
	return nil
}

// setPartitions says what must change before the nodes start, "" when nothing must.
func setPartitions(c *serveConfig) string {
	if c.node.Log.Partitions == 0 {
		return ""
	}
	return "; first set log.partitions to the new number, or leave it out"
}

// show reads what there is to tell of a log's partitions.
func (s *store) show(ctx context.Context, c *serveConfig) (*partitionsShown, error) {
	logs, err := s.logs(ctx, c)
	if err != nil {
		return nil, err
	}
	a := &partitionsShown{}
	if a.Grown, err = grownOf(logs); err != nil {
		return nil, err
	}
	for i, log := range logs {
		info, err := log.Info(ctx)
		if err != nil {
			return nil, err
		}
		a.Partitions = append(a.Partitions, partitionShown{
			Partition: i, Stream: jetstream.StreamName(i), Bytes: info.Bytes,
			First: events.Position{Partition: i, Seq: info.First}, Last: events.Position{Partition: i, Seq: info.Last},
		})
	}
	return a, nil
}

// grownOf returns the growths of a log that is open.
func grownOf(logs []events.Log) ([]events.Growth, error) {
	first, ok := logs[0].(*jetstream.Log)
	if !ok {
		return nil, fmt.Errorf("the log is a %T: %w", logs[0], os.ErrInvalid)
	}
	return first.Grown()
}

func (p *printer) partitions(a *partitionsShown) error {
	return list(p, a, a.Partitions, func() error {
		g := p.grid(column{name: "partition"}, column{name: "stream"}, column{name: "first"}, column{name: "last"}, column{name: "size", right: true})
		for i := range a.Partitions {
			v := &a.Partitions[i]
			g.row(v.Partition, v.Stream, v.First.String(), v.Last.String(), size(v.Bytes))
		}
		if err := g.render(p.out); err != nil {
			return err
		}
		for _, g := range a.Grown {
			p.note("Up to %s it had %s.", g.Ends, count(g.Partitions))
		}
		return nil
	})
}

// count is a number of partitions in words.
func count(n int) string { return plural(n, "partition", "partitions") }
