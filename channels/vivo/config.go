package vivo

import (
	"cmp"
	"net/http"
	"strconv"
	"time"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "vivo"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is where the API is. Default https://api-push.vivo.com.cn (API 2.9.2).
	BaseURL string `koanf:"base_url"`
	Paths   Paths  `koanf:"paths"`
	// AppID, a number, AppKey and AppSecret authenticate. Required.
	AppID     string `koanf:"app_id"`
	AppKey    string `koanf:"app_key"`
	AppSecret string `koanf:"app_secret"`
	// Overwrite lets a send with the same notifyId replace a notification. Off by
	// default: some resellers say that both are shown then.
	Overwrite bool `koanf:"overwrite"`
	// Classification is 0 for operational messages, which are limited per device
	// and day, and 1 for system messages; Category is vivo's second level.
	Classification int    `koanf:"classification"`
	Category       string `koanf:"category"`
	// NotifyType is 1 for a silent notification, 2 for sound, 3 for vibration, 4
	// for both. Default 1.
	NotifyType int        `koanf:"notify_type"`
	Unverified Unverified `koanf:"unverified"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// Paths are the documented paths (API 2.9.2).
type Paths struct {
	Token string `koanf:"token"`
	// Send notifies one device; Save keeps a text, which List sends to several.
	Send string `koanf:"send"`
	Save string `koanf:"save"`
	List string `koanf:"list"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	c.NotifyType = cmp.Or(c.NotifyType, 1)
	c.Unverified = c.Unverified.withDefaults()
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://api-push.vivo.com.cn")
	s.Path("paths.token", &c.Paths.Token, "/message/auth")
	s.Path("paths.send", &c.Paths.Send, "/message/send")
	s.Path("paths.save", &c.Paths.Save, "/message/saveListPayload")
	s.Path("paths.list", &c.Paths.List, "/message/pushToList")
	s.Path("unverified.recall_path", &c.Unverified.RecallPath, "")
	s.Need("app_id", c.AppID)
	id, err := strconv.ParseInt(c.AppID, 10, 64)
	s.Want(err == nil && strconv.FormatInt(id, 10) == c.AppID, "app_id", "is not a number")
	s.Need("app_key", c.AppKey)
	s.Need("app_secret", c.AppSecret)
	s.Want(c.Classification == 0 || c.Classification == 1, "classification", "is not 0 or 1")
	s.Want(c.NotifyType >= 1 && c.NotifyType <= 4, "notify_type", "is not 1 to 4")
	s.Want(c.Unverified.PerCall >= 1, "unverified.per_call", "is below 1")
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock), statuses: statuses()}
	e.codes = append(codes(), meaning{
		c.Unverified.BadTokenCode, channels.Throttled, channels.ReasonCredentials, "the authToken does not hold", public, false,
	})
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Early: tokenEarly, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
