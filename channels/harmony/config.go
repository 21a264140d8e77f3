package harmony

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "harmony"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is the push server. Default https://push-api.cloud.huawei.com.
	BaseURL string `koanf:"base_url"`
	// RevokePath and SendPath are the paths of the calls, {client_id} and
	// {project_id} standing for those settings. Default
	// /v1/{client_id}/messages:revoke and /v3/{project_id}/messages:send.
	RevokePath string `koanf:"revoke_path"`
	SendPath   string `koanf:"send_path"`
	// ClientID is the app's (not the project's) client id. Required.
	ClientID string `koanf:"client_id"`
	// ServiceAccount is the JSON text of the service account's key, as the API
	// Console gives it; ServiceAccountFile names a file with it. One is required.
	ServiceAccount     string `koanf:"service_account"`
	ServiceAccountFile string `koanf:"service_account_file"`
	// ProjectID is the project of the app. Default: the service account's.
	ProjectID string `koanf:"project_id"`
	// Audience is whom the signed token is for. Default, and fixed by the page,
	// https://oauth-login.cloud.huawei.com/oauth2/v3/token.
	Audience string `koanf:"audience"`
	// Category is the kind of an overwriting text. Default MARKETING, the only one
	// that needs no right, of which a device takes few a day.
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
	s.Path("revoke_path", &c.RevokePath, "/v1/{client_id}/messages:revoke")
	s.Path("send_path", &c.SendPath, "/v3/{project_id}/messages:send")
	s.Need("client_id", c.ClientID)
	text, setting := s.Text("service_account", c.ServiceAccount, c.ServiceAccountFile)
	account := readAccount(&s, text, setting)
	c.ProjectID = cmp.Or(c.ProjectID, account.project)
	s.Want(c.ProjectID != "", "project_id", "is missing, also in the service account")
	c.Audience = cmp.Or(c.Audience, "https://oauth-login.cloud.huawei.com/oauth2/v3/token")
	c.Category = cmp.Or(c.Category, "MARKETING")
	ids := strings.NewReplacer("{client_id}", url.PathEscape(c.ClientID), "{project_id}", url.PathEscape(c.ProjectID))
	e := &Emitter{
		c: c, call: s.Client(c.HTTP, c.Clock), account: account,
		revokeURL: c.BaseURL + ids.Replace(c.RevokePath), sendURL: c.BaseURL + ids.Replace(c.SendPath),
	}
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Early: early, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
