package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/ledger"
)

// The names of the API on the wire.
const (
	headerApp      = "Recall-App"
	headerPosition = "Recall-Position"
	headerRange    = "Recall-Range"
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotency-Replayed"
	headerAsOf     = "Recall-As-Of"
	headerAsOfTime = "Recall-As-Of-Time"
	headerAsOfFrom = "Recall-As-Of-From"

	typeProblem = "application/problem+json"
	typeEvents  = "text/event-stream"

	eventProgress = "progress"
	eventSettled  = "settled"
	untilSettled  = "settled"
	untilClosed   = "closed"
)

// Problem is what the API answers when it does not do what was asked, in the
// form of RFC 9457. It is an error.
type Problem struct { //nolint:errname // the word of RFC 9457
	// Type is /problems/<code>, which explains the code.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	// Detail says in one sentence what is wrong this time and what to do.
	Detail string `json:"detail,omitempty"`
	// Code is stable: programs branch on it.
	Code string `json:"code"`
	// Field is the field of the request that is wrong.
	Field string `json:"field,omitempty"`
	// Limit is the limit that was passed.
	Limit int64 `json:"limit,omitempty"`
	// First is the recall that stands in the way.
	First *First `json:"first,omitempty"`
	// RetryAfter is after how many seconds to try again; 0 when that is no use.
	RetryAfter int `json:"retry_after,omitempty"`
	// Refused lists the events of a publish that was refused altogether.
	Refused []RefusedEvent `json:"refused,omitempty"`
	// Progress says how far the log is folded up to a past moment.
	Progress *Progress `json:"progress,omitempty"`
}

// Progress counts events.
type Progress struct {
	Done  uint64 `json:"done"`
	Total uint64 `json:"total"`
}

// First is an earlier recall that stands in the way of another.
type First struct {
	Recall string    `json:"recall"`
	Action string    `json:"action"`
	At     time.Time `json:"at"`
}

// Error is one line: what is wrong, and in which field.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Field != "" {
		return p.Field + ": " + text
	}
	return text
}

// GetStatus returns the status to answer with.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return typeProblem }

