package huawei

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// The names of the channel in the matrix.
const (
	// Channel is EMUI 10 and later.
	Channel = "huawei"
	// OldChannel is below EMUI 10, where nothing is replaced.
	OldChannel = "huawei-emui9"
)

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is the push server. Default https://push-api.cloud.huawei.com.
	BaseURL string `koanf:"base_url"`
	// TokenURL gives access tokens. Default
	// https://oauth-login.cloud.huawei.com/oauth2/v3/token.
	TokenURL string `koanf:"token_url"`
	// SendPath is the path of the send call, {app_id} standing for AppID. Default
	// /v1/{app_id}/messages:send.
	SendPath string `koanf:"send_path"`
	// AppID stands in the path of the send call. Default: ClientID, as the
	// vendor's page has it; its older samples call it the app's id.
	AppID string `koanf:"app_id"`
	// ClientID and ClientSecret are the OAuth 2.0 client of the app in AppGallery
	// Connect. Required.
	ClientID     string `koanf:"client_id"`
	ClientSecret string `koanf:"client_secret"`
	// Category is the kind of message the app has a right to send, for example
	// SUBSCRIPTION. Without one Huawei counts the message as marketing, of which
	// a device takes few a day.
	Category string `koanf:"category"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://push-api.cloud.huawei.com")
	s.Address("token_url", &c.TokenURL, "https://oauth-login.cloud.huawei.com/oauth2/v3/token")
	s.Path("send_path", &c.SendPath, "/v1/{app_id}/messages:send")
	s.Need("client_id", c.ClientID)
	s.Need("client_secret", c.ClientSecret)
	id := url.PathEscape(cmp.Or(c.AppID, c.ClientID))
	e := &Emitter{
		c: c, call: s.Client(c.HTTP, c.Clock),
		sendURL: c.BaseURL + strings.ReplaceAll(c.SendPath, "{app_id}", id),
	}
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
