package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	"github.com/recall-ledger/recall-ledger/ledger/node"
)

// answered is what came back of a request.
type answered struct {
	status int
	header http.Header
	body   string
}

func (a answered) problem(t *testing.T) (p struct {
	Code, Field, Detail string
	Limit               int64
	Changed             []string
	Preview             json.RawMessage
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), &p); err != nil || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%d %q is no problem: %s", a.status, a.header.Get("Content-Type"), a.body)
	}
	return p
}

// ask makes a request; headers are pairs of name and value.
func (s *stage) ask(method, path, body string, headers ...string) answered {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.http.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answered{resp.StatusCode, resp.Header, string(b)}
}

// login returns the cookie of a session.
func (s *stage) login(token string) string {
	s.t.Helper()
	a := s.ask("POST", "/console/login", `{"key":`+quoted(token)+`}`)
	if a.status != http.StatusOK {
		s.t.Fatalf("login: %d %s", a.status, a.body)
	}
	cookie, _, _ := strings.Cut(a.header.Get("Set-Cookie"), ";")
	return cookie
}

func TestPolicy(t *testing.T) {
	s := newStage(t, nil)
	for _, path := range []string{"/", "/console/app.js", "/console/base.css", "/console/session", "/console/nothing", "/console/api/shop/v1/pushes"} {
		a := s.ask("GET", path, "")
		csp := a.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
	}
}

// TestFiles: nothing comes from elsewhere, nothing is inline, and texts are never
// made markup.
func TestFiles(t *testing.T) {
	s := newStage(t, nil)
	list, err := filepath.Glob("assets/*")
	if err != nil || len(list) < 10 {
		t.Fatal(list, err)
	}
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|<style|<script(>| [^>]*[^"]>)|\son\w+="|style="|import\(|@import|:\s*url\(|(src|href)="https?:`)
	for _, f := range list {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(b), "\n") {
			if found := forbidden.FindString(line); found != "" {
				t.Errorf("%s:%d has %q", f, i+1, found)
			}
		}
		path := "/console/" + filepath.Base(f)
		if filepath.Base(f) == "index.html" {
			path = "/"
		}
		a := s.ask("GET", path, "")
		if a.status != 200 || a.body != string(b) || a.header.Get("ETag") == "" {
			t.Errorf("%s is served as %d with %d bytes", path, a.status, len(a.body))
		}
		if again := s.ask("GET", path, "", "If-None-Match", a.header.Get("ETag")); again.status != http.StatusNotModified {
			t.Errorf("%s unchanged is answered %d", path, again.status)
		}
		if a := s.ask("DELETE", path, ""); path != "/" && a.status != http.StatusMethodNotAllowed {
			t.Errorf("DELETE %s = %d", path, a.status)
		}
	}
}

// TestRootIsShared: clients of other systems find at the root what they always did.
func TestRootIsShared(t *testing.T) {
	s := newStage(t, nil)
	if a := s.ask("GET", "/", ""); a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Errorf("a browser gets %d %s", a.status, a.header)
	}
	if a := s.ask("HEAD", "/", ""); a.status != 200 || a.header.Get("Content-Security-Policy") != "" {
		t.Errorf("a client of UMS gets %d %v", a.status, a.header)
	}
	for _, c := range []struct{ method, path, body string }{{"POST", "/", "Action=RevokePushTask"}, {"GET", "/?Action=RevokePushTask", ""}} {
		if a := s.ask(c.method, c.path, c.body, "Content-Type", "application/x-www-form-urlencoded"); a.status != 400 || !strings.Contains(a.body, `"Code"`) {
			t.Errorf("%s %s of a client of mPaaS gets %d %.200s", c.method, c.path, a.status, a.body)
		}
	}
}

// TestReasonsAreExplained: the page of channels explains every reason there is.
func TestReasonsAreExplained(t *testing.T) {
	source, err := os.ReadFile("../../channels/reason.go")
	if err != nil {
		t.Fatal(err)
	}
	words, err := os.ReadFile("assets/words.js")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`\tReason\w+ += "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(found) < 15 {
		t.Fatalf("only %d reasons were found", len(found))
	}
	for _, m := range found {
		if !strings.Contains(string(words), "\n  \""+m[1]+"\": \"") {
			t.Errorf("words.js does not explain %s", m[1])
		}
	}
}

// TestCrossOrigin: no other site can act in the operator's name.
func TestCrossOrigin(t *testing.T) {
	s := newStage(t, nil)
	s.fill()
	body := `{"push":"flash-sale","action":"recall"}`
	for _, path := range []string{"/console/preview/shop", "/console/recall/shop", "/console/login", "/console/logout", "/console/api/shop/v1/recalls/x/abort"} {
		for _, headers := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://elsewhere.example"}} {
			if a := s.ask("POST", path, body, headers...); a.status != http.StatusForbidden || a.problem(t).Code != "cross-origin" {
				t.Errorf("%s with %v: %d %s", path, headers, a.status, a.body)
			}
		}
		// A form of another site can send these.
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", ""} {
			if a := s.ask("POST", path, body, "Content-Type", kind); path != "/console/logout" && a.status != http.StatusUnsupportedMediaType {
				t.Errorf("%s as %q: %d %s", path, kind, a.status, a.body)
			}
		}
	}
	// A name of somebody else's that leads to loopback.
	for _, host := range []string{"rebound.example", "rebound.example:80", "127.0.0.1.rebound.example", "10.0.0.1"} {
		for _, path := range []string{"/", "/console/session", "/console/api/shop/v1/pushes"} {
			if a := s.ask("GET", path, "", "Host", host); a.status != http.StatusMisdirectedRequest {
				t.Errorf("%s for %s: %d", path, host, a.status)
			}
		}
	}
	for _, host := range []string{"localhost:8080", "LOCALHOST", "127.0.0.1", "[::1]:8080", "[::1]"} {
		if a := s.ask("GET", "/console/session", "", "Host", host); a.status != 200 {
			t.Errorf("%s: %d", host, a.status)
		}
	}
	if r, err := s.client().Recalls(t.Context(), api.ListOptions{}); err != nil || len(r.Recalls) != 1 {
		t.Errorf("recalls %+v, %v; only the stage's own was asked for", r, err)
	}
}

