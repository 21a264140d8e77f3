package node

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// takeover is how long the work of a lease stood still.
type takeover struct {
	fault *fault
	lease string
	took  time.Duration
}

// takeovers finds, for each fault after which a lease of the node was another
// process's, when that did the next piece of the work: a command of the planner's
// partition, a call of the channel. Stops are left out, since a node that stops
// hands over by itself. missing are leases of which nothing was asked any more.
func takeovers(c *chronicle, calls []called, storm *chaos) (list []takeover, missing int) {
	for _, f := range storm.faults {
		for _, lease := range slices.Sorted(maps.Keys(f.leases)) {
			moved, ok := storm.moved(lease, f.leases[lease], f.at)
			if f.kind == faultStop || !ok || !worked(lease) {
				continue
			}
			// The look that first shows the new holder is a little late.
			next := nextOf(c, calls, lease, moved.Add(-2*observeEvery))
			if next.IsZero() {
				missing++
				continue
			}
			list = append(list, takeover{f, lease, next.Sub(f.at)})
		}
	}
	return list, missing
}

// worked reports whether a lease is of work that shows in commands or calls.
func worked(lease string) bool {
	return slices.ContainsFunc(works(), func(w string) bool { return lease == w || strings.HasPrefix(lease, w+"-") })
}

// nextOf returns when the first piece of a lease's work was done from a time on.
func nextOf(c *chronicle, calls []called, lease string, from time.Time) time.Time {
	for p := range partitions {
		if lease == planner(p) {
			i := slices.IndexFunc(c.commandTimes[p], func(at time.Time) bool { return at.After(from) })
			if i >= 0 {
				return c.commandTimes[p][i]
			}
		}
	}
	for _, k := range calls {
		n := c.devices[k.channel+"/"+k.device]
		if n == nil || !k.at.After(from) {
			continue
		}
		// A lease is of a channel, or of a channel in one partition.
		name := "channel-" + k.channel
		if lease == name || lease == fmt.Sprintf("%s-%d", name, events.PartitionOf("shop", n.push, partitions)) {
			return k.at
		}
	}
	return time.Time{}
}

func planner(partition int) string { return "planner-" + string(rune('0'+partition)) }

// required is within what another node must take over.
const required = 10 * time.Second

// reportTakeovers prints what was measured. That work moved at all is judged; the
// ten seconds asked for are told beside it.
func reportTakeovers(t *testing.T, storm *chaos, list []takeover, missing int) {
	t.Helper()
	for _, x := range list {
		t.Logf("%s of node %d at %s: %s stood still for %s", x.fault.kind, x.fault.target, x.fault.at.UTC().Format("15:04:05.000"), x.lease, x.took.Round(10*time.Millisecond))
	}
	troubled := func(x takeover) bool { return storm.troubled(x.fault.at, x.fault.at.Add(x.took)) }
	print := func(what string, keep func(takeover) bool) {
		var took []time.Duration
		for _, x := range list {
			if keep(x) {
				took = append(took, x.took)
			}
		}
		if len(took) == 0 {
			return
		}
		slices.Sort(took)
		over := 0
		for _, d := range took {
			if d > required {
				over++
			}
		}
		t.Logf("take-over, %s: %d, median %s, most %s, %d over %s", what, len(took),
			took[len(took)/2].Round(10*time.Millisecond), took[len(took)-1].Round(10*time.Millisecond), over, required)
	}
	print("all", func(takeover) bool { return true })
	for _, kind := range []string{faultKill, faultPause, faultCut} {
		print(kind+", all servers whole", func(x takeover) bool { return x.fault.kind == kind && !troubled(x) })
		print(kind+", a server suffering too", func(x takeover) bool { return x.fault.kind == kind && troubled(x) })
	}
	if len(list) == 0 && missing > 0 {
		t.Errorf("no work moved to another node: %d pieces of it were not seen again", missing)
	}
}
