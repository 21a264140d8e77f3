package wecomtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// What the server accepts.
const (
	CorpID     = "ww0000000000double"
	CorpSecret = "secret_of_the_double"
	AgentID    = 1000002
)

// The codes for a msgid that is not known and for one older than 24 hours are on
// no page that could be read. These two are the double's own, not WeCom's.
const (
	CodeUnknown = 9990001
	CodeTooOld  = 9990002
)

// maxUsers and maxContent, in bytes, are message/send's limits; maxBody is the
// double's own.
const (
	maxUsers   = 1000
	maxContent = 2048
	maxBody    = 1 << 20
)

// Server is the double.
type Server struct {
	*double.Server

	tokens double.Tokens

	mu   sync.Mutex
	old  map[string]bool
	sent map[string]string
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	w := &Server{old: map[string]bool{}, sent: map[string]string{}}
	_, err := double.Start(double.Config{Handler: func(s *double.Server) http.Handler {
		w.Server = s
		mux := http.NewServeMux()
		mux.HandleFunc("GET /cgi-bin/gettoken", w.token)
		mux.HandleFunc("POST /cgi-bin/message/recall", w.guard(s.Command(trouble, w.recall)))
		mux.HandleFunc("POST /cgi-bin/message/send", w.guard(s.Command(trouble, w.send)))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Age makes a send older than the 24 hours in which it can be taken back.
func (w *Server) Age(msgid string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.old[msgid] = true
}

// Expire ends the access token, as after two hours.
func (w *Server) Expire() { w.tokens.Expire() }

// token answers the same token as long as that holds, as WeCom does.
func (w *Server) token(rw http.ResponseWriter, r *http.Request) {
	w.Note(r)
	q := r.URL.Query()
	switch {
	case q.Get("corpid") != CorpID:
		say(rw, 40013, "invalid corpid")
		return
	case q.Get("corpsecret") != CorpSecret:
		say(rw, 40001, "invalid credential")
		return
	}
	write(rw, map[string]any{"errcode": 0, "errmsg": "ok", "access_token": w.tokens.Current(), "expires_in": 7200})
}

func (w *Server) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		t := r.URL.Query().Get("access_token")
		known, holds := w.tokens.Check(t)
		switch {
		case t == "":
			say(rw, 41001, "access_token missing")
		case !known:
			say(rw, 40014, "invalid access_token")
		case !holds:
			say(rw, 42001, "access_token expired")
		default:
			h(rw, r)
		}
	}
}

func trouble(rw http.ResponseWriter, f double.Fault) {
	if f == double.Fail {
		say(rw, -1, "system error")
		return
	}
	say(rw, 45009, "api freq out of limit")
}

func (w *Server) recall(rw http.ResponseWriter, r *http.Request) {
	var m struct {
		MsgID string `json:"msgid"`
	}
	if !read(rw, r, &m) {
		return
	}
	if m.MsgID == "" {
		say(rw, 40035, "invalid parameter")
		return
	}
	w.mu.Lock()
	old := w.old[m.MsgID]
	w.mu.Unlock()
	switch {
	case old:
		say(rw, CodeTooOld, "the double: message is older than 24 hours")
	case !w.Tray.RemoveSend(m.MsgID, true):
		say(rw, CodeUnknown, "the double: msgid is not known")
	default:
		say(rw, 0, "ok")
	}
}

// read takes a body in, or refuses it: WeCom accepts no escaped characters.
func read(rw http.ResponseWriter, r *http.Request, into any) bool {
	b, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxBody))
	switch {
	case err != nil || json.Unmarshal(b, into) != nil:
		say(rw, 47001, "data format error")
	case bytes.Contains(b, []byte(`\u`)):
		say(rw, 40033, "invalid char, no \\uxxxx")
	default:
		return true
	}
	return false
}

func say(rw http.ResponseWriter, code int, text string) {
	write(rw, map[string]any{"errcode": code, "errmsg": text})
}

func write(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_ = json.NewEncoder(rw).Encode(v) // an answer nobody takes any more
}
