package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// stream lists holders through HTTP on loopback.
type stream struct {
	*queries
	api     *api.Server
	server  *http.Server
	client  *http.Client
	address string
	served  chan error
	// line is a holder as the API writes it, for the ceiling.
	line []byte
}

func openHTTP(ctx context.Context, b *run, _ string) (subject, error) {
	q, err := openQueries(ctx, b)
	if err != nil {
		return nil, err
	}
	s := &stream{queries: q, served: make(chan error, 1)}
	s.api, err = api.New(api.Config{
		Ledger: q.ledger.ledger, Clock: b.c.Clock, NewID: func() string { return "request" + strconv.FormatInt(q.ledger.ids.Add(1), 10) },
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.api.Handler())
	mux.HandleFunc("/ceiling", s.plain)
	s.address, s.server = "http://"+l.Addr().String(), &http.Server{Handler: mux}
	s.client = &http.Client{Transport: &http.Transport{}}
	go func() { s.served <- s.server.Serve(l) }()
	return s, nil
}

// The size of the pieces the API streams in.
const streamPiece = 64 << 10

// plain answers with as many lines as there are holders, from memory.
func (s *stream) plain(w http.ResponseWriter, r *http.Request) {
	piece := bytes.Repeat(s.line, streamPiece/len(s.line))
	per := len(piece) / len(s.line)
	control := http.NewResponseController(w)
	for left := s.b.holders(); left > 0 && r.Context().Err() == nil; left -= per {
		// A reader that is gone ends the request's context.
		_, _ = w.Write(piece[:min(left, per)*len(s.line)])
		_ = control.Flush()
	}
}

func (s *stream) round(ctx context.Context, _ int) (ceiling, product []float64, err error) {
	path := "/v1/pushes/" + largePush(0) + "/holders"
	if s.line == nil {
		if s.line, err = s.first(ctx, path); err != nil {
			return nil, nil, err
		}
	}
	alone, err := s.read(ctx, "/ceiling")
	if err != nil {
		return nil, nil, err
	}
	took, err := s.read(ctx, path)
	n := float64(s.b.holders())
	return []float64{n / alone}, []float64{n / took}, err
}

// first returns one line of the list.
func (s *stream) first(ctx context.Context, path string) ([]byte, error) {
	resp, err := s.get(ctx, path+"?limit=1")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	line, err := io.ReadAll(resp.Body)
	if err == nil && !bytes.HasSuffix(line, []byte{'\n'}) {
		err = errors.New("the list of holders has no line")
	}
	return line, err
}

// read reads a list to its end and returns how long that takes, in seconds.
func (s *stream) read(ctx context.Context, path string) (float64, error) {
	lines := 0
	took, err := s.b.timed(func() error {
		resp, err := s.get(ctx, path)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		buf := make([]byte, streamPiece)
		for {
			n, err := resp.Body.Read(buf)
			lines += bytes.Count(buf[:n], []byte{'\n'})
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
		}
	})
	if err == nil && lines != s.b.holders() {
		err = fmt.Errorf("%s has %d lines instead of %d", path, lines, s.b.holders())
	}
	return took, err
}

func (s *stream) get(ctx context.Context, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Recall-App", app)
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("%s answered %s", path, resp.Status), resp.Body.Close())
	}
	return resp, nil
}

func (s *stream) close() error {
	s.client.CloseIdleConnections()
	s.api.Close()
	err := s.server.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
