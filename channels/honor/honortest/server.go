package honortest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The app that the double knows.
const (
	AppID        = "104412345"
	ClientID     = "client-of-the-honor-double"
	ClientSecret = "secret-of-the-honor-double"
)

const (
	tokenPath = "/auth/realms/developer/protocol/openid-connect/token"
	// lifetime is how long an access token is said to hold, in seconds.
	lifetime = 3600
)

// Server is the double.
type Server struct {
	*double.Server

	tokens double.Tokens

	mu   sync.Mutex
	made int
	busy map[string]bool
}

// Start runs a server until its Close. All doubles are started alike; this one has
// no use for a clock.
func Start(_ func() time.Time) (*Server, error) {
	s := &Server{busy: map[string]bool{}}
	_, err := double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		s.Server = d
		mux := http.NewServeMux()
		mux.HandleFunc("POST "+tokenPath, func(w http.ResponseWriter, r *http.Request) {
			d.Note(r)
			s.token(w, r)
		})
		mux.HandleFunc("POST /api/v1/{app}/sendMessage", s.guard(d.Command(trouble, s.send)))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// TokenURL is the address of the token endpoint.
func (s *Server) TokenURL() string { return s.URL + tokenPath }

// Expire makes every access token given so far expire.
func (s *Server) Expire() { s.tokens.Expire() }

// Busy makes sends to device tokens fail, though they are good.
func (s *Server) Busy(devices ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range devices {
		s.busy[d] = true
	}
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("grant_type") != "client_credentials" || r.FormValue("client_id") != ClientID || r.FormValue("client_secret") != ClientSecret {
		answer(w, http.StatusUnauthorized, map[string]any{"error": "unauthorized_client", "error_description": "Invalid client secret"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": s.tokens.Give(), "expires_in": lifetime, "token_type": "Bearer"})
}

// guard checks the access token, the app and the time in milliseconds.
func (s *Server) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		known, holds := s.tokens.Check(token)
		at, err := strconv.ParseInt(r.Header.Get("timestamp"), 10, 64)
		switch {
		case !known || r.PathValue("app") != AppID:
			fail(w, http.StatusUnauthorized, 80200001, "Authentication error")
		case !holds:
			fail(w, http.StatusUnauthorized, 80200003, "Access token expired")
		case err != nil || at < 1e12:
			fail(w, http.StatusBadRequest, 80100001, "timestamp is wrong")
		default:
			h(w, r)
		}
	}
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Throttle {
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	fail(w, http.StatusInternalServerError, 81000001, "Inner error")
}

func fail(w http.ResponseWriter, status, code int, message string) {
	answer(w, status, map[string]any{"code": code, "message": message})
}

func answer(w http.ResponseWriter, status int, v map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
