package harmonytest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/recall-ledger/recall-ledger/channels/double"
)

// The app that the double knows.
const (
	ClientID  = "104567891"
	ProjectID = "461323198429386366"
)

const (
	keyID      = "key-of-the-double"
	subAccount = "101653523863572770"
	audience   = "https://oauth-login.cloud.huawei.com/oauth2/v3/token"
	// longest is the longest life of a signed token.
	longest = 24 * time.Hour
)

// key is the service account's key, made once since that takes long.
var key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Server is the double.
type Server struct {
	*double.Server
	// Account is the JSON text of the service account's key.
	Account string

	public *rsa.PublicKey
	clock  func() time.Time

	mu   sync.Mutex
	made int
	seen map[string]bool
}

// Start runs a server until its Close. It judges signed tokens by the clock.
func Start(clock func() time.Time) (*Server, error) {
	k, err := key()
	if err != nil {
		return nil, err
	}
	text, err := Account(k)
	if err != nil {
		return nil, err
	}
	s := &Server{Account: text, public: &k.PublicKey, clock: clock, seen: map[string]bool{}}
	_, err = double.Start(double.Config{Handler: func(d *double.Server) http.Handler {
		s.Server = d
		mux := http.NewServeMux()
		mux.HandleFunc("POST /v1/{id}/messages:revoke", s.guard(ClientID, d.Command(trouble, s.revoke)))
		mux.HandleFunc("POST /v3/{id}/messages:send", s.guard(ProjectID, d.Command(trouble, s.send)))
		return mux
	}})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Account returns the JSON text of a service account with a key, in the form of
// the file that the API Console gives.
func Account(k *rsa.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal(map[string]string{
		"project_id": ProjectID, "key_id": keyID, "sub_account": subAccount,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   audience,
	})
	return string(b), err
}

// Tokens returns how many different signed tokens were accepted.
func (s *Server) Tokens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

// Expire makes the server call every signed token accepted so far expired.
func (s *Server) Expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t := range s.seen {
		s.seen[t] = false
	}
}

// guard checks the signed token, that the path names the app it belongs to, and
// the kind of message.
func (s *Server) guard(id string, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch err := s.check(token); {
		case errors.Is(err, jwt.ErrTokenExpired):
			business(w, http.StatusUnauthorized, "80200005", "Jwt token expired.")
		case errors.Is(err, errLife):
			business(w, http.StatusUnauthorized, "80300036", "JWT expire period over threshold.")
		case err != nil, !bearer, r.PathValue("id") != id:
			business(w, http.StatusUnauthorized, "80200001", "Authentication Error.")
		case r.Header.Get("push-type") != "0":
			business(w, http.StatusBadRequest, "80100003", "Illegal payload, The header does not contain valid push-type")
		default:
			h(w, r)
		}
	}
}

var errLife = errors.New("the token holds for too long")

func (s *Server) check(token string) error {
	claims := jwt.RegisteredClaims{}
	t, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return s.public, nil },
		jwt.WithValidMethods([]string{"PS256"}), jwt.WithAudience(audience), jwt.WithIssuer(subAccount), jwt.WithExpirationRequired(),
		jwt.WithTimeFunc(s.clock))
	switch {
	case err != nil:
		return err
	case t.Header["kid"] != keyID || claims.IssuedAt == nil:
		return jwt.ErrTokenUnverifiable
	case claims.ExpiresAt.Sub(claims.IssuedAt.Time) > longest:
		return errLife
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if holds, known := s.seen[token]; known && !holds {
		return jwt.ErrTokenExpired
	}
	s.seen[token] = true
	return nil
}

func trouble(w http.ResponseWriter, f double.Fault) {
	if f == double.Throttle {
		// Flow control; the pages name no Retry-After.
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	business(w, http.StatusInternalServerError, "80000001", "CommonService Error.")
}

func business(w http.ResponseWriter, status int, code, msg string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code, "msg": msg, "requestId": "157440955549500001002006"})
}
