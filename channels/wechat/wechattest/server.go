package wechattest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The credentials of the account the server knows.
const (
	AppID     = "wx0123456789abcdef"
	AppSecret = "secret-of-the-double"
)

// Send is an id in the form of the server's own.
const Send = "3147483661"

// lifetime is how long an access token lives, in seconds.
const lifetime = 7200

// maxBody is what the server reads of a request, in bytes.
const maxBody = 4096

// Server is the double and what a test can do to its access tokens.
type Server struct {
	*double.Server

	mu     sync.Mutex
	minted int
	token  string
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	s := &Server{}
	d, err := double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		mux := http.NewServeMux()
		mux.HandleFunc("GET /cgi-bin/token", func(w http.ResponseWriter, r *http.Request) { d.Note(r); s.mint(w, r) })
		mux.HandleFunc("/cgi-bin/message/mass/delete", s.guard(d.Command(trouble, func(w http.ResponseWriter, r *http.Request) { remove(d, w, r) })))
		return mux
	}})
	s.Server = d
	return s, err
}

// Expire ends the access token, as minting another elsewhere does.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = ""
}

func (s *Server) mint(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch {
	case q.Get("grant_type") != "client_credential":
		answer(w, 40002, "invalid grant_type")
	case q.Get("appid") != AppID:
		answer(w, 40013, "invalid appid")
	case q.Get("secret") != AppSecret:
		answer(w, 40125, "invalid appsecret")
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.minted++
		s.token = "access-token-" + strconv.Itoa(s.minted)
		w.Header().Set("Content-Type", "application/json; encoding=utf-8")
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":%d}`, s.token, lifetime)
	}
}

func (s *Server) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		token := s.token
		s.mu.Unlock()
		switch given := r.URL.Query().Get("access_token"); {
		case given == "":
			answer(w, 41001, "access_token missing")
		case given != token:
			answer(w, 40001, "invalid credential, access_token is invalid or not latest")
		case r.Method != http.MethodPost:
			answer(w, 43002, "require POST method")
		default:
			h(w, r)
		}
	}
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		answer(w, -1, "system error")
		return
	}
	answer(w, 45011, "api minute-quota reach limit must slower retry next minute")
}

// answer writes WeChat's form: the HTTP status is always 200.
func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "application/json; encoding=utf-8")
	fmt.Fprintf(w, `{"errcode":%d,"errmsg":%q}`, code, text)
}

func remove(d *double.Server, w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var m struct {
		ID    json.Number `json:"msg_id"`
		Index *int        `json:"article_idx"`
	}
	switch {
	case err == nil && len(b) == 0:
		answer(w, 44002, "empty post data")
	case err != nil || json.Unmarshal(b, &m) != nil:
		answer(w, 47001, "data format error")
	case m.Index == nil || *m.Index != 0:
		// The double's messages have one article, named by 0 as all are.
		answer(w, 40060, "invalid article idx")
	case !d.Tray.RemoveSend(m.ID.String(), true):
		answer(w, 40059, "invalid msg id")
	default:
		answer(w, 0, "ok")
	}
}
