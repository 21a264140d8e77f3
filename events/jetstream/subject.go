package jetstream

import (
	"context"
	"fmt"
	"time"

	js "github.com/nats-io/nats.go/jetstream"

	"github.com/recall-ledger/recall-ledger/events"
)

// getRequest asks for the next message of a subject from a sequence on.
type getRequest struct {
	Seq     uint64 `json:"seq"`
	Subject string `json:"next_by_subj"`
}

type getResponse struct {
	apiError
	Message *struct {
		Subject string    `json:"subject"`
		Seq     uint64    `json:"seq"`
		Data    []byte    `json:"data"`
		Time    time.Time `json:"time"`
	} `json:"message"`
}

// ReadSubject implements events.Log with STREAM.MSG.GET, which the stream's
// leader answers from what it has stored. A leader that was cut off answers from
// what it had, so it is asked at the end whether it still is in touch with a
// majority (End says what remains).
func (l *Log) ReadSubject(ctx context.Context, subject string, handle func(events.Message) error) error {
	for seq := uint64(1); ; {
		m, err := l.get(ctx, getRequest{Seq: seq, Subject: subject})
		if err != nil {
			return err
		}
		if m == nil {
			if whole, err := l.led(ctx); whole || err != nil {
				return err
			}
			continue
		}
		if err := handle(*m); err != nil {
			return err
		}
		seq = uint64(m.Seq) + 1
	}
}

// led reports whether the leader that was just read from leads. Otherwise it waits
// for one that does, and what that one has more is still to be read.
func (l *Log) led(ctx context.Context) (bool, error) {
	if l.c.Settings.Replicas == 1 {
		return true, nil
	}
	err := try(ctx, l.conn, "STREAM.INFO."+l.name, nil, &infoResponse{})
	switch {
	case err == nil:
		return true, nil
	case temporary(err):
		_, err = l.info(ctx)
		return false, err
	}
	return false, fmt.Errorf("read the state of stream %s: %w", l.name, err)
}

// get returns one message, nil when there is none.
func (l *Log) get(ctx context.Context, r getRequest) (*events.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Timeout)
	defer cancel()
	var answer getResponse
	err := ask(ctx, l.conn, "STREAM.MSG.GET."+l.name, r, &answer)
	switch {
	case isCode(err, js.JSErrCodeMessageNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read subject %s: %w", r.Subject, err)
	case answer.Message == nil:
		return nil, fmt.Errorf("read subject %s: the server's answer holds no message", r.Subject)
	}
	m := answer.Message
	return &events.Message{
		Position: events.Position{Partition: l.c.Partition, Seq: events.Seq(m.Seq)},
		Subject:  m.Subject,
		Data:     m.Data,
		Time:     m.Time,
	}, nil
}
