package huaweitest

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The client that the double knows.
const (
	ClientID     = "104567890"
	ClientSecret = "secret-of-the-huawei-double"
)

// OldPrefix begins the token of a device below EMUI 10, which never replaces a
// notification.
const OldPrefix = "emui9-"

// lifetime is how long an access token is said to hold, in seconds.
const lifetime = 3600

// Server is the double.
type Server struct {
	*double.Server

	tokens double.Tokens

	mu   sync.Mutex
	made int
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	s := &Server{}
	_, err := double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		s.Server = d
		mux := http.NewServeMux()
		mux.HandleFunc("POST /oauth2/v3/token", func(w http.ResponseWriter, r *http.Request) {
			d.Note(r)
			s.token(w, r)
		})
		mux.HandleFunc("POST /v1/{client}/messages:send", s.guard(d.Command(trouble, s.send)))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// TokenURL is the address of the token endpoint.
func (s *Server) TokenURL() string { return s.URL + "/oauth2/v3/token" }

// Expire makes every access token given so far expire.
func (s *Server) Expire() { s.tokens.Expire() }

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_id") != ClientID || r.FormValue("client_secret") != ClientSecret {
		answer(w, http.StatusBadRequest, map[string]any{"error": 1101, "sub_error": 20042, "error_description": "client secret error"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": s.tokens.Give(), "expires_in": lifetime, "token_type": "Bearer"})
}

// guard checks the access token and that the path names the app it was given for.
func (s *Server) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		known, holds := s.tokens.Check(token)
		switch {
		case !known || r.PathValue("client") != ClientID:
			business(w, http.StatusUnauthorized, "80200001", "Authentication error")
		case !holds:
			business(w, http.StatusUnauthorized, "80200003", "Access token expired")
		default:
			h(w, r)
		}
	}
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Throttle {
		// Flow control; the page names no Retry-After.
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	business(w, http.StatusInternalServerError, "81000001", "Inner error")
}

func business(w http.ResponseWriter, status int, code, msg string) {
	answer(w, status, map[string]any{"code": code, "msg": msg, "requestId": "157440955549500001002006"})
}

func answer(w http.ResponseWriter, status int, v map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
