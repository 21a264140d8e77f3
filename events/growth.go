package events

import (
	"fmt"
	"slices"
)

// Growth is what a log was before it was given more partitions. What had begun by
// then stays where it is: no history is moved.
type Growth struct {
	// Partitions is how many there were.
	Partitions int `json:"partitions"`
	// Ends are where they ended, one for each.
	Ends Positions `json:"ends"`
}

// Home is a partition in which something may live that began up to a position.
type Home struct {
	Partition int
	// Until is the last position at which it can have begun to live there.
	Until Seq
}

// Homes returns the partition a push belongs to, and those where it lives instead
// if it began there before the log grew, to be looked at in turn. grown are the
// growths of the log, the oldest first.
func Homes(app, push string, partitions int, grown []Growth) (home int, before []Home) {
	home = PartitionOf(app, push, partitions)
	for _, g := range grown {
		p := PartitionOf(app, push, g.Partitions)
		if p == home {
			continue
		}
		if i := slices.IndexFunc(before, func(h Home) bool { return h.Partition == p }); i >= 0 {
			before[i].Until = max(before[i].Until, g.Ends.Of(p))
			continue
		}
		before = append(before, Home{p, g.Ends.Of(p)})
	}
	return home, before
}

// KeyHomes is as Homes for a key that concerns the whole ledger.
func KeyHomes(app, key string, partitions int, grown []Growth) (home int, before []Home) {
	return Homes(keyScope(app), key, partitions, grown)
}

// CheckGrowths reports what cannot be the growths of a log that has so many
// partitions.
func CheckGrowths(grown []Growth, partitions int) error {
	for i, g := range slices.Backward(grown) {
		if g.Partitions < 1 || g.Partitions >= partitions {
			return fmt.Errorf("growth %d: from %d partitions to %d", i, g.Partitions, partitions)
		}
		if len(g.Ends) != g.Partitions {
			return fmt.Errorf("growth %d: %d partitions with %d ends", i, g.Partitions, len(g.Ends))
		}
		for p, end := range g.Ends {
			if end.Partition != p {
				return fmt.Errorf("growth %d: the end of partition %d is %s", i, p, end)
			}
		}
		partitions = g.Partitions
	}
	return nil
}
