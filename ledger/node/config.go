package node

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/events/jetstream"
	"github.com/recall-ledger/recall-ledger/ledger"
	"github.com/recall-ledger/recall-ledger/ledger/api"
	inbound "github.com/recall-ledger/recall-ledger/ledger/callback"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/facade/ums/callback"
	"github.com/recall-ledger/recall-ledger/ledger/webhook"
)

// Config configures a node. The koanf names are those of the configuration
// file; flags and environment follow them.
type Config struct {
	// Data is the folder of the log, the projection and the node's secrets.
	Data    string         `koanf:"data"`
	HTTP    HTTPConfig     `koanf:"http"`
	Devices DevicesConfig  `koanf:"devices"`
	NATS    NATSConfig     `koanf:"nats"`
	Node    IdentityConfig `koanf:"node"`
	Log     LogConfig      `koanf:"log"`
	Recall  RecallConfig   `koanf:"recall"`
	Memory  MemoryConfig   `koanf:"memory"`
	Tracing TracingConfig  `koanf:"tracing"`
	// Keys are the credentials of callers; none means open on loopback.
	Keys []KeyConfig `koanf:"keys"`
	// Facades are the keys of vendor clients; more are entered by the API.
	Facades []FacadeConfig `koanf:"facades"`
	// Vendors are what apps need to call the vendors behind their channels.
	Vendors []VendorConfig `koanf:"vendors"`
	// Callbacks are who may report at /callbacks/{channel}/{id}.
	Callbacks []CallbackConfig `koanf:"callbacks"`
	// Webhooks are the URLs that are told of recalls.
	Webhooks []WebhookConfig `koanf:"webhooks"`

	// Emitters carry out commands, by channel, in place of the adapters of
	// Vendors. The self-built channel's own is always there.
	Emitters map[string]channels.Emitter `koanf:"-"`
	// Tracer begins the node's spans, in place of the one that Tracing makes.
	Tracer  trace.Tracer     `koanf:"-"`
	Logger  *slog.Logger     `koanf:"-"`
	Clock   func() time.Time `koanf:"-"`
	Version string           `koanf:"-"`
}

// HTTPConfig is where the API listens.
type HTTPConfig struct {
	Listen  string `koanf:"listen"`
	TLSCert string `koanf:"tls_cert"`
	TLSKey  string `koanf:"tls_key"`
	// BehindProxy says that something in front authenticates callers or ends
	// TLS, so that listening elsewhere than on loopback is meant.
	BehindProxy bool `koanf:"behind_proxy"`
}

// DevicesConfig is where devices of the self-built channel connect.
type DevicesConfig struct {
	// Listen is the WebSocket address; "" opens none.
	Listen string `koanf:"listen"`
	// URL is what devices are told to connect to; derived from Listen if empty.
	URL     string `koanf:"url"`
	TLSCert string `koanf:"tls_cert"`
	TLSKey  string `koanf:"tls_key"`
}

// NATSConfig is an external server; without a URL the node runs its own.
type NATSConfig struct {
	URL string `koanf:"url"`
	// Context is a context of the NATS CLI; what is set besides takes its place.
	Context  string `koanf:"context"`
	Token    string `koanf:"token"`
	Creds    string `koanf:"creds"`
	User     string `koanf:"user"`
	Password string `koanf:"password"`
	NKey     string `koanf:"nkey"`
	CA       string `koanf:"ca"`
	Cert     string `koanf:"cert"`
	Key      string `koanf:"key"`
	Replicas int    `koanf:"replicas"`
	// Monitors are the servers' monitoring endpoints, divided by commas, where the
	// node's user may not ask them about themselves.
	Monitors string `koanf:"monitors"`
	// AcceptUnsynced takes servers that do not sync always, or of which that cannot
	// be known.
	AcceptUnsynced bool `koanf:"accept_unsynced"`
}

// IdentityConfig tells this node from the others beside an external server.
type IdentityConfig struct {
	// ID is the host's name unless told.
	ID string `koanf:"id"`
	// Partitions are those that this node folds, works for and answers other nodes
	// about, as in "0,2-3"; "" is all. It takes events, recalls and queries for all
	// partitions either way. A partition that no node serves has nobody to plan
	// its recalls.
	Partitions string `koanf:"partitions"`
}

// LogConfig bounds the log.
type LogConfig struct {
	MaxAge time.Duration `koanf:"max_age"`
	// MaxBytes is for all partitions together.
	MaxBytes int64 `koanf:"max_bytes"`
	// Partitions is how many the log has; 0 takes what is there, or one. It cannot
	// be changed later.
	Partitions int `koanf:"partitions"`
}

