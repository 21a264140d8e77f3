package honor

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "honor"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is the push server. Default https://push-api.cloud.hihonor.com.
	BaseURL string `koanf:"base_url"`
	// TokenURL gives access tokens. Default
	// https://iam.developer.hihonor.com/auth/realms/developer/protocol/openid-connect/token;
	// public source also has the short form https://iam.developer.hihonor.com/auth/token.
	TokenURL string `koanf:"token_url"`
	// SendPath is the path of the send call, {app_id} standing for AppID. Default
	// /api/v1/{app_id}/sendMessage.
	SendPath string `koanf:"send_path"`
	// AppID is the app's id on Honor's developer platform; ClientID and
	// ClientSecret are its OAuth 2.0 client. Required.
	AppID        string `koanf:"app_id"`
	ClientID     string `koanf:"client_id"`
	ClientSecret string `koanf:"client_secret"`
	// Importance is NORMAL for messages of service and communication, which need a
	// right, or LOW for marketing, of which a device takes few a day. Default:
	// Honor's own.
	Importance string `koanf:"importance"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://push-api.cloud.hihonor.com")
	s.Address("token_url", &c.TokenURL, "https://iam.developer.hihonor.com/auth/realms/developer/protocol/openid-connect/token")
	s.Path("send_path", &c.SendPath, "/api/v1/{app_id}/sendMessage")
	s.Need("app_id", c.AppID)
	s.Need("client_id", c.ClientID)
	s.Need("client_secret", c.ClientSecret)
	s.Want(c.Importance == "" || c.Importance == "NORMAL" || c.Importance == "LOW", "importance", "is neither NORMAL nor LOW")
	e := &Emitter{
		c: c, call: s.Client(c.HTTP, c.Clock),
		sendURL: c.BaseURL + strings.ReplaceAll(c.SendPath, "{app_id}", url.PathEscape(c.AppID)),
	}
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
