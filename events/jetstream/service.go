package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Service answers requests over NATS as a micro service, which the NATS CLI
// lists (nats service ls). Every process that runs it joins the same queue
// groups, so any one of them answers.
type Service struct {
	Conn *nats.Conn
	// Name and Version are shown to whoever asks what is there. A version that
	// is no semantic one is shown among the metadata instead.
	Name, Version string
	// Metadata is shown beside them.
	Metadata  map[string]string
	Endpoints []Endpoint
	// Slots is how many requests are answered at once; more are refused with
	// CallBusy. Default 256.
	Slots  int
	Logger *slog.Logger
}

// Endpoint is one kind of request, at the subject Group.Name.
type Endpoint struct {
	Group, Name string
	// Handle answers a request of at most MaxCall bytes. A CallError reaches the
	// caller as it is, any other error as its text under CallFailed. The context
	// ends with the service's. It is called concurrently.
	Handle func(ctx context.Context, body []byte) ([]byte, error)
}

// The limits of requests, in bytes (L11).
const (
	// MaxCall bounds the body of a request.
	MaxCall = 64 << 10
	// MaxCallAnswer bounds an answer. One that does not fit into a message is
	// sent in parts of callPart.
	MaxCallAnswer = 32 << 20
	callPart      = 512 << 10
	callSlots     = 256
)

// The codes of errors that the service itself answers.
const (
	CallFailed   = "failed"
	CallBusy     = "busy"
	CallStopping = "stopping"
	CallTooLarge = "too-large"
	// callParts asks the caller to ask again for an answer in parts.
	callParts = "in-parts"
)

// CallError is an error that the other side answered.
type CallError struct {
	// Code is for programs, Text for people.
	Code, Text string
}

func (e *CallError) Error() string { return e.Text }

// The errors of Call, beside a *CallError and the end of the caller's context.
var (
	// ErrNobody is a subject that nobody serves.
	ErrNobody = errors.New("nobody serves the subject")
	// ErrCallTime is a request that nobody answered in time; whether it was
	// carried out is not known.
	ErrCallTime = errors.New("nobody answered in time")
	// ErrCallSize is a request, or an answer, that is larger than its limit.
	ErrCallSize = errors.New("too large")
	// ErrCallClosed is a connection that was closed.
	ErrCallClosed = errors.New("the connection is closed")
)

const (
	headerParts = "Recall-Parts"
	headerPart  = "Recall-Part"
)

// semantic is a version as micro services want it, without what may follow.
var semantic = regexp.MustCompile(`\A(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)\z`)

// serving is a Service that runs.
type serving struct {
	s     *Service
	slots chan struct{}

	mu       sync.Mutex
	stopping bool
	answers  sync.WaitGroup
}

// Run answers until ctx ends (nil). What is being answered then is finished
// before it returns, and the other processes get all that comes later.
//
// Requests are answered beside the library's own loop, since one that waits must
// not hold up the next; so the processing time it shows is that of handing over.
func (s *Service) Run(ctx context.Context) error {
	r := &serving{s: s, slots: make(chan struct{}, cmp.Or(s.Slots, callSlots))}
	version, metadata := s.Version, maps.Clone(s.Metadata)
	if !semantic.MatchString(version) {
		if metadata == nil {
			metadata = map[string]string{}
		}
		version, metadata["version"] = "0.0.0", s.Version
	}
	m, err := micro.AddService(s.Conn, micro.Config{
		Name: s.Name, Version: version, Metadata: metadata, QueueGroup: s.Name, ErrorHandler: r.failed,
	})
	if err != nil {
		return fmt.Errorf("serve %s: %w", s.Name, err)
	}
	for _, e := range s.Endpoints {
		handle := micro.HandlerFunc(func(q micro.Request) { r.take(ctx, e, q) })
		if err := m.AddGroup(e.Group).AddEndpoint(e.Name, handle); err != nil {
			return errors.Join(fmt.Errorf("serve %s.%s: %w", e.Group, e.Name, err), m.Stop())
		}
	}
	<-ctx.Done()
	r.mu.Lock()
	r.stopping = true
	r.mu.Unlock()
	err = m.Stop()
	// From then on the server sends no more here; without it others answer anyway.
	flushed, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryTimeout)
	defer cancel()
	_ = s.Conn.FlushWithContext(flushed)
	r.answers.Wait()
	if err != nil && !s.Conn.IsClosed() {
		return fmt.Errorf("stop serving %s: %w", s.Name, err)
	}
	return nil
}

// failed is told of what went wrong with a subscription, a missing permission for
// one.
func (r *serving) failed(_ micro.Service, err *micro.NATSError) {
	if r.s.Logger != nil {
		r.s.Logger.Error("requests of other nodes do not arrive", slog.String("subject", err.Subject), slog.String("error", err.Description))
	}
}

// take begins to answer a request, or refuses it.
func (r *serving) take(ctx context.Context, e Endpoint, q micro.Request) {
	if q.Reply() == "" {
		return // nobody waits for an answer
	}
	if refusal := r.enter(len(q.Data())); refusal != nil {
		r.refuse(q.Reply(), refusal)
		return
	}
	inParts := q.Headers().Get(headerParts) != ""
	go func() {
		defer func() {
			<-r.slots
			r.answers.Done()
		}()
		b, err := e.Handle(ctx, q.Data())
		if err == nil {
			err = r.answer(q.Reply(), b, inParts)
		}
		if err != nil {
			r.refuse(q.Reply(), err)
		}
	}()
}

