package apns

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "apns"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is Apple's host. Default https://api.push.apple.com; builds from a
	// development machine have tokens of https://api.sandbox.push.apple.com instead.
	BaseURL string `koanf:"base_url"`
	// TeamID and KeyID are the ten characters Apple gives. Required.
	TeamID string `koanf:"team_id"`
	KeyID  string `koanf:"key_id"`
	// PrivateKey is the signing key as PEM, the text of the .p8 file; PrivateKeyFile
	// names a file with it. One of them is required.
	PrivateKey     string `koanf:"private_key"`
	PrivateKeyFile string `koanf:"private_key_file"`
	// Topic is the app's bundle id. Required.
	Topic string `koanf:"topic"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://api.push.apple.com")
	s.Need("team_id", c.TeamID)
	s.Need("key_id", c.KeyID)
	text, setting := s.Text("private_key", c.PrivateKey, c.PrivateKeyFile)
	s.Need(setting, text)
	s.Need("topic", c.Topic)
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock), key: signingKey(&s, text, setting)}
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Early: tokenEarly, Least: tokenLeast, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}

// signingKey reads the key. What it notes does not hold what the parser saw.
func signingKey(s *call.Settings, text, setting string) *ecdsa.PrivateKey {
	key, err := jwt.ParseECPrivateKeyFromPEM([]byte(text))
	s.Want(err == nil && key.Curve == elliptic.P256(), setting, "is not a P-256 private key as PEM")
	return key
}
