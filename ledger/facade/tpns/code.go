package tpns

import (
	"errors"
	"fmt"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
)

// The vendor's codes that this facade answers, from
// cloud.tencent.com/document/product/548/39080, checked 2026-11-20.
const (
	codeOK = 0
	// codeParse: parameter parse error.
	codeParse = 1008001
	// codeMissing: a required parameter is missing.
	codeMissing = 1008002
	// codeAuth: authentication failed.
	codeAuth = 1008003
	// codeService: an internal service failed.
	codeService = 1008004
	// codeToken: invalid token.
	codeToken = 1008006
	// codeInvalid: invalid parameter.
	codeInvalid = 1008007
	// codeUnknown: the push id does not exist.
	codeUnknown = 1008015
	// codeDate: date parameter format error.
	codeDate = 1008016
	// codeFast: requests come too fast.
	codeFast = 1008028
	// codeTime: illegal push time.
	codeTime = 10010012
	// codeNobody: no token and no account.
	codeNobody = 10110008
)

// noError is what statistics say when nothing is wrong.
const noError = "NO_ERROR"

// failure is an answer with a code other than 0.
type failure struct {
	code    int
	message string
}

func (f *failure) Error() string { return f.message }

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}

// refusals are the answers to the refusals of a decision. The vendor documents
// no code for a push that was taken back already, so it is an invalid parameter
// as the other refusals are, and the text names the first recall.
var refusals = map[ledger.Code]int{
	ledger.UnknownPush:          codeUnknown,
	ledger.UnknownDevice:        codeUnknown,
	ledger.NotScheduled:         codeInvalid,
	ledger.AlreadyStarted:       codeInvalid,
	ledger.WindowClosed:         codeInvalid,
	ledger.RateLimited:          codeFast,
	ledger.AlreadyRecalled:      codeInvalid,
	ledger.TooManyRecalls:       codeInvalid,
	ledger.AudienceNotAllowed:   codeInvalid,
	ledger.ReplacementMissing:   codeMissing,
	ledger.ReplacementPushTaken: codeService,
	ledger.WholeSends:           codeInvalid,
}

func refused(r *ledger.Refusal) error {
	code, known := refusals[r.Code]
	if !known {
		code = codeService
	}
	return &failure{code, r.Message}
}

// failureOf makes an answer of any error. The second result says that it is a
// failure of our own, of which the caller learns no more than the code.
func failureOf(err error) (f *failure, own bool) {
	var field *events.FieldError
	switch {
	case errors.As(err, &f):
		return f, false
	case errors.As(err, &field):
		return &failure{codeInvalid, field.Error()}, false
	case errors.Is(err, events.ErrOverloaded):
		return &failure{codeFast, events.ErrOverloaded.Error()}, true
	}
	return &failure{codeService, "the service failed; try again"}, true
}
