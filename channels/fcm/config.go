package fcm

import (
	"cmp"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// The names of the channels in the matrix.
const (
	// Notification is notification messages, drawn by Android.
	Notification = "fcm"
	// Data is data messages, drawn by the app.
	Data = "fcm-data"
)

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is Google's host for messages. Default https://fcm.googleapis.com.
	BaseURL string `koanf:"base_url"`
	// TokenURL is where access tokens are got. Default: the service account's
	// token_uri, or else https://oauth2.googleapis.com/token.
	TokenURL string `koanf:"token_url"`
	// ServiceAccount is the service account's key as JSON, the text of the file
	// Google gives; ServiceAccountFile names a file with it. One of them is required.
	ServiceAccount     string `koanf:"service_account"`
	ServiceAccountFile string `koanf:"service_account_file"`
	// ProjectID is the Firebase project. Default: the service account's.
	ProjectID string `koanf:"project_id"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter for both channels, or an error that names the setting that
// is missing or wrong.
func New(c Config) (*Emitter, error) {
	var s call.Settings
	text, setting := s.Text("service_account", c.ServiceAccount, c.ServiceAccountFile)
	account, said := readAccount(&s, text, setting)
	s.Address("base_url", &c.BaseURL, "https://fcm.googleapis.com")
	s.Address("token_url", &c.TokenURL, cmp.Or(said.Token, "https://oauth2.googleapis.com/token"))
	c.ProjectID = cmp.Or(c.ProjectID, said.Project)
	s.Want(c.ProjectID != "", "project_id", "is missing, also in the service account")
	e := &Emitter{
		c: c, call: s.Client(c.HTTP, c.Clock), account: account,
		sendURL: c.BaseURL + "/v1/projects/" + url.PathEscape(c.ProjectID) + "/messages:send",
	}
	e.tokens = call.NewTokens(call.TokensConfig{Mint: e.mint, Clock: c.Clock})
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}

// account is a service account that can sign.
type account struct {
	email, keyID string
	key          *rsa.PrivateKey
}

// file is a service account as Google gives it.
type file struct {
	Project string `json:"project_id"`
	KeyID   string `json:"private_key_id"`
	Key     string `json:"private_key"`
	Email   string `json:"client_email"`
	Token   string `json:"token_uri"`
}

// readAccount reads the service account that a setting gave. What it notes holds
// nothing of the key: the parsers' errors may.
func readAccount(s *call.Settings, text, setting string) (account, file) {
	var f file
	s.Need(setting, text)
	s.Want(json.Unmarshal([]byte(text), &f) == nil, setting, "is not the JSON of a service account")
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(f.Key))
	s.Want(err == nil, setting, "private_key is not an RSA key as PEM")
	s.Want(f.Email != "", setting, "client_email is missing")
	return account{email: f.Email, keyID: f.KeyID, key: key}, f
}
