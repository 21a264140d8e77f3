package console

import (
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// The limits that no configuration changes (L11).
const (
	// maxBody bounds what a page sends, in bytes: as the API's own limit for
	// recalls, and room for the figures shown.
	maxBody = 96 << 10
	// maxAnswer bounds an answer of the API that is looked into, in bytes.
	maxAnswer = 4 << 20
	// maxSessions is how many operators may be logged in at once; one more ends
	// the oldest session.
	maxSessions = 1000
	// maxToken bounds a credential, in bytes.
	maxToken = 1024
)

// Config configures a Console.
type Config struct {
	// API is the native API, without anything in front of it.
	API http.Handler
	// Open says that the API has no credentials: nobody need log in.
	Open bool
	// Loopback says that the node can be reached from its own machine only. Then
	// only requests for names of that machine are answered, or any web page could
	// reach an open node through a name of its own that leads to loopback.
	Loopback bool
	// Secure says that browsers reach the node by https.
	Secure bool
	Clock  func() time.Time
	// Random makes ids that nobody can guess, of at least 128 bits.
	Random func() string
	Logger *slog.Logger
	// SessionAge is how long a login lasts. Default 12 hours.
	SessionAge time.Duration
	// ConfirmAbove is how many devices a recall may touch before its push id must
	// be typed to confirm it. Default 1000.
	ConfirmAbove uint32
	// Tolerance is the share by which a figure of a preview may have changed since
	// it was shown, and Slack the number of devices it may change by in any case,
	// for small figures. Defaults 0.1 and 100.
	Tolerance float64
	Slack     uint32
}

func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.SessionAge == 0 {
		c.SessionAge = 12 * time.Hour
	}
	if c.ConfirmAbove == 0 {
		c.ConfirmAbove = 1000
	}
	if c.Tolerance == 0 {
		c.Tolerance = 0.1
	}
	if c.Slack == 0 {
		c.Slack = 100
	}
}

func (c *Config) validate() error {
	if c.API == nil || c.Clock == nil || c.Random == nil {
		return errors.New("console: an API, a clock and a source of random ids are needed")
	}
	if c.Tolerance < 0 || c.Tolerance > 1 {
		return errors.New("console: the tolerance is a share from 0 to 1")
	}
	return nil
}
