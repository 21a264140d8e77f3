package meizu

import (
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "meizu"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is Meizu's server. Default https://server-api-push.meizu.com.
	BaseURL string `koanf:"base_url"`
	// PushPath and CancelPath are the calls' paths, with the documented defaults.
	PushPath   string `koanf:"push_path"`
	CancelPath string `koanf:"cancel_path"`
	// AppID and AppSecret are the app's credentials. Required.
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
	s.Address("base_url", &c.BaseURL, "https://server-api-push.meizu.com")
	s.Path("push_path", &c.PushPath, "/garcia/api/server/push/varnished/pushByPushId")
	s.Path("cancel_path", &c.CancelPath, "/garcia/api/server/push/pushTask/cancel")
	s.Need("app_id", c.AppID)
	s.Need("app_secret", c.AppSecret)
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock)}
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
