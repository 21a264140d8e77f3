package callback

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
)

// The limits of a call (L11).
const (
	// MaxBody bounds the body, in bytes.
	MaxBody = 1 << 20
	// MaxItems bounds the statuses, facts or rows. Huawei sends up to 100, and
	// sent 1,000 by its older page.
	MaxItems = 1000
	// MaxDevices bounds the devices that a vendor's own form names.
	MaxDevices = 10 * events.MaxDevices
	// timeout bounds how long the facts may take to be stored.
	timeout = 10 * time.Second
)

const prefix = "/callbacks/"

// Config configures a Handler.
type Config struct {
	// Accounts passed Check.
	Accounts []Account
	Ledger   *partition.Set
	Clock    func() time.Time
	Logger   *slog.Logger
}

// Handler takes in the calls of vendors.
type Handler struct {
	c        Config
	accounts directory
	forms    map[string]Form
	guard    *facade.Guard
	nonces   *nonces
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{c: c, accounts: newDirectory(c.Accounts), forms: forms(), guard: facade.NewGuard(), nonces: newNonces(c.Clock())}
}

// Match reports whether a request is for this handler. Facades have callbacks of
// their own below the same prefix, so they are asked first.
func (h *Handler) Match(r *http.Request) bool { return strings.HasPrefix(r.URL.EscapedPath(), prefix) }

// Busy answers that there is no room for a request now, before it is read.
func (h *Handler) Busy(w http.ResponseWriter, _ *http.Request) {
	later(http.StatusServiceUnavailable, "busy", "Too many requests are under way").write(w)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer, bad := h.take(w, r)
	if bad != nil {
		bad.write(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	// A failed write is a caller that has gone; what it sent is stored.
	_, _ = io.WriteString(w, answer)
}

// take does all of a call up to the answer.
func (h *Handler) take(w http.ResponseWriter, r *http.Request) (string, *problem) {
	if r.Method != http.MethodPost {
		return "", &problem{Status: http.StatusMethodNotAllowed, Code: "method-not-allowed", Title: "The method does not fit the path"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return "", tooLarge()
	case err != nil:
		return "", badJSON("the body broke off")
	}
	channel, id, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), prefix), "/")
	form, own := h.forms[channel]
	if !own {
		form = generic()
	}
	var account Account
	verdict := h.guard.Check("callback "+channel+"/"+id, r.RemoteAddr, h.c.Clock(), func() bool {
		var known bool
		account, known = h.accounts.find(channel, id)
		return h.proven(r, form, account, body) && known
	})
	isGeneric := r.Header.Get(headerSignature) != ""
	switch {
	case verdict == facade.Limited:
		return "", later(http.StatusTooManyRequests, "overloaded", "Too many failed attempts")
	case verdict == facade.Wrong && !isGeneric && form.empty != nil && form.empty(body):
		return form.answer, nil
	case verdict == facade.Wrong:
		return "", unknown()
	case !utf8.Valid(body):
		return "", badJSON("the body is not valid UTF-8")
	}
	if isGeneric && form.Proof != Signature {
		form = generic()
	}
	return h.store(r.Context(), form, account, body)
}

// store reads the facts of a body and answers once they are durable.
func (h *Handler) store(ctx context.Context, f Form, a Account, body []byte) (string, *problem) {
	batch := h.c.Ledger.NewBatch()
	in := newIntake(a, h.c.Clock(), batch.Add)
	if err := f.parse(in, body); err != nil {
		return "", asProblem(err)
	}
	if err := in.finish(); err != nil {
		return "", asProblem(err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if _, err := batch.Offer(ctx); err != nil {
		h.c.Logger.ErrorContext(ctx, "vendor callback not stored", slog.String("channel", a.Channel), slog.String("id", a.ID),
			slog.String("app", a.App), slog.String("error", err.Error()))
		return "", commitProblem(err)
	}
	for why, n := range in.gather.Ignored() {
		h.c.Logger.WarnContext(ctx, "vendor callback items ignored", slog.String("channel", a.Channel), slog.String("id", a.ID),
			slog.String("app", a.App), slog.String("reason", why), slog.Int("items", n))
	}
	if f.answer != "" {
		return f.answer, nil
	}
	b, err := json.Marshal(struct {
		Accepted int            `json:"accepted"`
		Ignored  map[string]int `json:"ignored,omitempty"`
	}{in.accepted(), in.gather.Ignored()})
	if err != nil { // it holds texts and numbers
		panic(err)
	}
	return string(b), nil
}

// commitProblem tells why nothing, or not certainly everything, was stored. In
// each case the caller repeats the call.
func commitProblem(err error) *problem {
	for _, row := range []struct {
		err         error
		code, title string
	}{
		{events.ErrOverloaded, "overloaded", "The log takes no more at present"},
		{events.ErrFull, "log-full", "The log is full"},
		{events.ErrClosed, "stopping", "The node stops"},
		{events.ErrUnknown, "unknown-result", "It is not known whether the log stored it"},
	} {
		if errors.Is(err, row.err) {
			return later(http.StatusServiceUnavailable, row.code, row.title)
		}
	}
	return later(http.StatusServiceUnavailable, "internal", "The ledger failed")
}
