package ntfy

import (
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "ntfy"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is the server, for example https://ntfy.example.com. Required:
	// there is no default, for a wrong one would get the topics' names.
	BaseURL string `koanf:"base_url"`
	// Token is an access token; empty where the topics need none.
	Token string `koanf:"token"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Need("base_url", c.BaseURL)
	s.Address("base_url", &c.BaseURL, "")
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock)}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
