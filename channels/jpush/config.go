package jpush

import (
	"net/http"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "jpush"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is JPush's server. Default https://api.jpush.cn; an app of the
	// Beijing site may use https://bjapi.push.jiguang.cn.
	BaseURL string `koanf:"base_url"`
	// PushPath and CIDPath are the calls' paths, with the documented defaults.
	PushPath string `koanf:"push_path"`
	CIDPath  string `koanf:"cid_path"`
	// AppKey and MasterSecret are the app's credentials. Required.
	AppKey       string `koanf:"app_key"`
	MasterSecret string `koanf:"master_secret"`
	// APNsCollapse says that the app's pushes carry options.apns_collapse_id =
	// their slot, so that they can be replaced on iOS.
	APNsCollapse bool `koanf:"apns_collapse"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://api.jpush.cn")
	s.Path("push_path", &c.PushPath, "/v3/push")
	s.Path("cid_path", &c.CIDPath, "/v3/push/cid")
	s.Need("app_key", c.AppKey)
	s.Want(!strings.Contains(c.AppKey, ":"), "app_key", "has a colon")
	s.Need("master_secret", c.MasterSecret)
	e := &Emitter{c: c, call: s.Client(c.HTTP, c.Clock)}
	e.cids = newPool(e.fetch, c.Clock)
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
