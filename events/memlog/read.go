package memlog

import (
	"context"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events"
)

// End implements events.Log.
func (l *Log) End(ctx context.Context) (events.Position, error) {
	i, err := l.Info(ctx)
	return events.Position{Partition: l.c.Partition, Seq: i.Last}, err
}

// Info implements events.Log.
func (l *Log) Info(ctx context.Context) (events.Info, error) {
	if err := ctx.Err(); err != nil {
		return events.Info{}, fmt.Errorf("read the state of the log: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	i := events.Info{Created: l.created, Last: l.end, Bytes: l.bytes}
	if l.end > 0 {
		i.First = l.first
	}
	return i, nil
}

// Read implements events.Log.
func (l *Log) Read(ctx context.Context, r events.Range, handle func(events.Message) error) error {
	messages, _ := l.from(r.From)
	for _, m := range messages {
		if r.To != 0 && m.Seq > r.To {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.Filter != "" && !events.MatchSubject(r.Filter, m.Subject) {
			continue
		}
		if err := handle(m); err != nil {
			return err
		}
	}
	return nil
}

// Follow implements events.Log.
func (l *Log) Follow(ctx context.Context, from events.Seq, handle func(events.Message) error) error {
	next := max(from, 1)
	for {
		messages, grown := l.from(next)
		for i, m := range messages {
			if err := ctx.Err(); err != nil {
				return err
			}
			if m.Seq != next {
				return fmt.Errorf("the log has a gap: expected sequence %d, found %d", next, m.Seq)
			}
			next++
			m.Last = i == len(messages)-1
			if err := handle(m); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-grown:
		}
	}
}

// ReadSubject implements events.Log.
func (l *Log) ReadSubject(ctx context.Context, subject string, handle func(events.Message) error) error {
	return l.Read(ctx, events.Range{Filter: subject}, handle)
}

// from returns the messages from a sequence on, and what is closed when there
// are more. Stored messages never change, so the view needs no lock.
func (l *Log) from(seq events.Seq) (messages []events.Message, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seq > l.end {
		return nil, l.grown
	}
	skip := 0
	if seq > l.first {
		skip = int(seq - l.first)
	}
	return l.messages[skip:len(l.messages):len(l.messages)], l.grown
}

// Messages returns all messages kept.
func (l *Log) Messages() []events.Message {
	messages, _ := l.from(0)
	return messages
}