// RecallConfig is what native recalls may do.
type RecallConfig struct {
	// Window is how long after its start a native push can be recalled.
	Window time.Duration `koanf:"window"`
	// MaxLag is how many events the projection may lag behind before the node
	// is not ready.
	MaxLag uint64 `koanf:"max_lag"`
	// Notice is shown where a channel can only overwrite and the recall gives
	// neither a text nor a language; empty means the ledger's in Language.
	Notice   string `koanf:"notice"`
	Language string `koanf:"language"`
}

// MemoryConfig bounds memory, in bytes.
type MemoryConfig struct {
	Pushes int   `koanf:"pushes"`
	Cache  int64 `koanf:"cache"`
	// Dictionaries are for the devices of all apps; what does not fit is read from
	// the disk.
	Dictionaries int `koanf:"dictionaries"`
}

// KeyConfig is one credential of the API.
type KeyConfig struct {
	ID    string   `koanf:"id"`
	Hash  string   `koanf:"hash"`
	App   string   `koanf:"app"`
	Roles []string `koanf:"roles"`
}

// FacadeConfig is the key of a vendor client, as facade.Credential says.
type FacadeConfig struct {
	Facade string   `koanf:"facade"`
	ID     string   `koanf:"id"`
	App    string   `koanf:"app"`
	Secret string   `koanf:"secret"`
	Admins []string `koanf:"admins"`
	// SignOnly and BasicOnly are for tpns, CallbackToken is for timpush.
	SignOnly      bool   `koanf:"sign_only"`
	BasicOnly     bool   `koanf:"basic_only"`
	CallbackToken string `koanf:"callback_token"`
	// Callbacks are the URLs that get the statuses of messages, of ums only; the
	// first is the default. See package callback for the limits.
	Callbacks []string `koanf:"callbacks"`
}

// CallbackConfig is who may report for an app on a channel, as Account of package
// ledger/callback says.
type CallbackConfig struct {
	App     string `koanf:"app"`
	Channel string `koanf:"channel"`
	ID      string `koanf:"id"`
	Secret  string `koanf:"secret"`
	User    string `koanf:"user"`
}

// reporters are the accounts of vendors' callbacks.
func (c *Config) reporters() []inbound.Account {
	list := make([]inbound.Account, 0, len(c.Callbacks))
	for _, a := range c.Callbacks {
		list = append(list, inbound.Account(a))
	}
	return list
}

func (c *Config) facades() []facade.Credential {
	list := make([]facade.Credential, 0, len(c.Facades))
	for _, f := range c.Facades {
		list = append(list, facade.Credential{
			Facade: f.Facade, ID: f.ID, App: f.App, Secret: f.Secret, Admins: f.Admins,
			SignOnly: f.SignOnly, BasicOnly: f.BasicOnly, CallbackToken: f.CallbackToken,
		})
	}
	return list
}

// Default returns the configuration of a node on one machine.
func Default() Config {
	return Config{
		Data:    "./recall-data",
		HTTP:    HTTPConfig{Listen: "127.0.0.1:8080"},
		NATS:    NATSConfig{Replicas: 1},
		Log:     LogConfig{MaxAge: 30 * ledger.Day, MaxBytes: 64 << 30},
		Recall:  RecallConfig{Window: 7 * ledger.Day, MaxLag: 100_000},
		Memory:  MemoryConfig{Pushes: 256 << 20, Cache: 128 << 20, Dictionaries: 256 << 20},
		Tracing: TracingConfig{Sample: 0.01},
	}
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Node.ID == "" {
		// A host without a name is rare, and newID tells nodes apart as well.
		c.Node.ID, _ = os.Hostname()
		c.Node.ID = cmp.Or(c.Node.ID, "node")
	}
}

// maxNodeID bounds node.id, in bytes.
const maxNodeID = 64

