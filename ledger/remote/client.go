package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
)

// Config configures a Client.
type Config struct {
	Conn      *jetstream.Conn
	Partition int
	// Timeout bounds a question whose caller gives no context, and every part of
	// a list. Default 10 seconds.
	Timeout time.Duration
	// Try bounds one request, beside what the other side may wait. A node that
	// hangs costs that much. Default 3 seconds.
	Try time.Duration
	// Wait is how long a node that is behind may wait before it says so and
	// another is asked, at most 2 seconds. Default one second.
	Wait time.Duration
	// Absent is for how long it is tried while nobody serves the partition: a
	// node that restarts is soon back. Default one second.
	Absent time.Duration
	// Idle is for how long a Moved channel is polled for before it is closed
	// without a move. Default 30 seconds.
	Idle time.Duration
}

const (
	// absentPause is the pause while nobody serves the partition.
	absentPause = 50 * time.Millisecond
	// againPause is the pause before another node is asked.
	againPause = 5 * time.Millisecond
)

// Client asks for what is known of a partition elsewhere. It implements
// partition.Views; Run must run for Moved and Folded.
type Client struct {
	c Config

	mu sync.Mutex
	// seen is the highest sequence that was waited for or that an answer had:
	// every later answer is at least as new.
	seen events.Seq
	// moved is closed when seen passes base; nil when nobody waits.
	moved chan struct{}
	base  events.Seq
	// asked is true when Folded was asked since the last poll.
	asked bool
	// wanted wakes Run.
	wanted chan struct{}
}

var _ partition.Views = (*Client)(nil)

// NewClient returns a client.
func NewClient(c Config) *Client {
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.Try = cmp.Or(c.Try, 3*time.Second)
	c.Wait = cmp.Or(c.Wait, time.Second)
	c.Absent = cmp.Or(c.Absent, time.Second)
	c.Idle = cmp.Or(c.Idle, 30*time.Second)
	return &Client{c: c, wanted: make(chan struct{}, 1)}
}

func (c *Client) floor() events.Seq {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen
}

// note raises the floor.
func (c *Client) note(seq events.Seq) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = max(c.seen, seq)
	if c.moved != nil && c.seen > c.base {
		close(c.moved)
		c.moved = nil
	}
}

// ask asks a question whose caller gives no context.
func ask[T any](c *Client, method string, q question) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.c.Timeout)
	defer cancel()
	v, _, err := askIn[T](ctx, c, method, q)
	return v, err
}

// askIn asks a question until ctx ends, and returns who answered.
func askIn[T any](ctx context.Context, c *Client, method string, q question) (v T, node string, err error) {
	q.At = max(q.At, c.floor())
	a, err := c.request(ctx, queryGroup(c.c.Partition)+"."+method, q, true)
	if err != nil {
		return v, "", err
	}
	c.note(max(a.Applied, q.At))
	if err := json.Unmarshal(a.Result, &v); err != nil {
		return v, "", c.wrap(fmt.Errorf("the answer to %s: %w", method, err))
	}
	return v, a.Node, nil
}

func (c *Client) wrap(err error) error {
	return fmt.Errorf("partition %d: %w", c.c.Partition, err)
}

// request asks until somebody answers or ctx ends. What must not be carried out
// twice is asked again only if it was certainly not carried out.
func (c *Client) request(ctx context.Context, subject string, q question, repeatable bool) (*answer, error) {
	absent := c.c.Absent / absentPause
	var said error // by the last node that answered at all
	for {
		a, err := c.try(ctx, subject, q)
		refusal, refused := errors.AsType[*jetstream.CallError](err)
		wait := againPause
		switch {
		case err == nil:
			return a, nil
		case refused && !again(refusal.Code):
			return nil, c.wrap(decode(refusal))
		case refused:
			said = refusal
		case errors.Is(err, jetstream.ErrNobody):
			if wait = absentPause; absent <= 0 {
				return nil, c.wrap(fmt.Errorf("%w (%s)", partition.ErrUnserved, subject))
			}
			absent--
		case errors.Is(err, jetstream.ErrCallClosed):
			return nil, c.wrap(fmt.Errorf("%w (%w)", events.ErrClosed, err))
		case !repeatable:
			return nil, c.wrap(fmt.Errorf("%w (%w)", events.ErrUnknown, err))
		case !errors.Is(err, jetstream.ErrCallTime) && ctx.Err() == nil:
			return nil, c.wrap(err)
		}
		if !pause(ctx, wait) {
			return nil, c.wrap(fmt.Errorf("%w (%w)", ctx.Err(), cmp.Or(said, err)))
		}
	}
}

// try makes one request.
func (c *Client) try(ctx context.Context, subject string, q question) (*answer, error) {
	q.Wire = wire
	if q.Wait == 0 {
		q.Wait = c.c.Wait.Milliseconds()
	}
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.c.Try+time.Duration(q.Wait)*time.Millisecond)
	defer cancel()
	b, err := jetstream.Call(ctx, c.c.Conn, subject, body)
	if err != nil {
		return nil, err
	}
	var a answer
	if err := json.Unmarshal(b, &a); err != nil {
		return nil, fmt.Errorf("the answer to %s: %w", subject, err)
	}
	return &a, nil
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Applied returns what every answer from now on is at least as new as. It asks
// nobody; the partition may well be further.
func (c *Client) Applied() events.Position {
	return events.Position{Partition: c.c.Partition, Seq: c.floor()}
}

// Wait implements decision.Views. It asks until ctx ends.
func (c *Client) Wait(ctx context.Context, seq events.Seq) error {
	if seq <= c.floor() {
		return nil // whoever answers next waits for it
	}
	if _, _, err := askIn[struct{}](ctx, c, "wait", question{At: seq}); err != nil {
		return fmt.Errorf("wait for position %d: %w", seq, err)
	}
	return nil
}

// Redrive issues the refused commands of a recall once more, as dispatch.Redrive.
// Without an answer it is events.ErrUnknown.
func (c *Client) Redrive(ctx context.Context, app, recall string, now time.Time) (int, error) {
	// Longer than the other side may take.
	ctx, cancel := context.WithTimeout(ctx, redriveTimeout+2*c.c.Try)
	defer cancel()
	q := question{At: c.floor(), App: app, Recall: recall, Now: now}
	a, err := c.request(ctx, commandGroup(c.c.Partition)+".redrive", q, false)
	if err != nil {
		return 0, err
	}
	c.note(a.Applied)
	var n int
	if err := json.Unmarshal(a.Result, &n); err != nil {
		return 0, c.wrap(fmt.Errorf("the answer to redrive: %w", err))
	}
	return n, nil
}
