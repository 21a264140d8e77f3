package node

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/scripted"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/projections"
)

// TestNodePartitions: of two nodes each serves one partition, and both take
// everything for both. Without the other node what is here goes on, and the rest
// is refused by name.
func TestNodePartitions(t *testing.T) {
	url := natsServer(t)
	double := scripted.New(scripted.Config{})
	var nodes [2]*Node
	var clients [2]*api.Client
	var stops [2]func()
	for i := range nodes {
		c := testConfig(t)
		c.NATS.URL, c.NATS.AcceptUnsynced, c.Log.Partitions = url, true, 2
		c.Node.ID, c.Node.Partitions = fmt.Sprintf("n%d", i), fmt.Sprint(i)
		c.Emitters = map[string]channels.Emitter{"fcm": double}
		nodes[i], clients[i], stops[i] = start(t, c)
	}
	ctx := t.Context()
	var at events.Positions
	for i := range 6 {
		at = at.Merge(publish(t, clients[i%2],
			fmt.Sprintf(`{"kind":"push.created","push":"p%d","data":{"slot":"s","audience":{"kind":"list"}}}`, i),
			fmt.Sprintf(`{"kind":"display.shown","push":"p%d","data":{"channel":"fcm","devices":["d0","d1","d2"]}}`, i),
			fmt.Sprintf(`{"kind":"click.clicked","push":"p%d","data":{"channel":"fcm","devices":["d0"]}}`, i)))
	}
	if len(at) != 2 {
		t.Fatalf("everything is stored at %s, want a position in both partitions", at)
	}
	for i := range 6 {
		push := fmt.Sprintf("p%d", i)
		a, err := clients[i%2].Recall(ctx, api.RecallRequest{Push: push, Action: channels.Recall}, "key-"+push)
		if err != nil {
			t.Fatal(err)
		}
		var v projections.Recall
		if err := clients[(i+1)%2].Watch(ctx, a.Recall, "settled", func(r projections.Recall) error { v = r; return nil }); err != nil {
			t.Fatal(err)
		}
		if v.Total.Planned != 2 || v.Total.Accepted != 2 {
			t.Errorf("recall of %s: %+v", push, v.Total)
		}
		again, err := clients[(i+1)%2].Recall(ctx, api.RecallRequest{Push: push, Action: channels.Recall}, "key-"+push)
		if err != nil || again.Recall != a.Recall {
			t.Errorf("the retry at the other node: %+v, %v", again, err)
		}
		if _, err := clients[(i+1)%2].Recall(ctx, api.RecallRequest{Push: push, Action: channels.Recall}, ""); code(err) != "already-recalled" {
			t.Errorf("a second recall at the other node: %v", err)
		}
		if n := double.CallsFor(push, "d1"); n != 1 {
			t.Errorf("%s: the device was called %d times", push, n)
		}
	}
	for i, client := range clients {
		if list, err := client.Pushes(ctx, api.ListOptions{AtLeast: at}); err != nil || len(list.Pushes) != 6 {
			t.Errorf("node %d lists %d pushes, %v", i, len(list.Pushes), err)
		}
		if r, err := http.Get("http://" + nodes[i].Address() + "/readyz"); err != nil || r.StatusCode != http.StatusOK {
			t.Errorf("node %d is not ready: %+v, %v", i, r, err)
		} else {
			r.Body.Close()
		}
	}
	stops[1]()
	served := 0
	for i := range 6 {
		_, err := clients[0].Push(ctx, fmt.Sprintf("p%d", i), api.ReadOptions{})
		switch events.PartitionOf("shop", fmt.Sprintf("p%d", i), 2) {
		case 0:
			served++
			if err != nil {
				t.Errorf("what is here: %v", err)
			}
		case 1:
			if code(err) != "partition-unserved" || !strings.Contains(err.Error(), "partition 1") {
				t.Errorf("what nobody serves: %v", err)
			}
		}
	}
	if served == 0 || served == 6 {
		t.Error("all pushes are of one partition")
	}
	c := testConfig(t)
	c.NATS.URL, c.NATS.AcceptUnsynced, c.Node.Partitions = url, true, "2"
	if _, err := Start(context.Background(), c); err == nil || !strings.Contains(err.Error(), `node.partitions: "2" names partition 2; there are at most 2`) {
		t.Errorf("a partition that is not there: %v", err)
	}
}