// GetHeaders returns the headers that belong to the problem.
func (p *Problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="recall-ledger"`)
	}
	return h
}

// The codes of problems that are not refusals of package ledger.
const (
	codeBadRequest       = "bad-request"
	codeBadJSON          = "bad-json"
	codeUnauthenticated  = "unauthenticated"
	codeForbidden        = "forbidden"
	codeNotFound         = "not-found"
	codeUnknownRecall    = "unknown-recall"
	codeNoDeviceChannel  = "no-device-channel"
	codeMethodNotAllowed = "method-not-allowed"
	codeNotRunning       = "not-running"
	codeConflict         = "conflict"
	codeNotNow           = "not-now"
	codeBodyTooLarge     = "body-too-large"
	codeTooManyEvents    = "too-many-events"
	codeMediaType        = "unsupported-media-type"
	codeKeyReused        = "idempotency-key-reused"
	codeEventsRefused    = "events-refused"
	codeOverloaded       = "overloaded"
	codeInternal         = "internal"
	codeBehind           = "behind"
	codeBusy             = "busy"
	codeUnknownResult    = "unknown-result"
	codeStopping         = "stopping"
	codeUnserved         = "partition-unserved"
	codeNotReady         = "not-ready"
	codeLogFull          = "log-full"
	codeFolding          = "folding"
	codeTooManyPasts     = "too-many-pasts"
	codePastTooLong      = "past-too-long"
	codePastTooLarge     = "past-too-large"
)

// problemKind is the table behind problems: one row per code.
type problemKind struct {
	code   string
	status int
	// retry is after how many seconds to try again; 0 when that is no use.
	retry int
	title string
	// text explains the code to people, at /problems/<code>.
	text string
}

// problemKinds lists every code the API answers.
func problemKinds() []problemKind {
	return []problemKind{
		{codeBadRequest, 400, 0, "The request is not right", "A field or parameter is missing, misspelt or out of its limits; the answer names it. Nothing was changed."},
		{codeBadJSON, 400, 0, "The body is not JSON as expected", "The body could not be read as JSON, or has a field twice. Nothing was changed."},
		{codeUnauthenticated, 401, 0, "No valid credential", "Send the header Authorization: Bearer <id>.<secret>. Which part is wrong is not told."},
		{codeForbidden, 403, 0, "The credential may not do this", "The credential lacks the role, or the request names another app than the credential's."},
		{codeNotFound, 404, 0, "There is nothing here", "The path is not one of this API; see /openapi.json."},
		{string(ledger.UnknownPush), 404, 0, "The push is not known", "No event of the push has been published for this app. Publish push.created or its facts first."},
		{string(ledger.UnknownDevice), 404, 0, "The push never went there", "No event says that the push went to that device or user."},
		{codeUnknownRecall, 404, 0, "The recall is not known", "The app has no recall with this id."},
		{codeNoDeviceChannel, 404, 0, "There is no self-built channel", "This node runs without a listener for devices."},
		{codeMethodNotAllowed, 405, 0, "The method does not fit the path", "The header Allow names the methods that do."},
		{string(ledger.AlreadyRecalled), 409, 0, "The push is already taken back", "A recall of the same or a stronger action was accepted before; first names it. A push is taken back once."},
		{string(ledger.NotScheduled), 409, 0, "The push was not scheduled", "Only a scheduled push can be cancelled. Terminate or recall it instead."},
		{string(ledger.AlreadyStarted), 409, 0, "The push has started", "A push that has started cannot be cancelled. Terminate or recall it instead."},
		{string(ledger.TooManyRecalls), 409, 0, "The push has too many recalls", "The number of recalls of single devices and users of one push is limited. Recall the whole push instead."},
		{string(ledger.ReplacementPushTaken), 409, 0, "The replacement's id is taken", "The new push of an override needs an id of its own; leave it out to have one made."},
		{codeNotRunning, 409, 0, "The recall does not run any more", "It was completed or aborted before."},
		{codeNotNow, 409, 0, "The projection cannot be rebuilt or dropped now", "A rebuild runs already, an old generation is still kept and must be dropped first, or the log has aged and a rebuild must be forced; the answer says which. Nothing was changed."},
		{codeConflict, 409, 1, "Somebody else was faster", "Another writer changed the same thing at the same time. Read again, and try again if it is still needed."},
		{string(ledger.WindowClosed), 410, 0, "The window is closed", "A push can be recalled for a limited time after its start only."},
		{codeBodyTooLarge, 413, 0, "The body is too large", "The answer names the limit. Send the events in several requests."},
		{codeTooManyEvents, 413, 0, "Too many events in one request", "The answer names the limit. Nothing was stored; send the events in several requests."},
		{codeMediaType, 415, 0, "The content type is not one of this route", "The answer names the content types that are taken."},
		{string(ledger.ReplacementMissing), 422, 0, "The replacement is missing", "An override needs replacement.title or replacement.body."},
		{string(ledger.WholeSends), 422, 0, "A channel can only take back whole sends", "Some of the push went over a channel that takes a message back from everybody it was sent to, those who clicked included. Say whole_sends true to do that, or false to leave it there."},
		{string(ledger.AudienceNotAllowed), 422, 0, "The profile does not allow this", "The rules the push was sent under do not allow the action for its kind of audience."},
		{codeKeyReused, 422, 0, "The idempotency key was used for something else", "A key stands for one request. Use a new key for a new request."},
		{codeEventsRefused, 422, 0, "No event was accepted", "Every event of the request was refused; refused says why. Nothing was stored."},
		{string(ledger.RateLimited), 429, 1, "Too many recalls a second", "The profile of the push limits how often an app may recall. Try again after the time in Retry-After."},
		{codeOverloaded, 429, 1, "The ledger takes no more at present", "Nothing was stored. Try again after the time in Retry-After."},
		{codeTooManyPasts, 429, 5, "Too many questions about the past", "Answering for a past moment folds the log up to there, and so many moments are folded at once already. Try again after the time in Retry-After. Several questions about one moment are folded once: ask for the positions in Recall-As-Of."},
		{codeInternal, 500, 0, "Something went wrong here", "The fault is the ledger's. The request id in the answer finds it in the node's log."},
		{codeBehind, 503, 1, "The projection is behind", "The answer would be older than what was asked for. Try again after the time in Retry-After."},
		{codeBusy, 503, 1, "Too many requests are under way", "Nothing was done. Try again after the time in Retry-After."},
		{codeUnknownResult, 503, 1, "It is not known whether this was stored", "Repeat the request as it was: events may be published twice without effect, and a recall is safe to repeat under its idempotency key. Look at the recall first before re-driving it again."},
		{codeStopping, 503, 1, "The node is stopping", "Nothing was stored. Try again, at another node if there is one."},
		{codeUnserved, 503, 1, "No node serves a partition", "The answer concerns a partition of the ledger that no node serves at present. What was published is kept. Try again after the time in Retry-After; an operator sees in the nodes' settings who should serve it."},
		{codeNotReady, 503, 1, "The node is not ready", "The node does not serve yet, or not any more."},
		{codeFolding, 503, 1, "The log is being folded up to that moment", "It goes on; progress says how far it is. Ask the same again after the time in Retry-After, and for the positions in Recall-As-Of where the moment was relative."},
		{codePastTooLong, 504, 0, "Folding the log up to that moment takes too long", "Ask for an earlier moment, or about one push, which needs its partition alone; or read the range with recall events or recall export."},
		{codePastTooLarge, 507, 0, "The ledger of that moment is too large", "There is no room for it beside the present one. Ask for an earlier moment, or read the range with recall events or recall export."},
		{codeLogFull, 507, 0, "The log is full", "The log reached its size limit and takes nothing. An operator must raise the limit."},
	}
}

// problem makes a problem of a code; the detail says what is wrong this time.
func problem(code, format string, args ...any) *Problem {
	for _, k := range problemKinds() {
		if k.code == code {
			return &Problem{
				Type: "/problems/" + code, Title: k.title, Status: k.status, Code: code,
				RetryAfter: k.retry, Detail: fmt.Sprintf(format, args...),
			}
		}
	}
	panic("api: problem code " + code + " is not in the table")
}

// fieldProblem names the field that is wrong.
func fieldProblem(field, format string, args ...any) *Problem {
	p := problem(codeBadRequest, format, args...)
	p.Field = field
	return p
}

// refusalProblem is the problem of a refused recall.
func refusalProblem(r *ledger.Refusal) *Problem {
	p := problem(string(r.Code), "%s", r.Message)
	if r.First != nil {
		p.First = &First{Recall: r.First.Recall, Action: r.First.Action, At: r.First.At.UTC()}
	}
	switch r.Code {
	case ledger.ReplacementMissing:
		p.Field = "replacement"
	case ledger.ReplacementPushTaken:
		p.Field = "replacement.push"
	case ledger.WholeSends:
		p.Field = "whole_sends"
	case ledger.TooManyRecalls:
		p.Limit = ledger.MaxRecalls
	}
	return p
}

// encodeJSON writes a value as every answer has it: texts as written, and a
// line break at the end.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // plain structs always encode
		panic(err)
	}
	return b.Bytes()
}
