package facade

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// Names of the facades, as credentials name them.
const (
	MPaaS   = "mpaas"
	TPNS    = "tpns"
	TIMPush = "timpush"
	UMS     = "ums"
)

// Names lists the facades.
func Names() []string { return []string{MPaaS, TPNS, TIMPush, UMS} }

// The limits of a credential (L11).
const (
	MaxCredentials = 10_000
	// MaxID leaves room for the facade's name: together they are events.MaxBy.
	MaxID     = 120
	MaxSecret = 512
	MaxAdmins = 20
	// A callback token is sent in an address, and guessed there.
	MinToken = 16
	MaxToken = 128
)

// Credential lets the clients of one facade act for one app.
type Credential struct {
	// Facade is one of Names; ID is the vendor's word for the key: mPaaS
	// AccessKeyId, TPNS AccessId, TIMPush SDKAppID, UMS ChannelKey.
	Facade string `json:"facade"`
	ID     string `json:"id"`
	// App is the tenant the key acts for.
	App string `json:"app"`
	// Secret computes the vendor's signatures. One that is only compared is
	// empty once it is entered: its SHA-256 is kept in Hash.
	Secret string `json:"secret,omitempty"`
	Hash   []byte `json:"hash,omitempty"`
	// SignOnly refuses the Basic authentication of TPNS, which sends the
	// secret itself; BasicOnly refuses its Sign, so that the secret need not
	// be kept.
	SignOnly  bool `json:"sign_only,omitempty"`
	BasicOnly bool `json:"basic_only,omitempty"`
	// CallbackToken is what the address of TIMPush's callback must carry, since
	// the vendor signs none; without one callbacks are refused. It is empty
	// once it is entered: only its hash is kept.
	CallbackToken string `json:"callback_token,omitempty"`
	CallbackHash  []byte `json:"callback_hash,omitempty"`
	// Admins are the TIMPush identifiers that may act; empty means
	// "administrator".
	Admins []string `json:"admins,omitempty"`
	// Disabled keys are refused as the vendor refuses them.
	Disabled bool `json:"disabled,omitempty"`
}

// Check reports the field that is wrong as a *events.FieldError.
func (c Credential) Check() error {
	if !slices.Contains(Names(), c.Facade) {
		return &events.FieldError{Field: "facade", Reason: fmt.Sprintf("%q is none of %s", c.Facade, strings.Join(Names(), ", "))}
	}
	if err := events.CheckID("id", c.ID, MaxID); err != nil {
		return err
	}
	if err := events.CheckApp("app", c.App); err != nil {
		return err
	}
	if err := events.CheckID("secret", c.Secret, MaxSecret); err != nil {
		return err
	}
	if len(c.Admins) > MaxAdmins {
		return &events.FieldError{Field: "admins", Reason: fmt.Sprintf("has %d entries, the limit is %d", len(c.Admins), MaxAdmins)}
	}
	return c.checkOptions()
}

// checkOptions checks what only some facades have. An option that does nothing
// would be taken for a protection that is there.
func (c Credential) checkOptions() error {
	switch {
	case c.SignOnly && c.Facade != TPNS:
		return &events.FieldError{Field: "sign_only", Reason: "is for tpns; no other facade has two ways to authenticate"}
	case c.BasicOnly && c.Facade != TPNS:
		return &events.FieldError{Field: "basic_only", Reason: "is for tpns; no other facade has two ways to authenticate"}
	case c.BasicOnly && c.SignOnly:
		return &events.FieldError{Field: "basic_only", Reason: "and sign_only together leave no way to authenticate"}
	case c.CallbackToken == "":
		return nil
	case c.Facade != TIMPush:
		return &events.FieldError{Field: "callback_token", Reason: "is for timpush; no other vendor's callback needs one"}
	case len(c.CallbackToken) < MinToken || len(c.CallbackToken) > MaxToken:
		return &events.FieldError{Field: "callback_token", Reason: fmt.Sprintf("has %d characters, want %d to %d", len(c.CallbackToken), MinToken, MaxToken)}
	case strings.Trim(c.CallbackToken, tokenLetters) != "":
		return &events.FieldError{Field: "callback_token", Reason: "has characters other than letters, digits and -._~, which an address would change"}
	}
	return nil
}

// tokenLetters are what stands in an address as it is (RFC 3986, 2.3).
const tokenLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// sealed returns the credential as it is kept: what is only compared is hashed.
// A UMS secret is: the status callbacks that send one are configured, and take it
// from the configuration.
func (c Credential) sealed() Credential {
	if c.Secret != "" && (c.Facade == UMS || c.BasicOnly) {
		sum := sha256.Sum256([]byte(c.Secret))
		c.Hash, c.Secret = sum[:], ""
	}
	if c.CallbackToken != "" {
		sum := sha256.Sum256([]byte(c.CallbackToken))
		c.CallbackHash, c.CallbackToken = sum[:], ""
	}
	return c
}

// Matches reports whether a secret is the credential's.
func (c Credential) Matches(secret string) bool {
	sum := sha256.Sum256([]byte(c.Secret))
	hash := sum[:]
	if c.Hash != nil {
		hash = c.Hash
	}
	return hashes(secret, hash)
}

// TakesCallback reports whether a token is the credential's.
func (c Credential) TakesCallback(token string) bool { return hashes(token, c.CallbackHash) }

// hashes compares in a time that tells nothing of either side. No secret has an
// empty hash.
func hashes(secret string, hash []byte) bool {
	sum := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(sum[:], hash) == 1
}

// String names the credential without its secret, so that it can be logged.
func (c Credential) String() string { return c.Facade + "/" + c.ID }
