package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/api"
)

// start kills a node and starts it again.
type start struct {
	b    *run
	dir  string
	http *http.Client
	node *process
	// pushes is how many pushes were published.
	pushes int
}

// process is a node in a process of its own.
type process struct {
	cmd    *exec.Cmd
	url    string
	client *api.Client
	said   *bytes.Buffer
	// exited is closed when the process is gone; ended says how it ended.
	exited chan struct{}
	ended  error
}

func openStart(ctx context.Context, b *run, dir string) (subject, error) {
	s := &start{b: b, dir: dir, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: senders}}}
	var err error
	if s.node, _, err = s.launch(ctx, s.data()); err != nil {
		return nil, err
	}
	if err := s.publish(ctx, b.c.Notifications); err != nil {
		return nil, errors.Join(s.node.died(err), s.close())
	}
	return s, nil
}

func (s *start) data() string { return filepath.Join(s.dir, "data") }

// moreShare of the notifications are published anew before each kill, so that
// there is something to catch up on.
const moreShare = 20

func (s *start) round(ctx context.Context, n int) (ceiling, product []float64, err error) {
	empty := filepath.Join(s.dir, "empty-"+strconv.Itoa(n))
	fresh, alone, err := s.launch(ctx, empty)
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(fresh.kill(), os.RemoveAll(empty)); err != nil {
		return nil, nil, err
	}
	if err := s.publish(ctx, max(s.b.c.Notifications/moreShare, 1)); err != nil {
		return nil, nil, s.node.died(err)
	}
	memory := peakMemory(s.node.cmd.Process.Pid)
	if err := s.node.kill(); err != nil {
		return nil, nil, err
	}
	var took float64
	if s.node, took, err = s.launch(ctx, s.data()); err != nil {
		return nil, nil, err
	}
	return []float64{alone, math.NaN()}, []float64{took, memory}, s.check(ctx)
}

// check makes sure that the node knows the first push as it was published.
func (s *start) check(ctx context.Context) error {
	push, err := s.node.client.Push(ctx, "stored-0", api.ReadOptions{})
	if err != nil {
		return err
	}
	got := 0
	for _, c := range push.Channels {
		got += int(c.Notifications)
	}
	if want := min(s.b.c.Notifications, s.b.c.Devices); got != want {
		return fmt.Errorf("the node knows %d notifications of a push that was acknowledged for %d", got, want)
	}
	return nil
}

func (s *start) close() error {
	s.http.CloseIdleConnections()
	if s.node == nil {
		return nil
	}
	return s.node.kill()
}

// readyEvery is how often a node that starts is asked whether it serves, and
// readyWithin how long it may take.
const (
	readyEvery  = 2 * time.Millisecond
	readyWithin = 5 * time.Minute
)

// launch starts a node and returns how long it took until it served, in seconds.
func (s *start) launch(ctx context.Context, data string) (*process, float64, error) {
	// Free now: nobody else is told of the port.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, 0, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, 0, err
	}
	n := &process{cmd: s.b.c.Node(ctx, data, address), url: "http://" + address, said: &bytes.Buffer{}, exited: make(chan struct{})}
	n.cmd.Stderr = n.said
	if n.client, err = api.NewClient(api.ClientConfig{URL: n.url, App: app, HTTP: s.http}); err != nil {
		return nil, 0, err
	}
	// A connection to the node that was killed is not to be used again.
	s.http.CloseIdleConnections()
	begin := s.b.c.Clock()
	if err := n.cmd.Start(); err != nil {
		return nil, 0, fmt.Errorf("start a node: %w", err)
	}
	go func() {
		n.ended = n.cmd.Wait()
		close(n.exited)
	}()
	if err := s.await(ctx, n); err != nil {
		return nil, 0, errors.Join(err, n.kill())
	}
	return n, s.b.c.Clock().Sub(begin).Seconds(), nil
}

// await returns once the node takes requests.
func (s *start) await(ctx context.Context, n *process) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	t := time.NewTicker(readyEvery)
	defer t.Stop()
	for {
		select {
		case <-n.exited:
			return errors.Join(fmt.Errorf("the node ended before it served: %s", bytes.TrimSpace(n.said.Bytes())), n.ended)
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := s.http.Do(req)
		if err != nil {
			continue // it does not listen yet
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
}

// died adds to an error what the node said if it ended by itself.
func (n *process) died(err error) error {
	select {
	case <-n.exited:
		return errors.Join(err, fmt.Errorf("the node ended meanwhile: %s", bytes.TrimSpace(n.said.Bytes())), n.ended)
	default:
		return err
	}
}

// kill ends the node with SIGKILL and waits until it is gone.
func (n *process) kill() error {
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-n.exited
	return nil
}

// perRequest is how many devices one request names, some megabytes, and senders
// how many requests are under way.
const (
	perRequest = 100_000
	senders    = 4
)

// publish sends pushes through HTTP until there are so many more notifications,
// and returns when they are on disk.
func (s *start) publish(ctx context.Context, count int) error {
	at := s.b.c.Clock()
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(senders)
	for count > 0 {
		push := "stored-" + strconv.Itoa(s.pushes)
		s.pushes++
		n := min(count, s.b.c.Devices)
		count -= n
		for i := 0; i < n; i += perRequest {
			g.Go(func() error { return s.post(inner, push, at, i, min(i+perRequest, n)) })
		}
	}
	return g.Wait()
}

// post publishes one request's facts, again for as long as the node asks for it.
func (s *start) post(ctx context.Context, push string, at time.Time, from, to int) error {
	records, err := encode(s.b.population.calls(push, from, to, events.PushSent), at, 0)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	for _, r := range records {
		body.Write(r.Data)
		body.WriteByte('\n')
	}
	for {
		_, err := s.node.client.Publish(ctx, api.TypeNDJSON, bytes.NewReader(body.Bytes()))
		var p *api.Problem
		if !errors.As(err, &p) || p.Status != http.StatusTooManyRequests && p.Status != http.StatusServiceUnavailable {
			return err
		}
		t := time.NewTimer(time.Duration(max(p.RetryAfter, 1)) * time.Second)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}
