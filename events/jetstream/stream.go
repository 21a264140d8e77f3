package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
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
	// Partitions is how many partitions the log has; default 1. Every stream says it.
	Partitions int
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
		Compression:        compression(s.Replicas),
		Replicas:           s.Replicas,
		MaxAge:             s.MaxAge,
		MaxBytes:           maxBytes,
		MaxMsgSize:         events.MaxEventBytes + 1024,
		// A direct get may be answered by a replica that lags; decisions need
		// what was appended before (L5).
		AllowDirect:      false,
		Metadata:         partitionsMetadata(s.Partitions),
		SubjectTransform: &js.SubjectTransformConfig{Source: source, Destination: destination},
	}
}

// compression is S2 where the stream has one replica. A replica that starts cuts
// its file back to the last snapshot of its group, and nats-server 2.15.2
// compresses that file at the same time, as one that is complete, and goes on to
// write behind it: none of it can be read again (filestore.go, Truncate and
// newMsgBlockForWrite, read 2026-11-20; 71 of 200 such cuts, none of 200 without
// compression). A file of a stream with one replica is never cut.
func compression(replicas int) js.StoreCompression {
	if replicas > 1 {
		return js.NoCompression
	}
	return js.S2Compression
}

// DifferenceError is a stream that exists with other settings than the code's.
type DifferenceError struct {
	Stream      string
	Differences []string
	// Replicas is how many the stream has when that is a difference, otherwise 0.
	Replicas int
}

func (e *DifferenceError) Error() string {
	text := "stream " + e.Stream + " exists with other settings than this program needs:\n  " +
		strings.Join(e.Differences, "\n  ") +
		"\nNothing was changed. Use the settings the stream was made with, or point --data or --nats at another log."
	if e.Replicas > 0 {
		text += fmt.Sprintf("\nThe number of replicas of a stream can be changed while it is in use: set nats.replicas to %d, or change the stream with the NATS CLI, nats stream edit %s --replicas N --compression none (s2 for one replica), and wait until all replicas are current.",
			e.Replicas, e.Stream)
	}
	return text
}

// ensure creates the stream, or checks that the one there is the same. A cluster
// that is forming, or has lost its leader, is waited for.
func ensure(ctx context.Context, api js.JetStream, want js.StreamConfig, c Config) (js.Stream, error) {
	bounded, cancel := context.WithTimeout(ctx, c.OpenTimeout)
	defer cancel()
	for {
		s, err := ensureOnce(bounded, api, want, c.MustExist)
		if err == nil {
			return s, check(s.CachedInfo().Config, want)
		}
		if answer := asAPI(err); answer != nil && !temporary(err) && !scarce(answer) || answer == nil && !temporary(err) {
			return nil, openError(want, err)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("open stream %s: %w", want.Name, ctx.Err())
		}
		if !pause(bounded, tryPause) {
			return nil, openError(want, fmt.Errorf("tried for %s: %w", c.OpenTimeout, err))
		}
	}
}

// ErrMissing is a log that was there and is not any more.
var ErrMissing = errors.New("the log is gone: its stream does not exist although it was used before; nothing was changed; check the server's disk and log, and restore the stream from a backup")

func ensureOnce(ctx context.Context, api js.JetStream, want js.StreamConfig, mustExist bool) (js.Stream, error) {
	once, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	s, err := api.Stream(once, want.Name)
	if !errors.Is(err, js.ErrStreamNotFound) {
		return s, err
	}
	if mustExist {
		return nil, ErrMissing
	}
	// All servers of the stream write before one answers.
	create, cancel := context.WithTimeout(ctx, 2*tryTimeout)
	defer cancel()
	s, err = api.CreateStream(create, want)
	if errors.Is(err, js.ErrStreamNameAlreadyInUse) {
		// Another node was faster, or this one did not hear the first answer.
		return api.Stream(ctx, want.Name)
	}
	return s, err
}

// openError adds what can be done to the server's few words.
func openError(want js.StreamConfig, err error) error {
	hint := ""
	switch api := asAPI(err); {
	case api != nil && api.ErrorCode == codeNotClustered:
		hint = "; this server is not a cluster: set nats.replicas to 1, or nats.url to the servers of one"
	case api != nil && scarce(api):
		hint = fmt.Sprintf("; the stream needs %d servers with JetStream and room on their disks: see that they run and know each other", want.Replicas)
	case api != nil && api.ErrorCode == codeUnavailable, errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		hint = "; the cluster has no leader: see that more than half of its servers run and reach each other, and that the user may use $JS.API.>"
	case errors.Is(err, js.ErrJetStreamNotEnabled), errors.Is(err, js.ErrJetStreamNotEnabledForAccount), errors.Is(err, nats.ErrNoResponders):
		hint = "; enable JetStream on the servers and for the user's account"
	}
	return fmt.Errorf("open stream %s: %w%s", want.Name, err, hint)
}

// codeNotClustered is a server's answer to more than one replica without a cluster.
const codeNotClustered = 10074

// checkPayload compares what a server takes with the largest message.
func checkPayload(have, need int64) error {
	if have >= need {
		return nil
	}
	return fmt.Errorf("the server takes messages of %d bytes and an event may have %d: set max_payload of the NATS servers to 2MB", have, need)
}

func check(have, want js.StreamConfig) error {
	if err := checkMark(have); err != nil {
		return err
	}
	d := differences(have, want)
	if len(d) == 0 {
		return nil
	}
	e := &DifferenceError{Stream: want.Name, Differences: d}
	if have.Replicas != want.Replicas {
		e.Replicas = have.Replicas
	}
	return e
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
		{"compression", have.Compression, compression(have.Replicas)},
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
		{"partitions", cmp.Or(have.Metadata[metaPartitions], "1"), cmp.Or(want.Metadata[metaPartitions], "1")},
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