func TestLogin(t *testing.T) {
	s, tokens := keyed(t)
	for _, path := range []string{"/console/session", "/console/api/shop/v1/pushes", "/console/report/shop/x.csv"} {
		for _, headers := range [][]string{nil, {"Cookie", "recall-session=guess"}, {"Cookie", "recall-session="}, {"Authorization", "Bearer " + tokens["shop operator"]}} {
			if a := s.ask("GET", path, "", headers...); a.status != http.StatusUnauthorized || a.problem(t).Code != "not-logged-in" {
				t.Errorf("%s with %v: %d %s", path, headers, a.status, a.body)
			}
		}
	}
	id, _, _ := strings.Cut(tokens["shop operator"], ".")
	for _, key := range []string{"", "x", "nobody.nothing", id + ".wrong", id, "a b", "ä.b", tokens["shop operator"] + "x", strings.Repeat("k", 5000)} {
		a := s.ask("POST", "/console/login", `{"key":`+quoted(key)+`}`)
		if p := a.problem(t); a.status != http.StatusUnauthorized || p.Field != "key" || a.header.Get("Set-Cookie") != "" || strings.Contains(a.body, id) {
			t.Errorf("key %.20q: %d %s", key, a.status, a.body)
		}
	}
	if a := s.ask("POST", "/console/login", `{"key":`+quoted(tokens["shop publisher"])+`}`); a.status != http.StatusForbidden || a.header.Get("Set-Cookie") != "" {
		t.Errorf("a key that may not read: %d %s", a.status, a.body)
	}
	for _, body := range []string{`{`, `[]`, `{"key":1}`, `{"key":"a","more":1}`, `{"key":"a"} {}`} {
		if a := s.ask("POST", "/console/login", body); a.status != http.StatusBadRequest {
			t.Errorf("body %s: %d %s", body, a.status, a.body)
		}
	}
	if a := s.ask("POST", "/console/login", `{"key":"`+strings.Repeat("k", 100<<10)+`"}`); a.status != http.StatusRequestEntityTooLarge || a.problem(t).Limit != 96<<10 {
		t.Errorf("a large body: %d %s", a.status, a.body)
	}

	a := s.ask("POST", "/console/login", `{"key":`+quoted(" "+tokens["shop operator"]+"\n")+`}`)
	set := a.header.Get("Set-Cookie")
	if a.status != 200 || !strings.HasPrefix(set, "recall-session=") || strings.Contains(set, tokens["shop operator"]) {
		t.Fatalf("%d %s %s", a.status, set, a.body)
	}
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=43200"} {
		if !strings.Contains(set, want) {
			t.Errorf("the cookie %q lacks %s", set, want)
		}
	}
	cookie, _, _ := strings.Cut(set, ";")
	if a := s.ask("GET", "/console/session", "", "Cookie", cookie); a.status != 200 || !strings.Contains(a.body, `"app":"shop"`) || !strings.Contains(a.body, id) || strings.Contains(a.body, tokens["shop operator"]) {
		t.Errorf("session: %d %s", a.status, a.body)
	}
	// The native API does not know the cookie.
	if a := s.ask("GET", "/v1/pushes", "", "Cookie", cookie); a.status != http.StatusUnauthorized {
		t.Errorf("the API takes a cookie: %d", a.status)
	}
	if a := s.ask("POST", "/console/logout", `{}`, "Cookie", cookie); a.status != 200 || !strings.Contains(a.header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("logout: %d %v", a.status, a.header)
	}
	if a := s.ask("GET", "/console/session", "", "Cookie", cookie); a.status != http.StatusUnauthorized {
		t.Errorf("the session lives on after the logout: %d", a.status)
	}
}

