package callback

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/recall-ledger/recall-ledger/events"
)

// problem is an answer other than 200, in the form of the native API (RFC 9457).
// It is an error.
type problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail,omitempty"`
	Code       string `json:"code"`
	Field      string `json:"field,omitempty"`
	Limit      int64  `json:"limit,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"`
}

// Error is one line.
func (p *problem) Error() string { return p.Code + ": " + p.Detail }

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	p.Type = "/problems/" + p.Code
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	b, err := json.Marshal(p)
	if err != nil { // it holds texts and numbers
		panic(err)
	}
	w.WriteHeader(p.Status)
	// A failed write is a caller that has gone.
	_, _ = w.Write(b)
}

// unknown is the answer to an address that is not configured and to a proof that
// does not hold alike.
func unknown() *problem {
	return &problem{
		Status: http.StatusUnauthorized, Code: "unauthenticated", Title: "No valid credential",
		Detail: "the address or what proves the call is wrong; which of them is not told",
	}
}

func badJSON(format string, args ...any) *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "bad-json", Title: "The body is not JSON as expected",
		Detail: fmt.Sprintf(format, args...),
	}
}

// badField names a field of an item of the body.
func badField(index int, e *events.FieldError) *problem {
	return &problem{
		Status: http.StatusBadRequest, Code: "bad-request", Title: "The request is not right",
		Field: fmt.Sprintf("[%d].%s", index, e.Field), Detail: e.Reason,
	}
}

func tooLarge() *problem {
	return &problem{
		Status: http.StatusRequestEntityTooLarge, Code: "body-too-large", Title: "The body is too large",
		Detail: fmt.Sprintf("the body has more than %d bytes, the limit", MaxBody), Limit: MaxBody,
	}
}

func tooMany(what string, limit int64) *problem {
	return &problem{
		Status: http.StatusRequestEntityTooLarge, Code: "too-many-events", Title: "The request has too many events",
		Detail: fmt.Sprintf("the body has more than %d %s, the limit; split it", limit, what), Limit: limit,
	}
}

// later asks the caller to repeat the call.
func later(status int, code, title string) *problem {
	return &problem{Status: status, Code: code, Title: title, Detail: "nothing is lost: repeat the call", RetryAfter: 1}
}
