package selfbuilt

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/recall-ledger/recall-ledger/events"
)

// MinSecret is the least number of bytes a secret must have.
const MinSecret = 32

// Credentials gives every device a password of its own without storing any: it
// is computed from one secret. Whoever holds the secret can speak for every
// device of every app.
type Credentials struct {
	// Secret is the key, at least MinSecret random bytes. Another secret makes
	// all passwords invalid.
	Secret []byte
}

// Grant lists the subjects a device may use; everything else is closed.
type Grant struct {
	Publish   []string
	Subscribe []string
}

// Validate reports a secret that is too short. With such a one Verify lets
// nobody in.
func (c Credentials) Validate() error {
	if len(c.Secret) < MinSecret {
		return fmt.Errorf("device secret: is %d bytes long, at least %d are needed", len(c.Secret), MinSecret)
	}
	return nil
}

// User returns the user name of a device: <app>/<device>.
func User(app, device string) string { return app + "/" + device }

// Password returns the password of a device: the base64url form, unpadded, of
// HMAC-SHA256(secret, app 0x00 device).
func (c Credentials) Password(app, device string) string {
	m := hmac.New(sha256.New, c.Secret)
	m.Write([]byte(app))
	m.Write([]byte{0})
	m.Write([]byte(device))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Verify returns what a device may do, or false when the user name is not one
// or the password is not its own. A malformed user name costs the same work as
// a wrong password.
func (c Credentials) Verify(user, password string) (Grant, bool) {
	app, device, ok := strings.Cut(user, "/")
	ok = events.CheckApp("app", app) == nil && ok
	ok = events.CheckID("device", device, events.MaxDevice) == nil && ok
	ok = len(c.Secret) >= MinSecret && ok
	if !hmac.Equal([]byte(password), []byte(c.Password(app, device))) || !ok {
		return Grant{}, false
	}
	return Grant{
		Publish: []string{Subject(app, device, LaneReport), Subject(app, device, LaneSync)},
		Subscribe: []string{
			Subject(app, device, LaneShow), Subject(app, device, LaneInstruction),
			InboxPrefix(app, device) + ".>",
		},
	}, true
}
