package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/replay"
	"github.com/recall-ledger/recall-ledger/ledger/tracing"
)

// request is what the handlers know of the request they serve.
type request struct {
	r      *http.Request
	w      http.ResponseWriter
	route  *route
	caller caller
	// id finds the request in the node's log.
	id string
	// past is the ledger the question is asked of; nil is the present one.
	past *replay.Past
}

type requestKey struct{}

// from returns the request a context belongs to.
func from(ctx context.Context) *request { return ctx.Value(requestKey{}).(*request) }

// recorder notes what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap is how http.ResponseController finds the real writer.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// serve is what every request passes: limit, routing, and one line in the log.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	start, ctx := time.Now(), r.Context()
	rec := &recorder{ResponseWriter: w}
	q := &request{w: rec, id: s.c.NewID()}
	s.metrics.inFlight.Inc()
	defer func() {
		cause := recover()
		// The runtime hands this very value through; nobody wraps it.
		if cause != nil && cause != any(http.ErrAbortHandler) {
			s.c.Logger.ErrorContext(ctx, "a handler panicked",
				slog.String("request", q.id), slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
			if rec.status == 0 {
				s.writeProblem(rec, problem(codeInternal, "the request failed; its id in the node's log is %s", q.id))
				cause = nil
			}
		}
		s.metrics.inFlight.Dec()
		s.finish(ctx, q, rec, time.Since(start), cause != nil)
		if cause != nil {
			// Only closing the connection tells the client that the answer is
			// not complete.
			panic(http.ErrAbortHandler)
		}
	}()
	rec.Header().Set("X-Content-Type-Options", "nosniff")
	rec.Header().Set("Cache-Control", "no-store")
	if r.ContentLength > s.c.MaxBody {
		s.writeProblem(rec, tooLarge(s.c.MaxBody))
		return
	}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.Body = http.MaxBytesReader(rec, r.Body, s.c.MaxBody)
	routed, ok := markSlashes(r)
	if !ok {
		s.writeProblem(rec, problem(codeNotFound, "the path holds a zero byte"))
		return
	}
	q.r = routed.WithContext(context.WithValue(tracing.Incoming(ctx, r.Header), requestKey{}, q))
	s.mux.ServeHTTP(rec, q.r)
}

// finish writes the line of a request. It names the route, never the path,
// since paths hold device ids.
func (s *Server) finish(ctx context.Context, q *request, rec *recorder, took time.Duration, broken bool) {
	pattern, method, free := "other", "other", false
	if q.route != nil {
		pattern, method, free = q.route.path, q.route.method, q.route.class == classFree
	}
	s.metrics.request(method, pattern, rec.status, took, q.route)
	level := slog.LevelInfo
	switch {
	case rec.status >= 500 && rec.status != http.StatusServiceUnavailable:
		level = slog.LevelError
	case free:
		level = slog.LevelDebug
	}
	s.c.Logger.LogAttrs(ctx, level, "request",
		slog.String("request", q.id), slog.String("method", method), slog.String("route", pattern), slog.Int("status", rec.status),
		slog.Int64("bytes", rec.bytes), slog.Duration("took", took), slog.String("app", q.caller.app), slog.String("key", q.caller.key),
		slog.Bool("broken_off", broken))
}

// slash stands for an id that is a lone slash while a request is routed: the
// mux takes such a segment for the end of a folder. No id holds a zero byte.
const slash = "%00"

// markSlashes replaces such segments. It refuses a path with a zero byte.
func markSlashes(r *http.Request) (*http.Request, bool) {
	path := r.URL.EscapedPath()
	if strings.Contains(path, slash) {
		return nil, false
	}
	segments := strings.Split(path, "/")
	found := false
	for i, p := range segments {
		if strings.EqualFold(p, "%2F") {
			segments[i], found = slash, true
		}
	}
	if !found {
		return r, true
	}
	raw := strings.Join(segments, "/")
	plain, err := url.PathUnescape(raw)
	if err != nil { // it was parsed before
		return nil, false
	}
	u := *r.URL
	u.Path, u.RawPath = plain, raw
	marked := *r
	marked.URL = &u
	return &marked, true
}

// wrap is what every request of a route passes: credential, role, parameters,
// slots and position.
func (s *Server) wrap(rt *route, h func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		q := from(r.Context())
		q.route = rt
		for _, m := range wildcards.FindAllStringSubmatch(rt.path, -1) {
			if r.PathValue(m[1]) == "\x00" {
				r.SetPathValue(m[1], "/")
			}
		}
		q.r = r
		release, p := s.admit(r.Context(), q)
		if p != nil {
			s.writeProblem(w, p)
			return
		}
		defer release()
		h(w, r)
	}
}