// enter takes a slot.
func (r *serving) enter(size int) error {
	if size > MaxCall {
		return &CallError{CallTooLarge, fmt.Sprintf("the request has %d bytes, the limit is %d", size, MaxCall)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopping {
		return &CallError{CallStopping, "the node stops"}
	}
	select {
	case r.slots <- struct{}{}:
		r.answers.Add(1)
		return nil
	default:
		return &CallError{CallBusy, fmt.Sprintf("%d requests are being answered, the limit", cap(r.slots))}
	}
}

func (r *serving) refuse(reply string, err error) {
	e, ok := errors.AsType[*CallError](err)
	if !ok {
		e = &CallError{CallFailed, err.Error()}
	}
	m := nats.NewMsg(reply)
	m.Header.Set(micro.ErrorCodeHeader, e.Code)
	m.Header.Set(micro.ErrorHeader, headerText(e.Text))
	// The caller comes again when this is lost.
	_ = r.s.Conn.PublishMsg(m)
}

// maxCallText bounds the text of an error, in bytes.
const maxCallText = 1000

// headerText makes a text fit into one line of a header.
func headerText(text string) string {
	b := []byte(text[:min(len(text), maxCallText)])
	for i, c := range b {
		if c < ' ' {
			b[i] = ' '
		}
	}
	return string(b)
}

// answer sends an answer, in parts if the caller takes parts.
func (r *serving) answer(reply string, b []byte, inParts bool) error {
	size := callPart
	if limit := int(r.s.Conn.MaxPayload() / 2); limit > 0 {
		size = min(size, limit)
	}
	switch {
	case len(b) > MaxCallAnswer:
		return &CallError{CallTooLarge, fmt.Sprintf("the answer has %d bytes, the limit is %d", len(b), MaxCallAnswer)}
	case !inParts && len(b) > size:
		return &CallError{callParts, "the answer needs several messages"}
	case !inParts:
		return r.s.Conn.Publish(reply, b)
	}
	for n := 0; ; n++ {
		part := b[:min(len(b), size)]
		b = b[len(part):]
		m := nats.NewMsg(reply)
		m.Data = part
		m.Header.Set(headerPart, strconv.Itoa(n))
		if len(b) == 0 {
			m.Header.Set(headerParts, strconv.Itoa(n+1))
		}
		if err := r.s.Conn.PublishMsg(m); err != nil || len(b) == 0 {
			return err
		}
	}
}

// Call asks whoever serves a subject and returns the answer. ctx bounds it.
// Errors: a *CallError, ErrNobody, ErrCallTime, ErrCallSize, ErrCallClosed. When
// ctx ends, the error is ctx's as well.
func Call(ctx context.Context, conn *nats.Conn, subject string, body []byte) ([]byte, error) {
	if len(body) > MaxCall {
		return nil, fmt.Errorf("%s: the request has %d bytes, the limit is %d: %w", subject, len(body), MaxCall, ErrCallSize)
	}
	m, err := conn.RequestWithContext(ctx, subject, body)
	if err == nil {
		err = answered(m)
	}
	if e, ok := errors.AsType[*CallError](err); ok && e.Code == callParts {
		b, err := gather(ctx, conn, subject, body)
		return b, callError(subject, err)
	}
	if err != nil {
		return nil, callError(subject, err)
	}
	return m.Data, nil
}

// gather asks for an answer in parts and puts them together.
func gather(ctx context.Context, conn *nats.Conn, subject string, body []byte) ([]byte, error) {
	sub, err := conn.SubscribeSync(conn.NewInbox())
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe() //nolint:errcheck // it ends with the connection at the latest
	q := nats.NewMsg(subject)
	q.Reply, q.Data = sub.Subject, body
	q.Header.Set(headerParts, "1")
	if err := conn.PublishMsg(q); err != nil {
		return nil, err
	}
	var all []byte
	for n := 0; ; n++ {
		m, err := sub.NextMsgWithContext(ctx)
		if err == nil {
			err = answered(m)
		}
		if err != nil {
			return nil, err
		}
		if m.Header.Get(headerPart) != strconv.Itoa(n) {
			return nil, fmt.Errorf("part %d of the answer is missing: %w", n, ErrCallTime)
		}
		if len(all)+len(m.Data) > MaxCallAnswer {
			return nil, fmt.Errorf("the answer has more than %d bytes: %w", MaxCallAnswer, ErrCallSize)
		}
		all = append(all, m.Data...)
		if m.Header.Get(headerParts) != "" {
			return all, nil
		}
	}
}

// statusNobody is what the server says of a subject without subscribers.
const statusNobody = "503"

// answered returns the error that a message carries.
func answered(m *nats.Msg) error {
	if code := m.Header.Get(micro.ErrorCodeHeader); code != "" {
		return &CallError{code, m.Header.Get(micro.ErrorHeader)}
	}
	if len(m.Data) == 0 && m.Header.Get("Status") == statusNobody {
		return ErrNobody
	}
	return nil
}

// callError says what an error of the client means.
func callError(subject string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*CallError](err); ok {
		return e
	}
	var kind error
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, ErrNobody):
		kind = ErrNobody
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		kind = ErrCallClosed
	case temporary(err):
		kind = ErrCallTime
	default:
		return fmt.Errorf("%s: %w", subject, err)
	}
	return fmt.Errorf("%s: %w (%w)", subject, kind, err)
}
