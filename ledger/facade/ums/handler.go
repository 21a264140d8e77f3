package ums

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The limits of a request (L11).
const (
	MaxRecallBody = 64 << 10
	MaxSendBody   = 1 << 20
	// timeout bounds how long a request may take to be decided and stored.
	timeout = 30 * time.Second
)

// Config configures a Handler.
type Config struct {
	Desk   *facade.Desk
	Logger *slog.Logger
	// Started is when the node started. Basic authentication carries no time
	// and no nonce, so nothing here looks at it.
	Started time.Time
	// Receivers are the URLs that hear of a message's statuses, by ChannelKey;
	// the first is the default. Who sends to them is not the handler's.
	Receivers map[string][]string
}

// Handler answers the clients and callbacks of UMS.
type Handler struct {
	c     Config
	guard *facade.Guard
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{c: c, guard: facade.NewGuard()}
}

// operation is what a path asks for.
type operation struct {
	name  string
	limit int64
	run   func(*Handler, context.Context, *call) answer
}

// call is an authenticated request.
type call struct {
	r    *http.Request
	key  facade.Credential
	op   operation
	body []byte
}

const retractPrefix = "/v1/retract/"

// find returns what a path asks for. The path is taken as it was sent, so that
// an escaped slash is part of a msgid and not of the route.
func find(path string) (operation, bool) {
	switch path {
	case "/v1/sent":
		return operation{"sent", MaxSendBody, (*Handler).sent}, true
	case "/v1/broadcast":
		return operation{"broadcast", MaxSendBody, (*Handler).broadcast}, true
	case "/v1/template/sent":
		return operation{"template-sent", MaxSendBody, (*Handler).templateSent}, true
	case "/v1/template/broadcast":
		return operation{"template-broadcast", MaxSendBody, (*Handler).templateBroadcast}, true
	case "/callbacks/ums":
		return operation{"callback", MaxSendBody, (*Handler).callback}, true
	}
	if strings.HasPrefix(path, retractPrefix) {
		return operation{"retract", MaxRecallBody, (*Handler).retract}, true
	}
	return operation{}, false
}

// Match reports whether a request is for this facade.
func (h *Handler) Match(r *http.Request) bool {
	_, ok := find(r.URL.EscapedPath())
	return ok
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r).write(w)
}

// Busy answers that the node has no room for a request now, before it is read.
func (h *Handler) Busy(w http.ResponseWriter, _ *http.Request) { limited().write(w) }

// limited asks the client to come back in a second.
func limited() answer {
	a := say(codeRateLimited, "")
	a.later = true
	return a
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) (a answer) {
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	op, ok := find(r.URL.EscapedPath())
	if !ok {
		return say(codeInvalid, "no such path")
	}
	defer func() {
		if cause := recover(); cause != nil {
			h.c.Logger.ErrorContext(ctx, "a handler panicked", slog.String("facade", facade.UMS), slog.String("operation", op.name),
				slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
			a = say(codeInternal, "")
		}
	}()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, op.limit))
	// Who asks comes before what is wrong with the question.
	key, verdict := h.authenticate(r, op)
	var large *http.MaxBytesError
	switch {
	case verdict == facade.Limited:
		h.c.Logger.WarnContext(ctx, "too many requests failed to authenticate", slog.String("facade", facade.UMS), slog.String("operation", op.name))
		return limited()
	case verdict == facade.Wrong:
		h.c.Logger.WarnContext(ctx, "authentication refused", slog.String("facade", facade.UMS), slog.String("operation", op.name))
		return say(codeUnauthenticated, "")
	case key.Disabled:
		return say(codeChannelClosed, "")
	case errors.As(err, &large):
		return say(codeInvalid, fmt.Sprintf("the body is longer than %d bytes", op.limit))
	case err != nil:
		return say(codeInvalid, "the body broke off")
	case r.Method != http.MethodPost && op.name != "callback":
		return say(codeInvalid, "the method must be POST")
	}
	return op.run(h, ctx, &call{r: r, key: key, op: op, body: body})
}

// authenticate checks Basic ChannelKey:MasterSecret. An unknown key is compared
// with a secret nobody knows, so that it costs the same (L10).
func (h *Handler) authenticate(r *http.Request, op operation) (facade.Credential, facade.Verdict) {
	id, secret, ok := r.BasicAuth()
	if !ok || id == "" {
		return facade.Credential{}, facade.Wrong // nothing is guessed
	}
	door := id
	if op.name == "callback" {
		// A sender of callbacks that is set up wrong locks no client out.
		door = "callback " + id
	}
	var key facade.Credential
	verdict := h.guard.Check(door, r.RemoteAddr, h.c.Desk.Clock(), func() bool {
		var known bool
		key, known = h.c.Desk.Credentials.Find(facade.UMS, id)
		return key.Matches(secret) && known
	})
	return key, verdict
}

// retracted returns the msgid that the path of a retract names.
func retracted(path string) (string, bool) {
	msgid, err := url.PathUnescape(strings.TrimPrefix(path, retractPrefix))
	return msgid, err == nil && events.CheckID("msgid", msgid, events.MaxPush) == nil
}

// retract takes a message back.
func (h *Handler) retract(ctx context.Context, c *call) answer {
	msgid, ok := retracted(c.r.URL.EscapedPath())
	if !ok {
		// What cannot be an id is unknown, and says so in the same words.
		return refused(&ledger.Refusal{Code: ledger.UnknownPush})
	}
	switch string(bytes.TrimSpace(c.body)) {
	case "", "null", "{}":
	default:
		return say(codeInvalid, "a retract takes no parameters beside the msgid")
	}
	_, refusal, err := h.c.Desk.Recall(ctx, ledger.Request{App: c.key.App, Push: msgid, Action: channels.Recall, By: c.key.String()})
	switch {
	case err != nil:
		return h.failed(ctx, c, err)
	case refusal != nil:
		return refused(refusal)
	}
	return say(codeSuccess, "")
}

// failed answers what could not be decided or stored.
func (h *Handler) failed(ctx context.Context, c *call, err error) answer {
	var field *events.FieldError
	if errors.As(err, &field) {
		return say(codeInvalid, field.Error())
	}
	h.c.Logger.ErrorContext(ctx, "a request failed", slog.String("facade", facade.UMS), slog.String("operation", c.op.name),
		slog.String("app", c.key.App), slog.String("error", err.Error()))
	a := say(codeInternal, "")
	a.later = errors.Is(err, events.ErrOverloaded)
	return a
}

// answer is what the client gets. The fields are in the vendor's order.
type answer struct {
	Code    code   `json:"code"`
	Message string `json:"message"`
	MsgID   string `json:"msgid,omitempty"`
	SendNo  string `json:"sendno,omitempty"`

	// later asks the client to come back in a second.
	later bool
	// echo, if set, is the whole body: the answer to a probe of the callback.
	echo *string
}

// say returns the answer of a code; text replaces the code's own.
func say(c code, text string) answer {
	if text == "" {
		text = meanings()[c].message
	}
	return answer{Code: c, Message: text}
}

func (a answer) write(w http.ResponseWriter) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if a.echo != nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, *a.echo) // a failed write is a client that has gone
		return
	}
	b, err := json.Marshal(a)
	if err != nil { // numbers and strings always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if a.Code == codeUnauthenticated {
		w.Header().Set("WWW-Authenticate", `Basic realm="UMS"`)
	}
	if a.later {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(meanings()[a.Code].status)
	_, _ = w.Write(b) // as above
}
