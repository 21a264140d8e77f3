package console

import (
	"net"
	"net/http"
	"strings"
)

// root is the path of everything but the page itself, which is at "/".
const root = "/console/"

// policy is the content security policy of every answer: nothing but the
// console's own files, no inline script or style, no markup made from texts, and
// no other page around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Console serves the console.
type Console struct {
	c        Config
	assets   map[string]asset
	sessions *sessions
	guarded  http.Handler
}

// New returns a console.
func New(c Config) (*Console, error) {
	c.setDefaults()
	if err := c.validate(); err != nil {
		return nil, err
	}
	files, err := loadAssets()
	if err != nil {
		return nil, err
	}
	h := &Console{c: c, assets: files, sessions: newSessions(c)}
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { crossOrigin().write(w) }))
	h.guarded = guard.Handler(http.HandlerFunc(h.route))
	return h, nil
}

// Match reports whether a request is for the console. What is not a GET of the
// root is somebody else's: clients of mPaaS post there, and those of UMS ask with
// HEAD whether anybody is there.
func (h *Console) Match(r *http.Request) bool {
	return r.URL.Path == "/" && r.Method == http.MethodGet || strings.HasPrefix(r.URL.Path, root)
}

// ServeHTTP implements http.Handler.
func (h *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Cache-Control", "no-store")
	if h.c.Loopback && !localName(r.Host) {
		wrongHost().write(w)
		return
	}
	h.guarded.ServeHTTP(w, r)
}

// localName reports whether a Host header names this machine.
func localName(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = strings.Trim(host, "[]")
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// page is one row of the table of paths.
type page struct {
	method, prefix string
	// exact is true when the prefix is the whole path.
	exact bool
	serve func(h *Console, w http.ResponseWriter, r *http.Request, rest string)
}

// pages is the table of everything but files.
func pages() []page {
	return []page{
		{http.MethodGet, root + "session", true, (*Console).session},
		{http.MethodPost, root + "login", true, (*Console).login},
		{http.MethodPost, root + "logout", true, (*Console).logout},
		{http.MethodPost, root + "preview/", false, (*Console).preview},
		{http.MethodPost, root + "recall/", false, (*Console).recall},
		{http.MethodGet, root + "report/", false, (*Console).report},
		{"", root + "api/", false, (*Console).forward},
	}
}

func (h *Console) route(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	for _, p := range pages() {
		rest, ok := strings.CutPrefix(path, p.prefix)
		if !ok || p.exact && rest != "" {
			continue
		}
		if p.method != "" && r.Method != p.method {
			w.Header().Set("Allow", p.method)
			wrongMethod().write(w)
			return
		}
		p.serve(h, w, r, rest)
		return
	}
	h.file(w, r, path)
}
