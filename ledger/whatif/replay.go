package whatif

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// MaxNotifications is how many notifications a Replay holds unless told otherwise.
const MaxNotifications = 5_000_000

// Config configures a Replay.
type Config struct {
	App, Push string
	// At is when the recall would have been accepted.
	At Moment
	// Clear is how long a recall needs where no real one tells; 0 if nobody knows.
	Clear time.Duration
	// MaxNotifications bounds the memory; default MaxNotifications.
	MaxNotifications int
}

// LimitError is a push with more notifications than the limit (L11).
type LimitError struct{ Limit int }

func (e *LimitError) Error() string {
	return fmt.Sprintf("the push has more than %d notifications, the limit", e.Limit)
}

// Replay gathers what happened to the notifications of one push.
type Replay struct {
	c        Config
	push     ledger.Push
	held     int
	channels map[string]*channel
	// newest is the time of the newest event of the push.
	newest moment
}

// channel holds the notifications of the push on one channel.
type channel struct {
	devices map[string]*notification
	// sends is true when the vendor's id of a send is known.
	sends bool
	// methods are those of the commands, by recall.
	methods map[string]method
}

// method is how a recall reaches a channel.
type method struct {
	channels.Method
	forced bool
}

// takes reports whether what is displayed is taken away.
func (m method) takes() bool {
	return !m.forced && (m.Method == channels.Remove || m.Method == channels.Overwrite)
}

// notification holds when things first happened to one device's notification.
type notification struct {
	facts ledger.Facts
	// reached is the first sign of the device itself: delivered, shown, clicked
	// or cleared.
	reached, shown, clicked, cleared moment
	marks                            []mark
}

// mark is where the notification stands in a real recall.
type mark struct {
	recall              string
	accepted, confirmed moment
	commanded, late     bool
	outcome             ledger.Outcome
}

// moment is a time in Unix nanoseconds; never is none.
type moment int64

const never moment = 0

func momentOf(t time.Time) moment { return moment(t.UnixNano()) }

func (m moment) time() time.Time { return time.Unix(0, int64(m)).UTC() }

// join keeps the earlier of two moments.
func (m *moment) join(o moment) {
	if *m == never || o != never && o < *m {
		*m = o
	}
}

// New returns a replay of nothing. Errors: *events.FieldError.
func New(c Config) (*Replay, error) {
	if err := events.CheckID("push", c.Push, events.MaxPush); err != nil {
		return nil, err
	}
	if c.Clear < 0 {
		return nil, &events.FieldError{Field: "clear", Reason: fmt.Sprintf("is %s; it must not be negative", c.Clear)}
	}
	if c.MaxNotifications == 0 {
		c.MaxNotifications = MaxNotifications
	}
	return &Replay{c: c, channels: map[string]*channel{}}, nil
}

