package statistics

import (
	"fmt"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// MaxNotifications is how many notifications a Fold holds unless told otherwise.
const MaxNotifications = 5_000_000

// Config configures a Fold.
type Config struct {
	// App is the tenant; events of others are passed over.
	App string
	// Push and Recall restrict the recalls; "" is all.
	Push, Recall string
	// MaxNotifications bounds the memory; default MaxNotifications.
	MaxNotifications int
}

// LimitError is a reading of more notifications than its limit (L11).
type LimitError struct{ Limit int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("the recalls concern more than %d notifications, the limit", e.Limit)
}

// Fold follows the recalls of an app through the events of the log.
type Fold struct {
	c      Config
	held   int
	known  bool
	pushes map[string]*push
	ids    map[string]*recall
	order  []*recall
}

// push is a push with recalls.
type push struct {
	recalls  []*recall
	channels map[string]*channel
}

// channel holds the notifications of a push on one channel, by number.
type channel struct {
	numbers map[string]int
	// clicked is when each was first clicked, never without one.
	clicked []moment
}

// moment is a time in Unix nanoseconds; never is none.
type moment int64

const never moment = 0

func momentOf(t time.Time) moment { return moment(t.UnixNano()) }

// join keeps the earlier of two moments.
func (m *moment) join(o moment) {
	if *m == never || o < *m {
		*m = o
	}
}

type recall struct {
	events.Requested
	push   string
	at     time.Time
	state  ledger.RecallState
	closed time.Time
	// marks are by channel and number; they may be shorter than the channel.
	marks map[string][]mark
}

// mark is where one notification stands in a recall.
type mark struct {
	accepted, confirmed moment
	commanded, late     bool
	// stays is true where the method leaves the notification where it is.
	stays   bool
	outcome ledger.Outcome
}

// New returns a fold of nothing.
func New(c Config) *Fold {
	if c.MaxNotifications == 0 {
		c.MaxNotifications = MaxNotifications
	}
	return &Fold{c: c, pushes: map[string]*push{}, ids: map[string]*recall{}}
}

// Known reports whether any event of the app, and of Config.Push where there is
// one, was taken.
func (f *Fold) Known() bool { return f.known }

// Take follows one event. Events of one log come in its order; the logs of
// several partitions may be mixed. The event is not kept.
// Errors: *LimitError.
func (f *Fold) Take(stored time.Time, e *events.Event) error {
	if e.App != f.c.App || f.c.Push != "" && e.Push != f.c.Push {
		return nil
	}
	f.known = true
	switch d := e.Data.(type) {
	case *events.Requested:
		f.requested(stored, e.Push, d)
	case *events.Closed:
		f.closedBy(stored, e, d)
	case *events.Fact:
		if u := f.pushes[e.Push]; u != nil && e.Kind == events.ClickClicked {
			return f.click(u, earlier(e.Time, stored), d)
		}
	case *events.Command:
		return f.command(e.Push, d)
	case *events.Outcome:
		f.outcome(stored, e, d)
	}
	return nil
}

// earlier bounds a writer's time by the log's: its clock may be ahead.
func earlier(t, stored time.Time) moment {
	if stored.Before(t) {
		t = stored
	}
	return momentOf(t)
}

// requested begins a recall. The ledger passes over a second one with its id,
// and one with an action it does not know.
func (f *Fold) requested(stored time.Time, id string, d *events.Requested) {
	if f.ids[d.Recall] != nil || !channels.Action(d.Action).Valid() || f.c.Recall != "" && d.Recall != f.c.Recall {
		return
	}
	u := f.pushes[id]
	if u == nil {
		id = strings.Clone(id)
		u = &push{channels: map[string]*channel{}}
		f.pushes[id] = u
	}
	r := &recall{Requested: *d, push: strings.Clone(id), at: stored.UTC(), state: ledger.Running, marks: map[string][]mark{}}
	f.ids[d.Recall] = r
	u.recalls, f.order = append(u.recalls, r), append(f.order, r)
}

func (f *Fold) closedBy(stored time.Time, e *events.Event, d *events.Closed) {
	r := f.find(e.Push, d.Recall)
	if r == nil || r.state != ledger.Running {
		return // the first end stands
	}
	r.closed, r.state = stored.UTC(), ledger.Completed
	if e.Kind == events.RecallAborted {
		r.state = ledger.Aborted
	}
}

func (f *Fold) find(push, id string) *recall {
	if r := f.ids[id]; r != nil && r.push == push {
		return r
	}
	return nil
}

func (u *push) channel(name string) *channel {
	c := u.channels[name]
	if c == nil {
		c = &channel{numbers: map[string]int{}}
		u.channels[strings.Clone(name)] = c
	}
	return c
}

// number returns the number of a device, given if it has none.
func (f *Fold) number(c *channel, device string) (int, error) {
	if n, ok := c.numbers[device]; ok {
		return n, nil
	}
	if f.held == f.c.MaxNotifications {
		return 0, &LimitError{f.c.MaxNotifications}
	}
	f.held++
	n := len(c.clicked)
	c.numbers[strings.Clone(device)] = n
	c.clicked = append(c.clicked, never)
	return n, nil
}

// click notes clicks that come behind a recall. What is stored before it was
// not clicked after it, so it needs no place.
func (f *Fold) click(u *push, at moment, d *events.Fact) error {
	c := u.channel(d.Channel)
	for _, device := range d.Devices {
		n, err := f.number(c, device)
		if err != nil {
			return err
		}
		c.clicked[n].join(at)
	}
	return nil
}

func (f *Fold) command(id string, d *events.Command) error {
	r := f.find(id, d.Recall)
	if r == nil {
		return nil
	}
	c := f.pushes[id].channel(d.Channel)
	for _, device := range d.Devices {
		n, err := f.number(c, device)
		if err != nil {
			return err
		}
		if m := r.mark(d.Channel, n); !m.commanded {
			m.commanded, m.late = true, d.Late
			m.stays = channels.Method(d.Method) == channels.None || d.Forced
		}
	}
	return nil
}

// mark returns the mark of a notification, made if there is none.
func (r *recall) mark(channel string, n int) *mark {
	list := r.marks[channel]
	for len(list) <= n {
		list = append(list, mark{})
	}
	r.marks[channel] = list
	return &list[n]
}

// outcome joins an outcome: the greater one stays, as in the ledger, which also
// passes over what was never commanded.
func (f *Fold) outcome(stored time.Time, e *events.Event, d *events.Outcome) {
	o, ok := ledger.OutcomeOf(e.Kind)
	r := f.find(e.Push, d.Recall)
	if !ok || r == nil {
		return
	}
	c := f.pushes[e.Push].channels[d.Channel]
	if c == nil {
		return
	}
	for _, device := range d.Devices {
		n, ok := c.numbers[device]
		if !ok || n >= len(r.marks[d.Channel]) {
			continue
		}
		m := &r.marks[d.Channel][n]
		if !m.commanded {
			continue
		}
		m.outcome = max(m.outcome, o)
		switch o {
		case ledger.OutcomeAccepted:
			m.accepted.join(momentOf(stored))
		case ledger.OutcomeConfirmed:
			m.confirmed.join(momentOf(stored))
		}
	}
}
