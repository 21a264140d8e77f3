package tpns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The limits of a request (L11). Recalls have slots of their own, so that a
// flood of sends cannot keep them out.
const (
	maxRecallBody  = 64 << 10
	maxSendBody    = 1 << 20
	maxSends       = 128
	maxRecalls     = 64
	requestTimeout = 30 * time.Second
)

// Config configures a Handler.
type Config struct {
	Desk   *facade.Desk
	Logger *slog.Logger
	// Started is when the node started: signed requests from before it may be
	// repetitions that nobody remembers.
	Started time.Time
}

// Handler serves the facade.
type Handler struct {
	c         Config
	endpoints map[string]endpoint
	// looked, sent and recalled are the signatures that were used: apart, so
	// that a flood of sends fills no memory that recalls need.
	looked, sent, recalled *facade.Nonces
	guard                  *facade.Guard
	// sends, recalls and lists bound what is under way.
	sends, recalls, lists chan struct{}
}

// New returns a handler.
func New(c Config) *Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	nonces := func() *facade.Nonces { return facade.NewNonces(2*skew, c.Started) }
	h := &Handler{
		c: c, endpoints: map[string]endpoint{}, looked: nonces(), sent: nonces(), recalled: nonces(),
		guard: facade.NewGuard(), sends: make(chan struct{}, maxSends), recalls: make(chan struct{}, maxRecalls), lists: make(chan struct{}, maxLists),
	}
	for _, e := range endpoints() {
		h.endpoints[e.path] = e
	}
	return h
}

// form says under which names a page documents code and text.
type form uint8

const (
	// both: no page documents an answer.
	both form = iota
	// snake: ret_code and err_msg.
	snake
	// camel: retCode and errMsg.
	camel
)

// endpoint is one path of the vendor's.
type endpoint struct {
	path string
	form form
	// changes is true when a repetition of the request must not be taken.
	changes bool
	// urgent requests have the slots of recalls.
	urgent bool
	limit  int64
	serve  func(*Handler, context.Context, *call) (any, error)
}

// endpoints are the paths served: tencentcloud.com/document/product/1024/39003,
// 33764, 33772, 33773 and 48715, checked 2026-11-20.
func endpoints() []endpoint {
	return []endpoint{
		{"/v3/push/stop_push_msg", both, true, true, maxRecallBody, (*Handler).terminate},
		{"/v3/push/revoke_push_msg", both, true, true, maxRecallBody, (*Handler).recall},
		{"/v3/push/cancel_timing_task", both, true, true, maxRecallBody, (*Handler).cancel},
		{"/v3/push/app", snake, true, false, maxSendBody, (*Handler).push},
		{"/v3/statistics/get_push_record", camel, false, false, maxRecallBody, (*Handler).record},
		{"/v3/statistics/get_push_task_stat_channel", camel, false, false, maxRecallBody, (*Handler).statistics},
		{"/v3/toolbox/getPushListByToken", camel, false, false, maxRecallBody, (*Handler).listByToken},
	}
}

// call is an authenticated request.
type call struct {
	app string
	// by names the credential.
	by   string
	body []byte
	now  time.Time
	// remote is the address of the caller.
	remote string
}

// Match reports whether a request is for this facade: its paths are the
// vendor's alone, so that those it does not serve get the vendor's answer too.
func (h *Handler) Match(r *http.Request) bool {
	for _, prefix := range []string{"/v3/push/", "/v3/statistics/", "/v3/toolbox/", "/v3/device/"} {
		if strings.HasPrefix(r.URL.Path, prefix) {
			return true
		}
	}
	return false
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	e := h.route(r)
	c := &call{now: h.c.Desk.Clock(), remote: r.RemoteAddr}
	answer, err := h.answer(ctx, e, c, w, r)
	code := codeOK
	if err != nil {
		f, own := failureOf(err)
		if own && r.Context().Err() == nil {
			h.c.Logger.ErrorContext(ctx, "a TPNS request failed", slog.String("path", e.path), slog.String("error", err.Error()))
		}
		code, answer = f.code, e.form.failed(f)
	}
	h.write(w, code, answer)
	h.c.Logger.InfoContext(ctx, "tpns", slog.String("path", e.path), slog.Int("code", code), slog.String("app", c.app),
		slog.String("key", c.by), slog.Duration("took", time.Since(start)))
}

// Busy answers that the node has no room for a request now, before it is read.
func (h *Handler) Busy(w http.ResponseWriter, r *http.Request) {
	h.write(w, codeFast, h.route(r).form.failed(&failure{codeFast, "too many requests are under way; try again later"}))
}

// route returns what a request is for.
func (h *Handler) route(r *http.Request) endpoint {
	if e, known := h.endpoints[r.URL.Path]; known {
		return e
	}
	// The path comes from outside: it is neither logged nor answered.
	return endpoint{path: "other", form: both, limit: maxRecallBody, serve: (*Handler).nowhere}
}

// answer serves a request; whatever happens ends as an answer or an error, so
// that even a bug is answered in the vendor's form.
func (h *Handler) answer(ctx context.Context, e endpoint, c *call, w http.ResponseWriter, r *http.Request) (answer any, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic: %v\n%s", cause, debug.Stack())
		}
	}()
	if c.body, err = read(w, r, e.limit); err != nil {
		return nil, err
	}
	if err := h.authenticate(r.Header, e, c); err != nil {
		return nil, err
	}
	// Only who is known gets a slot: a stranger's slow body holds none.
	slots := h.sends
	if e.urgent {
		slots = h.recalls
	}
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	default:
		return nil, fail(codeFast, "%d requests are under way, the limit", cap(slots))
	}
	if r.Method != http.MethodPost {
		return nil, fail(codeInvalid, "use POST")
	}
	return e.serve(h, ctx, c)
}

// read takes the body in whole: the signature is over its very bytes. It needs
// neither Content-Length nor Content-Type.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, fail(codeInvalid, "the body is larger than %d bytes, the limit", limit)
	case err != nil:
		return nil, fail(codeParse, "the body broke off")
	}
	return b, nil
}

func (h *Handler) nowhere(context.Context, *call) (any, error) {
	return nil, fail(codeInvalid, "this interface is not served here")
}

// result is the answer where no page documents one.
type result struct {
	RetCode int    `json:"ret_code"`
	ErrMsg  string `json:"err_msg"`
	Code    int    `json:"retCode"`
	Message string `json:"errMsg"`
}

// failed is the answer of a failure.
func (f form) failed(x *failure) any {
	switch f {
	case snake:
		return pushAnswer{RetCode: x.code, ErrMsg: &x.message}
	case camel:
		return recordAnswer{RetCode: x.code, ErrMsg: x.message}
	case both:
	}
	return result{x.code, x.message, x.code, x.message}
}

func (h *Handler) write(w http.ResponseWriter, code int, answer any) {
	b, err := json.Marshal(answer)
	if err != nil { // the answers are plain structures
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if code == codeFast {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(http.StatusOK)
	// A client that went away reads no answer.
	_, _ = w.Write(b)
}
