package mpaas

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The business result codes in use:
// help.aliyun.com/document_detail/2871134.html, and 8011 from
// help.aliyun.com/document_detail/2882067.html, both checked 2026-11-20.
const (
	// resultOK is what the page of the recall shows; the table of codes says
	// 100, which newer actions answer.
	resultOK             = "OK"
	resultNeedApp        = "3003"
	resultAppWrong       = "3007"
	resultDeliveryType   = "3009"
	resultNeedUser       = "3012"
	resultExpiry         = "3020"
	resultNeedTarget     = "3021"
	resultNoTemplate     = "3022"
	resultTemplateValues = "3023"
	resultNeedTemplate   = "3025"
	resultExpiryTooLong  = "3026"
	resultInvalid        = "3028"
	resultTooManyTargets = "3029"
	resultBroadcastUsers = "3030"
	resultNotUTF8        = "3031"
	resultTooLong        = "3043"
	resultFlowControl    = "8011"
)

// resultText is the ResultMessage of a code.
func resultText(code string) string {
	return map[string]string{
		resultOK: "SUCCESS",
		// The page of the recall shows this text and no other.
		resultInvalid:        "param is invalid",
		resultNeedApp:        "NEED_APPID_WORKSPACEID",
		resultAppWrong:       "APPID_WRONG",
		resultDeliveryType:   "DELIVERY_TYPE_NOT_SUPPORTED",
		resultNeedUser:       "NEED_USERID",
		resultExpiry:         "EXPIREDSECONDS_WRONG",
		resultNeedTarget:     "TOKEN_OR_USERID_NULL",
		resultNoTemplate:     "TEMPLATE_NOT_EXIST",
		resultTemplateValues: "TEMPLATEKV_NOT_ENOUGH",
		resultNeedTemplate:   "NEED_TEMPLATE",
		resultExpiryTooLong:  "EXPIREDTIME_TOO_LONG",
		resultTooManyTargets: "SINGLE_PUSH_TARGET_TOO_MUCH",
		resultBroadcastUsers: "BROADCAST_ONLY_SUPPORT_BY_DEVICE",
		resultNotUTF8:        "REQUEST_SHOULD_BE_UTF8",
		resultTooLong:        "SINGLE_PUSH_CONTENT_TOO_LONG",
		resultFlowControl:    "FLOW_CONTROL_ERROR",
	}[code]
}

// failure is a business answer other than OK. It is an error.
type failure struct {
	code, reason string
}

func (f *failure) Error() string { return f.code + " " + f.reason }

func failed(code, format string, args ...any) error {
	return &failure{code, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error { return failed(resultInvalid, format, args...) }

// unknownPush is the answer for an id that is not the caller's, in the words of
// the ledger's own refusal.
func unknownPush(id string) error { return invalid("no push %q is known to this app", id) }

// refused translates the ledger's refusal.
func refused(r *ledger.Refusal) error {
	if r.Code == ledger.RateLimited {
		return failed(resultFlowControl, "%s", r.Message)
	}
	return invalid("%s", r.Message)
}

// translate sorts an error: what the caller can mend is a business answer,
// what is our fault is the gateway's.
func translate(err error) (*failure, *fault) {
	var business *failure
	var field *events.FieldError
	switch {
	case err == nil:
		return nil, nil
	case errors.As(err, &business):
		return business, nil
	case errors.As(err, &field):
		code := resultInvalid
		if field.Field == "data.title" || field.Field == "data.body" {
			code = resultTooLong
		}
		return &failure{code, strings.TrimPrefix(err.Error(), "data.")}, nil
	case errors.Is(err, facade.ErrTaken):
		return &failure{resultInvalid, err.Error()}, nil
	}
	for _, passing := range []error{
		events.ErrOverloaded, events.ErrUnknown, events.ErrFull, events.ErrClosed, events.ErrConflict, context.Canceled, context.DeadlineExceeded,
	} {
		if errors.Is(err, passing) {
			return nil, fail(codeUnavailable)
		}
	}
	return nil, fail(codeInternal)
}

// result is what every business answer begins with.
type result struct {
	RequestID     string `json:"RequestId"`
	ResultCode    string
	ResultMessage string
}

func resultOf(id string, f *failure) result {
	code := resultOK
	if f != nil {
		code = f.code
	}
	return result{id, code, resultText(code)}
}

// pushAnswer is the answer of pushes and recalls. PushResult must be an object:
// as the string that the page speaks of, the vendor's own SDKs cannot read it.
type pushAnswer struct {
	result
	PushResult pushResult
}

type pushResult struct {
	Success   bool
	ResultMsg string
	Data      string
}

// pushForm makes the answer of a push or recall; content is the id in Data.
func pushForm(id string, content any, f *failure) any {
	a := pushAnswer{result: resultOf(id, f)}
	if f != nil {
		a.PushResult.ResultMsg = f.reason
		return a
	}
	data, _ := content.(string)
	a.PushResult = pushResult{Success: true, ResultMsg: a.ResultMessage, Data: data}
	return a
}

// listAnswer is the answer of QueryPushSchedulerList.
type listAnswer struct {
	result
	ResultContent struct{ Data scheduledPage }
}

func listForm(id string, content any, f *failure) any {
	a := listAnswer{result: resultOf(id, f)}
	a.ResultContent.Data.List = []scheduled{}
	if page, ok := content.(scheduledPage); ok {
		a.ResultContent.Data = page
	}
	if f != nil {
		a.ResultMessage += ": " + f.reason
	}
	return a
}

// cancelAnswer is the answer of CancelPushScheduler.
type cancelAnswer struct {
	result
	ResultContent string
}

func cancelForm(id string, _ any, f *failure) any {
	a := cancelAnswer{result: resultOf(id, f)}
	a.ResultContent = a.ResultMessage
	if f != nil {
		a.ResultContent = f.reason
	}
	return a
}
