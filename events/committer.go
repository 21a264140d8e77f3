package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// CommitterConfig configures a Committer.
type CommitterConfig struct {
	Log Log
	// Queue is how many records may wait; more are refused with ErrOverloaded.
	// Default 20,000.
	Queue int
	// QueueBytes is how many bytes may wait. Default 64 MiB.
	QueueBytes int
	// Lanes is how many batches may be under way at once. Default 2.
	Lanes int
	// Folded returns what a projection has folded and Clock the time; with both
	// Offer refuses while more is not folded than would be in Lag, at the rate at
	// which it was folded lately, so that readers who must see it, recalls above
	// all, never wait long. LagRecords are always let through, since the rate is
	// not known before there is something to fold. Defaults half a second and 200.
	Folded     func() Seq
	Clock      func() time.Time
	Lag        time.Duration
	LagRecords Seq
	// Retries is how often an unknown append is repeated. Default 3. Only
	// idempotent records may be given to a committer.
	Retries int
}

// Committer groups the records of many writers into batches, because one fsync
// per batch is what durability costs (L1). There is no waiting for a batch to
// fill: while one is under way the next gathers, so a lone writer pays one
// append and a crowd fills batches.
//
// Records given to a committer must be idempotent and unfenced: a batch whose
// result is unknown is appended again.
type Committer struct {
	c CommitterConfig

	mu    sync.Mutex
	queue []*commit
	count int
	bytes int
	shut  bool
	// last is the sequence of the newest record stored here, and pace how fast
	// records are folded.
	last Seq
	pace pace
	wake chan struct{}
	idle sync.WaitGroup
}

type commit struct {
	records []Record
	// after is the part of the same call that must be stored before this one.
	after *commit
	bytes int
	done  chan struct{}
	pos   Position
	err   error
}

// NewCommitter returns a committer; Run makes it work.
func NewCommitter(c CommitterConfig) *Committer {
	if c.Queue == 0 {
		c.Queue = 20_000
	}
	if c.QueueBytes == 0 {
		c.QueueBytes = 64 << 20
	}
	if c.Lanes == 0 {
		c.Lanes = 2
	}
	if c.Lag == 0 {
		c.Lag = 500 * time.Millisecond
	}
	if c.LagRecords == 0 {
		c.LagRecords = 200
	}
	if c.Retries == 0 {
		c.Retries = 3
	}
	return &Committer{c: c, wake: make(chan struct{}, c.Lanes)}
}

// ErrClosed is returned for writes after the committer stopped.
var ErrClosed = errors.New("the writer is closed")

// Commit appends records and returns the position of the last one once it is
// durable. It may be called concurrently; the records of one call stay in order
// but need not be stored together: after an error the first of them may be
// stored, so the caller repeats the whole call. Errors: ErrOverloaded, ErrClosed,
// ErrUnknown also when ctx ends first, and those of Log.Append.
func (c *Committer) Commit(ctx context.Context, records []Record) (Position, error) {
	if len(records) == 0 {
		return Position{}, nil
	}
	var waits []*commit
	var last *commit
	for rest := records; len(rest) > 0; {
		n, size := cut(rest)
		last = &commit{records: rest[:n], after: last, bytes: size, done: make(chan struct{})}
		rest = rest[n:]
		waits = append(waits, last)
	}
	if err := c.enqueue(waits); err != nil {
		return Position{}, err
	}
	var pos Position
	for _, w := range waits {
		select {
		case <-w.done:
		case <-ctx.Done():
			return pos, fmt.Errorf("%w: %w", ErrUnknown, ctx.Err())
		}
		if w.err != nil {
			return pos, w.err
		}
		pos = w.pos
	}
	return pos, nil
}

// Offer is Commit for writers who can come again later: services that publish. It
// refuses with ErrOverloaded as well while too much of what is stored is not
// folded, where Commit, which records what came of commands, goes on (L11).
func (c *Committer) Offer(ctx context.Context, records []Record) (Position, error) {
	if err := c.Behind(); err != nil {
		return Position{}, err
	}
	return c.Commit(ctx, records)
}

// Behind is why Offer would refuse now, nil when it would not: ask it before the
// work of reading what is offered.
func (c *Committer) Behind() error {
	if c.c.Folded == nil || c.c.Clock == nil {
		return nil
	}
	folded, now := c.c.Folded(), c.c.Clock()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pace.see(folded, now)
	lag := Seq(c.count)
	if c.last > folded {
		lag += c.last - folded
	}
	limit := max(c.c.LagRecords, Seq(c.pace.perSecond*c.c.Lag.Seconds()))
	if lag <= limit {
		return nil
	}
	return fmt.Errorf("%w: %d events are not folded yet, and no more than %d are in %s", ErrOverloaded, lag, limit, c.c.Lag)
}

// pace measures how fast records are folded.
type pace struct {
	at        time.Time
	folded    Seq
	perSecond float64
}

