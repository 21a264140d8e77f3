package memlog

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures a Log. Its zero value is a log of partition 0 without faults.
type Config struct {
	Partition int
	// Now gives the time messages are stored with. Absent, time starts with
	// 2026 and moves on a millisecond with every append.
	Now func() time.Time
	// Fault is called for every append before it is stored and says what goes
	// wrong with it. It may be called concurrently and may block.
	Fault func(records []events.Record) Fault
	// MaxBytes is the size beyond which appends are refused with
	// events.ErrFull. 0 means no limit.
	MaxBytes uint64
}

// Fault is what goes wrong with an append. The zero Fault is nothing.
type Fault struct {
	// Err is returned for the append: events.ErrUnknown, events.ErrOverloaded.
	Err error
	// Stored says that the append is nevertheless stored, where it is not in
	// conflict. It belongs to events.ErrUnknown.
	Stored bool
}

// Log is a log in memory. It implements events.Log.
type Log struct {
	c       Config
	created time.Time

	mu       sync.Mutex
	messages []events.Message
	// last holds the last sequence of every stored subject.
	last map[string]events.Seq
	// first is the first sequence kept, end the last one given out.
	first, end events.Seq
	bytes      uint64
	clock      time.Time
	// grown is closed and replaced by every append.
	grown chan struct{}
}

// New returns an empty log.
func New(c Config) *Log {
	if c.Now == nil {
		c.Now = ticker()
	}
	return &Log{c: c, created: c.Now(), last: map[string]events.Seq{}, first: 1, grown: make(chan struct{})}
}

func ticker() func() time.Time {
	var mu sync.Mutex
	t := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		t = t.Add(time.Millisecond)
		return t
	}
}

// Partition implements events.Log.
func (l *Log) Partition() int { return l.c.Partition }

// Append implements events.Log.
func (l *Log) Append(ctx context.Context, records []events.Record) (events.Position, error) {
	if err := events.CheckAppend(records); err != nil {
		return events.Position{}, err
	}
	subjects := make([]string, len(records))
	for i, r := range records {
		s, ok := stored(r.Subject, l.c.Partition)
		if !ok {
			return events.Position{}, fmt.Errorf("append: the stream takes no subject %q", r.Subject)
		}
		subjects[i] = s
	}
	var fault Fault
	if l.c.Fault != nil {
		fault = l.c.Fault(records)
	}
	if err := ctx.Err(); err != nil {
		return events.Position{}, fmt.Errorf("%w: %w", events.ErrUnknown, err)
	}
	if fault.Err != nil && !fault.Stored {
		return events.Position{}, fault.Err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.check(records, subjects)
	if err == nil {
		l.store(records, subjects)
	}
	if fault.Err != nil {
		return events.Position{}, fault.Err
	}
	if err != nil {
		return events.Position{}, err
	}
	return events.Position{Partition: l.c.Partition, Seq: l.end}, nil
}

func (l *Log) check(records []events.Record, subjects []string) error {
	size := l.bytes
	for i, r := range records {
		size += sizeOf(subjects[i], r.Data)
		if !r.Fenced {
			continue
		}
		// The server refuses to compare with what the same batch writes.
		if slices.Contains(subjects[:i], subjects[i]) {
			return fmt.Errorf("%w: an earlier record of the append has the subject %s", events.ErrConflict, subjects[i])
		}
		if last := l.last[subjects[i]]; last != r.Expect {
			return fmt.Errorf("%w: expected sequence %d of %s, found %d", events.ErrConflict, r.Expect, subjects[i], last)
		}
	}
	if l.c.MaxBytes > 0 && size > l.c.MaxBytes {
		return fmt.Errorf("%w: the limit is %d bytes", events.ErrFull, l.c.MaxBytes)
	}
	return nil
}

func (l *Log) store(records []events.Record, subjects []string) {
	// A clock set back must not make stored times fall.
	if t := l.c.Now().UTC(); t.After(l.clock) {
		l.clock = t
	}
	for i, r := range records {
		l.end++
		l.last[subjects[i]] = l.end
		l.bytes += sizeOf(subjects[i], r.Data)
		l.messages = append(l.messages, events.Message{
			Position: events.Position{Partition: l.c.Partition, Seq: l.end},
			Subject:  subjects[i],
			Data:     slices.Clone(r.Data),
			Time:     l.clock,
		})
	}
	close(l.grown)
	l.grown = make(chan struct{})
}

func sizeOf(subject string, data []byte) uint64 { return uint64(len(subject) + len(data)) }

// Expire drops the messages before a sequence, as the age limit of the stream
// does.
func (l *Log) Expire(before events.Seq) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.messages) > 0 && l.messages[0].Seq < before {
		m := l.messages[0]
		l.bytes -= sizeOf(m.Subject, m.Data)
		if l.last[m.Subject] == m.Seq {
			delete(l.last, m.Subject)
		}
		l.messages = l.messages[1:]
		l.first = m.Seq + 1
	}
}
