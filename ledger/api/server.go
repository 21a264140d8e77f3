package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/recall-ledger/recall-ledger/channels"
	"github.com/recall-ledger/recall-ledger/events"
	"github.com/recall-ledger/recall-ledger/ledger/facade"
	"github.com/recall-ledger/recall-ledger/ledger/partition"
	"github.com/recall-ledger/recall-ledger/ledger/replay"
)

// The limits that no configuration changes (L11).
const (
	// MaxEvents is how many events one request may publish.
	MaxEvents = 10_000
	// maxRequestBody bounds the bodies that are no events.
	maxRequestBody = 64 << 10
	// decisionTimeout bounds a decision, which waits for the projection.
	decisionTimeout = 30 * time.Second
	// commitTimeout bounds how long published events wait to be durable.
	commitTimeout = 30 * time.Second
	// writeTimeout is how long a reader of a stream may take for one piece.
	writeTimeout = 30 * time.Second
)

// Config configures a Server.
type Config struct {
	// Ledger are all partitions.
	Ledger *partition.Set
	Clock  func() time.Time
	// NewID makes the ids of requests in the node's log.
	NewID  func() string
	Logger *slog.Logger
	// Keys are the credentials. Without any the API is open: the header
	// Recall-App names the app, and everybody may do everything.
	Keys []Key
	// DevicePassword computes the password of a device of the self-built
	// channel; nil means that there is no such channel.
	DevicePassword func(app, device string) string
	// DeviceURL is where devices connect.
	DeviceURL string
	// Credentials are the keys of the vendor facades; nil when there are none.
	Credentials *facade.Credentials
	// Templates are the texts that vendor clients name; nil when there are none.
	Templates *facade.Templates
	// Projections are what operators look at and rebuild; nil when there are none.
	Projections Projections
	// Past answers for past moments; nil when this node answers for the present
	// only.
	Past *replay.Replays
	// Since are the ends of the logs when the node started: no read is answered
	// from an older state, so that a restart takes nothing back that was told
	// before it.
	Since events.Positions
	// Ready tells why the node should get no traffic; nil asks the log only.
	Ready func(context.Context) error
	// Held lists the channels on which calls for an app are held back because too
	// many failed; nil when nobody knows.
	Held func(app string) []string
	// Disk tells how full the node's disk is; nil when nobody knows.
	Disk func() (Disk, error)
	// LogLimit is how many bytes the log may take; 0 when nobody knows.
	LogLimit int64
	Version  string
	// Registry takes the metrics and is what /metrics shows; nil makes one.
	Registry *prometheus.Registry
	// Tracer begins the spans of requests that publish; nil makes none.
	Tracer trace.Tracer
	// MaxBody bounds a request's body. Default 8 MiB.
	MaxBody int64
	// InFlight is how many requests may be under way. Default 512.
	InFlight int
	// RecallReserve is how many recalls, previews and aborts may be under way
	// besides. Default 64.
	RecallReserve int
	// Streams is how many lists of devices may be read at once. Default 64.
	Streams int
	// Watchers is how many recalls and overviews may be watched at once. Default
	// 1024.
	Watchers int
	// Replays is how many timelines may be read from the log at once, which takes
	// up to 100 MB each. Default 2.
	Replays int
	// PastInFlight is how many questions about the past may be under way, those
	// that wait for it to be folded included. Default 32.
	PastInFlight int
	// Wait is how long a read waits for the position it asks for. Default 5
	// seconds.
	Wait time.Duration
	// KeepAlive is how often a watch without news writes a comment. Default 15
	// seconds.
	KeepAlive time.Duration
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Registry == nil {
		c.Registry = prometheus.NewRegistry()
	}
	if c.MaxBody == 0 {
		c.MaxBody = 8 << 20
	}
	if c.InFlight == 0 {
		c.InFlight = 512
	}
	if c.RecallReserve == 0 {
		c.RecallReserve = 64
	}
	if c.Streams == 0 {
		c.Streams = 64
	}
	if c.Watchers == 0 {
		c.Watchers = 1024
	}
	if c.Replays == 0 {
		c.Replays = 2
	}
	if c.PastInFlight == 0 {
		c.PastInFlight = 32
	}
	if c.Wait == 0 {
		c.Wait = 5 * time.Second
	}
	if c.KeepAlive == 0 {
		c.KeepAlive = 15 * time.Second
	}
}

func (c *Config) validate() error {
	if c.Ledger == nil || c.Clock == nil || c.NewID == nil {
		return errors.New("api: a ledger, a clock and a maker of ids are needed")
	}
	return nil
}

// Server serves the API.
type Server struct {
	c       Config
	keys    *keyring
	api     huma.API
	mux     *http.ServeMux
	metrics *metrics
	slots   slots
	// decoders are held by the requests whose events are being read.
	decoders chan struct{}
	// channels are the names of the matrix.
	channels map[string]bool
	// params are the query parameters of each route, by pattern.
	params map[string]map[string]bool
	spec   []byte
	// done is closed when the server stops.
	done  chan struct{}
	close func()
}

// New returns a server. What it needs must be running.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	c.setDefaults()
	keys, err := newKeyring(c.Keys)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(&c)
	if err != nil {
		return nil, err
	}
	s := &Server{
		c: c, keys: keys, mux: http.NewServeMux(), metrics: m, channels: map[string]bool{},
		params: map[string]map[string]bool{}, done: make(chan struct{}),
		decoders: make(chan struct{}, runtime.GOMAXPROCS(0)),
		slots: slots{
			ordinary: newPool("requests", c.InFlight), recall: newPool("recalls", c.RecallReserve),
			stream: newPool("lists of devices", c.Streams), watch: newPool("watches", c.Watchers),
			replay: newPool("timelines", c.Replays), past: newPool("questions about the past", c.PastInFlight),
		},
	}
	s.close = sync.OnceFunc(func() { close(s.done) })
	for _, r := range channels.Rows() {
		s.channels[r.Channel] = true
	}
	s.api = humago.New(routeMux{s}, humaConfig(c.Version))
	if err := s.register(); err != nil {
		return nil, err
	}
	return s, nil
}

// humaConfig serves no page of documentation: those of huma load scripts from
// elsewhere.
func humaConfig(version string) huma.Config {
	c := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Recall Ledger", Version: version,
				Description: "Takes back wrong push notifications from every device that still holds them unclicked.",
			},
			Components: &huma.Components{
				Schemas:         huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "<id>.<secret> of a key"}},
			},
		},
		Formats:       map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat: "application/json",
	}
	// Answers may gain fields; what a request may hold is closed, see document.
	c.AllowAdditionalPropertiesByDefault = true
	return c
}

// Handler returns what serves the API.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// Close ends the watches, which an http.Server's Shutdown would wait for.
// Other requests are served until the http.Server stops.
func (s *Server) Close() { s.close() }
