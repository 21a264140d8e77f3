package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// posts are the calls that change something and pass as they are. Recalls are not
// among them: they go through the guard of this package.
var posts = regexp.MustCompile(`^/v1/recalls/[^/]+/(abort|redrive)$`)

// call is one request of the API made by the console.
type call struct {
	method, path, query string
	app                 string
	body                []byte
	// key is the idempotency key.
	key string
}

// request makes the API's request of a call: the credential is the session's, and
// nothing else of the browser's request reaches the API.
func (h *Console) request(ctx context.Context, s *session, c call) (*http.Request, error) {
	plain, err := url.PathUnescape(c.path)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, c.method, "/", bytes.NewReader(c.body))
	if err != nil {
		return nil, err
	}
	r.URL = &url.URL{Path: plain, RawPath: c.path, RawQuery: c.query}
	if len(c.body) > 0 {
		r.Header.Set("Content-Type", typeJSON)
	}
	if c.key != "" {
		r.Header.Set("Idempotency-Key", c.key)
	}
	if c.app != "" {
		r.Header.Set("Recall-App", c.app)
	}
	if s != nil {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	return r, nil
}

// ask makes a call whose answer is looked into.
func (h *Console) ask(ctx context.Context, s *session, c call) *capture {
	r, err := h.request(ctx, s, c)
	if err != nil {
		return lost()
	}
	a := &capture{header: http.Header{}}
	h.c.API.ServeHTTP(a, r)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.full {
		return lost()
	}
	return a
}

// capture is an answer of the API.
type capture struct {
	header http.Header
	status int
	body   bytes.Buffer
	// full is true when the answer was longer than maxAnswer.
	full bool
}

// Header implements http.ResponseWriter.
func (c *capture) Header() http.Header { return c.header }

// WriteHeader implements http.ResponseWriter.
func (c *capture) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
}

// Write implements http.ResponseWriter.
func (c *capture) Write(b []byte) (int, error) {
	c.WriteHeader(http.StatusOK)
	if c.body.Len()+len(b) > maxAnswer {
		c.full = true
		return 0, errors.New("the answer is too long")
	}
	return c.body.Write(b)
}

// replay answers the browser with it.
func (c *capture) replay(w http.ResponseWriter) {
	for _, name := range []string{"Content-Type", "Retry-After", "Recall-Position", "Idempotency-Replayed"} {
		if v := c.header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(c.status)
	// A failed write is a client that has gone.
	_, _ = w.Write(c.body.Bytes())
}

// lost is the answer when the API's own makes no sense.
func lost() *capture {
	c := &capture{header: http.Header{}}
	(&problem{Title: "Something went wrong here", Status: http.StatusInternalServerError, Code: "internal", Detail: "the API gave no usable answer"}).write(c)
	return c
}

// split takes the app from the front of a path.
func split(rest string) (app, path string, ok bool) {
	app, path, ok = strings.Cut(rest, "/")
	name, err := url.PathUnescape(app)
	return name, "/" + path, ok && err == nil && name != ""
}

// crooked reports whether a path has segments that lead elsewhere. Ids of that form
// come percent-encoded.
func crooked(path string) bool {
	return slices.ContainsFunc(strings.Split(path[1:], "/"), func(s string) bool { return s == "" || s == "." || s == ".." })
}

// forward passes reading, and the few changes of posts, on to the API.
func (h *Console) forward(w http.ResponseWriter, r *http.Request, rest string) {
	s, p := h.admit(r)
	if p != nil {
		p.write(w)
		return
	}
	app, path, ok := split(rest)
	if !ok || !strings.HasPrefix(path, "/v1/") || crooked(path) {
		noSuchPage().write(w)
		return
	}
	if r.Method != http.MethodGet && (r.Method != http.MethodPost || !posts.MatchString(path)) {
		w.Header().Set("Allow", http.MethodGet)
		wrongMethod().write(w)
		return
	}
	c := call{method: r.Method, path: path, query: r.URL.RawQuery, app: app}
	if r.Method == http.MethodPost {
		var body json.RawMessage
		if p := readBody(w, r, &body); p != nil {
			p.write(w)
			return
		}
		c.body = body
	}
	h.pass(w, r, s, c)
}

// pass lets the API answer the browser itself, which streams need. A logout ends
// the answer.
func (h *Console) pass(w http.ResponseWriter, r *http.Request, s *session, c call) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	if s != nil {
		go func() {
			select {
			case <-s.ended:
				cancel()
			case <-ctx.Done():
			}
		}()
	}
	q, err := h.request(ctx, s, c)
	if err != nil {
		noSuchPage().write(w)
		return
	}
	h.c.API.ServeHTTP(w, q)
}

// readBody reads a JSON body. The content type is what another site's form cannot
// send.
func readBody(w http.ResponseWriter, r *http.Request, into any) *problem {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != typeJSON {
		return &problem{Title: "The content type is not one of this route", Status: http.StatusUnsupportedMediaType,
			Code: "unsupported-media-type", Detail: "send application/json"}
	}
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(large.Limit)
	case err != nil:
		return badBody("", "the body broke off")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return badBody("", "the body is not the JSON that is expected")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return badBody("", "there is text after the JSON value")
	}
	return nil
}
