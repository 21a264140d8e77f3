package audit

import (
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// places is what the partitions of a ledger have to do with each other.
type places struct {
	// partitions is how many there are; 1 also where one is walked by itself.
	partitions int
	// grown are the growths of the log, the oldest first.
	grown []events.Growth
	// old are, of each partition, the pushes that began there before the log grew and
	// would belong elsewhere since. All of them are kept: what a projection knows of
	// its pushes, without their devices.
	old []map[pushID]bool
	// firm is where each partition ended before the end of any was asked that is
	// walked to: what stands up to there has its causes in the walk.
	firm map[int]events.Seq
	// aged are the partitions whose log does not have its first events any more.
	aged map[int]bool
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
	// accepted is the decision, told the first command up to firm, where the log is
	// still written to.
	accepted, told arrival
	firm           events.Seq
}

func newPlaces(partitions int, grown []events.Growth) *places {
	return &places{
		partitions: partitions, grown: grown, old: make([]map[pushID]bool, partitions), firm: map[int]events.Seq{}, aged: map[int]bool{},
		wanted: make([]map[pushID]*arrival, partitions),
	}
}

// elsewhere returns the home of an override's new push, and others that it may have
// in a log that has grown; false when it may be the recall's own partition or there is
// none.
func (p *places) elsewhere(app string, d *events.Requested, own int) (homes []int, ok bool) {
	if d.Replacement == nil || p.partitions == 1 {
		return nil, false
	}
	home, before := events.Homes(app, d.Replacement.Push, p.partitions, p.grown)
	homes = []int{home}
	for _, h := range before {
		homes = append(homes, h.Partition)
	}
	return homes, !slices.Contains(homes, own)
}

// expect notes that a push is to be looked for in its partition.
func (p *places) expect(app string, d *events.Requested, own int) {
	homes, ok := p.elsewhere(app, d, own)
	if !ok {
		return
	}
	id := pushID{strings.Clone(app), strings.Clone(d.Replacement.Push)}
	a := p.wanted[homes[0]][id]
	if a == nil {
		a = &arrival{}
	}
	for _, home := range homes {
		if p.wanted[home] == nil {
			p.wanted[home] = map[pushID]*arrival{}
		}
		p.wanted[home][id] = a
	}
}

// accept notes an accepted override; nil when its new push is no concern of another
// partition.
func (p *places) accept(app string, d *events.Requested, m events.Message) *successor {
	homes, ok := p.elsewhere(app, d, m.Partition)
	if !ok {
		return nil
	}
	home := homes[0]
	s := &successor{push: pushID{app, strings.Clone(d.Replacement.Push)}, recall: strings.Clone(d.Recall), home: home, accepted: arrival{m.Position, m.Time}}
	s.arrived, s.firm = p.wanted[home][s.push], p.firm[m.Partition]
	p.successors = append(p.successors, s)
	return s
}

// tell notes the first command of the override.
func (s *successor) tell(m events.Message) {
	if s != nil && s.told.stored.IsZero() && m.Seq <= s.firm {
		s.told = arrival{m.Position, m.Time}
	}
}

// take checks that an event stands in its partition, and notes the begin of a push
// that is looked for.
func (p *places) take(r *Report, e *events.Event, m events.Message) {
	if p.partitions == 1 {
		return
	}
	if home, ok := p.placed(e, m); !ok {
		r.violate(Placed, m.Position, "is of push %q, which belongs to partition %d", e.Push, home)
	}
	switch e.Data.(type) {
	case *events.Created, *events.Fact: // what makes a push known
		if a := p.wanted[m.Partition][pushID{e.App, e.Push}]; a != nil && a.stored.IsZero() {
			*a = arrival{m.Position, m.Time}
		}
	}
}

// placed reports whether an event may stand in its partition, and where its push
// lives.
func (p *places) placed(e *events.Event, m events.Message) (home int, ok bool) {
	home, before := events.Homes(e.App, e.Push, p.partitions, p.grown)
	for _, h := range before {
		if p.old[h.Partition][pushID{e.App, e.Push}] {
			home = h.Partition
			break
		}
	}
	if home == m.Partition {
		return home, true
	}
	// A key that concerns the whole ledger is claimed in a partition of its own, and
	// answered in that of its push.
	if k, ok := e.Data.(*events.Key); ok {
		keyHome, keyBefore := events.KeyHomes(e.App, k.Key, p.partitions, p.grown)
		if keyHome == m.Partition || within(keyBefore, m) {
			return home, true
		}
	}
	// Where the log does not have its first events any more, the push may have begun
	// with one of those.
	return home, p.aged[m.Partition] && slices.ContainsFunc(before, func(h events.Home) bool { return h.Partition == m.Partition })
}

// ends returns where a partition ended when the log grew last, 0 when it did not.
func (p *places) ends(partition int) events.Seq {
	if len(p.grown) == 0 {
		return 0
	}
	return p.grown[len(p.grown)-1].Ends.Of(partition)
}

// begin notes a push that began in a partition before the log grew.
func (p *places) begin(e *events.Event, m events.Message) {
	_, before := events.Homes(e.App, e.Push, p.partitions, p.grown)
	if !within(before, m) || p.old[m.Partition][pushID{e.App, e.Push}] {
		return
	}
	if p.old[m.Partition] == nil {
		p.old[m.Partition] = map[pushID]bool{}
	}
	p.old[m.Partition][pushID{strings.Clone(e.App), strings.Clone(e.Push)}] = true
}

// within reports whether a message stands in one of the homes, before its end.
func within(before []events.Home, m events.Message) bool {
	return slices.ContainsFunc(before, func(h events.Home) bool { return h.Partition == m.Partition && m.Seq <= h.Until })
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
