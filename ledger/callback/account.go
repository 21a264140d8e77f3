package callback

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
)

// The limits of an account (L11), in bytes. Addresses are short: vivo takes one
// of 128 characters.
const (
	MaxID     = 32
	MinToken  = 16
	MaxToken  = 64
	MinSecret = 16
	MaxSecret = 256
	MaxUser   = 128
	// minHuawei is lower than MinSecret, since the vendor's own minimum is not known.
	minHuawei = 8
	// minKey is that of a secret with the prefix whsec_, decoded: Standard Webhooks
	// has it so.
	minKey = 24

	keyPrefix = "whsec_"
)

// Account is who may report for an app on a channel.
type Account struct {
	App     string
	Channel string
	// ID tells the accounts of a channel apart, in the address. It may be empty
	// where the channel has no other account.
	ID string
	// Secret is the callback key of Huawei, the token of an address, and the key
	// of the generic form.
	Secret string
	// User is the callback user name, of Huawei's channels only.
	User string
}

// String names the account without its secret.
func (a Account) String() string { return a.Channel + "/" + a.ID }

// key returns the key of the generic form.
func (a Account) key() []byte {
	if text, ok := strings.CutPrefix(a.Secret, keyPrefix); ok {
		if key, err := base64.StdEncoding.DecodeString(text); err == nil {
			return key
		}
	}
	return []byte(a.Secret)
}

// Check reports everything that is wrong with a list of accounts, by its name in
// the configuration.
func Check(list []Account) error {
	var errs []error
	known, perChannel, seen := map[string]bool{}, map[string]int{}, map[string]bool{}
	for _, r := range channels.Rows() {
		known[r.Channel] = true
	}
	for _, a := range list {
		perChannel[a.Channel]++
	}
	for i, a := range list {
		wrong := func(field, format string, args ...any) {
			errs = append(errs, fmt.Errorf("callbacks[%d].%s: %s", i, field, fmt.Sprintf(format, args...)))
		}
		if err := events.CheckApp(fmt.Sprintf("callbacks[%d].app", i), a.App); err != nil {
			errs = append(errs, err)
		}
		switch {
		case !known[a.Channel]:
			wrong("channel", "%q is not a channel of the matrix", a.Channel)
		case a.ID == "" && perChannel[a.Channel] > 1:
			wrong("id", "is missing; channel %s has %d entries", a.Channel, perChannel[a.Channel])
		case a.ID != "" && (len(a.ID) > MaxID || events.CheckChannel("id", a.ID) != nil):
			wrong("id", "%q is not 1 to %d letters, digits, '-' and '_'", a.ID, MaxID)
		case seen[a.String()]:
			wrong("id", "%q is there twice for channel %s", a.ID, a.Channel)
		}
		seen[a.String()] = true
		for _, e := range a.checkProof() {
			wrong(e.Field, "%s", e.Reason)
		}
	}
	return errors.Join(errs...)
}

// checkProof checks what proves a call. It never tells the secret.
func (a Account) checkProof() (bad []events.FieldError) {
	wrong := func(field, format string, args ...any) {
		bad = append(bad, events.FieldError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	proof := forms()[a.Channel].Proof
	text, isKey := strings.CutPrefix(a.Secret, keyPrefix)
	key, err := base64.StdEncoding.DecodeString(text)
	least := MinSecret
	if proof == Huawei {
		least = minHuawei
	}
	switch {
	case proof == Token && (len(a.Secret) < MinToken || len(a.Secret) > MaxToken || strings.IndexFunc(a.Secret, escaped) >= 0):
		wrong("secret", "stands in the address of channel %s: %d to %d letters, digits and -._~ are needed", a.Channel, MinToken, MaxToken)
	case proof == Token:
	case isKey && (err != nil || len(key) < minKey):
		wrong("secret", "begins with %s and is not base64 of at least %d bytes", keyPrefix, minKey)
	case len(a.Secret) < least || len(a.Secret) > MaxSecret:
		wrong("secret", "is %d bytes long, %d to %d are needed", len(a.Secret), least, MaxSecret)
	}
	switch {
	case proof == Huawei && a.User == "":
		wrong("user", "is missing; it is the callback user name of AppGallery Connect")
	case proof != Huawei && a.User != "":
		wrong("user", "belongs to huawei, huawei-emui9 and harmony")
	case len(a.User) > MaxUser:
		wrong("user", "is %d bytes long, the limit is %d", len(a.User), MaxUser)
	}
	return bad
}

// escaped reports a character that an address would have to escape.
func escaped(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._~", r)
}

// directory finds accounts by address.
type directory map[string]Account

func newDirectory(list []Account) directory {
	d, perChannel := directory{}, map[string]int{}
	for _, a := range list {
		d[a.String()] = a
		perChannel[a.Channel]++
	}
	for _, a := range list {
		if perChannel[a.Channel] == 1 {
			d[a.Channel+"/"] = a // the id may be left out
		}
	}
	return d
}

// find returns the account of an address, and one without a secret for an
// address that is not known.
func (d directory) find(channel, id string) (Account, bool) {
	a, known := d[channel+"/"+id]
	if !known {
		a = Account{Channel: channel, ID: id}
	}
	return a, known
}
