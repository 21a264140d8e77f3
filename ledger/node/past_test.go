package node

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// TestPast: a node answers for what was, over all its partitions and after a
// restart, and keeps no folder of it.
func TestPast(t *testing.T) {
	c := testConfig(t)
	c.Log.Partitions = 3
	_, client, stop := start(t, c)
	ctx := context.Background()
	var sent, clicks []string
	const pushes = 12
	for i := range pushes {
		sent = append(sent, fmt.Sprintf(`{"kind":"push.sent","push":"p%d","data":{"channel":"fcm","devices":["d","e"]}}`, i))
		clicks = append(clicks, fmt.Sprintf(`{"kind":"click.clicked","push":"p%d","data":{"channel":"fcm","devices":["d"]}}`, i))
	}
	at := publish(t, client, sent...)
	now := publish(t, client, clicks...)
	check := func(client *api.Client) {
		t.Helper()
		for moment, want := range map[string]int{at.String(): pushes, now.String(): 0} {
			var told api.Moment
			past := client.AsOf(moment, api.PastOptions{Moment: func(m api.Moment) { told = m }})
			held, err := past.Device(ctx, "d", "", false)
			if err != nil || len(held) != want || told.Positions.String() != moment {
				t.Errorf("as of %s the device holds %d, %v, want %d; told %+v", moment, len(held), err, want, told)
			}
			p, err := past.Push(ctx, "p5", api.ReadOptions{})
			if err != nil || p.Channels[0].Funnel["clicked"] != uint32(1-want/pushes) {
				t.Errorf("as of %s: %+v, %v", moment, p, err)
			}
		}
	}
	check(client)
	stop()
	if left, err := filepath.Glob(filepath.Join(c.Data, "replay-*")); err != nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	if err := os.MkdirAll(filepath.Join(c.Data, "replay-left"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, client, stop = start(t, c)
	defer stop()
	if _, err := os.Stat(filepath.Join(c.Data, "replay-left")); !os.IsNotExist(err) {
		t.Errorf("what a crash left is there: %v", err)
	}
	check(client)
}