// Read takes what the logs, one per partition, hold of the push. progress is told
// how many of its events are read; it may be nil.
// Errors: *LimitError.
func (r *Replay) Read(ctx context.Context, logs []events.Log, progress func(done uint64)) error {
	var done uint64
	var decoder events.Decoder
	for _, log := range logs {
		end, err := log.End(ctx)
		if err != nil {
			return err
		}
		p := log.Partition()
		// A recall comes before its commands and these before their outcomes.
		for _, filter := range []string{
			events.DecisionFilter(p, r.c.App, r.c.Push), events.PushCommandFilter(p, r.c.App, r.c.Push), events.PushFactFilter(p, r.c.App, r.c.Push),
		} {
			if end.Seq == 0 {
				break
			}
			if err := log.Read(ctx, events.Range{To: end.Seq, Filter: filter}, func(m events.Message) error {
				if done++; progress != nil {
					progress(done)
				}
				e, err := decoder.Decode(m.Data)
				if err != nil || events.CheckSubject(m.Subject, m.Partition, &e.Header) != nil {
					return nil //nolint:nilerr // the ledger passes it over as well, and lists it in the quarantine
				}
				return r.Take(m.Position, m.Time, e)
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// Known reports whether any event of the push was taken.
func (r *Replay) Known() bool { return r.newest != never }

// Take follows one event; those of other pushes and apps are passed over. A
// recall comes before its commands and these before their outcomes, facts come
// in any order. The event is not kept.
// Errors: *LimitError.
func (r *Replay) Take(p events.Position, stored time.Time, e *events.Event) error {
	if e.App != r.c.App || e.Push != r.c.Push {
		return nil
	}
	at := momentOf(stored)
	if e.Time.Before(stored) {
		at = momentOf(e.Time)
	}
	r.newest = max(r.newest, at)
	switch d := e.Data.(type) {
	case *events.Created:
		// A description that contradicts an earlier one is not believed.
		_ = r.push.Evolve(e, p.Seq, stored)
	case *events.Fact:
		_ = r.push.Evolve(e, p.Seq, stored)
		return r.fact(at, e.Kind, d)
	case *events.Requested:
		if r.push.Find(d.Recall) != nil || !channels.Action(d.Action).Valid() {
			return nil // the ledger passes it over as well
		}
		return r.push.Evolve(e, p.Seq, stored)
	case *events.Closed:
		return r.push.Evolve(e, p.Seq, stored)
	case *events.Command:
		return r.command(d)
	case *events.Outcome:
		return r.outcome(momentOf(stored), e.Kind, d)
	}
	return nil
}

func (r *Replay) channel(name string) *channel {
	c := r.channels[name]
	if c == nil {
		c = &channel{devices: map[string]*notification{}, methods: map[string]method{}}
		r.channels[strings.Clone(name)] = c
	}
	return c
}

func (r *Replay) notification(c *channel, device string) (*notification, error) {
	if n := c.devices[device]; n != nil {
		return n, nil
	}
	if r.held == r.c.MaxNotifications {
		return nil, &LimitError{r.c.MaxNotifications}
	}
	r.held++
	n := &notification{}
	c.devices[strings.Clone(device)] = n
	return n, nil
}

func (r *Replay) fact(at moment, k events.Kind, d *events.Fact) error {
	fact, ok := ledger.FactOf(k)
	if !ok {
		return nil
	}
	c := r.channel(d.Channel)
	c.sends = c.sends || d.Send != ""
	for _, device := range d.Devices {
		n, err := r.notification(c, device)
		if err != nil {
			return err
		}
		n.facts |= fact
		switch fact {
		case ledger.Shown:
			n.shown.join(at)
		case ledger.Clicked:
			n.clicked.join(at)
		case ledger.Cleared:
			n.cleared.join(at)
		}
		if fact&(ledger.Delivered|ledger.Shown|ledger.Clicked|ledger.Cleared) != 0 {
			n.reached.join(at)
		}
	}
	return nil
}

func (r *Replay) command(d *events.Command) error {
	recall := r.push.Find(d.Recall)
	if recall == nil {
		return nil
	}
	c := r.channel(d.Channel)
	c.methods[recall.Recall] = method{channels.Method(d.Method), d.Forced}
	for _, device := range d.Devices {
		n, err := r.notification(c, device)
		if err != nil {
			return err
		}
		if m := n.mark(recall.Recall); !m.commanded {
			m.commanded, m.late = true, d.Late
		}
	}
	return nil
}

// outcome joins an outcome; the greater one stays, as in the ledger.
func (r *Replay) outcome(at moment, k events.Kind, d *events.Outcome) error {
	o, ok := ledger.OutcomeOf(k)
	recall := r.push.Find(d.Recall)
	if !ok || recall == nil {
		return nil
	}
	c := r.channel(d.Channel)
	for _, device := range d.Devices {
		n, err := r.notification(c, device)
		if err != nil {
			return err
		}
		m := n.mark(recall.Recall)
		m.outcome = max(m.outcome, o)
		switch o {
		case ledger.OutcomeAccepted:
			m.accepted.join(at)
		case ledger.OutcomeConfirmed:
			m.confirmed.join(at)
		}
	}
	return nil
}

// mark returns the mark of a recall, made if there is none.
func (n *notification) mark(recall string) *mark {
	for i := range n.marks {
		if n.marks[i].recall == recall {
			return &n.marks[i]
		}
	}
	n.marks = append(slices.Clip(n.marks), mark{recall: recall})
	return &n.marks[len(n.marks)-1]
}
