package main

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/remote"
)

func newNodesCommand(o *globalOptions) *cobra.Command {
	var f storeFlags
	c := &cobra.Command{
		Use:   "nodes",
		Short: "List the nodes beside a cluster, what they serve and whose work it is",
		Long: `List the nodes that share the log of a cluster (--nats, --nats-context): since when
they are there, where their API listens, the partitions they answer for, those whose
recalls they plan, and the channels whose commands they carry out, as CHANNEL-PARTITION.
Every partition and channel is one node's at a time; when that node is gone another
takes it over within seconds.

The command asks the NATS servers, not a node. A node that does not answer is shown
without a version until its presence has expired; one with a server of its own is
alone and not listed anywhere.`,
		Example: "  recall nodes --nats nats://a,nats://b,nats://c\n  recall nodes --nats-context recall-operator -o json | jq '.nodes[].plans'",
		Args:    arguments(),
	}
	c.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, cancel := o.bounded(cmd)
		defer cancel()
		return o.storeProblem(o.nodes(ctx, cmd, &f))
	}
	f.register(c)
	return c
}

// nodeList is what recall nodes prints.
type nodeList struct {
	Nodes []nodeShown `json:"nodes"`
}

type nodeShown struct {
	Node    string    `json:"node"`
	Since   time.Time `json:"since"`
	Address string    `json:"address,omitempty"`
	// Version is empty while the node does not answer.
	Version string `json:"version,omitempty"`
	// Serves are the partitions it answers for.
	Serves []int `json:"serves"`
	// Plans are the partitions whose planner it is, Channels what it carries out.
	Plans    []string `json:"plans"`
	Channels []string `json:"channels"`
	// Watches is true for the one that moves leaders.
	Watches bool `json:"watches,omitempty"`
}

// answerWithin is how long nodes have to say what they serve.
const answerWithin = time.Second

func (o *globalOptions) nodes(ctx context.Context, cmd *cobra.Command, f *storeFlags) (err error) {
	config, err := nodeConfig(cmd, f.config)
	if err != nil {
		return err
	}
	if !external(config) {
		return usagef("name the cluster with --nats or --nats-context: a node with a server of its own is alone")
	}
	s, err := openStore(config, cmd)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	members, leases, err := jetstream.ReadLeases(ctx, s.conn)
	if err != nil {
		return err
	}
	instances, err := jetstream.Instances(ctx, s.conn, remote.Name, answerWithin)
	if err != nil {
		return err
	}
	a := gathered(members, leases, instances)
	p := o.printer(cmd)
	return list(p, a, a.Nodes, func() error { return p.nodes(a.Nodes) })
}

// gathered joins what the bucket says of nodes with what they answer.
func gathered(members []jetstream.Member, leases []jetstream.Lease, instances []jetstream.Instance) nodeList {
	nodes := map[string]*nodeShown{}
	of := func(name string) *nodeShown {
		if nodes[name] == nil {
			nodes[name] = &nodeShown{Node: name, Serves: []int{}, Plans: []string{}, Channels: []string{}}
		}
		return nodes[name]
	}
	for _, m := range members {
		n := of(m.Node)
		n.Since, n.Address = m.Since, m.Info
	}
	for _, i := range instances {
		n := of(cmp.Or(i.Metadata[remote.NodeName], i.ID))
		n.Version, n.Serves = cmp.Or(i.Metadata["version"], i.Version), remote.Served(i.Subjects)
	}
	for _, l := range leases {
		n := of(l.Node)
		if partition, ok := strings.CutPrefix(l.Name, "planner-"); ok {
			n.Plans = append(n.Plans, partition)
		} else if channel, ok := strings.CutPrefix(l.Name, "channel-"); ok {
			n.Channels = append(n.Channels, channel)
		} else if l.Name == "watch" {
			n.Watches = true
		}
	}
	a := nodeList{Nodes: []nodeShown{}}
	for _, n := range nodes {
		a.Nodes = append(a.Nodes, *n)
	}
	slices.SortFunc(a.Nodes, func(a, b nodeShown) int { return strings.Compare(a.Node, b.Node) })
	return a
}

func (p *printer) nodes(nodes []nodeShown) error {
	if len(nodes) == 0 {
		p.note("No node is there.")
		return nil
	}
	g := p.grid(column{name: "node"}, column{name: "since"}, column{name: "api"}, column{name: "version"},
		column{name: "serves"}, column{name: "plans"}, column{name: "channels"})
	for i := range nodes {
		n := &nodes[i]
		serves := make([]string, len(n.Serves))
		for i, s := range n.Serves {
			serves[i] = strconv.Itoa(s)
		}
		g.row(n.Node, instant(n.Since), n.Address, cmp.Or(n.Version, "no answer"), strings.Join(serves, " "),
			strings.Join(n.Plans, " "), strings.Join(n.Channels, " "))
	}
	return g.render(p.out)
}
