package remote

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
)

// ServerConfig configures a Server.
type ServerConfig struct {
	Conn *jetstream.Conn
	// Node names this process, and no other.
	Node    string
	Version string
	// Parts are the partitions that are served: those whose projection is here.
	Parts []*partition.Part
	// Chunk is how many bytes of devices one part of a list has. Default 384 KiB.
	Chunk  int
	Logger *slog.Logger
}

// The limits of a server (L11).
const (
	chunk = 384 << 10
	// slots is how many requests are answered at once; most of them wait.
	slots = 1024
	// maxWait bounds how long a request waits for the fold, and maxPoll how long
	// one that asks for the next move does.
	maxWait = 2 * time.Second
	maxPoll = 5 * time.Second
	// redriveTimeout bounds the commands of a re-drive.
	redriveTimeout = 30 * time.Second
)

// Server answers other nodes for the partitions of this one.
type Server struct{ c ServerConfig }

// NewServer returns a server; Run makes it answer.
func NewServer(c ServerConfig) *Server {
	c.Chunk = cmp.Or(c.Chunk, chunk)
	return &Server{c}
}

// Run answers until ctx ends (nil).
func (s *Server) Run(ctx context.Context) error {
	service := jetstream.Service{Conn: s.c.Conn, Name: Name, Version: s.c.Version, Metadata: map[string]string{NodeName: s.c.Node}, Slots: slots, Logger: s.c.Logger}
	for _, p := range s.c.Parts {
		if p.Local == nil {
			return fmt.Errorf("partition %d is not this node's to serve", p.Number())
		}
		for _, m := range s.queries() {
			service.Endpoints = append(service.Endpoints, s.endpoint(p, queryGroup(p.Number()), m))
		}
		service.Endpoints = append(service.Endpoints, s.endpoint(p, commandGroup(p.Number()), method{"redrive", redrive}))
	}
	return service.Run(ctx)
}

// method is one kind of question.
type method struct {
	name   string
	handle func(ctx context.Context, p *partition.Part, q *question) (any, error)
}

func (s *Server) endpoint(p *partition.Part, group string, m method) jetstream.Endpoint {
	return jetstream.Endpoint{Group: group, Name: m.name, Handle: func(ctx context.Context, body []byte) ([]byte, error) {
		b, err := s.answer(ctx, p, m, body)
		if err == nil {
			return b, nil
		}
		if _, said := errors.AsType[*jetstream.CallError](err); !said && ctx.Err() != nil {
			// The node stops in the middle of the answer: another gives it.
			err = &jetstream.CallError{Code: jetstream.CallStopping, Text: err.Error()}
		}
		return nil, encode(err)
	}}
}

func (s *Server) answer(ctx context.Context, p *partition.Part, m method, body []byte) ([]byte, error) {
	var q question
	if err := q.read(body); err != nil {
		return nil, &jetstream.CallError{Code: codeBad, Text: bad(err)}
	}
	if q.Wire != wire {
		return nil, &jetstream.CallError{Code: codeWire, Text: fmt.Sprintf("the request is of version %d, this node has %d", q.Wire, wire)}
	}
	if err := await(ctx, p, &q); err != nil {
		return nil, err
	}
	// What is folded from here on may be in the answer as well.
	a := answer{Applied: p.Views.Applied().Seq, Node: s.c.Node}
	result, err := m.handle(ctx, p, &q)
	if err != nil {
		return nil, err
	}
	if a.Result, err = json.Marshal(result); err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// await waits until the partition is as new as the question wants it.
func await(ctx context.Context, p *partition.Part, q *question) error {
	bounded, cancel := context.WithTimeout(ctx, within(q.Wait, maxWait))
	defer cancel()
	err := p.Views.Wait(bounded, q.At)
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && bounded.Err() != nil:
		return &jetstream.CallError{Code: codeBehind, Text: err.Error()}
	}
	// The node stops, or its fold has failed and stops it.
	return &jetstream.CallError{Code: jetstream.CallStopping, Text: err.Error()}
}

// within is a time in milliseconds that a caller gives, as far as it is allowed.
func within(ms int64, limit time.Duration) time.Duration {
	return time.Duration(min(max(ms, 0), limit.Milliseconds())) * time.Millisecond
}

// redrive carries out the one command.
func redrive(ctx context.Context, p *partition.Part, q *question) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, redriveTimeout)
	defer cancel()
	n, err := p.Redrive(ctx, q.App, q.Recall, q.Now)
	if err != nil && ctx.Err() != nil {
		// It ended in the middle: some commands may be on the log.
		err = &jetstream.CallError{Code: "unknown", Text: err.Error()}
	}
	return n, err
}
