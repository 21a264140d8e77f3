package audit

import (
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// places is what the partitions of a ledger have to do with each other.
type places struct {
	// partitions is how many there are; 1 also where one is walked by itself.
	partitions int
	// wanted are the pushes that overrides of other partitions put into each, nil
	// where there are none.
	wanted []map[pushID]*arrival
	// successors are those of the overrides that were accepted.
	successors []*successor
}

// arrival is the first event of a push.
type arrival struct {
	position events.Position
	stored   time.Time
}

// successor is the new push of an override that belongs to another partition.
type successor struct {
	push   pushID
	recall string
	// home is the partition the push belongs to, arrived its begin there.
	home    int
	arrived *arrival
	// accepted is the decision, told the first command.
	accepted, told arrival
}

func newPlaces(partitions int) *places {
	return &places{partitions: partitions, wanted: make([]map[pushID]*arrival, partitions)}
}

// elsewhere returns the home of an override's new push, false when that is the
// recall's own partition or there is none.
func (p *places) elsewhere(app string, d *events.Requested, own int) (home int, ok bool) {
	if d.Replacement == nil || p.partitions == 1 {
		return 0, false
	}
	home = events.PartitionOf(app, d.Replacement.Push, p.partitions)
	return home, home != own
}

// expect notes that a push is to be looked for in its partition.
func (p *places) expect(app string, d *events.Requested, own int) {
	home, ok := p.elsewhere(app, d, own)
	if !ok {
		return
	}
	if p.wanted[home] == nil {
		p.wanted[home] = map[pushID]*arrival{}
	}
	id := pushID{strings.Clone(app), strings.Clone(d.Replacement.Push)}
	if p.wanted[home][id] == nil {
		p.wanted[home][id] = &arrival{}
	}
}

// accept notes an accepted override; nil when its new push is no concern of another
// partition.
func (p *places) accept(app string, d *events.Requested, m events.Message) *successor {
	home, ok := p.elsewhere(app, d, m.Partition)
	if !ok {
		return nil
	}
	s := &successor{push: pushID{app, strings.Clone(d.Replacement.Push)}, recall: strings.Clone(d.Recall), home: home, accepted: arrival{m.Position, m.Time}}
	s.arrived = p.wanted[home][s.push]
	p.successors = append(p.successors, s)
	return s
}

// tell notes the first command of the override.
func (s *successor) tell(m events.Message) {
	if s != nil && s.told.stored.IsZero() {
		s.told = arrival{m.Position, m.Time}
	}
}

// take checks that an event stands in its partition, and notes the begin of a push
// that is looked for.
func (p *places) take(r *Report, e *events.Event, m events.Message) {
	if p.partitions == 1 {
		return
	}
	home := events.PartitionOf(e.App, e.Push, p.partitions)
	if k, ok := e.Data.(*events.Key); ok && m.Partition != home {
		// A key that concerns the whole ledger is claimed in a partition of its own,
		// and answered in that of its push.
		home = events.KeyPartition(e.App, k.Key, p.partitions)
	}
	if home != m.Partition {
		r.violate(Placed, m.Position, "is of push %q, which belongs to partition %d", e.Push, home)
	}
	switch e.Data.(type) {
	case *events.Created, *events.Fact: // what makes a push known
		if a := p.wanted[m.Partition][pushID{e.App, e.Push}]; a != nil && a.stored.IsZero() {
			*a = arrival{m.Position, m.Time}
		}
	}
}

// leeway is by how much times of two partitions may contradict their order: the
// clocks of two nodes differ, and a decision looks before it is stored.
const leeway = 10 * time.Second

// finish judges the overrides once all partitions are read. begins is when the
// first event was stored that a partition keeps, zero where that is its first.
func (p *places) finish(reports []*Report, begins []time.Time) {
	for _, s := range p.successors {
		r, a := reports[s.accepted.position.Partition], s.arrived
		r.Successors++
		switch {
		case a.stored.IsZero() && (s.told.stored.IsZero() || begins[s.home].After(s.told.stored)):
			r.Unsucceeded++
		case a.stored.IsZero():
			r.violate(Succeeded, s.told.position, "commands override %q, whose new push %q is not in its partition %d", s.recall, s.push.push, s.home)
		case a.stored.Before(s.accepted.stored.Add(-leeway)):
			r.violate(Succeeded, s.accepted.position, "accepts override %q by push %q, which was there since %s", s.recall, s.push.push, a.position)
		case !s.told.stored.IsZero() && a.stored.After(s.told.stored.Add(leeway)):
			r.violate(Succeeded, s.told.position, "commands override %q before its new push %q was there, at %s", s.recall, s.push.push, a.position)
		}
	}
}
