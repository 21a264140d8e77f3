package api

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// The roles of a credential.
const (
	// RolePublish may publish events and ask the gate.
	RolePublish = "publish"
	// RoleRead may read everything of its app.
	RoleRead = "read"
	// RoleRecall may preview, request, follow, abort and re-drive recalls.
	RoleRecall = "recall"
	// RoleAdmin may do everything, device credentials included.
	RoleAdmin = "admin"
)

// Roles lists the roles.
func Roles() []string { return []string{RolePublish, RoleRead, RoleRecall, RoleAdmin} }

// Key is a credential. It holds no secret, only the hash of one.
type Key struct {
	// ID names the key in logs and in the events it caused.
	ID string
	// Hash is the hex SHA-256 of the secret.
	Hash string
	// App is the only app the key sees.
	App   string
	Roles []string
}

// maxKeyID bounds the id of a key.
const maxKeyID = 64

// NewKey makes a credential. The token is what a client sends, shown once: it
// cannot be found again from the key.
func NewKey(app string, roles []string) (Key, string) {
	id, secret := "k"+strings.ToLower(rand.Text()[:15]), rand.Text()
	sum := sha256.Sum256([]byte(secret))
	return Key{ID: id, Hash: hex.EncodeToString(sum[:]), App: app, Roles: slices.Clone(roles)}, id + "." + secret
}

// Validate reports a key that would not work.
func (k Key) Validate() error {
	if k.ID == "" || len(k.ID) > maxKeyID || strings.ContainsAny(k.ID, ". \t\r\n") {
		return fmt.Errorf("key %q: the id needs 1 to %d characters, none of them a dot or a space", k.ID, maxKeyID)
	}
	if err := events.CheckText("id", k.ID, maxKeyID); err != nil {
		return fmt.Errorf("key %q: %w", k.ID, err)
	}
	if b, err := hex.DecodeString(k.Hash); err != nil || len(b) != sha256.Size {
		return fmt.Errorf("key %q: the hash is not a hex SHA-256", k.ID)
	}
	if err := events.CheckApp("app", k.App); err != nil {
		return fmt.Errorf("key %q: %w", k.ID, err)
	}
	if len(k.Roles) == 0 {
		return fmt.Errorf("key %q: has no roles; name some of %s", k.ID, strings.Join(Roles(), ", "))
	}
	for _, r := range k.Roles {
		if !slices.Contains(Roles(), r) {
			return fmt.Errorf("key %q: role %q is none of %s", k.ID, r, strings.Join(Roles(), ", "))
		}
	}
	return nil
}

// caller is who asks.
type caller struct {
	app string
	// key is the id of the credential, "" in open mode.
	key   string
	roles []string
}

// may reports whether the caller has one of the roles, or all of them as admin.
func (c caller) may(roles []string) bool {
	return slices.ContainsFunc(c.roles, func(r string) bool { return r == RoleAdmin || slices.Contains(roles, r) })
}

// keyring finds out who asks.
type keyring struct {
	open  bool
	keys  map[string]Key
	hash  map[string][]byte
	dummy []byte
}

func newKeyring(keys []Key) (*keyring, error) {
	r := &keyring{open: len(keys) == 0, keys: map[string]Key{}, hash: map[string][]byte{}, dummy: make([]byte, sha256.Size)}
	rand.Read(r.dummy)
	for _, k := range keys {
		if err := k.Validate(); err != nil {
			return nil, err
		}
		if _, twice := r.keys[k.ID]; twice {
			return nil, fmt.Errorf("key %q: is there twice", k.ID)
		}
		hash, err := hex.DecodeString(k.Hash)
		if err != nil {
			return nil, err
		}
		r.keys[k.ID], r.hash[k.ID] = k, hash
	}
	return r, nil
}

// defaultApp is the app of a caller who names none, where there are no keys.
const defaultApp = "default"

// identify returns who asks. Every failure of a credential is the same problem
// at the same cost, whichever part is wrong (L10).
func (r *keyring) identify(h http.Header) (caller, *Problem) {
	app := h.Get(headerApp)
	if len(h.Values(headerApp)) > 1 {
		return caller{}, fieldProblem(headerApp, "is given more than once")
	}
	if r.open {
		if app == "" {
			app = defaultApp
		}
		if err := events.CheckApp(headerApp, app); err != nil {
			return caller{}, toProblem(err)
		}
		return caller{app: app, roles: []string{RoleAdmin}}, nil
	}
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	id, secret, _ := strings.Cut(strings.TrimSpace(token), ".")
	sum := sha256.Sum256([]byte(secret))
	want, known := r.hash[id]
	if !known {
		want = r.dummy
	}
	same := subtle.ConstantTimeCompare(sum[:], want) == 1
	if !same || !known || !strings.EqualFold(scheme, "Bearer") || len(h.Values("Authorization")) != 1 {
		return caller{}, problem(codeUnauthenticated, "send the header Authorization: Bearer <id>.<secret> with a valid credential")
	}
	k := r.keys[id]
	if app != "" && app != k.App {
		return caller{}, problem(codeForbidden, "the credential is not one of the app that the header %s names", headerApp)
	}
	return caller{app: k.App, key: k.ID, roles: k.Roles}, nil
}