// TestSecureCookie: behind https the cookie is bound to the host.
func TestSecureCookie(t *testing.T) {
	k, token := api.NewKey(app, []string{"read"})
	s := newStage(t, func(c *node.Config) {
		c.HTTP.BehindProxy = true
		c.Keys = []node.KeyConfig{{ID: k.ID, Hash: k.Hash, App: k.App, Roles: k.Roles}}
	})
	// Its name is the proxy's, not this machine's.
	a := s.ask("POST", "/console/login", `{"key":`+quoted(token)+`}`, "Host", "console.example")
	set := a.header.Get("Set-Cookie")
	if a.status != 200 || !strings.HasPrefix(set, "__Host-recall-session=") || !strings.Contains(set, "; Secure") || strings.Contains(set, "Domain") {
		t.Errorf("%d, cookie %q", a.status, set)
	}
}

// TestTenantsAndRoles: who is logged in sees and does what the key may (L10).
func TestTenantsAndRoles(t *testing.T) {
	s, tokens := keyed(t)
	s.fill()
	operator, reader, other := s.login(tokens["shop operator"]), s.login(tokens["shop reader"]), s.login(tokens["other operator"])
	recall := `{"push":"weekly-digest","action":"recall"}`
	for _, c := range []struct {
		name, cookie, method, path, body string
		status                           int
	}{
		{"own push", operator, "GET", "/console/api/shop/v1/pushes/weekly-digest", "", 200},
		{"reader's push", reader, "GET", "/console/api/shop/v1/pushes/weekly-digest", "", 200},
		{"another app's push", other, "GET", "/console/api/other/v1/pushes/weekly-digest", "", 404},
		{"another app by name", other, "GET", "/console/api/shop/v1/pushes/weekly-digest", "", 403},
		{"another app's preview", other, "POST", "/console/preview/other", recall, 404},
		{"another app's preview by name", other, "POST", "/console/preview/shop", recall, 403},
		{"the reader's preview", reader, "POST", "/console/preview/shop", recall, 200},
		{"a list of keys", operator, "GET", "/console/api/shop/v1/facades", "", 403},
		{"an abort by a reader", reader, "POST", "/console/api/shop/v1/recalls/x/abort", `{}`, 403},
		{"an abort of nothing", operator, "POST", "/console/api/shop/v1/recalls/x/abort", `{}`, 404},
		// What would go round the guard, or is none of the console's business.
		{"a recall past the guard", operator, "POST", "/console/api/shop/v1/recalls", recall, 405},
		{"publishing", operator, "POST", "/console/api/shop/v1/events", `{}`, 405},
		{"deleting", operator, "DELETE", "/console/api/shop/v1/templates/t", "", 405},
		{"beside the API", operator, "GET", "/console/api/shop/metrics", "", 404},
		{"up and out", operator, "GET", "/console/api/shop/v1/../metrics", "", 404},
		{"no app", operator, "GET", "/console/api//v1/pushes", "", 404},
		{"a report of another app", other, "GET", "/console/report/other/x.csv", "", 404},
		{"an odd report", operator, "GET", "/console/report/shop/..%2fx.csv", "", 404},
	} {
		if a := s.ask(c.method, c.path, c.body, "Cookie", c.cookie); a.status != c.status {
			t.Errorf("%s: %d, want %d: %.200s", c.name, a.status, c.status, a.body)
		}
	}
	// A reader cannot recall, not even with the right figures.
	v := s.ask("POST", "/console/preview/shop", recall, "Cookie", reader)
	order := `{"request":` + recall + `,"shown":` + shown(t, v.body, nil) + `,"confirm":"weekly-digest"}`
	if a := s.ask("POST", "/console/recall/shop", order, "Cookie", reader, "Idempotency-Key", "k"); a.status != http.StatusForbidden {
		t.Errorf("a recall by a reader: %d %s", a.status, a.body)
	}
	if a := s.ask("POST", "/console/recall/shop", order, "Cookie", operator, "Idempotency-Key", "k"); a.status != http.StatusAccepted {
		t.Errorf("a recall by the operator: %d %s", a.status, a.body)
	}
	list, err := s.client().Recalls(t.Context(), api.ListOptions{})
	id, _, _ := strings.Cut(tokens["shop operator"], ".")
	if err != nil || len(list.Recalls) != 2 || list.Recalls[0].By != id || list.Recalls[0].Action != string(channels.Recall) {
		t.Errorf("%+v, %v; want a recall by key %s", list, err, id)
	}
}
