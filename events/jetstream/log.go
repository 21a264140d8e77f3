package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/recall-ledger/recall-ledger/events"
)

// Config configures a Log.
type Config struct {
	Conn      *nats.Conn
	Partition int
	Settings  Settings
	// Timeout bounds one request to the server. Default 10 seconds.
	Timeout time.Duration
}

// Log is the log of one partition on a JetStream stream. It implements
// events.Log.
type Log struct {
	c      Config
	conn   *nats.Conn
	api    js.JetStream
	stream js.Stream
	name   string
}

// Open creates the partition's stream, or checks the settings of the one there.
func Open(ctx context.Context, c Config) (*Log, error) {
	if c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Settings.Replicas == 0 {
		c.Settings.Replicas = 1
	}
	if c.Settings.MaxAge == 0 {
		c.Settings.MaxAge = 30 * 24 * time.Hour
	}
	api, err := js.New(c.Conn, js.WithDefaultTimeout(c.Timeout))
	if err != nil {
		return nil, fmt.Errorf("open JetStream: %w", err)
	}
	s, err := ensure(ctx, api, streamConfig(c.Partition, c.Settings))
	if err != nil {
		return nil, err
	}
	return &Log{c: c, conn: c.Conn, api: api, stream: s, name: s.CachedInfo().Config.Name}, nil
}

// Partition returns the number of the partition.
func (l *Log) Partition() int { return l.c.Partition }

// Append implements events.Log. One record is a plain publish, several are an
// atomic batch: the server fsyncs either before it answers.
func (l *Log) Append(ctx context.Context, records []events.Record) (events.Position, error) {
	if err := events.CheckAppend(records); err != nil {
		return events.Position{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	msgs := make([]*nats.Msg, len(records))
	for i, r := range records {
		m := &nats.Msg{Subject: r.Subject, Data: r.Data, Header: nats.Header{}}
		if r.Fenced {
			m.Header.Set(js.ExpectedLastSubjSeqHeader, strconv.FormatUint(uint64(r.Expect), 10))
		}
		msgs[i] = m
	}
	var seq uint64
	if len(msgs) == 1 {
		ack, err := l.api.PublishMsg(ctx, msgs[0], js.WithRetryAttempts(0))
		if err != nil {
			return events.Position{}, appendError(err)
		}
		seq = ack.Sequence
	} else {
		// No acknowledgement of the first message: a refused batch is refused
		// at its commit as well, and the round trip costs a quarter of a batch.
		ack, err := jetstreamext.PublishMsgBatch(ctx, l.api, msgs, jetstreamext.BatchFlowControl{AckFirst: false})
		if err != nil {
			return events.Position{}, appendError(err)
		}
		seq = ack.Sequence
	}
	return events.Position{Partition: l.c.Partition, Seq: events.Seq(seq)}, nil
}

// The server's error codes an append can end in. 10071 and 10164 are both a
// lost compare-and-set: the second while another proposal is under way.
const (
	codeWrongLastSequence      = 10071
	codeWrongLastSequenceConst = 10164
	codeStoreFailed            = 10077
	codeInsufficientResources  = 10023
	codeStorageExceeded        = 10047
	codeTooManyRequests        = 10167
	codeTooManyBatches         = 10210
	codeBatchIncomplete        = 10176
)

func appendError(err error) error {
	var api *js.APIError
	if !errors.As(err, &api) {
		var wrapped js.JetStreamError
		if errors.As(err, &wrapped) {
			api = wrapped.APIError()
		}
	}
	if api == nil {
		// No answer: a time-out, a lost connection, a stopped server.
		return fmt.Errorf("%w: %w", events.ErrUnknown, err)
	}
	switch api.ErrorCode {
	case codeWrongLastSequence, codeWrongLastSequenceConst:
		return fmt.Errorf("%w: %s", events.ErrConflict, api.Description)
	case codeStoreFailed, codeInsufficientResources, codeStorageExceeded:
		return fmt.Errorf("%w: %s", events.ErrFull, api.Description)
	case codeTooManyRequests, codeTooManyBatches, codeBatchIncomplete:
		// An incomplete batch was abandoned by the server and stored nothing.
		return fmt.Errorf("%w: %s", events.ErrOverloaded, api.Description)
	}
	return fmt.Errorf("append: %w", err)
}

// End implements events.Log.
func (l *Log) End(ctx context.Context) (events.Position, error) {
	info, err := l.Info(ctx)
	return events.Position{Partition: l.c.Partition, Seq: info.Last}, err
}

// Info implements events.Log.
func (l *Log) Info(ctx context.Context) (events.Info, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	// stream.Info would write the handle's cache; a handle of one's own per
	// call keeps concurrent callers apart.
	s, err := l.api.Stream(ctx, l.name)
	if err != nil {
		return events.Info{}, fmt.Errorf("read the state of stream %s: %w", l.name, err)
	}
	i := s.CachedInfo()
	return events.Info{
		Created: i.Created.UTC(),
		First:   events.Seq(i.State.FirstSeq),
		Last:    events.Seq(i.State.LastSeq),
		Bytes:   i.State.Bytes,
	}, nil
}

// getRequest asks for the next message of a subject from a sequence on.
type getRequest struct {
	Seq     uint64 `json:"seq"`
	Subject string `json:"next_by_subj"`
}

type getResponse struct {
	Message *struct {
		Subject string    `json:"subject"`
		Seq     uint64    `json:"seq"`
		Data    []byte    `json:"data"`
		Time    time.Time `json:"time"`
	} `json:"message"`
	Error *js.APIError `json:"error"`
}

// ReadSubject implements events.Log with STREAM.MSG.GET, which the stream's
// leader answers from what it has stored.
func (l *Log) ReadSubject(ctx context.Context, subject string, handle func(events.Message) error) error {
	for seq := uint64(1); ; {
		m, err := l.get(ctx, getRequest{Seq: seq, Subject: subject})
		if err != nil || m == nil {
			return err
		}
		if err := handle(*m); err != nil {
			return err
		}
		seq = uint64(m.Seq) + 1
	}
}

func (l *Log) get(ctx context.Context, r getRequest) (*events.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	reply, err := l.conn.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+l.name, body)
	if err != nil {
		return nil, fmt.Errorf("read subject %s: %w", r.Subject, err)
	}
	var resp getResponse
	if err := json.Unmarshal(reply.Data, &resp); err != nil {
		return nil, fmt.Errorf("read subject %s: %w", r.Subject, err)
	}
	if resp.Error != nil {
		if resp.Error.ErrorCode == js.JSErrCodeMessageNotFound {
			return nil, nil
		}
		return nil, fmt.Errorf("read subject %s: %w", r.Subject, resp.Error)
	}
	if resp.Message == nil {
		return nil, fmt.Errorf("read subject %s: the server's answer holds no message", r.Subject)
	}
	return &events.Message{
		Position: events.Position{Partition: l.c.Partition, Seq: events.Seq(resp.Message.Seq)},
		Subject:  resp.Message.Subject,
		Data:     resp.Message.Data,
		Time:     resp.Message.Time,
	}, nil
}
