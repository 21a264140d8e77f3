package wechat

import (
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "wechat-oa"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is WeChat's server. Default https://api.weixin.qq.com.
	BaseURL string `koanf:"base_url"`
	// TokenURL is where access tokens come from. Default /cgi-bin/token of
	// BaseURL.
	TokenURL string `koanf:"token_url"`
	// DeletePath is the call's path, with the documented default.
	DeletePath string `koanf:"delete_path"`
	// AppID and AppSecret are the account's credentials. Required.
	AppID     string `koanf:"app_id"`
	AppSecret string `koanf:"app_secret"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://api.weixin.qq.com")
	s.Address("token_url", &c.TokenURL, c.BaseURL+"/cgi-bin/token")
	s.Path("delete_path", &c.DeletePath, "/cgi-bin/message/mass/delete")
	s.Need("app_id", c.AppID)
	s.Need("app_secret", c.AppSecret)
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock)}
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Early: tokenEarly, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
