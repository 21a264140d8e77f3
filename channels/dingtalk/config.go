package dingtalk

import (
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "dingtalk"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is DingTalk's server. Default https://oapi.dingtalk.com.
	BaseURL string `koanf:"base_url"`
	// TokenURL is where access tokens come from. Default /gettoken of
	// BaseURL.
	TokenURL string `koanf:"token_url"`
	// RecallPath and SendPath are the calls' paths, with the documented defaults.
	RecallPath string `koanf:"recall_path"`
	SendPath   string `koanf:"send_path"`
	// AppKey, AppSecret and AgentID are those of the application that sent the
	// notifications. Required.
	AppKey     string     `koanf:"app_key"`
	AppSecret  string     `koanf:"app_secret"`
	AgentID    int64      `koanf:"agent_id"`
	Unverified Unverified `koanf:"unverified"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://oapi.dingtalk.com")
	s.Address("token_url", &c.TokenURL, c.BaseURL+"/gettoken")
	s.Path("recall_path", &c.RecallPath, "/topapi/message/corpconversation/recall")
	s.Path("send_path", &c.SendPath, "/topapi/message/corpconversation/asyncsend_v2")
	s.Need("app_key", c.AppKey)
	s.Need("app_secret", c.AppSecret)
	s.Want(c.AgentID > 0, "agent_id", "is missing")
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock), meanings: meanings(&s, c.Unverified)}
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
