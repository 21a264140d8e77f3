package fcmtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// What the server knows of the service account.
const (
	email = "push@demo-shop.iam.gserviceaccount.com"
	keyID = "0123456789abcdef"
	scope = "https://www.googleapis.com/auth/firebase.messaging"
	grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// life is how long an access token holds.
const life = 3599 * time.Second

var key = sync.OnceValue(newKey)

// otherKey is one the server does not know.
var otherKey = sync.OnceValue(newKey)

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err) // the system's randomness does not fail
	}
	return k
}

// Credentials is the service account's key as JSON, as Google gives it.
func (s *Server) Credentials() string { return credentials(s.URL, key()) }

// OtherCredentials is the same service account with a key that was deleted.
func (s *Server) OtherCredentials() string { return credentials(s.URL, otherKey()) }

func credentials(base string, k *rsa.PrivateKey) string {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err) // an RSA key always marshals
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": Project, "private_key_id": keyID,
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": email, "token_uri": base + "/token",
	})
	if err != nil {
		panic(err) // plain strings always marshal
	}
	return string(b)
}

// bank gives access tokens and knows them again.
type bank struct {
	clock func() time.Time

	mu       sync.Mutex
	audience string
	given    map[string]time.Time
	minted   int
	failing  int
}

func (b *bank) setAudience(u string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.audience = u
}

// Minted returns how many access tokens were given.
func (s *Server) Minted() int {
	s.bank.mu.Lock()
	defer s.bank.mu.Unlock()
	return s.bank.minted
}

// Revoke makes every access token that was given worthless.
func (s *Server) Revoke() {
	s.bank.mu.Lock()
	defer s.bank.mu.Unlock()
	clear(s.bank.given)
}

// FailTokens makes the exchange answer with an HTTP status until it is told 0.
func (s *Server) FailTokens(status int) {
	s.bank.mu.Lock()
	defer s.bank.mu.Unlock()
	s.bank.failing = status
}

// exchange gives an access token for an assertion.
func (b *bank) exchange(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if b.failing != 0 {
		w.WriteHeader(b.failing)
		fmt.Fprint(w, `{"error":"temporarily_unavailable"}`)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	if r.PostFormValue("grant_type") != grant || !b.trusts(r.PostFormValue("assertion")) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"Invalid JWT Signature."}`)
		return
	}
	v := "ya29." + uuid.NewString()
	b.given[v] = b.clock().Add(life)
	b.minted++
	fmt.Fprintf(w, `{"access_token":%q,"expires_in":%d,"token_type":"Bearer"}`, v, int(life.Seconds()))
}

// trusts checks an assertion as Google's page on service accounts says.
func (b *bank) trusts(assertion string) bool {
	var claims struct {
		jwt.RegisteredClaims
		Scope string `json:"scope"`
	}
	t, err := jwt.ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) { return &key().PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithTimeFunc(b.clock), jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(), jwt.WithIssuer(email), jwt.WithAudience(b.audience))
	return err == nil && t.Header["kid"] == keyID && claims.Scope == scope && claims.IssuedAt != nil &&
		claims.ExpiresAt.Sub(claims.IssuedAt.Time) <= time.Hour
}

// guard lets through who has an access token that holds and may send for the
// project.
func (b *bank) guard(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		b.mu.Lock()
		end, ok := b.given[v]
		b.mu.Unlock()
		switch {
		case !ok || !b.clock().Before(end):
			refuse(w, http.StatusUnauthorized, "UNAUTHENTICATED", "")
		case r.PathValue("project") != Project:
			refuse(w, http.StatusForbidden, "PERMISSION_DENIED", "")
		default:
			h(w, r)
		}
	}
}
