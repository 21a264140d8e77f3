package dispatch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/projections"
)

// ErrNotRunning is a recall that was completed or aborted.
var ErrNotRunning = errors.New("the recall does not run any more")

// Redrive issues the refused commands of a recall once more: its dead letters,
// after what refused them was put right. Those whose last re-drive has no outcome
// yet are left alone. It returns how many devices it commanded.
func Redrive(ctx context.Context, l events.Log, p *projections.Projection, app, recallID string, now time.Time) (int, error) {
	r := redrive{log: l, projection: p, app: app, recall: recallID, now: now}
	total := 0
	for range maxRaces {
		n, err := r.once(ctx)
		if total += n; err == nil || errors.Is(err, ErrNotRunning) {
			return total, err
		}
		if !errors.Is(err, events.ErrConflict) && !errors.Is(err, events.ErrUnknown) {
			return total, fmt.Errorf("re-drive recall %s: %w", recallID, err)
		}
		// Judged again, with what is now on the log: also a batch of which it
		// was unknown whether it was stored.
	}
	return total, fmt.Errorf("%w: the command subject moved on %d times", events.ErrOverloaded, maxRaces)
}

type redrive struct {
	log        events.Log
	projection *projections.Projection
	app        string
	recall     string
	now        time.Time
}

// once commands everybody refused, as of fences taken before it was judged who
// that is.
func (r *redrive) once(ctx context.Context) (int, error) {
	if err := catchUp(ctx, r.log, r.projection); err != nil {
		return 0, err
	}
	view, err := r.projection.Recall(r.app, r.recall)
	if err != nil || view == nil {
		return 0, err
	}
	if view.State != ledger.Running {
		return 0, ErrNotRunning
	}
	fences := map[string]events.Seq{}
	for _, c := range view.Channels {
		if c.Refused == 0 {
			continue
		}
		if fences[c.Channel], err = r.fence(ctx, view.Push, c.Channel); err != nil {
			return 0, err
		}
	}
	if len(fences) == 0 {
		return 0, nil
	}
	busy, err := r.underWay(ctx, view)
	if err != nil {
		return 0, err
	}
	refused := map[string][]string{}
	if _, err := r.projection.EachRecalled(ctx, r.app, r.recall, ledger.OutcomeRefused.String(), "", func(d projections.Device) error {
		if busy[target{d.Channel, d.Device}] == 0 {
			refused[d.Channel] = append(refused[d.Channel], d.Device)
		}
		return nil
	}); err != nil {
		return 0, err
	}
	total := 0
	for channel, fence := range fences {
		n, err := r.issue(ctx, view.Push, channel, refused[channel], fence)
		if total += n; err != nil {
			return total, err
		}
	}
	return total, nil
}

// fence reads the newest sequence on a command subject and waits until the
// projection has it.
func (r *redrive) fence(ctx context.Context, push, channel string) (events.Seq, error) {
	var last events.Seq
	subject := events.Subject(r.log.Partition(), r.app, events.CommandIssued, push, channel)
	if err := r.log.ReadSubject(ctx, subject, func(m events.Message) error {
		last = m.Seq
		return nil
	}); err != nil {
		return 0, err
	}
	return last, r.projection.Wait(ctx, last)
}

// target is a device on a channel.
type target struct{ channel, device string }

// underWay reads from the log who was re-driven and has no outcome of that yet:
// the fold shows them as refused until then.
func (r *redrive) underWay(ctx context.Context, view *projections.Recall) (map[target]events.Seq, error) {
	busy := map[target]events.Seq{}
	from := view.Position.Seq
	read := func(filter string, handle func(*events.Event, events.Seq)) error {
		return r.log.Read(ctx, events.Range{From: from, Filter: filter}, func(m events.Message) error {
			// What does not decode the fold quarantined.
			if e, err := events.Decode(m.Data); err == nil && e.App == r.app && e.Push == view.Push {
				handle(e, m.Seq)
			}
			return nil
		})
	}
	first := events.Seq(0)
	err := read(events.PushCommandFilter(r.log.Partition(), r.app, view.Push), func(e *events.Event, seq events.Seq) {
		c, ok := e.Data.(*events.Command)
		if !ok || c.Recall != r.recall || !c.Redrive {
			return
		}
		if first == 0 {
			first = seq
		}
		for _, d := range c.Devices {
			busy[target{c.Channel, d}] = seq
		}
	})
	if err != nil || first == 0 {
		return nil, err
	}
	from = first
	err = read(events.PushFactFilter(r.log.Partition(), r.app, view.Push), func(e *events.Event, _ events.Seq) {
		o, ok := e.Data.(*events.Outcome)
		if !ok || o.Recall != r.recall {
			return
		}
		for _, d := range o.Devices {
			if busy[target{o.Channel, d}] == o.Command {
				delete(busy, target{o.Channel, d})
			}
		}
	})
	return busy, err
}

// issue commands the devices of one channel.
func (r *redrive) issue(ctx context.Context, push, channel string, devices []string, fence events.Seq) (int, error) {
	state, recall, err := r.projection.RecallState(r.app, r.recall)
	if err != nil || state == nil {
		return 0, err
	}
	total := 0
	for len(devices) > 0 {
		part := devices[:min(len(devices), perAppend)]
		b := batch{partition: r.log.Partition(), app: r.app, push: push, now: r.now, trace: recall.Trace}
		n, err := b.add(r.projection, state, recall, channel, part, mode{redrive: true})
		if err != nil {
			return total, err
		}
		b.records[0].Fenced, b.records[0].Expect = true, fence
		pos, err := r.log.Append(ctx, append(b.records, b.tail...))
		if err != nil {
			return total, err
		}
		fence = pos.Seq - events.Seq(len(b.tail))
		total += n
		devices = devices[n:]
	}
	return total, nil
}
