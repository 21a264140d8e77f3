package remote

import (
	"context"
	"errors"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/projections"
)

// The codes of answers that mean: ask again, another node as it may be. Nothing
// was done.
const (
	// codeBehind has waited for its fold already.
	codeBehind = "behind"
	// codeElsewhere cannot go on with another node's list.
	codeElsewhere = "elsewhere"
	codeWire      = "wire"
)

// codeBad is a request that cannot be read.
const codeBad = "bad-request"

func again(code string) bool {
	switch code {
	case codeBehind, codeElsewhere, codeWire, jetstream.CallBusy, jetstream.CallStopping:
		return true
	}
	return false
}

// known are the errors that callers tell apart, by their codes.
func known() []failing {
	return []failing{
		{"cursor", projections.ErrCursor},
		{"not-running", dispatch.ErrNotRunning},
		{"store", projections.ErrStore},
		{"unknown", events.ErrUnknown},
		{"overloaded", events.ErrOverloaded},
		{"full", events.ErrFull},
		{"conflict", events.ErrConflict},
		{"deadline", context.DeadlineExceeded},
	}
}

type failing struct {
	code string
	err  error
}

// encode makes the answer of an error.
func encode(err error) error {
	if _, ok := errors.AsType[*jetstream.CallError](err); ok {
		return err
	}
	for _, k := range known() {
		if errors.Is(err, k.err) {
			return &jetstream.CallError{Code: k.code, Text: err.Error()}
		}
	}
	return err
}

// failure is an error of another node.
type failure struct {
	text string
	is   error
}

// decode makes the error of an answer.
func decode(e *jetstream.CallError) error {
	for _, k := range known() {
		if e.Code == k.code {
			return &failure{e.Text, k.err}
		}
	}
	return &failure{e.Text, e}
}

// Error implements error.
func (f *failure) Error() string { return f.text }

// Unwrap returns the error the other node had.
func (f *failure) Unwrap() error { return f.is }
