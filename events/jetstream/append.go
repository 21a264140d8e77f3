package jetstream

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// Append implements events.Log. One record is a plain publish, several are an
// atomic batch: the server fsyncs either before it answers, in a cluster on a
// majority.
//
// While it is certain that nothing was stored because nobody took the append, no
// leader or no connection, it is offered again, until Config.Timeout; then it is
// events.ErrOverloaded. An append that was sent and not answered is
// events.ErrUnknown, at once when the connection is lost.
func (l *Log) Append(ctx context.Context, records []events.Record) (events.Position, error) {
	if err := events.CheckAppend(records); err != nil {
		return events.Position{}, err
	}
	for i := range records {
		if err := l.checkSubject(records[i].Subject); err != nil {
			return events.Position{}, fmt.Errorf("append: record %d: %w", i, err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	for {
		began := time.Now()
		seq, err := l.publish(ctx, records)
		if l.c.Observe != nil && (err == nil || errors.Is(err, events.ErrUnknown)) {
			l.c.Observe(l.c.Partition, time.Since(began))
		}
		if err == nil {
			return events.Position{Partition: l.c.Partition, Seq: events.Seq(seq)}, nil
		}
		if !errors.Is(err, errNotTaken) {
			return events.Position{}, err
		}
		if !pause(ctx, tryPause) || left(ctx) < lastTry {
			return events.Position{}, fmt.Errorf("%w: %w", events.ErrOverloaded, err)
		}
	}
}

// lastTry is how much time an append must have left to be offered again. One that
// is offered and not answered any more is unknown; one that is not is certain.
const lastTry = time.Second

func left(ctx context.Context) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return lastTry
	}
	return time.Until(deadline)
}

// checkSubject reports a subject that the partition's stream does not take. The
// server would stay silent, or store it in the stream of another partition.
func (l *Log) checkSubject(subject string) error {
	taken, _, _ := events.StreamSubjects(l.c.Partition)
	for _, filter := range taken {
		if events.MatchSubject(filter, subject) {
			return nil
		}
	}
	return fmt.Errorf("stream %s does not take subject %q", l.name, subject)
}

// errNotTaken is an append that nobody took: nothing of it is stored or will be.
var errNotTaken = errors.New("no leader of the stream takes it")

// errConnectionLost ends the wait for an acknowledgement: it went to a connection
// that is gone.
var errConnectionLost = errors.New("the connection to the server was lost")

const (
	headerBatch    = "Nats-Batch-Id"
	headerSequence = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
)

// publish offers the records once. A batch is stored when its last message, the
// commit, is: what fails before that has stored nothing.
func (l *Log) publish(ctx context.Context, records []events.Record) (uint64, error) {
	batch := ""
	if len(records) > 1 {
		batch = rand.Text()
	}
	var last *nats.Msg
	for i, r := range records {
		m := &nats.Msg{Subject: r.Subject, Data: r.Data, Header: nats.Header{}}
		if r.Fenced {
			m.Header.Set(js.ExpectedLastSubjSeqHeader, strconv.FormatUint(uint64(r.Expect), 10))
		}
		if batch != "" {
			m.Header.Set(headerBatch, batch)
			m.Header.Set(headerSequence, strconv.Itoa(i+1))
		}
		if i == len(records)-1 {
			last = m
			break
		}
		// No acknowledgement of the first message: a refused batch is refused
		// at its commit as well, and the round trip costs a quarter of a batch.
		if err := l.conn.PublishMsg(m); err != nil {
			return 0, sendError(err)
		}
	}
	if batch != "" {
		last.Header.Set(headerCommit, "1")
	}
	reply, err := l.await(ctx, last)
	if err != nil {
		return 0, sendError(err)
	}
	var ack struct {
		apiError
		Stream string `json:"stream"`
		Seq    uint64 `json:"seq"`
		Batch  string `json:"batch"`
		Count  int    `json:"count"`
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return 0, fmt.Errorf("%w: the acknowledgement is not readable: %w", events.ErrUnknown, err)
	}
	if ack.Error != nil {
		return 0, refused(ack.Error)
	}
	if ack.Stream != l.name || ack.Seq == 0 || batch != "" && (ack.Batch != batch || ack.Count != len(records)) {
		return 0, fmt.Errorf("%w: the acknowledgement is of something else: stream %q, sequence %d, %d messages", events.ErrUnknown, ack.Stream, ack.Seq, ack.Count)
	}
	return ack.Seq, nil
}

// await sends a message and waits for its answer, no longer than the connection
// lasts: no answer comes on another one.
func (l *Log) await(ctx context.Context, m *nats.Msg) (*nats.Msg, error) {
	ctx, stop := whileConnected(ctx, l.conn)
	defer stop()
	reply, err := l.conn.RequestMsgWithContext(ctx, m)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, errConnectionLost) {
		return nil, cause
	}
	return reply, err
}

// sendError tells what was not sent, or reached nobody, from what may be stored.
func sendError(err error) error {
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionReconnecting):
		return fmt.Errorf("%w: %w", errNotTaken, err)
	case errors.Is(err, nats.ErrMaxPayload), errors.Is(err, nats.ErrBadSubject), errors.Is(err, nats.ErrHeadersNotSupported):
		return fmt.Errorf("append: %w", err)
	}
	// No answer: a time-out, a lost connection, a stopped server.
	return fmt.Errorf("%w: %w", events.ErrUnknown, err)
}

// outcomes says what a server's refusal of an append means; all others are a
// fault of the append itself. In each of them nothing was stored (nats-server
// 2.15.2, server/stream.go and jetstream_batching.go, read 2026-11-20).
var outcomes = map[js.ErrorCode]error{
	// Both are a lost compare-and-set: the second while another proposal is
	// under way.
	10071: events.ErrConflict,
	10164: events.ErrConflict,
	// Store failed, insufficient resources, storage exceeded.
	10077: events.ErrFull,
	10023: events.ErrFull,
	10047: events.ErrFull,
	// Too many requests, too many batches in flight.
	10167: events.ErrOverloaded,
	10210: events.ErrOverloaded,
	// An incomplete batch: it was begun with another leader or connection, or
	// the server abandoned it. Only the leader that takes the commit answers.
	10176: errNotTaken,
	// The cluster has no leader.
	codeUnavailable: errNotTaken,
	// No publish of this version is answered so; if one is, what became of it
	// is not known.
	codeNotLeader: events.ErrUnknown,
}

func refused(answer *js.APIError) error {
	if outcome := outcomes[answer.ErrorCode]; outcome != nil {
		return fmt.Errorf("%w: %s", outcome, answer.Description)
	}
	return fmt.Errorf("append: %w", answer)
}
