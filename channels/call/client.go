package call

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"
)

// MaxAnswer is how much of an answer is read, in bytes (L11). The longest that a
// vendor documents names 1,000 tokens of 512 bytes.
const MaxAnswer = 1 << 20

// The content types of bodies where a vendor demands nothing more.
const (
	TypeJSON = "application/json"
	TypeForm = "application/x-www-form-urlencoded"
)

// maxRetryAfter bounds what a vendor's Retry-After can ask for.
const maxRetryAfter = 24 * time.Hour

// ErrUnmade is a request that could not be made of what the command names.
var ErrUnmade = errors.New("the request cannot be made")

// ErrNotSent is a request that did not reach the vendor: nothing happened.
var ErrNotSent = errors.New("the request did not reach the vendor")

// ErrNoAnswer is a request that may have reached the vendor, of which it is not
// known what came.
var ErrNoAnswer = errors.New("the vendor gave no usable answer")

// Client makes calls. HTTP is required; it should neither follow redirects nor
// retry. Clock is required for Retry-After given as a date.
type Client struct {
	HTTP  *http.Client
	Clock func() time.Time
}

// Answer is a whole answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// RetryAfter is what the vendor asked for, 0 when it asked for nothing.
	RetryAfter time.Duration
}

// JSON reads the answer into v and reports whether it is JSON of v's form. What
// v does not name is passed over, since vendors add fields.
func (a Answer) JSON(v any) bool { return json.Unmarshal(a.Body, v) == nil }

// Request is a call in the form in which most adapters make it.
type Request struct {
	// Method is POST by default.
	Method string
	URL    string
	// Type is the content type of Body; empty where there is no body.
	Type   string
	Body   []byte
	Header map[string]string
}

// Send makes a request and reads the whole answer. The error is ErrUnmade, or one
// of Do.
func (c Client) Send(ctx context.Context, r Request) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, cmp.Or(r.Method, http.MethodPost), r.URL, bytes.NewReader(r.Body))
	if err != nil { // which would hold the URL
		return Answer{}, ErrUnmade
	}
	if r.Type != "" {
		req.Header.Set("Content-Type", r.Type)
	}
	for name, v := range r.Header {
		req.Header.Set(name, v)
	}
	return c.Do(req)
}

// Do makes one call and reads the whole answer. The error is ErrNotSent or
// ErrNoAnswer with its cause, without the request's URL.
func (c Client) Do(req *http.Request) (Answer, error) {
	var written atomic.Bool
	trace := &httptrace.ClientTrace{
		// Until the headers are written the vendor cannot have understood anything.
		WroteHeaders: func() { written.Store(true) },
	}
	res, err := c.HTTP.Do(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil {
		kind := ErrNotSent
		if written.Load() {
			kind = ErrNoAnswer
		}
		return Answer{}, fmt.Errorf("%w: %w", kind, bare(err))
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrNoAnswer, bare(err))
	}
	if len(b) > MaxAnswer {
		return Answer{}, fmt.Errorf("%w: it is longer than %d bytes", ErrNoAnswer, MaxAnswer)
	}
	return Answer{Status: res.StatusCode, Header: res.Header, Body: b, RetryAfter: c.retryAfter(res.Header)}, nil
}

// bare takes the URL, which may hold tokens, out of an error.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// retryAfter reads the header in both forms of RFC 9110, section 10.2.3.
func (c Client) retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	// A number too large to read comes back as the largest.
	if n, err := strconv.ParseUint(v, 10, 31); err == nil || errors.Is(err, strconv.ErrRange) {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(c.Clock()), 0), maxRetryAfter)
	}
	return 0
}
