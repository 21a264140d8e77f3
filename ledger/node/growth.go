package node

import (
	"context"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
)

// growthEvery is how often a node beside a cluster looks whether the log has grown.
const growthEvery = 2 * time.Second

// lookForGrowth stops a node that was paused or cut off while the log was given more
// partitions: what it writes of new pushes is misplaced. Started again it knows.
func (n *Node) lookForGrowth(ctx context.Context) error {
	t := time.NewTicker(growthEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		have, err := jetstream.Partitions(ctx, jetstream.Config{Conn: n.conn})
		if err == nil && have > len(n.logs) {
			return fmt.Errorf("the log has grown to %d partitions, this node knows %d: start it again, and run recall verify", have, len(n.logs))
		}
		// Who cannot ask now asks again.
	}
}
