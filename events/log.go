package events

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The outcomes of an append other than stored (L1).
var (
	// ErrConflict means that an expected sequence did not hold and nothing of
	// the append was stored.
	ErrConflict = errors.New("the log moved on: an expected sequence did not hold")
	// ErrUnknown means that it is not known whether the append was stored. The
	// caller finds out by reading the log, or repeats an idempotent append.
	ErrUnknown = errors.New("it is unknown whether the log stored the append")
	// ErrOverloaded means that the log takes no more now and stored nothing;
	// try again later.
	ErrOverloaded = errors.New("the log takes no more at present")
	// ErrFull means that the log's size limit is reached; nothing was stored.
	ErrFull = errors.New("the log is full")
)

// Record is one message to append.
type Record struct {
	Subject string
	Data    []byte
	// Fenced asks that the last message of Subject is Expect (0: there is
	// none), or the whole append is refused with ErrConflict.
	Fenced bool
	Expect Seq
}

// Message is one stored message.
type Message struct {
	Position
	Subject string
	// Data must not be changed: decoded events alias it.
	Data []byte
	// Time is when the log stored it.
	Time time.Time
	// Last is true when nothing newer was known when the message was read.
	Last bool
}

// Info describes the log of one partition.
type Info struct {
	// Created identifies this log: a log that was made anew has another time.
	Created time.Time
	// First and Last are the sequences kept; both 0 when the log was never written.
	First, Last Seq
	// Bytes is the size on disk.
	Bytes uint64
}

// Range selects messages to read.
type Range struct {
	// From is the first sequence to read; 0 means the first kept.
	From Seq
	// To is the last sequence to read; 0 means the end as it is when Read starts.
	To Seq
	// Filter is a subject with wildcards; "" means all.
	Filter string
}

// Log is the log of one partition. Its methods may be called concurrently.
// events/logtest holds the contract every implementation passes.
type Log interface {
	// Partition returns the number of the partition.
	Partition() int
	// Append stores all records or none, contiguously and in order, and returns
	// the position of the last once they are durable. At most MaxBatch records.
	// Errors: ErrConflict, ErrUnknown, ErrOverloaded, ErrFull.
	Append(ctx context.Context, records []Record) (Position, error)
	// End returns the position of the newest message.
	End(ctx context.Context) (Position, error)
	// Info describes the log.
	Info(ctx context.Context) (Info, error)
	// Read calls handle for every message of the range in order and returns
	// when the range is done or handle fails.
	Read(ctx context.Context, r Range, handle func(Message) error) error
	// Follow calls handle for every message from a sequence on, waiting for new
	// ones, until ctx ends (then it returns ctx's error) or handle fails. It
	// fails on a gap instead of passing over it (L12).
	Follow(ctx context.Context, from Seq, handle func(Message) error) error
	// ReadSubject calls handle for every message of one literal subject, in
	// order, with what was appended before the call certainly included.
	ReadSubject(ctx context.Context, subject string, handle func(Message) error) error
}

// The limits of one append (L11). MaxBatchBytes is what the committer keeps to.
const (
	MaxBatch      = 1000
	MaxBatchBytes = 4 << 20
)

// CheckAppend reports records no log takes: none, too many, or one that no
// reader would decode. Every Log calls it first.
func CheckAppend(records []Record) error {
	if len(records) == 0 || len(records) > MaxBatch {
		return fmt.Errorf("append: %d records, the limit is 1 to %d", len(records), MaxBatch)
	}
	for i, r := range records {
		if len(r.Data) > MaxEventBytes {
			return fmt.Errorf("append: record %d is %d bytes long, the limit is %d", i, len(r.Data), MaxEventBytes)
		}
	}
	return nil
}
