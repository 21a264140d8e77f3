package timpush

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
)

// The limits of a request (L11).
const (
	MaxRecallBody = 64 << 10
	MaxSendBody   = 1 << 20
	// timeout bounds how long a request may take to be decided and stored.
	timeout = 30 * time.Second
)

// administrator may act where a credential names nobody.
const administrator = "administrator"

// Config configures a Handler.
type Config struct {
	Desk   *facade.Desk
	Logger *slog.Logger
	// Started is when the node started. A UserSig is meant to be sent many
	// times and has no nonce, so nothing here looks at it.
	Started time.Time
	// MaxLife bounds how long a UserSig is valid. Default DefaultLife.
	MaxLife time.Duration
}

// Handler answers the clients and callbacks of TIMPush.
type Handler struct {
	c     Config
	guard *facade.Guard
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.MaxLife == 0 {
		c.MaxLife = DefaultLife
	}
	return &Handler{c: c, guard: facade.NewGuard()}
}

const (
	apiPrefix    = "/v4/timpush/"
	callbackPath = "/callbacks/timpush"
)

// operation is what a path asks for.
type operation struct {
	name  string
	limit int64
	run   func(*Handler, context.Context, *call) answer
}

// call is an authenticated request.
type call struct {
	key  facade.Credential
	op   operation
	body []byte
}

func find(path string) (operation, bool) {
	switch path {
	case apiPrefix + "revoke":
		return operation{"revoke", MaxRecallBody, (*Handler).revoke}, true
	case apiPrefix + "push":
		return operation{"push", MaxSendBody, (*Handler).push}, true
	case apiPrefix + "batch":
		return operation{"batch", MaxSendBody, (*Handler).batch}, true
	case callbackPath:
		return operation{"callback", MaxSendBody, (*Handler).callback}, true
	}
	return operation{name: "other", limit: MaxRecallBody}, false
}

// Match reports whether a request is for this facade. Everything below its
// prefix is, so that a call that is not offered is refused in its form.
func (h *Handler) Match(r *http.Request) bool {
	return r.URL.Path == callbackPath || strings.HasPrefix(r.URL.Path, apiPrefix)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r).write(w)
}

// Busy answers that the node has no room for a request now, before it is read.
func (h *Handler) Busy(w http.ResponseWriter, r *http.Request) {
	op, _ := find(r.URL.Path)
	a := h.lost(op)
	a.later = true
	a.write(w)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request) (a answer) {
	ctx, cancel := context.WithTimeout(r.Context(), timeout)
	defer cancel()
	op, known := find(r.URL.Path)
	defer func() {
		if cause := recover(); cause != nil {
			h.c.Logger.ErrorContext(ctx, "a handler panicked", slog.String("facade", facade.TIMPush), slog.String("operation", op.name),
				slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
			a = h.lost(op)
		}
	}()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, op.limit))
	// Who asks comes before what is wrong with the question.
	var c code
	query, badQuery := url.ParseQuery(r.URL.RawQuery)
	q := &call{op: op, body: body}
	switch {
	case badQuery != nil:
		c = codeBadURL
	case op.name == "callback":
		q.key, c = h.authenticateCallback(r.RemoteAddr, query)
	default:
		q.key, c = h.authenticate(r.RemoteAddr, query)
	}
	var large *http.MaxBytesError
	switch {
	case c != codeOK:
		h.c.Logger.WarnContext(ctx, "request refused", slog.String("facade", facade.TIMPush), slog.String("operation", op.name), slog.Int("code", int(c)))
	case !known:
		c = codeBadResource
	case errors.As(err, &large):
		c = codeLargeBody
	case err != nil, r.Method != http.MethodPost:
		c = codeBadHTTP
	}
	if c == codeOK {
		return op.run(h, ctx, q)
	}
	a = say(c)
	if op.name == "callback" {
		a = say(codeCallback)
	}
	if c == codeTooManyFailures {
		if op.name == "callback" {
			a = h.lost(op) // it may be a good one, so it has to come again
		}
		a.later = true
	}
	return a
}

// authenticate checks the UserSig of an administrator. For an unknown SDKAppID
// it checks against a key nobody knows, and answers the same (L10).
func (h *Handler) authenticate(remote string, query url.Values) (facade.Credential, code) {
	var none facade.Credential
	for _, p := range []struct {
		name    string
		missing code
	}{{"sdkappid", codeNoSDKAppID}, {"identifier", codeNoIdentifier}, {"usersig", codeNoUserSig}} {
		switch {
		case len(query[p.name]) > 1:
			return none, codeBadURL // which of them was meant?
		case query.Get(p.name) == "":
			return none, p.missing
		}
	}
	id, identifier := query.Get("sdkappid"), query.Get("identifier")
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != id || n == 0 {
		return none, codeBadSDKAppID
	}
	u, err := parseUserSig(query.Get("usersig"))
	if err != nil {
		return none, codeBadUserSig
	}
	var key facade.Credential
	verdict := h.guard.Check(id, remote, h.c.Desk.Clock(), func() bool {
		var known bool
		key, known = h.c.Desk.Credentials.Find(facade.TIMPush, id)
		return u.signedBy(key.Secret) && known
	})
	switch {
	case verdict == facade.Limited:
		return none, codeTooManyFailures
	case u.SDKAppID != n:
		return none, codeWrongSDKAppID
	case u.Identifier != identifier:
		return none, codeWrongUser
	case verdict == facade.Wrong:
		return none, codeWrongSignature
	}
	if c := u.valid(h.c.Desk.Clock(), h.c.MaxLife); c != codeOK {
		return none, c
	}
	admins := key.Admins
	if len(admins) == 0 {
		admins = []string{administrator}
	}
	switch {
	case key.Disabled:
		return none, codeDisabled
	case !slices.Contains(admins, identifier):
		return none, codeNotAdmin
	}
	return key, codeOK
}

// failed answers what could not be decided or stored.
func (h *Handler) failed(ctx context.Context, c *call, err error) answer {
	h.c.Logger.ErrorContext(ctx, "a request failed", slog.String("facade", facade.TIMPush), slog.String("operation", c.op.name),
		slog.String("app", c.key.App), slog.String("error", err.Error()))
	a := h.lost(c.op)
	a.later = errors.Is(err, events.ErrOverloaded)
	return a
}

// lost answers a fault of ours. Where the vendor is the client, only the status
// says that it must come again.
func (h *Handler) lost(op operation) answer {
	if op.name != "callback" {
		return say(codeInternal)
	}
	a := say(codeCallback)
	a.status = http.StatusServiceUnavailable
	return a
}

// answer is what the client gets. The fields are in the vendor's order.
type answer struct {
	ActionStatus string
	ErrorInfo    string
	ErrorCode    code
	TaskID       *string `json:"TaskId,omitempty"`

	// status is the HTTP status where it is not 200.
	status int
	// later asks the client to come back in a second.
	later bool
}

// say returns the answer of a code.
func say(c code) answer {
	a := answer{ActionStatus: "FAIL", ErrorInfo: infos()[c], ErrorCode: c}
	if c == codeOK {
		a.ActionStatus = "OK"
	}
	return a
}

func (a answer) write(w http.ResponseWriter) {
	b, err := json.Marshal(a)
	if err != nil { // numbers and strings always marshal
		panic(err)
	}
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	if a.later {
		w.Header().Set("Retry-After", "1")
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = w.Write(b) // a failed write is a client that has gone
}
