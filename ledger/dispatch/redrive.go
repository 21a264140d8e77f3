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
// after what refused them was put right. It returns how many devices that are.
func Redrive(ctx context.Context, l events.Log, p *projections.Projection, app, recallID string, now time.Time) (int, error) {
	if err := catchUp(ctx, l, p); err != nil {
		return 0, err
	}
	push, recall, err := p.RecallState(app, recallID)
	if err != nil || push == nil {
		return 0, err
	}
	if recall.State != ledger.Running {
		return 0, ErrNotRunning
	}
	view, err := p.Recall(app, recallID)
	if err != nil {
		return 0, err
	}
	refused := map[string][]string{}
	if _, err := p.EachRecalled(ctx, app, recallID, ledger.OutcomeRefused.String(), "", func(d projections.Device) error {
		refused[d.Channel] = append(refused[d.Channel], d.Device)
		return nil
	}); err != nil {
		return 0, err
	}
	total := 0
	for channel, devices := range refused {
		template := command(push, recall, channel)
		template.Redrive = true
		n, err := redriveChannel(ctx, l, p, app, view.Push, template, devices, now)
		total += n
		if err != nil {
			return total, fmt.Errorf("re-drive recall %s: %w", recallID, err)
		}
	}
	return total, nil
}

// redriveChannel issues the commands of one channel. Another writer on the
// subject is waited out; an unknown append is not repeated, since nothing in the
// fold tells a second one from the first.
func redriveChannel(ctx context.Context, l events.Log, p *projections.Projection, app, push string, template events.Command, devices []string, now time.Time) (int, error) {
	last := func() (events.Seq, error) { return p.LastCommand(app, push, template.Channel) }
	fence, err := last()
	if err != nil {
		return 0, err
	}
	subject := events.Subject(l.Partition(), app, events.CommandIssued, push, template.Channel)
	total := 0
	for races := 0; len(devices) > 0; {
		part, _ := fit(devices[:min(len(devices), perAppend)], nil)
		b := batch{partition: l.Partition(), app: app, push: push, now: now}
		if err := b.commands(template, part, false); err != nil {
			return total, err
		}
		b.records[0].Fenced, b.records[0].Expect = true, fence
		pos, err := l.Append(ctx, b.records)
		if races++; errors.Is(err, events.ErrConflict) && races < maxRaces {
			if fence, err = refence(ctx, l, p, subject, fence, err, last); err != nil {
				return total, err
			}
			continue
		}
		if err != nil {
			return total, err
		}
		races, fence = 0, pos.Seq
		total += len(part)
		devices = devices[len(part):]
	}
	return total, nil
}
