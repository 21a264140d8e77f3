package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestPartitions: a node of several partitions takes back pushes of all of them,
// each device once, and goes on after a restart; another number is refused.
func TestPartitions(t *testing.T) {
	const partitions, pushes, devices = 3, 12, 5
	c := testConfig(t)
	c.Log.Partitions = partitions
	double := scripted.New(scripted.Config{})
	c.Emitters = map[string]channels.Emitter{"fcm": double}
	_, client, stop := start(t, c)
	ctx := context.Background()
	var lines []string
	for i := range pushes {
		lines = append(lines, fmt.Sprintf(`{"kind":"push.created","push":"p%d","data":{"slot":"s","audience":{"kind":"list"}}}`, i))
		for d := range devices {
			lines = append(lines, fmt.Sprintf(`{"kind":"display.shown","push":"p%d","data":{"channel":"fcm","devices":["d%d"]}}`, i, d))
		}
		lines = append(lines, fmt.Sprintf(`{"kind":"click.clicked","push":"p%d","data":{"channel":"fcm","devices":["d0"]}}`, i))
	}
	at := publish(t, client, lines...)
	if len(at) != partitions {
		t.Fatalf("%d pushes are stored at %s, want a position in each partition", pushes, at)
	}
	recalls := map[string]bool{}
	for i := range pushes {
		if i == pushes/2 {
			stop()
			c.Log.Partitions = 0 // what is there
			_, client, stop = start(t, c)
		}
		a, err := client.Recall(ctx, api.RecallRequest{Push: fmt.Sprintf("p%d", i), Action: channels.Recall}, fmt.Sprintf("key-%d", i))
		if err != nil {
			t.Fatal(err)
		}
		recalls[a.Recall] = true
	}
	for id := range recalls {
		var v projections.Recall
		if err := client.Watch(ctx, id, "settled", func(r projections.Recall) error { v = r; return nil }); err != nil {
			t.Fatal(err)
		}
		if v.Total.Planned != devices-1 || v.Total.Accepted != devices-1 {
			t.Errorf("recall %s of %s: %+v", id, v.Push, v.Total)
		}
	}
	for i := range pushes {
		for d := range devices {
			want := 1
			if d == 0 {
				want = 0 // clicked
			}
			if n := double.CallsFor(fmt.Sprintf("p%d", i), fmt.Sprintf("d%d", d)); n != want {
				t.Errorf("push %d, device %d: %d calls, want %d", i, d, n, want)
			}
		}
	}
	// A key holds over all partitions.
	if _, err := client.Recall(ctx, api.RecallRequest{Push: "p0", Action: channels.Terminate}, "key-1"); code(err) != "idempotency-key-reused" {
		t.Errorf("another push under a key that was used: %v", err)
	}
	list, err := client.Pushes(ctx, api.ListOptions{Limit: 5, AtLeast: at})
	if err != nil || len(list.Pushes) != 5 || list.Next == "" {
		t.Errorf("the list of pushes: %+v, %v", list, err)
	}
	if p, err := client.Positions(ctx); err != nil || len(p.Partitions) != partitions {
		t.Errorf("positions: %+v, %v", p, err)
	}
	stop()
	c.Log.Partitions = 2
	var other *jetstream.PartitionsError
	if _, err := Start(ctx, c); !errors.As(err, &other) || !strings.Contains(err.Error(), "log.partitions") {
		t.Errorf("another number of partitions: %v", err)
	}
}

// TestOverridePartitions: who was shown the new push of an override is told in the
// new push's own partition, and nowhere else.
func TestOverridePartitions(t *testing.T) {
	const partitions, pushes, devices = 3, 6, 4
	c := testConfig(t)
	c.Log.Partitions = partitions
	c.Emitters = map[string]channels.Emitter{"fcm": scripted.New(scripted.Config{})}
	n, client, _ := start(t, c)
	ctx := context.Background()
	for i := range pushes {
		lines := []string{fmt.Sprintf(`{"kind":"push.created","push":"p%d","data":{"slot":"s","audience":{"kind":"list"}}}`, i)}
		for d := range devices {
			lines = append(lines, fmt.Sprintf(`{"kind":"display.shown","push":"p%d","data":{"channel":"fcm","devices":["d%d"]}}`, i, d))
		}
		publish(t, client, lines...)
		next := fmt.Sprintf("better-%d", i)
		a, err := client.Recall(ctx, api.RecallRequest{
			Push: fmt.Sprintf("p%d", i), Action: channels.Override, Replacement: &events.Replacement{Push: next, Title: "new"},
		}, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Watch(ctx, a.Recall, "settled", func(projections.Recall) error { return nil }); err != nil {
			t.Fatal(err)
		}
		end, err := n.ledger.End(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := client.Push(ctx, next, api.ReadOptions{AtLeast: end}); err != nil || len(v.Channels) != 1 || v.Channels[0].Possible != devices {
			t.Errorf("%s: %+v, %v, want %d holders", next, v, err, devices)
		}
	}
	for _, p := range n.ledger.Parts() {
		if err := p.Log.Read(ctx, events.Range{}, func(m events.Message) error {
			e, err := events.Decode(m.Data)
			if err == nil && events.PartitionOf(e.App, e.Push, partitions) != p.Number() {
				t.Errorf("%s of push %s stands in partition %d", e.Kind, e.Push, p.Number())
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func code(err error) string {
	var p *api.Problem
	if errors.As(err, &p) {
		return p.Code
	}
	return ""
}
