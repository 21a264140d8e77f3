package remote

import (
	"context"
	"encoding/json"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

const (
	// pollPause keeps polls apart while the fold moves all the time, and
	// failPause while nobody answers them.
	pollPause = 10 * time.Millisecond
	failPause = time.Second
)

// Moved implements partition.Views. All who wait share one channel and one poll;
// when none does, the poll ends with Config.Idle at the latest.
func (c *Client) Moved() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved == nil {
		// An answer seen from now on that is newer than this closes it. So it
		// does when that was folded before: who waits looks once more.
		c.moved, c.base = make(chan struct{}), c.seen
	}
	c.wake()
	return c.moved
}

// Folded returns how far the partition is folded, as far as is known: the figure
// is brought up to date behind the call, and is old after a time without any.
func (c *Client) Folded() events.Seq {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = true
	c.wake()
	return c.seen
}

func (c *Client) wake() {
	select {
	case c.wanted <- struct{}{}:
	default:
	}
}

// Run polls for those who wait, until ctx ends (nil).
func (c *Client) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			c.release()
			return nil
		case <-c.wanted:
			c.poll(ctx)
		}
	}
}

// release lets everybody go who waits.
func (c *Client) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved != nil {
		close(c.moved)
		c.moved = nil
	}
}

// poll asks how far the fold is for as long as somebody wants to know.
func (c *Client) poll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.c.Idle)
	defer cancel()
	for {
		c.mu.Lock()
		wanted, after := c.asked, c.seen
		if c.moved != nil {
			wanted, after = true, c.base
		}
		c.asked = false
		c.mu.Unlock()
		if !wanted {
			return
		}
		wait := pollPause
		if seq, err := c.next(ctx, after); err == nil {
			c.note(seq)
		} else {
			wait = failPause
		}
		if !pause(ctx, wait) {
			c.release()
			return
		}
	}
}

// next returns how far the fold of some node is, once it is beyond a sequence or
// a while has passed.
func (c *Client) next(ctx context.Context, after events.Seq) (events.Seq, error) {
	q := question{After: after, Wait: maxPoll.Milliseconds()}
	a, err := c.request(ctx, queryGroup(c.c.Partition)+".moved", q, true)
	if err != nil {
		return 0, err
	}
	var seq events.Seq
	return seq, json.Unmarshal(a.Result, &seq)
}
