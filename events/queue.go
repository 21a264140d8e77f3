package events

import (
	"context"
	"time"
)

// Delivery is a message handed to one worker, which must end it.
type Delivery interface {
	// Message is what was delivered.
	Message() Message
	// Attempt counts how often the message was delivered, from 1.
	Attempt() int
	// Ack ends the message for good. It is called after what came of it is on
	// the log.
	Ack(ctx context.Context) error
	// Retry asks to have the message again after a while.
	Retry(ctx context.Context, after time.Duration) error
}

// Queue delivers messages of a log to workers, at least once each, and
// remembers across restarts which ones were ended.
type Queue interface {
	// Consume runs handle in up to workers goroutines for the messages that
	// match filter, until ctx ends; then it returns nil once all handlers have
	// returned. name identifies the reader across restarts.
	Consume(ctx context.Context, name, filter string, workers int, handle func(context.Context, Delivery)) error
}
