package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
)

// recall takes back a push that every device holds.
type recall struct {
	b       *run
	dir     string
	ledger  *filled
	stop    context.CancelFunc
	workers sync.WaitGroup
	mu      sync.Mutex
	failed  error

	// attempts counts who carries out commands.
	attempts atomic.Int64
}

// obedient is a channel that obeys at once.
type obedient struct{}

func (obedient) Emit(_ context.Context, c channels.Command) (channels.Reply, error) {
	return channels.All(c, channels.Accepted, ""), nil
}

func openRecall(ctx context.Context, b *run, dir string) (subject, error) {
	f, err := b.ledger(ctx)
	if err != nil {
		return nil, err
	}
	r := &recall{b: b, dir: dir, ledger: f}
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	planner := dispatch.NewPlanner(dispatch.PlannerConfig{Log: f.log, Projection: f.projection, Clock: b.c.Clock})
	r.work(working, planner.Run)
	for _, channel := range []string{channelA, channelB} {
		w := dispatch.NewWorker(dispatch.WorkerConfig{
			Log: f.log, Queue: f.log, Projection: f.projection, Committer: f.committer, Clock: b.c.Clock,
			NewID: func() string { return "attempt" + strconv.FormatInt(r.attempts.Add(1), 10) }, Channel: channel, Emitter: obedient{},
		})
		r.work(working, w.Run)
	}
	return r, nil
}

// work runs a part until the measurement ends.
func (r *recall) work(ctx context.Context, part func(context.Context) error) {
	r.workers.Go(func() {
		err := part(ctx)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failed = errors.Join(r.failed, err)
	})
}

func (r *recall) close() error {
	r.stop()
	r.workers.Wait()
	return r.failed
}

func (r *recall) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	push, at := "wrong-"+strconv.Itoa(n), r.b.c.Clock()
	if err := r.ledger.create(ctx, push, at); err != nil {
		return nil, nil, err
	}
	calls := r.b.population.calls(push, 0, r.b.c.Devices, events.PushSent, events.DisplayShown)
	if err := r.ledger.publish(ctx, calls, at); err != nil {
		return nil, nil, err
	}
	answer, product, err := r.takeBack(ctx, push)
	if err != nil {
		return nil, nil, err
	}
	commands, outcomes, err := r.written(ctx, answer.Position.Seq)
	if err != nil {
		return nil, nil, err
	}
	// The ceiling comes second here: its bytes are what the product wrote.
	for i, records := range [][]events.Record{commands, append(commands, outcomes...)} {
		took, err := r.b.publishRaw(ctx, filepath.Join(r.dir, strconv.Itoa(i)), records)
		if err != nil {
			return nil, nil, err
		}
		ceiling = append(ceiling, took)
	}
	return ceiling, product, nil
}

// takeBack recalls a push and returns how long it took from asking to the last
// command and to the last outcome, in seconds.
func (r *recall) takeBack(ctx context.Context, push string) (answer decision.Answer, took []float64, err error) {
	p, want := r.ledger.projection, uint32(r.b.c.Devices)
	_, err = r.b.timed(func() error {
		start := r.b.c.Clock()
		request := ledger.Request{App: app, Push: push, Action: channels.Recall}
		answer, err = r.ledger.ledger.Decide(ctx, request, "", func(*events.Requested, *ledger.Refusal) (int, []byte) {
			return http.StatusAccepted, nil
		})
		if err != nil {
			return err
		}
		if answer.Requested == nil {
			return fmt.Errorf("the recall was refused: %s", answer.Refusal.Code)
		}
		for len(took) < 2 {
			moved := p.Moved()
			state, err := p.Recall(app, answer.Requested.Recall)
			if err != nil {
				return err
			}
			since := r.b.c.Clock().Sub(start).Seconds()
			if len(took) == 0 && state.Total.Planned == want && state.Total.Waiting == 0 {
				took = append(took, since)
			}
			if len(took) == 1 && state.Total.Accepted == want {
				took = append(took, since)
			}
			if len(took) == 2 {
				break
			}
			select {
			case <-moved:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	return answer, took, err
}

// written returns the commands and the outcomes on the log after a position.
func (r *recall) written(ctx context.Context, after events.Seq) (commands, outcomes []events.Record, err error) {
	err = r.ledger.log.Read(ctx, events.Range{From: after + 1}, func(m events.Message) error {
		e, err := events.Decode(m.Data)
		if err != nil {
			return err
		}
		// The log stores some subjects otherwise than they are published.
		to, channel := &outcomes, ""
		if c, ok := e.Data.(*events.Command); ok {
			to, channel = &commands, c.Channel
		}
		*to = append(*to, events.Record{Subject: events.Subject(0, e.App, e.Kind, e.Push, channel), Data: m.Data})
		return nil
	})
	return commands, outcomes, err
}
