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

// sweep closes the recalls whose window is over: what is still open then ends
// as expired (L8).
func (p *Planner) sweep(ctx context.Context) error {
	now := p.c.Clock()
	over, err := p.over(now)
	if err != nil || len(over) == 0 {
		return err
	}
	// A fact that the log took before the deadline is owed a command, also when
	// the projection did not know it just now.
	if err := catchUp(ctx, p.c.Log, p.c.Projection); err != nil {
		return err
	}
	if over, err = p.over(now); err != nil {
		return err
	}
	var errs []error
	for _, w := range over {
		if len(w.Due) > 0 || w.Open > 0 && now.Sub(w.Deadline) < p.c.Grace {
			continue
		}
		if err := p.close(ctx, w, now); err != nil {
			errs = append(errs, fmt.Errorf("close recall %s: %w", w.Recall, err))
			if ctx.Err() != nil || logFailed(err) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// over lists the running recalls past their deadline.
func (p *Planner) over(now time.Time) ([]projections.Work, error) {
	open, err := p.c.Projection.Open()
	if err != nil {
		return nil, err
	}
	var list []projections.Work
	for _, w := range open {
		if !now.Before(w.Deadline) {
			list = append(list, w)
		}
	}
	return list, nil
}

func (p *Planner) close(ctx context.Context, w projections.Work, now time.Time) error {
	if w.Open > 0 {
		if err := p.expire(ctx, w, now); err != nil {
			return err
		}
	}
	r, err := record(p.c.Log.Partition(), w.App, w.Push, now, events.RecallCompleted, &events.Closed{Recall: w.Recall})
	if err != nil {
		return err
	}
	decision := func() (events.Seq, error) {
		push, _, err := p.c.Projection.RecallState(w.App, w.Recall)
		if err != nil || push == nil {
			return 0, err
		}
		return push.Decision, nil
	}
	r.Fenced = true
	if r.Expect, err = decision(); err != nil {
		return err
	}
	for range maxRaces {
		_, recall, err := p.c.Projection.RecallState(w.App, w.Recall)
		if err != nil || recall == nil || recall.State != ledger.Running {
			return err
		}
		pos, err := p.c.Log.Append(ctx, []events.Record{r})
		if err == nil {
			return p.c.Projection.Wait(ctx, pos.Seq)
		}
		if !errors.Is(err, events.ErrConflict) && !errors.Is(err, events.ErrUnknown) {
			return err
		}
		if r.Expect, err = refence(ctx, p.c.Log, p.c.Projection, r.Subject, r.Expect, err, decision); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the decision subject moved on %d times", events.ErrOverloaded, maxRaces)
}

// expire ends every command that has no outcome.
func (p *Planner) expire(ctx context.Context, w projections.Work, now time.Time) error {
	var records []events.Record
	group := map[string][]string{}
	flush := func(channel string) error {
		o := &events.Outcome{Recall: w.Recall, Channel: channel, Devices: group[channel], Reason: "window-closed"}
		r, err := record(p.c.Log.Partition(), w.App, w.Push, now, events.OutcomeExpired, o)
		group[channel] = nil
		records = append(records, r)
		return err
	}
	_, err := p.c.Projection.EachRecalled(ctx, w.App, w.Recall, ledger.Pending.String(), "", func(d projections.Device) error {
		group[d.Channel] = append(group[d.Channel], d.Device)
		if len(group[d.Channel]) == events.MaxCommandDevices {
			return flush(d.Channel)
		}
		return nil
	})
	for channel, devices := range group {
		if len(devices) > 0 && err == nil {
			err = flush(channel)
		}
	}
	if err != nil {
		return err
	}
	for len(records) > 0 {
		n, size := 0, 0
		for n < min(len(records), events.MaxBatch) && (n == 0 || size+len(records[n].Data) <= events.MaxBatchBytes) {
			size += len(records[n].Data)
			n++
		}
		pos, err := p.c.Log.Append(ctx, records[:n])
		if err != nil {
			return fmt.Errorf("append expired outcomes: %w", err)
		}
		if err := p.c.Projection.Wait(ctx, pos.Seq); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}
