package facade

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
	"github.com/recall-ledger/recall-ledger/projections"
)

// Config configures a Desk.
type Config struct {
	Ledger      *partition.Set
	Credentials *Credentials
	Clock       func() time.Time
	// Random returns a random number, for the ids the ledger makes.
	Random func() uint32
	Logger *slog.Logger
}

// Desk is what a facade asks for: the same decisions, queries and log as
// everybody's.
type Desk struct{ Config }

// NewDesk returns a desk.
func NewDesk(c Config) *Desk {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Desk{c}
}

// ErrTaken is a push whose id was used before for another one.
var ErrTaken = errors.New("the push id was used before with other content")

// Record makes a push known, so that it can be recalled by its id. It is
// durable when Record returns. Recording the same push again is harmless. The
// ledger gives the push its slot, as the vendors do: their clients have none.
func (d *Desk) Record(ctx context.Context, app, push string, c *events.Created) (events.Positions, error) {
	c.SlotAuto = true
	s, err := d.state(ctx, app, push)
	if err != nil {
		return nil, err
	}
	e := &events.Event{Header: events.Header{Kind: events.PushCreated, App: app, Push: push, Time: d.Clock(), Trace: tracing.Text(ctx)}, Data: c}
	if err := events.Check(e); err != nil {
		return nil, err
	}
	var conflict *ledger.ConflictError
	if err := s.Push.Evolve(e, 0, e.Time); errors.As(err, &conflict) {
		return nil, ErrTaken
	} else if err != nil {
		return nil, err
	}
	return d.append(ctx, e)
}

// Facts stores facts that a facade's callback reported.
func (d *Desk) Facts(ctx context.Context, app string, list ...*events.Event) (events.Positions, error) {
	for _, e := range list {
		e.App = app
		if err := events.Check(e); err != nil {
			return nil, err
		}
	}
	return d.append(ctx, list...)
}

func (d *Desk) append(ctx context.Context, list ...*events.Event) (events.Positions, error) {
	b := d.Ledger.NewBatch()
	for _, e := range list {
		if err := b.Add(e); err != nil {
			return nil, err
		}
	}
	return b.Offer(ctx)
}

// Recall asks for a recall and returns the decision: the accepted recall, or
// the refusal for the facade to translate. The vendors' own calls take back whole
// sends and ask nobody, so that is what their callers expect here.
func (d *Desk) Recall(ctx context.Context, r ledger.Request) (*events.Requested, *ledger.Refusal, error) {
	r.WholeSends = new(true)
	a, err := d.Ledger.Decide(ctx, r, "", func(*events.Requested, *ledger.Refusal) (int, []byte) { return 0, nil })
	return a.Requested, a.Refusal, err
}

// Push returns what is known of a push as of the log's end, nil when nothing is.
func (d *Desk) Push(ctx context.Context, app, push string) (*projections.Push, error) {
	if _, err := d.state(ctx, app, push); err != nil {
		return nil, err
	}
	return d.Ledger.Push(app, push, d.Clock())
}

// state returns the decision state of a push as of the log's end.
func (d *Desk) state(ctx context.Context, app, push string) (projections.State, error) {
	p, err := d.Ledger.Of(ctx, app, push)
	if err != nil {
		return projections.State{}, err
	}
	if err := p.CatchUp(ctx); err != nil {
		return projections.State{}, err
	}
	return p.Views.State(app, push, events.Scope{})
}

// NewNumber makes a decimal id that grows with time, as the vendors' ids do:
// milliseconds and 20 random bits, 19 digits at most.
func (d *Desk) NewNumber() string {
	return strconv.FormatInt(d.Clock().UnixMilli()<<20|int64(d.Random()&(1<<20-1)), 10)
}