// admit decides whether a request is served at all.
func (s *Server) admit(ctx context.Context, q *request) (release func(), p *Problem) {
	rt, r := q.route, q.r
	if rt.roles != nil {
		if q.caller, p = s.keys.identify(r.Header); p != nil {
			return nil, p
		}
		if !q.caller.may(rt.roles) {
			return nil, problem(codeForbidden, "this needs one of the roles %s", strings.Join(rt.roles, ", "))
		}
		if p := s.checkQuery(rt, r); p != nil {
			return nil, p
		}
	}
	if r.Method == http.MethodHead && (rt.class == classStream || rt.class == classWatch) {
		q.w.Header().Set("Allow", http.MethodGet)
		return nil, problem(codeMethodNotAllowed, "HEAD of a stream says nothing")
	}
	text, past := asOf(q)
	slot, p := s.slots.take(rt.class, past)
	if p != nil {
		return nil, p
	}
	if rt.read {
		p = s.atLeast(ctx, q)
	}
	if p == nil && past {
		p = s.goBack(ctx, q, text)
	}
	if p != nil {
		slot()
		return nil, p
	}
	return func() {
		if q.past != nil {
			q.past.Close()
		}
		slot()
	}, nil
}

// checkQuery refuses parameters the route does not have: a misspelt filter
// would answer, or do, more than was asked for (L9).
func (s *Server) checkQuery(rt *route, r *http.Request) *Problem {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem(codeBadRequest, "the query string cannot be read")
	}
	known := s.params[rt.pattern()]
	for name, list := range values {
		if name == replay.Field && !known[name] {
			return fieldProblem(name, "%s %s is about the present only", rt.method, rt.path)
		}
		if !known[name] {
			return fieldProblem(fmt.Sprintf("%.64s", name), "is not a parameter of this route; it has %s", listOf(known))
		}
		if len(list) > 1 {
			return fieldProblem(name, "is given more than once")
		}
	}
	return nil
}

func listOf(known map[string]bool) string {
	if len(known) == 0 {
		return "none"
	}
	names := make([]string, 0, len(known))
	for n := range known {
		names = append(names, n)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// atLeast waits until the projection has applied the position a read asks for,
// and tells the position the answer is at least as new as.
func (s *Server) atLeast(ctx context.Context, q *request) *Problem {
	field, text := "at_least", q.r.URL.Query().Get("at_least")
	if text == "" {
		field, text = headerPosition, q.r.Header.Get(headerPosition)
	}
	pos := s.c.Since
	if text != "" {
		asked, err := events.ParsePositions(text)
		if err != nil {
			return fieldProblem(field, "%.80q is not a position; want PARTITION-SEQUENCE, for example 0-1742, or several divided by commas", text)
		}
		if last := asked[len(asked)-1].Partition; last >= len(s.c.Ledger.Parts()) {
			return fieldProblem(field, "names partition %d; this ledger has %d, numbered from 0", last, len(s.c.Ledger.Parts()))
		}
		pos = pos.Merge(asked)
	} else {
		field = ""
	}
	// How far the projection is can be asked at any time.
	if text != "" || q.route.id != "list-positions" {
		bounded, cancel := context.WithTimeout(ctx, s.c.Wait)
		defer cancel()
		if err := s.c.Ledger.Wait(bounded, pos); err != nil {
			if bounded.Err() == nil {
				return s.problem(ctx, err)
			}
			p := problem(codeBehind, "position %s was not applied within %s; applied is %s", pos, s.c.Wait, s.c.Ledger.Applied())
			p.Field = field
			return p
		}
	}
	q.w.Header().Set(headerPosition, s.c.Ledger.Applied().String())
	return nil
}

// pool is a number of slots.
type pool struct {
	name string
	free chan struct{}
}

func newPool(name string, n int) pool { return pool{name, make(chan struct{}, n)} }

func (p pool) take() bool {
	select {
	case p.free <- struct{}{}:
		return true
	default:
		return false
	}
}

func (p pool) release() { <-p.free }

// slots bound how many requests are under way.
type slots struct{ ordinary, recall, stream, watch, replay, past pool }

// take gets a slot of a class. Recalls have a reserve of their own and may use
// the others' slots besides (L11). Questions about the past, which may wait for
// long, take slots of their own instead, so that they are in nobody's way; a
// timeline needs its own besides, for what it reads.
func (s *slots) take(c class, past bool) (release func(), p *Problem) {
	switch {
	case c == classFree:
		return func() {}, nil
	case past && c == classReplay:
		own, p := take(codeTooManyPasts, s.past)
		if p != nil {
			return nil, p
		}
		shared, p := s.take(c, false)
		if p != nil {
			own()
			return nil, p
		}
		return func() { shared(); own() }, nil
	case past:
		return take(codeTooManyPasts, s.past)
	case c == classRecall:
		return take(codeBusy, s.recall, s.ordinary)
	case c == classStream:
		return take(codeBusy, s.stream)
	case c == classWatch:
		return take(codeBusy, s.watch)
	case c == classReplay:
		return take(codeBusy, s.replay)
	}
	return take(codeBusy, s.ordinary)
}

// take gets a slot of the first pool that has one.
func take(code string, pools ...pool) (release func(), p *Problem) {
	for _, l := range pools {
		if l.take() {
			return l.release, nil
		}
	}
	return nil, pools[0].busy(code)
}

// busy is the problem of a pool without a free slot.
func (p pool) busy(code string) *Problem {
	b := problem(code, "%d %s are under way, the limit", cap(p.free), p.name)
	b.Limit = int64(cap(p.free))
	return b
}
