package api

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/recall-ledger/recall-ledger/ledger"
)

// watchInterval is the shortest time between two messages of a watch: at most
// five a second.
const watchInterval = 200 * time.Millisecond

type watchInput struct {
	Recall string `path:"recall" maxLength:"64" doc:"The recall id"`
	Until  string `query:"until" enum:"settled,closed" doc:"When to end: settled, or closed unless told"`
}

// watch sends a recall whenever it changed.
func (s *Server) watch(ctx context.Context, in *watchInput) (*huma.StreamResponse, error) {
	if err := oneOf("until", in.Until, untilSettled, untilClosed); err != nil {
		return nil, err
	}
	if _, err := s.find(ctx, in.Recall); err != nil {
		return nil, err
	}
	return s.stream(ctx, typeEvents, func(out *stream) error { return s.follow(ctx, out, in) }), nil
}

func (s *Server) follow(ctx context.Context, out *stream, in *watchInput) error {
	keep := time.NewTicker(s.c.KeepAlive)
	defer keep.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var last []byte
	settled := false
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.done:
			return nil
		}
		moved := s.c.Ledger.Moved()
		v, err := s.find(ctx, in.Recall)
		if err != nil {
			return err
		}
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if !bytes.Equal(b, last) {
			last = b
			out.event(eventProgress, b)
			if v.Settled && !settled {
				out.event(eventSettled, b)
			}
			settled = v.Settled
			if err := out.flush(); err != nil {
				return err
			}
		}
		if v.State != ledger.Running || v.Settled && in.Until == untilSettled {
			return nil
		}
		if err := s.idle(ctx, out, moved, keep.C); err != nil {
			return err
		}
		pause.Reset(watchInterval)
	}
}

// idle waits for the next event of the log, and meanwhile shows that the
// connection lives.
func (s *Server) idle(ctx context.Context, out *stream, moved <-chan struct{}, keep <-chan time.Time) error {
	for {
		select {
		case <-moved:
			return nil
		case <-s.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-keep:
			out.buf = append(out.buf, ": still here\n\n"...)
			if err := out.flush(); err != nil {
				return err
			}
		}
	}
}

// event adds one server-sent event.
func (s *stream) event(name string, data []byte) {
	s.buf = append(s.buf, "event: "...)
	s.buf = append(s.buf, name...)
	s.buf = append(s.buf, "\ndata: "...)
	s.buf = append(s.buf, data...)
	s.buf = append(s.buf, "\n\n"...)
}
