package selfbuilt

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/recall-ledger/recall-ledger/events"
)

// The limits of the service (L11).
const (
	// MaxInFlight is how many requests are with the backend at once.
	MaxInFlight = 64
	// MaxQueued is how many more wait; beyond it devices are told to come back.
	MaxQueued = 1024
	// backendTimeout bounds one backend call. Devices wait a little longer.
	backendTimeout = 8 * time.Second
	// retryAfterSeconds is what a device is told when it was turned away.
	retryAfterSeconds = 2
)

// queueGroup makes the nodes of a cluster share the requests.
const queueGroup = "recall"

// Backend is what stands behind the channel. It may be called concurrently.
type Backend interface {
	// Report stores what a device said, 1 to MaxReports reports. Nil says that
	// all of it is durable (L1). An *events.FieldError says that the device
	// must not send it again; after any other error it sends the same again,
	// so storing twice must be harmless (L4).
	Report(ctx context.Context, app, device string, reports []Report) error
	// Sync returns what the device must know, as State's fields say; the
	// service cuts it to the limits of an answer. A recall accepted before the
	// call began must be in it, or a device shows what was taken back.
	Sync(ctx context.Context, app, device string) (State, error)
}

// Service answers the devices.
type Service struct {
	Conn    *nats.Conn
	Backend Backend
	// Logger is optional.
	Logger *slog.Logger
}

// Run answers devices until ctx ends, and then returns nil, or until the
// connection is closed. What is not answered by then is not acknowledged: the
// device sends it again.
func (s *Service) Run(ctx context.Context) error {
	if s.Conn == nil || s.Backend == nil {
		return errors.New("device service: a connection and a backend are needed")
	}
	r := &answering{backend: s.Backend, log: s.Logger, queue: make(chan *nats.Msg, MaxQueued)}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	closed := s.Conn.StatusChanged(nats.CLOSED)
	defer s.Conn.RemoveStatusListener(closed)

	ctx, cancel := context.WithCancel(ctx)
	var workers sync.WaitGroup
	defer workers.Wait()
	defer cancel()
	for range MaxInFlight {
		workers.Go(func() { r.work(ctx) })
	}
	for _, subject := range []string{subjectReports, subjectSyncs} {
		sub, err := s.Conn.QueueSubscribe(subject, queueGroup, func(m *nats.Msg) { r.take(ctx, m) })
		if err != nil {
			return fmt.Errorf("device service: subscribe: %w", err)
		}
		// The error says only that the connection is gone, and with it the subscription.
		defer func() { _ = sub.Unsubscribe() }()
	}
	if s.Conn.IsClosed() {
		return errors.New("device service: the connection to NATS is closed")
	}
	select {
	case <-ctx.Done():
		return nil
	case <-closed:
		return errors.New("device service: the connection to NATS was closed")
	}
}

// answering is one run of the service.
type answering struct {
	backend Backend
	log     *slog.Logger
	queue   chan *nats.Msg
	// failing is true while the backend's last call failed; only the changes
	// are logged, since a million devices repeat what failed.
	failing atomic.Bool
}

// take queues a request, or turns it away.
func (r *answering) take(ctx context.Context, m *nats.Msg) {
	app, device, _, err := ParseSubject(m.Subject)
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelDebug, "device request on a subject outside the grammar")
		return
	}
	// The server checks where a device publishes, but not where it wants the
	// answer: another's subject here would have us publish there for it (L10).
	if !strings.HasPrefix(m.Reply, InboxPrefix(app, device)+".") {
		r.log.LogAttrs(ctx, slog.LevelDebug, "device request whose answer would not go to its inbox", slog.String("app", app))
		return
	}
	select {
	case r.queue <- m:
	default:
		r.answer(ctx, m, Answer{Error: "too many devices at once; come back later", RetryAfterSeconds: retryAfterSeconds})
	}
}

func (r *answering) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case m := <-r.queue:
			r.handle(ctx, m)
		}
	}
}

// handle carries one request to the backend and answers it.
func (r *answering) handle(ctx context.Context, m *nats.Msg) {
	app, device, lane, err := ParseSubject(m.Subject)
	if err != nil {
		return // take has let only parsed subjects in
	}
	call, cancel := context.WithTimeout(ctx, backendTimeout)
	defer cancel()
	a := Answer{OK: true}
	if lane == LaneSync {
		a.State, err = r.sync(call, app, device)
	} else {
		err = r.report(call, app, device, m.Data)
	}
	var field *events.FieldError
	switch {
	case errors.As(err, &field):
		a = Answer{Error: field.Error(), Field: field.Field}
	case err != nil:
		a = Answer{Error: "the ledger cannot do it now; send it again", RetryAfterSeconds: retryAfterSeconds}
		if ctx.Err() == nil && !r.failing.Swap(true) {
			r.log.LogAttrs(ctx, slog.LevelWarn, "device requests fail; devices repeat them",
				slog.String("app", app), slog.String("lane", string(lane)), slog.String("error", err.Error()))
		}
	default:
		if r.failing.Swap(false) {
			r.log.LogAttrs(ctx, slog.LevelInfo, "device requests succeed again")
		}
	}
	r.answer(ctx, m, a)
}

func (r *answering) report(ctx context.Context, app, device string, data []byte) error {
	reports, err := parseReports(data)
	if err != nil {
		return err
	}
	return r.backend.Report(ctx, app, device, reports)
}

func (r *answering) sync(ctx context.Context, app, device string) (*State, error) {
	s, err := r.backend.Sync(ctx, app, device)
	if err != nil {
		return nil, err
	}
	if s, err = cut(s); err != nil {
		return nil, err
	}
	return &s, nil
}

// answer replies. A reply that is lost is as no answer: the device repeats.
func (r *answering) answer(ctx context.Context, m *nats.Msg, a Answer) {
	data, err := encode(a)
	if err == nil {
		err = m.Respond(data)
	}
	if err != nil {
		r.log.LogAttrs(ctx, slog.LevelDebug, "answer to a device was not sent", slog.String("error", err.Error()))
	}
}
