package dispatch

import (
	"context"
	"strings"
	"sync"

	"github.com/recall-ledger/recall-ledger/channels"
)

// wholeSends makes one vendor call for all commands of a recall that name the
// same sends: a send to a million people has thousands of commands, and the first
// call takes it back from everybody. What is remembered is lost by a restart,
// after which the call is made once more; rows that name whole sends are
// repeatable.
type wholeSends struct {
	mu   sync.Mutex
	list map[string]*wholeSend
}

// wholeSend is one call and what came of it.
type wholeSend struct {
	// turn is held by who calls.
	turn chan struct{}
	// result is what every device of the sends got, nil until the vendor has taken
	// them back: a refusal is asked for again when somebody re-drives it.
	result *channels.Result
}

// maxWholeSends is how many results are remembered; then all are forgotten (L11).
const maxWholeSends = 10_000

func (s *wholeSends) of(c channels.Command) *wholeSend {
	name := strings.Join(append([]string{c.App, c.Recall, string(c.Method)}, c.Sends...), "\x00")
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.list == nil || len(s.list) >= maxWholeSends && s.list[name] == nil {
		s.list = map[string]*wholeSend{}
	}
	if s.list[name] == nil {
		s.list[name] = &wholeSend{turn: make(chan struct{}, 1)}
	}
	return s.list[name]
}

// emit makes the call, or answers with what came of it for another command.
func (s *wholeSends) emit(ctx context.Context, c channels.Command, call func() (channels.Reply, error)) (channels.Reply, error) {
	w := s.of(c)
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return channels.All(c, channels.Throttled, channels.ReasonUnreachable), nil
	}
	if w.result != nil {
		return channels.All(c, w.result.Verdict, w.result.Reason), nil
	}
	reply, err := call()
	if err == nil && len(reply.Results) > 0 && same(reply.Results) {
		if x := reply.Results[0]; x.Verdict == channels.Accepted || x.Verdict == channels.Confirmed {
			w.result = &channels.Result{Verdict: x.Verdict, Reason: x.Reason}
		}
	}
	return reply, err
}

// same reports whether all devices got the same result.
func same(list []channels.Result) bool {
	for _, x := range list[1:] {
		if x.Verdict != list[0].Verdict || x.Reason != list[0].Reason {
			return false
		}
	}
	return true
}

// wholeSendOf reports whether a command names whole sends.
func wholeSendOf(c channels.Command) bool {
	row, ok := channels.Lookup(channels.Native, c.Channel)
	return ok && row.NeedsSend && len(c.Sends) > 0 && row.Names(c.Method) == channels.PerTask
}
