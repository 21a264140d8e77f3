package projections

import (
	"container/list"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// periodSeconds is how long a period is: a week. Periods are counted since the
// Unix epoch. A push belongs to the one in which the log first saw it, and is
// forgotten with it.
const periodSeconds = 7 * 24 * 60 * 60

// periodOf returns the period of a moment: 0 before the epoch, and the last that
// keys can hold from the year 3225 on.
func periodOf(t time.Time) uint16 {
	return uint16(min(max(t.Unix()/periodSeconds, 0), math.MaxUint16))
}

// period is what there is of the pushes of one period. Most of them are only in
// the store.
type period struct {
	no uint16
	// count counts the pushes, notifications those of all of them.
	count, notifications uint64
	// pushes are those in memory, and cost is what they take there as of the
	// last checkpoint, in bytes.
	pushes map[pushID]*push
	cost   int
	// recent has the same pushes, the one changed last in front.
	recent *list.List
	// filter has all pushes, or is nil.
	filter *filter
	// owed are the recalls that may have notifications without a command. It
	// is derived: filled again from the open recalls at start.
	owed map[owedRecall]struct{}
	// expired is true once the period is forgotten.
	expired bool
}

// storedPeriod is a period as the projection's own row has it.
type storedPeriod struct {
	No            uint16 `json:"no"`
	Pushes        uint64 `json:"pushes"`
	Notifications uint64 `json:"notifications"`
}

func newPeriod(s storedPeriod) *period {
	return &period{
		no: s.No, count: s.Pushes, notifications: s.Notifications,
		pushes: map[pushID]*push{}, recent: list.New(), owed: map[owedRecall]struct{}{},
	}
}

// loadPeriods takes the periods over from the projection's own row.
func (p *Projection) loadPeriods() error {
	for i, s := range p.meta.Periods {
		if s.No > p.meta.Period || i > 0 && s.No <= p.meta.Periods[i-1].No {
			return errDamaged
		}
		p.periods = append(p.periods, newPeriod(s))
	}
	return nil
}

// storedPeriods returns the periods as the projection's own row has them.
func (p *Projection) storedPeriods() []storedPeriod {
	list := make([]storedPeriod, 0, len(p.periods))
	for _, t := range p.periods {
		list = append(list, storedPeriod{t.no, t.count, t.notifications})
	}
	return list
}

// current returns the period of a push that the log names for the first time.
func (p *Projection) current() *period {
	if n := len(p.periods); n > 0 && p.periods[n-1].no == p.meta.Period {
		return p.periods[n-1]
	}
	t := newPeriod(storedPeriod{No: p.meta.Period})
	t.filter = new(filter)
	p.periods = append(p.periods, t)
	return t
}

// periodNo returns a period that has pushes, nil when there is none such.
func (p *Projection) periodNo(no uint16) *period {
	for _, t := range p.periods {
		if t.no == no {
			return t
		}
	}
	return nil
}

// turn moves the projection's time on to that of an event. When a new period
// begins, the pushes go that are older than Keep, whole periods of them: the only
// clock of the fold is the log (L3), and one that is set back moves nothing.
func (p *Projection) turn(at time.Time) {
	now := periodOf(at)
	if now <= p.meta.Period {
		return
	}
	p.meta.Period = now
	if p.c.Keep > 0 {
		p.expire(periodOf(at.Add(-p.c.Keep)))
	}
}

// expire forgets the periods before floor. From here on nothing looks into them,
// whatever the store and the unwritten rows still have of them; the next
// checkpoint drops that. It costs nothing in proportion to the pushes.
func (p *Projection) expire(floor uint16) {
	n := 0
	for ; n < len(p.periods) && p.periods[n].no < floor; n++ {
		p.periods[n].expired = true
		p.cost -= p.periods[n].cost
	}
	if n == 0 {
		return
	}
	if p.dropped.to == 0 {
		p.dropped.from = p.periods[0].no
	}
	p.dropped.to = floor
	// Copied, so that nothing of what is forgotten stays reachable.
	p.periods = append([]*period(nil), p.periods[n:]...)
	p.boundFilters()
}

// span is the periods from <= period < to; none when to is 0.
type span struct{ from, to uint16 }

// drop puts the ranges of forgotten rows into a checkpoint, behind its rows: so
// they cover also what was not yet written when its period expired.
func (c *cut) drop(b *pebble.Batch) error {
	if c.dropped.to == 0 {
		return nil
	}
	for _, row := range periodRows {
		from, to := newKey(byte(row)).u16(c.dropped.from), newKey(byte(row)).u16(c.dropped.to)
		if err := b.DeleteRange(from, to, nil); err != nil {
			return err
		}
	}
	for _, a := range c.appsLeft {
		from, to := pushNumber(c.dropped.from, 0), pushNumber(c.dropped.to, 0)
		if err := b.DeleteRange(pushNumberKey(a, from), pushNumberKey(a, to), nil); err != nil {
			return err
		}
	}
	return nil
}

// pushNumber makes numbers that sort by the arrival of pushes and begin with
// their period, so that old pushes are ranges of keys.
func pushNumber(period uint16, n uint64) uint64 { return uint64(period)<<48 | n&(1<<48-1) }

// numberPeriod returns the period of a push number.
func numberPeriod(no uint64) uint16 { return uint16(no >> 48) }
