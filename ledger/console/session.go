package console

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// The cookies of a session. By https the prefix binds it to the very host.
const (
	cookieSecure = "__Host-recall-session"
	cookiePlain  = "recall-session"
)

// session is an operator who is logged in.
type session struct {
	// token is the credential the operator gave, kept in memory only.
	token   string
	expires time.Time
	// ended is closed when the operator logs out, so that watches end.
	ended chan struct{}
}

// sessions are all of them, by the hash of their id. They live as long as the
// process: after a restart everybody logs in again.
type sessions struct {
	c  Config
	mu sync.Mutex

	list map[[sha256.Size]byte]*session
}

func newSessions(c Config) *sessions {
	return &sessions{c: c, list: map[[sha256.Size]byte]*session{}}
}

// add begins a session and returns its id.
func (s *sessions) add(token string) string {
	id, now := s.c.Random(), s.c.Clock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.list {
		if !now.Before(v.expires) {
			s.drop(k)
		}
	}
	if len(s.list) >= maxSessions {
		var oldest [sha256.Size]byte
		var at time.Time
		for k, v := range s.list {
			if at.IsZero() || v.expires.Before(at) {
				oldest, at = k, v.expires
			}
		}
		s.drop(oldest)
	}
	s.list[sha256.Sum256([]byte(id))] = &session{token: token, expires: now.Add(s.c.SessionAge), ended: make(chan struct{})}
	return id
}

// find returns a session, nil when there is none such or its time is over.
func (s *sessions) find(id string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := sha256.Sum256([]byte(id))
	v := s.list[k]
	if v != nil && !s.c.Clock().Before(v.expires) {
		s.drop(k)
		return nil
	}
	return v
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(sha256.Sum256([]byte(id)))
}

// drop ends a session. mu is held.
func (s *sessions) drop(k [sha256.Size]byte) {
	if v := s.list[k]; v != nil {
		close(v.ended)
		delete(s.list, k)
	}
}

func (h *Console) cookieName() string {
	if h.c.Secure {
		return cookieSecure
	}
	return cookiePlain
}

func (h *Console) setCookie(w http.ResponseWriter, id string, age time.Duration) {
	seconds := int(age / time.Second)
	if id == "" {
		seconds = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: h.cookieName(), Value: id, Path: "/", MaxAge: seconds,
		Secure: h.c.Secure, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

// admit returns the session of a request; nil without one is right on an open
// node, and a problem elsewhere.
func (h *Console) admit(r *http.Request) (*session, *problem) {
	if h.c.Open {
		return nil, nil
	}
	c, err := r.Cookie(h.cookieName())
	if err != nil {
		return nil, notLoggedIn()
	}
	if s := h.sessions.find(c.Value); s != nil {
		return s, nil
	}
	return nil, notLoggedIn()
}

// sessionAnswer says who is logged in, and the limits the page works under.
type sessionAnswer struct {
	Open    bool     `json:"open"`
	App     string   `json:"app,omitempty"`
	Apps    []string `json:"apps,omitempty"`
	Key     string   `json:"key,omitempty"`
	Roles   []string `json:"roles,omitempty"`
	Version string   `json:"version,omitempty"`
	// ConfirmAbove, Tolerance and Slack are those of Config.
	ConfirmAbove uint32  `json:"confirm_above"`
	Tolerance    float64 `json:"tolerance"`
	Slack        uint32  `json:"slack"`
}

// whoami asks the API whose a credential is.
func (h *Console) whoami(ctx context.Context, s *session) (*sessionAnswer, *capture) {
	a := h.ask(ctx, s, call{method: http.MethodGet, path: "/v1/caller"})
	if a.status != http.StatusOK {
		return nil, a
	}
	v := &sessionAnswer{ConfirmAbove: h.c.ConfirmAbove, Tolerance: h.c.Tolerance, Slack: h.c.Slack}
	if err := json.Unmarshal(a.body.Bytes(), v); err != nil {
		return nil, lost()
	}
	return v, nil
}

// session answers who is logged in.
func (h *Console) session(w http.ResponseWriter, r *http.Request, _ string) {
	s, p := h.admit(r)
	if p != nil {
		p.write(w)
		return
	}
	v, failed := h.whoami(r.Context(), s)
	if failed != nil {
		failed.replay(w)
		return
	}
	writeJSON(w, v)
}

// login begins a session with an operator key. A key that may not read is of no
// use here, which is said rather than shown by pages that fail.
func (h *Console) login(w http.ResponseWriter, r *http.Request, _ string) {
	var in struct {
		Key string `json:"key"`
	}
	if p := readBody(w, r, &in); p != nil {
		p.write(w)
		return
	}
	if h.c.Open {
		badBody("key", "this node has no credentials; nobody need log in").write(w)
		return
	}
	token := strings.TrimSpace(in.Key)
	if token == "" || len(token) > maxToken || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c >= 0x7f }) {
		wrongKey().write(w)
		return
	}
	v, failed := h.whoami(r.Context(), &session{token: token})
	switch {
	case failed != nil && failed.status == http.StatusUnauthorized:
		wrongKey().write(w)
		return
	case failed != nil:
		failed.replay(w)
		return
	case !slices.Contains(v.Roles, "read") && !slices.Contains(v.Roles, "admin"):
		(&problem{Title: "The key may not read", Status: http.StatusForbidden, Code: "forbidden", Field: "key",
			Detail: "the console needs a key with the role read, and recall to take pushes back"}).write(w)
		return
	}
	if c, err := r.Cookie(h.cookieName()); err == nil {
		h.sessions.end(c.Value)
	}
	h.setCookie(w, h.sessions.add(token), h.c.SessionAge)
	h.c.Logger.InfoContext(r.Context(), "an operator logged in", "app", v.App, "key", v.Key)
	writeJSON(w, v)
}

// logout ends the session. Without one there is nothing to end.
func (h *Console) logout(w http.ResponseWriter, r *http.Request, _ string) {
	if c, err := r.Cookie(h.cookieName()); err == nil {
		h.sessions.end(c.Value)
	}
	h.setCookie(w, "", 0)
	writeJSON(w, struct{}{})
}
