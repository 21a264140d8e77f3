package alipay

import (
	"cmp"
	"net/http"
	"time"

	"github.com/recall-ledger/recall-ledger/channels/call"
)

// Channel is the name of the channel in the matrix.
const Channel = "alipay"

// Config configures an Emitter. The koanf names are those of the node's
// configuration file.
type Config struct {
	// BaseURL is Alipay's server. Default https://openapi.alipay.com.
	BaseURL string `koanf:"base_url"`
	// GatewayPath and Method say which call recalls, with the documented defaults.
	GatewayPath string `koanf:"gateway_path"`
	Method      string `koanf:"method"`
	// AppID is the application that sent the messages, or acts for who did.
	// Required.
	AppID string `koanf:"app_id"`
	// PrivateKey is the application's RSA key of at least 2,048 bits, PKCS #1 or
	// #8, as PEM or as the bare base64 that Alipay's tool gives. PrivateKeyFile
	// names a file with it. One of them is required.
	PrivateKey     string `koanf:"private_key"`
	PrivateKeyFile string `koanf:"private_key_file"`
	// PublicKey is Alipay's own key (not the application's), in the same forms;
	// PublicKeyFile names a file with it. Without it answers are believed as TLS
	// brings them.
	PublicKey     string `koanf:"public_key"`
	PublicKeyFile string `koanf:"public_key_file"`
	// AuthToken is the app_auth_token by which another company's life account let
	// the application act for it; empty for one's own.
	AuthToken  string     `koanf:"app_auth_token"`
	Unverified Unverified `koanf:"unverified"`

	// HTTP and Clock are required.
	HTTP  *http.Client     `koanf:"-"`
	Clock func() time.Time `koanf:"-"`
}

// New returns an emitter, or an error that names the setting that is missing or
// wrong.
func New(c Config) (*Emitter, error) {
	c.Method = cmp.Or(c.Method, "alipay.open.public.life.msg.recall")
	var s call.Settings
	s.Address("base_url", &c.BaseURL, "https://openapi.alipay.com")
	s.Path("gateway_path", &c.GatewayPath, "/gateway.do")
	s.Need("app_id", c.AppID)
	s.Want(c.PrivateKey != "" || c.PrivateKeyFile != "", "private_key", "is missing")
	e := &Emitter{
		private: load(&s, "private_key", c.PrivateKey, c.PrivateKeyFile, privateKey),
		public:  load(&s, "public_key", c.PublicKey, c.PublicKeyFile, publicKey),
		call:    s.Client(c.HTTP, c.Clock), meanings: meanings(&s, c.Unverified),
	}
	// A key that is not needed any more cannot be shown by accident.
	c.PrivateKey = ""
	e.c = c
	if err := s.Err(); err != nil {
		return nil, err
	}
	return e, nil
}
