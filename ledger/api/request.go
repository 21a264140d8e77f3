package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/decision"
	"github.com/recall-ledger/recall-ledger/ledger/dispatch"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/projections"
)

// toProblem maps an error to its problem; nil when it is no known one.
func toProblem(err error) *Problem {
	var p *Problem
	var f *events.FieldError
	var large *http.MaxBytesError
	if p := pastProblem(err); p != nil {
		return p
	}
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &f):
		return fieldProblem(f.Field, "%s", f.Reason)
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case errors.Is(err, projections.ErrCursor):
		return fieldProblem("cursor", "%s", projections.ErrCursor)
	case errors.Is(err, decision.ErrKeyReused):
		return problem(codeKeyReused, "%s; a retry must repeat the first request exactly", decision.ErrKeyReused)
	case errors.Is(err, decision.ErrNotRunning), errors.Is(err, dispatch.ErrNotRunning):
		return problem(codeNotRunning, "%s", decision.ErrNotRunning)
	case errors.Is(err, events.ErrUnknown):
		return problem(codeUnknownResult, "%s; repeat the request as it was", events.ErrUnknown)
	case errors.Is(err, events.ErrOverloaded):
		return problem(codeOverloaded, "%s; nothing was stored", events.ErrOverloaded)
	case errors.Is(err, events.ErrFull):
		return problem(codeLogFull, "%s; nothing was stored", events.ErrFull)
	case errors.Is(err, events.ErrClosed):
		return problem(codeStopping, "the node is stopping; nothing was stored")
	case errors.Is(err, events.ErrConflict):
		return problem(codeConflict, "another writer was faster; read again before trying again")
	case errors.Is(err, partition.ErrUnserved):
		return problem(codeUnserved, "%.200s", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem(codeBehind, "the answer was not there in time")
	}
	return nil
}

// problem maps an error to what is answered. What is not a known error is told
// to the node's log only.
func (s *Server) problem(ctx context.Context, err error) *Problem {
	if p := toProblem(err); p != nil {
		return p
	}
	id := from(ctx).id
	s.c.Logger.ErrorContext(ctx, "a request failed", slog.String("request", id), slog.String("error", err.Error()))
	return problem(codeInternal, "the request failed; its id in the node's log is %s", id)
}

// writeProblem answers with a problem.
func (s *Server) writeProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	for name, values := range p.GetHeaders() {
		h[name] = values
	}
	h.Set("Content-Type", typeProblem)
	w.WriteHeader(p.Status)
	// A failed write is a client that has gone.
	_, _ = w.Write(encodeJSON(p))
}

func tooLarge(limit int64) *Problem {
	p := problem(codeBodyTooLarge, "the body is larger than %d bytes, the limit", limit)
	p.Limit = limit
	return p
}

// limitOf reads a limit; 0 is none given.
func limitOf(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil || n == 0 {
		return 0, fieldProblem("limit", "%.40q is not a number from 1 on", text)
	}
	return int(n), nil
}

// pageOf reads the parameters of a list.
func pageOf(cursor, limit string) (projections.Page, error) {
	n, err := limitOf(limit)
	if err != nil {
		return projections.Page{}, err
	}
	if n == 0 {
		n = projections.DefaultPage
	}
	return projections.Page{Cursor: cursor, Limit: min(n, projections.MaxPage)}, nil
}

// flagOf reads a parameter that is true or false.
func flagOf(name, text string) (bool, error) {
	switch text {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, fieldProblem(name, "%.40q is neither true nor false", text)
}

// oneOf refuses a word that is not one of a set; "" passes.
func oneOf(name, text string, words ...string) error {
	if text == "" || slices.Contains(words, text) {
		return nil
	}
	return fieldProblem(name, "%.40q is none of %s", text, strings.Join(words, ", "))
}

// checkChannel refuses a channel that the matrix does not know; "" passes.
func (s *Server) checkChannel(channel string) error {
	if channel == "" || s.channels[channel] {
		return nil
	}
	return fieldProblem("channel", "%.40q is not a channel; see /v1/channels", channel)
}

// contentType returns the media type of a request's body, which must be one of
// a set. A body of unknown type is not guessed at.
func contentType(r *http.Request, types ...string) (string, error) {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return "", problem(codeMediaType, "content encoding %.40q is not taken; send the body as it is", e)
	}
	given := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(given)
	if err != nil || !slices.Contains(types, kind) {
		return "", problem(codeMediaType, "content type %.80q is none of %s", given, strings.Join(types, ", "))
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") {
		return "", problem(codeMediaType, "charset %.40q is not taken; send UTF-8", c)
	}
	return kind, nil
}

// noBody refuses a body where none is expected: what it asks for would be
// passed over.
func noBody(ctx context.Context) error {
	b, err := io.ReadAll(http.MaxBytesReader(nil, from(ctx).r.Body, maxRequestBody))
	if err != nil {
		return err
	}
	if b = bytes.TrimSpace(b); len(b) > 0 && string(b) != "{}" {
		return fieldProblem("body", "this route takes none")
	}
	return nil
}

// readBody reads a JSON object, strictly: what the route does not know would be
// passed over, and a field given twice means two things at once (L9).
func readBody(ctx context.Context, into any) error {
	r := from(ctx).r
	if _, err := contentType(r, TypeJSON); err != nil {
		return err
	}
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequestBody))
	if err != nil {
		return err
	}
	return decodeStrict(b, into)
}

func decodeStrict(b []byte, into any) error {
	if !utf8.Valid(b) {
		return problem(codeBadJSON, "the body is not valid UTF-8")
	}
	if err := checkOnce(b); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return jsonProblem(err)
	}
	return nil
}

// jsonProblem names the field a JSON error is about.
func jsonProblem(err error) error {
	var t *json.UnmarshalTypeError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return err
	case errors.As(err, &t) && t.Field != "":
		return fieldProblem(t.Field, "is a JSON %s, expected %s", t.Value, t.Type)
	case errors.As(err, &t):
		return problem(codeBadJSON, "the body is a JSON %s, expected an object", t.Value)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return problem(codeBadJSON, "the JSON ends too early")
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		if text, err := strconv.Unquote(name); err == nil {
			name = text
		}
		return fieldProblem(fmt.Sprintf("%.64s", name), "is not a field of this request")
	}
	return problem(codeBadJSON, "%.200s", strings.TrimPrefix(err.Error(), "json: "))
}

// maxDepth bounds the nesting of a body.
const maxDepth = 16

// checkOnce refuses a body that is not one JSON value, or has a field twice.
func checkOnce(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := checkValue(d, "", 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem(codeBadJSON, "there is text after the JSON value")
	}
	return nil
}

func checkValue(d *json.Decoder, at string, depth int) error {
	if depth > maxDepth {
		return problem(codeBadJSON, "the JSON is nested deeper than %d", maxDepth)
	}
	t, err := d.Token()
	if err != nil {
		return jsonProblem(err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[string]bool{}
	for d.More() {
		name := at
		if open == '{' {
			k, err := d.Token()
			if err != nil {
				return jsonProblem(err)
			}
			// Field names are matched without regard to case.
			name = strings.TrimPrefix(at+"."+k.(string), ".")
			if folded := strings.ToLower(name); seen[folded] {
				return fieldProblem(fmt.Sprintf("%.64s", name), "is given twice")
			} else {
				seen[folded] = true
			}
		}
		if err := checkValue(d, name, depth+1); err != nil {
			return err
		}
	}
	if _, err := d.Token(); err != nil {
		return jsonProblem(err)
	}
	return nil
}
