package xiaomi

import (
	"net/http"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "xiaomi"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is where the API is. Default https://api.xmpush.xiaomi.com, for
	// devices in China. Devices elsewhere have addresses of their own (pId=1696):
	// sgp-api, fr-api, idmb-api and ru-api, each under .xmpush.global.xiaomi.com.
	BaseURL string `koanf:"base_url"`
	Paths   Paths  `koanf:"paths"`
	// AppSecret authenticates every call. Required.
	AppSecret string `koanf:"app_secret"`
	// Package is the app's package name, or several with commas. Required.
	Package string `koanf:"package"`
	// ChannelID is the notification channel of overwrites; empty for the default.
	ChannelID string `koanf:"channel_id"`
	// StopWholeSends allows withholding by the id of a send, which stops it for
	// all its recipients, whoever the command names. Off by default (L9).
	StopWholeSends bool       `koanf:"stop_whole_sends"`
	Unverified     Unverified `koanf:"unverified"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// Paths are the documented paths (pId=1559 and pId=2367).
type Paths struct {
	SendRegid   string `koanf:"send_regid"`
	SendAlias   string `koanf:"send_alias"`
	SendAccount string `koanf:"send_account"`

	RevokeRegid   string `koanf:"revoke_regid"`
	RevokeAlias   string `koanf:"revoke_alias"`
	RevokeAccount string `koanf:"revoke_account"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	c.Unverified = c.Unverified.withDefaults()
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://api.xmpush.xiaomi.com")
	s.Path("paths.send_regid", &c.Paths.SendRegid, "/v3/message/regid")
	s.Path("paths.send_alias", &c.Paths.SendAlias, "/v3/message/alias")
	// Sends to accounts have no V3 form.
	s.Path("paths.send_account", &c.Paths.SendAccount, "/v2/message/user_account")
	revoke := func(name string, path *string, or string) {
		s.Path(name, path, or)
		s.Want(!strings.HasPrefix(*path, "/v1/") && !strings.HasPrefix(*path, "/v2/"), name,
			"is of V1 or V2, whose revoke calls end on 2026-12-01")
	}
	revoke("paths.revoke_regid", &c.Paths.RevokeRegid, "/v3/message/regid/revoke")
	revoke("paths.revoke_alias", &c.Paths.RevokeAlias, "/v3/message/alias/revoke")
	revoke("paths.revoke_account", &c.Paths.RevokeAccount, "/v3/message/user_account/revoke")
	s.Path("unverified.stop", &c.Unverified.Stop, "")
	s.Need("app_secret", c.AppSecret)
	s.Need("package", c.Package)
	s.Want(c.Unverified.PerCall >= 1, "unverified.per_call", "is below 1")
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock), codes: codes()}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
