package selfbuilt

import (
	"slices"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// MaxOutbox is how many reports wait for an acknowledgement before the device
// takes no more notifications and no more confirmations; a sync brings them
// again. Facts about what is on the screen are always taken.
const MaxOutbox = 4096

// letter is a report until it is acknowledged.
type letter struct {
	report Report
	// done is closed when the report was acknowledged, or given up with err.
	done chan struct{}
	err  error
}

// address is what makes two reports the same.
type address struct {
	push, confirmed string
	fact            events.Kind
}

// outbox holds what is not acknowledged, in order, each report once. It is not
// safe for concurrent use.
type outbox struct {
	letters []*letter
	index   map[address]*letter
}

func newOutbox() *outbox { return &outbox{index: make(map[address]*letter)} }

// add queues a report and returns its letter; the same report waits only once.
func (o *outbox) add(r Report) *letter {
	a := address{push: r.Push, confirmed: r.Confirmed, fact: r.Fact}
	if l := o.index[a]; l != nil {
		return l
	}
	if !plausible(r.Time) {
		// A clock that is not set must not keep a fact from the ledger.
		r.Time = time.Time{}
	}
	l := &letter{report: r, done: make(chan struct{})}
	o.letters = append(o.letters, l)
	o.index[a] = l
	return l
}

func (o *outbox) full() bool { return len(o.letters) >= MaxOutbox }

// batch returns the oldest letters, at most a request's worth.
func (o *outbox) batch() []*letter {
	return slices.Clone(o.letters[:min(len(o.letters), MaxReports)])
}

// settle takes the oldest n letters out; err says that they were given up.
func (o *outbox) settle(n int, err error) {
	for _, l := range o.letters[:n] {
		delete(o.index, address{push: l.report.Push, confirmed: l.report.Confirmed, fact: l.report.Fact})
		l.err = err
		close(l.done)
	}
	o.letters = slices.Clone(o.letters[n:])
}
