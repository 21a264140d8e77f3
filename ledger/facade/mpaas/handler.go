package mpaas

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The limits of a request (L11), in bytes.
const (
	// MaxRecallBody bounds the body of everything that sends nothing.
	MaxRecallBody = 64 << 10
	// MaxPushBody bounds the body of a push.
	MaxPushBody = 1 << 20
	// MaxNonce bounds a signature nonce.
	MaxNonce = 256
	// MaxEcho bounds the string to sign that a wrong signature gets back.
	MaxEcho = 16 << 10
)

// The limits of a call (L11).
const (
	// MaxTargets is how many targets a PushSimple or PushTemplate may name:
	// help.aliyun.com/en/document_detail/2871127.html, checked 2026-11-20.
	MaxTargets = 10
	// MaxBatch is how many targets a PushMultiple may name:
	// help.aliyun.com/en/document_detail/2871128.html, checked 2026-11-20.
	MaxBatch = 100
	// MaxCancel is how many scheduled pushes one call may cancel.
	MaxCancel = 100
	// MaxList is how many pushes of an app a list of scheduled ones looks at.
	MaxList = 100_000
	// MaxPage is how many scheduled pushes one page has.
	MaxPage = 500
	// MaxExpiry is the longest ExpiredSeconds: the log keeps no push longer.
	MaxExpiry = 30 * 24 * time.Hour
)

const (
	// skew is how far a client's clock may be off, and nonceKept how long a
	// nonce is remembered: the width of that window and a minute.
	skew      = 15 * time.Minute
	nonceKept = 31 * time.Minute
)

// Config configures a Handler.
type Config struct {
	Desk   *facade.Desk
	Logger *slog.Logger
	// Started is when the node started; what was signed before is refused.
	Started time.Time
	// Templates returns an app's message template by its name. Without it no
	// template exists.
	Templates func(app, name string) (Template, bool)
}

// Handler answers the API.
type Handler struct {
	c      Config
	nonces *facade.Nonces
	guard  *facade.Guard
}

// New returns a handler.
func New(c Config) *Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Templates == nil {
		c.Templates = func(string, string) (Template, bool) { return Template{}, false }
	}
	return &Handler{c: c, nonces: facade.NewNonces(nonceKept, c.Started), guard: facade.NewGuard()}
}

// Match reports whether a request is for this facade. All of the API is on one
// path, on which a browser's plain GET is somebody else's.
func (h *Handler) Match(r *http.Request) bool {
	if r.URL.Path != "/" && r.URL.Path != "" {
		return false
	}
	if r.Method == http.MethodPost || isACS3(r.Header) || r.Header.Get(headerAction) != "" {
		return true
	}
	q := r.URL.Query()
	return r.Method != http.MethodHead && (q.Has(paramAction) || q.Has(paramKey))
}

// operation is one action of the API.
type operation struct {
	name string
	// limit bounds the body.
	limit int
	run   func(*Handler, context.Context, *call) (any, error)
	// form makes the business answer of what run returned.
	form func(id string, content any, f *failure) any
}

// operations lists the actions.
func operations() []operation {
	return []operation{
		{"RevokePushMessage", MaxRecallBody, (*Handler).revokeMessage, pushForm},
		{"RevokePushTask", MaxRecallBody, (*Handler).revokeTask, pushForm},
		{"PushSimple", MaxPushBody, (*Handler).pushSimple, pushForm},
		{"PushTemplate", MaxPushBody, (*Handler).pushTemplate, pushForm},
		{"PushMultiple", MaxPushBody, (*Handler).pushMultiple, pushForm},
		{"PushBroadcast", MaxPushBody, (*Handler).pushBroadcast, pushForm},
		{"QueryPushSchedulerList", MaxRecallBody, (*Handler).listScheduled, listForm},
		{"CancelPushScheduler", MaxRecallBody, (*Handler).cancelScheduled, cancelForm},
	}
}

// findOperation returns the operation of an action.
func findOperation(action string) (operation, bool) {
	for _, o := range operations() {
		if o.name == action {
			return o, true
		}
	}
	return operation{}, false
}

// reply is what goes back.
type reply struct {
	status int
	// code is the gateway's or the business code, for the log.
	code string
	body any
	// retry asks the client to come back.
	retry bool
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	c := call{remote: r.RemoteAddr}
	answer := h.serve(w, r, id, &c)
	h.write(w, r, id, answer)
	// The action is the caller's text until it was found in the table.
	action := "other"
	if o, ok := findOperation(c.action); ok {
		action = o.name
	}
	h.c.Logger.InfoContext(r.Context(), "mpaas", slog.String("request", id), slog.String("action", action),
		slog.String("app", c.app), slog.Int("status", answer.status), slog.String("code", answer.code))
}

// Busy answers that the node has no room for a request now, before it is read.
func (h *Handler) Busy(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	h.write(w, r, id, gatewayReply(id, r.Host, fail(codeThrottled)))
}

// requestID makes the id of a request.
func requestID() string { return strings.ToUpper(uuid.NewString()) }

func (h *Handler) write(w http.ResponseWriter, r *http.Request, id string, answer reply) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(answer.body); err != nil { // plain structs always encode
		panic(err)
	}
	head := w.Header()
	head.Set("Content-Type", "application/json;charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Acs-Request-Id", id)
	if answer.retry {
		head.Set("Retry-After", "1")
	}
	w.WriteHeader(answer.status)
	if _, err := w.Write(bytes.TrimRight(b.Bytes(), "\n")); err != nil {
		h.c.Logger.DebugContext(r.Context(), "the answer was not read", slog.String("request", id))
	}
}

// serve answers one request, also when something here breaks.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, id string, c *call) (answer reply) {
	ctx := r.Context()
	defer func() {
		cause := recover()
		if cause == nil {
			return
		}
		h.c.Logger.ErrorContext(ctx, "a handler panicked", slog.String("request", id),
			slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
		answer = gatewayReply(id, r.Host, fail(codeInternal))
	}()
	o, f := read(w, r, c)
	if f == nil {
		f = h.admit(c)
	}
	if f != nil {
		return gatewayReply(id, r.Host, f)
	}
	content, err := func() (any, error) {
		if err := c.check(); err != nil {
			return nil, err
		}
		return o.run(h, ctx, c)
	}()
	business, f := translate(err)
	if f != nil {
		h.c.Logger.ErrorContext(ctx, "the request failed", slog.String("request", id), slog.String("action", o.name),
			slog.String("app", c.app), slog.String("error", err.Error()))
		return gatewayReply(id, r.Host, f)
	}
	code := resultOK
	if business != nil {
		code = business.code
	}
	return reply{status: http.StatusOK, code: code, body: o.form(id, content, business)}
}

func gatewayReply(id, host string, f *fault) reply {
	return reply{
		status: f.status, code: f.code,
		retry: f.code == codeUnavailable || f.code == codeThrottled || f.code == codeThrottledUser,
		body:  gatewayAnswer{RequestID: id, HostID: host, Code: f.code, Message: f.message},
	}
}