const (
	// paceEvery is over how long a rate is measured.
	paceEvery = 100 * time.Millisecond
	// paceKept is how much of a rate is kept when the next one is lower: a fold
	// with nothing to do is not slow.
	paceKept = 0.9
)

func (p *pace) see(folded Seq, now time.Time) {
	d := now.Sub(p.at)
	if d < paceEvery {
		return
	}
	if !p.at.IsZero() && folded >= p.folded {
		p.perSecond = max(float64(folded-p.folded)/d.Seconds(), paceKept*p.perSecond)
	}
	p.at, p.folded = now, folded
}

// cut returns how many leading records fit one batch, and their bytes.
func cut(records []Record) (n, size int) {
	for n < len(records) && n < MaxBatch {
		s := len(records[n].Data) + len(records[n].Subject)
		if n > 0 && size+s > MaxBatchBytes {
			break
		}
		size += s
		n++
	}
	return n, size
}

func (c *Committer) enqueue(waits []*commit) error {
	count, bytes := 0, 0
	for _, w := range waits {
		count += len(w.records)
		bytes += w.bytes
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shut {
		return ErrClosed
	}
	// A call larger than the whole queue still passes when nothing waits.
	if c.count > 0 && (c.count+count > c.c.Queue || c.bytes+bytes > c.c.QueueBytes) {
		return fmt.Errorf("%w: %d records of %d bytes wait to be written, the limits are %d and %d",
			ErrOverloaded, c.count, c.bytes, c.c.Queue, c.c.QueueBytes)
	}
	c.queue = append(c.queue, waits...)
	c.count += count
	c.bytes += bytes
	c.signal()
	return nil
}

func (c *Committer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// Waiting returns how many records wait to be written.
func (c *Committer) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// take removes the next batch from the queue. The parts of one large call are
// taken one after the other, since two lanes may finish in any order; meanwhile
// other writers pass.
func (c *Committer) take() (batch []*commit, records []Record) {
	c.mu.Lock()
	defer c.mu.Unlock()
	size, next := 0, 0
	var held []*commit
	for ; next < len(c.queue); next++ {
		w := c.queue[next]
		switch w.turn() {
		case turnLater:
			held = append(held, w)
			continue
		case turnNever:
			w.err = w.after.err
			close(w.done)
			c.count -= len(w.records)
			c.bytes -= w.bytes
			continue
		}
		if len(batch) > 0 && (len(records)+len(w.records) > MaxBatch || size+w.bytes > MaxBatchBytes) {
			break
		}
		batch = append(batch, w)
		records = append(records, w.records...)
		size += w.bytes
	}
	c.queue = c.queue[next:]
	if len(held) > 0 {
		c.queue = append(held, c.queue...)
	}
	c.count -= len(records)
	c.bytes -= size
	if len(batch) > 0 && len(c.queue) > 0 {
		c.signal()
	}
	return batch, records
}

type turn uint8

const (
	turnNow turn = iota
	turnLater
	// turnNever is that of a part after one that failed.
	turnNever
)

func (w *commit) turn() turn {
	if w.after == nil {
		return turnNow
	}
	select {
	case <-w.after.done:
		if w.after.err != nil {
			return turnNever
		}
		return turnNow
	default:
		return turnLater
	}
}

// Run writes batches until ctx ends; then it writes what is still queued,
// refuses new writes and returns nil.
func (c *Committer) Run(ctx context.Context) error {
	for range c.c.Lanes {
		c.idle.Go(func() { c.lane(ctx) })
	}
	c.idle.Wait()
	c.mu.Lock()
	c.shut = true
	c.mu.Unlock()
	c.drain(context.WithoutCancel(ctx))
	return nil
}

func (c *Committer) lane(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		for {
			batch, records := c.take()
			if len(batch) == 0 {
				break
			}
			// What was taken is written even when ctx ends meanwhile: its
			// writers wait for an answer, and unknown is the worst one.
			c.write(context.WithoutCancel(ctx), batch, records)
		}
	}
}

func (c *Committer) drain(ctx context.Context) {
	for {
		batch, records := c.take()
		if len(batch) == 0 {
			return
		}
		c.write(ctx, batch, records)
	}
}

func (c *Committer) write(ctx context.Context, batch []*commit, records []Record) {
	pos, err := c.c.Log.Append(ctx, records)
	for try := 0; errors.Is(err, ErrUnknown) && try < c.c.Retries; try++ {
		pos, err = c.c.Log.Append(ctx, records)
	}
	if err == nil {
		c.mu.Lock()
		c.last = max(c.last, pos.Seq)
		c.mu.Unlock()
	}
	// Records of one append are contiguous, so each writer's position follows.
	left := len(records)
	for _, w := range batch {
		left -= len(w.records)
		w.pos, w.err = pos, err
		if err == nil {
			w.pos.Seq -= Seq(left)
		}
		close(w.done)
	}
}