// Validate reports everything that is wrong with the configuration, by name.
func (c *Config) Validate() error {
	var errs []error
	wrong := func(name, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", name, fmt.Sprintf(format, args...)))
	}
	if c.Data == "" {
		wrong("data", "is empty; name a folder")
	}
	longest := c.Recall.Window
	for _, profile := range []string{"mpaas", "tpns", "timpush", "ums"} {
		longest = max(longest, ledger.RulesOf(profile, 0).Window)
	}
	switch {
	case c.Recall.Window < time.Minute:
		wrong("recall.window", "is %s, at least 1m is needed", c.Recall.Window)
	case c.Log.MaxAge <= longest:
		wrong("log.max_age", "is %s; it must be longer than the longest recall window, %s, or recalls forget their pushes", c.Log.MaxAge, longest)
	}
	if err := events.CheckText("recall.notice", c.Recall.Notice, events.MaxTitle); err != nil {
		errs = append(errs, err)
	}
	if err := ledger.CheckLanguage("recall.language", c.Recall.Language); err != nil {
		errs = append(errs, err)
	}
	if c.Log.MaxBytes < 64<<20 {
		wrong("log.max_bytes", "is %d, at least %d (64 MiB) is needed", c.Log.MaxBytes, 64<<20)
	}
	if n := c.Log.Partitions; n < 0 || n > jetstream.MaxPartitions {
		wrong("log.partitions", "is %d; use 1 to %d, or 0 for what is there", n, jetstream.MaxPartitions)
	}
	if err := events.CheckText("node.id", c.Node.ID, maxNodeID); err != nil {
		errs = append(errs, err)
	}
	if _, err := servedHere(c.Node.Partitions, jetstream.MaxPartitions); err != nil {
		errs = append(errs, err)
	} else if c.Node.Partitions != "" && !c.NATS.external() {
		wrong("node.partitions", "is %q, but the embedded server has no other node; set nats.url for a cluster", c.Node.Partitions)
	}
	if n := c.NATS.Replicas; n != 1 && n != 3 && n != 5 {
		wrong("nats.replicas", "is %d; use 1, 3 or 5", n)
	} else if !c.NATS.external() && n != 1 {
		wrong("nats.replicas", "is %d, but the embedded server has one; set nats.url for a cluster", n)
	}
	for i, k := range c.Keys {
		if err := k.key().Validate(); err != nil {
			wrong(fmt.Sprintf("keys[%d]", i), "%v", err)
		}
	}
	if err := new(facade.Credentials).Fix(c.facades()); err != nil {
		errs = append(errs, err)
	}
	if err := callback.Check(c.accounts()); err != nil {
		errs = append(errs, err)
	}
	if err := c.checkVendors(); err != nil {
		errs = append(errs, err)
	}
	if err := inbound.Check(c.reporters()); err != nil {
		errs = append(errs, err)
	}
	if err := webhook.Check(c.receivers()); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, c.Tracing.validate()...)
	errs = append(errs, c.HTTP.validate(len(c.Keys) > 0)...)
	if c.Devices.Listen != "" {
		if err := reachable("devices.listen", c.Devices.Listen, c.Devices.TLSCert != "" || c.HTTP.BehindProxy, "TLS (devices.tls_cert, devices.tls_key)"); err != nil {
			errs = append(errs, err)
		}
		if c.NATS.external() {
			wrong("devices.listen", "needs the embedded server; devices of an external one connect to its own WebSocket port")
		}
	}
	return errors.Join(errs...)
}

func (h HTTPConfig) validate(credentials bool) []error {
	var errs []error
	if (h.TLSCert == "") != (h.TLSKey == "") {
		errs = append(errs, errors.New("http.tls_cert, http.tls_key: set both or none"))
	}
	if err := reachable("http.listen", h.Listen, h.TLSCert != "" || h.BehindProxy, "TLS (http.tls_cert, http.tls_key)"); err != nil {
		errs = append(errs, err)
	}
	if err := reachable("http.listen", h.Listen, credentials || h.BehindProxy, "credentials (keys; make one with: recall key create)"); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// reachable refuses an address that others can reach when something is missing.
func reachable(name, address string, allowed bool, missing string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%s: %q is not host:port", name, address)
	}
	if allowed || loopback(host) {
		return nil
	}
	return fmt.Errorf("%s: %s can be reached from elsewhere and needs %s; or say --behind-proxy if something in front does that", name, address, missing)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (k KeyConfig) key() api.Key { return api.Key{ID: k.ID, Hash: k.Hash, App: k.App, Roles: k.Roles} }

func (c *Config) keys() []api.Key {
	list := make([]api.Key, 0, len(c.Keys))
	for _, k := range c.Keys {
		list = append(list, k.key())
	}
	return list
}

// folder is the data folder.
func (c *Config) folder() Folder { return Folder(c.Data) }

// newID makes ids that sort by time.
func newID() string { return uuid.Must(uuid.NewV7()).String() }
