package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

const (
	apiPrefix = "$JS.API."
	// tryTimeout bounds one try of a request that may be repeated: a server that
	// died with it never answers.
	tryTimeout = 2 * time.Second
	// tryPause is the pause before a request is repeated.
	tryPause = 50 * time.Millisecond
)

// apiError is the part of every answer that says it is none.
type apiError struct {
	Error *js.APIError `json:"error"`
}

func (e *apiError) failure() error {
	if e.Error == nil {
		return nil
	}
	return e.Error
}

// ask makes a request of the JetStream API that changes nothing, or nothing
// twice, and repeats it until somebody answers or ctx ends: a cluster without a
// leader is silent or says that it is unavailable.
func ask[T any, A answerTo[T]](ctx context.Context, conn *nats.Conn, subject string, request any, answer A) error {
	body := []byte{}
	if request != nil {
		var err error
		if body, err = json.Marshal(request); err != nil {
			return err
		}
	}
	for {
		err := try(ctx, conn, subject, body, answer)
		if err == nil || !temporary(err) {
			return err
		}
		if !pause(ctx, tryPause) {
			return fmt.Errorf("%w (%w)", context.Cause(ctx), err)
		}
	}
}

// answerTo is a pointer to what an answer is read into.
type answerTo[T any] interface {
	*T
	failure() error
}

func try[T any, A answerTo[T]](ctx context.Context, conn *nats.Conn, subject string, body []byte, answer A) error {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	reply, err := conn.RequestWithContext(ctx, apiPrefix+subject, body)
	if err != nil {
		return err
	}
	// Nothing of an answer to an earlier try may stay: an answer leaves out what is
	// empty, such as its error.
	*answer = *new(T)
	if err := json.Unmarshal(reply.Data, answer); err != nil {
		return fmt.Errorf("the server's answer to %s: %w", subject, err)
	}
	return answer.failure()
}

// The server's error codes that pass by themselves (nats-server 2.15.2,
// server/jetstream_errors_generated.go, read 2026-11-20).
const (
	// codeUnavailable is said by a cluster without a leader.
	codeUnavailable = 10008
	codeNotLeader   = 10009
	// codeNoPeers and codeNoResources are said of too few servers; in a cluster
	// that is forming or healing, more are to come.
	codeNoPeers     = 10005
	codeNoResources = 10023
)

// scarce reports that there are too few servers at present.
func scarce(api *js.APIError) bool {
	return api.ErrorCode == codeNoPeers || api.ErrorCode == codeNoResources
}

// temporary reports that the same request may well succeed in a moment.
func temporary(err error) bool {
	if api := asAPI(err); api != nil {
		return api.ErrorCode == codeUnavailable || api.ErrorCode == codeNotLeader
	}
	for _, passing := range []error{
		nats.ErrTimeout, nats.ErrNoResponders, nats.ErrReconnectBufExceeded, nats.ErrDisconnected, nats.ErrConnectionReconnecting,
		context.DeadlineExceeded, js.ErrNoHeartbeat, js.ErrNoStreamResponse,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// asAPI returns what the server answered, nil when the error is none of its answers.
func asAPI(err error) *js.APIError {
	if api, ok := errors.AsType[*js.APIError](err); ok {
		return api
	}
	if wrapped, ok := errors.AsType[js.JetStreamError](err); ok {
		return wrapped.APIError()
	}
	return nil
}

func isCode(err error, code js.ErrorCode) bool {
	api := asAPI(err)
	return api != nil && api.ErrorCode == code
}

// pause waits; false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
