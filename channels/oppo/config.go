package oppo

import (
	"context"
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "oppo"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is where devices in China are reached, OverseasURL where all others
	// are. Default https://api.push.oppomobile.com and
	// https://api-intl.push.oppomobile.com (OPPO's page of addresses, mirrored in
	// public source).
	BaseURL     string `koanf:"base_url"`
	OverseasURL string `koanf:"overseas_url"`
	// TokenPath and SendPath are the paths of authentication and of the send in
	// batches, with the documented defaults.
	TokenPath string `koanf:"token_path"`
	SendPath  string `koanf:"send_path"`
	// AppKey and MasterSecret authenticate. Required.
	AppKey       string `koanf:"app_key"`
	MasterSecret string `koanf:"master_secret"`
	// ChannelID is the notification channel of overwrites; empty for the default.
	ChannelID string `koanf:"channel_id"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://api.push.oppomobile.com")
	s.Address("overseas_url", &c.OverseasURL, "https://api-intl.push.oppomobile.com")
	s.Path("token_path", &c.TokenPath, "/server/v1/auth")
	s.Path("send_path", &c.SendPath, "/server/v1/message/notification/unicast_batch")
	s.Need("app_key", c.AppKey)
	s.Need("master_secret", c.MasterSecret)
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock), codes: codes()}
	e.home, e.overseas = e.region(c.BaseURL), e.region(c.OverseasURL)
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Emitter) region(base string) region {
	mint := func(ctx context.Context) (call.Token, error) { return e.mint(ctx, base) }
	return region{base, call.NewTokens(call.TokensConfig{Mint: mint, Clock: e.c.Clock})}
}
