package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// Settings are the parts of the stream's configuration an operator chooses.
type Settings struct {
	// Replicas is 1 embedded, 3 in a cluster.
	Replicas int
	// MaxAge is how long the log keeps events; it must exceed the longest
	// recall window. Default 30 days.
	MaxAge time.Duration
	// MaxBytes bounds the log on disk; appends beyond it are refused with
	// events.ErrFull. 0 means no bound of its own.
	MaxBytes int64
}

// StreamName returns the name of a partition's stream.
func StreamName(partition int) string {
	if partition == 0 {
		return "LEDGER"
	}
	return fmt.Sprintf("LEDGER-%d", partition)
}

func streamConfig(partition int, s Settings) js.StreamConfig {
	subjects, source, destination := events.StreamSubjects(partition)
	maxBytes := s.MaxBytes
	if maxBytes == 0 {
		maxBytes = -1
	}
	return js.StreamConfig{
		Name:        StreamName(partition),
		Description: "Recall Ledger: facts, decisions, commands and outcomes",
		Subjects:    subjects,
		Storage:     js.FileStorage,
		Retention:   js.LimitsPolicy,
		// A full log refuses; it never drops what was acknowledged.
		Discard:            js.DiscardNew,
		DenyDelete:         true,
		DenyPurge:          true,
		AllowAtomicPublish: true,
		Compression:        js.S2Compression,
		Replicas:           s.Replicas,
		MaxAge:             s.MaxAge,
		MaxBytes:           maxBytes,
		MaxMsgSize:         events.MaxEventBytes + 1024,
		// A direct get may be answered by a replica that lags; decisions need
		// what was appended before (L5).
		AllowDirect:      false,
		SubjectTransform: &js.SubjectTransformConfig{Source: source, Destination: destination},
	}
}

// DifferenceError is a stream that exists with other settings than the code's.
type DifferenceError struct {
	Stream      string
	Differences []string
}

func (e *DifferenceError) Error() string {
	return "stream " + e.Stream + " exists with other settings than this program needs:\n  " +
		strings.Join(e.Differences, "\n  ") +
		"\nNothing was changed. Use the settings the stream was made with, or point --data or --nats at another log."
}

// ensure creates the stream, or checks that the one there is the same.
func ensure(ctx context.Context, api js.JetStream, want js.StreamConfig) (js.Stream, error) {
	s, err := api.Stream(ctx, want.Name)
	if errors.Is(err, js.ErrStreamNotFound) {
		s, err = api.CreateStream(ctx, want)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", want.Name, err)
	}
	if d := differences(s.CachedInfo().Config, want); len(d) > 0 {
		return nil, &DifferenceError{Stream: want.Name, Differences: d}
	}
	return s, nil
}

func differences(have, want js.StreamConfig) []string {
	var d []string
	differ := func(name string, have, want any) {
		d = append(d, fmt.Sprintf("%s is %v, needed %v", name, have, want))
	}
	slices.Sort(have.Subjects)
	slices.Sort(want.Subjects)
	if !slices.Equal(have.Subjects, want.Subjects) {
		differ("subjects", have.Subjects, want.Subjects)
	}
	if h, w := transform(have), transform(want); h != w {
		differ("subject transform", h, w)
	}
	for _, f := range []struct {
		name       string
		have, want any
	}{
		{"storage", have.Storage, want.Storage},
		{"retention", have.Retention, want.Retention},
		{"discard", have.Discard, want.Discard},
		{"deny delete", have.DenyDelete, want.DenyDelete},
		{"deny purge", have.DenyPurge, want.DenyPurge},
		{"atomic batch publish", have.AllowAtomicPublish, want.AllowAtomicPublish},
		{"compression", have.Compression, want.Compression},
		{"replicas", have.Replicas, want.Replicas},
		{"max age", have.MaxAge, want.MaxAge},
		{"max bytes", have.MaxBytes, want.MaxBytes},
		{"max message size", have.MaxMsgSize, want.MaxMsgSize},
		{"allow direct", have.AllowDirect, want.AllowDirect},
		{"max messages", have.MaxMsgs, int64(-1)},
		{"max messages per subject", have.MaxMsgsPerSubject, int64(-1)},
		{"mirror", have.Mirror != nil, false},
		{"sources", len(have.Sources), 0},
		{"no acknowledgements", have.NoAck, false},
		{"message counters", have.AllowMsgCounter, false},
		{"sealed", have.Sealed, false},
		{"message schedules", have.AllowMsgSchedules, false},
		{"message TTL", have.AllowMsgTTL, false},
		{"rollup", have.AllowRollup, false},
		{"persist mode", have.PersistMode, js.DefaultPersistMode},
	} {
		if f.have != f.want {
			differ(f.name, f.have, f.want)
		}
	}
	return d
}

func transform(c js.StreamConfig) string {
	if c.SubjectTransform == nil {
		return "none"
	}
	return c.SubjectTransform.Source + " to " + c.SubjectTransform.Destination
}
